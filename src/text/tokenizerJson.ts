// Reads tokenizer.json: every field that encoding depends on is checked, and what is not byte-level BPE is refused in words.
import { DataError } from '../lib/errors';
import type { AddedTokenJson, TokenizerJson } from './bpe';

export interface ParsedTokenizer {
  json: TokenizerJson;
  /** id → token string; undefined where an id is unused. */
  tokens: (string | undefined)[];
  vocab: Map<string, number>;
  /** left id · 2^21 + right id → [rank, merged id]. */
  merges: Map<number, { rank: number; id: number }>;
  added: AddedTokenJson[];
  normalization: 'NFC' | 'NFKC' | 'NFD' | 'NFKD' | null;
  ignoreMerges: boolean;
  /** Ids that a post-processor puts around a text when special tokens are wanted. */
  prefixIds: number[];
  suffixIds: number[];
}

export const PAIR_SHIFT = 2 ** 21;
const FETCH_AGAIN = 'The file is damaged or cut short; fetch it again.';

function fail(where: string, found: string, remedy = FETCH_AGAIN): never {
  throw new DataError(`tokenizer.json: ${where} ${found}. ${remedy}`, { where: `tokenizer.json: ${where}` });
}
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parseNormalizer(json: unknown, where: string): ParsedTokenizer['normalization'] {
  if (json === null || json === undefined) return null;
  if (!isObject(json)) fail(where, 'must be an object or null');
  const { type } = json;
  if (type === 'NFC' || type === 'NFKC' || type === 'NFD' || type === 'NFKD') return type;
  if (type === 'Sequence' && Array.isArray(json.normalizers)) {
    const forms = json.normalizers.map((item, i) => parseNormalizer(item, `${where}.normalizers[${i}]`));
    if (forms.length <= 1) return forms[0] ?? null;
  }
  return fail(
    where,
    `has type ${JSON.stringify(type)}`,
    'The studio reads NFC, NFKC, NFD and NFKD; choose a byte-level BPE tokenizer.',
  );
}

function parseAdded(json: unknown): AddedTokenJson[] {
  if (json === undefined || json === null) return [];
  if (!Array.isArray(json)) fail('added_tokens', 'must be a list');
  return json.map((item: unknown, i) => {
    const where = `added_tokens[${i}]`;
    if (!isObject(item)) fail(where, 'must be an object');
    if (typeof item.id !== 'number' || !Number.isInteger(item.id) || item.id < 0)
      fail(`${where}.id`, 'must be a whole number');
    if (typeof item.content !== 'string' || item.content === '') fail(`${where}.content`, 'must be a non-empty string');
    if (item.single_word === true)
      fail(`${where}.single_word`, 'is true', 'The studio cannot match whole words only; set it to false.');
    return {
      id: item.id,
      content: item.content,
      single_word: false,
      lstrip: item.lstrip === true,
      rstrip: item.rstrip === true,
      normalized: item.normalized === true,
      special: item.special === true,
    };
  });
}

/** TemplateProcessing's `single`, as ids before and after the text. */
function parsePostProcessor(json: unknown): { prefixIds: number[]; suffixIds: number[] } {
  const prefixIds: number[] = [];
  const suffixIds: number[] = [];
  if (!isObject(json)) return { prefixIds, suffixIds };
  const steps = json.type === 'Sequence' && Array.isArray(json.processors) ? json.processors : [json];
  for (const step of steps) {
    if (!isObject(step) || step.type !== 'TemplateProcessing' || !Array.isArray(step.single)) continue;
    const table = isObject(step.special_tokens) ? step.special_tokens : {};
    let seenText = false;
    for (const part of step.single) {
      if (!isObject(part)) continue;
      if ('Sequence' in part) seenText = true;
      else if (isObject(part.SpecialToken)) {
        const entry = table[String(part.SpecialToken.id)];
        if (isObject(entry) && Array.isArray(entry.ids))
          (seenText ? suffixIds : prefixIds).push(...(entry.ids as number[]));
      }
    }
  }
  return { prefixIds, suffixIds };
}

