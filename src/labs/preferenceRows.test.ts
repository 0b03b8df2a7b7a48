// Preference rows on their way to a run: which are left out and why, and how references and settings are checked.
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import { TfEngine } from '../nn/engine';
import { initWeights } from '../nn/init';
import { PRESETS } from '../nn/presets';
import type { DatasetRow, Message } from '../protocol/chat';
import type { Recipe } from '../protocol/recipe';
import { BUILTIN_TEMPLATE } from '../text/builtinTemplate';
import { compileTemplate } from '../text/chatTemplate';
import { parseRow } from '../text/parseRow';
import type { RenderContext } from '../text/renderContext';
import { Tokenizer } from '../text/tokenizer';
import { builtinWorld } from '../world/registry';
import { recipeAdapters } from './recipeAdapters';
import { encodeRecipe } from './recipeRows';
import { sftNano } from './recipes/sft';
import { referenceModel } from './reference';
import { referenceOf } from './referenceRef';
import { prepareRecipe } from './runRecipe';
import { validateRecipe } from './validateRecipe';

const SHAPE = { ...PRESETS.nano, hidden_size: 16, num_hidden_layers: 1, head_dim: 8, intermediate_size: 32 };
let render: RenderContext;
beforeAll(async () => {
  await initNodeBackend();
  render = {
    tokenizer: Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8')),
    template: compileTemplate(BUILTIN_TEMPLATE),
  };
});

const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const recipeOf = (trainer: string, more: Partial<Recipe> = {}): Recipe => ({
  ...sftNano,
  trainer,
  data: { train: [{ ref: 'mine' }], eval: [{ ref: 'mine' }] },
  args: { max_steps: 2, per_device_train_batch_size: 2, eval_steps: 0, generate_steps: 0, max_length: 96 },
  evaluation: [],
  ...more,
});
const encode = (rows: DatasetRow[], recipe = recipeOf('dpo')) =>
  encodeRecipe(recipe, 'train', render, { imported: () => ({ rows }) });
const good: DatasetRow = { prompt: [user('Budget?')], chosen: [assistant('It is 12.')], rejected: [assistant('No.')] };

test('of a pair both sides are rows, chosen first, with the same prompt and their own answers trained', () => {
  const { rows } = encode([good]);
  expect(rows).toHaveLength(2);
  const [chosen, rejected] = rows as [(typeof rows)[0], (typeof rows)[0]];
  const at = chosen.promptLength!;
  expect(rejected.promptLength).toBe(at);
  expect([...chosen.ids.slice(0, at)]).toEqual([...rejected.ids.slice(0, at)]);
  expect([...chosen.mask].indexOf(1)).toBe(at);
  expect(render.tokenizer.decode(chosen.ids.slice(at))).toContain('It is 12.');
  expect(render.tokenizer.decode(rejected.ids.slice(at))).toContain('No.');
});

test.each([
  ['chosen and rejected alike', { ...good, rejected: good.chosen }, /prefers nothing/],
  ['an empty answer', { ...good, chosen: [assistant('')] }, /chosen says nothing/],
  ['no prompt in common', { chosen: 'Yes, it is.', rejected: 'No, it is not.' }, /no prompt in common/],
  [
    'different questions behind one system message',
    {
      chosen: [{ role: 'system', content: 'Be brief.' }, user('Budget?'), assistant('12')],
      rejected: [{ role: 'system', content: 'Be brief.' }, user('Balance?'), assistant('13')],
    },
    /part before the answer: chosen goes on with a user turn \(“Budget\?”\)/,
  ],
  ['a question within the answer', { ...good, rejected: [user('And?'), assistant('No.')] }, /rejected has a user turn/],
  [
    'cut to equality',
    { ...good, chosen: [assistant(`${'word '.repeat(200)}A`)], rejected: [assistant(`${'word '.repeat(200)}B`)] },
    /same up to max_length/,
  ],
  ['a prompt as long as max_length', { ...good, prompt: [user('word '.repeat(200))] }, /./],
])('%s: the pair is left out and named', (_, row, reason) => {
  const { rows, dropped } = encode([good, row as DatasetRow]);
  expect(rows).toHaveLength(2);
  expect(dropped).toEqual([{ rowId: 'mine/1', reason: expect.stringMatching(reason) }]);
});

