import { expect, test } from 'vitest';
import { PreflightError } from '../lib/errors';
import type { DatasetRow } from '../protocol/chat';
import type { Recipe } from '../protocol/recipe';
import { trainBpe } from '../text/bpe';
import { BUILTIN_TEMPLATE } from '../text/builtinTemplate';
import { compileTemplate } from '../text/chatTemplate';
import type { RenderSettings } from '../text/renderContext';
import { Tokenizer } from '../text/tokenizer';
import { checkRows } from './check';
import { lossPair } from './pair';
import { gateFindings, passGate } from './preflight';
import { encodeRecipe } from './recipeRows';
import { sftNano } from './recipes/sft';

const tokenizer = Tokenizer.fromJson(trainBpe([], { vocabSize: 262 }));
const chat = (answer: string, more: Partial<DatasetRow> = {}): DatasetRow => ({
  messages: [
    { role: 'user', content: 'Q' },
    { role: 'assistant', content: answer },
  ],
  ...more,
});
/** Findings of rows under the recipe's settings, by the one way that runs take. */
function check(
  train: DatasetRow[],
  change: Partial<Recipe> = {},
  template = BUILTIN_TEMPLATE,
  held: DatasetRow[] = [],
) {
  const recipe: Recipe = {
    ...sftNano,
    data: { train: [{ ref: 'mine' }], eval: held.length ? [{ ref: 'held' }] : [] },
    ...change,
    args: { ...sftNano.args, ...change.args },
  };
  const context = { tokenizer, template: compileTemplate(template) };
  const encode = (part: 'train' | 'eval', rows: DatasetRow[]) =>
    encodeRecipe(recipe, part, context, { imported: () => ({ rows }) });
  const findings = gateFindings(encode('train', train), encode('eval', held));
  return { recipe, findings, kinds: findings.map(({ kind }) => kind) };
}

/** The same gate headless, where settings are TRL's names. */
function checked(
  train: DatasetRow[],
  held: DatasetRow[],
  settings: Partial<RenderSettings> = {},
  template = BUILTIN_TEMPLATE,
) {
  const named = (rows: DatasetRow[]) => rows.map((row, i) => ({ rowId: `line ${i + 1}`, row }));
  return checkRows(named(train), named(held), {
    tokenizer,
    template: compileTemplate(template),
    mode: 'assistant_only_loss',
    max_length: 512,
    ...settings,
  });
}

test('clean rows pass', () => {
  const { recipe, findings } = check([chat('A'), chat('B')]);
  expect(findings).toEqual([]);
  expect(() => passGate(recipe, findings)).not.toThrow();
});

test('one row with nothing trained among many stops the run, by name; overriding it is recorded in the recipe', () => {
  const rows = [chat('A'), { messages: [{ role: 'user' as const, content: 'only a question' }] }, chat('B')];
  const { recipe, findings } = check(rows);
  const stopped = () => passGate(recipe, findings);
  expect(stopped).toThrow(PreflightError);
  expect(stopped).toThrow(
    /^The pre-flight check stops this run\. 1 row: nothing is trained \(first mine\/1\)\. The row has no assistant message/,
  );
  expect(() => passGate({ ...recipe, overrides: ['nothing_trained'] }, findings)).not.toThrow();
  expect(() => passGate({ ...recipe, overrides: ['target_cut'] }, findings)).toThrow(PreflightError);
});

test.each<[string, string, DatasetRow[], Partial<Recipe>, string]>([
  [
    'the end-of-turn token outside the markers',
    'stop_not_trained',
    [chat('A')],
    {},
    BUILTIN_TEMPLATE.replace(
      "{{ '<|im_end|>' -}}\n{%- endgeneration -%}",
      "{%- endgeneration -%}\n{{ '<|im_end|>' -}}",
    ),
  ],
  [
    'max_length that cuts an answer',
    'target_cut',
    [chat('a long answer')],
    { args: { max_length: 24 } },
    BUILTIN_TEMPLATE,
  ],
  [
    'full-sequence loss on tool results',
    'tool_result_trained',
    [
      chat('A', {
        messages: [
          { role: 'user', content: 'Q' },
          { role: 'tool', name: 'f', content: 'R' },
          { role: 'assistant', content: 'A' },
        ],
      }),
    ],
    { args: { assistant_only_loss: false, completion_only_loss: false } },
    BUILTIN_TEMPLATE,
  ],
  [
    'a template that rewrites earlier turns',
    'not_prefix_preserving',
    [{ messages: [...chat('A').messages!, ...chat('B').messages!] }],
    {},
    BUILTIN_TEMPLATE.replace("{{ message.content or '' -}}", "{{ message.content ~ ('!' if loop.last else '') -}}"),
  ],
])('%s: %s', (_, kind, rows, change, template) => {
  const { kinds, findings, recipe } = check(rows, change, template);
  expect(kinds).toContain(kind);
  expect(() => passGate(recipe, findings)).toThrow(PreflightError);
});

