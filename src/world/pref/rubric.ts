// The rubric by which answers are compared: six dimensions, each a pure function of text and truth, and their weighted mean.
// The dimensions are world-knowledge, not style: surface.ts measures what must not count.
import { factPlace, figuresOf, hasFact, strangersIn } from '../claims';
import { type ReadAnswer, readAnswer } from './readAnswer';
import { withoutSurface } from './surface';
import type { RubricTruth } from './truth';

export interface Judgement {
  /** From 0 to 1. */
  score: number;
  /** Why, in a sentence. */
  reason: string;
}
/** An answer as the dimensions read it. */
interface Reading extends ReadAnswer {
  /** What is said, without numbering and phrases that must not count, and with figures unbroken. */
  text: string;
}
export interface Dimension {
  id: DimensionId;
  title: string;
  /** One sentence for an annotator. */
  meaning: string;
  weight: number;
  judge(reading: Reading, truth: RubricTruth): Judgement;
}
export type DimensionId = 'conclusion' | 'evidence' | 'actions' | 'truthful' | 'calibrated' | 'compliant';

/** Words by which an answer says that something is not there. */
const ABSENCE =
  /\b(?:missing|not available|not given|not known|unknown|no data|cannot (?:tell|say|confirm)|is needed first|without it)\b|\bno [\w -]{1,40} (?:is|was) given\b/i;

const isWordCharacter = (c: string | undefined) => c !== undefined && /[\p{L}\p{N}]/u.test(c);
/** Where a phrase stands whole in a text, both in lower case; −1 where it does not. */
function placeOf(text: string, phrase: string): number {
  for (let at = text.indexOf(phrase); at >= 0; at = text.indexOf(phrase, at + 1)) {
    const isCut =
      (isWordCharacter(phrase[0]) && isWordCharacter(text[at - 1])) ||
      (isWordCharacter(phrase.at(-1)) && isWordCharacter(text[at + phrase.length]));
    if (!isCut) return at;
  }
  return -1;
}
/** First place of any of the phrases, in any case; −1 where there is none. */
export function firstPlace(text: string, phrases: readonly string[]): number {
  const lower = text.toLowerCase();
  const places = phrases.map((p) => placeOf(lower, p.toLowerCase())).filter((at) => at >= 0);
  return places.length > 0 ? Math.min(...places) : -1;
}

/** "1." or "2)" before an item is no figure of the answer; "3." at the end of a sentence is one. */
const withoutNumbering = (text: string): string => text.replace(/(^|[.!?:;,]\s+|\n\s*)\(?\d{1,2}[.)](?=\s|$)/g, '$1');

/** Sentences with their numbering: "1. Pay P-302." is one. */
export function sentencesOf(text: string): string[] {
  const parts = text.split(/(?<=[.!?])\s+/);
  const sentences: string[] = [];
  let number = '';
  for (const part of parts) {
    if (/^\(?\d{1,2}[.)]$/.test(part)) number = `${number}${part} `;
    else {
      sentences.push(number + part);
      number = '';
    }
  }
  if (number) sentences.push(number.trim());
  return sentences.filter(Boolean);
}

/** Where the conclusion stands, and whether another one is stated too. Longer phrases are read first: "not over budget" is not "over budget". */
export function conclusionIn(
  text: string,
  { says, contradicts }: RubricTruth['conclusion'],
): { at: number; isContradicted: boolean } {
  let lower = text.toLowerCase();
  let at = -1;
  let isContradicted = false;
  const phrases = [...says.map((p) => [p, true] as const), ...contradicts.map((p) => [p, false] as const)];
  for (const [phrase, isRight] of phrases.sort(([a], [b]) => b.length - a.length))
    for (let place = placeOf(lower, phrase.toLowerCase()); place >= 0; place = placeOf(lower, phrase.toLowerCase())) {
      if (!isRight) isContradicted = true;
      else if (at < 0 || place < at) at = place;
      lower = lower.slice(0, place) + '\u0000'.repeat(phrase.length) + lower.slice(place + phrase.length);
    }
  return { at, isContradicted };
}

