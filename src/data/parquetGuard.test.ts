// Pages whose lengths are differences: what they claim is held to their bytes, and sound ones pass.
import fc from 'fast-check';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { tellFigure } from '../../test/tellFigure';
import { DataError } from '../lib/errors';
import { parquetSource } from './readParquet';
import { bytesSource } from './source';

type Encoding = 'DELTA_BYTE_ARRAY' | 'DELTA_LENGTH_BYTE_ARRAY';
const FUZZED_FILES = 5000;

/** A file of one column, `text`; a page has as many values as fit by their own size. */
function fileOf(texts: readonly string[], encoding: Encoding, pageSize?: number): Uint8Array {
  const writer = new ByteWriter();
  const schema = [{ name: 'root', num_children: 1 }, { name: 'text', type: 'BYTE_ARRAY' as const, converted_type: 'UTF8' as const, repetition_type: 'OPTIONAL' as const }]; // biome-ignore format: two elements
  const file = new ParquetWriter({ writer, schema, codec: 'UNCOMPRESSED', statistics: false });
  file.write({ columnData: [{ name: 'text', data: [...texts], encoding }], rowGroupSize: texts.length, pageSize });
  file.finish();
  return new Uint8Array(writer.getBuffer());
}
async function textsIn(bytes: Uint8Array): Promise<unknown[]> {
  const source = await parquetSource(bytesSource(bytes, 'x.parquet'));
  const texts: unknown[] = [];
  for await (const { rows } of source.rows()) texts.push(...rows.map(({ columns }) => columns!.text));
  return texts;
}

test('sound pages of both encodings are read as they were written', async () => {
  const words = fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { minLength: 1, maxLength: 400 });
  await fc.assert(
    fc.asyncProperty(
      words,
      fc.boolean(),
      fc.constantFrom<Encoding>('DELTA_BYTE_ARRAY', 'DELTA_LENGTH_BYTE_ARRAY'),
      async (given, isSorted, encoding) => {
        const texts = isSorted ? given.toSorted() : given;
        expect(await textsIn(fileOf(texts, encoding))).toEqual(texts);
      },
    ),
    { numRuns: 200 },
  );
});

test('a page of some kilobytes that asks for gigabytes is refused before any of them is there', async () => {
  const repeats = 200_000;
  const bytes = fileOf(Array<string>(repeats).fill('a'.repeat(20_000)), 'DELTA_BYTE_ARRAY', 2 ** 40);
  expect(bytes.length).toBeLessThan(2 ** 16);
  const idle = process.memoryUsage().rss;
  const error = await textsIn(bytes).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(DataError);
  expect((error as Error).message).toMatch(
    /^x\.parquet: A page of column text of \d+ bytes would become more than \d+ bytes of text\. The file is damaged/,
  );
  expect((process.memoryUsage().rss - idle) / 2 ** 20, 'MiB above idle').toBeLessThan(64);
});

test('many pages that stay below the limit of one are held to that of a row group', async () => {
  // 24 pages, each of 60 KB and 30 MB of text.
  const texts = Array.from({ length: 24 }, (_, page) => Array<string>(1000).fill(String.fromCharCode(97 + page).repeat(30_000))).flat(); // biome-ignore format: reads as one table
  const bytes = fileOf(texts, 'DELTA_BYTE_ARRAY', 30_000_000);
  expect(bytes.length).toBeLessThan(2 * 2 ** 20);
  await expect(textsIn(bytes)).rejects.toThrow(/row group 1 unpacks to \d+ MiB, and at most 512 fit/);
});

test('crafted pages: prefixes, lengths and widths that lie give a sentence or rows, soon and in bounds', async () => {
  const words = Array.from({ length: 300 }, (_, i) => `account ${String(i * 7).padStart(6, '0')}`);
  const bases = (['DELTA_BYTE_ARRAY', 'DELTA_LENGTH_BYTE_ARRAY'] as const).map((encoding) => fileOf(words, encoding));
  // The page lies between the four bytes of the magic and the footer.
  const ends = bases.map((bytes) => bytes.length - 8 - new DataView(bytes.buffer).getUint32(bytes.length - 8, true));
  let [sound, refused, longest, slowest] = [0, 0, 0, 0];
  const changes = fc.array(
    fc.tuple(
      // Headers and lengths stand in front of the texts: many changes go there.
      fc.oneof(fc.nat(150), fc.nat(999)),
      fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
    ),
    { minLength: 1, maxLength: 3 },
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(1), changes, async (which, made) => {
      const bytes = bases[which]!.slice();
      for (const [place, value] of made) bytes[4 + Math.floor((place / 1000) * (ends[which]! - 5))] = value;
      const started = performance.now();
      try {
        const texts = await textsIn(bytes);
        sound++;
        longest = Math.max(
          longest,
          texts.reduce<number>((sum, text) => sum + String(text).length, 0),
        );
      } catch (cause) {
        expect(cause).toBeInstanceOf(DataError);
        expect((cause as Error).message).toMatch(/^x\.parquet.*\.$/s);
        refused++;
      }
      slowest = Math.max(slowest, performance.now() - started);
    }),
    { numRuns: FUZZED_FILES },
  );
  await tellFigure('fuzzed', FUZZED_FILES);
  expect(refused).toBeGreaterThan(1000);
  expect(sound).toBeGreaterThan(300);
  expect(longest / bases[0]!.length, 'characters of text a byte of the file').toBeLessThan(1200);
  expect(slowest, 'ms of the slowest file').toBeLessThan(2000);
}, 60_000);
