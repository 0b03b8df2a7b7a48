// Goldens and comparisons see one blank, on the level where it matters.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { firstDifference } from '../lib/arrays';
import type { DatasetRow } from '../protocol/chat';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from './builtinTemplate';
import { compileTemplate } from './chatTemplate';
import { compareRow } from './compareRenders';
import { checkGolden, goldenFile, makeGolden, parseGoldens } from './goldens';
import type { RenderSettings } from './renderContext';
import { Tokenizer } from './tokenizer';

const tokenizer = Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8'));
const gpt2 = Tokenizer.fromJson(readFileSync('test/fixtures/tokenizers/gpt2.json', 'utf8'));
const settings = (source: string, more: Partial<RenderSettings> = {}): RenderSettings => ({
  tokenizer,
  ...BUILTIN_TOKENS,
  template: compileTemplate(source),
  mode: 'assistant_only_loss',
  max_length: 1e6,
  ...more,
});
const row: DatasetRow = {
  messages: [
    { role: 'user', content: 'Budget of sales?' },
    { role: 'assistant', content: '12', tool_calls: undefined },
  ],
};
const spaced = BUILTIN_TEMPLATE.replaceAll('assistant\\n', 'assistant \\n');

test('a golden sample tells one blank at the level of string, ids and trained tokens', async () => {
  const now = settings(BUILTIN_TEMPLATE);
  const golden = await makeGolden('budget', row, now, now);
  expect(golden.supervised_tokens).toBe(3); // 1, 2, <|im_end|>
  expect(checkGolden(golden, now)).toMatchObject({ text: 'same', ids: 'same', supervised: 'same' });
  const check = checkGolden(golden, settings(spaced));
  expect(check).toMatchObject({ text: 'changed', ids: 'changed', supervised: 'same' });
  const at = firstDifference(golden.text, golden.text.replace('assistant\n', 'assistant \n'));
  expect(check.textAt).toMatchObject({ offset: at });
  expect(check.textAt!.was).toContain('assistant\n12');
  expect(golden.ids[check.tokenAt!.index]).toBe(check.tokenAt!.was);
  const unmarked = BUILTIN_TEMPLATE.replaceAll('{%- generation -%}', '').replaceAll('{%- endgeneration -%}', '');
  const silent = checkGolden(golden, settings(unmarked));
  expect(silent).toMatchObject({ text: 'same', ids: 'same', supervised: 'changed', supervised_tokens: 0 });
  const refuses = checkGolden(golden, settings("{{ raise_exception('no') }}"));
  expect(refuses).toMatchObject({ text: 'error', error: expect.stringContaining('no') });
});

test('a template that prints the date gives the same golden tomorrow', async () => {
  const dated = `{{ strftime_now('%d %b %Y') }}${BUILTIN_TEMPLATE}`;
  const on = (day: number) => settings(dated, { now: () => new Date(Date.UTC(2030, 0, day)) });
  const golden = await makeGolden('dated', row, on(1), on(1));
  expect(checkGolden(golden, on(2))).toMatchObject({ text: 'same', ids: 'same' });
});

test('a golden is rendered with the variables and the masks that it was pinned with, whatever is in hand later', async () => {
  const thinking = `{{ 'think ' if enable_thinking else 'answer ' }}${BUILTIN_TEMPLATE}`;
  const now = settings(thinking);
  const both: DatasetRow = {
    prompt: [...row.messages!, { role: 'user', content: 'And Q4?' }],
    completion: [{ role: 'assistant', content: '13' }],
  };
  const pinned = { ...now, completion_only_loss: false, chat_template_kwargs: { enable_thinking: true } };
  const golden = await makeGolden('thinks', both, pinned, now);
  expect(golden).toMatchObject({
    text: expect.stringMatching(/^think /),
    supervised_tokens: 6,
    chat_template_kwargs: { enable_thinking: true },
    completion_only_loss: false,
  });
  const [back] = parseGoldens(JSON.stringify(goldenFile([golden])));
  const later = settings(thinking, { completion_only_loss: true, templateVariables: { enable_thinking: false } });
  expect(checkGolden(back!, later)).toMatchObject({ text: 'same', ids: 'same', supervised: 'same' });
  const plain = await makeGolden('plain', row, now, now);
  expect(plain).not.toHaveProperty('chat_template_kwargs');
  const damaged = { ...goldenFile([{ ...golden, chat_template_kwargs: 1 as never }]) };
  expect(() => parseGoldens(JSON.stringify(damaged))).toThrow(/goldens\[0\]\.chat_template_kwargs is not an object/);
});

