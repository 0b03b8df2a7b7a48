// Content hashes and artifact ids (design §3). A file's hash is the sha256 of its 4 MiB chunks' sha256 digests, so that a
// large file is hashed in bounded memory; an artifact's id is the sha256 of its canonical JSON manifest.

export const CHUNK_BYTES = 4 * 1024 * 1024;

/** sha256 of one chunk: what a file's hash is made of. */
export async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}
function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Plain sha256 of a text's UTF-8 bytes, 64 hex digits. */
export async function sha256(text: string): Promise<string> {
  return hex(await digest(new TextEncoder().encode(text)));
}

/** Hash of a file given whole; the same as hashChunks of its 4 MiB pieces. `onPiece` hears the bytes of each. */
export async function hashBytes(bytes: Uint8Array, onPiece?: (bytes: number) => unknown): Promise<string> {
  const digests: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
    const piece = bytes.subarray(at, at + CHUNK_BYTES);
    digests.push(await digest(piece));
    await onPiece?.(piece.byteLength);
  }
  return hashDigests(digests);
}

/** Hash of a file given in pieces of exactly CHUNK_BYTES, the last one shorter. */
export async function hashChunks(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const digests: Uint8Array[] = [];
  for await (const chunk of chunks) digests.push(await digest(chunk));
  return hashDigests(digests);
}

/** Hash of a file from its chunks' digests. */
export async function hashDigests(digests: readonly Uint8Array[]): Promise<string> {
  const all = new Uint8Array(digests.length * 32);
  digests.forEach((one, i) => {
    all.set(one, i * 32);
  });
  return hex(await digest(all));
}

/** JSON with sorted keys and no blanks: equal values give equal text. Undefined members are left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    members.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`;
  }
  return JSON.stringify(value ?? null);
}

export type ArtifactKind =
  | 'model'
  | 'adapter'
  | 'tokenizer'
  | 'template'
  | 'dataset'
  | 'reward_model'
  | 'verifier'
  | 'grammar'
  | 'evaluation';

/** What an artifact is, without its name: changing a byte of a file, or a parent, gives another id. */
export interface Manifest {
  version: 1;
  kind: ArtifactKind;
  /** Sorted by path. */
  files: { path: string; sizeBytes: number; sha256: string }[];
  /** Role → artifact id. */
  parents: Record<string, string>;
}

export async function manifestOf(
  kind: ArtifactKind,
  files: Record<string, Uint8Array>,
  parents: Record<string, string> = {},
  onPiece?: (bytes: number) => unknown,
): Promise<Manifest> {
  const entries = Object.entries(files).map(async ([path, bytes]) => ({
    path,
    sizeBytes: bytes.byteLength,
    sha256: await hashBytes(bytes, onPiece),
  }));
  const sorted = (await Promise.all(entries)).sort((a, b) => (a.path < b.path ? -1 : 1));
  return { version: 1, kind, files: sorted, parents };
}

/** `sha256:<64 hex digits>`. */
export async function artifactId(manifest: Manifest): Promise<string> {
  return `sha256:${await sha256(canonicalJson(manifest))}`;
}
