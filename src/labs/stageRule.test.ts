// The stage rule: offline first, online once two offline runs in a row gained nothing and exploration is needed.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type StagedRun, stageRule } from './stageRule';

/** So many that answers which did not change rule out the least gain worth having. */
const CASES = 400;
const startRubric = Array.from({ length: CASES }, (_, i) => 0.3 + (i % 5) * 0.02);
/** Each answer `by` better than the start's; half of them by twice as much and half not at all where it is `mixed`. */
const run = (name: string, createdAt: number, by: number, isOnline = false): StagedRun => ({
  name,
  isOnline,
  createdAt,
  compared: {
    ...{ at: 0, device: '', seconds: 0, step: 1, cases: CASES, refusals: 0, seed: 1, readings: [] },
    rubric: startRubric.map((value, i) => value + by * (i % 2 === 0 ? 1.2 : 0.8)),
    startRubric,
  },
});
const stage = (runs: StagedRun[], needsExploration = true) => stageRule(runs, needsExploration).stage;

test('nothing measured, one that gained, one that did not', () => {
  expect(stage([])).toBe('measure offline');
  expect(stage([run('RLOO', 1, 0.2, true)])).toBe('measure offline');
  expect(stage([run('DPO', 1, 0.2)])).toBe('stay offline');
  expect(stage([run('DPO', 1, 0)])).toBe('one more offline');
});
test('flat is two runs in a row without a decided gain over the best before them', () => {
  const flat = [run('DPO', 1, 0.2), run('ORPO', 2, 0.2), run('KTO', 3, 0.1)];
  expect(stage(flat)).toBe('go online');
  expect(stage(flat, false)).toBe('flat, stay offline');
  // The order is that of time, and one gain among the last two is enough to stay.
  expect(stage([...flat, run('SimPO', 4, 0.4)])).toBe('stay offline');
  expect(stage([run('SimPO', 0, 0.4), ...flat])).toBe('go online');
});
test('an interval that leaves room for a gain worth having is no plateau, with need of exploration or without', () => {
  const few = [run('DPO', 1, 0.2), run('ORPO', 2, 0.2), run('KTO', 3, 0.1)].map((one) => ({
    ...one,
    compared: { ...one.compared, rubric: one.compared.rubric.slice(0, 8), startRubric: startRubric.slice(0, 8) },
  }));
  // KTO is worse on each case; ORPO's 8 cases say nothing either way.
  expect([stage(few), stage(few, false)]).toEqual(['too few cases', 'too few cases']);
});
test('why it still pays is named: those of the last two that gained, and no run before them', () => {
  const gainers = (runs: StagedRun[]) => stageRule(runs, true).gained.map(({ name, over }) => [name, over]);
  expect(gainers([run('DPO', 1, 0.2), run('ORPO', 2, 0.3)])).toEqual([
    ['DPO', 'the start'],
    ['ORPO', 'DPO'],
  ]);
  expect(gainers([run('DPO', 1, 0.2), run('ORPO', 2, 0.1), run('KTO', 3, 0.4)])).toEqual([['KTO', 'DPO']]);
  expect(gainers([run('DPO', 1, 0.2), run('ORPO', 2, 0.2), run('KTO', 3, 0.1)])).toEqual([]);
});
test('each gain is over the best before it; online runs are held against the best offline one', () => {
  const { offline, online } = stageRule([run('DPO', 1, 0.2), run('KTO', 2, 0.1), run('RLOO', 3, 0.3, true)], false);
  expect(offline.map(({ over, isDecided }) => [over, isDecided])).toEqual([
    ['the start', true],
    ['DPO', false],
  ]);
  expect(online[0]).toMatchObject({ over: 'DPO', isDecided: true });
  expect(online[0]!.value).toBeCloseTo(0.1, 6);
});
test('without need of exploration nobody is sent online, whatever was measured', () => {
  const some = fc.array(fc.record({ by: fc.double({ min: -0.3, max: 0.5, noNaN: true }), isOnline: fc.boolean() }), { maxLength: 5 }); // biome-ignore format: one generator
  fc.assert(
    fc.property(some, (all) => {
      const runs = all.map(({ by, isOnline }, i) => run(`r${i}`, i, by, isOnline));
      expect(stage(runs, false)).not.toBe('go online');
      // And with it only once there are two offline runs.
      if (runs.filter((one) => !one.isOnline).length < 2) expect(stage(runs, true)).not.toBe('go online');
    }),
    { numRuns: 20 },
  );
});
