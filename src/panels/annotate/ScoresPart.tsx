// The person's own scores by dimension of the rubric, 1 to 5 for each answer: digits score and go on, Escape leaves.
import type { KeyboardEvent, RefObject } from 'react';
import type { AnnotationSession, Scores } from '../../protocol/annotations';
import { Segmented } from '../../ui/Segmented';
import { keepScore } from './annotations';

const SCORES = ['1', '2', '3', '4', '5'] as const;
const SIDES = [
  ['left', 'A'],
  ['right', 'B'],
] as const;

/** The score that a digit gives where the focus is; the focus goes on to the next field. */
function onDigit(event: KeyboardEvent<HTMLDivElement>): void {
  if (event.key === 'Escape') {
    (document.activeElement as HTMLElement | null)?.blur();
    return;
  }
  const field = (event.target as Element).closest<HTMLElement>('[data-dimension]');
  if (!field || !/^[1-5]$/.test(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation(); // here a digit is no vote
  void keepScore(field.dataset.dimension!, field.dataset.side as 'left' | 'right', Number(event.key));
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-dimension]')];
  all[all.indexOf(field) + 1]?.querySelector<HTMLElement>('[role="radio"][tabindex="0"]')?.focus();
}

export function ScoresPart({
  rubric,
  scores,
  container,
}: {
  rubric: AnnotationSession['rubric'];
  scores: Scores;
  container: RefObject<HTMLDivElement | null>;
}) {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the groups within
    <div ref={container} className="annotate-scores" onKeyDown={onDigit}>
      <p className="quiet annotate-small">1 poor, 5 good. Digits score and go on to the next field; Escape leaves.</p>
      {rubric.map(({ id, title, meaning }) => (
        <div key={id} className="score-row">
          <span className="score-name">
            {title} <span className="quiet">{meaning}</span>
          </span>
          {SIDES.map(([side, name]) => (
            <span key={side} className="score-side" data-dimension={id} data-side={side}>
              <b>{name}</b>
              <Segmented
                label={`${title}, answer ${name}`}
                options={SCORES}
                value={String(scores[id]?.[side] ?? '')}
                onChange={(score) => void keepScore(id, side, Number(score))}
              />
            </span>
          ))}
        </div>
      ))}
    </div>
  );
}
