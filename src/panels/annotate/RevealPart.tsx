// What is told after a vote: the rubric by dimension with its reasons under each answer, surface, and how simulated annotators voted.
import { number } from '../../lib/words';
import {
  type Choice,
  type Crowd,
  MOST_IN_CROWD,
  type Reveal,
  type RevealedAnswer,
  SIMULATED,
  type Simulated,
} from '../../protocol/annotations';
import { CHOICE_NAMES, dimensionsBeside, revealWords, shareWords } from './annotateView';
import { setCrowd, useAnnotations } from './annotations';

const SURFACE = ['words', 'politeness', 'flattery', 'hedging'] as const;

export function RevealPart({ reveal, choice }: { reveal: Reveal; choice?: Choice }) {
  const crowd = useAnnotations((s) => s.crowd);
  const { left, right, rubric, simulated, crowd: voted } = reveal;
  const agrees = choice !== undefined && rubric !== undefined && choice === rubric;
  return (
    <section className="annotate-reveal" aria-label="Reveal">
      <p className={rubric === undefined ? 'note' : agrees ? 'note good' : 'note warn'}>
        {revealWords(choice, reveal)}
      </p>
      <div className="reveal-sides">
        <Told name="A" told={left} other={right} />
        <Told name="B" told={right} other={left} />
      </div>
      {simulated && voted && (
        <dl className="reveal-votes">
          {simulated.map(({ habits, choice: theirs }) => (
            <div key={habits}>
              <dt>{habits}</dt>
              <dd>{CHOICE_NAMES[theirs]}</dd>
            </div>
          ))}
          <div className="reveal-crowd">
            <dt>
              a crowd of{' '}
              <input
                className="field-input"
                type="number"
                aria-label="Annotators in the crowd"
                min={1}
                max={MOST_IN_CROWD}
                value={crowd.n}
                onChange={(event) => takeCrowd({ ...crowd, n: event.currentTarget.valueAsNumber })}
              />{' '}
              <select
                className="select"
                aria-label="Habits of the crowd"
                value={crowd.habits}
                onChange={(event) => takeCrowd({ ...crowd, habits: event.currentTarget.value as Simulated })}
              >
                {SIMULATED.map((habits) => (
                  <option key={habits}>{habits}</option>
                ))}
              </select>
            </dt>
            <dd>
              {voted.left} A, {voted.right} B, {voted.ties} {voted.ties === 1 ? 'tie' : 'ties'}
              {voted.chosen === 'tie' ? '' : ` · share of ${CHOICE_NAMES[voted.chosen]} ${shareWords(voted.share)}`}
            </dd>
          </div>
        </dl>
      )}
    </section>
  );
}
/** What is no number of people is still being typed. */
function takeCrowd(crowd: Crowd): void {
  if (Number.isInteger(crowd.n) && crowd.n >= 1 && crowd.n <= MOST_IN_CROWD) void setCrowd(crowd);
}

function Told({ name, told, other }: { name: 'A' | 'B'; told: RevealedAnswer; other: RevealedAnswer }) {
  return (
    <div>
      <h3>
        {name}: {told.origin}
        {told.quality !== undefined && <span className="mono"> {number(told.quality)}</span>}
      </h3>
      <ul className="reveal-dimensions">
        {dimensionsBeside(told, other).map(({ id, title, score, reason, theirs }) => (
          <li key={id}>
            <span className={`mono ${score > theirs ? 'ok-text' : score < theirs ? 'bad-text' : 'quiet'}`}>
              {score.toFixed(2)}
            </span>
            <span>
              <b>{title}.</b> <span className="quiet">{reason}</span>
            </span>
          </li>
        ))}
      </ul>
      <p className="quiet annotate-small">{SURFACE.map((measure) => `${measure} ${told[measure]}`).join(' · ')}</p>
    </div>
  );
}
