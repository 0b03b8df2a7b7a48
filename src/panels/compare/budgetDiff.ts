// In what runs of several methods differ beside the method: data, budget, rates. Pure.
import { answersOfStep } from '../../labs/compareMethods';
import { runCounts } from '../../labs/methodCounts';
import { LABELLED, PAIRS } from '../../labs/recipes/preference';
import { count } from '../../lib/words';
import type { Ref } from '../../protocol/recipe';
import type { RunRecord } from '../../protocol/run';
import { type Difference, recipeDiff } from '../shared/recipeDiff';

/** What makes the method, and what is only measured or kept on the way. Batches are compared as answers a step. */
const NOT_OF_BUDGET =
  /^(trainer|reference|data\.eval|evaluation|two_metrics|overrides|args\.(beta|loss_type|num_generations|per_device_train_batch_size|gradient_accumulation_steps|eval_.*|max_eval_.*|per_device_eval_.*|generat.*|logging_.*|save_.*|report_.*))$/;
/** Runs that read as many tokens as this have one budget, whatever their steps. */
const ALIKE = 1.15;

/** Differences in what each of the runs has a value of. What one method alone has is its own. */
export function budgetDiff(runs: readonly RunRecord[], name: (ref: Ref) => string): Difference[] {
  // The built-in answers with a label are those of the built-in pairs.
  const nameOf = (ref: Ref) => name(ref === LABELLED ? PAIRS : ref);
  const tokens = runs.map((run) => runCounts(run).trainedTokens);
  const isOneBudget = Math.min(...tokens) > 0 && Math.max(...tokens) <= ALIKE * Math.min(...tokens);
  const found = recipeDiff(runs, nameOf).differences.filter(
    ({ key, values }) =>
      !NOT_OF_BUDGET.test(key) &&
      !(key === 'args.max_steps' && isOneBudget) &&
      values.every(({ kind }) => kind === 'set' || kind === 'default'),
  );
  const answers = runs.map(({ recipe }) => answersOfStep(recipe));
  return new Set(answers).size > 1
    ? [...found, { key: 'answers a step', values: answers.map((n) => ({ text: count(n), kind: 'set' })) }]
    : found;
}
