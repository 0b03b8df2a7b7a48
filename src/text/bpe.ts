// Byte-level BPE trainer (Sennrich et al. 2016; byte alphabet of GPT-2). Writes Hugging Face's tokenizer.json.
import { ConfigError } from '../lib/errors';
import { Aligned } from './aligned';
import { BYTE_TO_CHAR, toByteChars } from './byteLevel';
import { compilePreTokenizer, type PreTokenizerJson } from './preTokenizer';

export interface AddedTokenJson {
  id: number;
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}
/** Hugging Face's tokenizer.json as the trainer writes it; files of other models are read as unknown JSON. */
export interface TokenizerJson {
  version: string;
  truncation: unknown;
  padding: unknown;
  added_tokens: AddedTokenJson[];
  normalizer: unknown;
  pre_tokenizer: PreTokenizerJson | null;
  post_processor: unknown;
  decoder: unknown;
  model: {
    type: string;
    dropout?: number | null;
    unk_token?: string | null;
    continuing_subword_prefix?: string | null;
    end_of_word_suffix?: string | null;
    fuse_unk?: boolean;
    byte_fallback?: boolean;
    ignore_merges?: boolean;
    vocab: Record<string, number>;
    merges: (string | [string, string])[];
  };
}

/** Special tokens of the built-in tokenizer; ids follow this order. */
export const SPECIAL_TOKENS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|pad|>'] as const;
/** Added, but ordinary text to a reader: kept by `skipSpecial` (as Qwen does). */
export const TOOL_CALL_TOKENS = ['<tool_call>', '</tool_call>'] as const;

export interface TrainBpeOptions {
  /** All tokens: added ones, 256 bytes, merges. */
  vocabSize: number;
  specialTokens?: readonly string[];
  addedTokens?: readonly string[];
  /** One token a digit, so that numbers are spelled alike everywhere. */
  splitDigits?: boolean;
}

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

/** Text with every added token cut out, so that none is learned twice. */
function* withoutAdded(texts: Iterable<string>, added: readonly string[]): Generator<string> {
  const pattern = added.map((t) => t.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  for (const text of texts) {
    if (!pattern) yield text;
    else for (const part of text.split(new RegExp(pattern, 'u'))) if (part) yield part;
  }
}

/**
 * Learns merges from texts. Most frequent pair first; ties go to the smaller pair of ids, so the same texts give the
 * same bytes. Stops early when no pair occurs twice. Throws ConfigError when vocabSize leaves no room for the bytes.
 */
export function trainBpe(texts: Iterable<string>, options: TrainBpeOptions): TokenizerJson {
  const { vocabSize, specialTokens = SPECIAL_TOKENS, addedTokens = TOOL_CALL_TOKENS, splitDigits = true } = options;
  const added = [...specialTokens, ...addedTokens];
  const firstMerge = added.length + 256;
  if (!Number.isInteger(vocabSize) || vocabSize < firstMerge)
    throw new ConfigError(
      `vocabSize must be a whole number of at least ${firstMerge} (${added.length} added tokens and 256 bytes), got ${vocabSize}.`,
      {
        where: 'vocabSize',
      },
    );
  const preTokenizer: PreTokenizerJson = splitDigits
    ? { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, BYTE_LEVEL] }
    : BYTE_LEVEL;
  const { cut } = compilePreTokenizer(preTokenizer);

  const tokens: string[] = [...added, ...[...BYTE_TO_CHAR].sort()];
  const idOfToken = new Map(tokens.map((token, id) => [token, id]));
  const frequency = new Map<string, number>();
  for (const text of withoutAdded(texts, added))
    for (const [start, end] of cut(new Aligned(text)).pieces) {
      const word = text.slice(start, end);
      frequency.set(word, (frequency.get(word) ?? 0) + 1);
    }

  const words: number[][] = [];
  const counts: number[] = [];
  for (const [word, count] of frequency) {
    if (word.length < 1) continue;
    words.push(Array.from(toByteChars(word), (char) => idOfToken.get(char)!));
    counts.push(count);
  }
  // pair key → total count, and the words that (may) hold it
  const pairCount = new Map<number, number>();
  const pairWords = new Map<number, Set<number>>();
  const SHIFT = 1 << 20;
  const bump = (a: number, b: number, by: number, word: number) => {
    const key = a * SHIFT + b;
    pairCount.set(key, (pairCount.get(key) ?? 0) + by);
    if (by > 0) {
      const set = pairWords.get(key);
      if (set) set.add(word);
      else pairWords.set(key, new Set([word]));
    }
  };
  words.forEach((word, w) => {
    for (let i = 0; i + 1 < word.length; i++) bump(word[i]!, word[i + 1]!, counts[w]!, w);
  });

  const merges: string[] = [];
  while (tokens.length < vocabSize) {
    let best = -1;
    let bestCount = 1;
    for (const [key, count] of pairCount)
      if (count > bestCount || (count === bestCount && best >= 0 && key < best)) {
        best = key;
        bestCount = count;
      }
    if (best < 0) break;
    const left = Math.floor(best / SHIFT);
    const right = best % SHIFT;
    const text = tokens[left]! + tokens[right]!;
    const known = idOfToken.get(text);
    if (known !== undefined && known < added.length) {
      // An added token must never come out of plain text.
      pairCount.delete(best);
      pairWords.delete(best);
      continue;
    }
    // Two ways to the same string share one id, as in HF's trainer.
    const merged = known ?? tokens.length;
    if (known === undefined) {
      tokens.push(text);
      idOfToken.set(text, merged);
    }
    merges.push(`${tokens[left]} ${tokens[right]}`);
    for (const w of pairWords.get(best) ?? []) {
      const word = words[w]!;
      const by = counts[w]!;
      for (let i = 0; i + 1 < word.length; i++) bump(word[i]!, word[i + 1]!, -by, w);
      const next: number[] = [];
      for (let i = 0; i < word.length; i++) {
        if (word[i] === left && word[i + 1] === right) {
          next.push(merged);
          i++;
        } else next.push(word[i]!);
      }
      words[w] = next;
      for (let i = 0; i + 1 < next.length; i++) bump(next[i]!, next[i + 1]!, by, w);
    }
    pairCount.delete(best);
    pairWords.delete(best);
  }

  const vocab: Record<string, number> = Object.create(null) as Record<string, number>;
  tokens.forEach((token, id) => {
    vocab[token] = id;
  });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: id < specialTokens.length,
    })),
    normalizer: null,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: { ...vocab },
      merges,
    },
  };
}
