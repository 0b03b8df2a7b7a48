import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hashString } from '../../lib/rng';
import { finalText, parseTurn } from '../../protocol/contract';
import { typeOfRow } from '../../protocol/rowTypes';
import { BUILTIN_TEMPLATE } from '../../text/builtinTemplate';
import { compileTemplate } from '../../text/chatTemplate';
import { render } from '../../text/render';
import { Tokenizer } from '../../text/tokenizer';
import { gradeTurn } from '../grade';
import { type BuiltinItem, companiesOf, entitySplit, phrasingSplit, type Split } from '../item';
import { builtinCases, builtinItems, builtinWorld, DATASETS } from '../registry';
import { COMPANIES, REGIONS } from '../state';
import { chapterPair, demoItem, type PrefItem, prefCases, QUESTIONS } from './rows';
import { type DimensionId, RUBRIC, rubricOf, trueQuality } from './rubric';
import { surfaceOf } from './surface';
import type { RubricTruth } from './truth';

const world = builtinWorld();
const SPLITS = ['train', 'dev', 'heldout'] as const;
const REFS = ['pref', 'pref/biased', 'unpaired'] as const;
const made = new Map(
  REFS.flatMap((ref) =>
    SPLITS.map(
      (split) =>
        [`${ref}/${split}`, builtinItems(ref, { rows: split === 'train' ? 1000 : 300, seed: 3, split })] as const,
    ),
  ),
);
const of = (ref: (typeof REFS)[number], split: Split): BuiltinItem[] => made.get(`${ref}/${split}`)!;
const pairs = (ref: 'pref' | 'pref/biased', split: Split) => of(ref, split) as PrefItem[];
const all = [...made.values()].flat() as BuiltinItem[];
const truthOf = (item: BuiltinItem) => (item.truth[0] as { rubric: RubricTruth }).rubric;
const textsOf = ({ row }: BuiltinItem) =>
  [row.chosen, row.rejected, row.completion].flatMap((side) => (Array.isArray(side) ? [side[0]!.content] : []));
const promptOf = ({ row }: BuiltinItem, role: string) =>
  (row.prompt as PrefItem['row']['prompt']).find((m) => m.role === role)!.content;
const sides = ({ row }: PrefItem) => [row.chosen[0]!.content, row.rejected[0]!.content] as const;
const share = <T>(items: readonly T[], holds: (item: T) => boolean) => items.filter(holds).length / items.length;

test('the sets are listed with TRL’s types and 4,000 rows, and the rows have them', () => {
  for (const ref of REFS) {
    const { type, rows } = DATASETS.find(({ id }) => id === ref)!;
    expect(rows.train).toBe(4000);
    for (const split of SPLITS) for (const { row } of of(ref, split)) expect(typeOfRow(row)).toBe(type);
  }
  expect(DATASETS.filter(({ type }) => type !== 'messages').map(({ id }) => id)).toEqual([...REFS]);
});

test('the first pair is the chapter’s', () => {
  const first = pairs('pref', 'train')[0]!;
  expect({ ...first, rowId: '' }).toEqual({ ...chapterPair(world), rowId: '' });
  expect(promptOf(first, 'user')).toMatch(/cash-flow risk.*three actions.*non-core procurement/);
  expect(first.row.chosen[0]!.content).toMatch(/receivables .*stock .*1\. .*2\. .*3\. Pause non-core procurement/);
});

test('every answer obeys the contract, and the two of a pair differ', () => {
  for (const item of all)
    for (const text of textsOf(item)) expect(parseTurn(text), text).toMatchObject({ kind: 'final', isValid: true });
  for (const ref of ['pref', 'pref/biased'] as const)
    for (const split of SPLITS)
      for (const item of pairs(ref, split)) {
        const [chosen, rejected] = sides(item);
        expect(chosen).not.toBe(rejected);
      }
});

test('every chosen answer beats its rejected one on true quality, or is its equal in all but surface', () => {
  for (const split of SPLITS) {
    for (const item of pairs('pref', split)) {
      const [chosen, rejected] = sides(item).map((text) => trueQuality(text, truthOf(item))) as [number, number];
      expect(item.columns).toMatchObject({
        chosen_quality: expect.closeTo(chosen, 6),
        rejected_quality: expect.closeTo(rejected, 6),
      });
      if (item.columns!.pair === 'quality') expect(chosen - rejected, item.rowId).toBeGreaterThan(0.03);
      else expect(chosen).toBe(rejected);
    }
    const surface = share(pairs('pref', split), (item) => item.columns!.pair === 'surface');
    if (split === 'train') expect(Math.abs(surface - 0.12)).toBeLessThan(0.04);
    else expect(surface).toBe(0);
  }
});

test('chosen answers invent nothing, hide nothing and break no rule', () => {
  for (const split of SPLITS)
    for (const item of pairs('pref', split)) {
      if (item.columns!.pair === 'surface') continue;
      const { dimensions } = rubricOf(sides(item)[0], truthOf(item));
      for (const id of ['truthful', 'calibrated', 'compliant'] as const)
        expect(dimensions[id].score, `${item.rowId} ${dimensions[id].reason}`).toBe(1);
    }
});

