// Which runs stand side by side, measuring them, and training the methods that no run has yet on the same budget.
import { tokensOfRow } from '../../labs/compareMethods';
import { argsOf } from '../../labs/trainerOf';
import { count, plural } from '../../lib/words';
import { refusalCounts } from '../../protocol/twoMetrics';
import { BaseSelect } from '../../ui/BaseSelect';
import { Card } from '../../ui/Card';
import { Checks } from '../../ui/Checks';
import { sinceWords } from '../../ui/dateWords';
import { Fault } from '../../ui/Fault';
import { QueueControls } from '../../ui/QueueControls';
import { Segmented } from '../../ui/Segmented';
import { budgetWords, stateWords } from './compareView';
import { NumberField } from './NumberField';
import { CASES, type Compare } from './useCompare';

export function RunsCard({ compare }: { compare: Compare }) {
  const { start, starts, setStart, runs, others, ticked, rows, cases, setCases, progress, error } = compare;
  const { due, other } = refusalCounts(cases);
  const isOn = (id: string) => ticked.some((run) => run.id === id);
  return (
    <Card title="One start" note={runs.length === 0 ? 'no finished run yet' : `${plural(runs.length, 'run')} from it`}>
      <div className="compare-line">
        <div className="inline-field">
          <span>start</span>
          <BaseSelect bases={starts} value={start} onChange={setStart} label="start model" />
        </div>
      </div>
      {runs.length > 0 ? (
        <ul className="compare-runs">
          {runs.map((run) => {
            const row = rows.find((one) => one.run.id === run.id);
            return (
              <li key={run.id}>
                <label>
                  <input
                    type="checkbox"
                    checked={isOn(run.id)}
                    onChange={(event) => compare.tick(run.id, event.currentTarget.checked)}
                  />
                  <b>{run.name}</b>
                </label>
                <span className="quiet">
                  {[
                    budgetWords(run),
                    run.status === 'stopped' && `stopped at step ${count(run.step)}`,
                    row && stateWords(row, (at) => sinceWords(at, Date.now())),
                  ]
                    .filter(Boolean)
                    .join(', ')}
                </span>
              </li>
            );
          })}
        </ul>
      ) : (
        <p className="quiet compare-small">
          Runs of DPO, ORPO, KTO, SimPO, RLOO and PPO that begin with this model appear here when they have ended.
        </p>
      )}
      {others > 0 && (
        <p className="quiet compare-small">
          {plural(others, 'run')} of another template {others === 1 ? 'is' : 'are'} left out: other prompts, other
          figures.
        </p>
      )}
      {runs.length > 0 && (
        <div className="compare-line">
          <div className="inline-field">
            <span>cases</span>
            <Segmented
              label="Held-out cases"
              options={CASES.map((n) => ({ id: String(n), label: String(n) }))}
              value={String(cases)}
              onChange={(value) => setCases(Number(value))}
            />
          </div>
          {progress ? (
            <>
              <button type="button" className="button" onClick={compare.cancel}>
                Cancel
              </button>
              <span className="quiet" role="status">
                {progress.total === 0
                  ? 'reading the models'
                  : `${progress.name}: ${count(progress.done)} of ${count(progress.total)} answers`}
              </span>
            </>
          ) : (
            <button type="button" className="button primary" disabled={ticked.length === 0} onClick={compare.measure}>
              Measure {plural(ticked.length, 'run')}
            </button>
          )}
        </div>
      )}
      {runs.length > 0 && (
        <p className="quiet compare-small">
          Each run and the start answer the same {cases} held-out questions and {due + other} about refusals.
        </p>
      )}
      <Fault text={error} />
      <Missing compare={compare} />
    </Card>
  );
}

function Missing({ compare }: { compare: Compare }) {
  const { missing, wanted, budget, setBudget, knowsTokens, runs, queue, items, rewardRuns, training } = compare;
  if (missing.length === 0 && !queue.queue)
    return <p className="quiet compare-small">Every method has a run from this start.</p>;
  const isOnline = wanted.some((method) => method.isOnline);
  const perRow = tokensOfRow(runs);
  return (
    <div className="compare-missing">
      <h3>Queue the missing methods</h3>
      <div className="compare-line">
        <Segmented
          label="Budget"
          options={[
            { id: 'steps', label: 'steps' },
            { id: 'tokens', label: 'tokens' },
          ]}
          value={budget.unit}
          onChange={(unit) =>
            setBudget({ unit, amount: unit === 'tokens' ? defaultTokens(compare) : defaultSteps(compare) })
          }
        />
        <NumberField
          label={budget.unit === 'steps' ? 'optimizer steps each' : 'tokens read each'}
          value={budget.amount}
          isValid={(value) => Number.isInteger(value) && value >= 1}
          onChange={(amount) => setBudget({ ...budget, amount })}
        />
      </div>
      <Checks
        name="methods"
        values={missing.map(({ id }) => id)}
        chosen={wanted.map(({ id }) => id)}
        words={(id) => missing.find((method) => method.id === id)!.title}
        onChange={compare.setChosen}
      />
      {isOnline && (
        <label className="inline-field">
          <span>online methods are paid by</span>
          <select
            className="select"
            value={compare.reward}
            onChange={(event) => compare.setReward(event.currentTarget.value)}
          >
            <option value="">their recipe’s rules</option>
            {rewardRuns.map(({ id, name }) => (
              <option key={id} value={id}>
                reward model {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <p className="quiet compare-small">
        {budget.unit === 'steps'
          ? `Each takes ${plural(budget.amount, 'optimizer step')} from the same start with the same seed; a step of one method reads more tokens than a step of another, as the table shows.`
          : knowsTokens
            ? `About ${count(budget.amount)} tokens each, by ${count(Math.round(perRow!))} tokens a row in the runs at hand${items.length > 0 ? `: ${items.map(({ name }) => name).join('; ')}` : ''}.`
            : 'How many tokens a row has is known after the first run from this start. Train one by steps first.'}
      </p>
      {training.live && !queue.queue && (
        <p className="quiet compare-small" role="status">
          {training.live.name} trains; the queue can start when it has ended.
        </p>
      )}
      <QueueControls {...queue} />
    </div>
  );
}
const defaultSteps = ({ runs }: Compare): number => runs[0]?.maxSteps ?? 40;
const defaultTokens = ({ runs }: Compare): number => {
  const [first] = runs;
  const per = tokensOfRow(runs);
  if (!first || per === undefined) return 50_000;
  const { per_device_train_batch_size: size } = argsOf(first.recipe);
  return Math.max(1000, Math.round((first.step * Number(size) * 2 * per) / 1000) * 1000);
};
