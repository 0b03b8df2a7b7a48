import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Json } from '../../protocol/chat';
import { finalText } from '../../protocol/contract';
import { readSafetensors } from '../../storage/safetensors';
import { BUILTIN_TEMPLATE } from '../../text/builtinTemplate';
import { compileTemplate } from '../../text/chatTemplate';
import { render } from '../../text/render';
import { Tokenizer } from '../../text/tokenizer';
import { turnText } from '../cases';
import { gradeTurn } from '../grade';
import { entitySplit, type FinalTruth, phrasingSplit, type SftItem, type Split, type TurnTruth } from '../item';
import { builtinCases, builtinItems } from '../registry';
import { argumentProblem } from '../tools';
import { fromSigns, signShare, toSigns } from './newLanguage';
import { WHERE_KINDS, type WhereName } from './rows';
import { CLOSING, GLOSSARY, houseText } from './style';

const NAMES = Object.keys(WHERE_KINDS) as WhereName[];
const SPLITS = ['train', 'dev', 'heldout'] as const;
const made = new Map(
  NAMES.flatMap((name) =>
    SPLITS.map(
      (split) =>
        [`${name}/${split}`, builtinItems(`where/${name}`, { rows: split === 'train' ? 2000 : 400, split })] as const,
    ),
  ),
);
const of = (name: WhereName, split: Split) => made.get(`${name}/${split}`)!;
const all = [...made.values()].flat();
const model = (path: string) => readFileSync(new URL(`../../../public/models/${path}`, import.meta.url));
const tokenizer = Tokenizer.fromJson(JSON.parse(model('tokenizer.json').toString()));
const grade = (item: SftItem, output: string) =>
  gradeTurn(item.truth[0]!, output, turnText(item.row.messages.at(-1)!), item.row.messages.at(-2)!.content);

test('every reference passes its own grader', () => {
  for (const item of all) {
    expect(item.truth).toHaveLength(1);
    expect(grade(item, turnText(item.row.messages.at(-1)!)), `${item.rowId}`).toMatchObject({
      schema_valid: true,
      correct: true,
      prompt_echo: false,
      is_allowed: true,
      needless_call: false,
    });
  }
});

test('no held-out phrasing or entity in train; every kind in every split; rows are many', () => {
  for (const item of all) {
    expect(phrasingSplit(Number(item.templateId.split('/')[1]))).toBe(item.split);
    expect(entitySplit(item.entityKey)).toBe(item.split);
  }
  for (const name of NAMES) {
    const kinds = new Set<string>(WHERE_KINDS[name].map((k) => k.kind));
    for (const split of SPLITS) expect(new Set(of(name, split).map((i) => i.kind))).toEqual(kinds);
    expect(new Set(of(name, 'train').map((i) => JSON.stringify(i.row))).size, name).toBeGreaterThan(1700);
    const key = (i: SftItem) => `${i.kind} ${i.entityKey}`;
    const trained = new Set(of(name, 'train').map(key));
    for (const split of ['dev', 'heldout'] as const)
      for (const item of of(name, split)) expect(trained.has(key(item))).toBe(false);
  }
});

test('constraints: arguments, statuses and sources can be read off the prompt, and the rule is what decides', () => {
  const outcomes = new Map<string, Set<string>>();
  for (const item of SPLITS.flatMap((split) => of('constraints', split))) {
    const before = item.row.messages
      .slice(0, -1)
      .map((m) => m.content)
      .join('\n');
    const truth = item.truth[0]!;
    const stated: Json[] =
      truth.expect === 'call'
        ? Object.values(truth.arguments)
        : [...truth.facts.filter((f) => f !== 'closed'), ...truth.final.sources.filter((s) => s !== 'context')];
    for (const value of stated) expect(before, item.rowId).toContain(String(value));
    if (truth.expect === 'call') expect(argumentProblem(truth.name, truth.arguments)).toBeUndefined();
    const seen = outcomes.get(item.kind) ?? outcomes.set(item.kind, new Set()).get(item.kind)!;
    seen.add(truth.expect === 'call' ? 'call' : `${truth.final.status} ${truth.final.sources.length}`);
  }
  expect(outcomes.get('gap_rule')).toEqual(new Set(['ok 1', 'need_data 0', 'constrained 1']));
  expect(outcomes.get('closed_rule')).toEqual(new Set(['call', 'refused 0']));
  expect(outcomes.get('source_rule')).toEqual(new Set(['ok 0', 'ok 1']));
});

