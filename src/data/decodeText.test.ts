import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstBadUtf8, LinePieces, TextPieces } from './decodeText';

const decoded = (bytes: Uint8Array, cuts: readonly number[]) => {
  const text = new TextPieces('x');
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let out = '';
  let from = 0;
  for (const [i, to] of places.entries()) {
    out += text.push(bytes.subarray(from, to), i === places.length - 1);
    from = to;
  }
  return out;
};
const isUtf8 = (bytes: Uint8Array) => {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
};

test('the first bad byte: where the browser’s decoder refuses too, and everything before it is text', () => {
  // Bytes that mean something in UTF-8 come more often than chance would have it.
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0x41, 0xc2, 0xc3, 0xe0, 0xed, 0xf0, 0xf4, 0x80, 0x9f, 0xa0, 0xbf));
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 12 }), (given) => {
      const bytes = Uint8Array.from(given);
      const at = firstBadUtf8(bytes);
      expect(at < 0).toBe(isUtf8(bytes));
      if (at >= 0) expect(isUtf8(bytes.subarray(0, at))).toBe(true);
    }),
    { numRuns: 3000 },
  );
});
test('text is the same wherever the pieces are cut, with and without marks', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((t) => !t.startsWith('\ufeff'));
  fc.assert(
    fc.property(
      text,
      fc.array(fc.nat(80), { maxLength: 6 }),
      fc.constantFrom('plain', 'utf-8', 'le', 'be'),
      (given, cuts, kind) => {
        const utf16 = (isLittle: boolean) => {
          const bytes = new Uint8Array(2 + given.length * 2);
          const view = new DataView(bytes.buffer);
          view.setUint16(0, 0xfeff, isLittle);
          for (let i = 0; i < given.length; i++) view.setUint16(2 + 2 * i, given.charCodeAt(i), isLittle);
          return bytes;
        };
        const utf8 = new TextEncoder().encode(kind === 'utf-8' ? `\ufeff${given}` : given);
        const bytes = kind === 'le' || kind === 'be' ? utf16(kind === 'le') : utf8;
        expect(decoded(bytes, cuts)).toBe(given);
      },
    ),
    { numRuns: 500 },
  );
});
test('a bad byte is named by its place in the file and its line, across pieces', () => {
  const bytes = new TextEncoder().encode('ab\ncdé\nf?g');
  bytes[bytes.indexOf(0x3f)] = 0xff;
  for (const cuts of [[], [3], [6], [9], [2, 5, 8]])
    expect(() => decoded(bytes, cuts)).toThrow(
      'x, line 3: not UTF-8 text at byte 9 (0xff 0x67). Save the file as UTF-8',
    );
  // A character that the end of the file cuts off.
  expect(() => decoded(Uint8Array.of(0x41, 0xe2, 0x82), [2])).toThrow(/at byte 1 \(0xe2 0x82\)/);
});
test('lines come whole, the last one without its end too', () => {
  const lines = new LinePieces('a.jsonl');
  expect([...lines.push('a\nb', false), ...lines.push('c\n', false), ...lines.push('\nd', true)]).toEqual([
    'a',
    'bc',
    '',
    'd',
  ]);
  expect(new LinePieces('a.jsonl').push('a\n', true)).toEqual(['a']);
});
