// Rows of a split in pages, asked for as they come into view; the number of all rows comes with the first page.
import { useCallback, useEffect, useRef, useState } from 'react';
import { CancelledError } from '../../lib/errors';
import type { WorkProgress } from '../../protocol/datasets';
import type { DatasetRowView } from '../../protocol/requests';

export const PAGE = 50;

export interface Pages {
  /** Rows that match; undefined until the first page is there. */
  total?: number;
  /** Row i of the matches, once its page is there. */
  rowAt(i: number): DatasetRowView | undefined;
  /** Asks for the pages that hold rows first…last. */
  need(first: number, last: number): void;
  error?: string;
  /** How far the search for the first page is, once it takes long enough to tell. */
  progress?: WorkProgress;
}
type Ask = (
  offset: number,
  limit: number,
  options: { signal: AbortSignal; onProgress: (progress: WorkProgress) => void },
) => Promise<{ rows: DatasetRowView[]; total: number }>;

/** Starts over when `key` changes; undefined = nothing to show. */
export function usePages(key: string | undefined, ask: Ask): Pages {
  const [state, setState] = useState<{
    key?: string;
    total?: number;
    pages: Map<number, DatasetRowView[]>;
    error?: string;
    progress?: WorkProgress;
  }>({ pages: new Map() });
  const asked = useRef(new Set<number>());
  const controller = useRef(new AbortController());
  const latest = useRef(ask);
  latest.current = ask;

  const fetchPage = useCallback(
    (page: number) => {
      if (key === undefined || asked.current.has(page)) return;
      asked.current.add(page);
      const { signal } = controller.current;
      const onProgress = (progress: WorkProgress) => !signal.aborted && setState((s) => ({ ...s, progress }));
      latest.current(page * PAGE, PAGE, { signal, onProgress }).then(
        ({ rows, total }) => {
          if (signal.aborted) return;
          setState((s) => ({ key, total, pages: new Map(s.key === key ? s.pages : []).set(page, rows) }));
        },
        (error: unknown) => {
          if (signal.aborted || error instanceof CancelledError) return;
          asked.current.delete(page);
          setState((s) => ({ ...s, progress: undefined, error: (error as Error).message }));
        },
      );
    },
    [key],
  );
  useEffect(() => {
    controller.current = new AbortController();
    asked.current = new Set();
    setState((s) => ({ ...s, progress: undefined, error: undefined }));
    fetchPage(0);
    return () => controller.current.abort();
  }, [fetchPage]);

  const need = useCallback(
    (first: number, last: number) => {
      for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) fetchPage(page);
    },
    [fetchPage],
  );
  const isFresh = state.key === key;
  return {
    total: isFresh ? state.total : undefined,
    rowAt: (i) => (isFresh ? state.pages.get(Math.floor(i / PAGE))?.[i % PAGE] : undefined),
    need,
    error: state.error,
    progress: state.progress,
  };
}
