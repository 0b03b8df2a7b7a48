// Folders as they are published, in small: what is read, what stands above what, what is told.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Message } from '../protocol/chat';
import { isKitFile } from '../protocol/kitFiles';
import { type ChatKit, chatKitOf, compileKit } from './chatKit';

const fixture = (name: string) => readFileSync(`test/fixtures/tokenizers/${name}.json`, 'utf8');
const kitOf = (files: Record<string, string>): ChatKit => chatKitOf(new Map(Object.entries(files)));
const llama3 = fixture('llama3');
const ask: Message[] = [{ role: 'user', content: 'hi' }];

describe('templates', () => {
  const config = JSON.stringify({
    chat_template: [
      { name: 'default', template: 'plain' },
      { name: 'tool_use', template: 'tools' },
    ],
    eos_token: '<|eot_id|>',
  });
  const tools = [{ type: 'function' as const, function: { name: 'f', parameters: {} } }];
  test('of the config: one by name, another with tools', () => {
    const kit = kitOf({ 'tokenizer.json': llama3, 'tokenizer_config.json': config });
    expect([kit.template, kit.toolTemplate]).toEqual(['plain', 'tools']);
    const compiled = compileKit(kit)!;
    expect(compiled.render(ask).text).toBe('plain');
    expect(compiled.render(ask, { tools }).text).toBe('tools');
  });
  test('chat_template.jinja and its companions stand above the config, wherever the folder is', () => {
    const kit = kitOf({
      'models/x/tokenizer.json': llama3,
      'models/x/tokenizer_config.json': config,
      'models/x/chat_template.jinja': 'file',
      'models/x/additional_chat_templates/tool_use.jinja': 'file with tools',
    });
    expect([kit.template, kit.toolTemplate]).toEqual(['file', 'file with tools']);
  });
  test('of two files of one name the one nearer to the top counts', () => {
    const files = { 'x/tokenizer.json': llama3, 'x/chat_template.jinja': 'top', 'x/onnx/chat_template.jinja': 'copy' };
    expect(kitOf(files).template).toBe('top');
    expect(kitOf(Object.fromEntries(Object.entries(files).reverse())).template).toBe('top');
  });
  test('the old chat_template.json comes last', () => {
    const old = JSON.stringify({ chat_template: 'old' });
    expect(kitOf({ 'tokenizer.json': llama3, 'chat_template.json': old }).template).toBe('old');
    expect(
      kitOf({ 'tokenizer.json': llama3, 'chat_template.json': old, 'tokenizer_config.json': config }).template,
    ).toBe('plain');
    expect(() => kitOf({ 'tokenizer.json': llama3, 'chat_template.json': '{"chat_template":3}' })).toThrow(
      /chat_template\.json: chat_template is 3/,
    );
  });
  test('none is told', () => {
    const kit = kitOf({ 'tokenizer.json': llama3, 'tokenizer_config.json': '{}' });
    expect(kit.template).toBeUndefined();
    expect(compileKit(kit)).toBeUndefined();
    expect(kit.notes.join()).toMatch(
      /no chat template.*<\|im_start\|> and <\|im_end\|> are no tokens of this tokenizer/,
    );
  });
});

describe('special tokens', () => {
  test('named ones are variables of templates, as string or object; those that are missing join the vocabulary', () => {
    const config = JSON.stringify({
      bos_token: { content: '<|begin_of_text|>', lstrip: false },
      eos_token: '<|eot_id|>',
      pad_token: '<|my_pad|>',
      sep_token: null,
    });
    const kit = kitOf({ 'tokenizer.json': llama3, 'tokenizer_config.json': config });
    expect(kit.variables).toEqual({
      bos_token: '<|begin_of_text|>',
      eos_token: '<|eot_id|>',
      pad_token: '<|my_pad|>',
    });
    const pad = kit.tokenizer.idOf('<|my_pad|>')!;
    expect(kit.tokenizer.encode('a<|my_pad|>b', { allowSpecial: true }).ids).toContain(pad);
  });
  test('special_tokens_map.json counts only beside a config of the old kind', () => {
    const map = JSON.stringify({ eos_token: '<|old|>' });
    const files = { 'tokenizer.json': llama3, 'special_tokens_map.json': map };
    expect(kitOf({ ...files, 'tokenizer_config.json': '{"eos_token":"<|new|>"}' }).variables.eos_token).toBe('<|old|>');
    const config = '{"eos_token":"<|new|>","added_tokens_decoder":{}}';
    expect(kitOf({ ...files, 'tokenizer_config.json': config }).variables.eos_token).toBe('<|new|>');
  });
});

test('what is done otherwise elsewhere is told, and nothing where there is nothing to tell', () => {
  const notes = (config: object, tokenizer = llama3) =>
    kitOf({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': JSON.stringify({ chat_template: 'x', ...config }) })
      .notes;
  expect(notes({ tokenizer_class: 'PreTrainedTokenizerFast' })).toEqual([]);
  expect(notes({ tokenizer_class: 'LlamaTokenizer' })[0]).toMatch(/LlamaTokenizer/);
  const gpt2 = fixture('gpt2');
  expect(notes({ add_bos_token: true, bos_token: '<|endoftext|>' }, gpt2)[0]).toMatch(/adds no BOS/);
  expect(notes({ add_bos_token: false, bos_token: '<|endoftext|>' }, gpt2)).toEqual([]);
});

test('what cannot be read is named, with the way out', () => {
  expect(() => kitOf({ 'tokenizer.model': '' })).toThrow(/SentencePiece.*save_pretrained/);
  expect(() => kitOf({ 'vocab.json': '', 'merges.txt': '' })).toThrow(/old kind/);
  expect(() => kitOf({ 'README.md': '' })).toThrow(/no tokenizer\.json among the files/);
  expect(() => kitOf({ 'tokenizer.json': llama3.slice(0, 900) })).toThrow(/tokenizer\.json is not complete JSON/);
  const noMerges = JSON.parse(llama3);
  delete noMerges.model.merges;
  expect(() => kitOf({ 'tokenizer.json': JSON.stringify(noMerges) })).toThrow(/tokenizer\.json: model\.merges/);
  expect(() => kitOf({ 'tokenizer.json': llama3, 'tokenizer_config.json': '{"eos_token":3}' })).toThrow(
    /tokenizer_config\.json: eos_token is 3/,
  );
});

test('files that matter are known by name', () => {
  const all = [
    'a/tokenizer.json',
    'chat_template.jinja',
    'additional_chat_templates/rag.jinja',
    'special_tokens_map.json',
  ];
  expect(all.every(isKitFile)).toBe(true);
  expect(['model.safetensors', 'config.json', 'rag.jinja'].some(isKitFile)).toBe(false);
});