test('held-out rows that are masked by another rule than training rows stop the run', () => {
  const args = { assistant_only_loss: false, completion_only_loss: false };
  const plain: DatasetRow = { text: 'abc' };
  expect(check([chat('A')], { args }, BUILTIN_TEMPLATE, [plain]).kinds).toEqual([]); // full sequence, both
  const rows = check([chat('A')], {}, BUILTIN_TEMPLATE, [
    { prompt: chat('A').messages!.slice(0, 1), completion: chat('A').messages!.slice(1) },
  ]);
  expect(rows.kinds).toEqual([]); // the same kind of mask for both
  // TRL's default: messages are trained in full, of prompt and completion the completion alone.
  const pair: DatasetRow = { prompt: 'ab', completion: 'cd' };
  const report = checked([chat('A')], [pair], { mode: 'default' });
  expect(report.findings.map(({ kind, first }) => [kind, first])).toEqual([
    ['eval_masked_otherwise', expect.stringContaining('"completion", where training rows have "full sequence"')],
  ]);
  expect(checked([pair, chat('A')], [pair], { mode: 'default' }).findings).toEqual([]);
});

test('spans that are found by other rules are masked alike', () => {
  // The generation prompt opens a thought only for a first turn: there the whole parts from it, elsewhere it is a prefix.
  const source = `{% for m in messages %}{{ '<' ~ m.role ~ '>' ~ m.content ~ '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<assistant>' ~ ('<think>' if messages | length == 1) }}{% endif %}`;
  const several = { messages: [{ role: 'system' as const, content: 'S' }, ...chat('B').messages!] };
  const given = { mode: 'assistant_only_loss', mask: { assistant_spans: 'derived' } } as const;
  const rules = [chat('A'), several].map((row) => checked([row], [], given, source));
  expect(rules.every(({ trained }) => trained > 0)).toBe(true);
  expect(checked([chat('A')], [several], given, source).findings).toEqual([]);
});

test('rows that are dropped for their length stop no run and count in no mask', () => {
  const long = chat('an answer that is longer than all the others by far');
  const args = { max_length: 48, truncation_mode: 'drop' };
  const { recipe, findings } = check([chat('A'), long], { args });
  expect(findings).toEqual([]);
  expect(() => passGate(recipe, findings)).not.toThrow();
  expect(check([chat('A'), long], { args: { max_length: 48 } }).kinds).toContain('target_cut');
  const report = checked([chat('A'), long], [], { max_length: 48, truncation_mode: 'drop' });
  expect([report.isClean, report.notes.map(({ kind, rows }) => [kind, rows])]).toEqual([true, [['too_long', 1]]]);
  expect(report.tokens).toBeLessThanOrEqual(48);
  // Refused, such a row stops the run, and for that alone.
  const refused = checked([chat('A'), long], [], { max_length: 48, truncation_mode: 'refuse' });
  expect(refused.findings.map(({ kind }) => kind)).toEqual(['too_long']);
});

test('the full-sequence arm of the pair says what it overrides', () => {
  const { full, completion } = lossPair(sftNano);
  expect(full.overrides).toEqual(['tool_result_trained']);
  expect(completion.overrides).toBeUndefined();
});

test('rows that a finding names come with their place on the Mask page, and with their line', () => {
  const bad: DatasetRow = { messages: [{ role: 'user', content: 'Nobody answers.' }] };
  const good = chat('Fine.');
  const recipe: Recipe = { ...sftNano, data: { train: [{ ref: 'sha256:x' }], eval: [] } };
  const { findings } = encodeRecipe(
    recipe,
    'train',
    { tokenizer, template: compileTemplate(BUILTIN_TEMPLATE) },
    { imported: () => ({ rows: [good, bad], lines: [2, 4] }) },
  );
  const found = findings.find(({ kind }) => kind === 'nothing_trained');
  expect(found?.places).toEqual([{ datasetId: 'sha256:x', split: 'train', index: 1, line: 4 }]);
});
