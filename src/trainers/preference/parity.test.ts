// TRL's preference trainers and ours on the same weights and rows (scripts/parity/preference.py): the loss, the metrics, the
// log-probabilities and the gradient of one matrix, through the real engine.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { collatePacked, countTargets, type TokenRow } from '../../data/collate';
import { modelReward } from '../../eval/rewards/modelReward';
import { initNodeBackend } from '../../gpu/node';
import { numbers } from '../../lib/algebra';
import { createEngine } from '../../nn/createEngine';
import { parseLlamaConfig } from '../../nn/loadModel';
import { scoreRows } from '../../nn/scoreRows';
import type { ModelEngine, NamedTensorMap } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { type DpoLossId, dpoLosses, pairLoss } from '../../protocol/pairLosses';
import { readSafetensors } from '../../storage/safetensors';
import { trainer as cpo } from '../cpo/trainer';
import { trainer as dpo } from '../dpo/trainer';
import { trainer as kto } from '../kto/trainer';
import { trainer as orpo } from '../orpo/trainer';
import { trainer as reward } from '../reward/trainer';
import type { Trainer } from '../trainer';

interface Row {
  ids: number[];
  completion: number[];
}
interface Case {
  name: string;
  args: { [key: string]: unknown };
  loss: number;
  metrics: Record<string, number>;
}
interface Fixture {
  /** Name of the matrix whose gradient was kept. */
  gradient: string;
  /** chosen, rejected, chosen, … */
  rows: Row[];
  logps: number[];
  ref_logps: number[];
  dpo: Case[];
  /** Under keep_end; some rows of dpo_cut_rows begin with their completion. */
  dpo_cut: Case[];
  dpo_cut_rows: Row[];
  cpo: Case[];
  orpo: Case[];
  /** `swapped`: the reference is trained against the policy. */
  kto: (Case & { swapped: boolean })[];
  kto_rows: Row[];
  /** Each prompt of kto_rows with the completion of another. */
  kto_mismatched: Row[];
  kto_labels: number[];
  reward: (Case & { margins: number[] | null; rewards: number[] })[];
  /** The reward model's head, one number for each hidden unit. */
  score: number[];
}
/** In TRL's order: the chosen answers of all pairs, then the rejected ones. */
interface KtoPairs {
  max_length: number;
  per_device_train_batch_size: number;
  rows: { label: number; prompt: number[]; completion: number[]; row: Kept; mismatched: Kept }[];
}
interface Kept {
  ids: number[];
  mask: number[];
}
/** The pairs of the fixture under a tokenizer without a pad token, and single texts, whose reward is transformers' own. */
interface PadIsEos extends Omit<Case, 'name' | 'args'> {
  pad: number;
  /** Of `fixture.rows`. */
  rewards: number[];
  /** Of score.weight. */
  gradient: number[];
  texts: { pad: number | null; ids: number[]; reward: number }[];
}
const readTensors = (path: string) => readSafetensors(new Uint8Array(readFileSync(path))) as NamedTensorMap;
const fixture = JSON.parse(readFileSync('test/fixtures/preference/fixture.json', 'utf8')) as Fixture;
const padIsEos = JSON.parse(readFileSync('test/fixtures/preference/padIsEos.json', 'utf8')) as PadIsEos;
const gradients = readTensors('test/fixtures/preference/gradients.safetensors');
const MODEL = 'public/models/conformance';
const config = parseLlamaConfig(JSON.parse(readFileSync(`${MODEL}/config.json`, 'utf8')));
const weights = {
  policy: readTensors(`${MODEL}/weights.safetensors`),
  reference: readTensors('test/fixtures/sft/weights_after.safetensors'),
};

/** f32 on both sides, through two layers and a softmax over 97 ids. */
const RELATIVE = 1e-4;
function expectClose(found: number, expected: number, what: string): void {
  // Margins and rewards are differences of sums of some 40 nats, so they are held to the size of those sums.
  expect(Math.abs(found - expected), `${what}: ${found} instead of ${expected}`).toBeLessThan(
    RELATIVE * Math.max(Math.abs(expected), 0.1),
  );
}

let engine: ModelEngine;
let reference: ModelEngine;
beforeAll(async () => {
  await initNodeBackend();
  engine = createEngine(config, weights.policy);
  reference = createEngine(config, weights.reference);
});

