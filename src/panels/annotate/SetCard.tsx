// The votes as a preference set, at once: what counts, what becomes of ties, and where the set is used.
import { Fragment, useState } from 'react';
import { plural } from '../../lib/words';
import type { AnnotationHead } from '../../protocol/annotations';
import { hasPanel } from '../../stores/knownPanels';
import { trainOn } from '../../stores/trainOn';
import { useWorkbench } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { Segmented } from '../../ui/Segmented';
import { exportVotes, makeSet, useAnnotations } from './annotations';

/** What votes are for: a policy at once, or a number that stands in for the voters. */
const TRAINED = [
  { panel: 'preferences', words: 'Train on it in Preferences' },
  { panel: 'reward', words: 'Train a reward model on it' },
] as const;
const TIES = [
  { id: 'leave_out', label: 'leave ties out' },
  { id: 'keep', label: 'keep ties' },
] as const;
/** Only over the same rows can two sessions meet. */
const isOverSame = (a: AnnotationHead, b: AnnotationHead): boolean =>
  a.source.kind === 'set' &&
  b.source.kind === 'set' &&
  a.source.datasetId === b.source.datasetId &&
  a.source.split === b.source.split;

export function SetCard() {
  const { session, sessions, crowd, made } = useAnnotations();
  const openDataset = useWorkbench((s) => s.openDataset);
  const [title, setTitle] = useState<string>();
  const [ties, setTies] = useState<'leave_out' | 'keep'>('leave_out');
  const [hasCrowd, setCrowd] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  if (!session) return null;
  const name = title ?? `${session.name} · votes`;
  const others = sessions.filter((one) => one.id !== session.id && one.voted > 0 && isOverSame(one, session));
  const isMade = made?.sessionId === session.id;
  const seeOnData = () => {
    if (!made) return;
    openDataset(made.info.id, 'train', made.info.type);
    location.hash = '#/data';
  };
  return (
    <Card
      title="Dataset"
      note={`${plural(session.voted, 'vote')} so far`}
      actions={
        <button
          type="button"
          className="button primary"
          disabled={session.voted === 0}
          onClick={
            () =>
            void makeSet({ title: name, ties, ...(hasCrowd && { crowd }), sessions: others.map(({ id }) => id).filter((id) => chosen.has(id)) }) // biome-ignore format: one call
          }
        >
          Make the set
        </button>
      }
    >
      <div className="annotate-knobs">
        <input
          className="field-input annotate-title"
          aria-label="Name of the set"
          value={name}
          onChange={(event) => setTitle(event.currentTarget.value)}
        />
        <Segmented label="Ties" options={TIES} value={ties} onChange={setTies} />
        <label className="annotate-check">
          <input type="checkbox" checked={hasCrowd} onChange={(event) => setCrowd(event.currentTarget.checked)} />
          {crowd.n} {crowd.habits} annotators vote too
        </label>
        {others.map(({ id, name: other, voted }) => (
          <label key={id} className="annotate-check">
            <input
              type="checkbox"
              checked={chosen.has(id)}
              onChange={(event) => {
                const next = new Set(chosen);
                if (event.currentTarget.checked) next.add(id);
                else next.delete(id);
                setChosen(next);
              }}
            />
            {plural(voted, 'vote')} of {other} count too
          </label>
        ))}
      </div>
      {isMade && (
        <p className="note good" role="status">
          <span>
            {plural(made.info.rows, 'row')} in {made.info.title}
            {made.undecided > 0 && `, ${plural(made.undecided, 'tie')} left out`}.{' '}
            <button type="button" className="link" onClick={seeOnData}>
              See it on Data
            </button>
            {TRAINED.filter(({ panel }) => hasPanel(panel)).map(({ panel, words }) => (
              <Fragment key={panel}>
                {' · '}
                <button type="button" className="link" onClick={() => trainOn(`#/${panel}`, made.info)}>
                  {words}
                </button>
              </Fragment>
            ))}
          </span>
        </p>
      )}
      <button
        type="button"
        className="button annotate-export"
        disabled={session.voted + session.skipped === 0}
        onClick={() => void exportVotes()}
      >
        Export votes as JSONL
      </button>
      <p className="quiet annotate-small">
        TRL’s preference rows: prompt, chosen, rejected, with share, its interval, margin (2 · share − 1), note and
        scores beside them. A tie that is kept has a share of a half and margin 0, with the left answer as chosen.
      </p>
    </Card>
  );
}
