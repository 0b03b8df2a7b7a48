// The chapter's worked example: a reward gained, a KL paid, and for which β the update pays. Any numbers can be typed, or the run's.
import { useState } from 'react';
import { type Fields, fieldProblem, typedNumber } from '../../lib/fields';
import { number, setting, signed } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { breakEvenWords, netFormula, verdict } from './exampleView';
import { NetChart } from './NetChart';
import { firstObjective, lastObjective } from './objectiveView';

/** Of the chapter: +1.2 of reward for 0.5 nats, under a soft and a hard brake. */
const START = { reward: '1.2', kl: '0.5', betaA: '0.1', betaB: '3' };
type Key = keyof typeof START;
const LABELS: Record<Key, string> = { reward: 'reward gained', kl: 'KL paid', betaA: 'β', betaB: 'other β' };
const FIELDS: Fields = {
  reward: { type: 'number', default: 1.2, min: -1e6, max: 1e6, help: '' },
  kl: { type: 'number', default: 0.5, min: 0, max: 1e6, help: '' },
  betaA: { type: 'number', default: 0.1, min: 0, max: 1e4, help: '' },
  betaB: { type: 'number', default: 3, min: 0, max: 1e4, help: '' },
};

export function ExampleTab({ run }: { run: RunRecord | undefined }) {
  const [typed, setTyped] = useState(START);
  const problems = (Object.keys(FIELDS) as Key[]).flatMap(
    (key) => fieldProblem(LABELS[key], FIELDS[key]!, typedNumber(typed[key])) ?? [],
  );
  const [reward, kl, betaA, betaB] = (['reward', 'kl', 'betaA', 'betaB'] as const).map((key) => Number(typed[key])) as [number, number, number, number]; // biome-ignore format: one row
  const change = { reward, kl };
  const [first, last] = [run && firstObjective(run.points), run && lastObjective(run.points)];
  const own = first && last && last.kl !== undefined && last.step > first.step ? { reward: last.reward - first.reward, kl: Math.max(0, last.kl), beta: last.beta! } : undefined; // biome-ignore format: one choice
  return (
    <Card title="Worked example" note="when does an update pay?" className="rlhf-example">
      <div className="rlhf-picker">
        {(Object.keys(LABELS) as Key[]).map((key) => (
          <label key={key} className="inline-field">
            <span>{LABELS[key]}</span>
            <input
              className="field-input mono rlhf-number"
              inputMode="decimal"
              value={typed[key]}
              onChange={({ currentTarget: { value } }) => setTyped((old) => ({ ...old, [key]: value }))}
            />
          </label>
        ))}
        <button type="button" className="button" onClick={() => setTyped(START)}>
          Start values
        </button>
        {own && (
          <button
            type="button"
            className="button"
            onClick={() =>
              setTyped((old) => ({
                ...old,
                reward: written(own.reward),
                kl: written(own.kl),
                betaA: written(own.beta),
                // Something to hold it against: twice the price at which nothing would be left.
                ...(own.reward > 0 && own.kl > 0 && { betaB: written((2 * own.reward) / own.kl) }),
              }))
            }
          >
            This run’s numbers
          </button>
        )}
        {own && (
          <span className="quiet">
            {run!.name}: reward {signed(own.reward)} since step {first!.step}, KL {number(own.kl)} nats, β{' '}
            {setting(own.beta)}
          </span>
        )}
      </div>
      {problems.length > 0 ? (
        <Fault text={problems[0]} />
      ) : (
        <div className="rlhf-example-body">
          <div className="rlhf-formulas">
            {[betaA, betaB].map((beta, i) => {
              const { pays, words } = verdict(change, beta);
              return (
                // biome-ignore lint/suspicious/noArrayIndexKey: two places, which may hold one number
                <div key={i}>
                  <p className="mono">
                    <span className="quiet">β = {beta}: r − β · KL =</span> <b>{netFormula(change, beta)}</b>
                  </p>
                  <p>
                    <span className={`verdict ${pays ? 'ok' : 'bad'}`}>{pays ? 'pays' : 'does not pay'}</span> {words}
                  </p>
                </div>
              );
            })}
            <p>
              <b>{breakEvenWords(change)}</b>
            </p>
            <p className="quiet rlhf-small">
              β is a price: nats away from the reference, each at β of reward. A small one buys reward wherever it is
              offered, also from a reward that can be fooled; a large one lets only what is cheap in KL through.
            </p>
          </div>
          <NetChart change={change} betas={[betaA, betaB]} />
        </div>
      )}
    </Card>
  );
}
/** As a field takes it: few digits, no sign of its own. */
const written = (value: number): string => String(Number(value.toPrecision(3)));
