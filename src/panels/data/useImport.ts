// One file on its way in: looked at, its columns mapped where they have names of their own, read, or refused with the reasons.
import { useRef, useState } from 'react';
import { CancelledError, StudioError } from '../../lib/errors';
import type { ImportPreview } from '../../protocol/datasets';
import type { DatasetInfo, ImportProblems } from '../../protocol/requests';
import type { RowMapping } from '../../protocol/rowForms';
import { studioClient } from '../../stores/client';
import { askToKeep } from '../../stores/persistence';
import { type OtherPage, pageFor } from '../../ui/whichPage';

/** A file with the name that it is known by from one question to the next. */
export interface GivenFile {
  fileId: string;
  name: string;
  file: Blob;
}
export type ImportState =
  | { status: 'idle' }
  | { status: 'looking'; name: string }
  | { status: 'mapping'; given: GivenFile; preview: ImportPreview }
  /** `kept`: share of the rows that is stored, once all are read. */
  | { status: 'reading'; name: string; rows: number; share: number; kept?: number }
  /** The same rows were there already. */
  | { status: 'known'; title: string; storedSince: number }
  | { status: 'failed'; error: string; found?: ImportProblems; again?: () => void; page?: OtherPage };

export interface Import {
  state: ImportState;
  /** Reads a file; `mapFirst` shows its columns even where they need no mapping. */
  take(file: Blob, name: string, mapFirst?: boolean): Promise<void>;
  /** Says where folders go: here they do not. */
  takeFolder(name: string): void;
  /** Reads what an address of this site holds. */
  fetchFrom(address: string, mapFirst?: boolean): Promise<void>;
  run(given: GivenFile, mapping?: RowMapping, keepFaulty?: boolean): Promise<void>;
  cancel(): void;
}

/** An import goes on when the panel is left; its set is then the one in hand. */
export function useImport(onImported: (info: DatasetInfo) => void): Import {
  const [state, setState] = useState<ImportState>({ status: 'idle' });
  const controller = useRef<AbortController>(undefined);
  const latest = useRef(onImported);
  latest.current = onImported;

  const begin = (): AbortSignal => {
    controller.current?.abort();
    controller.current = new AbortController();
    return controller.current.signal;
  };
  const fail = (error: unknown, again?: () => void) =>
    setState(
      error instanceof CancelledError || (error as Error).name === 'AbortError'
        ? { status: 'idle' }
        : { status: 'failed', error: (error as Error).message, found: problemsOf(error), again },
    );

  const run: Import['run'] = async ({ name, file, ...given }, mapping, keepFaulty) => {
    const signal = begin();
    setState({ status: 'reading', name, rows: 0, share: 0 });
    void askToKeep();
    try {
      const { storedSince, ...info } = await studioClient().text.request(
        'importDataset',
        { name, file, mapping, keepFaulty },
        {
          signal,
          onProgress: ({ rows, readBytes, totalBytes, kept }) =>
            setState({ status: 'reading', name, rows, share: totalBytes ? readBytes / totalBytes : 1, kept }),
        },
      );
      setState(storedSince === undefined ? { status: 'idle' } : { status: 'known', title: info.title, storedSince });
      latest.current(info);
    } catch (error) {
      // Good rows beside faulty ones: the person may have both kept.
      const hasGood = (problemsOf(error)?.good ?? 0) > 0;
      fail(error, hasGood ? () => void run({ name, file, ...given }, mapping, true) : undefined);
    }
  };
  const take: Import['take'] = async (file, name, mapFirst = false) => {
    const signal = begin();
    const page = pageFor(name, /\.json$/i.test(name) ? await headOf(file) : '');
    if (page && page.href !== '#/data') return setState({ status: 'failed', error: page.what, page });
    const given: GivenFile = { fileId: crypto.randomUUID(), name, file };
    setState({ status: 'looking', name });
    try {
      const preview = await studioClient().text.request('previewDataset', { ...given }, { signal });
      // Columns of two forms: TRL's order decides, and the person sees it before anything is kept.
      const isPlain = preview.isExact && preview.others.length === 0;
      if ((isPlain && !mapFirst) || preview.columns.length === 0) await run(given);
      else setState({ status: 'mapping', given, preview });
    } catch (error) {
      fail(error);
    }
  };
  return {
    state,
    take,
    run,
    takeFolder: (name) =>
      setState({
        status: 'failed',
        error: `${name} is a folder; rows come in one file.`,
        page: { href: '#/models', title: 'Models', what: '' },
      }),
    async fetchFrom(address, mapFirst) {
      try {
        const url = ownAddress(address, location.href);
        const signal = begin();
        setState({ status: 'looking', name: url.pathname });
        const response = await fetch(url, { signal });
        if (!response.ok)
          throw new StudioError(
            'data',
            `${url.pathname} cannot be read: this site answers ${response.status}. Check the address.`,
          );
        await take(await response.blob(), url.pathname.split('/').at(-1) || 'address', mapFirst);
      } catch (error) {
        fail(error);
      }
    },
    cancel() {
      controller.current?.abort();
      setState({ status: 'idle' });
    },
  };
}

const HEAD_BYTES = 4096;
/** The beginning as text; '' for what cannot be read, which the import itself tells. */
const headOf = (file: Blob): Promise<string> =>
  file.slice(0, HEAD_BYTES).text().catch(() => ''); // biome-ignore format: one chain

/** Throws StudioError for an address that is none, or of another site: the content security policy refuses those, and says why. */
export function ownAddress(address: string, page: string): URL {
  let url: URL;
  try {
    url = new URL(address.trim(), page);
  } catch {
    throw new StudioError(
      'data',
      `“${address}” is not an address. Write a path on this site, such as data/rows.jsonl.`,
    );
  }
  if (url.origin !== new URL(page).origin)
    throw new StudioError(
      'data',
      `The studio cannot ask ${url.host || 'that address'}: its security policy lets it talk to its own site only, so that nothing of yours can leave the browser. Download the file and drop it here, or put it beside the studio on its server.`,
    );
  return url;
}

/** The bad rows that came with an error of the import; a foreign error has none. */
function problemsOf(error: unknown): ImportProblems | undefined {
  const details = error instanceof StudioError ? (error.details as Partial<ImportProblems> | undefined) : undefined;
  return Array.isArray(details?.problems) ? (details as ImportProblems) : undefined;
}
