import fc from 'fast-check';
import { expect, test } from 'vitest';
import { trainBpe } from '../text/bpe';
import { BUILTIN_TEMPLATE } from '../text/builtinTemplate';
import { compileTemplate } from '../text/chatTemplate';
import { Tokenizer } from '../text/tokenizer';
import { evaluationCases } from '../world/cases';
import { builtinWorld } from '../world/registry';
import { encodeCase, type Sampler } from './evaluate';
import { type AdapterUnderTest, regression, regressionCheck, type TenantSlice, tenantMatrix } from './tenantMatrix';

const render = {
  tokenizer: Tokenizer.fromJson(trainBpe([], { vocabSize: 262 })),
  template: compileTemplate(BUILTIN_TEMPLATE),
};
const world = builtinWorld();
const context = { world, render };
const TENANTS = ['bank_A', 'retail_B', 'saas_C'];
const slices: TenantSlice[] = TENANTS.map((tenant, i) => ({
  tenant,
  cases: evaluationCases(world, { n: 8, seed: 100 + i }).map((c) => ({ ...c, caseId: `${tenant}/${c.caseId}` })),
}));
const byPrompt = new Map(
  slices.flatMap(({ tenant, cases }) =>
    cases.map(
      (c, i) =>
        [
          encodeCase(c, 'plain', 1, { ...context, sampler: never }).ids.join(),
          { tenant, i, expected: c.expected },
        ] as const,
    ),
  ),
);
function never(): never {
  throw new Error('not called');
}
/** Answers the first `right(tenant)` cases of a slice as the reference does, and the others with a word that is no JSON. */
const samplerOf =
  (right: (tenant: string) => number): Sampler =>
  async (prompts, { stopIds }) =>
    prompts.map((ids) => {
      const { tenant, i, expected } = byPrompt.get(ids.join())!;
      const text = i < right(tenant) ? expected : 'Certainly!';
      return { ids: [...render.tokenizer.encode(text).ids, stopIds[0]!], terminated: true };
    });
const adapterOf = (adapterId: number, own: string, others: Partial<Record<string, number>> = {}): AdapterUnderTest => ({
  adapterId,
  tenant: own,
  sampler: samplerOf((tenant) => others[tenant] ?? (tenant === own ? 8 : 0)),
});
const options = { metric: 'schema_valid', seed: 1 };

test('each cell holds what that adapter does on that slice; its least diagonal and greatest other', async () => {
  const adapters = [
    adapterOf(17, 'bank_A', { saas_C: 2 }),
    adapterOf(42, 'retail_B', { retail_B: 6, bank_A: 1 }),
    adapterOf(9, 'saas_C'),
  ];
  const seen: number[] = [];
  const matrix = await tenantMatrix(adapters, slices, { ...options, onProgress: (done) => seen.push(done) }, context);
  expect(matrix.cells.map((row) => row.map(({ value }) => value))).toEqual([
    [1, 0, 0.25],
    [0.125, 0.75, 0],
    [0, 0, 1],
  ]);
  expect(matrix).toMatchObject({ metric: 'schema_valid', tenants: TENANTS, diagonalMin: 0.75, offDiagonalMax: 0.25 });
  expect(matrix.adapters).toEqual([
    { adapterId: 17, tenant: 'bank_A' },
    { adapterId: 42, tenant: 'retail_B' },
    { adapterId: 9, tenant: 'saas_C' },
  ]);
  for (const { value, low, high, n } of matrix.cells.flat()) {
    expect(n).toBe(8);
    expect(low).toBeLessThanOrEqual(value);
    expect(high).toBeGreaterThanOrEqual(value);
    expect(high - low).toBeGreaterThan(0.1); // also where all eight agree: Wilson's
  }
  // Wilson's for 8 of 8: 8 / (8 + 1.96²) = 0.6756.
  expect(matrix.cells[0]![0]!.low).toBeCloseTo(0.6756, 4);
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(await tenantMatrix(adapters, slices, options, context)).toEqual(matrix);
});

test('two versions of one adapter: the cases that fail now are named', async () => {
  const own = [slices[0]!];
  const measure = async (right: number) => {
    const { cells } = await tenantMatrix([adapterOf(17, 'bank_A', { bank_A: right })], own, options, context);
    return cells[0]![0]!.outcomes;
  };
  const [before, after] = [await measure(6), await measure(4)];
  const ids = own[0]!.cases.map(({ caseId }) => caseId);
  expect(regression(before, after)).toEqual({ regressions: [ids[4], ids[5]], fixed: [], cases: 8 });
  expect(regression(after, before)).toEqual({ regressions: [], fixed: [ids[4], ids[5]], cases: 8 });
  const check = (allowance: number) => regressionCheck(before, after, { against: 'sha256:1', allowance }).passes;
  expect([check(0), check(1), check(2)]).toEqual([false, false, true]);
});