function parseMerge(merge: unknown, i: number): [string, string] {
  if (Array.isArray(merge) && merge.length === 2 && typeof merge[0] === 'string' && typeof merge[1] === 'string')
    return [merge[0], merge[1]];
  if (typeof merge === 'string') {
    const at = merge.indexOf(' ');
    if (at > 0 && merge.indexOf(' ', at + 1) < 0 && at < merge.length - 1)
      return [merge.slice(0, at), merge.slice(at + 1)];
  }
  return fail(`model.merges[${i}]`, `is ${JSON.stringify(merge)?.slice(0, 40)}, expected two tokens`);
}

/** Parses and validates. Accepts the file's text or its parsed JSON. Throws DataError naming the field and the remedy. */
export function parseTokenizerJson(source: string | TokenizerJson): ParsedTokenizer {
  let json: unknown = source;
  if (typeof source === 'string') {
    try {
      json = JSON.parse(source);
    } catch (cause) {
      throw new DataError(
        `tokenizer.json is not complete JSON (${source.length} characters read: ${(cause as Error).message}). ${FETCH_AGAIN}`,
        { cause, where: 'tokenizer.json' },
      );
    }
  }
  if (!isObject(json)) fail('the file', 'must hold an object');
  const model = json.model;
  if (!isObject(model)) fail('model', 'is missing');
  const other = 'Choose a byte-level BPE tokenizer (GPT-2, Llama 3, Qwen, SmolLM …).';
  if (model.type !== undefined && model.type !== null && model.type !== 'BPE')
    fail('model.type', `is ${JSON.stringify(model.type)}, expected "BPE"`, other);
  if (model.byte_fallback === true) fail('model.byte_fallback', 'is true (a SentencePiece model)', other);
  for (const key of ['continuing_subword_prefix', 'end_of_word_suffix'])
    if (typeof model[key] === 'string' && model[key] !== '')
      fail(`model.${key}`, `is ${JSON.stringify(model[key])}`, other);
  if (typeof model.dropout === 'number' && model.dropout > 0)
    fail('model.dropout', `is ${model.dropout}, which makes ids random`, 'Set it to null.');
  if (!isObject(model.vocab)) fail('model.vocab', 'is missing');
  if (!Array.isArray(model.merges)) fail('model.merges', 'is missing');

  const vocab = new Map<string, number>();
  const tokens: (string | undefined)[] = [];
  for (const [token, id] of Object.entries(model.vocab)) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= PAIR_SHIFT)
      fail(`model.vocab[${JSON.stringify(token)}]`, `is ${JSON.stringify(id)}, expected a token id`);
    if (tokens[id] !== undefined)
      fail(`model.vocab[${JSON.stringify(token)}]`, `repeats id ${id} of ${JSON.stringify(tokens[id])}`);
    vocab.set(token, id);
    tokens[id] = token;
  }
  if (vocab.size === 0) fail('model.vocab', 'is empty');
  const merges: ParsedTokenizer['merges'] = new Map();
  model.merges.forEach((merge: unknown, rank) => {
    const [left, right] = parseMerge(merge, rank);
    const ids = [left, right, left + right].map((token) => vocab.get(token));
    const missing = ids.indexOf(undefined);
    if (missing >= 0)
      fail(
        `model.merges[${rank}]`,
        `needs the token ${JSON.stringify([left, right, left + right][missing])}, which model.vocab lacks`,
      );
    const key = ids[0]! * PAIR_SHIFT + ids[1]!;
    if (!merges.has(key)) merges.set(key, { rank, id: ids[2]! });
  });
  const added = parseAdded(json.added_tokens);
  for (const token of added) tokens[token.id] = token.content;
  return {
    json: json as unknown as TokenizerJson,
    tokens,
    vocab,
    merges,
    added,
    normalization: parseNormalizer(json.normalizer, 'normalizer'),
    ignoreMerges: model.ignore_merges === true,
    ...parsePostProcessor(json.post_processor),
  };
}
