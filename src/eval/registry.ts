// All metrics, in the order in which tables show them. Adding one: an object in src/eval/metrics and a line here.
import { ConfigError } from '../lib/errors';
import type { Metric } from './metric';
import { factCorrect, promptEcho, statusCorrect, turnCorrect } from './metrics/answers';
import { jsonValid, meanLength, schemaValid, terminated } from './metrics/form';
import { overRefusalRate, refusalPrecision, refusalRecall } from './metrics/refusals';
import { rubric } from './metrics/rubric';
import { tenantPolicyCorrect, tenantStyle } from './metrics/tenants';
import { needlessCallRate, toolCallCorrect, toolNameCorrect } from './metrics/toolCalls';
import { flattery, houseTerms, signsExact, signsRight } from './metrics/wording';

export const METRICS: readonly Metric[] = [
  schemaValid,
  jsonValid,
  toolCallCorrect,
  toolNameCorrect,
  needlessCallRate,
  refusalPrecision,
  refusalRecall,
  overRefusalRate,
  statusCorrect,
  factCorrect,
  turnCorrect,
  tenantPolicyCorrect,
  tenantStyle,
  rubric,
  houseTerms,
  signsRight,
  signsExact,
  flattery,
  promptEcho,
  terminated,
  meanLength,
];

/** Throws ConfigError naming the unknown id. */
export function findMetrics(ids: readonly string[]): Metric[] {
  return ids.map((id) => {
    const metric = METRICS.find((m) => m.id === id);
    if (!metric)
      throw new ConfigError(`There is no metric "${id}". Known metrics: ${METRICS.map((m) => m.id).join(', ')}.`, {
        where: 'evaluation',
      });
    return metric;
  });
}
