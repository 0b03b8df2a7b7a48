// The pair on show: prompt, answers A and B side by side, the verbs with their keys, note and scores; below them the reveal.
import { type ReactNode, type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import { plural } from '../../lib/words';
import type { Choice, RevealedAnswer, ShownAnswer, ShownPair } from '../../protocol/annotations';
import { Card } from '../../ui/Card';
import { CHOICE_NAMES, canVote, progressWords, readAnswer, sourceWords } from './annotateView';
import {
  goOn,
  keepNote,
  move,
  samplePairs,
  showReveal,
  skipPair,
  stopSampling,
  takeBack,
  useAnnotations,
  vote,
} from './annotations';
import { RevealPart } from './RevealPart';
import { ScoresPart } from './ScoresPart';

export function PairCard({
  isScoring,
  onScoring,
  note,
  rubric,
  isEmpty,
}: {
  isScoring: boolean;
  onScoring: (is: boolean) => void;
  note: RefObject<HTMLTextAreaElement | null>;
  rubric: RefObject<HTMLDivElement | null>;
  /** A session whose model has given no pair yet. */
  isEmpty: boolean;
}) {
  const { session, pair, at, reveal, sampling, passedOver, revealsAtOnce, hasKeys } = useAnnotations();
  const isSampling = session !== undefined && sampling?.sessionId === session.id;
  return (
    <Card
      title={session && session.pairs > 0 ? `Pair ${at + 1} of ${session.pairs}` : 'Pair'}
      note={session && `${sourceWords(session.source)} · ${progressWords(session)}`}
      className="annotate-pair"
      actions={
        <>
          {isSampling && (
            <>
              <span className="quiet">
                {sampling.found} of {sampling.wanted} sampled
              </span>
              <button type="button" className="button" onClick={stopSampling}>
                Stop sampling
              </button>
            </>
          )}
          {session?.source.kind === 'model' && !sampling && (
            <button type="button" className="button" onClick={() => void samplePairs(10)}>
              Sample 10 more
            </button>
          )}
          <button
            type="button"
            className="icon-button"
            aria-label="Previous pair"
            title="Previous pair (←)"
            disabled={at === 0}
            onClick={() => void move(-1)}
          >
            ←
          </button>
          <button
            type="button"
            className="icon-button"
            aria-label="Next pair"
            title="Next pair (→)"
            disabled={!session || at >= session.pairs - 1}
            onClick={() => void move(1)}
          >
            →
          </button>
        </>
      }
    >
      {session && session.states.length > 0 && <Strip states={session.states} at={at} />}
      {passedOver !== undefined && passedOver > 0 && session?.source.kind === 'model' && (
        <p className="quiet annotate-small">
          {plural(passedOver, 'prompt')} passed over: the model gave the same answer each time.
        </p>
      )}
      {isEmpty ? (
        <p className="quiet annotate-empty">
          {isSampling
            ? 'The first two answers are being written …'
            : 'No pair yet. Sample some, or begin another session.'}
        </p>
      ) : !pair ? (
        <div className="skeleton-block" aria-hidden="true" />
      ) : (
        <>
          <Prompt key={`prompt ${session?.id} ${at}`} pair={pair} />
          <div className="annotate-answers">
            <Answer name="A" answer={pair.left} choice={pair.choice} side="left" told={reveal?.left} />
            <Answer name="B" answer={pair.right} choice={pair.choice} side="right" told={reveal?.right} />
          </div>
          <div className="vote-bar" role="toolbar" aria-label="Vote">
            <VoteButton choice="left" pair={pair} keyName="1">
              A is better
            </VoteButton>
            <VoteButton choice="tie" pair={pair} keyName="T">
              Tie
            </VoteButton>
            <VoteButton choice="right" pair={pair} keyName="2">
              B is better
            </VoteButton>
            <span className="vote-more">
              {reveal ? (
                <button type="button" className="button primary" onClick={() => void goOn()}>
                  Next <kbd>→</kbd>
                </button>
              ) : (
                <button type="button" className="button" disabled={!canVote(pair)} onClick={() => void skipPair()}>
                  Skip <kbd>S</kbd>
                </button>
              )}
              <button
                type="button"
                className="button"
                disabled={session?.undoes === undefined}
                onClick={() => void takeBack()}
              >
                Undo <kbd>U</kbd>
              </button>
              <button type="button" className="button" onClick={() => note.current?.focus()}>
                Note <kbd>N</kbd>
              </button>
              <button type="button" className="button" aria-expanded={isScoring} onClick={() => onScoring(!isScoring)}>
                Rubric <kbd>R</kbd>
              </button>
            </span>
          </div>
          {isScoring && session && <ScoresPart rubric={session.rubric} scores={pair.scores} container={rubric} />}
          {session && <NoteField key={`note ${session.id} ${at}`} sessionId={session.id} field={note} pair={pair} />}
          {reveal ? (
            <RevealPart reveal={reveal} choice={pair.choice} />
          ) : (
            <p className="quiet annotate-hidden">
              {pair.wasRevealed
                ? 'You have seen which answer is which: a vote from here on is kept and counts in no agreement.'
                : 'Which answer is which, the rubric and the others’ votes are hidden until you vote.'}
            </p>
          )}
          <div className="annotate-choices">
            <label className="annotate-check">
              <input
                type="checkbox"
                checked={revealsAtOnce}
                onChange={(event) => useAnnotations.setState({ revealsAtOnce: event.currentTarget.checked })}
              />
              reveal after each vote
            </label>
            <label className="annotate-check">
              <input
                type="checkbox"
                checked={hasKeys}
                onChange={(event) => useAnnotations.setState({ hasKeys: event.currentTarget.checked })}
              />
              letters and digits are keys
            </label>
            <span className="grow" />
            {!reveal && (pair.choice || pair.isSkipped) && (
              <button type="button" className="button" onClick={() => void showReveal()}>
                Show the reveal
              </button>
            )}
          </div>
        </>
      )}
    </Card>
  );
}

const STATE_WORDS = { open: 'open', voted: 'voted on', skipped: 'skipped' };
function Strip({ states, at }: { states: readonly ('open' | 'voted' | 'skipped')[]; at: number }) {
  return (
    <div className="pair-strip" aria-hidden="true">
      {states.map((state, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: pairs have no identity but their place
        <i key={i} className={i === at ? `${state} at` : state} title={`Pair ${i + 1}: ${STATE_WORDS[state]}`} />
      ))}
    </div>
  );
}

function Prompt({ pair }: { pair: ShownPair }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className="annotate-prompt" tabIndex={0} aria-label="Prompt">
      {pair.prompt.map(({ role, text }, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: turns have no identity but their place
        <p key={i} className={role === 'user' ? 'asked' : undefined}>
          <span className="turn-name">{role}</span> {text}
        </p>
      ))}
    </section>
  );
}