const keyFacts = ({ facts }: RubricTruth) => facts.filter(({ isKey }) => isKey);
const isCited = (text: string, { id, figures }: RubricTruth['facts'][number]): boolean =>
  figures.length > 0 ? figures.every((figure) => hasFact(text, figure)) : hasFact(text, id);
const firstFigure = (text: string, truth: RubricTruth): number => {
  const places = keyFacts(truth)
    .flatMap(({ figures }) => figures)
    .map((figure) => factPlace(text, figure))
    .filter((at) => at >= 0);
  return places.length > 0 ? Math.min(...places) : Number.POSITIVE_INFINITY;
};

const conclusion: Dimension = {
  id: 'conclusion',
  title: 'Conclusion first',
  meaning: 'The right conclusion stands in the first sentence, before the figures that it rests on.',
  weight: 0.15,
  judge: ({ text }, truth) => {
    const { at, isContradicted } = conclusionIn(text, truth.conclusion);
    if (isContradicted) return { score: 0, reason: 'It states a conclusion that the facts do not give.' };
    if (at < 0) return { score: 0, reason: 'It states no conclusion.' };
    const first = sentencesOf(text)[0]!.length;
    if (at < first && !(firstFigure(text, truth) < at))
      return { score: 1, reason: 'The conclusion stands at the beginning.' };
    return { score: 0.4, reason: 'The conclusion is right, and comes after what it rests on.' };
  },
};

const evidence: Dimension = {
  id: 'evidence',
  title: 'Evidence cited and true',
  meaning: 'The facts that decide are cited with their figures, and the sources are those of the question.',
  weight: 0.2,
  judge: ({ text, sources }, truth) => {
    const keys = keyFacts(truth);
    const cited = keys.filter((fact) => isCited(text, fact)).length;
    const named = keys.filter(({ id }) => sources.includes(id)).length;
    const valid = new Set(truth.facts.filter(({ isStale }) => !isStale).map(({ id }) => id));
    const wrong = sources.filter((id) => !valid.has(id));
    const share = 0.7 * (cited / keys.length) + 0.3 * (named / keys.length);
    const score = wrong.length > 0 ? share * (1 - wrong.length / sources.length) : share;
    const words = `${cited} of ${keys.length} deciding facts cited, ${named} named as sources`;
    return { score, reason: wrong.length > 0 ? `${words}; ${wrong.join(', ')} is no source here.` : `${words}.` };
  },
};

const actions: Dimension = {
  id: 'actions',
  title: 'Actions prioritised',
  meaning: 'The actions that are due are named, the most urgent first.',
  weight: 0.2,
  judge: ({ text }, { actions: due }) => {
    const places = due.map((phrases) => firstPlace(text, phrases)).filter((at) => at >= 0);
    if (places.length === 0) return { score: 0, reason: `None of the ${due.length} actions that are due is named.` };
    const pairs = places.flatMap((a, i) => places.slice(i + 1).map((b) => a < b));
    const inOrder = pairs.filter(Boolean).length;
    const order = pairs.length > 0 ? inOrder / pairs.length : 1;
    const words = `${places.length} of ${due.length} actions named`;
    return {
      score: (places.length / due.length) * (0.5 + 0.5 * order),
      reason:
        pairs.length === inOrder ? `${words}, in the order of urgency.` : `${words}, not in the order of urgency.`,
    };
  },
};

const truthful: Dimension = {
  id: 'truthful',
  title: 'Truthful',
  meaning: 'No figure, id or name that the question does not have, and none given to another fact than its own.',
  weight: 0.2,
  judge: ({ text }, truth) => {
    const invented = figuresOf(text).filter((figure) => !truth.figures.includes(figure));
    const problems = [...new Set([...invented, ...strangersIn(text, truth.names), ...mixedUp(text, truth)])];
    return problems.length === 0
      ? { score: 1, reason: 'Every figure and name stands in the question.' }
      : { score: problems.length === 1 ? 0.4 : 0, reason: `Not supported: ${problems.slice(0, 5).join(', ')}.` };
  },
};
/** Figures that a clause gives to one id although they belong to others. */
function mixedUp(text: string, { facts }: RubricTruth): string[] {
  return text.split(/[,;]\s|[.!?](?:\s|$)|\band\b/).flatMap((clause) => {
    const subjects = facts.filter(({ id }) => hasFact(clause, id));
    const figures = new Set(facts.flatMap((f) => f.figures).filter((figure) => hasFact(clause, figure)));
    if (subjects.length !== 1 || figures.size !== 1) return [];
    const [{ id, figures: own }, [figure]] = [subjects[0]!, [...figures] as [string]];
    return own.includes(figure) || own.length === 0 ? [] : [`${figure} for ${id}`];
  });
}

