// The frame of a screen that trains: its verbs, how far a check is, what state its run is in, and why one did not start.
import type { ReactNode } from 'react';
import type { RowPlace } from '../../protocol/requests';
import type { useTraining } from '../../stores/useTraining';
import { Panel } from '../../ui/Panel';
import { RunControls } from '../../ui/RunControls';
import { RunElsewhere } from '../../ui/RunElsewhere';
import { RunNotice } from '../../ui/RunNotice';
import { StartNotices } from '../../ui/StartNotices';

type Training = Pick<
  ReturnType<typeof useTraining>,
  | ('run' | 'live' | 'isBusy' | 'isStarting' | 'isRecovering' | 'checking' | 'cancelStart' | 'elsewhere' | 'blocked')
  | ('gate' | 'failure' | 'closeGate' | 'resume' | 'on')
>;

export function TrainingPanel({
  training,
  title,
  lede,
  startLabel,
  isReady = true,
  tabs,
  finished,
  deriveAnd,
  onLook,
  children,
}: {
  training: Training;
  title: string;
  lede: string;
  startLabel: string;
  /** What a start needs is known. */
  isReady?: boolean;
  /** Over the notices. */
  tabs?: ReactNode;
  /** Where to look next, behind the finding of a run that has ended. */
  finished: ReactNode;
  /** See StartNotices. */
  deriveAnd?: (retry: () => void) => void;
  /** To the rows as the recipe reads them, or to one of them. */
  onLook?: (place?: RowPlace) => void;
  children: ReactNode;
}) {
  const { run, live, isBusy, isStarting, isRecovering, checking, elsewhere, gate, failure } = training;
  return (
    <Panel
      title={title}
      lede={lede}
      actions={
        <RunControls
          status={live?.status}
          isStarting={isStarting}
          isRecovering={isRecovering}
          canStart={!isBusy && isReady}
          blocked={isBusy ? undefined : training.blocked}
          startLabel={startLabel}
          on={training.on}
        />
      }
    >
      {tabs}
      {checking !== undefined && (
        <p className="quiet" role="status">
          {checking}{' '}
          <button type="button" className="link" onClick={training.cancelStart}>
            Cancel
          </button>
        </p>
      )}
      {run && !isRecovering && <RunNotice run={run} onContinue={training.resume} finished={finished} />}
      {elsewhere && <RunElsewhere {...elsewhere} />}
      <StartNotices
        gate={gate}
        failure={failure}
        onClose={training.closeGate}
        {...(deriveAnd && { deriveAnd })}
        {...(onLook && { onLook })}
      />
      {children}
    </Panel>
  );
}
