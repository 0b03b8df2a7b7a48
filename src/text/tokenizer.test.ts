// Encoder against Hugging Face's JavaScript tokenizers as oracle, on arbitrary Unicode; bad files; streaming.
import { Tokenizer as OracleTokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataError } from '../lib/errors';
import { SPECIAL_TOKENS, type TokenizerJson, trainBpe } from './bpe';
import { Tokenizer } from './tokenizer';

const LITERAL = [
  'The sales department spent 1,200,000 in Q3. The marketing budget for East China was 340,000.',
  'The balance of account 4410 is 120,000. The balance of account 4420 is 95,000; the sales budget was cut.',
  '{"answer": "The balance is 120,000.", "sources": ["get_balance"], "action": null, "status": "ok"}',
  'Zahlungsziel über 30 Tage, naïve café, 预算 预算 😀😀',
];
const json = trainBpe(LITERAL, { vocabSize: 300 });
const tokenizer = Tokenizer.fromJson(json);
const oracle = new OracleTokenizer({ ...json, added_tokens: [] } as never, {} as never);
const oracleSpecial = new OracleTokenizer(json as never, {} as never);
const oracleIds = (text: string) => oracle.encode(text, { add_special_tokens: false }).ids;

/** Text without lone surrogates, rich in spaces, digits, CJK, emoji and joiners. */
const unicode = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(
      fc.constantFrom(
        ' ',
        '  ',
        '\n',
        '\t',
        '12',
        '٣',
        '½',
        "'s",
        "don't",
        'é',
        'e\u0301',
        '预算',
        '👩‍👩‍👧',
        '\u0085',
        '\ufeff',
        '\u00a0',
        'The balance',
        '<|im_end|>',
        '{"a":1}',
      ),
    )
    .map((parts) => parts.join('')),
);

describe('training', () => {
  test('ids: special tokens, tool-call tokens, 256 bytes, merges', () => {
    expect(json.added_tokens.map((t) => t.content)).toEqual([...SPECIAL_TOKENS, '<tool_call>', '</tool_call>']);
    expect(json.added_tokens.map((t) => t.special)).toEqual([true, true, true, true, false, false]);
    expect(Object.keys(json.model.vocab)).toHaveLength(300);
    expect(json.model.vocab['!']).toBe(6); // the first character of the byte alphabet
    expect(json.model.merges).toHaveLength(300 - 6 - 256);
  });

  test('the first merge of a literal text is its most frequent pair, ties by id', () => {
    // "ab" occurs 3 times, "bc" 2 times.
    expect(trainBpe(['abc abc ab'], { vocabSize: 263 }).model.merges).toEqual(['a b']);
    // "ab" and "cd" both twice: 'a' comes first in the alphabet.
    expect(trainBpe(['cd ab', 'cd ab'], { vocabSize: 263 }).model.merges[0]).toBe('a b');
  });

  test('same texts, same bytes; digits stay single', () => {
    expect(JSON.stringify(trainBpe(LITERAL, { vocabSize: 300 }))).toBe(JSON.stringify(json));
    const { ids } = tokenizer.encode('1,200,000');
    expect(ids.map((id) => tokenizer.tokenText(id))).toEqual(['1', ',', '2', '0', '0', ',', '0', '0', '0']);
  });

  test('a vocabulary smaller than the bytes is refused', () => {
    expect(() => trainBpe(LITERAL, { vocabSize: 200 })).toThrow(/at least 262/);
  });
});

describe('encoding', () => {
  test('ids equal the oracle on arbitrary Unicode', () => {
    fc.assert(
      fc.property(unicode, (text) => {
        expect(tokenizer.encode(text).ids).toEqual(oracleIds(text));
      }),
      { numRuns: 400 },
    );
  });

  test('round trip, and spans cover the text in order', () => {
    fc.assert(
      fc.property(unicode, (text) => {
        const { ids, starts, ends } = tokenizer.encode(text);
        expect(tokenizer.decode(ids)).toBe(
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text)),
        );
        let covered = 0;
        for (let i = 0; i < ids.length; i++) {
          expect(starts[i]).toBeLessThanOrEqual(covered);
          expect(starts[i]).toBeGreaterThanOrEqual(i ? starts[i - 1]! : 0);
          expect(ends[i]).toBeGreaterThanOrEqual(covered);
          expect(ends[i]).toBeGreaterThan(starts[i]!);
          covered = ends[i]!;
        }
        expect(covered).toBe(text.length);
      }),
      { numRuns: 400 },
    );
  });

  test('tokens of one emoji share its span', () => {
    const plain = Tokenizer.fromJson(trainBpe(['ab'], { vocabSize: 262 }));
    const { ids, starts, ends } = plain.encode('a😀');
    expect(ids).toHaveLength(5);
    expect(starts).toEqual([0, 1, 1, 1, 1]);
    expect(ends).toEqual([1, 3, 3, 3, 3]);
    expect(plain.tokenText(ids[1]!)).toBe('\\xF0');
  });

  test('special tokens typed inside content stay ordinary text', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...SPECIAL_TOKENS, '<tool_call>', 'x', ' ')), (parts) => {
        const { ids } = tokenizer.encode(parts.join(''));
        expect(ids.filter((id) => id < 6)).toEqual([]);
      }),
    );
    const text = 'a<|im_end|>b<tool_call>';
    expect(tokenizer.encode(text, { allowSpecial: true }).ids).toEqual(
      oracleSpecial.encode(text, { add_special_tokens: false }).ids,
    );
    const ordinary = tokenizer.encode(text, { allowSpecial: 'ordinary' }).ids;
    expect(ordinary).not.toContain(2);
    expect(ordinary.at(-1)).toBe(4);
  });

  test('a word of 300,000 letters is encoded in bounded time', () => {
    expect(tokenizer.decode(tokenizer.encode('a'.repeat(300_000)).ids)).toHaveLength(300_000);
  }, 10_000);
});

