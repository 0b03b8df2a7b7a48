// RLOO as TRL's RLOOTrainer does it (scripts/parity/preference.py): advantages from given rewards, then a step from weights a
// little away from those that drew the completions.
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { collatePacked } from '../../data/collate';
import { initNodeBackend } from '../../gpu/node';
import { createEngine } from '../../nn/createEngine';
import { parseLlamaConfig } from '../../nn/loadModel';
import type { LossFn, ModelEngine, NamedTensorMap } from '../../nn/seam';
import { readSafetensors } from '../../storage/safetensors';
import { penalizedReward, rlooAdvantages } from './advantages';
import { rlooTerms } from './ppoLoss';

interface Fixture {
  gradient: string;
  rows: { ids: number[]; completion: number[] }[];
  ref_logps: number[];
  /** How far the step's weights are on the way from the policy to the reference. */
  rloo_step: number;
  rloo: {
    name: string;
    args: {
      beta: number;
      epsilon: number;
      epsilon_high?: number;
      num_generations: number;
      normalize_advantages?: boolean;
    };
    /** null: nothing could score the completion. */
    rewards: (number | null)[];
    loss: number;
    old_logps: number[];
    advantages: number[];
    metrics: Record<string, number>;
  }[];
}
const readTensors = (path: string) => readSafetensors(new Uint8Array(readFileSync(path))) as NamedTensorMap;
const fixture = JSON.parse(readFileSync('test/fixtures/preference/fixture.json', 'utf8')) as Fixture;
const gradients = readTensors('test/fixtures/preference/gradients.safetensors');
const MODEL = 'public/models/conformance';
const config = parseLlamaConfig(JSON.parse(readFileSync(`${MODEL}/config.json`, 'utf8')));
const policy = readTensors(`${MODEL}/weights.safetensors`);
const reference = readTensors('test/fixtures/sft/weights_after.safetensors');

const between = (share: number): NamedTensorMap =>
  Object.fromEntries(
    Object.entries(policy).map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((x, i) => x + share * (reference[name]!.data[i]! - x)) },
    ]),
  );
/** f32 on both sides, through two layers and a softmax over 97 ids. */
const expectClose = (found: number, expected: number, what: string) =>
  expect(Math.abs(found - expected), `${what}: ${found} instead of ${expected}`).toBeLessThan(
    1e-4 * Math.max(Math.abs(expected), 0.1),
  );

const batch = collatePacked(
  fixture.rows.map(({ ids, completion }) => [{ ids: Int32Array.from(ids), mask: Uint8Array.from(completion) }]),
);
async function sumsOf(model: ModelEngine): Promise<number[]> {
  const { logps } = await model.evaluate(batch, { want: ['logps'] });
  return tf.sum<tf.Tensor1D>(logps!, 1).arraySync();
}
let drawn: number[];
let frozen: number[];
let stepped: ModelEngine;
beforeAll(async () => {
  await initNodeBackend();
  drawn = await sumsOf(createEngine(config, policy));
  frozen = await sumsOf(createEngine(config, reference));
  stepped = createEngine(config, between(fixture.rloo_step));
});

describe.each(fixture.rloo.map((one) => [JSON.stringify({ ...one.args, rewards: one.rewards }), one] as const))(
  'rloo %s',
  (_, one) => {
    const { beta, epsilon, epsilon_high } = one.args;
    test('advantages', () => {
      const rewards = one.rewards.map((reward, i) =>
        penalizedReward(reward ?? Number.NaN, drawn[i]!, frozen[i]!, beta),
      );
      const found = rlooAdvantages(rewards, one.args);
      for (const [i, expected] of one.advantages.entries()) expectClose(found[i]!, expected, `advantage ${i}`);
    });
    test('loss, clip_ratio and gradient', async () => {
      for (const [i, expected] of one.old_logps.entries()) expectClose(drawn[i]!, expected, `old_logps ${i}`);
      const loss: LossFn = ({ logps, mask }) => {
        const { terms, metrics } = rlooTerms(
          {
            logps: tf.sum(tf.mul(logps!, mask), 1),
            oldLogps: tf.tensor1d(drawn),
            advantages: tf.tensor1d(one.advantages),
          },
          { epsilon, epsilon_high },
        );
        return { sums: { loss: tf.sum(terms) }, counts: { loss: batch.B }, metrics };
      };
      stepped.clearGradients();
      const { sums, metrics } = await stepped.step(batch, loss, { want: ['logps'], scale: { loss: 1 / batch.B } });
      const read = await stepped.read({ ...metrics, loss: sums.loss! });
      expectClose(read.loss! / batch.B, one.loss, 'loss');
      for (const [name, value] of Object.entries(one.metrics))
        if (name.startsWith('clip_ratio')) expect(read[name], name).toBe(value);
      const expected = gradients[`${one.name}/${fixture.gradient}`]!.data;
      const found = (await stepped.readGradients())[fixture.gradient]!.data;
      const worst = Math.max(...expected.map((x, i) => Math.abs(x - found[i]!)));
      expect(worst / Math.max(...expected.map(Math.abs)), 'gradient').toBeLessThan(1e-4);
    });
  },
);
test('the cases hold rows that were clipped on either side, and rows that nothing scored', () => {
  for (const side of ['low', 'high'])
    expect(fixture.rloo.some(({ metrics }) => metrics[`clip_ratio/${side}_mean`]! > 0)).toBe(true);
  expect(fixture.rloo.some(({ rewards }) => rewards.includes(null))).toBe(true);
});
