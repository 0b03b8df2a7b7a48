// Pipelines by the text of their kernels: compiled once a device, asynchronously and side by side. Layouts are explicit and
// shared, so that a bind group fits every kernel with the same accesses.
import { DeviceError } from '../lib/errors';
import { type Access, BLOCK_BYTES, type Kernel } from './kernel';

export class Pipelines {
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>();
  private readonly ready = new Map<string, GPUComputePipeline>();
  private readonly layouts = new Map<string, GPUBindGroupLayout>();
  private readonly progress = { done: 0, total: 0 };
  /** Told whenever a new pipeline is begun or done: of those that are being compiled together, how many are done. */
  onProgress?: (done: number, total: number) => void;

  constructor(readonly device: GPUDevice) {}

  layout(bindings: readonly Access[]): GPUBindGroupLayout {
    const key = bindings.join();
    let layout = this.layouts.get(key);
    if (!layout) {
      const storage = bindings.map(
        (access, i): GPUBindGroupLayoutEntry => ({
          binding: i + 1,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
        }),
      );
      const block: GPUBindGroupLayoutEntry = {
        binding: 0,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: 'uniform', minBindingSize: 0 },
      };
      layout = this.device.createBindGroupLayout({ entries: [block, ...storage], label: key });
      this.layouts.set(key, layout);
    }
    return layout;
  }

  /** The compiled pipeline of a kernel that `compile` has been awaited for. */
  get(kernel: Kernel): GPUComputePipeline {
    const pipeline = this.ready.get(kernel.wgsl);
    if (!pipeline) throw new DeviceError(`The kernel ${kernel.name} was used before it was compiled.`);
    return pipeline;
  }

  /** Compiles what is new among `kernels`, all at once. Throws DeviceError with the compiler's words. */
  async compile(kernels: readonly Kernel[]): Promise<void> {
    const distinct = new Map(kernels.map((kernel) => [kernel.wgsl, kernel]));
    await Promise.all([...distinct.values()].map((kernel) => this.one(kernel)));
  }
  private one(kernel: Kernel): Promise<GPUComputePipeline> {
    let pipeline = this.pipelines.get(kernel.wgsl);
    if (!pipeline) {
      pipeline = this.create(kernel);
      this.count(pipeline);
      this.pipelines.set(kernel.wgsl, pipeline);
      // One that failed may succeed later, on a device with more memory left.
      pipeline.catch(() => this.pipelines.delete(kernel.wgsl));
    }
    return pipeline;
  }
  private count(pipeline: Promise<GPUComputePipeline>): void {
    const { progress } = this;
    const tell = () => this.onProgress?.(progress.done, progress.total);
    progress.total++;
    tell();
    const settled = () => {
      progress.done++;
      tell();
      if (progress.done === progress.total) progress.done = progress.total = 0;
    };
    pipeline.then(settled, settled);
  }
  private async create(kernel: Kernel): Promise<GPUComputePipeline> {
    const { device } = this;
    const module = device.createShaderModule({ code: kernel.wgsl, label: kernel.name });
    try {
      const pipeline = await device.createComputePipelineAsync({
        label: kernel.name,
        layout: device.createPipelineLayout({ bindGroupLayouts: [this.layout(kernel.bindings)] }),
        compute: { module, entryPoint: 'main' },
      });
      this.ready.set(kernel.wgsl, pipeline);
      return pipeline;
    } catch (cause) {
      // A lost device has no compiler left to ask.
      const messages = await module.getCompilationInfo().then(
        (info) => info.messages,
        () => [],
      );
      const told = messages.map((m) => `line ${m.lineNum}: ${m.message}`).join('; ');
      throw new DeviceError(`The kernel ${kernel.name} does not compile: ${told || (cause as Error).message}`, {
        cause,
      });
    }
  }

  /** Binds a uniform block and the buffers of a call. */
  bind(kernel: Kernel, block: GPUBufferBinding, buffers: readonly GPUBufferBinding[]): GPUBindGroup {
    return this.device.createBindGroup({
      layout: this.layout(kernel.bindings),
      label: kernel.name,
      entries: [{ ...block, size: BLOCK_BYTES }, ...buffers].map((resource, binding) => ({ binding, resource })),
    });
  }
}

/** Writes a kernel's values into a uniform block. */
export function writeBlock(view: DataView, at: number, kernel: Kernel, values: { readonly [name: string]: number }) {
  kernel.params.forEach(([name, type], i) => {
    if (type === 'u32') view.setUint32(at + 4 * i, values[name]!, true);
    else view.setFloat32(at + 4 * i, values[name]!, true);
  });
}
