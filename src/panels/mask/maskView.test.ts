import { expect, test } from 'vitest';
import type { EncodedRow } from '../../protocol/chat';
import {
  boundaries,
  curesOf,
  enough,
  KIND_WORDS,
  lengthSentence,
  reportSentence,
  tokenFacts,
  trainedCount,
  underCut,
  visible,
} from './maskView';
import { type Cut, type CutSummary, isFault } from './report';

const tokens = ['<|im_start|>', 'assistant', '\n', 'ok', ' yes', '<|im_end|>', '\n'];
const row = (mask: number[]): EncodedRow => ({
  rowId: 'r',
  text: tokens.join(''),
  ids: Int32Array.from([1, 20, 198, 30, 31, 2, 198]),
  mask: Uint8Array.from(mask),
  spanStart: new Int32Array(7),
  spanEnd: new Int32Array(7),
  role: Uint8Array.from([3, 3, 3, 3, 3, 3, 3]),
  origin: Uint8Array.from([2, 0, 0, 1, 1, 2, 0]),
  message: new Int16Array(7),
  rule: Uint8Array.from([0, 0, 0, 1, 1, 1, 0]),
  rules: ['outside every generation block', 'generation block 1'],
  truncated: 0,
});
const summary = (change: Partial<CutSummary> = {}): CutSummary => ({
  rows: 2,
  tokens: 20,
  trained: 8,
  cut: 0,
  rowsLost: 0,
  trainedLost: 0,
  stopsLost: 0,
  rowsWithoutStop: 0,
  longest: 200,
  byKind: new Map(),
  ...change,
});

test('boundaries are the four tokens where families differ', () => {
  const found = boundaries(row([0, 0, 0, 1, 1, 1, 0]), tokens);
  expect(found.lastPrompt).toEqual({ index: 2, id: 198, text: '\\n' });
  expect(found.firstTrained).toEqual({ index: 3, id: 30, text: 'ok' });
  expect(found.lastTrained).toEqual({ index: 5, id: 2, text: '<|im_end|>' });
  expect(found.after).toEqual({ index: 6, id: 198, text: '\\n' });
});

test('a row that trains to its end has nothing after; a silent row has no boundaries', () => {
  expect(boundaries(row([0, 0, 0, 1, 1, 1, 1]), tokens).after).toBeUndefined();
  expect(boundaries(row([0, 0, 0, 0, 0, 0, 0]), tokens)).toEqual({});
});

test('position 0 is never a target', () => {
  expect(trainedCount(row([1, 1, 1, 1, 1, 1, 1]))).toBe(6);
  expect(boundaries(row([1, 1, 0, 0, 0, 0, 0]), tokens).firstTrained?.index).toBe(1);
});

test('facts name the position that predicts the token', () => {
  const facts = Object.fromEntries(tokenFacts(row([0, 0, 0, 1, 1, 1, 0]), tokens, 3));
  expect(facts).toMatchObject({ id: '30', role: 'assistant', 'predicted from': '2 · \\n', rule: 'generation block 1' });
  expect(Object.fromEntries(tokenFacts(row([0, 0, 0, 0, 0, 0, 0]), tokens, 0))['predicted from']).toBe(
    'nothing: first token',
  );
});

test('white space is made visible', () => {
  expect(visible('  a b ')).toBe('␣␣a b␣');
  expect(visible('\n')).toBe('\\n');
});