test.each<[string, DatasetRow, RegExp]>([
  ['a word', { chosen: 'Yes', rejected: 'Yes' }, /give the same tokens/],
  ['a sentence', { chosen: 'No.', rejected: 'No.' }, /give the same tokens/],
  ['a number', { chosen: '12.5', rejected: '12.5' }, /give the same tokens/],
  ['two words', { chosen: 'OK then', rejected: 'OK then' }, /give the same tokens/],
  ['a long word up to the cut', { chosen: `${'ab'.repeat(200)}1`, rejected: `${'ab'.repeat(200)}2` }, /same up to max_length/], // biome-ignore format: one row
])('%s that both sides say without a prompt is no guess: the pair is never trained', (_, row, reason) => {
  const { rows, dropped, findings } = encode([good, row]);
  expect(rows).toHaveLength(2);
  expect(dropped).toEqual([{ rowId: 'mine/1', reason: expect.stringMatching(reason) }]);
  const kinds = findings.map(({ kind }) => kind);
  expect(kinds).toContain('chosen_is_rejected');
  expect(kinds).not.toContain('prompt_not_shared');
});
test('text that hardly begins alike is named by the gate and trained by who overrides it; online a prompt must be shared too', () => {
  const { rows, dropped, findings } = encode([good, { chosen: 'They have 12.', rejected: 'The budget is 12.' }]);
  expect([rows.length, dropped]).toEqual([4, []]);
  expect(findings).toMatchObject([{ kind: 'prompt_not_shared', rowIds: ['mine/1'] }]);
  const unlike = { chosen: [user('Budget?'), assistant('12')], rejected: [user('Balance?'), assistant('13')] };
  const rloo = recipeOf('rloo', { args: { max_completion_length: 8 }, rewards: [{ type: 'rule', id: 'length' }] });
  const online = encode([good, unlike], rloo);
  expect(online.rows).toHaveLength(1);
  expect(online.dropped).toMatchObject([{ rowId: 'mine/1', reason: expect.stringMatching(/no prompt in common/) }]);
});

// This template wants a question, as many published ones do: it can print neither no message nor a system message alone.
const STRICT = `{%- if not messages | selectattr('role', 'equalto', 'user') | list %}{{ raise_exception('No user query found.') }}{% endif %}{{ messages[0].role }}:${BUILTIN_TEMPLATE}`;
const system: Message = { role: 'system', content: 'Be brief.' };
test.each<[string, Message[], string, Partial<Recipe>]>([
  ['no turn in common', [], 'dpo', {}],
  ['a system turn in common', [system], 'dpo', {}],
  ['no turn in common', [], 'kto', {}],
  ['a system turn in common', [system], 'kto', {}],
  ['a system turn in common', [system], 'rloo', { args: { max_completion_length: 8 }, rewards: [{ type: 'rule', id: 'length' }] }], // biome-ignore format: one row
])(
  'conversations with other questions and %s (%#, %s, %s) are told once, as that, and the others are trained',
  (_, shared, trainer, more) => {
    const unlike = {
      chosen: [...shared, user('Budget?'), assistant('It is 12.')],
      rejected: [...shared, user('Balance?'), assistant('It is 13.')],
    };
    const like = {
      chosen: [user('Budget?'), assistant('It is 12.')],
      rejected: [user('Budget?'), assistant('No.')],
    };
    for (const template of [BUILTIN_TEMPLATE, STRICT]) {
      const context = { ...render, template: compileTemplate(template) };
      const { rows, dropped, findings } = encodeRecipe(recipeOf(trainer, more), 'train', context, {
        imported: () => ({ rows: [like, unlike] }),
      });
      expect(rows.length).toBe(trainer === 'rloo' ? 1 : 2);
      expect(dropped.map(({ rowId }) => rowId)).toEqual(['mine/1']);
      const ofRow = findings.filter(({ rowIds }) => rowIds.includes('mine/1'));
      expect(ofRow).toMatchObject([{ kind: 'prompt_not_shared', rows: 1 }]);
    }
  },
);

test('rows of another type are refused in words, and each method says what it trains on', () => {
  expect(() => encode([{ messages: [user('a'), assistant('b')] }])).toThrow(
    /DPO does not train on conversations.*chosen and rejected/,
  );
  const kto = recipeOf('kto');
  expect(() => encode([{ messages: [user('a'), assistant('b')] }], kto)).toThrow(
    /KTO does not train on conversations.*answers with a label/,
  );
  expect(() => encode([good], recipeOf('sft'))).toThrow(/does not train on preferences/);
});

test('a row whose label is missing, empty or no truth value is named as that, and the others are trained', () => {
  const kto = recipeOf('kto');
  const labelled = { prompt: 'Q', completion: ' A', label: true };
  const lacking = [{}, { label: null }, { label: 'good' }].map((more) => parseRow({ prompt: 'Q', completion: ' B', ...more })); // biome-ignore format: one list
  const { rows, dropped, findings } = encode([labelled, ...lacking], kto);
  expect(rows.map(({ values }) => values?.label)).toEqual([1]);
  expect(dropped.map(({ rowId }) => rowId)).toEqual(['mine/1', 'mine/2', 'mine/3']);
  expect(dropped[0]!.reason).toBe(
    'Its label is missing, or is neither true nor false: KTO learns from answers that are marked good (label: true) or bad (label: false). Add the label, or leave the row out.',
  );
  expect(findings).toMatchObject([{ kind: 'label_missing', rows: 3, rowIds: ['mine/1', 'mine/2', 'mine/3'] }]);
  expect(() => encode(lacking, kto)).toThrow('None of the 3 rows can be trained on. Its label is missing');
});

