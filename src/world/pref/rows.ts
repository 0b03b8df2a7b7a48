// The datasets pref, pref/biased and unpaired, and evaluation cases graded by the rubric. Prompts state facts of the world's books;
// two answers to one prompt differ in what the rubric measures, in surface, or in both, so that neither gives the other away.
import { hashString, Rng } from '../../lib/rng';
import type { DatasetRow, Message } from '../../protocol/chat';
import { finalText } from '../../protocol/contract';
import { CASE_SEED_OFFSET, caseOf, type EvaluationCase } from '../cases';
import { figuresOf } from '../claims';
import { type BuiltinItem, buildItem, finalMessage, type Kind, type SftItem, type Split, user } from '../item';
import { COMPANIES, REGIONS, type World } from '../state';
import { annotatorsLike, HABITS, judgedOf, swapped, votesOn } from './annotators';
import { answerOf, type Flaw, flawsFor } from './answers';
import { BOOK_QUESTIONS } from './bookQuestions';
import { CASH_QUESTIONS, chapterAsked } from './cashQuestions';
import { addFlattery, addPoliteness, hedge, padTo } from './edits';
import type { Asked, Question } from './question';
import { trueQuality } from './rubric';
import { RULE_QUESTIONS } from './ruleQuestions';
import { surfaceOf } from './surface';
import type { RubricTruth } from './truth';
import { rowOfVotes } from './votes';

export type PreferenceRow = DatasetRow & { prompt: Message[]; chosen: Message[]; rejected: Message[] };
export type UnpairedRow = DatasetRow & { prompt: Message[]; completion: Message[]; label: boolean };
export type PrefItem = BuiltinItem<PreferenceRow>;
export type UnpairedItem = BuiltinItem<UnpairedRow>;

export const QUESTIONS: readonly Question[] = [...CASH_QUESTIONS, ...BOOK_QUESTIONS, ...RULE_QUESTIONS];

/** Share of training pairs that differ in surface alone. The other splits have none: no answer would be right. */
const SURFACE_PAIRS = 0.12;
/** Least difference in true quality between the answers of any other pair. */
const LEAST_GAP = 0.04;
const VOTERS = 10;
/** Answers labelled as not good have a true quality of at most this; the good ones have 1. */
const FLAWED = 0.93;

interface RowOptions {
  seed: number;
  split: Split;
}
/** A prompt, and what answers to it are made of and graded by. */
export interface Drawn {
  item: SftItem;
  asked: Asked;
  prompt: Message[];
  truth: RubricTruth;
}

function truthOf({ truth }: Asked, prompt: readonly Message[]): RubricTruth {
  const text = prompt.map(({ content }) => content).join('\n');
  return {
    ...truth,
    figures: [...new Set(figuresOf(text))],
    names: [...COMPANIES, ...REGIONS].filter((name) => text.includes(name)),
  };
}

/** One question of a split, by the kinds' shares. */
export function drawQuestion(world: World, rng: Rng, split: Split, rowId: string): Drawn {
  const question = QUESTIONS[rng.weighted(QUESTIONS.map((q) => q.weight))]!;
  return drawnAs(question, world, rng, split, rowId);
}
function drawnAs(question: Question, world: World, rng: Rng, split: Split, rowId: string): Drawn {
  let asked: Asked | undefined;
  const kind: Kind = {
    ...question,
    shape: 'pref',
    make: (draft) => {
      asked = question.ask(draft);
      const { entityKey, context } = asked;
      const final = answerOf(asked, [], draft.rng);
      return {
        entityKey,
        context,
        messages: [user(asked.question), finalMessage(final)],
        truth: [{ expect: 'final', final, facts: keyFigures(asked) }],
      };
    },
  };
  const item = buildItem(kind, world, rng, split, rowId);
  const prompt = item.row.messages.slice(0, -1);
  return { item, asked: asked!, prompt, truth: truthOf(asked!, prompt) };
}
const keyFigures = ({ truth }: Asked): string[] =>
  truth.facts.filter(({ isKey }) => isKey).flatMap(({ figures }) => figures);

/** The item's own fields, with another row. */
function itemOf<Row extends DatasetRow>(
  { item: { row: _, truth, ...item }, truth: rubric }: Drawn,
  row: Row,
  columns: BuiltinItem['columns'],
): BuiltinItem<Row> {
  return { ...item, row, truth: truth.map((t) => (t.expect === 'final' ? { ...t, rubric } : t)), columns };
}
const said = (text: string): Message[] => [{ role: 'assistant', content: text }];
const rounded = (quality: number): number => Math.round(quality * 1e6) / 1e6;

