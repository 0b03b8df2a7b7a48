// Runs the three requests on a model: real prompts, real answers, one after the other.
import { useRef, useState } from 'react';
import { CancelledError } from '../../lib/errors';
import { studioClient } from '../../stores/client';
import { MONDAY, type MondayCase } from './monday';

export interface MondayAnswer {
  question: string;
  text: string;
  isDone: boolean;
}
export type MondayAnswers = Partial<Record<MondayCase['id'], MondayAnswer>>;

export function useMonday() {
  const [answers, setAnswers] = useState<Record<string, MondayAnswers>>({});
  const [busy, setBusy] = useState<string>();
  const [error, setError] = useState<string>();
  const running = useRef<AbortController | undefined>(undefined);
  const run = async (refs: readonly string[]) => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const { signal } = controller;
    setError(undefined);
    try {
      for (const ref of refs) {
        setBusy(ref);
        setAnswers((a) => ({ ...a, [ref]: {} }));
        for (const c of MONDAY) {
          const show = (answer: MondayAnswer) => setAnswers((a) => ({ ...a, [ref]: { ...a[ref], [c.id]: answer } }));
          const { text: textWorker, compute } = studioClient();
          const found = await textWorker.request(
            'rows',
            { datasetId: c.datasetId, split: 'heldout', offset: 0, limit: 1, query: { text: c.filter } },
            { signal },
          );
          const row = found.rows[0]?.row;
          if (!row?.messages) throw new Error(`No held-out row of ${c.datasetId} holds “${c.filter}”.`);
          const { messages } = row;
          const until = messages.findIndex((m) => m.role === 'assistant');
          const before = messages.slice(0, until);
          const question = before.at(-1)?.content ?? '';
          show({ question, text: '', isDone: false });
          const prompt = await textWorker.request('encodePrompt', { messages: before, tools: row.tools }, { signal });
          const { completions } = await compute.request(
            'generate',
            {
              ref,
              prompts: [prompt.ids],
              stopIds: prompt.stopIds,
              sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 96, seed: 1 },
            },
            { signal, onProgress: ({ text }) => show({ question, text, isDone: false }) },
          );
          show({ question, text: completions[0]?.text ?? '', isDone: true });
        }
      }
    } catch (cause) {
      if (!(cause instanceof CancelledError) && !signal.aborted) setError((cause as Error).message);
    } finally {
      if (running.current === controller) setBusy(undefined);
    }
  };
  return { answers, busy, error, run, stop: () => running.current?.abort() };
}
