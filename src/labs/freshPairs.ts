// Pairs of answers that a policy draws as it is, with their true quality: what its reward model has to tell apart from now on.
import { ConfigError } from '../lib/errors';
import type { DatasetRow } from '../protocol/chat';
import type { SamplingOptions } from '../protocol/model';
import { encodePrompt } from '../text/encodePrompt';
import type { RenderContext } from '../text/renderContext';
import { trueQuality } from '../world/pref/rubric';
import { builtinCases } from '../world/registry';

export interface FreshPairsOptions {
  pairs: number;
  seed: number;
  temperature: number;
  max_new_tokens: number;
}
export interface FreshPair {
  /** As a reward model reads them: the prompt with either answer. */
  rows: [DatasetRow, DatasetRow];
  quality: [number, number];
}
/**
 * Two draws for each of `pairs` held-out prompts of the preference set; those whose draws are equal, or empty, tell nothing and are
 * only counted. Throws ConfigError for a temperature of 0.
 */
export async function freshPairs(
  { pairs, seed, temperature, max_new_tokens }: FreshPairsOptions,
  render: RenderContext,
  draw: (prompts: Int32Array[], sampling: SamplingOptions, stopIds: number[]) => Promise<string[]>,
): Promise<{ pairs: FreshPair[]; same: number }> {
  if (!(temperature > 0))
    throw new ConfigError(`temperature must be above 0, got ${temperature}: two greedy answers are the same.`, {
      where: 'temperature',
    });
  const cases = builtinCases('builtin:pref', { n: pairs, seed });
  const encoded = cases.map(({ messages }) => encodePrompt(messages, render));
  const prompts = encoded.flatMap(({ ids }) => [ids, ids.slice()]);
  const sampling = { temperature, top_k: 0, top_p: 1, max_new_tokens, seed };
  const texts = await draw(prompts, sampling, encoded[0]!.stopIds);
  const found: FreshPair[] = [];
  cases.forEach(({ messages, truth }, i) => {
    const [a, b] = [texts[2 * i]!, texts[2 * i + 1]!];
    const rubric = truth.expect === 'final' ? truth.rubric : undefined;
    if (!rubric || a.trim() === b.trim() || a.trim() === '' || b.trim() === '') return;
    const row = (content: string): DatasetRow => ({ prompt: messages, completion: [{ role: 'assistant', content }] });
    found.push({ rows: [row(a), row(b)], quality: [trueQuality(a, rubric), trueQuality(b, rubric)] });
  });
  return { pairs: found, same: pairs - found.length };
}