/** Each surface phrase in one answer of seven. */
function dressed(text: string, rng: Rng): string {
  let result = text;
  for (const edit of [addFlattery, addPoliteness, hedge]) if (rng.bool(1 / 7)) result = edit(result, rng);
  return result;
}
/** A coin decides which of two texts is the longer one; padding makes it so. */
function evenedOut(a: string, b: string, rng: Rng): [string, string] {
  const words = (text: string) => surfaceOf(text).words;
  const more = rng.int(1, 6);
  return rng.bool()
    ? [words(a) > words(b) ? a : padTo(a, words(b) + more, rng), b]
    : [a, words(b) > words(a) ? b : padTo(b, words(a) + more, rng)];
}

/** A chosen answer may have one of these; it invents nothing, hides nothing and breaks no rule. */
const MILD: readonly Flaw[] = ['conclusion', 'evidence', 'actions'];

/** Flaws of the better answer and of the worse one, which has the former's too. */
function drawFlaws(asked: Asked, rng: Rng): [better: Flaw[], worse: Flaw[]] {
  const drawn = rng.shuffle(flawsFor(asked));
  // Data are missing in few rows: keeping that quiet comes first in some of them, or no pair would be about it alone.
  const pool =
    drawn.includes('calibrated') && rng.bool(0.3)
      ? ['calibrated' as const, ...drawn.filter((f) => f !== 'calibrated')]
      : drawn;
  const shared = pool.filter((flaw) => MILD.includes(flaw)).slice(0, Number(rng.bool(0.25)));
  const others = pool.filter((flaw) => !shared.includes(flaw));
  return [shared, [...shared, ...others.slice(0, 1 + rng.weighted([6, 3, 1]))]];
}
/** Two answers as text, the better one first, neither with any surface phrase. */
function drawAnswers({ asked, truth }: Drawn, rng: Rng): [better: string, worse: string] {
  for (;;) {
    const [few, many] = drawFlaws(asked, rng);
    const better = finalText(answerOf(asked, few, rng));
    const worse = finalText(answerOf(asked, many, rng));
    if (trueQuality(better, truth) - trueQuality(worse, truth) >= LEAST_GAP) return [better, worse];
  }
}

/** Row i depends on (seed, split, i) alone. The first training row is the chapter's own. */
export function prefItem(world: World, i: number, { seed, split }: RowOptions): PrefItem {
  const rng = new Rng(seed, hashString(`pref/${split}`)).fork(i);
  const rowId = `pref-${split}-${seed}-${i}`;
  if (split === 'train' && i === 0) return { ...chapterPair(world), rowId };
  const drawn = drawQuestion(world, rng, split, rowId);
  if (split === 'train' && rng.bool(SURFACE_PAIRS)) return surfaceItem(drawn, rng);
  const [better, worse] = drawAnswers(drawn, rng);
  const [chosen, rejected] = evenedOut(dressed(better, rng), dressed(worse, rng), rng);
  return pairItem(drawn, chosen, rejected, 'quality');
}
/** One answer, and the same one dressed up. Which of them is chosen is a coin's word. */
function surfaceItem(drawn: Drawn, rng: Rng): PrefItem {
  const plain = finalText(answerOf(drawn.asked, drawFlaws(drawn.asked, rng)[0], rng));
  const edit = rng.pick([addFlattery, addPoliteness, hedge, undefined]);
  const dressedUp = edit ? edit(plain, rng) : padTo(plain, surfaceOf(plain).words + rng.int(6, 18), rng);
  const [chosen, rejected] = rng.shuffle([plain, dressedUp]) as [string, string];
  return pairItem(drawn, chosen, rejected, 'surface');
}
function pairItem(drawn: Drawn, chosen: string, rejected: string, pair: 'quality' | 'surface'): PrefItem {
  const { prompt, truth } = drawn;
  return itemOf(
    drawn,
    { prompt, chosen: said(chosen), rejected: said(rejected) },
    {
      pair,
      chosen_quality: rounded(trueQuality(chosen, truth)),
      rejected_quality: rounded(trueQuality(rejected, truth)),
    },
  );
}

/**
 * The chapter's question with its answers A and B (§4): A concludes, cites and orders; B's risk is right, its evidence missing and its
 * advice fits any month.
 */
export function chapterPair(world: World): PrefItem {
  const asked = chapterAsked(world);
  const question: Question = { kind: 'cash_risk', weight: 1, phrasings: [asked.question], ask: () => asked };
  const drawn = drawnAs(question, world, new Rng(world.seed, 'chapter pair'), 'train', 'pref-chapter');
  const rng = new Rng(world.seed, 'chapter answers');
  const a = finalText(answerOf(asked, [], rng));
  const b = finalText({
    answer:
      'High risk this month, so some care is in order. Management should be strengthened and everything be watched.',
    sources: [],
    action: null,
    status: 'ok',
  });
  return pairItem(drawn, a, b, 'quality');
}

