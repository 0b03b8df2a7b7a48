// tokenizer_config.json: what transformers knows of a tokenizer besides tokenizer.json.
import { DataError } from '../lib/errors';
import { fail, isObject, type JsonObject, parseJson, shown } from './jsonFields';

const FILE = 'tokenizer_config.json';
const NAMED = ['bos_token', 'eos_token', 'pad_token', 'unk_token'] as const;
/** transformers writes 1e30 for "no limit". */
const NO_LIMIT = 1e12;

export interface TokenizerConfig {
  bos_token?: string;
  eos_token?: string;
  pad_token?: string;
  unk_token?: string;
  /**
   * As the file says; undefined when it does not. transformers 5 leaves both aside when there is a tokenizer.json, whose
   * post-processor then decides, and so does Tokenizer.prefixIds. Older versions obeyed them.
   */
  add_bos_token?: boolean;
  add_eos_token?: boolean;
  /** transformers' default is false. It changes decoded text only, never ids; the studio decodes without it. */
  clean_up_tokenization_spaces: boolean;
  model_max_length?: number;
  /** transformers 5 may replace parts of tokenizer.json by what this class builds (LlamaTokenizer, Qwen2Tokenizer, …). */
  tokenizer_class?: string;
  /** name → template; a single one is named default. Empty when the file has none. */
  chat_templates: ReadonlyMap<string, string>;
}

/** A token as its string or as the object of an AddedToken. */
function tokenOf(json: JsonObject, key: string): string | undefined {
  const value = json[key];
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string') return value;
  if (isObject(value) && typeof value.content === 'string') return value.content;
  return fail(key, `is ${shown(value)}, expected a string or an object with content`, 'Correct the field.', FILE);
}

function flagOf(json: JsonObject, key: string): boolean | undefined {
  const value = json[key];
  if (value === null || value === undefined) return undefined;
  return typeof value === 'boolean'
    ? value
    : fail(key, `is ${shown(value)}, expected true or false`, 'Correct the field.', FILE);
}

function templatesOf(value: unknown): Map<string, string> {
  if (value === null || value === undefined) return new Map();
  if (typeof value === 'string') return new Map([['default', value]]);
  if (!Array.isArray(value))
    return fail(
      'chat_template',
      `is ${shown(value)}, expected a string or a list of named templates`,
      'Correct it.',
      FILE,
    );
  return new Map(
    value.map((entry: unknown, i): [string, string] => {
      if (isObject(entry) && typeof entry.name === 'string' && typeof entry.template === 'string')
        return [entry.name, entry.template];
      return fail(`chat_template[${i}]`, `is ${shown(entry)}, expected { name, template }`, 'Correct the entry.', FILE);
    }),
  );
}

/** Accepts the file's text or its parsed JSON. Throws DataError naming the field and the remedy. */
export function parseTokenizerConfig(source: unknown): TokenizerConfig {
  const json = parseJson(source, FILE);
  if (!isObject(json)) fail('the file', 'must hold an object', undefined, FILE);
  const limit = json.model_max_length;
  return {
    ...Object.fromEntries(NAMED.map((key) => [key, tokenOf(json, key)]).filter(([, token]) => token !== undefined)),
    add_bos_token: flagOf(json, 'add_bos_token'),
    add_eos_token: flagOf(json, 'add_eos_token'),
    clean_up_tokenization_spaces: flagOf(json, 'clean_up_tokenization_spaces') ?? false,
    model_max_length: typeof limit === 'number' && limit > 0 && limit < NO_LIMIT ? limit : undefined,
    tokenizer_class: typeof json.tokenizer_class === 'string' ? json.tokenizer_class : undefined,
    chat_templates: templatesOf(json.chat_template),
  };
}

/**
 * The template that transformers would take: the one named, else tool_use when there are tools, else default; undefined
 * when the file has none. Throws DataError when it has several and none of these.
 */
export function chatTemplateOf(
  { chat_templates: templates }: TokenizerConfig,
  { name, tools = false }: { name?: string; tools?: boolean } = {},
): string | undefined {
  if (templates.size === 0) return undefined;
  const wanted = name ?? (tools && templates.has('tool_use') ? 'tool_use' : 'default');
  const found = templates.get(wanted);
  if (found !== undefined) return found;
  throw new DataError(
    `${FILE} has no chat template named ${wanted}; it has ${[...templates.keys()].sort().join(', ')}. Choose one of these.`,
    { where: `${FILE}: chat_template` },
  );
}

/**
 * tokenizer.json with the config's tokens among its added tokens, as transformers sees it: one that is missing becomes
 * special, with the vocabulary's id or, when the vocabulary lacks it, the next free one. The given JSON is not changed.
 */
export function withConfigTokens(tokenizerJson: unknown, config: TokenizerConfig): unknown {
  const json = parseJson(tokenizerJson, 'tokenizer.json');
  // What is malformed is named when the tokenizer is built.
  if (!isObject(json) || !isObject(json.model)) return json;
  const { vocab } = json.model;
  const ids = new Map<string, number>();
  if (Array.isArray(vocab))
    vocab.forEach((entry: unknown, id) => {
      if (Array.isArray(entry)) ids.set(String(entry[0]), id);
    });
  else if (isObject(vocab)) for (const [token, id] of Object.entries(vocab)) ids.set(token, Number(id));
  const added: unknown[] = Array.isArray(json.added_tokens) ? [...json.added_tokens] : [];
  const known = new Set(added.map((token) => (isObject(token) ? token.content : undefined)));
  let next = 0;
  for (const id of ids.values()) next = Math.max(next, id + 1);
  for (const token of added) if (isObject(token)) next = Math.max(next, Number(token.id) + 1);
  for (const key of NAMED) {
    const content = config[key];
    if (content === undefined || content === '' || known.has(content)) continue;
    known.add(content);
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    added.push({ id: ids.get(content) ?? next++, content, ...flags });
  }
  return { ...json, added_tokens: added };
}