test('surface does not tell which answer is chosen, and each dimension decides some pairs alone', () => {
  const quality = pairs('pref', 'train').filter((item) => item.columns!.pair === 'quality');
  const words = quality.map((item) => sides(item).map((text) => surfaceOf(text)));
  // Four standard errors of a fair coin over about 880 pairs: 0.067.
  expect(Math.abs(share(words, ([a, b]) => a!.words > b!.words) - 0.5)).toBeLessThan(0.067);
  for (const phrase of ['flattery', 'politeness', 'hedging'] as const) {
    const one = words.filter(([a, b]) => a![phrase] !== b![phrase]);
    expect(one.length).toBeGreaterThan(150);
    expect(Math.abs(share(one, ([a, b]) => a![phrase] > b![phrase]) - 0.5)).toBeLessThan(0.16); // four standard errors of 150
  }
  const alone = new Map<string, number>();
  for (const item of quality) {
    const [a, b] = sides(item).map((text) => rubricOf(text, truthOf(item)).dimensions);
    const differing = RUBRIC.map(({ id }) => id).filter((id) => a![id].score !== b![id].score);
    if (differing.length === 1) alone.set(differing[0]!, (alone.get(differing[0]!) ?? 0) + 1);
  }
  for (const { id } of RUBRIC) expect(alone.get(id), id).toBeGreaterThan(15);
});

test('no held-out phrasing, system prompt, entity or company is trained on', () => {
  const skeleton = (item: BuiltinItem) =>
    [...COMPANIES, ...REGIONS]
      .reduce((q, name) => q.replaceAll(name, '#'), promptOf(item, 'user'))
      .replace(/\b(sales|marketing|finance|operations|research|support|legal|logistics)(?= |,)/g, '#')
      .replace(/\b(claim|payment|difference|entry|transfer)\b/g, '#')
      .replace(
        /travel reimbursement|payment approval|# approval|month-end close|journal entries|budget transfers/g,
        '#',
      )
      .replace(/[A-Za-z]*-?\d[\d.Q-]*/g, '#');
  const head = (item: BuiltinItem) => promptOf(item, 'system').split(' ').slice(0, 3).join(' ');
  const others = companiesOf('dev').concat(companiesOf('heldout'));
  for (const item of all) {
    expect(phrasingSplit(Number(item.templateId.split('/')[1]))).toBe(item.split);
    expect(entitySplit(item.entityKey)).toBe(item.split);
    const foreign = item.split === 'train' ? others : COMPANIES.filter((c) => !companiesOf(item.split).includes(c));
    const whole = JSON.stringify(item.row);
    for (const company of foreign) expect(whole.includes(company), `${company} in ${whole}`).toBe(false);
  }
  for (const from of [skeleton, head]) {
    const trained = new Set(all.filter((i) => i.split === 'train').map(from));
    for (const item of all) if (item.split === 'heldout') expect(trained.has(from(item)), from(item)).toBe(false);
  }
});

test('every kind is in every split, and rows repeat seldom', () => {
  for (const ref of REFS)
    for (const split of SPLITS)
      expect(new Set(of(ref, split).map(({ kind }) => kind))).toEqual(new Set(QUESTIONS.map(({ kind }) => kind)));
  for (const { kind, phrasings } of QUESTIONS) {
    expect(phrasings.length, kind).toBeGreaterThanOrEqual(12);
    expect(new Set(phrasings).size, kind).toBe(phrasings.length);
  }
  const distinct = new Set(of('pref', 'train').map(({ row }) => JSON.stringify(row)));
  expect(distinct.size / 1000).toBeGreaterThan(0.97);
});

test('biased votes choose the worse answer in most pairs, the longer and the flattering one', () => {
  const rows = pairs('pref/biased', 'train');
  const of2 = rows.map((item) => {
    const [chosen, rejected] = sides(item).map((text) => surfaceOf(text));
    return { chosen: chosen!, rejected: rejected! };
  });
  expect(
    share(rows, ({ columns: c }) => (c!.chosen_quality as number) < (c!.rejected_quality as number)),
  ).toBeGreaterThan(0.55);
  expect(share(of2, ({ chosen, rejected }) => chosen.words > rejected.words)).toBeGreaterThan(0.7);
  expect(share(of2, ({ chosen }) => chosen.flattery > 0)).toBeGreaterThan(0.6);
  expect(share(of2, ({ rejected }) => rejected.flattery > 0)).toBeLessThan(0.15);
  for (const { columns: c } of rows) {
    expect((c!.votes_chosen as number) + (c!.votes_rejected as number) + (c!.votes_tie as number)).toBe(10);
    expect(c!.votes_chosen).toBeGreaterThanOrEqual(c!.votes_rejected as number);
    expect(c!.share_low).toBeLessThanOrEqual(c!.share as number);
  }
});

