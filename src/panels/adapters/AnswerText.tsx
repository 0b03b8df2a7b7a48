// An answer taken apart, what its tenant's policy makes of it, and both as they are written.
import type { ServedAnswer } from '../../protocol/requests';
import { answerParts, verdictRows } from './routingView';

export function AnswerText({
  answer: { text = '', terminated },
}: {
  answer: Pick<ServedAnswer, 'text' | 'terminated'>;
}) {
  const parts = answerParts(text);
  const cut = terminated === false && <span className="warn-text"> … cut at max_new_tokens</span>;
  if (!parts)
    return (
      <p className="answer-text mono">
        {text || '(nothing)'}
        {cut}
      </p>
    );
  return (
    <>
      <p className="ad-said-text">“{parts.answer}”</p>
      <dl className="ad-parts">
        {parts.rest.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="mono">{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
export function Verdicts({ answer: { verdicts, expected, text = '' } }: { answer: ServedAnswer }) {
  return (
    <>
      {verdicts && (
        <ul className="ad-verdicts">
          {verdictRows(verdicts).map(({ id, words, isMet }) => (
            <li key={id} className={isMet ? 'ok-text' : 'bad-text'} title={id}>
              <span aria-hidden="true">{isMet ? '✓' : '✗'}</span> {words}
            </li>
          ))}
        </ul>
      )}
      <details className="ad-expected">
        <summary>
          {expected === undefined || expected === text ? 'As written' : 'As written, and as its policy asks'}
        </summary>
        <p className="answer-text mono">{text}</p>
        {expected !== undefined && expected !== text && <p className="answer-text mono ok-text">{expected}</p>}
      </details>
    </>
  );
}