function Answer({
  name,
  answer,
  choice,
  side,
  told,
}: {
  name: 'A' | 'B';
  answer: ShownAnswer;
  choice?: Choice;
  side: 'left' | 'right';
  told?: RevealedAnswer;
}) {
  const { text, facts } = readAnswer(answer.text);
  const isChosen = choice === side;
  return (
    <section className={isChosen ? 'annotate-answer is-chosen' : 'annotate-answer'} aria-label={`Answer ${name}`}>
      <p className="answer-head">
        <b className="answer-letter">{name}</b>
        {isChosen && <span className="verdict ok">your vote</span>}
        {told && <span className="quiet one-line">{told.origin}</span>}
      </p>
      <p className={facts ? 'answer-said' : 'answer-said mono'}>
        {text || '(nothing)'}
        {answer.isCut && <span className="quiet"> … cut, no end of turn</span>}
      </p>
      {facts && (
        <p className="answer-facts quiet">
          {facts.map(({ label, value }) => (
            <span key={label}>
              {label} <span className="mono">{value}</span>
            </span>
          ))}
        </p>
      )}
    </section>
  );
}

function VoteButton({
  choice,
  pair,
  keyName,
  children,
}: {
  choice: Choice;
  pair: ShownPair;
  keyName: string;
  children: ReactNode;
}) {
  const isChosen = pair.choice === choice;
  return (
    <button
      type="button"
      className={isChosen ? 'button vote is-chosen' : 'button vote'}
      aria-pressed={isChosen}
      aria-label={choice === 'tie' ? 'Tie' : `${CHOICE_NAMES[choice]} is better`}
      disabled={!canVote(pair)}
      onClick={() => void vote(choice)}
    >
      {children} <kbd>{keyName}</kbd>
    </button>
  );
}

/** Kept when it is left, or taken away by another pair; Escape leaves it. */
function NoteField({
  field,
  sessionId,
  pair,
}: {
  field: RefObject<HTMLTextAreaElement | null>;
  sessionId: string;
  pair: ShownPair;
}) {
  const [text, setText] = useState(pair.note);
  const { index } = pair;
  const latest = useRef({ text, kept: pair.note });
  latest.current.text = text;
  const keep = useCallback(() => {
    const { text: now, kept } = latest.current;
    if (now === kept) return;
    latest.current.kept = now;
    void keepNote(sessionId, index, now);
  }, [sessionId, index]);
  useEffect(() => keep, [keep]);
  return (
    <textarea
      ref={field}
      className="field-input annotate-note"
      aria-label="Note on this pair"
      placeholder="Note: why, in your words"
      rows={1}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={keep}
      onKeyDown={(event) => {
        if (event.key === 'Escape') event.currentTarget.blur();
      }}
    />
  );
}
