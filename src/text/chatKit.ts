// A model's folder as Hugging Face publishes it: tokenizer, chat template and special tokens, put together as transformers
// 5 does (PreTrainedTokenizerBase.from_pretrained).
import { DataError } from '../lib/errors';
import { type CompiledTemplate, compileTemplate } from './chatTemplate';
import { fail, isObject, parseJson, shown } from './jsonFields';
import { Tokenizer } from './tokenizer';
import { chatTemplateOf, parseTokenizerConfig, type TokenizerConfig, withConfigTokens } from './tokenizerConfig';

/** Special tokens that transformers knows by name (SPECIAL_TOKENS_ATTRIBUTES); templates get those that are set. */
const NAMED_TOKENS = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;
/** Classes whose pipeline is exactly what tokenizer.json says. */
const PLAIN_CLASSES = new Set(['PreTrainedTokenizerFast', 'TokenizersBackend', 'PreTrainedTokenizer']);
const CONVERT =
  'Convert it: AutoTokenizer.from_pretrained(folder).save_pretrained(other_folder) writes a tokenizer.json.';

export interface ChatKit {
  tokenizer: Tokenizer;
  /** Jinja source of the default template; undefined: the files have none. */
  template?: string;
  /** The one that transformers takes when tools are offered, where there is one. */
  toolTemplate?: string;
  /** Named special tokens: variables of every template. */
  variables: { [name: string]: string };
  /** What is not supported, or done otherwise than somewhere else; a sentence each. */
  notes: string[];
}

/** Files by their path or name; the folder in front does not matter. Others than those that are read are passed over. */
export type KitFiles = ReadonlyMap<string, string>;

const baseName = (path: string) => path.replaceAll('\\', '/').split('/').at(-1)!;
const depth = (path: string) => path.split(/[\\/]/).length;
/** What the studio's own template prints around turns. */
const OWN_SIGNS = ['<|im_start|>', '<|im_end|>'];
/**
 * Throws DataError naming file and field when the tokenizer is missing, malformed or of a kind that is not supported;
 * TemplateError with line and column is thrown only when a template is compiled.
 */
export function chatKitOf(files: KitFiles): ChatKit {
  // Folders hold copies (onnx/tokenizer.json): of two files of one name the one nearer to the top counts.
  const byName = new Map(
    [...files].toSorted(([a], [b]) => depth(b) - depth(a)).map(([path, text]) => [baseName(path), text]),
  );
  const configText = byName.get('tokenizer_config.json');
  // A file that is broken is told before one that is missing.
  const rawConfig = configText === undefined ? {} : parseJson(configText, 'tokenizer_config.json');
  const source = byName.get('tokenizer.json');
  if (source === undefined) throw new DataError(whyNoTokenizer([...byName.keys()]), { where: 'tokenizer.json' });
  const config = parseTokenizerConfig(withLegacyTokens(rawConfig, byName.get('special_tokens_map.json')));
  const tokenizer = Tokenizer.fromJson(withConfigTokens(source, config) as object);
  const templates = templatesOf(files, byName, config);
  const variables = namedTokens(rawConfig, byName.get('special_tokens_map.json'));
  const chosen: TokenizerConfig = { ...config, chat_templates: templates };
  const template = chatTemplateOf(chosen);
  const toolTemplate = templates.get('tool_use');
  return {
    tokenizer,
    ...(template !== undefined && { template }),
    ...(toolTemplate !== undefined && toolTemplate !== template && { toolTemplate }),
    variables,
    notes: notesOf(config, tokenizer, templates, configText !== undefined),
  };
}

function whyNoTokenizer(names: readonly string[]): string {
  if (names.some((name) => /^tokenizer\.model|\.model$|\.spm$/.test(name)))
    return `There is a SentencePiece model but no tokenizer.json, and SentencePiece files are not read. ${CONVERT}`;
  if (names.some((name) => name === 'vocab.json' || name === 'merges.txt' || name === 'vocab.txt'))
    return `There are vocabulary files of an old kind but no tokenizer.json, which alone says how text is cut. ${CONVERT}`;
  return 'There is no tokenizer.json among the files. Drop it too, or the whole folder of the model.';
}

