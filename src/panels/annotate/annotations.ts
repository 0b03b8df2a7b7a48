// State of the Annotate page: the session in hand, the pair on show, and what is told of it. Verbs wait for each other, so that a
// quick second key finds what the first one has changed.
import { create } from 'zustand';
import { CancelledError } from '../../lib/errors';
import type {
  AnnotationAction,
  AnnotationHead,
  AnnotationReport,
  AnnotationRowsOptions,
  AnnotationSession,
  AnnotationSource,
  Choice,
  Crowd,
  Reveal,
  Scores,
  ShownPair,
} from '../../protocol/annotations';
import type { DatasetInfo } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { datasetsChanged } from '../../stores/datasets';
import { askToKeep } from '../../stores/persistence';
import { saveFile } from '../../stores/saveFile';
import { canVote, firstOpen, nextPair } from './annotateView';

/** Session that a person without one begins with: the chapter's pair comes first. */
const FIRST = {
  name: 'Session 1',
  source: { kind: 'set', datasetId: 'builtin:pref', title: 'Preference pairs', split: 'train' },
  pairs: 20,
  seed: 1,
} as const;
const KEY = 'studio-annotation';
/** Longest answer that is sampled; full ones have 128 tokens at most. */
const SAMPLED_TOKENS = 160;

interface Annotations {
  sessions: AnnotationHead[];
  session?: AnnotationSession;
  at: number;
  pair?: ShownPair;
  reveal?: Reveal;
  report?: AnnotationReport;
  crowd: Crowd;
  /** A vote is followed by its reveal; otherwise by the next pair. */
  revealsAtOnce: boolean;
  hasKeys: boolean;
  sampling?: { sessionId: string; found: number; wanted: number };
  /** Prompts whose samples were equal throughout, in the sampling that ended last. */
  passedOver?: number;
  made?: { sessionId: string; info: DatasetInfo; undecided: number };
  /** Read aloud. */
  said: string;
  error?: string;
}
export const useAnnotations = create<Annotations>()(() => ({
  sessions: [],
  at: 0,
  crowd: { n: 10, habits: 'careful' },
  revealsAtOnce: true,
  hasKeys: true,
  said: '',
}));
const { setState: set, getState: get } = useAnnotations;
const text = () => studioClient().text;

let tail: Promise<void> = Promise.resolve();
/** One verb after the other; what goes wrong stands on the page until the next one. */
function verb(task: () => Promise<void>): Promise<void> {
  tail = tail.then(async () => {
    set({ error: undefined });
    try {
      await task();
    } catch (error) {
      set({ error: (error as Error).message }); // and the next verb has its turn
    }
  });
  return tail;
}

/** How long the pair has been on show, without the time in which the page was hidden. */
let [shownMs, visibleSince] = [0, 0];
const startClock = () => {
  [shownMs, visibleSince] = [0, performance.now()];
};
const elapsedMs = (): number => shownMs + (document.hidden ? 0 : performance.now() - visibleSince);
document.addEventListener('visibilitychange', () => {
  if (document.hidden) shownMs += performance.now() - visibleSince;
  else visibleSince = performance.now();
});

const storedId = (): string | null => {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // forbidden: the latest session then
  }
};
function keepId(id: string): void {
  try {
    localStorage.setItem(KEY, id);
  } catch {
    // full or forbidden: the choice lives as long as the page
  }
}

async function listSessions(): Promise<void> {
  const { sessions } = await text().request('listAnnotations', {});
  set({ sessions });
}
async function show(at: number): Promise<void> {
  const { session } = get();
  if (!session || session.pairs === 0) {
    set({ at: 0, pair: undefined, reveal: undefined });
    return;
  }
  const index = Math.max(0, Math.min(at, session.pairs - 1));
  const pair = await text().request('annotationPair', { id: session.id, pair: index });
  set({ at: index, pair, reveal: undefined });
  startClock();
  if (pair.wasRevealed && (pair.choice || pair.isSkipped)) await reveal();
}
async function reveal(): Promise<void> {
  const { session, at, crowd, pair } = get();
  if (!session || !pair) return;
  const told = await text().request('revealPair', { id: session.id, pair: at, crowd });
  set({ reveal: told, pair: { ...pair, wasRevealed: true } });
}
async function act(action: AnnotationAction, id = get().session?.id): Promise<void> {
  if (id !== undefined) setSession(await text().request('annotate', { id, action }));
}
/** The session as it is now, also in the list. */
function setSession(session: AnnotationSession): void {
  set(({ sessions, session: before }) => ({
    sessions: sessions.map((head) => (head.id === session.id ? session : head)),
    ...(before?.id === session.id && { session }),
  }));
}
async function readReport(): Promise<void> {
  const { session } = get();
  if (session) set({ report: await text().request('annotationReport', { id: session.id }) });
}
async function take(session: AnnotationSession): Promise<void> {
  keepId(session.id);
  set({ session, report: undefined, said: '' });
  await show(firstOpen(session.states));
  await readReport();
}

export const openAnnotations = (): Promise<void> =>
  verb(async () => {
    await listSessions();
    const { sessions, session } = get();
    const id = [session?.id, storedId() ?? undefined, sessions[0]?.id].find((one) =>
      sessions.some((head) => head.id === one),
    );
    if (id === undefined) {
      await take(await text().request('createAnnotation', FIRST));
      await listSessions();
    } else await take(await text().request('annotationSession', { id }));
  });
export const openSession = (id: string): Promise<void> =>
  verb(async () => take(await text().request('annotationSession', { id })));

