// A pair that many voted on: the share of the chosen answer and how sure it is, computed for the numbers in the fields.
import { useState } from 'react';
import { wilson } from '../../lib/agreement';
import { Card } from '../../ui/Card';
import { shareWords } from './annotateView';

export function ShareCard() {
  const [k, setK] = useState(8);
  const [n, setN] = useState(10);
  const isPossible = Number.isInteger(k) && Number.isInteger(n) && n > 0 && k >= 0 && k <= n;
  const interval = wilson(k, n);
  const field = (label: string, value: number, onChange: (value: number) => void) => (
    <input
      className="field-input"
      type="number"
      aria-label={label}
      min={0}
      value={Number.isNaN(value) ? '' : value}
      onChange={(event) => onChange(event.currentTarget.valueAsNumber)}
    />
  );
  return (
    <Card title="One pair, many voters" className="annotate-share">
      <p>
        {field('Votes for A', k, setK)} of {field('Votes in all', n, setN)} choose A →
        <b className="mono share-result">{isPossible ? shareWords({ k, n, ...interval }) : '–'}</b>
      </p>
      {isPossible && (
        <div className="share-track" aria-hidden="true">
          <i style={{ left: `${interval.low * 100}%`, width: `${(interval.high - interval.low) * 100}%` }} />
          <b style={{ left: `${(k / n) * 100}%` }} />
        </div>
      )}
      <p className="quiet annotate-small">
        Wilson’s interval (1927). One vote says little: 1 of 1 has a share of 1, and 0.21 at its lower end.
      </p>
    </Card>
  );
}
