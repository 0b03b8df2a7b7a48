// What votes changed, on held-out prompts: rubric, guardrails, win rate against the start, distance from the reference.
import type { RunRecord } from '../../protocol/run';
import { countedOn, type TwoMetrics } from '../../protocol/twoMetrics';
import { MeasuredCard as Measured } from '../shared/MeasuredCard';
import { CASES } from '../shared/measureRequest';
import { drawnKey, measureDrawn, SAMPLES } from './measureRun';

/** Metrics of one name differ between the cards where their cases do: so both say which. */
const otherCases = (watch: TwoMetrics | null | undefined): string =>
  watch
    ? `Counted here on ${CASES} held-out prompts, kl on ${SAMPLES} of them; Two metrics counts refusal_recall and schema_valid on ${countedOn('schema_valid', watch)}, kl on ${countedOn('kl', watch)}: figures of one name differ as their cases do. `
    : '';

export function MeasuredCard({ run, starts }: { run: RunRecord; starts: boolean }) {
  return (
    <Measured
      key={run.id}
      run={run}
      note={`${run.name}: ${CASES} held-out prompts, answered greedily, 95 % intervals; kl from ${SAMPLES} drawn answers`}
      labels={['start', 'trained']}
      models={['Starting model', 'Trained model']}
      starts={starts}
      idle="The curves say which of two given answers is likelier; measuring lets the model answer, and grades that."
      besides={{
        metrics: run.measured?.[drawnKey(run)],
        measure: (signal) => measureDrawn(run, signal),
        words: 'Answers are drawn and read under the reference …',
      }}
      remark={
        <p className="train-small">
          {otherCases(run.recipe.two_metrics)}A higher win rate says which answer the rubric likes better, not that its
          facts are right: read it beside the guardrails, refusal_recall, schema_valid, mean_length and kl.
        </p>
      }
    />
  );
}
