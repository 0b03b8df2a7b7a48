// Templates, ids, masks, labels and packing equal transformers' and TRL's (fixtures by scripts/parity/text.py), exactly.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CASES, JINJA_CASES, LITERAL } from '../scripts/parity/textCases';
import { collatePacked } from '../src/data/collate';
import { packBfd } from '../src/data/packing';
import type { MaskMode } from '../src/protocol/chat';
import { type TokenizerJson, trainBpe } from '../src/text/bpe';
import { BUILTIN_TEMPLATE } from '../src/text/builtinTemplate';
import { compileTemplate } from '../src/text/chatTemplate';
import { encodeRendered } from '../src/text/encodeRendered';
import { render } from '../src/text/render';
import { Tokenizer } from '../src/text/tokenizer';

interface Prepared {
  input_ids: number[];
  labels: number[];
  seq_lengths?: number[];
  position_ids?: number[];
}
interface Expected {
  rendered: Record<
    string,
    { text: string; prompt: string; continued?: string; ids: number[]; assistant_masks: number[] }
  >;
  jinja: Record<string, string>;
  offsets: { text: string; ids: number[]; offsets: [number, number][] }[];
  trl: Record<string, Prepared[]>;
  packed: { rows: string[]; max_length: number; bfd: Prepared[] };
}
const read = (name: string) => JSON.parse(readFileSync(new URL(`fixtures/text/${name}`, import.meta.url), 'utf8'));
const expected: Expected = read('expected.json');
const json: TokenizerJson = read('tokenizer.json');
const inputs: { template: string; cases: typeof CASES; jinja: typeof JINJA_CASES } = read('inputs.json');
const tokenizer = Tokenizer.fromJson(json);
const template = compileTemplate(BUILTIN_TEMPLATE);
const context = { tokenizer, template };

test('the fixtures are those of the present tokenizer trainer, template and cases', () => {
  expect(trainBpe(LITERAL, { vocabSize: 320 })).toEqual(json);
  expect(inputs.template).toBe(BUILTIN_TEMPLATE);
  expect(inputs.cases).toEqual(JSON.parse(JSON.stringify(CASES)));
  expect(inputs.jinja).toEqual(JSON.parse(JSON.stringify(JINJA_CASES)));
});

describe('transformers: the built-in template', () => {
  test.each(Object.entries(expected.rendered))('%s', (name, theirs) => {
    const { messages = [], tools } = CASES[name]!;
    const rendered = template.render(messages, { tools });
    expect(rendered.text).toBe(theirs.text);
    expect(template.render(messages, { tools, addGenerationPrompt: true }).text).toBe(theirs.prompt);
    if (theirs.continued !== undefined)
      expect(template.render(messages, { tools, continueFinalMessage: true }).text).toBe(theirs.continued);
    expect(rendered.located).toBe('marks');
    expect([...encodeRendered(rendered, messages, tokenizer).ids]).toEqual(theirs.ids);
    const row = render({ messages, tools }, name, { ...context, mode: 'assistant_only_loss', max_length: 4096 });
    expect([...row.mask]).toEqual(theirs.assistant_masks);
  });
});

describe('transformers: Jinja and Python traits', () => {
  test.each(Object.entries(expected.jinja))('%s', (name, theirs) => {
    const { template: source, messages, tools } = JINJA_CASES[name]!;
    // apply_chat_template passes the tokenizer's special tokens.
    const kwargs = { bos_token: '<s>', eos_token: '<|endoftext|>', pad_token: '<|pad|>' };
    expect(compileTemplate(source).render(messages, { tools, kwargs }).text).toBe(theirs);
  });
});

test('tokenizers: spans, counted in code points there and in UTF-16 units here', () => {
  for (const { text, ids, offsets } of expected.offsets) {
    const encoding = tokenizer.encode(text);
    expect(encoding.ids).toEqual(ids);
    const points = (at: number) => Array.from(text.slice(0, at)).length;
    expect(encoding.ids.map((_, i) => [points(encoding.starts[i]!), points(encoding.ends[i]!)])).toEqual(offsets);
  }
});

describe("TRL: SFTTrainer's rows and its collator's labels", () => {
  test.each(Object.entries(expected.trl))('%s', (key, prepared) => {
    const [name = '', mode = '', maxLength] = key.split('/');
    const row = render(CASES[name]!, name, {
      ...context,
      mode: mode as MaskMode | 'default',
      max_length: Number(maxLength),
    });
    const theirs = prepared[0];
    if (!theirs) {
      // TRL drops a row that has no label left.
      expect(row.findings?.map((f) => f.kind)).toContain('nothing_trained');
      return;
    }
    expect([...row.ids]).toEqual(theirs.input_ids);
    // Position 0 has a label there that is never used; here it is not a target.
    const labels = Array.from(row.ids, (id, t) => (row.mask[t] ? id : -100));
    expect(labels.slice(1)).toEqual(theirs.labels.slice(1));
    expect(labels[0]).toBe(-100);
  });
});

test('TRL: packing bfd, its position ids and labels', () => {
  const { rows: names, max_length, bfd } = expected.packed;
  const rows = names.map((name) => render(CASES[name]!, name, { ...context, mode: 'assistant_only_loss', max_length }));
  const groups = packBfd(
    rows.map((row) => row.ids.length),
    max_length,
  ).map((bin) => bin.map((i) => rows[i]!));
  expect(groups.map((group) => group.map((row) => row.ids.length))).toEqual(bfd.map((bin) => bin.seq_lengths));
  groups.forEach((group, i) => {
    const batch = collatePacked([group]);
    const theirs = bfd[i]!;
    expect([...batch.ids]).toEqual(theirs.input_ids);
    expect([...batch.positions]).toEqual(theirs.position_ids);
    const shifted = theirs.labels.slice(1).map((label) => (label === -100 ? 0 : label));
    expect([...batch.targets.slice(0, -1)]).toEqual(shifted);
    expect([...batch.mask.slice(0, -1)]).toEqual(theirs.labels.slice(1).map((label) => (label === -100 ? 0 : 1)));
  });
});
