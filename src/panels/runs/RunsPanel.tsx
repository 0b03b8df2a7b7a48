// All runs: what was trained, how it went, what it came from; compared on one chart, kept as files.
import { useRef, useState } from 'react';
import { number, plural } from '../../lib/words';
import type { Ref } from '../../protocol/recipe';
import type { RunRecord } from '../../protocol/run';
import { useModelName, useStoredModels } from '../../stores/models';
import { isLive, panelOf } from '../../stores/runPanel';
import { deleteRun, exportRun, importRun, renameRun, resumeRun, useRuns } from '../../stores/runs';
import { saveFile } from '../../stores/saveFile';
import { storedConsequences } from '../../stores/storedConsequences';
import { useWorkbench } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { DeleteStored } from '../../ui/DeleteStored';
import { sinceWords } from '../../ui/dateWords';
import { FilePicker } from '../../ui/FilePicker';
import { Panel } from '../../ui/Panel';
import { useRefNames } from '../shared/refNames';
import { CompareCards } from './CompareCards';
import { LineageCard } from './LineageCard';
import { importedWords, newest, overrideWords, rateOf, runColors, STATUS_WORDS, startedAt } from './runsView';
import { SettingsCard } from './SettingsCard';
import './runs.css';

const LIMIT = 6;

export function RunsPanel() {
  useStoredModels(); // for the names of what the rows were trained on
  const refName = useRefNames();
  const records = useRuns((s) => s.runs);
  const isLoaded = useRuns((s) => s.isLoaded);
  const [chosen, setChosen] = useState<string[]>([]);
  const [message, setMessage] = useState<{ tone: 'bad' | 'good'; text: string }>();
  const file = useRef<HTMLInputElement>(null);
  const top = useRef<HTMLDivElement>(null);
  const runs = Object.values(records).sort((a, b) => b.createdAt - a.createdAt);
  const picked = runs.filter((r) => chosen.includes(r.id));
  const shown = picked.length ? picked : runs.slice(0, 1);
  const colors = runColors(shown);
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
          <FilePicker
            input={file}
            label="Run file"
            accept=".zip,.json,.jsonl,.ndjson,.log"
            isSingle
            onFiles={([first]) =>
              attempt(async () => {
                const { run, isKnown } = await importRun(await first!.file.arrayBuffer(), first!.file.name);
                return importedWords(run, isKnown && sinceWords(run.createdAt, Date.now()));
              })
            }
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
          <div ref={top} className="runs-top">
            <CompareCards runs={shown} colors={colors} />
          </div>
          <Card title="Runs" note={`${plural(runs.length, 'run')} · tick up to ${LIMIT} to compare`}>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
            <section className="runs-scroll" aria-label="All runs" tabIndex={0}>
              <table className="data-table flow-table runs-table">
                <thead>
                  <tr>
                    <th>
                      <span className="sr-only">Compare</span>
                    </th>
                    <th>name</th>
                    <th>status</th>
                    <th>model</th>
                    <th>data</th>
                    <th className="n">learning_rate</th>
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
                      color={colors[run.id]}
                      isChosen={chosen.includes(run.id)}
                      onChoose={(on) =>
                        setChosen((ids) => (on ? [...ids, run.id].slice(-LIMIT) : ids.filter((i) => i !== run.id)))
                      }
                      onShow={() => {
                        setChosen([run.id]);
                        top.current?.scrollIntoView({ block: 'start' });
                      }}
                      attempt={attempt}
                      refName={refName}
                    />
                  ))}
                </tbody>
              </table>
            </section>
          </Card>
          {shown.length === 1 && (
            <div className="runs-one">
              <SettingsCard run={shown[0]!} />
              <LineageCard run={shown[0]!} />
            </div>
          )}
        </>
      )}
    </Panel>
  );
}

const timeWords = (at: number): string =>
  new Date(at).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' });

function Row({
  run,
  color,
  isChosen,
  onChoose,
  onShow,
  attempt,
  refName,
}: {
  run: RunRecord;
  /** Of its curve; undefined where it is not on the chart. */
  color: string | undefined;
  isChosen: boolean;
  onChoose: (on: boolean) => void;
  /** Its curves alone. */
  onShow: () => void;
  attempt: (verb: () => Promise<string | undefined>) => void;
  /** What a set is called here; asked for once by the table. */
  refName: (ref: Ref) => string;
}) {
  const [draft, setDraft] = useState<string>();
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
  const nameOf = useModelName();
  const started = startedAt(run);
  const value = (metric: string) => {
    const v = newest(run, metric);
    return v === undefined ? '–' : number(v);
  };
  return (
    <tr className={isChosen ? 'on' : undefined}>
      <td className="runs-tick">
        <input
          type="checkbox"
          aria-label={`Compare ${run.name}`}
          checked={isChosen}
          onChange={(e) => onChoose(e.currentTarget.checked)}
        />
      </td>
      <td className="runs-name">
        <span className={`run-dot${color === undefined ? ' is-off' : ''}`} style={{ background: color }} />
        {draft === undefined ? (
          run.imported ? (
            <button type="button" className="link" title="Show its curves" onClick={onShow}>
              {run.name}
            </button>
          ) : (
            <a className="link" href={panelOf(run).href} onClick={() => openRun(run.id)}>
              {run.name}
            </a>
          )
        ) : (
          <input
            className="field-input"
            aria-label={`New name of ${run.name}`}
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
        {!run.imported && <span className="runs-trainer quiet mono">{run.recipe.trainer}</span>}
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
      <td data-label="model" className={run.imported ? 'quiet' : 'mono'}>
        {run.imported ? 'not in the log' : nameOf(run.recipe.model.ref)}
      </td>
      <td data-label="data" className={run.imported ? 'quiet' : 'runs-data'}>
        {run.imported ? 'not in the log' : run.recipe.data.train.map(({ ref }) => refName(ref)).join(' + ')}
      </td>
      <td data-label="learning_rate" className="n mono">
        {rateOf(run)}
      </td>
      <td data-label="step" className="n">
        {run.step} / {run.maxSteps}
      </td>
      <td data-label="loss" className="n">
        {value('loss')}
      </td>
      <td data-label="eval_loss" className="n">
        {value('eval_loss')}
      </td>
      <td data-label="started">
        {started === undefined ? <span className="quiet">not in the log</span> : timeWords(started)}
        {run.imported && <span className="runs-overrides quiet">imported {timeWords(run.createdAt)}</span>}
      </td>
      <td className="flow-row">
        <span className="runs-verbs">
          <button type="button" className="link" aria-label={`Rename ${run.name}`} onClick={() => setDraft(run.name)}>
            Rename
          </button>
          {canResume && (
            <button
              type="button"
              className="link"
              aria-label={`Continue ${run.name}`}
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
            aria-label={`Export ${run.name}`}
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
          <DeleteStored
            id={run.id}
            name={run.name}
            className="link"
            unless={isLive(run) ? 'It trains or waits. Stop it first.' : undefined}
            consequences={storedConsequences}
            remove={async () => {
              const freedBytes = await deleteRun(run.id);
              attempt(async () => `Deleted “${run.name}”: ${number(freedBytes / 1e6)} MB freed.`);
            }}
          />
        </span>
      </td>
    </tr>
  );
}
