// Both services in Node, joined by real message channels as in the browser. Models are tiny, with seeded random weights.
import { readFile } from 'node:fs/promises';
import { vi } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import { initWeights } from '../nn/init';
import { PRESETS } from '../nn/presets';
import type { ComputeEvent } from '../protocol/events';
import type { LlamaConfig } from '../protocol/model';
import type { Recipe } from '../protocol/recipe';
import type { ComputeRequests, TextRequests } from '../protocol/requests';
import { MemoryStorage } from '../storage/memoryStorage';
import { writeSafetensors } from '../storage/safetensors';
import type { Storage } from '../storage/storage';
import { type ComputeEnvironment, type ComputeService, createComputeService } from './computeService';
import type { ReadModelFile } from './modelFiles';
import { Models } from './models';
import { type Connection, connect, type Port, serve } from './rpc';
import { processLocks, type RunLocks } from './runLocks';
import { createTextService } from './textService';

const config: LlamaConfig = {
  ...PRESETS.nano,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 16,
};
const files: Record<string, Uint8Array> = {
  'tiny/config.json': new TextEncoder().encode(JSON.stringify({ model_type: 'llama', ...config })),
  'tiny/model.safetensors': writeSafetensors(initWeights(config, 1)),
  'overflowing/config.json': new TextEncoder().encode(JSON.stringify({ model_type: 'llama', ...config })),
  'overflowing/model.safetensors': writeSafetensors(overflowing()),
};
/** Weights so large that the first loss is not a number. */
function overflowing() {
  const weights = initWeights(config, 1);
  for (const { data } of Object.values(weights)) data.fill(3e38);
  return weights;
}
/** `builtin:tiny`, and the studio's own tokenizer. */
export const readTestFile: ReadModelFile = async (path, onProgress) => {
  const bytes =
    path === 'tokenizer.json' ? new Uint8Array(await readFile('public/models/tokenizer.json')) : files[path];
  if (bytes) onProgress?.(bytes.byteLength, bytes.byteLength);
  return bytes;
};

/** Rows are few and short, so that a step takes some 20 ms. */
export const tinyRecipe: Recipe = {
  version: 1,
  trainer: 'sft',
  model: { ref: 'builtin:tiny' },
  template: 'builtin:chatml',
  data: {
    train: [{ ref: 'builtin:sft/single', split: 'train' }],
    eval: [{ ref: 'builtin:sft/single', split: 'dev' }],
    rows: 24,
    seed: 1,
  },
  args: {
    max_steps: 12,
    per_device_train_batch_size: 2,
    max_length: 128,
    eval_steps: 0,
    generate_steps: 0,
    save_steps: 4,
    completion_only_loss: false,
  },
  peft: null,
  evaluation: [],
  overrides: ['target_cut', 'stop_not_trained'], // short rows make a quick test
  seed: 3,
};

export interface TestBed {
  compute: Connection<ComputeRequests>;
  text: Connection<TextRequests>;
  events: ComputeEvent[];
  statuses: (runId: string) => string[];
  service: ComputeService;
  /** Callbacks that the backend was started with. */
  device: { onDeviceLost: (reason: string) => void };
  storage: Storage;
  close: () => void;
}

export function testBed(
  options: { storage?: Storage; locks?: RunLocks; environment?: Partial<ComputeEnvironment> } = {},
): TestBed {
  const { storage = new MemoryStorage(), locks = processLocks() } = options;
  const channels = [new MessageChannel(), new MessageChannel(), new MessageChannel()] as const;
  const ends = channels.flatMap(({ port1, port2 }) => [port1, port2] as unknown as Port[]);
  const [page1, compute1, page2, text1, compute2, text2] = ends as [Port, Port, Port, Port, Port, Port];
  const textHandlers = createTextService({ storage, now: () => 1_700_000_000_000, readModelFile: readTestFile, locks });
  serve<TextRequests>(text1, textHandlers);
  serve<TextRequests>(text2, textHandlers);
  const textForCompute = connect<TextRequests>(compute2, 'text worker');
  const device = { onDeviceLost: (_reason: string) => {} };
  const service = createComputeService({
    storage,
    locks,
    readModelFile: readTestFile,
    startBackend: async (_wanted, callbacks) => {
      Object.assign(device, callbacks);
      return initNodeBackend('wasm');
    },
    text: () => textForCompute,
    onTextStalled: () => {},
    emit: (event) => server.emit(event),
    now: Date.now,
    clock: () => performance.now(),
    newId: () => 'new-id',
    versions: { studio: 'test' },
    checkpointEveryMs: 1e9,
    ...options.environment,
  });
  const server = serve<ComputeRequests>(compute1, service.handlers);
  const compute = connect<ComputeRequests>(page1, 'compute worker');
  const events: ComputeEvent[] = [];
  compute.onEvent((event) => events.push(event as ComputeEvent));
  return {
    compute,
    text: connect<TextRequests>(page2, 'text worker'),
    events,
    statuses: (runId) =>
      events.flatMap((event) => (event.kind === 'status' && event.runId === runId ? [event.status] : [])),
    service,
    device,
    storage,
    close() {
      for (const { port1 } of channels) port1.close();
    },
  };
}

/** A device that says it is a GPU with this much room; nothing runs on it. */
export async function tinyGpu(storage: Storage, bytes: number): Promise<Partial<ComputeEnvironment>> {
  await storage.setValue('memory-budgets', 'a small card', { bytes });
  return {
    async startBackend() {
      await initNodeBackend('wasm');
      return { backend: 'webgpu', adapter: 'a small card', isFallbackAdapter: false };
    },
  };
}

/** Follows engines from here on: how many were on the device at most at once. */
export function countEngines() {
  const make = Models.prototype.newEngine;
  const found = { now: 0, most: 0, built: 0 };
  const spy = vi.spyOn(Models.prototype, 'newEngine').mockImplementation(async function (this: Models, ...args) {
    const engine = await make.apply(this, args);
    found.built++;
    found.most = Math.max(found.most, ++found.now);
    const { dispose } = engine;
    engine.dispose = () => {
      found.now--;
      dispose.call(engine);
    };
    return engine;
  });
  return { found, end: () => spy.mockRestore() };
}
