// The report of a split as it is being read: rows arrive a few hundred at a time and can be sorted and cut before all are there.
import { useEffect, useRef, useState } from 'react';
import { StudioError } from '../../lib/errors';
import type { MaskReport, TemplateSettings } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { ReportRows } from './report';

export interface LoadedReport {
  rows: ReportRows;
  /** Grows with the rows: what is computed from them depends on it. */
  version: number;
  /** Rows of the split. */
  total: number;
  isReading: boolean;
  /** The person stopped reading. */
  isStopped: boolean;
  first: MaskReport['first'];
  error?: StudioError;
  stop: () => void;
}

/** New rows reach the screen this often; more rarely the more there are, because each time all are sorted anew. */
const refreshMs = (rows: number) => Math.max(150, rows / 50);
/** Typing settles first. */
const DELAY_MS = 200;
const EMPTY = { rows: new ReportRows(), version: 0, total: 0, isReading: false, isStopped: false, first: [] };

/** max_length and truncation_mode are applied on the page: they do not make it read again. */
export function useReport(
  source: { datasetId: string; split: string } | undefined,
  settings: TemplateSettings,
): LoadedReport {
  const { max_length: _length, truncation_mode: _mode, ...rest } = settings;
  const key = source && JSON.stringify([source.datasetId, source.split, rest]);
  const [state, setState] = useState<Omit<LoadedReport, 'stop'>>(EMPTY);
  const controller = useRef<AbortController>(undefined);
  const latest = useRef({ source, settings });
  latest.current = { source, settings };

  useEffect(() => {
    if (key === undefined) return;
    const abort = new AbortController();
    controller.current = abort;
    const rows = new ReportRows();
    let total = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = (more: Partial<LoadedReport> = {}) => {
      clearTimeout(timer);
      timer = undefined;
      // The last report stays on screen until the first rows of the new one are there.
      setState((old) => ({ ...EMPTY, rows, version: old.version + 1, total, isReading: true, ...more }));
    };
    setState((old) => ({ ...old, isReading: true, isStopped: false, error: undefined }));
    const ask = () =>
      studioClient()
        .text.request(
          'maskReport',
          { ...latest.current.source!, settings: latest.current.settings },
          {
            signal: abort.signal,
            onProgress: (message) => {
              rows.append(message.columns);
              total = message.total;
              timer ??= setTimeout(show, refreshMs(rows.length));
            },
          },
        )
        .then(
          (report) => {
            if (abort.signal.aborted) return;
            total = report.total;
            show({ isReading: false, first: report.first });
          },
          (cause: unknown) => {
            if (abort.signal.reason === 'stopped') show({ isReading: false, isStopped: true });
            if (abort.signal.aborted) return;
            const error =
              cause instanceof StudioError ? cause : new StudioError('internal', (cause as Error).message, { cause });
            clearTimeout(timer);
            setState((old) => ({ ...old, isReading: false, error }));
          },
        );
    const delay = setTimeout(ask, DELAY_MS);
    return () => {
      clearTimeout(delay);
      clearTimeout(timer);
      abort.abort('replaced');
    };
  }, [key]);
  return { ...state, stop: () => controller.current?.abort('stopped') };
}
