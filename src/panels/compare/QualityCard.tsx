// Every metric of every method beside its start, paired, with its interval and whether it decides anything.

import { COMPARED_METRICS, type Decision, decisionOf } from '../../protocol/comparison';
import { changeWords, valueWords } from '../../protocol/twoMetrics';
import { Card } from '../../ui/Card';
import { Scroll } from '../../ui/Scroll';
import { type CompareRow, readingOf } from './compareView';

const TONES: Partial<Record<Decision, string>> = { better: 'ok-text', worse: 'bad-text' };
const HEADS: Record<string, string> = {
  rubric: 'rubric quality',
  win_rate: 'win rate against the start',
  kl: 'KL from the start, nats',
  mean_length: 'mean length, tokens',
  refusal_recall: 'refusal recall',
  schema_valid: 'schema validity',
};

export function QualityCard({ rows }: { rows: readonly CompareRow[] }) {
  const first = rows.find(({ compared }) => compared)?.compared;
  return (
    <Card
      title="Quality and guardrails"
      note={
        first
          ? `${first.cases} cases and ${first.refusals} about refusals, seed ${first.seed}, on ${first.device}; change since the start, paired, 95 %`
          : ''
      }
      className="compare-table"
    >
      <Scroll label="Quality and guardrails of the methods">
        <table className="data-table">
          <thead>
            <tr>
              <th scope="col">method</th>
              {COMPARED_METRICS.map(({ id, meaning }) => (
                <th key={id} scope="col" className="n" title={meaning}>
                  {HEADS[id]}
                </th>
              ))}
              <th scope="col">known for</th>
            </tr>
          </thead>
          <tbody>
            {first && (
              <tr>
                <th scope="row">the start</th>
                {COMPARED_METRICS.map(({ id }) => (
                  <td key={id} className="n mono">
                    {valueWords(id, readingOf(first, id)!.before)}
                  </td>
                ))}
                <td />
              </tr>
            )}
            {rows.map(({ run, label, method, compared }) => (
              <tr key={run.id}>
                <th scope="row">{label}</th>
                {COMPARED_METRICS.map(({ id }) => {
                  const reading = readingOf(compared, id);
                  if (!reading)
                    return (
                      <td key={id} className="n quiet">
                        –
                      </td>
                    );
                  const decision = decisionOf(reading);
                  return (
                    <td key={id} className="n compare-cell">
                      <span className="mono">{valueWords(id, reading.now)}</span>
                      <span className="mono quiet">{changeWords(reading).replace(' [', '\n[')}</span>
                      <span className={TONES[decision] ?? 'quiet'}>{decision}</span>
                    </td>
                  );
                })}
                <td className="compare-words">{method.words}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Card>
  );
}