test('goldens come back from their file; a damaged file is named by its field', async () => {
  const now = settings(BUILTIN_TEMPLATE, { mask: { train_on_eos: 'none' } });
  const golden = await makeGolden('budget', row, now, now);
  const text = JSON.stringify(goldenFile([golden]));
  const [back] = parseGoldens(text);
  expect(checkGolden(back!, now)).toMatchObject({ text: 'same', ids: 'same', supervised: 'same' });
  expect(back!.supervised_tokens).toBe(2);
  const broken = (change: object) => () => parseGoldens(JSON.stringify({ ...goldenFile([golden]), ...change }));
  expect(() => parseGoldens(text.slice(0, 100))).toThrow(/goldens\.json is not complete JSON/);
  expect(broken({ format: 'x' })).toThrow(/goldens\.json: format is "x"/);
  expect(broken({ version: 2 })).toThrow(/version is 2.*Update the studio/);
  expect(broken({ goldens: [{ ...golden, ids: ['a'] }] })).toThrow(/goldens\[0\]\.ids is not a list of ids/);
  expect(broken({ goldens: [golden, { ...golden, row: { messages: [{ role: 'bot', content: '' }] } }] })).toThrow(
    /goldens\[1\]\.row: messages\[0\]\.role is "bot"/,
  );
});

test('templates are compared on whole rows: what stands beyond max_length counts, and short rows are not cut', () => {
  const long: DatasetRow = { messages: [{ role: 'user', content: 'why '.repeat(50) }, ...row.messages!] };
  const a = settings(BUILTIN_TEMPLATE, { max_length: 20 });
  const b = settings(spaced, { max_length: 20, truncation_mode: 'drop' });
  expect(compareRow(long, 'x', a, b)).toMatchObject({ text: 'differs', ids: 'differs', trainedA: 3, trainedB: 3 });
});

test('two templates or tokenizers on a row: level, place, and what is trained', () => {
  const a = settings(BUILTIN_TEMPLATE);
  expect(compareRow(row, 'x', a, settings(BUILTIN_TEMPLATE))).toEqual({
    text: 'same',
    ids: 'same',
    mask: 'same',
    trainedA: 3,
    trainedB: 3,
  });
  const b = compareRow(row, 'x', a, settings(spaced));
  // Another header moves what is trained, and changes nothing of it.
  expect(b).toMatchObject({ text: 'differs', ids: 'differs', mask: 'same', trainedA: 3, trainedB: 3 });
  expect(b.textAt!.b).toContain('assistant \n');
  expect(b.tokenAt!.a!.text).not.toBe(b.tokenAt!.b!.text);
  const stop = compareRow(row, 'x', a, settings(BUILTIN_TEMPLATE, { mask: { train_on_eos: 'none' } }));
  expect(stop).toMatchObject({ text: 'same', ids: 'same', mask: 'differs', trainedB: 2 });
  const other = compareRow(row, 'x', a, settings(BUILTIN_TEMPLATE, { tokenizer: gpt2 }));
  expect(other).toMatchObject({ text: 'same', ids: 'differs', mask: 'same' });
  const shouted = settings(BUILTIN_TEMPLATE.replace("{{ message.content or '' -}}", '{{ message.content ~ "!" -}}'));
  expect(compareRow(row, 'x', a, shouted)).toMatchObject({ ids: 'differs', mask: 'differs' });
  expect(compareRow(row, 'x', a, { ...shouted, tokenizer: gpt2 })).toMatchObject({ mask: 'differs' });
  const error = compareRow(row, 'x', a, settings("{{ raise_exception('no') }}"));
  expect(error).toMatchObject({ text: 'error', errorB: expect.stringContaining('no') });
  expect(error.errorA).toBeUndefined();
});
