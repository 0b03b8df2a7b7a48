// Which reward model is judged, which one beside it, and on which held-out pairs.
import { count, plural } from '../../lib/words';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { Segmented } from '../../ui/Segmented';
import { ExportVerbs } from './ExportVerbs';
import { isAdapterOf } from './judged';
import { COUNTS, type Reports } from './useReports';
import type { Reward } from './useReward';

const NONE = '';

export function JudgeBar({
  reward: { models, judge, sets, stored, allRuns },
  reports,
}: {
  reward: Reward;
  reports: Reports;
}) {
  const { options, judged, beside } = models;
  const { set, items, isMeasuring, isDone, isStale } = reports;
  const busy = items.find(({ kept }) => kept?.isMeasuring);
  if (!judged)
    return (
      <Card title="Judge" note="no reward model yet">
        <p className="quiet">
          Train one above, or bring one: a folder of AutoModelForSequenceClassification with one label, or a PEFT
          adapter with its score head, under{' '}
          <a className="link" href="#/models">
            Models
          </a>
          .
        </p>
      </Card>
    );
  return (
    <Card
      title="Judge"
      note={
        busy?.kept && busy.kept.total > 0
          ? `${busy.model.name}: ${count(busy.kept.done)} of ${count(busy.kept.total)} texts`
          : 'on pairs that no run has been trained on'
      }
      actions={
        isMeasuring ? (
          <button type="button" className="button" onClick={reports.stop}>
            Stop measuring
          </button>
        ) : (
          <button
            type="button"
            className={`button${isDone ? '' : ' primary'}`}
            disabled={!set}
            onClick={() => void reports.measure()}
          >
            {isDone ? 'Measure again' : isStale ? 'Measure the new weights' : 'Measure'}
          </button>
        )
      }
    >
      <div className="reward-bar">
        <label className="inline-field">
          <span>model</span>
          <select
            className="select"
            aria-label="Judged model"
            value={judged.ref}
            onChange={(event) => judge({ judged: event.currentTarget.value })}
          >
            {options.map(({ ref, name }) => (
              <option key={ref} value={ref}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label className="inline-field">
          <span>beside</span>
          <select
            className="select"
            aria-label="Model beside it"
            value={beside?.ref ?? NONE}
            onChange={(event) => judge({ beside: event.currentTarget.value || undefined })}
          >
            <option value={NONE}>no other</option>
            {options
              .filter(({ ref }) => ref !== judged.ref)
              .map(({ ref, name }) => (
                <option key={ref} value={ref}>
                  {name}
                </option>
              ))}
          </select>
        </label>
        <label className="inline-field">
          <span>pairs of</span>
          <select
            className="select"
            aria-label="Held-out pairs of"
            value={set?.id ?? ''}
            onChange={(event) => {
              const info = sets.find(({ id }) => id === event.currentTarget.value);
              if (info) reports.choose(info);
            }}
          >
            {sets.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <Segmented label="Number of pairs" options={COUNTS} value={reports.count} onChange={reports.setCount} />
      </div>
      <ExportVerbs key={judged.ref} model={judged} isAdapter={isAdapterOf(judged.ref, stored, allRuns)} />
      {judged.isLive && (
        <p className="quiet train-small">
          It is being trained: while {plural(Number(reports.count), 'pair')} are read the weights move on. Pause the run
          for figures of one state.
        </p>
      )}
      {reports.errors.map((text) => (
        <Fault key={text} text={text} />
      ))}
    </Card>
  );
}
