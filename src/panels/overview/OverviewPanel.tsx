// The pipeline as the person walks it, where the model in hand stands, and the Monday on which the base model fails.
import { defaultSftRecipe } from '../../labs/registry';
import { number } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { useModelName, useStoredModels } from '../../stores/models';
import { isSlow } from '../../stores/recipeDraft';
import { useRuns } from '../../stores/runs';
import { useSession } from '../../stores/session';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { Panel } from '../../ui/Panel';
import { judge, MONDAY } from './monday';
import { PHASES } from './phases';
import { type MondayAnswers, useMonday } from './useMonday';
import './overview.css';
import { trainedHead } from '../../trainers/registry';

const hasWeights = ({ checkpoints, recipe }: RunRecord) =>
  checkpoints.length > 0 && trainedHead(recipe.trainer) === 'lm';

export function OverviewPanel() {
  const runs = useRuns((s) => s.runs);
  const backend = useSession((s) => s.backend);
  const newest = Object.values(runs)
    .filter(hasWeights)
    .sort((a, b) => b.createdAt - a.createdAt)[0];
  // Without a graphics card the small base answers in a moment, the default one in several.
  const base = newest?.recipe.model.ref ?? (isSlow(backend) ? 'builtin:nano' : defaultSftRecipe.model.ref);
  const trained = newest && `run:${newest.id}`;
  useStoredModels(); // for the name of the base
  const nameOf = useModelName();
  const monday = useMonday();
  const at = newest?.recipe.peft ? 'peft' : newest ? 'sft' : 'base';
  return (
    <Panel
      title="Overview"
      lede="Post-training turns a text-continuer into an assistant. Name the failure first, then take the lever that mends it; no lever mends a failure of another phase."
    >
      <Pipeline at={at} />
      <div className="overview-main">
        <Card
          title="The failing Monday"
          note={`three requests to ${nameOf(base)}${newest ? ` and to “${newest.name}”` : ''}`}
          actions={
            monday.busy ? (
              <button type="button" className="button" onClick={monday.stop}>
                Stop
              </button>
            ) : (
              <button
                type="button"
                className="button primary"
                disabled={!backend}
                onClick={() => void monday.run(trained ? [base, trained] : [base])}
              >
                Run the Monday
              </button>
            )
          }
        >
          <Fault text={monday.error} />
          <div className={trained ? 'monday has-trained' : 'monday'}>
            {MONDAY.map((c) => (
              <section key={c.id}>
                <h3>{c.title}</h3>
                <p className="quiet">
                  {monday.answers[base]?.[c.id]
                    ? `“${monday.answers[base]![c.id]!.question}”`
                    : `On that Monday: ${c.failure}`}
                </p>
                <Answer label="base" id={c.id} answers={monday.answers[base]} />
                {trained && <Answer label="trained" id={c.id} answers={monday.answers[trained]} />}
              </section>
            ))}
          </div>
        </Card>
        <FirstRun newest={newest} />
      </div>
      <Card title="Phases" note="what each mends first; those without a link are chapters still to come">
        <div className="overview-scroll">
          <table className="data-table phases">
            <thead>
              <tr>
                <th>phase</th>
                <th>how usual</th>
                <th>the failure it mends</th>
                <th>artifact and lever</th>
                <th>model in hand</th>
              </tr>
            </thead>
            <tbody>
              {PHASES.map((p) => (
                <tr key={p.id} className={p.id === at ? 'on' : undefined}>
                  <td>
                    {p.href ? (
                      <a className="link" href={p.href}>
                        {p.name}
                      </a>
                    ) : (
                      p.name
                    )}
                  </td>
                  <td>{p.role}</td>
                  <td>{p.fixes}</td>
                  <td>{p.artifact}</td>
                  <td>
                    {p.id === 'base'
                      ? 'yes'
                      : p.id === at && newest
                        ? `“${newest.name}”, step ${newest.step}`
                        : 'not yet'}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Card>
    </Panel>
  );
}

function Pipeline({ at }: { at: string }) {
  const reached = PHASES.findIndex((p) => p.id === at);
  return (
    <ol className="pipeline" aria-label="The pipeline of post-training">
      {PHASES.map((p, i) => (
        <li
          key={p.id}
          className={i < reached ? 'is-done' : i === reached ? 'is-here' : p.href ? '' : 'is-chapter'}
          aria-current={i === reached ? 'step' : undefined}
        >
          <span className="pipeline-dot" />
          {p.href ? <a href={p.href}>{p.name}</a> : <span>{p.name}</span>}
          <small>{i === reached ? 'model in hand' : p.href ? p.role : 'chapter'}</small>
        </li>
      ))}
    </ol>
  );
}

function Answer({ label, id, answers }: { label: string; id: (typeof MONDAY)[number]['id']; answers?: MondayAnswers }) {
  const answer = answers?.[id];
  const verdict = answer?.isDone ? judge(id, answer.text) : undefined;
  return (
    <div className="monday-answer" aria-live="polite">
      <p className="monday-head">
        <b>{label}</b>
        {verdict ? (
          <span className={`verdict ${verdict.tone}`}>{verdict.words}</span>
        ) : (
          <span className="quiet">{answer ? 'writing …' : 'not asked yet'}</span>
        )}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre className="answer-text mono" tabIndex={0}>
        {answer?.text || ' '}
      </pre>
    </div>
  );
}

function FirstRun({ newest }: { newest?: RunRecord }) {
  const value = (metric: string) => newest?.points.findLast((p) => typeof p[metric] === 'number')?.[metric];
  const evalLoss = value('eval_loss');
  return (
    <Card title="First run" note="three steps">
      <ol className="first-run">
        <li>
          <b>See the base fail.</b> Run the Monday: prose, a guess, a soft refusal.
        </li>
        <li>
          <b>Train.</b> Open{' '}
          <a className="link" href="#/sft">
            SFT
          </a>{' '}
          and press Run. The recipe is ready; watch the held-out loss, and open a row to see which tokens taught it.
        </li>
        <li>
          <b>Compare.</b>{' '}
          {newest ? (
            <>
              “{newest.name}” is at step {newest.step}
              {typeof evalLoss === 'number' ? `, held-out loss ${number(evalLoss)}` : ''}. Run the Monday again: it
              answers beside its base.
            </>
          ) : (
            'Come back here, or ask both in Chat: the trained model answers beside its base.'
          )}
        </li>
      </ol>
    </Card>
  );
}
