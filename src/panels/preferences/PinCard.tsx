// The chapter's worked example: two probabilities, their Δ, and what DPO's loss makes of it. Any numbers can be typed.
import { useState } from 'react';
import { fieldProblem, typedNumber } from '../../lib/fields';
import { number } from '../../lib/words';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { pinOf } from './pairView';

const FIELDS = [
  { key: 'chosen', label: 'π(chosen)', start: '0.6' },
  { key: 'rejected', label: 'π(rejected)', start: '0.2' },
  { key: 'refChosen', label: 'π_ref(chosen)', start: '0.5' },
  { key: 'refRejected', label: 'π_ref(rejected)', start: '0.5' },
] as const;
const PROBABILITY = { type: 'number', default: 0.5, min: 1e-9, max: 1, help: '' } as const;
const BETA = { type: 'number', default: 1, min: 1e-6, max: 1000, help: '' } as const;

export function PinCard() {
  const [typed, setTyped] = useState<Record<string, string>>({});
  const textOf = (key: string, start: string) => typed[key] ?? start;
  const beta = textOf('beta', '1');
  const problems = [
    ...FIELDS.map(({ key, label, start }) => fieldProblem(label, PROBABILITY, typedNumber(textOf(key, start)))),
    fieldProblem('β', BETA, typedNumber(beta)),
  ].filter((problem) => problem !== undefined);
  const p = Object.fromEntries(FIELDS.map(({ key, start }) => [key, Number(textOf(key, start))])) as Record<(typeof FIELDS)[number]['key'], number>; // biome-ignore format: one table
  const { delta, refDelta, margin, loss, weight } = pinOf(p, Number(beta));
  const isPin = p.chosen === 0.6 && p.rejected === 0.2;
  return (
    <Card title="Worked example" note="two answers to one question, by hand" className="pref-pin">
      <div className="pref-pin-fields">
        {[...FIELDS, { key: 'beta', label: 'β', start: '1' }].map(({ key, label, start }) => (
          <label key={key} className="inline-field">
            <span className="mono">{label}</span>
            <input
              className="field-input mono"
              inputMode="decimal"
              value={textOf(key, start)}
              onChange={({ currentTarget: { value } }) => setTyped((old) => ({ ...old, [key]: value }))}
            />
          </label>
        ))}
      </div>
      {problems.length > 0 ? (
        <Fault text={problems[0]} />
      ) : (
        <div className="pref-formulas mono">
          <p>
            Δ = log {p.chosen} − log {p.rejected} = <b>{number(delta)}</b>
            {isPin && ' = ln 3'}
          </p>
          <p>
            Δ_ref = log {p.refChosen} − log {p.refRejected} = {number(refDelta)}
          </p>
          <p>
            m = {beta} · ({number(delta)} − {refDelta < 0 ? `(${number(refDelta)})` : number(refDelta)}) ={' '}
            {number(margin)}
          </p>
          <p>
            −log σ({number(margin)}) = <b>{number(loss)}</b>, pulled with σ(−m) = {number(weight)}
          </p>
        </div>
      )}
    </Card>
  );
}
