// One question to a worker that is asked on a click, may take long and can be cancelled; its answer stays until the next.
import { useEffect, useRef, useState } from 'react';
import { CancelledError } from '../../lib/errors';

export interface Asked<T> {
  value?: T;
  error?: string;
  isAsking: boolean;
  /** Share that is done, where the worker tells. */
  progress?: number;
  ask: (question: (signal: AbortSignal, onProgress: (done: number, total: number) => void) => Promise<T>) => void;
  cancel: () => void;
}

export function useAsked<T>(): Asked<T> {
  const [state, setState] = useState<Pick<Asked<T>, 'value' | 'error' | 'isAsking' | 'progress'>>({ isAsking: false });
  const control = useRef<AbortController>(undefined);
  useEffect(() => () => control.current?.abort(), []);
  return {
    ...state,
    ask(question) {
      control.current?.abort();
      const controller = new AbortController();
      control.current = controller;
      const put = (next: (old: typeof state) => typeof state) => {
        if (control.current === controller) setState(next);
      };
      put(({ value }) => ({ value, isAsking: true }));
      question(controller.signal, (done, total) => put((old) => ({ ...old, progress: done / total }))).then(
        (value) => put(() => ({ value, isAsking: false })),
        (cause: Error) =>
          put(({ value }) => ({
            value,
            isAsking: false,
            ...(!(cause instanceof CancelledError) && { error: cause.message }),
          })),
      );
    },
    cancel: () => control.current?.abort(),
  };
}
