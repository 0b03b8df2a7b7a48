// A workbench state as part of a link, and back. The text says how long it is and carries a checksum, so that a link that a
// mail program cut or changed is told apart from one that somebody wrote; what it holds is checked field by field.
//
//   1.<characters of the payload>.<payload>     payload = base64url(CRC-32, big endian, 4 bytes; JSON, UTF-8, deflated)
//
// The checksum covers what stands before the payload and the compressed bytes. It finds accidents, not ill will: safety
// comes from the limits and the schema.
import { DataError } from '../lib/errors';
import { count } from '../lib/words';
import { readShareState, SchemaFault, type ShareState } from './shareSchema';

export type { ShareState } from './shareSchema';

/** Why a link cannot be made or read. */
export type ShareProblem = 'not_a_link' | 'version' | 'cut_off' | 'changed' | 'too_large' | 'content';
/** Says what is wrong with a link and what to do. */
export class ShareError extends DataError {
  readonly problem: ShareProblem;
  constructor(problem: ShareProblem, message: string, options: { cause?: unknown } = {}) {
    super(message, { ...options, details: { problem } });
    this.problem = problem;
  }
}

const VERSION = 1;
/** Longer links are cut by browsers, mail and chat programs. */
export const MOST_CHARACTERS = 64 * 1024;
/** What a link may grow to when it is unpacked: a small one can hold a thousand times its size. */
const MOST_BYTES = 4 * 2 ** 20;

/**
 * The text for the link's fragment (letters, digits, `.`, `-`, `_`). Throws ShareError: too large, or a field that no link
 * can hold.
 */
export async function encodeShare(state: ShareState): Promise<string> {
  const json = JSON.stringify(state);
  checked(JSON.parse(json), 'This cannot be shared');
  const bytes = new TextEncoder().encode(json);
  const remedy = state.row
    ? 'Leave the row out, or export a file instead.'
    : 'Shorten messages or template, or export a file instead.';
  if (bytes.length > MOST_BYTES)
    throw new ShareError(
      'too_large',
      `This is too much for a link: ${count(bytes.length)} bytes, ${count(MOST_BYTES)} are the limit. ${remedy}`,
    );
  const packed = await collect(through(bytes, new CompressionStream('deflate-raw')), Number.POSITIVE_INFINITY);
  const length = base64Length(packed.length + 4);
  const head = `${VERSION}.${length}.`;
  if (head.length + length > MOST_CHARACTERS)
    throw new ShareError(
      'too_large',
      `The link would have ${count(head.length + length)} characters, ${count(MOST_CHARACTERS)} are the limit. ${remedy}`,
    );
  const payload = new Uint8Array(packed.length + 4);
  new DataView(payload.buffer).setUint32(0, checksum(head, packed));
  payload.set(packed, 4);
  return head + toBase64(payload);
}

/** What `encodeShare` was given. Throws ShareError and nothing else, whatever the text is. */
export async function decodeShare(link: string): Promise<ShareState> {
  if (link.length > MOST_CHARACTERS)
    throw new ShareError(
      'too_large',
      `The link has ${count(link.length)} characters, ${count(MOST_CHARACTERS)} are the limit. Ask for a file instead.`,
    );
  const head = /^(\d{1,6})\.([1-9]\d{0,5})\./.exec(link);
  if (!head) throw new ShareError('not_a_link', 'This link holds no shared state. Copy the whole link as it was made.');
  if (head[1] !== String(VERSION))
    throw new ShareError(
      'version',
      `The link has format ${head[1]}, this studio reads format ${VERSION}. Reload the page for its newest version, or ask for a new link.`,
    );
  const payload = link.slice(head[0].length);
  const missing = Number(head[2]) - payload.length;
  if (missing > 0)
    throw new ShareError(
      'cut_off',
      `The link is cut off: ${count(missing)} of its ${count(link.length + missing)} characters are missing. Copy the whole link.`,
    );
  const bytes = missing < 0 ? undefined : fromBase64(payload);
  const packed = bytes?.subarray(4);
  if (!bytes || !packed || new DataView(bytes.buffer).getUint32(0) !== checksum(head[0], packed))
    throw new ShareError(
      'changed',
      missing < 0
        ? `The link was changed on its way: ${count(-missing)} characters were added. Copy it as it was made.`
        : 'The link was changed on its way: its checksum does not fit. Copy it as it was made, or ask for a new one.',
    );
  return checked(parse(await inflate(packed)), 'The link cannot be read');
}

async function inflate(packed: Uint8Array): Promise<Uint8Array> {
  try {
    return await collect(through(packed, new DecompressionStream('deflate-raw')), MOST_BYTES);
  } catch (error) {
    if (error instanceof ShareError) throw error;
    throw new ShareError('content', 'The link cannot be read: what it holds is not compressed as a link is.', {
      cause: error,
    });
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new ShareError('content', 'The link cannot be read: what it holds is not JSON.', { cause: error });
  }
}

function checked(value: unknown, intro: string): ShareState {
  try {
    return readShareState(value);
  } catch (error) {
    if (error instanceof SchemaFault) throw new ShareError('content', `${intro}: ${error.message}.`, { cause: error });
    throw error;
  }
}

function through(bytes: Uint8Array, stream: CompressionStream | DecompressionStream): ReadableStream<Uint8Array> {
  return new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(stream) as ReadableStream<Uint8Array>;
}

/** All bytes of a stream; it is cancelled as soon as there are more than `most`. */
async function collect(stream: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > most) {
      await reader.cancel().catch(() => {}); // what is wrong is told below
      throw new ShareError(
        'too_large',
        `The link holds more than ${count(most)} bytes when it is unpacked. It was not made by this studio.`,
      );
    }
    chunks.push(next.value);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

const base64Length = (bytes: number): number => Math.ceil((bytes * 4) / 3);

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += 4096) binary += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Undefined for what `toBase64` would not write: other characters, a loose end, spare bits that are not zero. */
function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1 || text.length < 6) return undefined;
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  return toBase64(bytes) === text ? bytes : undefined;
}

/** CRC-32 as in zip (ISO 3309): finds every change of a single character, as any burst of up to 32 bits. */
function checksum(head: string, packed: Uint8Array): number {
  let crc = 0xffffffff;
  const add = (byte: number) => {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  };
  for (let i = 0; i < head.length; i++) add(head.charCodeAt(i));
  for (const byte of packed) add(byte);
  return (crc ^ 0xffffffff) >>> 0;
}