test('KTO takes a pair as two answers with a label, and labels of rows as they are', () => {
  const { rows } = encode([good, { prompt: 'Q', completion: ' A', label: false }], recipeOf('kto'));
  expect(rows.map(({ values }) => values?.label)).toEqual([1, 0, 0]);
});

test('an answer with a label that was cut keeps the whole one beside it; one that is whole, or cut at the left, does not', () => {
  const long: DatasetRow = { ...good, chosen: [assistant(`It is ${'very '.repeat(100)}much.`)] };
  const args = { ...recipeOf('kto').args, max_length: 48 };
  const [chosen, rejected] = encode([long], recipeOf('kto', { args })).rows;
  const { rows } = encode([long], recipeOf('kto', { args: { ...args, max_length: 1024 } }));
  const { ids, mask, promptLength } = rows[0]!;
  expect(chosen!.ids).toEqual(ids.slice(0, 48));
  expect(chosen!.wholeAnswer).toEqual({ ids: ids.slice(promptLength), mask: mask.slice(promptLength) });
  for (const row of [rejected!, ...rows]) expect(row.wholeAnswer).toBeUndefined();
  const left = encode([long], recipeOf('kto', { args: { ...args, truncation_mode: 'keep_end' } })).rows[0]!;
  expect([left.truncated > 0, left.wholeAnswer]).toEqual([true, undefined]);
});
test('a margin goes with both sides', () => {
  const { rows } = encode([{ ...good, margin: 0.5 }], recipeOf('reward'));
  expect(rows.map(({ values }) => values)).toEqual([{ margin: 0.5 }, { margin: 0.5 }]);
});

test('the reference: the start for all weights, the adapter off for a new one, another model by name', () => {
  const args = { loss_type: ['sigmoid'] };
  expect(referenceOf(recipeOf('dpo'), args)).toBe('builtin:nano');
  expect(referenceModel(recipeOf('dpo'), args)).toBe('builtin:nano');
  expect(referenceModel(recipeOf('dpo'), { ...args, precompute_ref_log_probs: true })).toBeUndefined();
  const lora = recipeOf('dpo', { peft: { r: 2 } });
  expect(referenceOf(lora, args)).toBe('adapter_off');
  expect(referenceModel({ ...lora, reference: 'builtin:micro' }, args)).toBe('builtin:micro');
  expect(referenceOf(recipeOf('dpo'), { loss_type: ['sft'] })).toBeUndefined();
  expect(referenceOf(recipeOf('orpo'), {})).toBeUndefined();
  expect(() => validateRecipe(recipeOf('dpo', { reference: 'adapter_off' }))).toThrow(/no adapter to turn off/);
  expect(() => validateRecipe(recipeOf('orpo', { reference: 'builtin:nano' }))).toThrow(/trains without it/);
});

test('a frozen copy, the adapter off and what was asked beforehand give the same steps', async () => {
  const rows = [good, { ...good, prompt: [user('Q3?')] }, { ...good, chosen: [assistant('Twelve.')] }];
  const run = async (more: Partial<Recipe>, withReference: boolean) => {
    const recipe = recipeOf('dpo', more);
    const make = () => new TfEngine(SHAPE, initWeights(SHAPE, 1), 'lm', recipeAdapters(recipe));
    const encoded = encode(rows, recipe).rows;
    const reference = withReference ? new TfEngine(SHAPE, initWeights(SHAPE, 1)) : undefined;
    const prepared = await prepareRecipe(recipe, { engine: make(), reference, train: encoded, eval: encoded, world: builtinWorld(), render, now: () => 0 }); // biome-ignore format: one call
    const losses: number[] = [];
    while (prepared.step < prepared.maxSteps)
      for (const point of (await prepared.trainStep()).points) if ('loss' in point) losses.push(point.loss!);
    prepared.dispose();
    return losses;
  };
  const args = { ...recipeOf('dpo').args, learning_rate: 1e-2, warmup_ratio: 0, lr_scheduler_type: 'constant' };
  const frozen = await run({ args }, true);
  const before = await run({ args: { ...args, precompute_ref_log_probs: true } }, false);
  expect(before).toEqual(frozen);
  expect(frozen[0]).toBeCloseTo(Math.LN2, 5);
  expect(Math.abs(frozen[1]! - Math.LN2)).toBeGreaterThan(1e-4); // it has moved away from its start
  const peft = { r: 4, lora_alpha: 8, target_modules: ['q_proj', 'v_proj'] };
  const off = await run({ args, peft }, false);
  const named = await run({ args, peft, reference: 'builtin:nano' }, true);
  expect(off).toEqual(named);
  expect(Math.abs(off[1]! - Math.LN2)).toBeGreaterThan(1e-6);
});
