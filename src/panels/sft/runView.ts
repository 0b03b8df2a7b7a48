// What the SFT panel says about a pair of runs: how two arms differ. Pure: metrics in, words out.
import { percent, signed } from '../../lib/words';
import type { MetricResult } from '../../protocol/requests';

/** The measured difference of two arms on one metric, as a finding. */
export function pairFinding(metric: string, full: MetricResult, completion: MetricResult): string {
  const difference = completion.value - full.value;
  const isClear = completion.high < full.low || completion.low > full.high;
  const points = signed(difference * 100);
  const values = `${percent(full.value)} of answers repeat the prompt after full-sequence loss, ${percent(completion.value)} after completion-only loss`;
  const verdict = isClear
    ? `a difference of ${points} points that the intervals separate`
    : `${points} points, within the intervals: measure on more cases or train longer before you conclude`;
  return `${metric}: ${values}; ${verdict}.`;
}
