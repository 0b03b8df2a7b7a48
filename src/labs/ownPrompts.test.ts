import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import type { DatasetRow } from '../protocol/chat';
import type { Recipe } from '../protocol/recipe';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from '../text/builtinTemplate';
import { compileTemplate } from '../text/chatTemplate';
import { encodePrompt } from '../text/encodePrompt';
import { render } from '../text/render';
import type { RenderContext } from '../text/renderContext';
import { Tokenizer } from '../text/tokenizer';
import { ownPrompts } from './ownPrompts';
import { settingsOf } from './recipeSettings';
import { sftDefault } from './recipes/sft';

let context: RenderContext;
beforeAll(() => {
  const tokenizer = Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8'));
  context = { tokenizer, template: compileTemplate(BUILTIN_TEMPLATE), ...BUILTIN_TOKENS };
});
const REF = `sha256:${'a'.repeat(64)}`;
const recipeOf = (args: Recipe['args'] = {}): Recipe => ({
  ...sftDefault,
  data: { train: [{ ref: REF, split: 'train' }], eval: [{ ref: REF, split: 'dev' }] },
  args: { ...sftDefault.args, ...args },
});
const encoded = (rows: DatasetRow[], recipe: Recipe, adapter?: string) =>
  rows.map((row, i) => ({ ...render(row, `${REF}/${i}`, { ...context, ...settingsOf(recipe) }), ...(adapter && { adapter }) })); // biome-ignore format: one row
const asked = { n: 4, seed: 5, context: 1024 };
const talk = (question: string): DatasetRow => ({
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: question },
    { role: 'assistant', content: 'Four.' },
    { role: 'user', content: 'Sure?' },
    { role: 'assistant', content: 'Yes.' },
  ],
});

test.each([
  ['assistant_only_loss', true],
  ['full', false],
])('%s: the prompt is what Chat would render up to the first answer', (_, assistant_only_loss) => {
  // biome-ignore format: a table
  const recipe = recipeOf({ assistant_only_loss, completion_only_loss: false });
  const row = talk('Two and two?');
  const [own] = ownPrompts(recipe, { train: [], eval: encoded([row], recipe) }, asked);
  expect(own).toMatchObject({ rowId: `${REF}/0`, words: 'Two and two?' });
  expect([...own!.ids]).toEqual([...encodePrompt(row.messages!.slice(0, 2), context).ids]);
});

test('a turn that only calls a tool is an answer too', () => {
  const recipe = recipeOf();
  const call = { type: 'function' as const, function: { name: 'rate', arguments: { of: 'EUR' } } };
  const row: DatasetRow = { messages: [{ role: 'user', content: 'Rate?' }, { role: 'assistant', content: '', tool_calls: [call] }, { role: 'tool', content: '1.1' }, { role: 'assistant', content: '1.1' }] }; // biome-ignore format: one row
  const [own] = ownPrompts(recipe, { train: [], eval: encoded([row], recipe) }, asked);
  expect([...own!.ids]).toEqual([...encodePrompt(row.messages!.slice(0, 1), context).ids]);
});

test('prompt and completion as plain text: the prompt, without a template', () => {
  const recipe = recipeOf({ assistant_only_loss: false, completion_only_loss: true });
  const rows = encoded([{ prompt: 'Translate: cat =', completion: ' chat' }], recipe);
  const [own] = ownPrompts(recipe, { train: [], eval: rows }, asked);
  expect(own!.words).toBe('Translate: cat =');
  expect(context.tokenizer.decode([...own!.ids])).toBe('Translate: cat =');
});

test('held-out rows before training rows, each prompt once, none that fills the context; text and built-in rows have none', () => {
  const recipe = recipeOf();
  const train = encoded(['a?', 'b?', 'c?', 'd?', 'e?'].map(talk), recipe);
  const held = encoded([talk('x?'), talk('x?'), talk('y?')], recipe);
  const words = (rows: Parameters<typeof ownPrompts>[1], change = {}) =>
    ownPrompts(recipe, rows, { ...asked, ...change }).map((one) => one.words);
  expect(words({ train, eval: held }).sort()).toEqual(['x?', 'y?']);
  expect(words({ train, eval: [] })).toHaveLength(4);
  expect(words({ train, eval: [] })).toEqual(words({ train, eval: [] }));
  expect(words({ train, eval: held }, { context: 8 })).toEqual([]);
  expect(ownPrompts(sftDefault, { train, eval: held }, asked)).toEqual([]);
  const plain = recipeOf({ assistant_only_loss: false, completion_only_loss: false });
  expect(ownPrompts(plain, { train: encoded([{ text: 'Once upon a time' }], plain), eval: [] }, asked)).toEqual([]);
});

test('several adapters share the prompts, each of its own rows', () => {
  const recipe: Recipe = {
    ...recipeOf(),
    data: {
      train: [
        { ref: REF, adapter: 'one' },
        { ref: REF, adapter: 'two' },
      ],
      eval: [],
    },
    peft: { r: 2 },
  };
  const train = [...encoded([talk('a?'), talk('b?')], recipe, 'one'), ...encoded([talk('c?'), talk('d?')], recipe, 'two')]; // biome-ignore format: one list
  const own = ownPrompts(recipe, { train, eval: [] }, { ...asked, n: 3 });
  expect(own.map(({ adapter }) => adapter)).toEqual(['one', 'two', 'two']);
  expect(own.slice(1).every(({ words }) => 'c?d?'.includes(words))).toBe(true);
});
