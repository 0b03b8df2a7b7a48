import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hashString } from '../lib/rng';
import { BUILTIN_TEMPLATE } from '../text/builtinTemplate';
import { compileTemplate } from '../text/chatTemplate';
import { render, trainedTokens } from '../text/render';
import { Tokenizer } from '../text/tokenizer';
import { evaluationCases, turnText } from './cases';
import { gradeTurn } from './grade';
import { entitySplit, phrasingSplit, type SftItem, type Shape, type Split } from './item';
import { builtinItem, builtinItems, builtinWorld, DATASETS } from './registry';
import { KINDS, SHAPES } from './sft';
import { POLICY_TOPICS } from './state';
import { argumentProblem } from './tools';

const SPLITS = ['train', 'dev', 'heldout'] as const;
const made = new Map<string, SftItem[]>();
for (const shape of SHAPES)
  for (const split of SPLITS)
    made.set(
      `${shape}/${split}`,
      builtinItems(`sft/${shape}`, { rows: split === 'train' ? 2500 : 500, seed: 3, split }),
    );
const of = (shape: Shape, split: Split) => made.get(`${shape}/${split}`)!;
const all = [...made.values()].flat();
const prompt = (item: SftItem, role: string) => item.row.messages.filter((m) => m.role === role).map((m) => m.content);
const text = (item: SftItem) => JSON.stringify(item.row.messages);

test('row i is the same alone, in a list and in the next session', () => {
  for (const { id } of DATASETS) {
    const list = builtinItems(id, { rows: 30, seed: 9, split: 'heldout' });
    expect(list).toEqual(builtinItems(id, { rows: 30, seed: 9, split: 'heldout' }));
    expect(builtinItem(id, 17, { seed: 9, split: 'heldout' })).toEqual(list[17]);
    expect(list).not.toEqual(builtinItems(id, { rows: 30, seed: 10, split: 'heldout' }));
  }
  expect(() => builtinItems('sft/poems')).toThrow('There is no built-in dataset "sft/poems"');
});

test('the rows are those that the published figures were measured on', () => {
  const hash = (value: unknown) => hashString(JSON.stringify(value));
  const rows = Object.fromEntries(
    [...SHAPES, 'mix'].map((name) => [
      name,
      SPLITS.map((split) => hash(builtinItems(`sft/${name}`, { rows: 300, seed: 3, split }))),
    ]),
  );
  expect(rows).toEqual({
    single: [2086429186, 1987615955, 2748500713],
    multi: [1189532099, 3132211597, 96758299],
    tool: [3177244535, 2674619642, 319100763],
    safety: [3108201989, 1623131360, 2443361959],
    mix: [2674162689, 3744512944, 791985010],
  });
  expect(hash(evaluationCases(builtinWorld(), { n: 200, seed: 1 }))).toBe(2467186004);
});

test.each(SHAPES)('%s: 20 phrasings or more, thousands of distinct rows, every kind in every split', (shape) => {
  const kinds = KINDS[shape];
  expect(kinds.flatMap((k) => k.phrasings).length).toBeGreaterThanOrEqual(20);
  for (const k of kinds) expect(new Set(k.phrasings).size, k.kind).toBe(k.phrasings.length);
  const distinct = new Set(of(shape, 'train').map(text));
  expect(distinct.size / 2500).toBeGreaterThan(0.9);
  for (const split of SPLITS)
    expect(new Set(of(shape, split).map((i) => i.kind))).toEqual(new Set(kinds.map((k) => k.kind)));
});

test('no held-out phrasing, follow-up, system prompt or entity is trained on', () => {
  for (const item of all) {
    expect(phrasingSplit(Number(item.templateId.split('/')[1]))).toBe(item.split);
    expect(entitySplit(item.entityKey)).toBe(item.split);
  }
  for (const shape of SHAPES) {
    const seen = new Set(of(shape, 'train').map((i) => `${i.kind} ${i.entityKey}`));
    const rows = new Set(of(shape, 'train').map(text));
    for (const split of ['dev', 'heldout'] as const)
      for (const item of of(shape, split)) {
        expect(seen.has(`${item.kind} ${item.entityKey}`), item.entityKey).toBe(false);
        expect(rows.has(text(item))).toBe(false);
      }
  }
  // Questions with the entities struck out: what is left is the phrasing, whatever label, kind or shape the row carries.
  const skeleton = (question: string) =>
    POLICY_TOPICS.reduce((q, topic) => q.replaceAll(topic, '#'), question)
      .replace(/"[^"]*"/g, '#')
      .replace(/(East|North|South|West) China/g, '#')
      .replace(/\b[A-Z][a-z]+ (Foods|Steel|Textiles|Media)\b/g, '#')
      .replace(/\b(sales|marketing|finance|operations|research|support|legal|logistics)\b/g, '#')
      .replace(/\b(last quarter|receivables?|payables?|plus|minus|times)\b/g, '#')
      .replace(/[A-Z]{3}\/CNY/g, '#')
      .replace(/[A-Za-z]*-?\d[\d.Q-]*/g, '#');
  const questions = (split: Split) =>
    new Set(all.filter((i) => i.split === split).flatMap((i) => prompt(i, 'user').map(skeleton)));
  const trained = questions('train');
  expect(trained.size).toBeGreaterThan(150);
  for (const question of questions('heldout')) expect(trained.has(question), question).toBe(false);
  // System prompts, without tenant, date and the facts of the row.
  const heads = (split: Split) =>
    new Set(all.filter((i) => i.split === split).map((i) => prompt(i, 'system')[0]!.split(' ').slice(0, 3).join(' ')));
  for (const head of heads('heldout')) expect(heads('train').has(head), head).toBe(false);
});