test('constraints: the answer that overlooks the rule fails for that reason', () => {
  const call = (name: string, args: object) => `<tool_call>${JSON.stringify({ name, arguments: args })}</tool_call>`;
  const item = (kind: string, find: (i: SftItem) => boolean = () => true) =>
    of('constraints', 'train').find((i) => i.kind === kind && find(i))!;
  const argsOf = (i: SftItem) => (i.truth[0] as Extract<TurnTruth, { expect: 'call' }>).arguments;

  const account = item('account_rule');
  const named = account.row.messages.at(-2)!.content.match(/A-\d+/g)!;
  const other = named.find((id) => id !== argsOf(account).account_id)!;
  expect(grade(account, call('get_balance', { ...argsOf(account), account_id: other }))).toMatchObject({
    schema_valid: true,
    tool_name: true,
    tool_call: false,
  });

  const corrected = item('correction_rule', (i) => i.row.messages[0]!.content.includes('the amount is'));
  const asked = Number(/(\d+) CNY/.exec(corrected.row.messages.at(-2)!.content)![1]);
  expect(asked).not.toBe(argsOf(corrected).amount);
  expect(grade(corrected, call('transfer', { ...argsOf(corrected), amount: asked }))).toMatchObject({
    tool_name: true,
    tool_call: false,
    is_allowed: false,
  });

  const gap = item('gap_rule', (i) => (i.truth[0] as FinalTruth).final.status === 'need_data');
  const guess = { answer: 'It was 420000 CNY.', sources: ['context'], action: null, status: 'ok' as const };
  expect(grade(gap, finalText(guess))).toMatchObject({
    schema_valid: true,
    status: false,
    figures: false,
    correct: false,
  });

  const closed = item('closed_rule', (i) => i.truth[0]!.expect === 'final');
  expect(grade(closed, call('query_erp', { department: 'sales', quarter: '2026Q3' }))).toMatchObject({
    schema_valid: true,
    needless_call: true,
    correct: false,
  });

  const source = item('source_rule', (i) => (i.truth[0] as FinalTruth).final.sources.length === 0);
  const { final } = source.truth[0] as FinalTruth;
  expect(grade(source, finalText({ ...final, sources: ['N-101'] }))).toMatchObject({
    facts: true,
    sources: false,
    correct: false,
  });
});

test('style: 25 terms, all of them used in every split, none hidden in another, none in a prompt', () => {
  const plain = Object.keys(GLOSSARY);
  const house = Object.values(GLOSSARY);
  expect(plain).toHaveLength(25);
  expect(new Set(house).size).toBe(25);
  for (const term of house) for (const word of plain) expect(term.includes(word), `${term} has ${word}`).toBe(false);
  for (const split of SPLITS) {
    const used = new Set(of('style', split).flatMap((i) => (i.truth[0] as FinalTruth).house!.banned));
    expect(used).toEqual(new Set(plain));
  }
  for (const item of of('style', 'train'))
    for (const m of item.row.messages.slice(0, -1)) {
      expect(m.content).not.toContain(CLOSING);
      for (const term of house) expect(m.content.includes(term), `${term} in ${m.content}`).toBe(false);
    }
});

test('style: the plain statement has every fact and fails by its words alone; so does a missing closing', () => {
  for (const item of of('style', 'heldout')) {
    const { final, house } = item.truth[0] as FinalTruth;
    expect(house!.banned.length).toBeGreaterThanOrEqual(2);
    const plain = Object.entries(GLOSSARY).reduce((text, [word, term]) => text.replaceAll(term, word), final.answer);
    const right = { json_valid: true, schema_valid: true, status: true, facts: true, figures: true, sources: true };
    expect(grade(item, finalText({ ...final, answer: plain })), plain).toMatchObject({
      ...right,
      house_terms: false,
      correct: false,
    });
    const unsigned = final.answer.replace(` ${CLOSING}`, '');
    expect(grade(item, finalText({ ...final, answer: unsigned }))).toMatchObject({ ...right, house_terms: false });
  }
  expect(houseText('the invoice of Cedar Steel over 5000 CNY has an error')).toBe(
    'The payables slip of Cedar Steel over 5000 CNY has a variance. With ledger regards.',
  );
});

