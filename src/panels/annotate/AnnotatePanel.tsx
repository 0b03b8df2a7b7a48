// Annotate: two answers to one prompt, compared blind and by keyboard; then what the rubric and others say, and the votes as a dataset.
import { useEffect, useRef, useState } from 'react';
import { Fault } from '../../ui/Fault';
import { Panel } from '../../ui/Panel';
import { AgreementCard } from './AgreementCard';
import { type KeyPlace, verbOf } from './annotateView';
import { afterVerbs, move, openAnnotations, skipPair, takeBack, useAnnotations, vote } from './annotations';
import { NewSession } from './NewSession';
import { PairCard } from './PairCard';
import { SessionBar } from './SessionBar';
import { SetCard } from './SetCard';
import { ShareCard } from './ShareCard';
import '../../ui/parts.css';
import './annotate.css';

const placeOf = (target: EventTarget | null): KeyPlace => {
  const element = target instanceof Element ? target : document.body;
  if (element.closest('input, textarea, select, [contenteditable], dialog')) return 'field';
  return element.closest('[role="radiogroup"]') ? 'choices' : 'page';
};

export function AnnotatePanel() {
  const { session, pair, error, said, hasKeys } = useAnnotations();
  const [isBeginning, setBeginning] = useState(false);
  const [isScoring, setScoring] = useState(false);
  const note = useRef<HTMLTextAreaElement>(null);
  const rubric = useRef<HTMLDivElement>(null);
  /** What is typed after the key for a note, before its field has the focus, is no vote. */
  const isNoteWanted = useRef(false);
  useEffect(() => {
    void openAnnotations();
  }, []);
  useEffect(() => {
    if (!hasKeys) return;
    const onKey = (event: KeyboardEvent) => {
      const verb = event.repeat ? undefined : verbOf(event, placeOf(event.target));
      if (!verb) return;
      event.preventDefault();
      if (isNoteWanted.current) return;
      if (verb === 'skip') void skipPair();
      else if (verb === 'undo') void takeBack();
      else if (verb === 'next') void move(1);
      else if (verb === 'previous') void move(-1);
      else if (verb === 'note') {
        isNoteWanted.current = true;
        void afterVerbs(() => {
          isNoteWanted.current = false;
          note.current?.focus();
        });
      } else if (verb === 'rubric') setScoring((is) => !is);
      else void vote(verb);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [hasKeys]);
  useEffect(() => {
    if (isScoring) rubric.current?.querySelector<HTMLElement>('[role="radio"][tabindex="0"]')?.focus();
  }, [isScoring]);
  return (
    <Panel
      title="Annotate"
      lede="Which of two answers is better, blind. First lever when answers are not wrong and still not wanted; do not train on votes that nobody agrees with."
      actions={<SessionBar isBeginning={isBeginning} onBegin={() => setBeginning(!isBeginning)} />}
    >
      {isBeginning && <NewSession onClose={() => setBeginning(false)} />}
      <Fault text={error} />
      <p className="sr-only" role="status">
        {said}
      </p>
      <div className="annotate-grid">
        <PairCard
          key={session?.id}
          isScoring={isScoring}
          onScoring={setScoring}
          note={note}
          rubric={rubric}
          isEmpty={session !== undefined && !pair}
        />
        <div className="annotate-side">
          <AgreementCard />
          <SetCard key={`set ${session?.id}`} />
          <ShareCard />
        </div>
      </div>
    </Panel>
  );
}
