// The built-in sampler: greedy batched decoding of an engine.
import { ConfigError } from '../lib/errors';
import { generate } from '../nn/generate';
import type { ModelEngine } from '../nn/seam';
import type { Sampler } from './evaluate';

/** `route`: the way through the adapters, as in rowAdapter; that of the engine when it is asked unless given. */
export const greedySampler =
  (engine: ModelEngine, yieldToOthers?: () => Promise<void>, route?: number): Sampler =>
  (prompts, { max_new_tokens, stopIds, signal, adapters }) =>
    generate(engine, {
      prompts,
      stopIds,
      signal,
      yieldToOthers,
      ...(route !== undefined && { rowAdapter: new Int32Array(prompts.length).fill(route) }),
      sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens, seed: 0 },
      ...(adapters && { rowAdapter: routesOf(engine, adapters, route) }),
    });

/** Routes of adapters by name; `other`, the engine's active one unless given, where none is named, and −1 where it has no adapters at all. */
function routesOf(
  engine: ModelEngine,
  adapters: readonly (string | undefined)[],
  other = engine.activeRoute,
): number[] {
  const names = engine.adapters.map(({ name }) => name);
  return adapters.map((adapter) => {
    if (adapter === undefined || names.length === 0) return other;
    const route = names.indexOf(adapter);
    if (route < 0)
      throw new ConfigError(`The model has no adapter "${adapter}". It has ${names.join(', ')}.`, { where: adapter });
    return route;
  });
}