const tokenRows = (rows: readonly Row[]): TokenRow[] =>
  rows.map(({ ids, completion }) => ({ ids: Int32Array.from(ids), mask: Uint8Array.from(completion) }));
const collate = (rows: readonly TokenRow[]): Batch => collatePacked(rows.map((row) => [row]));

async function logpsOf(model: ModelEngine, batch: Batch): Promise<Float32Array> {
  const { logps } = await model.evaluate(batch, { want: ['logps'] });
  return (await logps!.data()) as Float32Array;
}
const rowSums = (logps: Float32Array, { B, T }: Batch) =>
  Array.from({ length: B }, (_, b) => logps.subarray(b * T, (b + 1) * T).reduce((sum, x) => sum + x, 0));

/** One step without an update: each sum over its own count, as loop.ts scales them. */
async function stepOf(model: ModelEngine, batch: Batch, trainer: Trainer, args: Case['args']) {
  model.clearGradients();
  const counts = trainer.counts(batch, args);
  const scale = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, 1 / count]));
  const options = trainer.head && { head: trainer.head };
  const { sums, metrics } = await model.step(batch, trainer.loss(batch, args, model.config), {
    want: trainer.want,
    options,
    scale,
  });
  const read = await model.read({
    ...metrics,
    ...Object.fromEntries(Object.entries(sums).map(([k, x]) => [`sum ${k}`, x])),
  });
  const total = Object.keys(sums).reduce((sum, name) => sum + read[`sum ${name}`]! * scale[name]!, 0);
  return { loss: total, metrics: read, gradients: await model.readGradients() };
}

function expectGradient(found: NamedTensorMap, name: string, parameter: string): void {
  const expected = gradients[`${name}/${parameter}`]!.data;
  const scale = Math.max(...expected.map(Math.abs));
  const worst = Math.max(...expected.map((x, i) => Math.abs(x - found[parameter]!.data[i]!)));
  expect(scale, 'a gradient to compare with').toBeGreaterThan(1e-6);
  expect(worst / scale, `gradient of ${parameter}`).toBeLessThan(RELATIVE);
}

test('the log-probabilities of policy and reference are TRL’s', async () => {
  const batch = collate(tokenRows(fixture.rows));
  const found = [...rowSums(await logpsOf(engine, batch), batch), ...rowSums(await logpsOf(reference, batch), batch)];
  for (const [i, expected] of [...fixture.logps, ...fixture.ref_logps].entries())
    expectClose(found[i]!, expected, `row ${i}`);
});

const settings = {
  loss_weights: [],
  label_smoothing: 0,
  f_divergence_type: 'reverse_kl',
  f_alpha_divergence_coef: 0.5,
  discopop_tau: 0.05,
  simpo_gamma: 0.5,
  alpha: 0,
  cpo_alpha: 1,
  reference_free: false,
};
/**
 * CPO and ORPO average logits/* over prompts and padding as well, which ours do not; and TRL logs an NLL of 0 where cpo_alpha is 0,
 * because it does not compute it; alphapo sets it to 0.
 */
const skipped = (id: string, args: Case['args'], metric: string) =>
  (id !== 'dpo' && metric.startsWith('logits/')) ||
  ((args.cpo_alpha === 0 || args.loss_type === 'alphapo') && metric === 'nll_loss');

describe.each([dpo, cpo, orpo])('$id', (trainer) => {
  const cases = fixture[trainer.id as 'dpo' | 'cpo' | 'orpo'];
  test.each(cases.map((one) => [JSON.stringify(one.args), one] as const))(
    '%s',
    async (_, { name, args: given, loss, metrics }) => {
      const args = { ...settings, ...given };
      const rows = tokenRows(fixture.rows);
      const batch = collate(trainer.arrange?.(rows, args) ?? rows);
      if (trainer.id === 'dpo') batch.tokenValues = { refLogps: await logpsOf(reference, batch) };
      const found = await stepOf(engine, batch, trainer, args);
      expectClose(found.loss, loss, 'loss');
      for (const [metric, value] of Object.entries(metrics))
        if (!skipped(trainer.id, args, metric)) expectClose(found.metrics[metric]!, value, metric);
      expectGradient(found.gradients, name, fixture.gradient);
    },
  );
});