test('sentences carry the numbers', () => {
  const cut = { max_length: 256, truncation_mode: 'keep_start' } as const;
  expect(reportSentence(summary())).toBe('8 of 20 tokens train (40 %), in 2 rows.');
  expect(reportSentence(summary(), 4000)).toBe('8 of 20 tokens train (40 %), in the first 2 of 4,000 rows.');
  expect(reportSentence(summary({ rows: 0 }))).toMatch(/^No rows/);
  expect(lengthSentence(summary(), cut)).toBe('No row is cut: the longest has 200 tokens, the limit is 256.');
  expect(lengthSentence(summary({ cut: 3, rowsLost: 1, trainedLost: 14, stopsLost: 2 }), cut)).toBe(
    '3 rows cut at the end: 1 row lost, 14 trained tokens lost, 2 end-of-turn tokens lost.',
  );
  const gone = summary({ cut: 3, rowsLost: 3, trainedLost: 14, stopsLost: 3, rowsWithoutStop: 3 });
  expect(lengthSentence(gone, { ...cut, truncation_mode: 'drop' })).toBe(
    '3 rows left out, and 14 trained tokens with them. No other row is cut.',
  );
  expect(lengthSentence(gone, { ...cut, truncation_mode: 'refuse' })).toBe(
    '3 rows are longer than 256 tokens, so a run would be refused.',
  );
  expect(lengthSentence({ ...gone, cut: 5 }, cut)).toMatch(
    /3 end-of-turn tokens lost\. 3 of them lose their end of turn: the model would not learn to stop\.$/,
  );
  expect(enough(summary())).toBe(200);
});

test('a cut row keeps what is cut away in sight, trained nowhere', () => {
  const whole = row([0, 0, 0, 1, 1, 1, 0]);
  const left = {
    ...whole,
    ids: whole.ids.slice(0, 4),
    mask: whole.mask.slice(0, 4),
    rule: whole.rule.slice(0, 4),
    truncated: 3,
  };
  const kept = underCut(whole, left, 'keep_start');
  expect([...kept.row.mask]).toEqual([0, 0, 0, 1, 0, 0, 0]);
  expect([3, 4].map(kept.isCut)).toEqual([false, true]);
  expect(kept.row.rules[kept.row.rule[5]!]).toMatch(/beyond max_length/);
  const right = { ...left, ids: whole.ids.slice(3), mask: Uint8Array.of(0, 1, 1, 0), cutLeft: true };
  const end = underCut(whole, right, 'keep_end');
  expect([...end.row.mask]).toEqual([0, 0, 0, 0, 1, 1, 0]);
  expect([2, 3].map(end.isCut)).toEqual([true, false]);
  expect(underCut(whole, left, 'drop').isCut(0)).toBe(true);
  expect(underCut(whole, whole, 'drop').row).toBe(whole);
});

test('every kind has words; what the gate lets pass is no fault', () => {
  expect(new Set(Object.values(KIND_WORDS)).size).toBe(Object.keys(KIND_WORDS).length);
  const faults = (truncation_mode: Cut['truncation_mode']) =>
    (['none', 'truncated', 'special_in_text', 'target_cut', 'unreadable', 'too_long'] as const).filter((kind) =>
      isFault(kind, { truncation_mode }),
    );
  expect(faults('keep_start')).toEqual(['target_cut', 'unreadable', 'too_long']);
  expect(faults('refuse')).toEqual(['target_cut', 'unreadable', 'too_long']);
  // The person chose to leave long rows out: the run goes on without them.
  expect(faults('drop')).toEqual(['target_cut', 'unreadable']);
});

test('every fault keeps its cure, whichever is told first', () => {
  const mask = { assistant_spans: 'generation', assistant_turns: 'all', train_on_eos: 'turn' } as const;
  const settings = { mode: 'assistant_only_loss', truncation_mode: 'keep_start', mask } as const;
  const told = [
    { kind: 'unreadable', message: 'No.' },
    { kind: 'nothing_trained', message: 'The template has no {% generation %} block.' },
  ] as const;
  const own = { byCut: false };
  expect(
    curesOf(
      [
        ['unreadable', own],
        ['nothing_trained', own],
        ['target_cut', { byCut: true }],
      ],
      settings,
      told,
    ),
  ).toEqual(['derive', 'markers', 'raise', 'drop']);
  expect(
    curesOf(
      [
        ['stop_not_trained', own],
        ['not_prefix_preserving', own],
      ],
      settings,
      told,
    ),
  ).toEqual(['last_turn']);
  expect(curesOf([['too_long', own]], { ...settings, truncation_mode: 'drop' }, [])).toEqual(['raise']);
  expect(curesOf([['unreadable', own]], settings, told)).toEqual([]);
});
