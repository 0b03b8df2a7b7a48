import { Ajv } from 'ajv';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FINAL_SCHEMA, finalProblem, finalText, parseTurn, STATUSES } from './contract';

const isValidByAjv = new Ajv({ strict: false }).compile(FINAL_SCHEMA);

/** Objects near the contract: each field is right in most cases, so that both verdicts are met often. */
const mostly = (right: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 6, arbitrary: right },
    { weight: 1, arbitrary: fc.constantFrom<unknown>('', 1, null, [], {}, [1], true) },
  );
const nearly = fc
  .record({
    answer: mostly(fc.string({ minLength: 1 })),
    sources: mostly(fc.array(fc.string())),
    action: mostly(
      fc.oneof(fc.constant(null), fc.record({ type: fc.string(), note: fc.string() }, { requiredKeys: [] })),
    ),
    status: mostly(fc.constantFrom(...STATUSES)),
  })
  .chain((value) =>
    fc
      .constantFrom('', '', '', '', 'answer', 'action', '+extra', '+toString')
      .map((change) =>
        change.startsWith('+')
          ? { ...value, [change.slice(1)]: 1 }
          : Object.fromEntries(Object.entries(value).filter(([key]) => key !== change)),
      ),
  );

test('the checker written by hand agrees with ajv', () => {
  let valid = 0;
  fc.assert(
    fc.property(fc.oneof({ weight: 5, arbitrary: nearly }, fc.jsonValue()), (made) => {
      const value = JSON.parse(JSON.stringify(made));
      const ours = finalProblem(value) === undefined;
      valid += Number(ours);
      expect(ours, JSON.stringify(value)).toBe(isValidByAjv(value));
    }),
    { numRuns: 3000, seed: 1 },
  );
  expect(valid).toBeGreaterThan(300);
  expect(valid).toBeLessThan(2700);
});

test('one spelling: compact, keys in the order of the schema', () => {
  const final = { status: 'ok', action: null, sources: ['B4'], answer: 'a "quote"' } as const;
  const text = finalText({ ...final, sources: [...final.sources] });
  expect(text).toBe('{"answer":"a \\"quote\\"","sources":["B4"],"action":null,"status":"ok"}');
  expect(parseTurn(text)).toMatchObject({ kind: 'final', isValid: true, final });
});

test.each([
  ['The budget is 5.', 'invalid', false, 'not JSON'],
  ['{"answer":"x","sources":[],"action":null,"status":"fine"}', 'final', true, '"status" must be one of'],
  ['{"answer":"","sources":[],"action":null,"status":"ok"}', 'final', true, 'non-empty'],
  ['{"answer":"x","sources":[],"action":null}', 'final', true, '"status" is missing'],
  ['{"answer":"x","sources":[],"action":null,"status":"ok"} Thank you.', 'invalid', false, 'not JSON'],
  ['<tool_call>{"name":"f","arguments":{}}', 'tool_call', false, 'not closed'],
  ['<tool_call>{"name":"f"}</tool_call>', 'tool_call', true, 'needs "name" and "arguments"'],
])('%s is refused', (text, kind, isJson, problem) => {
  const turn = parseTurn(text);
  expect(turn).toMatchObject({ kind, isJson, isValid: false });
  expect(turn.problem).toContain(problem);
});

test('a tool call is read', () => {
  expect(parseTurn('<tool_call>{"name":"fx_rate","arguments":{"pair":"USD/CNY"}}</tool_call>')).toMatchObject({
    isValid: true,
    call: { name: 'fx_rate', arguments: { pair: 'USD/CNY' } },
  });
});