test('of pairs, KTO makes the rows and mismatched rows that TRL makes, cut where TRL cuts them (ktoPairs.py)', () => {
  const { rows, ...given } = JSON.parse(readFileSync('test/fixtures/preference/ktoPairs.json', 'utf8')) as KtoPairs;
  const pairs = rows.length / 2;
  const ours = Array.from({ length: pairs }, (_, i) => [rows[i]!, rows[pairs + i]!]).flat();
  const arranged = kto.arrange!(
    ours.map(({ label, prompt, completion, row }) => ({
      ids: Int32Array.from(row.ids),
      mask: Uint8Array.from(row.mask),
      promptLength: prompt.length,
      rowId: prompt.join(),
      values: { label },
      ...(row.ids.length < prompt.length + completion.length && {
        wholeAnswer: { ids: Int32Array.from(completion), mask: new Uint8Array(completion.length).fill(1) },
      }),
    })),
    { loss_type: 'kto', truncation_mode: 'keep_start', ...given },
  );
  const told = arranged.map(({ ids, mask }) => ({ ids: [...ids], mask: [...mask] }));
  expect(told).toEqual(ours.flatMap(({ row, mismatched }) => [row, mismatched]));
  expect(ours.filter(({ mismatched }) => mismatched.ids.length === given.max_length).length).toBeGreaterThan(3);
});

describe('dpo, keep_end, no prompt left on some rows', () => {
  // As render() gives them: nothing predicts the first token, so the mask leaves it out.
  const rows = tokenRows(fixture.dpo_cut_rows).map(({ ids, mask }) => ({
    ids,
    mask: mask.with(0, 0),
    ...(mask[0] === 1 && { unscored: 1 }),
  }));
  test.each(fixture.dpo_cut.map((one) => [String(one.args.loss_type), one] as const))('%s', async (id, one) => {
    const args = { ...settings, ...one.args };
    const batch = collate(dpo.arrange!(rows, args));
    const [logps, refLogps] = [await logpsOf(engine, batch), await logpsOf(reference, batch)];
    batch.tokenValues = { refLogps };
    const found = await stepOf(engine, batch, dpo, args);
    expectClose(found.loss, one.loss, 'loss');
    for (const [metric, value] of Object.entries(one.metrics)) expectClose(found.metrics[metric]!, value, metric);
    expectGradient(found.gradients, one.name, fixture.gradient);
    if (id === 'sft') return;
    // What the page says of each pair.
    const sums = [rowSums(logps, batch), rowSums(refLogps, batch)] as const;
    const losses = rows.flatMap((row, c) => {
      if (c % 2) return [];
      const [lengths, unscored] = [[row, rows[c + 1]!].map(countTargets), [row.unscored, rows[c + 1]!.unscored]];
      const pair = {
        chosenLogps: sums[0][c]!,
        rejectedLogps: sums[0][c + 1]!,
        refChosenLogps: sums[1][c]!,
        refRejectedLogps: sums[1][c + 1]!,
        chosenLengths: lengths[0]!,
        rejectedLengths: lengths[1]!,
        chosenUnscored: unscored[0] ?? 0,
        rejectedUnscored: unscored[1] ?? 0,
      };
      return pairLoss(dpoLosses[id as DpoLossId], numbers, pair, { beta: 0.1 });
    });
    expectClose(losses.reduce((a, b) => a + b, 0) / losses.length, one.loss, 'loss on the page');
  });
});

