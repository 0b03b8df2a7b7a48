// From a rollout to what the losses read, held to what TRL's PPOTrainer made of the same numbers (scripts/parity/ppo.py).
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { defaults } from '../../lib/fields';
import type { OnlinePrompt } from '../online/onlineTrainer';
import { rolloutBatch } from '../online/rolloutBatch';
import { fields } from './config';
import { shape } from './trainer';

interface PpoCase {
  B: number;
  T: number;
  lengths: number[];
  args: { kl_coef: number } & { [key: string]: number | string | boolean };
  logprobs: number[];
  ref_logprobs: number[];
  values: number[];
  scores: number[];
  advantages: number[];
  returns: number[];
  metrics: Record<string, number>;
}
const { cases } = JSON.parse(readFileSync('test/fixtures/preference/ppo.json', 'utf8')) as { cases: PpoCase[] };

describe.each(cases.map((one) => [JSON.stringify(one.args), one] as const))('%s', (_, one) => {
  const { B, T, lengths } = one;
  const args = { ...defaults(fields), ...one.args, max_completion_length: T } as Parameters<typeof shape>[1];
  const rows = Array.from({ length: B }, (_, b) => {
    const part = (xs: number[], extra = 0) => xs.slice(b * T, b * T + Math.min(lengths[b]! + extra, T));
    return {
      prompt: b,
      ids: Array.from({ length: lengths[b]! }, (_, t) => 3 + t),
      terminated: true, // the fixture's scores have the penalty already
      rewards: [],
      score: one.scores[b]!,
      oldLogps: part(one.logprobs),
      refLogps: part(one.ref_logprobs),
      // Beyond a full row the engine gives one more value, which nothing reads.
      values: [...part(one.values, 1), ...(lengths[b] === T ? [99] : [])],
    };
  });
  const shaped = shape({ rows, klCoef: one.args.kl_coef }, args);
  test('advantages and returns are TRL’s', () => {
    shaped.rows.forEach(({ tokenValues }, b) => {
      for (const [name, expected] of Object.entries({ advantages: one.advantages, returns: one.returns }))
        tokenValues[name]!.forEach((value, t) => {
          const wanted = expected[b * T + t]!;
          expect(Math.abs(value - wanted), `${name} ${b} ${t}`).toBeLessThan(1e-4 * Math.max(Math.abs(wanted), 0.1));
        });
      expect(tokenValues.advantages).toHaveLength(lengths[b]!);
      expect(tokenValues.returns).toHaveLength(Math.min(lengths[b]! + 1, T));
    });
  });
  test('so are the figures of the objective', () => {
    for (const name of ['objective/scores', 'objective/rlhf_reward']) {
      const expected = one.metrics[name]!;
      expect(Math.abs(shaped.metrics[name]! - expected), name).toBeLessThan(1e-4 * Math.max(Math.abs(expected), 0.1));
    }
  });
  test('in the batch each stands where its token is predicted, however long the prompt', () => {
    const prompts = rows.map(
      (_, b): OnlinePrompt => ({
        ids: new Int32Array(2 + b),
        text: '',
        source: { rowId: `${b}`, row: {} },
      }),
    );
    const buffer = rows.map(({ prompt, ids }, b) => ({ prompt, ids, ...shaped.rows[b]! }));
    const batch = rolloutBatch(buffer, prompts, { maxLength: 64, route: -1 });
    rows.forEach(({ ids }, b) => {
      for (let t = 0; t < ids.length; t++) {
        const at = b * batch.T + prompts[b]!.ids.length - 1 + t;
        expect([batch.targets[at], batch.mask[at], batch.positions[at]]).toEqual([ids[t], 1, at - b * batch.T]);
        expect(batch.tokenValues!.advantages![at]).toBe(Math.fround(shaped.rows[b]!.tokenValues.advantages![t]!));
      }
      const after = b * batch.T + prompts[b]!.ids.length - 1 + ids.length;
      expect([batch.mask[after], batch.tokenValues!.valueMask![after]]).toEqual([0, ids.length < T ? 1 : 0]);
    });
    const total = (xs: Float32Array) => xs.reduce((a, b) => a + b, 0);
    expect(total(batch.mask)).toBe(lengths.reduce((a, b) => a + b, 0));
  });
});
