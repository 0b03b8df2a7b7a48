// What a run came from and what it made, by names where they are known, with the hashes of both; of an imported log, the file.
import type { RunRecord } from '../../protocol/run';
import { Card } from '../../ui/Card';
import { useKnownNames } from '../shared/refNames';
import { lineageOf, overrideWords } from './runsView';

const short = (id: string) => (id.startsWith('sha256:') ? `${id.slice(7, 19)}` : id);

export function LineageCard({ run }: { run: RunRecord }) {
  const overridden = overrideWords(run);
  const nameOf = useKnownNames();
  return (
    <Card title="Lineage" note={run.name}>
      <dl className="facts lineage">
        {lineageOf(run, nameOf).map(({ label, id, name }) => (
          <div key={label} className="facts-pair">
            <dt>{label}</dt>
            <dd>
              {name && <>{name} · </>}
              <button
                type="button"
                className="link"
                title={`Copy ${id}`}
                onClick={() => void navigator.clipboard.writeText(id)}
              >
                {short(id)}
              </button>
            </dd>
          </div>
        ))}
        {overridden.length > 0 && (
          <div className="facts-pair">
            <dt>trained in spite of</dt>
            <dd className="warn-text">{overridden.join(', ')}</dd>
          </div>
        )}
        {run.imported ? (
          <>
            <div className="facts-pair">
              <dt>imported from</dt>
              <dd>{run.imported.fileName}</dd>
            </div>
            <div className="facts-pair">
              <dt>weights</dt>
              <dd>none: a log has curves only</dd>
            </div>
            {run.imported.notes.map((note) => (
              <div key={note} className="facts-pair">
                <dt>note</dt>
                <dd>{note}</dd>
              </div>
            ))}
          </>
        ) : (
          <>
            <div className="facts-pair">
              <dt>seed</dt>
              <dd>{run.recipe.seed}</dd>
            </div>
            <div className="facts-pair">
              <dt>backend</dt>
              <dd>{run.backend ? `${run.backend.backend} · ${run.backend.adapter}` : '–'}</dd>
            </div>
            <div className="facts-pair">
              <dt>checkpoints</dt>
              <dd>{run.checkpoints.map((c) => c.step).join(', ') || 'none yet'}</dd>
            </div>
          </>
        )}
        {Object.entries(run.versions).map(([k, v]) => (
          <div key={k} className="facts-pair">
            <dt>{k}</dt>
            <dd>{v}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