test('every answer passes its own grader', () => {
  for (const item of all) {
    const turns = item.row.messages.flatMap((m, at) => (m.role === 'assistant' ? [at] : []));
    expect(item.truth).toHaveLength(turns.length);
    turns.forEach((at, i) => {
      const expected = turnText(item.row.messages[at]!);
      const lastUser = item.row.messages.slice(0, at).findLast((m) => m.role === 'user')!.content;
      const v = gradeTurn(item.truth[i]!, expected, expected, lastUser);
      expect(v, `${item.rowId} ${expected}`).toMatchObject({
        json_valid: true,
        schema_valid: true,
        turn_kind: true,
        is_allowed: true,
        needless_call: false,
        prompt_echo: false,
        correct: true,
      });
    });
  }
});

test('no truth rests on what the model cannot see: every figure, name and id of an answer stands in the text before it', () => {
  for (const item of all)
    item.row.messages.forEach((m, at) => {
      if (m.role !== 'assistant') return;
      const before = item.row.messages
        .slice(0, at)
        .map((x) => x.content)
        .join('\n');
      const said = turnText(m);
      const visible = (fact: string) =>
        before.includes(fact) || (fact === '2026Q3' && /last quarter|Last quarter|Q3/.test(before));
      for (const fact of said.match(/\b\d{3,}\b|\d{4}-\d\d-\d\d|\b[ABL]-?\d+\b|INV-\d+|AP-\d+|policy_v\d|20\d\dQ\d/g) ??
        [])
        expect(visible(fact), `${item.rowId}: ${fact} in ${said}`).toBe(true);
      for (const fact of said.match(
        /\b(East|North|South|West) China\b|\b[A-Z][a-z]+ (Foods|Steel|Textiles|Media)\b/g,
      ) ?? [])
        expect(visible(fact), `${item.rowId}: ${fact}`).toBe(true);
    });
});

test('tool rows: at most three tools, the right one among them, valid arguments, and all failures occur', () => {
  const failures = new Set<string>();
  for (const item of all) {
    const offered = (item.row.tools ?? []).map((t) => t.function.name);
    expect(offered.length).toBeLessThanOrEqual(3);
    expect(new Set(offered).size).toBe(offered.length);
    for (const m of item.row.messages) {
      for (const call of m.tool_calls ?? []) {
        expect(offered).toContain(call.function.name);
        expect(argumentProblem(call.function.name, call.function.arguments)).toBeUndefined();
      }
      const error = m.role === 'tool' ? JSON.parse(m.content).error : undefined;
      if (error) failures.add(error);
    }
  }
  expect(failures).toEqual(new Set(['time_out', 'permission_denied', 'stale_data', 'not_found']));
});

test('safety rows refuse some, answer some that sound alike, and hold back some', () => {
  const share = (status: string) =>
    of('safety', 'train').filter((i) => i.truth[0]!.expect === 'final' && i.truth[0]!.final.status === status).length /
    2500;
  expect(share('refused')).toBeGreaterThan(0.35);
  expect(share('ok')).toBeGreaterThan(0.25);
  expect(share('constrained')).toBeGreaterThan(0.05);
  // Every refusal names a way that complies.
  for (const item of all)
    for (const t of item.truth)
      if (t.expect === 'final' && t.final.status === 'refused') {
        expect(t.final.answer).toMatch(/^I cannot .*\. Please /);
        expect(t.final.action).not.toBeNull();
      }
});

test('the examples of the chapter are rows', () => {
  const has = (find: (item: SftItem) => boolean) => expect(all.some(find)).toBe(true);
  has((i) => i.kind === 'query_erp' && i.entityKey === 'sales|2026Q3|all' && text(i).includes('\\"amount\\":1200000'));
  has(
    (i) =>
      /marketing budget/.test(prompt(i, 'user')[0]!) &&
      /last quarter/i.test(text(i)) &&
      prompt(i, 'user').some((u) => /East China/.test(u)),
  );
  has((i) => i.kind === 'policy_rules' && /travel reimbursement/.test(prompt(i, 'user')[0]!));
  has((i) => i.kind === 'bypass_approval' && /bypass approval/.test(prompt(i, 'user')[0]!));
  has((i) => i.kind === 'reminder_email' && /payment reminder email/.test(prompt(i, 'user')[0]!));
  has((i) => i.kind === 'fx_rate' && /USD\/CNY/.test(prompt(i, 'user')[0]!) && /today/.test(prompt(i, 'user')[0]!));
  has((i) => i.kind === 'cash_flow' && /marketing budget/.test(prompt(i, 'user')[0]!));
  has((i) => i.kind === 'discrepancy' && text(i).includes('Unmatched receipt of 120000 CNY'));
});

test('rows fit: 384 tokens at most, half of them below 260, and every row has something to learn', () => {
  const tokenizer = Tokenizer.fromJson(
    JSON.parse(readFileSync(new URL('../../public/models/tokenizer.json', import.meta.url), 'utf8')),
  );
  const template = compileTemplate(BUILTIN_TEMPLATE);
  const lengths = SHAPES.flatMap((shape) =>
    of(shape, 'train')
      .slice(0, 200)
      .map((item) => {
        const row = render(item.row, item.rowId, {
          tokenizer,
          template,
          mode: 'assistant_only_loss',
          max_length: 1024,
        });
        expect(trainedTokens(row)).toBeGreaterThan(10);
        expect(row.findings ?? []).toEqual([]);
        return row.ids.length;
      }),
  ).sort((a, b) => a - b);
  expect(lengths.at(-1)).toBeLessThanOrEqual(384);
  expect(lengths[lengths.length / 2]).toBeLessThan(260);
});
