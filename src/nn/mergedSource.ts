// A model with an adapter merged into it, tensor by tensor as they are read: as mergeLora, for models of any size.
import type { LlamaConfig } from '../protocol/model';
import { readTensor, type TensorSource } from '../storage/tensorSource';
import { checkLoraTensors, loraTensors, mergeLora, requireMergeable, targetModules, wholeName } from './lora';
import type { LoraAdapter, NamedTensorMap } from './seam';

/** Throws ConfigError or ShapeError as mergeLora does, before anything is read. */
export function mergedSource(
  config: LlamaConfig,
  base: TensorSource,
  adapter: LoraAdapter,
  tensors: NamedTensorMap,
): TensorSource {
  requireMergeable(adapter);
  const targets = targetModules(config, adapter.config, adapter.name);
  checkLoraTensors(loraTensors(targets, adapter.config, config), tensors, adapter.name);
  const paths = new Map(targets.map(({ path }) => [`${path}.weight`, path]));
  return {
    shapes: base.shapes,
    async *pieces(name) {
      const path = paths.get(name);
      const whole = tensors[wholeName(name.replace(/\.weight$/, ''))];
      if (whole) {
        yield { at: 0, data: whole.data as Float32Array<ArrayBuffer> };
        return;
      }
      if (path === undefined) {
        yield* base.pieces(name);
        return;
      }
      const own = Object.entries(tensors).filter(([key]) => key.startsWith(`base_model.model.${path}.`));
      const alone = { ...adapter.config, target_modules: [path], exclude_modules: null, layers_to_transform: null, modules_to_save: null }; // biome-ignore format: one config
      const one = { ...adapter, config: alone };
      const merged = mergeLora(config, { [name]: await readTensor(base, name) }, one, Object.fromEntries(own));
      yield { at: 0, data: merged[name]!.data as Float32Array<ArrayBuffer> };
    },
  };
}