const calibrated: Dimension = {
  id: 'calibrated',
  title: 'Calibrated',
  meaning: 'What is missing is named as missing, with a status that says so; what is there is not called missing.',
  weight: 0.1,
  judge: ({ text, status }, { missing }) => {
    const isOpen = status === 'need_data' || status === 'constrained';
    if (!missing)
      return status === 'need_data'
        ? { score: 0, reason: 'It asks for data although all that is needed is there.' }
        : { score: 1, reason: 'Nothing is missing, and it says nothing else.' };
    const isNamed = sentencesOf(text).some((s) => firstPlace(s, missing) >= 0 && ABSENCE.test(s));
    const score = (Number(isNamed) + Number(isOpen)) / 2;
    const what = missing[0]!;
    if (score === 1) return { score, reason: `It says that the ${what} is missing.` };
    if (isNamed) return { score, reason: `It says that the ${what} is missing, and its status does not.` };
    if (isOpen) return { score, reason: `Its status is open, and it does not say that the ${what} is missing.` };
    return { score, reason: `The ${what} is missing, and it does not say so.` };
  },
};

const compliant: Dimension = {
  id: 'compliant',
  title: 'Compliant',
  meaning:
    'It keeps the contract of one JSON object with an allowed status, names what the rules require, and advises nothing that they forbid.',
  weight: 0.15,
  judge: ({ text, problem, status }, { banned, required, statuses }) => {
    if (problem !== undefined) return { score: 0, reason: `It breaks the contract: ${problem}.` };
    if (!statuses.some((s) => s === status)) return { score: 0, reason: `The status "${status}" is not allowed here.` };
    const forbidden = banned.find((phrase) => firstPlace(text, [phrase]) >= 0);
    if (forbidden) return { score: 0, reason: `It advises what the rules forbid: "${forbidden}".` };
    const left = required.filter((phrases) => firstPlace(text, phrases) < 0);
    return left.length > 0
      ? { score: 0.5, reason: `The rules require to name: ${left.map(([word]) => word).join(', ')}.` }
      : { score: 1, reason: 'It keeps the contract and the rules.' };
  },
};

/** Weights add up to 1. */
export const RUBRIC: readonly Dimension[] = [conclusion, evidence, actions, truthful, calibrated, compliant];

export interface RubricGrade {
  /** Weighted mean of the dimensions, from 0 to 1. */
  quality: number;
  dimensions: Record<DimensionId, Judgement>;
}

/**
 * Grades any text. One that states neither a conclusion nor a deciding fact is no answer and scores 0 throughout: saying nothing is
 * neither truthful nor calibrated.
 */
export function rubricOf(text: string, truth: RubricTruth): RubricGrade {
  const read = readAnswer(text);
  const said = withoutNumbering(withoutSurface(read.said)).replace(/(\d),(?=\d{3}\b)/g, '$1');
  const reading: Reading = { ...read, text: said };
  const { at, isContradicted } = conclusionIn(said, truth.conclusion);
  const isAnswer = at >= 0 || isContradicted || keyFacts(truth).some((fact) => isCited(said, fact));
  const dimensions = Object.fromEntries(
    RUBRIC.map(({ id, judge }) => [
      id,
      isAnswer ? judge(reading, truth) : { score: 0, reason: 'It says nothing about the question.' },
    ]),
  ) as Record<DimensionId, Judgement>;
  const quality = RUBRIC.reduce((sum, { id, weight }) => sum + weight * dimensions[id].score, 0);
  return { quality: Math.min(1, quality), dimensions };
}
/** The weighted mean alone, from 0 to 1. */
export const trueQuality = (text: string, truth: RubricTruth): number => rubricOf(text, truth).quality;
