// Rules by example, the weighted sum as TRL's nansum, and a reward model read at the last token.
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../../gpu/node';
import { TfEngine } from '../../nn/engine';
import { initWeights } from '../../nn/init';
import { PRESETS } from '../../nn/presets';
import { caseOf } from '../../world/cases';
import { builtinItems } from '../../world/registry';
import { modelReward } from './modelReward';
import { ruleReward } from './registry';
import { type RewardFunction, type RewardRow, reward, weightedSum } from './reward';

beforeAll(async () => {
  await initNodeBackend();
});

const rowOf = (rowId: string, more: Partial<RewardRow> = {}): RewardRow => ({ rowId, row: { prompt: rowId }, ...more });
const rate = async (of: RewardFunction, completions: string[], rows = completions.map((_, i) => rowOf(`${i}`))) =>
  of({
    prompts: completions.map(() => ''),
    completions,
    promptIds: completions.map(() => [1]),
    completionIds: completions.map((text) => Array.from(text, (_, i) => i)),
    rows,
  });

test('weights count over the functions that apply; where none does, nothing is scored', () => {
  expect(weightedSum([1, null, -2], [0.5, 3, 2])).toBe(-3.5);
  expect(weightedSum([null, null], [1, 1])).toBeNull();
  expect(weightedSum([0, null], [1, 1])).toBe(0);
});
test('several functions, each in its column', async () => {
  const input = { prompts: ['', ''], completions: ['a', 'b'], promptIds: [[1], [1]], completionIds: [[2], [3]], rows: [rowOf('x'), rowOf('y')] }; // biome-ignore format: one input
  const found = await reward(
    [
      { name: 'one', weight: 2, of: () => [1, null] },
      { name: 'two', weight: 1, of: async () => [null, null] },
    ],
    input,
  );
  expect(found).toEqual([
    { rewards: [1, null], score: 2 },
    { rewards: [null, null], score: null },
  ]);
  await expect(reward([{ name: 'bad', weight: 1, of: () => [0, Number.NaN] }], input)).rejects.toThrow(
    'The reward function "bad" gave NaN for a completion of row y',
  );
});

const VALID = '{"answer":"yes","sources":[],"action":null,"status":"ok"}';
test('schema_valid: JSON by the schema, JSON alone, neither; and tool calls by their own schema', async () => {
  const call = (args: string) => `<tool_call>{"name":"query_budget","arguments":${args}}</tool_call>`;
  const turns = [VALID, '{"answer":"yes"}', 'yes', call('{"nonsense":1}')];
  expect(await rate(ruleReward('schema_valid'), turns)).toEqual([1, 0, 0, 0]);
  expect(await rate(ruleReward('schema_valid', { json: 0.2 }), turns)).toEqual([1, 0.2, 0, 0.2]);
});
test('length: full at the target, a straight line to 0', async () => {
  const turns = ['', 'ab', 'abcd', 'abcdef', 'a'.repeat(20)];
  expect(await rate(ruleReward('length', { target: 4, tolerance: 4 }), turns)).toEqual([0, 0.5, 1, 0.5, 0]);
  const longer = ruleReward('length', { target: 4, tolerance: 4, longer_pays: true });
  expect(await rate(longer, turns)).toEqual([0, 0.5, 1, 1, 1]);
});
test('exact_answer: the reference turn of a built-in row earns 1, another row’s does not; a row without truth is not judged', async () => {
  const items = builtinItems('builtin:sft/single', { rows: 6, seed: 4 });
  const cases = items.map((item) => caseOf(item, item.truth.length - 1));
  const rows = cases.map((c, i) => rowOf(items[i]!.rowId, { case: c }));
  const right = cases.map(({ expected }) => expected);
  expect(await rate(ruleReward('exact_answer'), right, rows)).toEqual(rows.map(() => 1));
  const shifted = [...right.slice(1), right[0]!];
  const wrong = (await rate(ruleReward('exact_answer'), shifted, rows)) as number[];
  expect(wrong.filter((x) => x === 1).length).toBeLessThan(2);
  const partial = (await rate(ruleReward('exact_answer', { partial: 0.5 }), shifted, rows)) as number[];
  expect(partial.some((x) => x > 0 && x <= 0.5)).toBe(true);
  expect(await rate(ruleReward('exact_answer'), ['x'])).toEqual([null]);
});
test('an unknown rule or setting is named', () => {
  expect(() => ruleReward('taste')).toThrow('There is no reward rule "taste"');
  expect(() => ruleReward('length', { goal: 3 })).toThrow('Unknown setting "goal"');
});

test('a reward model is read at the last token of prompt and completion, behind the end of a finished turn', async () => {
  const config = { ...PRESETS.nano, vocab_size: 24, hidden_size: 16, num_hidden_layers: 1, head_dim: 8, intermediate_size: 32, max_position_embeddings: 32, initializer_range: 0.3 }; // biome-ignore format: one shape
  const score = { shape: [1, 16], data: Float32Array.from({ length: 16 }, (_, i) => Math.cos(i)) };
  const engine = new TfEngine(config, { ...initWeights(config, 1), 'score.weight': score }, 'score');
  const of = (prompts: number[][], completions: number[][], batchSize: number) =>
    modelReward(engine, { batchSize, maxLength: 16, closing: { stopIds: [0], ids: [9, 8] } })({
      prompts: prompts.map(() => ''),
      completions: prompts.map(() => ''),
      promptIds: prompts,
      completionIds: completions,
      rows: prompts.map((_, i) => rowOf(`${i}`)),
    }) as Promise<number[]>;
  const together = await of([[1, 2, 3], [4]], [[5, 0], [6, 7, 5]], 2); // biome-ignore format: one call
  // The same ids, cut otherwise into prompt and completion, alone, and the end of the turn written out.
  const [first] = await of([[1, 2, 3, 5]], [[0]], 1);
  const [spelled] = await of([[1, 2, 3, 5, 0, 9]], [[8]], 1);
  const [cut] = await of([[4, 6]], [[7, 5]], 1);
  expect(together[0]).toBeCloseTo(first!, 5);
  expect(spelled).toBeCloseTo(first!, 5);
  expect(together[1]).toBeCloseTo(cut!, 5);
  expect(Math.abs(together[0]! - together[1]!)).toBeGreaterThan(1e-3);
});