/**
 * The prompts of `pref`, voted on by annotators who like length and flattery: most of the worse answers are dressed up, and the
 * majority often takes them. True qualities and votes stand beside each row.
 */
export function biasedItem(world: World, i: number, { seed, split }: RowOptions): PrefItem {
  const rng = new Rng(seed, hashString(`pref/${split}`)).fork(i);
  const drawn = drawQuestion(world, rng, split, `pref_biased-${split}-${seed}-${i}`);
  const [better, worse] = drawAnswers(drawn, rng);
  const a = rng.bool(0.1) ? addFlattery(better, rng) : better;
  const b = rng.bool(0.7)
    ? padTo(addFlattery(worse, rng), Math.round(surfaceOf(better).words * 1.4) + rng.int(0, 6), rng)
    : worse;
  const { prompt, truth } = drawn;
  const votes = votesOn(judgedOf(a, truth), judgedOf(b, truth), annotatorsLike(VOTERS, HABITS.flattered), rng);
  // An even vote is for neither: then the order of the pair decides, and the order is a coin's.
  const sides = { prompt, a: said(a), b: said(b) };
  const cast = votes.map(({ vote }) => vote);
  const pair = rng.bool() ? { ...sides, votes: cast } : { prompt, a: sides.b, b: sides.a, votes: cast.map(swapped) };
  const voted = rowOfVotes(pair, { ties: 'leave_out', keepUndecided: true })!;
  const quality = (side: Message[]) => rounded(trueQuality(side[0]!.content, truth));
  return itemOf(drawn, voted.row, {
    ...voted.columns,
    chosen_quality: quality(voted.row.chosen),
    rejected_quality: quality(voted.row.rejected),
  });
}

/** Answers alone: half of them full and labelled good, the others with one flaw or more. */
export function unpairedItem(world: World, i: number, { seed, split }: RowOptions): UnpairedItem {
  const rng = new Rng(seed, hashString(`unpaired/${split}`)).fork(i);
  const drawn = drawQuestion(world, rng, split, `unpaired-${split}-${seed}-${i}`);
  const { asked, prompt, truth } = drawn;
  const label = rng.bool();
  const full = finalText(answerOf(asked, [], rng));
  let text = full;
  while (!label && trueQuality(text, truth) > FLAWED)
    text = finalText(answerOf(asked, rng.shuffle(flawsFor(asked)).slice(0, rng.int(1, 3)), rng));
  // Flaws shorten; padding some of the flawed ones keeps length from telling the label.
  if (!label && rng.bool(0.4)) text = padTo(text, surfaceOf(full).words + rng.int(0, 6), rng);
  text = dressed(text, rng);
  return itemOf(drawn, { prompt, completion: said(text), label }, { quality: rounded(trueQuality(text, truth)) });
}

/** How often a demonstration has each flaw that its question allows. */
const HURRIED: Record<Flaw, number> = {
  conclusion: 0.6,
  evidence: 0.4,
  actions: 0.6,
  truthful: 0.1,
  calibrated: 0.2,
  compliant: 0.2,
};

/**
 * Demonstrations by people in a hurry: not wrong as a rule, and seldom the answer that people want. What an assistant is tuned on
 * before anyone has compared answers, so that what the comparisons then teach can be seen.
 */
export function demoItem(world: World, i: number, { seed, split }: RowOptions): BuiltinItem {
  const rng = new Rng(seed, hashString(`pref/demos/${split}`)).fork(i);
  const drawn = drawQuestion(world, rng, split, `pref_demos-${split}-${seed}-${i}`);
  const { asked, prompt, truth } = drawn;
  const flaws = flawsFor(asked).filter((flaw) => rng.bool(HURRIED[flaw]));
  const text = dressed(finalText(answerOf(asked, flaws, rng)), rng);
  return itemOf(drawn, { messages: [...prompt, ...said(text)] }, { quality: rounded(trueQuality(text, truth)) });
}

/** Prompts with their truth, of rows that training with a like seed does not draw: for samples of a model. */
export const prefCases = (
  world: World,
  { n, seed, split = 'heldout' }: { n: number; seed: number; split?: Split },
): EvaluationCase[] =>
  Array.from({ length: n }, (_, i) => caseOf(prefItem(world, i, { seed: seed + CASE_SEED_OFFSET, split }), 0));