describe('decoding', () => {
  test('an incomplete character is held back until its last byte', () => {
    const plain = Tokenizer.fromJson(trainBpe(['ab'], { vocabSize: 262 }));
    const stream = plain.stream();
    const { ids } = plain.encode('😀!');
    expect(ids.map((id) => stream.push(id))).toEqual(['', '', '', '😀', '!']);
    stream.push(ids[0]!);
    expect(stream.end()).toBe('\ufffd');
  });

  test('skipSpecial drops special tokens but keeps <tool_call>', () => {
    const ids = tokenizer.encode('<|im_start|>a<tool_call>b<|im_end|>', { allowSpecial: true }).ids;
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe('a<tool_call>b');
    expect(tokenizer.decode(ids)).toBe('<|im_start|>a<tool_call>b<|im_end|>');
  });

  test('an id outside the vocabulary is named, and so is a hole in it', () => {
    expect(() => tokenizer.decode([9999])).toThrow(/Token id 9999 .* 300 ids/);
    const holed = structuredClone(json);
    holed.added_tokens.push({ ...holed.added_tokens[0]!, id: 305, content: '<|late|>' });
    expect(Tokenizer.fromJson(holed).vocabSize).toBe(306);
    expect(() => Tokenizer.fromJson(holed).decode([302])).toThrow(/Token id 302 has no token.*hole/);
  });
});

describe('bad files', () => {
  const text = JSON.stringify(json);
  const broken = (change: (copy: TokenizerJson) => void) => {
    const copy = structuredClone(json);
    change(copy);
    return () => Tokenizer.fromJson(copy);
  };
  test('truncated tokenizer.json', () => {
    expect(() => Tokenizer.fromJson(text.slice(0, 900))).toThrow(DataError);
    expect(() => Tokenizer.fromJson(text.slice(0, 900))).toThrow(
      /not complete JSON: it breaks at character \d+ of 900, near ".*fetch it again/,
    );
  });
  test('each fault names its field', () => {
    expect(broken((j) => Reflect.deleteProperty(j, 'model'))).toThrow(/model is missing/);
    expect(broken((j) => Reflect.deleteProperty(j.model, 'merges'))).toThrow(/model\.merges is missing/);
    expect(broken((j) => j.model.merges.push('a zzz'))).toThrow(/model\.merges\[38\] needs the token "zzz"/);
    expect(broken((j) => (j.model.type = 'Unigram'))).toThrow(/model\.vocab must be a list of \[token, score\]/);
    expect(broken((j) => (j.model.type = 'Rwkv'))).toThrow(/model\.type is "Rwkv".*BPE, Unigram, WordLevel, WordPiece/);
    expect(broken((j) => (j.model.unk_token = '<unk>'))).toThrow(/model\.unk_token is "<unk>".*lacks/);
    expect(broken((j) => (j.model.dropout = 0.1))).toThrow(/model\.dropout is 0\.1.*Set it to null/);
    expect(broken((j) => (j.pre_tokenizer = { type: 'UnicodeScripts' }))).toThrow(
      /pre_tokenizer has type "UnicodeScripts", which the studio does not support\. It reads ByteLevel, .*Metaspace/,
    );
    expect(broken((j) => (j.normalizer = { type: 'Sequence', normalizers: [{ type: 'Magic' }] }))).toThrow(
      /normalizer\.normalizers\[0\] has type "Magic".*NFC/,
    );
    expect(broken((j) => (j.decoder = { type: 'CTC' }))).toThrow(/decoder has type "CTC"/);
    expect(broken((j) => (j.post_processor = { type: 'X' }))).toThrow(/post_processor has type "X"/);
    expect(broken((j) => (j.model.vocab.zz = 5))).toThrow(/model\.vocab\["zz"\] repeats id 5/);
    expect(
      broken((j) => (j.pre_tokenizer = { type: 'Split', pattern: { Regex: 'a(?y)b' }, behavior: 'Isolated' })),
    ).toThrow(/pre_tokenizer\.pattern holds a pattern that a browser cannot run: the group \(\?y\)/);
    expect(broken((j) => Reflect.set(j.added_tokens[0]!, 'id', '0'))).toThrow(/added_tokens\[0\]\.id/);
  });
});

describe('tokenizers of public models', () => {
  const LLAMA3 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  const publicLike = structuredClone(json);
  publicLike.normalizer = { type: 'NFC' };
  publicLike.pre_tokenizer = {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: LLAMA3 }, behavior: 'Isolated', invert: false },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  };
  publicLike.model.merges = publicLike.model.merges.map((m) => (m as string).split(' ') as [string, string]);
  publicLike.model.ignore_merges = true;
  test("Llama 3's and Qwen's layout: Split regex, NFC, pairs, ignore_merges", () => {
    const ours = Tokenizer.fromJson(publicLike);
    const theirs = new OracleTokenizer({ ...publicLike, added_tokens: [] } as never, {} as never);
    fc.assert(
      fc.property(unicode, (text) => {
        const encoded = ours.encode(text);
        expect(encoded.ids).toEqual(theirs.encode(text, { add_special_tokens: false }).ids);
        if (text) expect(encoded.ends.at(-1)).toBe(text.length);
      }),
      { numRuns: 300 },
    );
  });
});
