// One question to a worker as state of a component: loading, ready or failed, with the last answer kept meanwhile.
import { useEffect, useRef, useState } from 'react';
import { StudioError } from '../lib/errors';

export interface Loaded<T> {
  /** The newest answer; stays on screen while the next one is loading, so that nothing jumps. */
  value?: T;
  error?: StudioError;
  isLoading: boolean;
}

/**
 * Asks again when `key` changes; undefined key = nothing to ask. The former question is cancelled. `delayMs` waits for
 * typing to settle first.
 */
export function useLoaded<T>(
  key: string | undefined,
  ask: (signal: AbortSignal) => Promise<T>,
  delayMs = 0,
): Loaded<T> {
  const [state, setState] = useState<Loaded<T>>({ isLoading: key !== undefined });
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    if (key === undefined) {
      setState({ isLoading: false });
      return;
    }
    const controller = new AbortController();
    setState(({ value }) => ({ value, isLoading: true }));
    const timer = setTimeout(() => {
      latest.current(controller.signal).then(
        (value) => {
          if (!controller.signal.aborted) setState({ value, isLoading: false });
        },
        (cause: unknown) => {
          if (controller.signal.aborted) return;
          const error =
            cause instanceof StudioError ? cause : new StudioError('internal', (cause as Error).message, { cause });
          setState(({ value }) => ({ value, error, isLoading: false }));
        },
      );
    }, delayMs);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [key, delayMs]);
  return state;
}