/** special_tokens_map.json counts only where tokenizer_config.json has no added_tokens_decoder, as in transformers. */
function withLegacyTokens(config: unknown, legacy: string | undefined): unknown {
  if (!isObject(config) || legacy === undefined || 'added_tokens_decoder' in config) return config;
  const map = parseJson(legacy, 'special_tokens_map.json');
  if (!isObject(map)) fail('the file', 'must hold an object', undefined, 'special_tokens_map.json');
  return { ...config, ...map };
}

function namedTokens(config: unknown, legacy: string | undefined): { [name: string]: string } {
  const merged = withLegacyTokens(config, legacy);
  if (!isObject(merged)) return {};
  return Object.fromEntries(
    NAMED_TOKENS.flatMap((name): [string, string][] => {
      const value = merged[name];
      const text = isObject(value) ? value.content : value;
      return typeof text === 'string' ? [[name, text]] : [];
    }),
  );
}

/** chat_template.jinja and its companions stand above what tokenizer_config.json says. */
function templatesOf(files: KitFiles, byName: KitFiles, config: TokenizerConfig): ReadonlyMap<string, string> {
  const own = new Map<string, string>();
  const main = byName.get('chat_template.jinja');
  if (main !== undefined) own.set('default', main);
  for (const [path, text] of files) {
    const name = /additional_chat_templates[\\/]([^\\/]+)\.jinja$/.exec(path)?.[1];
    if (name !== undefined) own.set(name, text);
  }
  if (own.size > 0) return own;
  if (config.chat_templates.size > 0) return config.chat_templates;
  const legacy = byName.get('chat_template.json');
  if (legacy === undefined) return own;
  const json = parseJson(legacy, 'chat_template.json');
  const template = isObject(json) ? json.chat_template : undefined;
  if (typeof template !== 'string')
    fail('chat_template', `is ${shown(template)}, expected a string`, 'Correct the field.', 'chat_template.json');
  return own.set('default', template as string);
}

function notesOf(
  config: TokenizerConfig,
  tokenizer: Tokenizer,
  templates: ReadonlyMap<string, string>,
  hasConfig: boolean,
): string[] {
  const notes: string[] = [];
  if (!hasConfig)
    notes.push(
      'There is no tokenizer_config.json, so templates find no bos_token, eos_token or pad_token. Drop it too if the model has one.',
    );
  if (templates.size === 0) {
    const foreign = OWN_SIGNS.filter((sign) => tokenizer.idOf(sign) === undefined);
    const why = foreign.length
      ? ` Its ${foreign.join(' and ')} are no tokens of this tokenizer: they are spelled in pieces, and no turn ends with a token that could be trained.`
      : '';
    notes.push(`The files hold no chat template: the studio's own is used until you choose or write another.${why}`);
  }
  const { tokenizer_class: kind, add_bos_token, bos_token } = config;
  if (kind && !PLAIN_CLASSES.has(kind))
    notes.push(
      `tokenizer_class is ${kind}: transformers 5 may build parts of the pipeline from that class instead of tokenizer.json, which is what the studio reads. Compare a few ids.`,
    );
  const bos = bos_token === undefined ? undefined : tokenizer.idOf(bos_token);
  const adds = bos !== undefined && tokenizer.prefixIds.includes(bos);
  if (add_bos_token === true && !adds)
    notes.push(
      'add_bos_token is true, but tokenizer.json adds no BOS: transformers 5 follows tokenizer.json, older versions put one in front.',
    );
  if (add_bos_token === false && adds)
    notes.push(
      'add_bos_token is false, but tokenizer.json adds a BOS: transformers 5 follows tokenizer.json, older versions left it out.',
    );
  return notes;
}

/** The kit's templates as one: with tools the one made for them, as transformers chooses. */
export function compileKit({
  template,
  toolTemplate,
}: Pick<ChatKit, 'template' | 'toolTemplate'>): CompiledTemplate | undefined {
  if (template === undefined) return undefined;
  const plain = compileTemplate(template);
  if (toolTemplate === undefined) return plain;
  const withTools = compileTemplate(toolTemplate);
  return {
    source: plain.source,
    hasGeneration: plain.hasGeneration && withTools.hasGeneration,
    render: (messages, options = {}) => (options.tools?.length ? withTools : plain).render(messages, options),
  };
}
