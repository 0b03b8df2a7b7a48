// RLOO as TRL's RLOOTrainer does it (scripts/parity/preference.py): advantages from given rewards, then a step from weights a
// little away from those that drew the completions. And what its PPOTrainer computes of one rollout (scripts/parity/ppo.py).
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { collatePacked } from '../../data/collate';
import { initNodeBackend } from '../../gpu/node';
import { createEngine } from '../../nn/createEngine';
import { parseLlamaConfig } from '../../nn/loadModel';
import type { LossFn, ModelEngine, NamedTensorMap } from '../../nn/seam';
import { readSafetensors } from '../../storage/safetensors';
import {
  gae,
  maskedWhiten,
  penalizedReward,
  rlooAdvantages,
  rolloutMask,
  type TokenRewardArgs,
  tokenRewards,
} from './advantages';
import { ppoPolicyLoss, ppoValueLoss, rlooTerms } from './ppoLoss';

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

interface Update {
  new_logprobs: number[];
  vpred: number[];
  /** ∂loss/∂ of the two. */
  d_new_logprobs: number[];
  d_vpred: number[];
  pg_loss: number;
  vf_loss: number;
  loss: number;
  vf_clipfrac: number;
}
interface PpoCase {
  B: number;
  T: number;
  lengths: number[];
  args: TokenRewardArgs & {
    gamma: number;
    lam: number;
    cliprange: number;
    cliprange_value: number;
    vf_coef: number;
    whiten_rewards: boolean;
  };
  logprobs: number[];
  ref_logprobs: number[];
  values: number[];
  scores: number[];
  kl: number[];
  rewards: number[];
  advantages: number[];
  returns: number[];
  updates: Update[];
  metrics: Record<string, number>;
}
const { cases } = JSON.parse(readFileSync('test/fixtures/preference/ppo.json', 'utf8')) as { cases: PpoCase[] };

describe.each(cases.map((one) => [JSON.stringify(one.args), one] as const))('ppo %s', (_, one) => {
  const { B, T, args } = one;
  const total = (xs: ArrayLike<number>) => Array.from(xs).reduce((a, b) => a + b, 0);
  const each = (found: ArrayLike<number>, expected: number[], what: string) => {
    for (const [i, value] of expected.entries()) expectClose(found[i]!, value, `${what} ${i}`);
  };
  const mask = rolloutMask(one);
  const valueMask = rolloutMask(one, 1);
  const grid = (xs: ArrayLike<number>) => tf.tensor2d(Float32Array.from(xs), [B, T]);

  test('rewards, advantages and returns', () => {
    const { rewards, kl } = tokenRewards(
      one,
      { logps: one.logprobs, refLogps: one.ref_logprobs, scores: one.scores },
      args,
    );
    each(kl, one.kl, 'kl');
    const shaped = args.whiten_rewards ? maskedWhiten(rewards, valueMask, { shift_mean: false }) : rewards;
    each(shaped, one.rewards, 'reward');
    const { advantages, returns } = gae(one, { rewards: shaped, values: one.values }, args);
    each(returns, one.returns, 'return');
    each(maskedWhiten(advantages, mask), one.advantages, 'advantage');
    expectClose(total(kl) / B, one.metrics['objective/kl']!, 'objective/kl');
    expectClose(
      total(one.scores) / B - (args.kl_coef * total(kl)) / B,
      one.metrics['objective/rlhf_reward']!,
      'objective/rlhf_reward',
    );
  });
  const tokens = total(mask);
  // TRL writes 1 for the log-probability where there is no token.
  const policyLossOf = ({ new_logprobs }: Update, logps = grid(new_logprobs)) =>
    ppoPolicyLoss({ logps, oldLogps: grid(one.logprobs), advantages: grid(one.advantages), mask: grid(mask) }, args);
  const valueLossOf = ({ vpred }: Update, values = grid(vpred)) =>
    ppoValueLoss({ values, oldValues: grid(one.values), returns: grid(one.returns), mask: grid(valueMask) }, args);

  test('losses of each update, and their metrics', () => {
    const sums: Record<string, number> = {};
    for (const [i, update] of one.updates.entries()) {
      const [policyLoss, valueLoss] = [policyLossOf(update), valueLossOf(update)];
      const policyMean = (policyLoss.sum.arraySync() as number) / tokens;
      const valueMean = (valueLoss.sum.arraySync() as number) / total(valueMask);
      expectClose(policyMean, update.pg_loss, `policy loss ${i}`);
      expectClose(valueMean, update.vf_loss, `value loss ${i}`);
      expectClose(policyMean + args.vf_coef * valueMean, update.loss, `loss ${i}`);
      for (const [name, x] of Object.entries({ ...policyLoss.metrics, ...valueLoss.metrics }))
        sums[name] = (sums[name] ?? 0) + (x.arraySync() as number) / one.updates.length;
    }
    expectClose(sums['policy/clipfrac_avg']!, one.metrics['policy/clipfrac_avg']!, 'policy/clipfrac_avg');
    expectClose(sums['val/clipfrac_avg']!, one.metrics['val/clipfrac_avg']!, 'val/clipfrac_avg');
    // TRL averages these two over padding as well, where the ratio is 1; ours are means over the tokens.
    const padding = B * T - tokens;
    expectClose(
      (sums['policy/approxkl_avg']! * tokens) / (B * T),
      one.metrics['policy/approxkl_avg']!,
      'policy/approxkl_avg',
    );
    expectClose((sums['val/ratio']! * tokens + padding) / (B * T), one.metrics['val/ratio']!, 'val/ratio');
  });
  test('gradients with respect to log-probabilities and values', () => {
    for (const [i, update] of one.updates.entries()) {
      const byLogps = tf
        .grad((x) => policyLossOf(update, x as tf.Tensor2D).sum)(grid(update.new_logprobs))
        .dataSync();
      const byValues = tf
        .grad((x) => valueLossOf(update, x as tf.Tensor2D).sum)(grid(update.vpred))
        .dataSync();
      // Scaled to sums, so that the slopes are of the size of advantages and errors.
      const scaled = (slopes: number[], count: number) => slopes.map((slope) => slope * count);
      each(byLogps, scaled(update.d_new_logprobs, tokens), `∂loss/∂logps of update ${i}`);
      each(byValues, scaled(update.d_vpred, total(valueMask) / args.vf_coef), `∂loss/∂values of update ${i}`);
    }
  });
  test('the case has short rows, full rows, and clipped tokens and values', () => {
    expect([one.lengths.some((n) => n < T), one.lengths.includes(T)]).toEqual([true, true]);
    expect(one.metrics['policy/clipfrac_avg']).toBeGreaterThan(0.05);
    expect(one.metrics['val/clipfrac_avg']).toBeGreaterThan(0.05);
  });
});
