// Built-in files (tokenizer and models) fetched relative to the page; scripts and tests read them from disk instead.
import { DataError } from '../lib/errors';

/** Reads `tokenizer.json`, `nano/config.json`, … of the models folder; undefined when there is no such file. */
export type ReadModelFile = (
  path: string,
  onProgress?: (loadedBytes: number, totalBytes: number) => void,
  signal?: AbortSignal,
) => Promise<Uint8Array | undefined>;

/** `baseUrl` is the page's directory, ending in a slash. Throws DataError when the network or the server fails. */
export const fetchModelFiles =
  (baseUrl: string): ReadModelFile =>
  async (path, onProgress, signal) => {
    const url = new URL(`models/${path}`, baseUrl);
    let response: Response;
    try {
      response = await fetch(url, { signal });
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      throw new DataError(`models/${path} could not be fetched. Check that the studio's server still runs.`, { cause });
    }
    // A dev server answers unknown paths with its index page.
    if (response.status === 404 || response.headers.get('content-type')?.startsWith('text/html')) return undefined;
    if (!response.ok || !response.body)
      throw new DataError(`models/${path} could not be fetched: the server answered ${response.status}.`);
    const totalBytes = Number(response.headers.get('content-length') ?? 0);
    const pieces: Uint8Array[] = [];
    let loadedBytes = 0;
    // A reader, because not every browser can iterate over a stream.
    const reader = response.body.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      const piece = next.value;
      pieces.push(piece);
      loadedBytes += piece.byteLength;
      onProgress?.(loadedBytes, Math.max(totalBytes, loadedBytes));
    }
    return new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  };

export async function requireModelFile(read: ReadModelFile, path: string, signal?: AbortSignal): Promise<Uint8Array> {
  const bytes = await read(path, undefined, signal);
  if (!bytes)
    throw new DataError(`The studio's files lack models/${path}. Build or download it again.`, { where: path });
  return bytes;
}