test('a fixed case does not pay for a broken one', () => {
  const found = regressionCheck(
    { a: true, b: false, c: false },
    { a: false, b: true, c: true },
    { against: 'x', allowance: 0 },
  );
  expect(found).toEqual({
    against: 'x',
    allowance: 0,
    cases: 3,
    regressions: ['a'],
    fixed: ['b', 'c'],
    right: { before: 1, after: 2 },
    passes: false,
  });
});

test('a first version beats the bare base, and knows its own tenant’s cases best', () => {
  const outcomes = (right: number, of = 10) =>
    Object.fromEntries(Array.from({ length: of }, (_, i) => [`case ${i}`, i < right]));
  const check = (base: number, own: number, others: Record<string, ReturnType<typeof outcomes>>, allowance = 0) =>
    regressionCheck(outcomes(base), outcomes(own), { against: 'base', allowance, others });
  expect(check(0, 6, { b: outcomes(2) })).toMatchObject({
    right: { before: 0, after: 6 },
    others: [{ tenant: 'b', right: 2, cases: 10 }],
    passes: true,
  });
  expect(check(0, 0, { b: outcomes(0) }).passes, 'a base that decides nothing is no bar').toBe(false);
  expect(check(0, 1, { b: outcomes(6), c: outcomes(0) }).passes, 'the adapter of b').toBe(false);
  expect(check(0, 3, { b: outcomes(3) }).passes, 'of either').toBe(false);
  expect(check(0, 3, { b: outcomes(5, 20) }).passes, 'shares count, not cases').toBe(true);
  expect(check(10, 10, { b: outcomes(2) }).passes, 'nothing is left to better').toBe(true);
  for (const base of [0, 10])
    expect(check(base, 10, { b: outcomes(10), c: outcomes(20, 20) }).passes, 'right everywhere').toBe(true);
  expect(check(0, 9, { b: outcomes(9), c: outcomes(0) }).passes, 'as good elsewhere, and not all right').toBe(false);
  expect(check(6, 5, { b: outcomes(0) }, 1).passes, 'fewer than the base').toBe(false);
});

test('any outcomes: each case is a regression, fixed, or as before', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.tuple(fc.boolean(), fc.boolean())), (both) => {
      const side = (i: 0 | 1) => Object.fromEntries(Object.entries(both).map(([id, pair]) => [id, pair[i]]));
      const { regressions, fixed, cases } = regression(side(0), side(1));
      const passed = (i: 0 | 1) => Object.values(side(i)).filter(Boolean).length;
      expect(passed(1) - passed(0)).toBe(fixed.length - regressions.length);
      expect(cases).toBe(Object.keys(both).length);
      expect(regressions.filter((id) => fixed.includes(id))).toEqual([]);
    }),
  );
});

test('bad input is named', async () => {
  const adapters = [adapterOf(17, 'bank_A')];
  const refused = (given: AdapterUnderTest[], table: TenantSlice[], metric = 'schema_valid') =>
    expect(tenantMatrix(given, table, { metric, seed: 1 }, context)).rejects;
  await refused(adapters, slices.slice(1)).toThrow(
    'Adapter 17 is for bank_A, and there are cases of retail_B, saas_C only',
  );
  await refused(adapters, [slices[0]!, slices[0]!]).toThrow('bank_A has two slices');
  await refused([], slices).toThrow('at least one adapter');
  await refused(adapters, slices, 'bleu').toThrow('There is no metric "bleu"');
  await refused(adapters, slices, 'mean_length').toThrow('mean_length does not say whether a case passes');
  await refused(adapters, slices, 'prompt_echo').toThrow('better is lower');
  const noCalls = [{ tenant: 'bank_A', cases: slices[0]!.cases.filter(({ truth }) => truth.expect === 'final') }];
  await refused(adapters, noCalls, 'tool_call_correct').toThrow(/counts none of the \d cases of bank_A/);
  const one = await tenantMatrix(adapters, [slices[0]!], options, context);
  expect(one.offDiagonalMax).toBeNaN();
  expect(() => regression({ a: true }, { b: true })).toThrow('a was counted before only. Measure both on one slice.');
  expect(() => regression({}, { b: true })).toThrow('b was counted after only');
  expect(() => regressionCheck({}, {}, { against: 'x', allowance: 0 })).toThrow('over no cases');
  expect(() => regressionCheck({ a: true }, { a: true }, { against: 'x', allowance: -1 })).toThrow('got -1');
});
