// Entries, pages, queries and verdicts of the routing log in words.
import { expect, test } from 'vitest';
import type { AuditEntry } from '../../protocol/serving';
import {
  entryText,
  entryTitle,
  entryTone,
  NO_FILTER,
  pageWords,
  queryOf,
  requestName,
  saidOf,
  verdictWords,
} from './logView';

test('the log in words', () => {
  const base = { n: 1, at: 0, prev: '', hash: '', requestId: 'r', metadata: {} };
  const of = (more: Partial<AuditEntry>) => ({ ...base, ...more }) as AuditEntry;
  const caught = of({ decision: 'checked', check: { verdict: 'fail', why: 'decides otherwise' } });
  expect([entryTitle(caught), entryTone(caught), entryText(caught)]).toEqual([
    'check failed',
    'bad',
    'decides otherwise',
  ]);
  expect(entryTitle(of({ decision: 'refused', reason: 'unknown_tenant' }))).toBe('refused: unknown tenant');
  expect(entryText(of({ decision: 'routed', mode: 'merged' }))).toBe('replay, merged');
  expect(queryOf(NO_FILTER)).toEqual({ withReplays: false });
  expect(queryOf({ ...NO_FILTER, withReplays: true })).toEqual({});
  const named = (requestId: string, decision: AuditEntry['decision'] = 'routed') =>
    requestName({ requestId, decision });
  expect(['page-1a2b', 'chapter-bank_A', 'request-7', 'r1'].map((id) => named(id))).toEqual(['sent here, 1a2b', 'payables of bank_A', 'request 7', 'r1']); // biome-ignore format: one line
  expect([named('rules-1a', 'rules'), named('registry-17-2', 'registry')]).toEqual(['routing rules', 'registry']);
  const failed = of({ decision: 'failed', message: 'It got no answer. device lost' });
  expect([entryTitle(failed), entryTone(failed), entryText(failed)]).toEqual([
    'no answer',
    'bad',
    'It got no answer. device lost',
  ]);
  expect(entryTitle(of({ decision: 'registry' }))).toBe('another version serves');
  expect(queryOf({ tenant: ' bank_A ', adapter: '42', decision: 'routed', replay: '', withReplays: true, text: '' })).toEqual({ tenant: 'bank_A', adapterId: 42, decision: 'routed' }); // biome-ignore format: one line
  expect(queryOf({ ...NO_FILTER, replay: 'replay-1a ' })).toEqual({ replay: 'replay-1a' });
  expect([pageWords(0, 0, 0), pageWords(0, 5, 5), pageWords(12, 12, 60)]).toEqual(['no entry', '5 entries', '13 to 24 of 60 entries']); // biome-ignore format: one line
  expect(verdictWords({ ok: false, brokenAt: 4, why: 'It was changed.' }, 'log.jsonl')).toEqual({
    tone: 'bad',
    text: 'log.jsonl is broken at entry 4. It was changed.',
  });
  expect(verdictWords({ ok: true, count: 1 }, 'The log').text).toBe(
    'The log holds: 1 entry, every hash as it was written.',
  );
  expect(verdictWords({ ok: true, count: 1, own: 0 }, 'a').text).toContain('not the log of this browser');
  expect(verdictWords({ ok: true, count: 4, own: 6 }, 'a').text).toContain('which has 2 more since');
  expect(entryTitle(of({ decision: 'misrouted' }))).toBe('misrouted');
  const said = (metadata: unknown) => saidOf(of({ metadata: metadata as AuditEntry['metadata'] }), 'tenant_id');
  expect([null, 'text', 7, {}, { tenant_id: null }].map(said)).toEqual(['', '', '', '', '']);
  expect([{ tenant_id: 'bank_A' }, { tenant_id: ['a', 'b'] }, { tenant_id: { of: 1 } }].map(said)).toEqual(['bank_A', '["a","b"]', '{"of":1}']); // biome-ignore format: one line
  const change = of({ decision: 'rules', message: 'Rule added: a → 1.', rules: [] });
  expect([entryTitle(change), entryTone(change), entryText(change)]).toEqual([
    'rules changed',
    '',
    'Rule added: a → 1.',
  ]);
});
