// tokenizer_config.json in the shapes that published models have.
import { describe, expect, test } from 'vitest';
import { trainBpe } from './bpe';
import { Tokenizer } from './tokenizer';
import { chatTemplateOf, parseTokenizerConfig, withConfigTokens } from './tokenizerConfig';

const llama = {
  add_bos_token: true,
  add_eos_token: false,
  bos_token: {
    __type: 'AddedToken',
    content: '<s>',
    lstrip: false,
    normalized: false,
    rstrip: false,
    single_word: false,
  },
  eos_token: '</s>',
  pad_token: null,
  chat_template: [
    { name: 'default', template: 'A' },
    { name: 'tool_use', template: 'B' },
    { name: 'rag', template: 'C' },
  ],
  clean_up_tokenization_spaces: false,
  model_max_length: 1e30,
  tokenizer_class: 'LlamaTokenizer',
};

describe('reading', () => {
  test('tokens as string or object, flags, no limit', () => {
    expect(parseTokenizerConfig(JSON.stringify(llama))).toEqual({
      bos_token: '<s>',
      eos_token: '</s>',
      add_bos_token: true,
      add_eos_token: false,
      clean_up_tokenization_spaces: false,
      model_max_length: undefined,
      tokenizer_class: 'LlamaTokenizer',
      chat_templates: new Map([
        ['default', 'A'],
        ['tool_use', 'B'],
        ['rag', 'C'],
      ]),
    });
    expect(parseTokenizerConfig({ model_max_length: 4096 })).toMatchObject({
      model_max_length: 4096,
      add_bos_token: undefined,
      clean_up_tokenization_spaces: false,
    });
  });

  test('the template that transformers takes', () => {
    const config = parseTokenizerConfig(llama);
    expect(chatTemplateOf(config)).toBe('A');
    expect(chatTemplateOf(config, { tools: true })).toBe('B');
    expect(chatTemplateOf(config, { tools: true, name: 'rag' })).toBe('C');
    expect(() => chatTemplateOf(config, { name: 'chat' })).toThrow(
      /no chat template named chat.*default, rag, tool_use/,
    );
    const single = parseTokenizerConfig({ chat_template: 'only' });
    expect(chatTemplateOf(single, { tools: true })).toBe('only');
    expect(chatTemplateOf(parseTokenizerConfig({}))).toBeUndefined();
    const nameless = parseTokenizerConfig({ chat_template: [{ name: 'x', template: 'X' }] });
    expect(() => chatTemplateOf(nameless)).toThrow(/no chat template named default; it has x/);
  });

  test('each fault names its field', () => {
    expect(() => parseTokenizerConfig('{"bos_token": "<s>", ')).toThrow(/tokenizer_config\.json is not complete JSON/);
    expect(() => parseTokenizerConfig('[]')).toThrow(/must hold an object/);
    expect(() => parseTokenizerConfig({ eos_token: 2 })).toThrow(/tokenizer_config\.json: eos_token is 2/);
    expect(() => parseTokenizerConfig({ add_bos_token: 'yes' })).toThrow(
      /add_bos_token is "yes", expected true or false/,
    );
    expect(() => parseTokenizerConfig({ chat_template: { a: 'b' } })).toThrow(/chat_template is \{"a":"b"\}/);
    expect(() => parseTokenizerConfig({ chat_template: [{ name: 'a' }] })).toThrow(/chat_template\[0\]/);
  });
});

test("the config's tokens are special in the tokenizer, with the vocabulary's id or the next one", () => {
  const json = trainBpe(['ab ab ab'], { vocabSize: 264, addedTokens: [] });
  const config = parseTokenizerConfig({
    bos_token: 'ab',
    eos_token: '<|im_end|>',
    pad_token: '<PAD>',
    unk_token: '<PAD>',
  });
  const before = JSON.stringify(json);
  const tokenizer = Tokenizer.fromJson(withConfigTokens(json, config) as object);
  expect(JSON.stringify(json)).toBe(before);
  expect(tokenizer.addedTokens).toHaveLength(json.added_tokens.length + 2);
  expect(tokenizer.idOf('<|im_end|>')).toBe(2);
  expect(tokenizer.idOf('ab')).toBe(json.model.vocab.ab);
  expect(tokenizer.idOf('<PAD>')).toBe(Object.keys(json.model.vocab).length);
  expect(tokenizer.encode('ab', { allowSpecial: true }).ids).toEqual([tokenizer.idOf('ab')]);
  expect(tokenizer.encode('ab').ids).toEqual([tokenizer.idOf('a'), tokenizer.idOf('b')]);
  expect(tokenizer.encode('x<PAD>', { allowSpecial: true }).ids.at(-1)).toBe(tokenizer.idOf('<PAD>'));
});
