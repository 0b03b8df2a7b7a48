// Headers, decisions, verdicts and a wrong routing in words.
import { expect, test } from 'vitest';
import {
  answerParts,
  decisionTitle,
  metadataOf,
  misroutingWords,
  ruleKey,
  ruleOf,
  typedOf,
  typedRule,
  verdictRows,
} from './routingView';

test('fields left empty are not sent; decisions and verdicts in words', () => {
  const metadata = metadataOf({ tenant_id: 'bank_A', policy_version: 'policy_v3', industry: '' });
  expect(metadata).toEqual({ tenant_id: 'bank_A', policy_version: 'policy_v3' });
  expect(typedOf(metadata).industry).toBe('');
  const rule = { tenant_id: 'bank_A', policy_version: 'policy_v3', adapter: 17 };
  expect(decisionTitle(metadata, { decision: 'routed', adapterId: 17, rule })).toBe('g(bank_A, policy_v3) = 17');
  expect(decisionTitle({}, { decision: 'refused', reason: 'missing_field', message: '' })).toBe(
    'g(nothing) is refused',
  );
  expect(verdictRows({ schema_valid: true, tenant_policy_correct: false, tool_call: null, figures: null })).toEqual([
    { id: 'schema_valid', words: 'valid by the schema', isMet: true },
    { id: 'tenant_policy_correct', words: 'decides by another policy', isMet: false },
  ]);
  expect(
    answerParts('{"answer":"Yes.","sources":["policy_v2"],"action":{"type":"request_approval"},"status":"ok"}'),
  ).toEqual({
    answer: 'Yes.',
    rest: [
      ['status', 'ok'],
      ['action', 'request_approval'],
      ['sources', 'policy_v2'],
    ],
  });
  for (const odd of ['{"answer":"cut', '"text"', 'null', '{"answer":3}']) expect(answerParts(odd), odd).toBeUndefined();
  const routed = { decision: 'routed' as const, adapterId: 17, rule };
  const answer = (verdict: 'pass' | 'fail') => ({
    decision: routed,
    adapterId: 42,
    verdicts: { schema_valid: true },
    check: { verdict, why: '' },
  });
  expect(misroutingWords('bank_A', '42', answer('fail'))).toMatchObject({
    tone: 'good',
    text: expect.stringMatching(/^Caught\. .*valid JSON/),
  });
  expect(misroutingWords('bank_A', '42', answer('pass'))).toMatchObject({
    tone: 'warn',
    text: expect.stringMatching(/^Not caught/),
  });
  expect(misroutingWords('bank_A', '17', { ...answer('pass'), adapterId: 17 }).text).toContain('the right routing');
});

test('a rule as it is typed and as it is sent', () => {
  const rule = { tenant_id: 'bank_D', policy_version: 'policy_v1', adapter: 77 };
  expect(typedRule(rule, rule.adapter)).toEqual({ tenant_id: 'bank_D', policy_version: 'policy_v1', industry: '', adapter: '77' }); // biome-ignore format: one rule
  // An empty industry is none: the rule takes any.
  expect(ruleOf(typedRule(rule, rule.adapter))).toEqual(rule);
  expect(ruleOf({ ...typedRule(undefined, 9), tenant_id: ' a ' })).toEqual({ tenant_id: 'a', policy_version: '', adapter: 9 }); // biome-ignore format: one rule
  expect(ruleOf(typedRule(undefined, undefined)).adapter).toBeNaN();
  expect(ruleKey(rule)).not.toBe(ruleKey({ ...rule, industry: 'banking' }));
});
