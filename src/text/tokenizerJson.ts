// Reads tokenizer.json: every field that encoding depends on is checked, and what the studio cannot do is refused by name.
import { AddedTokens, parseAdded } from './addedTokens';
import { Aligned } from './aligned';
import type { AddedTokenJson, TokenizerJson } from './bpe';
import { compileBpe } from './bpeModel';
import { PAIR_SHIFT } from './bpeWord';
import { compileDecoder, type Decoder } from './decoders';
import { fail, isObject, type JsonObject, parseJson, shown } from './jsonFields';
import { compileNormalizer, type Normalizer } from './normalizers';
import { type Around, parsePostProcessor } from './postProcessor';
import { compilePreTokenizer, type PreTokenizer } from './preTokenizer';
import { compileUnigram, parseUnigramVocab } from './unigram';
import type { WordModel } from './wordModel';
import { compileWordLevel, compileWordPiece } from './wordModels';

export interface ParsedTokenizer extends Around {
  json: TokenizerJson;
  /** id → token string as the decoder takes it; undefined where an id is unused. */
  tokens: (string | undefined)[];
  vocab: Map<string, number>;
  added: AddedTokenJson[];
  addedTokens: AddedTokens;
  normalize?: Normalizer;
  preTokenizer: PreTokenizer;
  model: WordModel;
  decoder: Decoder;
}

const MODELS = ['BPE', 'Unigram', 'WordLevel', 'WordPiece'];

/** Files of before 2020 do not name their model; what they hold does. */
function modelType(model: JsonObject): string {
  if (typeof model.type === 'string') return model.type;
  if ('merges' in model) return 'BPE';
  if (Array.isArray(model.vocab)) return 'Unigram';
  if ('max_input_chars_per_word' in model) return 'WordPiece';
  return 'unk_token' in model ? 'WordLevel' : 'BPE';
}

function parseVocab(json: unknown): Map<string, number> {
  if (!isObject(json)) fail('model.vocab', json === undefined ? 'is missing' : 'must be an object of token and id');
  const vocab = new Map<string, number>();
  const owner: (string | undefined)[] = [];
  for (const [token, id] of Object.entries(json)) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= PAIR_SHIFT)
      fail(`model.vocab[${JSON.stringify(token)}]`, `is ${shown(id)}, expected a token id`);
    if (owner[id] !== undefined)
      fail(`model.vocab[${JSON.stringify(token)}]`, `repeats id ${id} of ${JSON.stringify(owner[id])}`);
    vocab.set(token, id);
    owner[id] = token;
  }
  if (vocab.size === 0) fail('model.vocab', 'is empty');
  return vocab;
}

/** Parses and validates. Accepts the file's text or its parsed JSON. Throws DataError naming the field and the remedy. */
export function parseTokenizerJson(source: unknown): ParsedTokenizer {
  const json = parseJson(source, 'tokenizer.json');
  if (!isObject(json)) fail('the file', 'must hold an object');
  const model = json.model;
  if (!isObject(model)) fail('model', 'is missing');
  const type = modelType(model);
  if (!MODELS.includes(type))
    fail('model.type', `is ${shown(type)}`, `The studio reads the models ${MODELS.join(', ')}.`);

  const entries = type === 'Unigram' ? parseUnigramVocab(model.vocab) : undefined;
  if (entries?.length === 0) fail('model.vocab', 'is empty');
  const vocab = entries ? new Map(entries.map(([token], id) => [token, id])) : parseVocab(model.vocab);
  const added = parseAdded(json.added_tokens, vocab);
  const tokens: (string | undefined)[] = [];
  entries?.forEach(([token], id) => {
    tokens[id] = token;
  });
  for (const [token, id] of vocab) tokens[id] = token;
  const normalize = compileNormalizer(json.normalizer);
  const normalized = (content: string) => normalize?.(new Aligned(content)).text ?? content;
  // What the library gives its decoder for an added token is the form that stands in normalized text.
  for (const token of added) tokens[token.id] = token.normalized ? normalized(token.content) : token.content;

  // A single character stays: some models pad with "!".
  const isForbidden = ({ special, content }: AddedTokenJson) => special && [...content].length > 1;
  const forbidden = new Set(added.filter(isForbidden).map((token) => token.id));
  const compile = () => {
    if (entries) return compileUnigram(model, entries, vocab, forbidden);
    if (type === 'WordLevel') return compileWordLevel(model, vocab, forbidden);
    return type === 'WordPiece' ? compileWordPiece(model, vocab, forbidden) : compileBpe(model, vocab, forbidden);
  };
  return {
    json: json as unknown as TokenizerJson,
    tokens,
    vocab,
    added,
    addedTokens: new AddedTokens(added, normalized),
    normalize,
    preTokenizer: compilePreTokenizer(json.pre_tokenizer),
    model: compile(),
    decoder: compileDecoder(json.decoder),
    ...parsePostProcessor(json.post_processor),
  };
}