export const beginSession = (given: {
  name: string;
  source: AnnotationSource;
  pairs: number;
  seed: number;
}): Promise<void> =>
  verb(async () => {
    const session = await text().request('createAnnotation', given);
    await listSessions();
    await take(session);
    if (given.source.kind === 'model') void samplePairs(given.pairs);
  });

let stopping: AbortController | undefined;
export const stopSampling = (): void => stopping?.abort();
/** Pairs of the session's model, one by one; the person may vote meanwhile. */
export async function samplePairs(wanted: number): Promise<void> {
  const { session } = get();
  if (stopping || session?.source.kind !== 'model') return;
  const controller = new AbortController();
  stopping = controller;
  const { id, nextPlace, seed, source } = session;
  const sampling = (found: number) => set({ sampling: { sessionId: id, found, wanted } });
  sampling(0);
  set({ passedOver: undefined, error: undefined });
  let found = 0;
  try {
    const { same, next } = await studioClient().compute.request(
      'samplePairs',
      {
        ref: source.ref,
        from: nextPlace,
        pairs: wanted,
        seed,
        temperature: source.temperature,
        max_new_tokens: SAMPLED_TOKENS,
      },
      {
        signal: controller.signal,
        onProgress: (sampled) => {
          sampling(++found);
          void verb(async () => {
            setSession(await text().request('annotate', { id, action: { do: 'add', sampled } }));
            const { session: open, pair } = get();
            if (open?.id === id && !pair) await show(0);
          });
        },
      },
    );
    set({
      passedOver: same,
      ...(next === nextPlace && {
        error:
          'Every prompt of Preference pairs, dev has been answered. Begin another session, at another temperature.',
      }),
    });
  } catch (error) {
    if (!(error instanceof CancelledError)) set({ error: (error as Error).message });
  } finally {
    stopping = undefined;
    set({ sampling: undefined });
  }
}

export const move = (by: 1 | -1): Promise<void> => verb(() => show(get().at + by));
/** From a revealed pair to the next one that is open. */
export const goOn = (): Promise<void> => verb(() => show(nextPair(get().session?.states ?? [], get().at)));

async function afterVote(words: string): Promise<void> {
  const { session, at, revealsAtOnce } = get();
  set({ said: words });
  if (revealsAtOnce) {
    const pair = await text().request('annotationPair', { id: session!.id, pair: at });
    set({ pair });
    await reveal();
  } else await show(nextPair(session!.states, at));
  await readReport();
}
export const vote = (choice: Choice): Promise<void> =>
  verb(async () => {
    const { pair, at } = get();
    if (!pair) return;
    if (!canVote(pair)) {
      set({ said: 'This vote is revealed. Take it back first, or go on.' });
      return;
    }
    void askToKeep();
    await act({ do: 'vote', pair: at, choice, ms: elapsedMs() });
    await afterVote(
      `Pair ${at + 1}: ${choice === 'tie' ? 'tie' : `${choice === 'left' ? 'A' : 'B'} is better`}. Kept.`,
    );
  });
/** Says nothing of which is which: who skips may come back. */
export const skipPair = (): Promise<void> =>
  verb(async () => {
    const { pair, at, session } = get();
    if (!pair || !session || !canVote(pair)) return;
    await act({ do: 'skip', pair: at });
    set({ said: `Pair ${at + 1} skipped.` });
    await show(nextPair(get().session!.states, at));
    await readReport();
  });
export const takeBack = (): Promise<void> =>
  verb(async () => {
    const { session } = get();
    if (session?.undoes === undefined) {
      set({ said: 'There is no vote to take back.' });
      return;
    }
    const pair = session.undoes;
    await act({ do: 'undo' });
    await show(pair);
    set({ said: `Pair ${pair + 1}: taken back.` });
    await readReport();
  });
/** Of the pair and session that it was written for: another may be on show by now. */
export const keepNote = (sessionId: string, at: number, note: string): Promise<void> =>
  verb(async () => {
    await act({ do: 'mark', pair: at, note }, sessionId);
    set(({ pair, session }) => (session?.id === sessionId && pair?.index === at ? { pair: { ...pair, note } } : {}));
  });
/** Once the verbs before are done: a key for it may come while the next pair is on its way. */
export const afterVerbs = (task: () => void): Promise<void> => verb(async () => task());
export const keepScore = (dimension: string, side: 'left' | 'right', score: number): Promise<void> =>
  verb(async () => {
    const { pair, at } = get();
    if (!pair) return;
    const scores: Scores = { ...pair.scores, [dimension]: { ...pair.scores[dimension], [side]: score } };
    set({ pair: { ...pair, scores } });
    await act({ do: 'mark', pair: at, scores });
  });
export const showReveal = (): Promise<void> => verb(reveal);
export const setCrowd = (crowd: Crowd): Promise<void> =>
  verb(async () => {
    set({ crowd });
    if (get().reveal) await reveal();
  });

export const renameSession = (name: string): Promise<void> => verb(() => act({ do: 'rename', name }));
export const deleteSession = (): Promise<void> =>
  verb(async () => {
    const { session } = get();
    if (!session) return;
    await text().request('deleteAnnotation', { id: session.id });
    set({ session: undefined, pair: undefined, reveal: undefined, report: undefined });
    void openAnnotations();
  });
export const exportVotes = (): Promise<void> =>
  verb(async () => {
    const { session } = get();
    if (!session) return;
    const { fileName, bytes } = await text().request('exportAnnotation', { id: session.id });
    saveFile(fileName, bytes, 'application/jsonl');
  });
export const makeSet = (options: AnnotationRowsOptions): Promise<void> =>
  verb(async () => {
    const { session } = get();
    if (!session) return;
    const made = await text().request('makeAnnotationSet', { id: session.id, options });
    set({ made: { sessionId: session.id, ...made } });
    datasetsChanged();
  });
