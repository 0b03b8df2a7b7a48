// Zips that a person gives: what tools and the studio pack comes out again, and what is damaged or made to harm is named.
import { deflateSync, strToU8, zipSync } from 'fflate';
import { beforeEach, expect, test, vi } from 'vitest';
import { tellFigure } from '../../test/tellFigure';
import { DataError } from '../lib/errors';
import { Rng } from '../lib/rng';
import { bytesFile, zipFolder } from './modelExport';
import { openZip, unzipGiven } from './zipFile';

/** Bytes that were unpacked, and the most that came out of one push. */
const counted = vi.hoisted(() => ({ bytes: 0, most: 0 }));
vi.mock('fflate', async (original) => {
  const real = await original<typeof import('fflate')>();
  class Inflate extends real.Inflate {
    constructor(onChunk: (chunk: Uint8Array, isLast: boolean) => void) {
      super((chunk, isLast) => {
        counted.bytes += chunk.byteLength;
        counted.most = Math.max(counted.most, chunk.byteLength);
        onChunk(chunk, isLast);
      });
    }
  }
  return { ...real, Inflate };
});
beforeEach(() => {
  Object.assign(counted, { bytes: 0, most: 0 });
});

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
  const expected = { 'm/config.json': strToU8(text), 'm/model.safetensors': weights };
  isSame(await contents(theirs), expected);
  // Written piece by piece: sizes stand behind the data and in the directory.
  const files = Object.entries(expected).map(([path, bytes]) => bytesFile(path, bytes));
  isSame(await contents(await zipFolder(files)), expected);
  // Deflated weights are unpacked across pieces.
  isSame(await contents(packed(zipSync({ w: [weights, { level: 6 }] }))), { w: weights });
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

const ZEROS = 64e6;
const deflatedZeros = deflateSync(new Uint8Array(ZEROS), { level: 6 });
/** One deflated file of 64 MB of zeros, 62 kB packed, of which the directory says `claimed`. */
function bomb(claimed: number, count = 1): Blob {
  const data = deflatedZeros;
  const name = strToU8('m/config.json');
  const record = (signature: number, length: number, fields: [at: number, value: number, bits: 16 | 32][]) => {
    const view = new DataView(new ArrayBuffer(length));
    view.setUint32(0, signature, true);
    for (const [at, value, bits] of fields)
      if (bits === 16) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
    return new Uint8Array(view.buffer);
  };
  const local = record(0x04034b50, 30, [[8, 8, 16], [18, data.length, 32], [22, claimed, 32], [26, name.length, 16]]); // biome-ignore format: one header
  const entry = record(0x02014b50, 46, [[10, 8, 16], [20, data.length, 32], [24, claimed, 32], [28, name.length, 16]]); // biome-ignore format: one header
  const at = local.length + name.length + data.length;
  const end = record(0x06054b50, 22, [
    [10, count, 16],
    [12, count * (entry.length + name.length), 32],
    [16, at, 32],
  ]);
  const entries = Array.from({ length: count }, () => [entry, name]).flat();
  return new Blob([local, name, data, ...entries, end] as Uint8Array<ArrayBuffer>[]);
}
test('a bomb is left at the first piece above what its directory says', async () => {
  const packedBytes = bomb(10).size;
  expect(ZEROS / packedBytes).toBeGreaterThan(1000);
  await expect(contents(bomb(10))).rejects.toThrow(/m\/config\.json in m\.zip is larger than its directory says/);
  // One push of 16 KiB makes at most 1,032 times as much, and no second one follows.
  expect(counted.bytes).toBeLessThan(17e6);
  // An honest directory is refused without unpacking, and so are entries that share their bytes.
  counted.bytes = 0;
  await expect(contents(bomb(ZEROS))).rejects.toThrow(/would unpack \d+ bytes into 64000000/);
  await expect(contents(bomb(12e6, 40))).rejects.toThrow(
    /m\.zip holds m\/config\.json in the same bytes as another file/,
  );
  expect(counted.bytes).toBe(0);
});
test('what deflates well is unpacked in small pieces', async () => {
  const mixed = new Uint8Array(20e6);
  mixed.set(weights.subarray(0, 150_000), 10e6);
  isSame(await contents(packed(zipSync({ w: mixed }))), { w: mixed });
  expect(counted).toEqual({ bytes: 20e6, most: expect.any(Number) });
  expect(counted.most).toBeLessThan(17e6);
});
test('sizes are held to limits by the directory, the sum of all too, before anything is unpacked', async () => {
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`m/${i}.json`, strToU8(text)]));
  const lying = zipSync(many);
  const view = new DataView(lying.buffer);
  let at = view.getUint32(lying.length - 22 + 16, true);
  for (let i = 0; i < 40; i++) {
    view.setUint32(at + 24, 2e6, true);
    at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true);
  }
  const given = [{ path: 'm.zip', blob: packed(lying) }];
  await expect(unzipGiven(given, () => true)).rejects.toThrow(/m\.zip has \d+ bytes and would unpack into 80000000, which no model’s folder does/); // biome-ignore format: one call
  const seen: [string, number][] = [];
  const limit = (path: string, bytes: number) => {
    seen.push([path, bytes]);
    if (seen.length === 3) throw new DataError('too large');
    return true;
  };
  await expect(unzipGiven(given, limit)).rejects.toThrow('too large');
  expect(seen[2]).toEqual(['m/m/2.json', 2e6]);
  expect(counted.bytes).toBe(0);
});

/** As torch.save writes it: a zip of stored files in a folder `archive`. */
const pickle = () => zipSync({ 'archive/data.pkl': [strToU8('\x80\x02}q\x00.'), { level: 0 }], 'archive/data/0': [weights.subarray(0, 4096), { level: 0 }], 'archive/version': strToU8('3\n') }); // biome-ignore format: one archive
test('of several files only those called .zip are opened; one alone is known by its first bytes', async () => {
  const blob = packed(pickle());
  const config = { path: 'm/config.json', blob: packed(strToU8('{}')) };
  const cut = { path: 'm/optimizer.pt', blob: blob.slice(0, 2000) };
  const weightsFile = { path: 'm/pytorch_model.bin', blob };
  expect(await unzipGiven([config, cut, weightsFile], () => true)).toEqual([config, cut, weightsFile]);
  expect(await unzipGiven([weightsFile], () => true)).toEqual([weightsFile]);
  const nameless = await unzipGiven([{ path: 'download', blob: packed(plain()) }], () => false);
  expect(nameless.map(({ path }) => path)).toEqual(['download/m/config.json', 'download/m/model.safetensors']);
  await expect(unzipGiven([{ path: 'm.zip', blob: packed(strToU8('PK no')) }], () => true)).rejects.toThrow(/m\.zip is not a readable zip/); // biome-ignore format: one call
});