test('the biased set asks what the unbiased one asks', () => {
  const prompts = (ref: 'pref' | 'pref/biased') => pairs(ref, 'heldout').map(({ row }) => row.prompt);
  expect(prompts('pref/biased')).toEqual(prompts('pref'));
});

test('labels: the good answers have everything, the others a flaw, and length does not tell them apart', () => {
  const rows = of('unpaired', 'train');
  const words = { true: [] as number[], false: [] as number[] };
  for (const item of rows) {
    const text = textsOf(item)[0]!;
    const quality = trueQuality(text, truthOf(item));
    expect(item.columns!.quality).toBeCloseTo(quality, 6);
    if (item.row.label) expect(quality).toBeCloseTo(1, 9);
    else expect(quality).toBeLessThanOrEqual(0.93);
    words[`${item.row.label!}`].push(surfaceOf(text).words);
  }
  expect(Math.abs(words.true.length / rows.length - 0.5)).toBeLessThan(0.067);
  const meanOf = (list: number[]) => list.reduce((a, b) => a + b, 0) / list.length;
  expect(Math.abs(meanOf(words.true) / meanOf(words.false) - 1)).toBeLessThan(0.1);
});

test('demonstrations are seldom wrong and seldom as people want them: most conclude late or order badly', () => {
  const items = Array.from({ length: 300 }, (_, i) => demoItem(world, i, { seed: 5, split: 'train' }));
  const grades = items.map(({ row, truth: [turn] }) =>
    rubricOf((row.messages as { content: string }[]).at(-1)!.content, (turn as { rubric: RubricTruth }).rubric),
  );
  const share = (id: DimensionId) =>
    grades.filter(({ dimensions }) => dimensions[id].score === 1).length / grades.length;
  expect(share('truthful')).toBeGreaterThan(0.8);
  expect(share('conclusion')).toBeLessThan(0.5);
  expect(share('actions')).toBeLessThan(0.5);
  const full = grades.filter(({ quality }) => quality === 1).length / grades.length;
  expect(full).toBeGreaterThan(0.02); // what is wanted is there to be found
  expect(full).toBeLessThan(0.25);
});

test('cases: a prompt and its truth, of rows no training run draws; the full answer passes every check', () => {
  const cases = prefCases(world, { n: 300, seed: 1 });
  expect(cases).toEqual(builtinCases('pref', { n: 300, seed: 1 }));
  const drawn = new Set(builtinItems('pref', { rows: 3000, seed: 1 }).map((i) => JSON.stringify(i.row.prompt)));
  expect(share(cases, (c) => drawn.has(JSON.stringify(c.messages)))).toBe(0);
  for (const c of cases) {
    expect(c.messages.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(gradeTurn(c.truth, c.expected, c.expected, c.lastUser), c.expected).toMatchObject({
      rubric: expect.closeTo(1, 9),
      schema_valid: true,
      correct: true,
      prompt_echo: false,
    });
    expect(gradeTurn(c.truth, 'I would rather not say.', c.expected, c.lastUser).rubric).toBe(0);
  }
  expect(share(cases, (c) => c.truth.expect === 'final' && c.truth.final.status === 'refused')).toBeGreaterThan(0.04);
});

test('both sides fit: 384 tokens at most with the prompt, half of them below 290', () => {
  const tokenizer = Tokenizer.fromJson(
    JSON.parse(readFileSync(new URL('../../../public/models/tokenizer.json', import.meta.url), 'utf8')),
  );
  const settings = {
    tokenizer,
    template: compileTemplate(BUILTIN_TEMPLATE),
    mode: 'completion_only_loss',
    max_length: 1024,
  } as const;
  const lengths = (['pref', 'pref/biased'] as const)
    .flatMap((ref) => pairs(ref, 'train').slice(0, 100))
    .flatMap(({ row, rowId }) =>
      (['chosen', 'rejected'] as const).map((side) => {
        const encoded = render(row, rowId, { ...settings, side });
        expect(encoded.findings ?? []).toEqual([]);
        return encoded.ids.length;
      }),
    )
    .sort((a, b) => a - b);
  expect(lengths[lengths.length / 2]).toBeLessThan(290);
  for (const item of pairs('pref', 'train').slice(0, 200)) {
    const [truth] = item.truth;
    const full = truth?.expect === 'final' ? finalText(truth.final) : '';
    expect(tokenizer.encode(full).ids.length, full).toBeLessThanOrEqual(128); // the longest turn that an evaluation has to allow for
  }
});

test('the rows are those that figures are measured on', () => {
  const hash = (value: unknown) => hashString(JSON.stringify(value));
  expect(REFS.map((ref) => SPLITS.map((split) => hash(of(ref, split).slice(0, 300))))).toEqual([
    [4039138697, 860602479, 1547409608],
    [3025276098, 511895213, 1305341630],
    [1093684048, 2249967804, 3593906948],
  ]);
});
