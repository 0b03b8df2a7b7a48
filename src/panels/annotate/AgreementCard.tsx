// How far the person's blind votes agree with the rubric, with simulated annotators and with other sessions; and what draws them.
import { duration, plural } from '../../lib/words';
import { Card } from '../../ui/Card';
import { agreementWords, biasWords } from './annotateView';
import { useAnnotations } from './annotations';

export function AgreementCard() {
  const report = useAnnotations((s) => s.report);
  if (!report)
    return (
      <Card title="Agreement">
        <div className="skeleton-block" aria-hidden="true" />
      </Card>
    );
  const { votes, ties, informed, agreements, leftChosen, longerChosen, medianMs } = report;
  return (
    <Card
      title="Agreement"
      note={`${plural(votes, 'blind vote')}${ties > 0 ? `, ${plural(ties, 'tie')} among them` : ''}${medianMs === undefined ? '' : `, median ${medianMs < 10_000 ? `${(medianMs / 1000).toFixed(1)} s` : duration(medianMs / 1000)}`}`}
    >
      <table className="data-table kappa-table">
        <caption className="sr-only">Cohen’s κ with each other judge</caption>
        <thead>
          <tr>
            <th>with</th>
            <th className="n">n</th>
            <th className="n">agree</th>
            <th className="n">chance</th>
            <th className="n">κ</th>
          </tr>
        </thead>
        <tbody>
          {agreements.map((one) => (
            <tr key={one.id} title={agreementWords(one)}>
              <td>{one.title}</td>
              <td className="n">{one.n}</td>
              <td className="n">{share(one.observed)}</td>
              <td className="n">{share(one.expected)}</td>
              <td className="n">{share(one.kappa)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="annotate-small">{agreements[0] && agreementWords(agreements[0])}</p>
      <dl className="annotate-biases">
        <dt>Left side chosen</dt>
        <dd>{biasWords(leftChosen, 'the left side draws you', 'the right side draws you')}</dd>
        <dt>Longer answer chosen</dt>
        <dd>{biasWords(longerChosen, 'length draws you', 'brevity draws you')}</dd>
      </dl>
      {informed > 0 && (
        <p className="quiet annotate-small">
          {plural(informed, 'vote')} cast after the reveal was seen {informed === 1 ? 'counts' : 'count'} in none of
          these.
        </p>
      )}
      <details className="meanings">
        <summary>What κ is</summary>
        <p>
          κ = (agree − chance) / (1 − chance): 1 is full agreement, 0 what two would reach who keep their own shares of
          A, B and ties and draw blindly. Choices are compared as they stood on the screen, where a coin has placed
          them. Words for sizes of κ are Landis and Koch’s (1977).
        </p>
      </details>
    </Card>
  );
}
const share = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(2).replace('-', '−'));
