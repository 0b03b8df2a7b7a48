import { expect, test } from 'vitest';
import type { DatasetRow, Message } from '../../protocol/chat';
import {
  faultyWords,
  isPromptLeft,
  isTextRow,
  preview,
  reportWords,
  truthOf,
  turnLabel,
  turnsOf,
  workWords,
} from './dataView';

const trajectory: DatasetRow = {
  messages: [
    { role: 'user', content: 'Sales spend in Q3?' },
    {
      role: 'assistant',
      content: '',
      tool_calls: [{ type: 'function', function: { name: 'query_erp', arguments: { department: 'sales' } } }],
    },
    { role: 'tool', name: 'query_erp', content: '{"amount":1200000}' },
    {
      role: 'assistant',
      content: '{"answer":"1.2 M","sources":["erp:2026Q3"],"action":null,"status":"ok"}',
    },
  ],
};

test('a trajectory keeps roles, calls and tool names in order', () => {
  const turns = turnsOf(trajectory);
  expect(turns.map((t) => t.role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  expect(turns[1]!.calls).toEqual([{ name: 'query_erp', arguments: '{"department":"sales"}' }]);
  expect(turns[2]!.name).toBe('query_erp');
});

test('prompt and completion are told apart, as strings and as messages', () => {
  const strings = turnsOf({ prompt: 'Hello', completion: ' world' });
  expect(strings.map((t) => [t.role, t.part])).toEqual([
    ['user', 'prompt'],
    ['completion', 'completion'],
  ]);
  const chat = turnsOf({ prompt: [{ role: 'user', content: 'a' }], completion: [{ role: 'assistant', content: 'b' }] });
  expect(chat.map((t) => t.part)).toEqual(['prompt', 'completion']);
  expect(turnsOf({ text: 'x' })[0]!.role).toBe('text');
  expect(turnsOf({})).toEqual([]);
  const pair = { prompt: 'Q', chosen: 'good', rejected: 'bad' };
  expect(turnsOf(pair).map((t) => [t.content, t.part])).toEqual([
    ['Q', 'prompt'],
    ['good', 'chosen'],
    ['bad', 'rejected'],
  ]);
  expect(preview(pair)).toEqual({ asked: 'Q', answered: 'good' });
  expect(truthOf({ prompt: 'Q', chosen: 'good', rejected: '{"status":"ok"}' })).toEqual([]);
});

test('the preview shows the last question and the last answer in one line', () => {
  const { asked, answered } = preview(trajectory);
  expect(asked).toBe('Sales spend in Q3?');
  expect(answered).toContain('1.2 M');
  expect(preview({ text: 'a\n b' })).toEqual({ asked: 'a b', answered: '' });
});

test('the truth lists the call and the fields of the strict answer', () => {
  expect(truthOf(trajectory)).toEqual([
    { label: 'right call', value: 'query_erp({"department":"sales"})' },
    { label: 'status', value: 'ok' },
    { label: 'rests on', value: 'erp:2026Q3' },
    { label: 'action', value: 'none' },
  ]);
  expect(truthOf({ text: 'prose' })).toEqual([]);
});

test('steps are shown with whether they are right', () => {
  const turns = turnsOf({ prompt: 'P', completions: ['a', 'b'], labels: [true, false] });
  expect(turns.map((t) => [t.content, t.part, t.name])).toEqual([
    ['P', 'prompt', undefined],
    ['a', 'step', 'right'],
    ['b', 'step', 'wrong'],
  ]);
});

test('what an operation would do is said with its counts', () => {
  const rule = { by: 'group' as const, column: 'team', devPercent: 10, seed: 1 };
  const report = { before: 60, after: 60, splits: { train: 50, dev: 10 } };
  expect(reportWords({ op: 'split', rule }, { ...report, groups: { train: 7, dev: 1, both: 0, without: 2 } })).toBe(
    '60 rows: 50 train, 10 dev. Groups: 7 in train, 1 in dev, none on both sides. 2 rows without a value go one by one.',
  );
  expect(reportWords({ op: 'split', rule }, { ...report, groups: { train: 8, dev: 0, both: 0, without: 0 } })).toMatch(
    /No group fell into dev: take another seed/,
  );
  expect(reportWords({ op: 'deduplicate' }, { before: 60, after: 59, splits: { train: 59 } })).toBe(
    '1 row of 60 would go, 59 stay: 59 train.',
  );
  expect(reportWords({ op: 'deduplicate' }, report)).toBe('No two of the 60 rows are equal.');
});

test('a text has no role: its part says what it is, once', () => {
  const labels = (row: DatasetRow) => turnsOf(row).map((turn) => turnLabel(turn, isTextRow(row)));
  expect(labels({ prompt: 'p', completion: 'c' })).toEqual(['prompt', 'completion']);
  expect(labels({ chosen: 'c', rejected: 'r' })).toEqual(['chosen', 'rejected']);
  expect(labels({ prompt: 'p', completions: ['a', 'b'], labels: [true, false] })).toEqual(['prompt', 'step · right', 'step · wrong']); // biome-ignore format: one row
  expect(labels({ prompt: [{ role: 'user', content: 'p' }], completion: [{ role: 'assistant', content: 'c' }] })).toEqual(['user · prompt', 'assistant · completion']); // biome-ignore format: one row
  expect(labels({ messages: [{ role: 'tool', name: 'fx', content: '1' }] })).toEqual(['tool · fx']);
  expect(labels({ text: 't' })).toEqual(['text']);
});

test('how far work is; a number that is not known yet is not made up', () => {
  expect(workWords({ phase: 'writing', done: 25, total: 100 })).toBe('Writing: 25 %');
  expect(workWords({ phase: 'keeping', done: 0, total: 0 })).toBe('Keeping');
});

test('a set made of another says which rows are left out; an import has said it', () => {
  expect(faultyWords({ faulty: 1, operation: { op: 'edit', rows: 2 } })).toBe('1 faulty row left out of training.');
  expect(faultyWords({ operation: { op: 'edit', rows: 2 } })).toBeUndefined();
  const operation = { op: 'import', fileName: 'a.jsonl', format: 'JSONL', form: 'text' } as const;
  expect(faultyWords({ faulty: 1, operation })).toBeUndefined();
});

test('a prompt column beside compared conversations is said to stay unread; beside texts it is the prompt', () => {
  const chosen = [{ role: 'assistant', content: 'Yes.' }] as const;
  expect(isPromptLeft({ chosen: [...chosen], rejected: [...chosen] }, { prompt: 'question' })).toBe(true);
  expect(isPromptLeft({ chosen: [...chosen], rejected: [...chosen] }, {})).toBe(false);
  expect(isPromptLeft({ prompt: 'Q', chosen: 'a', rejected: 'b' }, { prompt: 'question' })).toBe(false);
});

test('of a pair whose sides ask different questions the question shown is that of the answer shown', () => {
  const pair = (question: string, answer: string): Message[] => [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ];
  const row = { chosen: pair('Budget?', '12'), rejected: pair('Balance?', '13') };
  expect(preview(row)).toEqual({ asked: 'Budget?', answered: '12' });
});
