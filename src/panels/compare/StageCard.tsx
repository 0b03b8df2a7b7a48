// Offline or online: what the chapter's stage rule says of the runs at hand, and why.
import { useState } from 'react';
import { stageRule } from '../../labs/stageRule';
import { Card } from '../../ui/Card';
import { type CompareRow, stageWords } from './compareView';

export function StageCard({ rows }: { rows: readonly CompareRow[] }) {
  const [needsExploration, setNeeds] = useState(false);
  const staged = rows.flatMap(({ run, label, method, compared }) =>
    compared ? [{ name: label, isOnline: method.isOnline, createdAt: run.createdAt, compared }] : [],
  );
  const { answer, why } = stageWords(stageRule(staged, needsExploration), needsExploration);
  return (
    <Card title="Offline or online" note="offline first; online once offline is flat and exploration is needed">
      <p className="compare-answer" role="status">
        {answer}
      </p>
      <ul className="compare-small">
        {why.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      <label className="compare-check">
        <input type="checkbox" checked={needsExploration} onChange={(event) => setNeeds(event.currentTarget.checked)} />
        The product needs answers that stand in no pair
      </label>
      <p className="quiet compare-small">
        Flat: the intervals of the last two offline runs over the best before them, answer by answer on the same cases,
        rule out a gain worth having. A wide interval rules nothing out; more cases narrow it.
      </p>
    </Card>
  );
}
