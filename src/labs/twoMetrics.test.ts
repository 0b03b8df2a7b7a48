import { expect, test } from 'vitest';
import { levelOf, outcomeOf, refusalCounts, watchedMetrics } from '../protocol/twoMetrics';
import { readingOf } from './caseCounts';
import { withData } from './recipeData';
import { preferenceNano } from './recipes/preference';
import { rlhfNano } from './recipes/rlhf';
import { fewTwoMetricsFor, twoMetricsFor, withCounted } from './twoMetrics';
import { validateRecipe } from './validateRecipe';

const onRubric = rlhfNano('rloo');
const watched = { ...onRubric, two_metrics: { ...twoMetricsFor(onRubric), stop: true } };
const without = { id: 'sha256:own', splits: { train: 90, dev: 10 } };

test('prompts without a rubric: what needs one gives its place to task success, and the rest stays as it was set', () => {
  const given = {
    ...watched,
    two_metrics: {
      ...watched.two_metrics,
      targets: [{ metric: 'rubric', better_by: 0.1 }, { metric: 'win_rate', better_by: 0.05 }, { metric: 'reward', better_by: 0.5 }], // biome-ignore format: one list
      guardrails: [
        { metric: 'rubric', worse_by: 0.01 },
        { metric: 'kl', worse_by: 3 },
      ],
    },
  };
  const moved = withData(given, without);
  expect(() => validateRecipe(moved)).toThrow('rubric needs prompts with a rubric');
  const found = withCounted(moved);
  expect(found.two_metrics.targets).toEqual([
    { metric: 'turn_correct', better_by: 0.02 },
    { metric: 'reward', better_by: 0.5 },
  ]);
  expect(found.two_metrics.guardrails).toEqual([
    { metric: 'turn_correct', worse_by: 0.05 },
    { metric: 'kl', worse_by: 3 },
  ]);
  expect(found.two_metrics).toMatchObject({ stop: true, every: given.two_metrics.every });
  expect(validateRecipe(found)).toBe(found);
});
test('task success that was chosen already keeps its bound, and what can be counted is not touched', () => {
  const own = { metric: 'turn_correct', better_by: 0.3 };
  const both = { ...watched, two_metrics: { ...watched.two_metrics, targets: [{ metric: 'win_rate' }, own] } };
  expect(withCounted(withData(both, without)).two_metrics.targets).toEqual([own]);
  expect(withCounted(both)).toBe(both);
  expect(withCounted(onRubric)).toBe(onRubric);
  // Whoever cast the votes, a method on pairs is measured by the rubric.
  const pairs = withData({ ...preferenceNano('dpo'), two_metrics: watched.two_metrics }, without);
  expect(withCounted(pairs)).toBe(pairs);
});

test('what a machine without a graphics card starts with can tell an improvement whose guardrails nothing touched', () => {
  const spec = fewTwoMetricsFor(onRubric);
  const refusals = [...Array<null>(spec.cases).fill(null), ...Array<number>(refusalCounts(spec.cases).due).fill(1)];
  const own = (value: (i: number) => number) => Array.from({ length: spec.cases }, (_, i) => value(i));
  const start = { rubric: own((i) => 0.2 + 0.1 * (i % 3)), kl: own(() => 0), refusal_recall: refusals };
  const outcome = (rise: number) => {
    const now = {
      rubric: own((i) => start.rubric[i]! + (i % 2) * 2 * rise),
      kl: own((i) => 0.2 * (i % 4)),
      refusal_recall: refusals,
    };
    return outcomeOf(
      watchedMetrics(spec).map((metric) => readingOf(metric, start, now, levelOf(spec, 40))),
      spec,
    ).outcome;
  };
  expect(outcome(0.2)).toBe('real improvement');
  expect(outcome(0)).toBe('not decided yet');
  // Without a rubric it is task success that is to rise.
  expect(fewTwoMetricsFor(withData(onRubric, without)).targets).toEqual([{ metric: 'turn_correct', better_by: 0.02 }]);
});
