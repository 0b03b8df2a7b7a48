// The built-in sampler: greedy batched decoding of an engine.

import { generate } from '../nn/generate';
import type { ModelEngine } from '../nn/seam';
import type { Sampler } from './evaluate';

export const greedySampler =
  (engine: ModelEngine, yieldToOthers?: () => Promise<void>): Sampler =>
  (prompts, { max_new_tokens, stopIds, signal }) =>
    generate(engine, {
      prompts,
      stopIds,
      signal,
      yieldToOthers,
      sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens, seed: 0 },
    });
