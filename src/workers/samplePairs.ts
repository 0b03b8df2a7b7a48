// Pairs to compare, sampled from a model: two answers to one prompt of the built-in preference set, drawn again while they are equal.
import { SHOWN_SEED } from '../labs/recipeRows';
import { ConfigError } from '../lib/errors';
import { hash3 } from '../lib/rng';
import type { SampledAnswer, SampledPair } from '../protocol/annotations';
import type { SamplingOptions } from '../protocol/model';
import { encodePrompt } from '../text/encodePrompt';
import type { RenderContext } from '../text/renderContext';
import { builtinDataset, builtinItem } from '../world/registry';

const PROMPTS = 'builtin:pref';
const SPLIT = 'dev';
/** Draws for one prompt; a model that is sure of its answer gives the same one time and again. */
const DRAWS = 3;

export interface SamplePairsOptions {
  /** Place of the first prompt. */
  from: number;
  /** How many pairs are wanted. */
  pairs: number;
  seed: number;
  temperature: number;
  max_new_tokens: number;
}
export interface SamplePairsEnvironment {
  render: RenderContext;
  /** Two samples for the prompt: text, and whether a token limit cut it. */
  sample(ids: Int32Array, sampling: SamplingOptions, stopIds: number[]): Promise<[SampledAnswer, SampledAnswer]>;
  onPair(pair: SampledPair): void;
}

/** `next`: place of the prompt to go on with; `same`: prompts that were passed over because all draws were equal. */
export async function samplePairs(
  { from, pairs, seed, temperature, max_new_tokens }: SamplePairsOptions,
  { render, sample, onPair }: SamplePairsEnvironment,
): Promise<{ next: number; found: number; same: number }> {
  if (!(temperature > 0))
    throw new ConfigError(`temperature must be above 0, got ${temperature}: two greedy answers are the same.`, {
      where: 'temperature',
    });
  const prompts = builtinDataset(PROMPTS).rows[SPLIT];
  let [place, found, same] = [from, 0, 0];
  for (; place < prompts && found < pairs; place++) {
    const { row } = builtinItem(PROMPTS, place, { seed: SHOWN_SEED, split: SPLIT });
    const { ids, stopIds } = encodePrompt(row.prompt, render);
    const pair = await differing(place, (draw) =>
      sample(
        ids,
        { temperature, top_k: 0, top_p: 1, min_p: 0, max_new_tokens, seed: hash3(seed, place, draw) },
        stopIds,
      ),
    );
    if (pair) {
      found++;
      onPair(pair);
    } else same++;
  }
  return { next: place, found, same };
}
async function differing(
  place: number,
  draw: (i: number) => Promise<[SampledAnswer, SampledAnswer]>,
): Promise<SampledPair | undefined> {
  for (let i = 0; i < DRAWS; i++) {
    const [a, b] = await draw(i);
    if (a.text.trim() !== b.text.trim()) return { place, a, b };
  }
  return undefined;
}
