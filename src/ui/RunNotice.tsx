// What state a run is in and what to do about it: one notice for each state that needs words.
import type { ReactNode } from 'react';
import { rawText } from '../lib/errors';
import { count, plural } from '../lib/words';
import type { RunRecord } from '../protocol/run';
import { lossFinding } from './lossFinding';
import { hasRewards, objectiveFinding } from './objectiveFinding';
import { RawText } from './RawText';

/** `finished`: what stands behind the finding of a run that has ended, and where to look next. */
export function RunNotice({
  run,
  onContinue,
  finished,
}: {
  run: RunRecord;
  onContinue: () => void;
  finished: ReactNode;
}) {
  const last = run.checkpoints.reduce((step, c) => Math.max(step, c.step), -1);
  // One name for one thing: a run continues, wherever it stands; without a checkpoint that is from the start.
  const goOn = (
    <button type="button" className="link" onClick={onContinue}>
      {last >= 0 ? `Continue from step ${count(last)}` : 'Continue from the start'}
    </button>
  );
  if (run.status === 'failed')
    return (
      <div className="note bad" role="alert">
        <div>
          <b>The run failed at step {count(run.step)}.</b> {run.error?.message ?? 'No reason was given.'} {remedy(run)}{' '}
          {last >= 0 && (
            <>
              The weights of step {count(last)} are kept. {goOn}
            </>
          )}
          <RawText text={rawText(run.error?.details)} />
        </div>
      </div>
    );
  if (run.status === 'interrupted')
    return (
      <div className="note warn" role="status">
        <div>
          <b>This run was interrupted at step {count(run.step)}.</b>{' '}
          {run.error?.message ?? 'Its tab was closed, or its worker ended.'}{' '}
          {last >= 0 ? 'It goes on along the same curve.' : 'It has no checkpoint yet.'} {goOn}
        </div>
      </div>
    );
  if (run.status === 'stopped' && run.stopReason)
    return (
      <div className="note warn" role="status">
        <div>
          <b>
            A guardrail stopped the run at step {count(run.step)} of {count(run.maxSteps)}.
          </b>{' '}
          {run.stopReason.message}{' '}
          {last >= 0 && (
            <>
              The weights of step {count(last)} are kept. {goOn}
            </>
          )}
        </div>
      </div>
    );
  if (run.status === 'stopped')
    return (
      <div className="note" role="status">
        <div>
          <b>
            You stopped the run at step {count(run.step)} of {count(run.maxSteps)}.
          </b>{' '}
          {findingOf(run)?.words} {last >= 0 && goOn}
        </div>
      </div>
    );
  if (run.status === 'finished') {
    const finding = findingOf(run);
    const hasDiverged = finding?.kind === 'diverged';
    const tone = hasDiverged ? 'bad' : finding === undefined || finding.kind === 'learned' ? 'good' : 'warn';
    return (
      <div className={`note ${tone}`} role="status">
        <div>
          <b>
            {hasDiverged
              ? 'Finished, but diverged'
              : finding?.kind === 'drifted'
                ? 'Finished, far from its start'
                : 'Finished'}
            : {run.name}, {plural(run.step, 'step')}.
          </b>{' '}
          {finding?.words} {finished}
        </div>
      </div>
    );
  }
  return null;
}

/** The loss of an online method is about 0 whatever it learns: its objective is what tells. */
const findingOf = ({ recipe, points }: RunRecord) =>
  hasRewards(points) ? objectiveFinding(points) : lossFinding(points, recipe.trainer === 'sft', recipe.args);

/** What to do beside what the error says. */
function remedy({ error }: RunRecord): string {
  return error?.kind === 'storage' ? 'Delete runs that you no longer need in Runs, then continue.' : '';
}
