import { expect, test } from 'vitest';
import { defaultLoraRecipe } from '../../labs/registry';
import { validateRecipe } from '../../labs/validateRecipe';
import type { MetricResult } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { groupsOf } from '../../stores/runPanel';
import { NF4 } from './adapterForm';
import type { AdapterRecipe } from './draft';
import { armsWords, sweepItems, sweepMetricWords, sweepRows, sweepSeries, sweepWords } from './sweepView';

const draft: AdapterRecipe = {
  ...(defaultLoraRecipe as AdapterRecipe),
  model: { ref: 'builtin:nano', quantization: NF4(true) },
  peft: { r: 8, lora_alpha: 3, use_rslora: true, target_modules: ['q_proj'], rank_pattern: { q_proj: 2 } },
};
const options = { ranks: [2, 8], sets: ['attention', 'all'] as const, hasFull: true };

test('a sweep is ranks × sets and full tuning: valid recipes of one seed that differ in the adapter alone', () => {
  const items = sweepItems(draft, options);
  expect(items.map(({ name }) => name)).toEqual([
    'sweep r 2, attention',
    'sweep r 8, attention',
    'sweep r 2, attention + MLP',
    'sweep r 8, attention + MLP',
    'sweep full tuning',
  ]);
  for (const { name, recipe } of items) {
    expect(validateRecipe(recipe).name).toBe(name);
    expect([recipe.seed, recipe.data]).toEqual([draft.seed, draft.data]);
  }
  expect(items[3]!.recipe.peft).toMatchObject({ r: 8, lora_alpha: 16, use_rslora: true });
  expect(items[3]!.recipe.peft).not.toHaveProperty('rank_pattern');
  expect(items[3]!.recipe.model.quantization).toEqual(NF4(true));
  expect(items[4]!.recipe).toMatchObject({ peft: null, model: { ref: 'builtin:nano' } });
  expect(items[4]!.recipe.args.learning_rate).not.toBe(draft.args.learning_rate);
  expect(sweepItems(draft, { ...options, hasFull: false })).toHaveLength(4);
});

let created = 0;
const runs = (losses: (number | undefined)[]): RunRecord[] =>
  sweepItems(draft, options).map(
    ({ recipe }, i) =>
      ({
        id: `run-${i}`,
        group: 'lora sweep 1',
        createdAt: created++,
        status: losses[i] === undefined ? 'running' : 'finished',
        recipe,
        points: losses[i] === undefined ? [] : [{ step: 0, epoch: 0, eval_loss: losses[i] }],
      }) as unknown as RunRecord,
  );
const parameters = { 'run-0': 100, 'run-1': 400, 'run-2': 300, 'run-3': 1200, 'run-4': 9000 };

test('the figure is made from the runs of the group alone, in whatever order they come', () => {
  const rows = sweepRows(runs([1.4, 1.2, 1.3, undefined, 0.9]).reverse(), parameters);
  expect(rows.map(({ set, r }) => [set, r])).toEqual([
    ['attention', 2],
    ['attention', 8],
    ['all', 2],
    ['all', 8],
    ['full', undefined],
  ]);
  const series = sweepSeries(rows, (row) => (row.evalLoss === undefined ? undefined : { y: row.evalLoss }));
  expect(series.map(({ id, points }) => [id, points.map(({ x, y }) => [x, y])])).toEqual([
    ['attention', [[100, 1.4], [400, 1.2]]],
    ['all', [[300, 1.3]]],
    ['full', [[9000, 0.9]]],
  ]); // biome-ignore format: pairs
  expect(sweepWords(rows)).toBe(
    'Lowest eval_loss among the adapters: 1.20 with r 8, attention, 400 parameters. Full tuning is at 0.900: 0.300 lower. One seed does not show how much another run would differ.',
  );
  expect(sweepWords(rows.slice(0, 1))).toBeUndefined();
});

test('a measured metric has its own sentence, with intervals, in the direction that is better', () => {
  const rows = sweepRows(runs([1.4, 1.2, 1.3, undefined, 0.9]), parameters);
  const metric = (value: number, direction: MetricResult['direction'] = 'higher'): MetricResult => ({
    ...{ id: 'terminated', unit: 'share', direction, n: 40 },
    ...{ value, low: value - 0.1, high: Math.min(1, value + 0.1) },
  });
  const of = (values: Record<string, MetricResult>) =>
    sweepMetricWords('terminated', rows, (row) => values[row.run.id]);
  expect(of({})).toBe('No run has terminated measured yet.');
  const some = { 'run-0': metric(0.5), 'run-1': metric(0.8), 'run-4': metric(0.85) };
  expect(of(some)).toBe(
    'Highest terminated among the adapters: 80 % (70–90 %) with r 8, attention. Full tuning is at 85 % (75–95 %): the intervals overlap, so no difference is shown. 3 of 4 runs are measured.',
  );
  expect(of({ 'run-0': metric(0.3, 'lower'), 'run-1': metric(0.2, 'lower'), 'run-2': metric(0.4, 'lower') })).toContain(
    'Lowest terminated among the adapters: 20 %',
  );
  expect(of({ ...some, 'run-4': metric(0.3) })).toContain('the intervals are apart');
  expect(sweepSeries(rows, (row) => (row.run.id === 'run-0' ? { y: 0.5, low: 0.4, high: 0.6 } : undefined))).toEqual([
    expect.objectContaining({ points: [{ x: 100, y: 0.5, low: 0.4, high: 0.6, label: 'r 2' }] }),
  ]);
});

test('groups of a kind, the newest first', () => {
  const [older, newer] = [runs([1])[0]!, { ...runs([1])[0]!, group: 'lora sweep 2' }];
  expect(groupsOf([older, { ...newer, group: 'lora where x' }, newer], 'lora sweep ')).toEqual([
    'lora sweep 2',
    'lora sweep 1',
  ]);
});

test('arms are compared once all are measured, and ahead only where intervals are apart', () => {
  const metric = (value: number, low: number, high: number, n = 40): MetricResult => ({
    id: 'house_terms',
    unit: 'share',
    direction: 'higher',
    ...{ value, low, high, n },
  });
  const [a, b] = [metric(0.5, 0.4, 0.6), metric(0.8, 0.7, 0.9)];
  expect(armsWords([{ label: 'A', metric: a }, { label: 'B' }])).toBeUndefined();
  expect(
    armsWords([
      { label: 'A', metric: a },
      { label: 'B', metric: b },
    ]),
  ).toBe('house_terms: A 50 % (40–60 %); B 80 % (70–90 %). “B” is ahead by more than chance.');
  expect(
    armsWords([
      { label: 'A', metric: a },
      { label: 'B', metric: metric(0.55, 0.45, 0.65) },
    ]),
  ).toContain('overlap');
  expect(
    armsWords([
      { label: 'A', metric: a },
      { label: 'B', metric: a },
    ]),
  ).toContain('No arm is ahead');
});
