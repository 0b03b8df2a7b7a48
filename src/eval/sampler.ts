// The built-in sampler: greedy batched decoding of an engine.

import { generate } from '../nn/generate';
import type { ModelEngine } from '../nn/seam';
import type { Sampler } from './evaluate';

/** `route`: the way through the adapters, as in rowAdapter; that of the engine when it is asked unless given. */
export const greedySampler =
  (engine: ModelEngine, yieldToOthers?: () => Promise<void>, route?: number): Sampler =>
  (prompts, { max_new_tokens, stopIds, signal }) =>
    generate(engine, {
      prompts,
      stopIds,
      signal,
      yieldToOthers,
      ...(route !== undefined && { rowAdapter: new Int32Array(prompts.length).fill(route) }),
      sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens, seed: 0 },
    });
