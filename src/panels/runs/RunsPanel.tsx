// All runs: what was trained, how it went, what it came from; compared on one chart, kept as files.
import { useRef, useState } from 'react';
import { number, plural } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { useModelStore, useStoredModels } from '../../stores/models';
import { deleteRun, exportRun, importRun, renameRun, resumeRun, useRuns } from '../../stores/runs';
import { saveFile } from '../../stores/saveFile';
import { useWorkbench } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { Panel } from '../../ui/Panel';
import {
  importedWords,
  modelWords,
  newest,
  overrideWords,
  panelOf,
  recipeDiff,
  runColor,
  STATUS_WORDS,
  sharedMetrics,
} from './runsView';
import './runs.css';

const LIMIT = 6;

export function RunsPanel() {
  useStoredModels(); // for the names of what the rows were trained on
  const records = useRuns((s) => s.runs);
  const isLoaded = useRuns((s) => s.isLoaded);
  const [chosen, setChosen] = useState<string[]>([]);
  const [message, setMessage] = useState<{ tone: 'bad' | 'good'; text: string }>();
  const file = useRef<HTMLInputElement>(null);
  const runs = Object.values(records).sort((a, b) => b.createdAt - a.createdAt);
  const picked = runs.filter((r) => chosen.includes(r.id));
  const shown = picked.length ? picked : runs.slice(0, 1);
  /** Shows how a verb ended instead of losing it. */
  const attempt = (verb: () => Promise<string | undefined>) => {
    setMessage(undefined);
    verb().then(
      (text) => text && setMessage({ tone: 'good', text }),
      (cause: Error) => setMessage({ tone: 'bad', text: cause.message }),
    );
  };
  return (
    <Panel
      title="Runs"
      lede="Every run with its recipe, curves and lineage. First lever when two results cannot be compared: look at what differs before you train again."
      actions={
        <>
          <input
            ref={file}
            type="file"
            className="sr-only"
            aria-label="Run file"
            tabIndex={-1}
            accept=".zip,.json,.jsonl,.ndjson,.log"
            onChange={async (event) => {
              const input = event.currentTarget;
              const picked = input.files?.[0];
              if (!picked) return;
              const bytes = await picked.arrayBuffer();
              input.value = '';
              attempt(async () => importedWords(await importRun(bytes, picked.name)));
            }}
          />
          <button
            type="button"
            className="button"
            title="A .run.zip of the studio, TRL’s trainer_state.json, or a log of one JSON object a line"
            onClick={() => file.current?.click()}
          >
            Import run or log
          </button>
        </>
      }
    >
      {message && (
        <div className={`note ${message.tone}`} role={message.tone === 'bad' ? 'alert' : 'status'}>
          {message.text}
        </div>
      )}
      {!isLoaded ? (
        <div className="skeleton-block" aria-hidden="true" />
      ) : runs.length === 0 ? (
        <Card title="No runs yet">
          <p className="quiet">
            Runs appear here as they train and stay after the tab is closed. Start with the default recipe on the{' '}
            <a className="link" href="#/sft">
              SFT panel
            </a>
            , or import a run file, TRL’s trainer_state.json, or a log of JSON lines.
          </p>
        </Card>
      ) : (
        <>
          <Compare runs={shown} />
          <Card title="Runs" note={`${plural(runs.length, 'run')} · tick up to ${LIMIT} to compare`}>
            <div className="runs-scroll">
              <table className="data-table">
                <thead>
                  <tr>
                    <th>
                      <span className="sr-only">Compare</span>
                    </th>
                    <th>name</th>
                    <th>status</th>
                    <th>model</th>
                    <th className="n">step</th>
                    <th className="n">loss</th>
                    <th className="n">eval_loss</th>
                    <th>started</th>
                    <th>
                      <span className="sr-only">Actions</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {runs.map((run) => (
                    <Row
                      key={run.id}
                      run={run}
                      isChosen={chosen.includes(run.id)}
                      onChoose={(on) =>
                        setChosen((ids) => (on ? [...ids, run.id].slice(-LIMIT) : ids.filter((i) => i !== run.id)))
                      }
                      attempt={attempt}
                    />
                  ))}
                </tbody>
              </table>
            </div>
          </Card>
          {shown.length === 1 && <Lineage run={shown[0]!} />}
        </>
      )}
    </Panel>
  );
}

