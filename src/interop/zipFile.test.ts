// Zips that a person gives: what tools and the studio pack comes out again, and what is damaged or made to harm is named.
import { strToU8, zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { tellFigure } from '../../test/tellFigure';
import { DataError } from '../lib/errors';
import { Rng } from '../lib/rng';
import { bytesFile, zipFolder } from './modelExport';
import { isZip, openZip } from './zipFile';

const text = 'a line that repeats\n'.repeat(500);
const rng = new Rng(1, 'zip');
const weights = Uint8Array.from({ length: 9e5 }, () => Math.floor(256 * rng.next()));
const packed = (bytes: Uint8Array) => new Blob([bytes as Uint8Array<ArrayBuffer>]);
const plain = () => zipSync({ 'm/config.json': strToU8(text), 'm/model.safetensors': [weights, { level: 0 }] });
const contents = async (zip: Blob) => {
  const { entries, read } = await openZip(zip, 'm.zip');
  const out: Record<string, Uint8Array> = {};
  for (const entry of entries) out[entry.path] = new Uint8Array(await (await read(entry)).arrayBuffer());
  return out;
};

/** Bytes as bytes: Vitest compares number by number. */
function isSame(found: Record<string, Uint8Array>, expected: Record<string, Uint8Array>): void {
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [path, bytes] of Object.entries(expected)) expect(Buffer.compare(found[path]!, bytes), path).toBe(0);
}

test('stored and deflated files come out as they were, of other tools and of the studio’s own zips', async () => {
  const theirs = packed(plain());
  expect(await isZip(theirs)).toBe(true);
  const expected = { 'm/config.json': strToU8(text), 'm/model.safetensors': weights };
  isSame(await contents(theirs), expected);
  // Written piece by piece: sizes stand behind the data and in the directory.
  const files = Object.entries(expected).map(([path, bytes]) => bytesFile(path, bytes));
  isSame(await contents(await zipFolder(files)), expected);
  // Deflated weights are unpacked across pieces.
  isSame(await contents(packed(zipSync({ w: [weights, { level: 6 }] }))), { w: weights });
  expect(await isZip(packed(strToU8('{}')))).toBe(false);
});

/** The zip with 16 or 32 bits changed in the directory entry of config.json, or in its end record. */
function changed(at: 'entry' | 'end', offset: number, value: number, bits: 16 | 32): Blob {
  const bytes = plain();
  const view = new DataView(bytes.buffer);
  let from = bytes.length - 22;
  if (at === 'entry') from = view.getUint32(from + 16, true);
  if (bits === 16) view.setUint16(from + offset, value, true);
  else view.setUint32(from + offset, value, true);
  return packed(bytes);
}
test.each<[string, Blob, RegExp]>([
  ['no zip', packed(strToU8('PK but no zip')), /m\.zip is not a readable zip file/],
  ['a cut-off zip', packed(plain().slice(0, 9e5)), /not a readable zip file, or it was cut off/],
  ['a directory beyond the end', changed('end', 16, 2e9, 32), /directory that does not fit/],
  ['a directory that is none', changed('end', 16, 0, 32), /damaged directory/],
  ['zip64', changed('end', 16, 0xffffffff, 32), /more than 4 GiB/],
  ['an entry beyond the end', changed('entry', 20, 3e9, 32), /m\/config\.json lies beyond its end/],
  ['encryption', changed('entry', 8, 1, 16), /m\/config\.json in m\.zip is encrypted/],
  ['another method', changed('entry', 10, 14, 16), /packed by method 14/],
  ['a file that would fill the disk', changed('entry', 24, 4e9, 32), /would unpack \d+ bytes into 4000000000/],
  ['a file that is larger than it says', changed('entry', 24, 10, 32), /larger than its directory says/],
  ['a file that is smaller than it says', changed('entry', 24, 10_001, 32), /was cut off/],
  ['a local header that is none', changed('entry', 42, 7, 32), /m\/config\.json in m\.zip is damaged/],
])('%s is refused in words', async (_name, zip, message) => {
  const error = await contents(zip).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(DataError);
  expect((error as Error).message).toMatch(message);
});
const FUZZED_FILES = 2000;
test('bytes that are broken anywhere are read or refused in words', async () => {
  const bytes = zipSync({ 'm/config.json': strToU8(text), w: [weights.slice(0, 300), { level: 0 }] });
  for (let i = 0; i < FUZZED_FILES; i++) {
    const broken = bytes.slice(0, rng.next() < 0.2 ? Math.floor(rng.next() * bytes.length) : bytes.length);
    for (let k = 0; k < 3; k++) if (broken.length > 0) broken[Math.floor(rng.next() * broken.length)] = Math.floor(256 * rng.next()); // biome-ignore format: one line
    await contents(packed(broken)).catch((error: unknown) => {
      if (!(error instanceof DataError)) throw error;
    });
  }
  await tellFigure('fuzzed', FUZZED_FILES);
});