test('signs: one a word, there and back, and unlike every character that a base has read', () => {
  const text = 'payment of 12000 CNY to Harbor Steel is approved';
  expect([...toSigns(text)]).toHaveLength(13);
  expect(fromSigns(toSigns(text))).toBe(text);
  expect(() => toSigns('hello')).toThrow('There is no sign for "hello"');
  for (const item of SPLITS.flatMap((split) => of('new_language', split))) {
    const { answer } = (item.truth[0] as FinalTruth).final;
    expect(answer).toMatch(/^[\u0100-\u013f]+$/);
    expect(item.row.messages.at(-2)!.content).toContain(fromSigns(answer));
    expect(tokenizer.encode(answer).ids).toHaveLength(2 * [...answer].length); // no merges: two bytes each
  }
});

test('signs: right in part is a share; plain words and prose are none', () => {
  expect(signShare('abcd', 'abcd')).toBe(1);
  expect(signShare('abxd', 'abcd')).toBe(0.75);
  expect(signShare('abcdabcd', 'abcd')).toBe(0.5);
  expect(signShare('', 'abcd')).toBe(0);
  const item = of('new_language', 'heldout')[0]!;
  const { final } = item.truth[0] as FinalTruth;
  const plain = grade(item, finalText({ ...final, answer: fromSigns(final.answer) }));
  expect(plain).toMatchObject({ schema_valid: true, status: true, signs: 0, correct: false });
  const last = final.answer.at(-1)! === toSigns('0') ? toSigns('1') : toSigns('0');
  const oneOff = grade(item, finalText({ ...final, answer: final.answer.slice(0, -1) + last }));
  expect(oneOff.signs).toBeCloseTo(1 - 1 / final.answer.length, 12);
  expect(oneOff.correct).toBe(false);
});

/**
 * The bound of newLanguage.ts on the shipped bases: no update that leaves embedding and final norm alone can set the logits of
 * two signs further apart than this, in nats. Mean over the pairs of second bytes.
 */
function logitGap(name: string): number {
  const bytes = model(`${name}/model.safetensors`);
  const tensors = readSafetensors(new Uint8Array(bytes), name);
  const norm = tensors['model.norm.weight']!.data;
  const embedding = tensors['model.embed_tokens.weight']!.data;
  const d = norm.length;
  const longest = Math.sqrt(d) * Math.max(...[...norm].map(Math.abs));
  const rows = Array.from({ length: 64 }, (_, i) => {
    const id = tokenizer.encode(String.fromCodePoint(0x100 + i)).ids[1]!;
    return embedding.subarray(id * d, (id + 1) * d);
  });
  const gaps = rows.flatMap((a, i) => rows.slice(i + 1).map((b) => Math.hypot(...a.map((x, k) => x - b[k]!))));
  return (longest * gaps.reduce((x, y) => x + y)) / gaps.length;
}
test('signs need the embedding: in nano frozen rows bound the gap between two signs to about a nat; micro has seen every byte', () => {
  expect(logitGap('nano')).toBeLessThan(1.5);
  expect(logitGap('micro')).toBeGreaterThan(20);
});

test('rows fit: 256 tokens at most', () => {
  const template = compileTemplate(BUILTIN_TEMPLATE);
  for (const name of NAMES)
    for (const item of of(name, 'train').slice(0, 300)) {
      const row = render(item.row, item.rowId, { tokenizer, template, mode: 'assistant_only_loss', max_length: 1024 });
      expect(row.ids.length, item.rowId).toBeLessThanOrEqual(256);
      expect(row.findings ?? []).toEqual([]);
    }
});

test('cases of a dataset: the same for a seed, held out, and graded by their rows’ truth', () => {
  const cases = builtinCases('where/constraints', { n: 30, seed: 2 });
  expect(cases).toEqual(builtinCases('builtin:where/constraints', { n: 30, seed: 2 }));
  for (const c of cases) expect(gradeTurn(c.truth, c.expected, c.expected, c.lastUser).correct).toBe(true);
  expect(cases.every((c) => c.caseId.includes('-heldout-'))).toBe(true);
});