function Row({
  run,
  isChosen,
  onChoose,
  attempt,
}: {
  run: RunRecord;
  isChosen: boolean;
  onChoose: (on: boolean) => void;
  attempt: (verb: () => Promise<string | undefined>) => void;
}) {
  const [draft, setDraft] = useState<string>();
  const [isAsked, setAsked] = useState(false);
  const openRun = useWorkbench((s) => s.openRun);
  const { text, tone } = STATUS_WORDS[run.status];
  const overridden = overrideWords(run);
  const save = () => {
    const name = draft?.trim();
    if (name && name !== run.name)
      attempt(async () => {
        await renameRun(run.id, name);
        return undefined;
      });
    setDraft(undefined);
  };
  const canResume =
    !run.imported && (run.status === 'interrupted' || run.status === 'stopped' || run.status === 'failed');
  const isLive = run.status === 'running' || run.status === 'queued' || run.status === 'paused';
  const models = useModelStore((s) => s.models);
  const value = (metric: string) => {
    const v = newest(run, metric);
    return v === undefined ? '–' : number(v);
  };
  return (
    <tr className={isChosen ? 'on' : undefined}>
      <td>
        <input
          type="checkbox"
          aria-label={`Compare ${run.name}`}
          checked={isChosen}
          onChange={(e) => onChoose(e.currentTarget.checked)}
        />
      </td>
      <td className="runs-name">
        <span className="run-dot" style={{ background: runColor(run.id) }} />
        {draft === undefined ? (
          run.imported ? (
            <span>{run.name}</span>
          ) : (
            <a className="link" href={panelOf(run)} onClick={() => openRun(run.id)}>
              {run.name}
            </a>
          )
        ) : (
          <input
            className="field-input"
            aria-label="New name"
            // biome-ignore lint/a11y/noAutofocus: the person has just asked to type here
            autoFocus
            value={draft}
            onChange={(e) => setDraft(e.currentTarget.value)}
            onBlur={save}
            onKeyDown={(e) => {
              if (e.key === 'Enter') save();
              if (e.key === 'Escape') setDraft(undefined);
            }}
          />
        )}
      </td>
      <td>
        <span className={`verdict ${tone}`}>{text}</span>
        {run.imported && (
          <span className="runs-overrides quiet" title={`From ${run.imported.fileName}: curves without weights`}>
            imported log
          </span>
        )}
        {overridden.length > 0 && (
          <span className="runs-overrides warn-text">in spite of: {overridden.join(', ')}</span>
        )}
      </td>
      <td className="mono">{run.imported ? '–' : modelWords(run.recipe.model.ref, models)}</td>
      <td className="n">
        {run.step} / {run.maxSteps}
      </td>
      <td className="n">{value('loss')}</td>
      <td className="n">{value('eval_loss')}</td>
      <td>{new Date(run.createdAt).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' })}</td>
      <td>
        <span className="runs-verbs">
          <button type="button" className="link" onClick={() => setDraft(run.name)}>
            Rename
          </button>
          {canResume && (
            <button
              type="button"
              className="link"
              onClick={() =>
                attempt(async () => {
                  await resumeRun(run.id);
                  return undefined;
                })
              }
            >
              Continue
            </button>
          )}
          <button
            type="button"
            className="link"
            onClick={() =>
              attempt(async () => {
                const { fileName, bytes } = await exportRun(run.id);
                saveFile(fileName, bytes);
                return `Saved ${fileName}.`;
              })
            }
          >
            Export
          </button>
          {isAsked ? (
            <>
              <button
                type="button"
                className="link bad-text"
                onClick={() =>
                  attempt(async () => `Deleted “${run.name}”: ${number((await deleteRun(run.id)) / 1e6)} MB freed.`)
                }
              >
                Delete for good
              </button>
              <button type="button" className="link" onClick={() => setAsked(false)}>
                Keep
              </button>
            </>
          ) : (
            <button type="button" className="link" disabled={isLive} onClick={() => setAsked(true)}>
              Delete
            </button>
          )}
        </span>
      </td>
    </tr>
  );
}

function Compare({ runs }: { runs: readonly RunRecord[] }) {
  const metrics = sharedMetrics(runs);
  const [wanted, setWanted] = useState<string>();
  const metric = wanted && metrics.includes(wanted) ? wanted : metrics[0];
  const diff = runs.length > 1 ? recipeDiff(runs) : [];
  return (
    <div className="runs-compare">
      <Card
        title={metric ?? 'curves'}
        note={runs.length > 1 ? plural(runs.length, 'run') : runs[0]?.name}
        actions={
          <select
            className="select"
            aria-label="Metric"
            value={metric ?? ''}
            onChange={(e) => setWanted(e.currentTarget.value)}
          >
            {metrics.map((m) => (
              <option key={m}>{m}</option>
            ))}
          </select>
        }
      >
        {metric ? (
          <LineChart
            title={metric}
            height={180}
            series={runs.map((run) => ({
              id: run.id,
              label: run.name,
              color: runColor(run.id),
              points: run.points.flatMap((p) =>
                typeof p[metric] === 'number' ? [{ step: p.step, value: p[metric] }] : [],
              ),
            }))}
          />
        ) : (
          <p className="quiet">Nothing was logged yet.</p>
        )}
      </Card>
      {runs.length > 1 && (
        <Card title="What differs" note={diff.length ? plural(diff.length, 'setting') : undefined}>
          {diff.length ? (
            <div className="runs-scroll">
              <table className="data-table">
                <thead>
                  <tr>
                    <th>setting</th>
                    {runs.map((r) => (
                      <th key={r.id}>
                        <span className="run-dot" style={{ background: runColor(r.id) }} />
                        {r.name}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {diff.map(({ key, values }) => (
                    <tr key={key}>
                      <td className="mono">{key}</td>
                      {values.map((v, i) => (
                        <td key={runs[i]!.id} className="mono">
                          {v}
                        </td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <p className="quiet">Nothing: same recipe, same seed, same backend. Their curves should be the same.</p>
          )}
        </Card>
      )}
    </div>
  );
}

const short = (id: string) => (id.startsWith('sha256:') ? `${id.slice(7, 19)}` : id);

function Lineage({ run }: { run: RunRecord }) {
  const overridden = overrideWords(run);
  const rows: [string, string][] = [
    ...Object.entries(run.parents).map(([k, v]): [string, string] => [`from ${k}`, v]),
    ...Object.entries(run.outputs).map(([k, v]): [string, string] => [`made ${k}`, v]),
  ];
  return (
    <Card title="Lineage" note={run.name}>
      <dl className="facts lineage">
        {rows.map(([label, id]) => (
          <div key={label} className="facts-pair">
            <dt>{label}</dt>
            <dd>
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