describe('kto', () => {
  const n = fixture.kto_rows.length;
  const given = { max_length: 64, per_device_train_batch_size: n, desirable_weight: 1, undesirable_weight: 1 };
  const rows = fixture.kto_rows.map((row, i) => ({
    ...tokenRows([row])[0]!,
    promptLength: row.completion.indexOf(1),
    values: { label: fixture.kto_labels[i]! },
  }));
  test('the mismatched rows are those that TRL makes', () => {
    const arranged = kto.arrange!(rows, { ...given, loss_type: 'kto' });
    for (const [i, expected] of fixture.kto_mismatched.entries()) {
      expect(Array.from(arranged[2 * i + 1]!.ids)).toEqual(expected.ids);
      expect(Array.from(arranged[2 * i + 1]!.mask)).toEqual(expected.completion);
    }
  });
  test.each(
    fixture.kto.map((one) => [`${JSON.stringify(one.args)}${one.swapped ? ', models swapped' : ''}`, one] as const),
  )('%s', async (_, one) => {
    const args = { ...given, ...one.args };
    const [trained, frozen] = one.swapped ? [reference, engine] : [engine, reference];
    const batch = collate(kto.arrange!(rows, args));
    batch.tokenValues = { refLogps: await logpsOf(frozen, batch) };
    const found = await stepOf(trained, batch, kto, args);
    expectClose(found.loss, one.loss, 'loss');
    for (const [metric, value] of Object.entries(one.metrics)) expectClose(found.metrics[metric]!, value, metric);
    expectGradient(found.gradients, one.name, fixture.gradient);
  });
  test('z is above 0 in one direction and held at 0 in the other', () => {
    const z = (name: string) => fixture.kto.find((one) => one.name === name)!.metrics.kl!;
    expect(z('kto/0')).toBeGreaterThan(0.1);
    expect(z('kto/1')).toBe(0);
  });
});

describe('reward model', () => {
  const score = { 'score.weight': { shape: [1, config.hidden_size], data: Float32Array.from(fixture.score) } };
  test.each(
    fixture.reward.map((one) => [`${JSON.stringify(one.args)}${one.margins ? ', with margins' : ''}`, one] as const),
  )('%s', async (_, one) => {
    const model = createEngine(config, { ...weights.policy, ...score }, 'score');
    const rows = tokenRows(fixture.rows).map((row, i) => ({
      ...row,
      ...(one.margins && { values: { margin: one.margins[Math.floor(i / 2)]! } }),
    }));
    const found = await stepOf(model, collate(rows), reward, one.args);
    expectClose(found.loss, one.loss, 'loss');
    for (const [metric, value] of Object.entries(one.metrics)) expectClose(found.metrics[metric]!, value, metric);
    for (const parameter of [fixture.gradient, 'score.weight']) expectGradient(found.gradients, one.name, parameter);
    model.dispose();
  });

  test('where padding is the EOS, the reward is read at the token before it, in training and in scores', async () => {
    const { pad, ...one } = padIsEos;
    expect(fixture.rows.every(({ ids }) => ids.at(-1) === pad)).toBe(true);
    const model = createEngine({ ...config, pad_token_id: pad }, { ...weights.policy, ...score }, 'score');
    const found = await stepOf(model, collate(tokenRows(fixture.rows)), reward, {});
    expectClose(found.loss, one.loss, 'loss');
    for (const [metric, value] of Object.entries(one.metrics)) expectClose(found.metrics[metric]!, value, metric);
    const scale = Math.max(...one.gradient.map(Math.abs));
    for (const [i, expected] of one.gradient.entries())
      expect(Math.abs(found.gradients['score.weight']!.data[i]! - expected) / scale).toBeLessThan(RELATIVE);
    const scored = await scoreRows(model, fixture.rows.map(({ ids }) => ids)); // biome-ignore format: one call
    for (const [i, expected] of one.rewards.entries()) expectClose(scored[i]!.reward, expected, `row ${i}`);
    model.dispose();
  });

  test('any text has transformers’ reward: padding inside it, padding alone, a model without a pad token', async () => {
    for (const pad of new Set(padIsEos.texts.map((text) => text.pad))) {
      const own = padIsEos.texts.filter((text) => text.pad === pad);
      const model = createEngine({ ...config, pad_token_id: pad }, { ...weights.policy, ...score }, 'score');
      const scored = await scoreRows(model, own.map(({ ids }) => ids)); // biome-ignore format: one call
      // Cut into prompt and completion, as RLHF pays it.
      const paid = await modelReward(model, { batchSize: 3, maxLength: 8 })({
        promptIds: own.map(({ ids }) => ids.slice(0, -1)),
        completionIds: own.map(({ ids }) => ids.slice(-1)),
        ...{ prompts: [], completions: [], rows: [] },
      });
      for (const [i, { ids, reward: expected }] of own.entries()) {
        expectClose(scored[i]!.reward, expected, `${ids} of ${pad}`);
        expectClose(paid[i]!, expected, `${ids} of ${pad}, paid`);
      }
      model.dispose();
    }
  });
});
