// Answers put together from a question's parts: a full one, or one with flaws that each lower one dimension of the rubric.
import type { Rng } from '../../lib/rng';
import type { FinalAnswer } from '../../protocol/contract';
import { expand } from '../item';
import type { Asked } from './question';
import type { DimensionId } from './rubric';

/** What a flaw does to an answer; the dimension that it lowers. */
export type Flaw = DimensionId;

/** Advice that fits any question, and so none. */
export const VAGUE_ACTIONS = [
  'Strengthen management and stay alert',
  'Watch the situation and react when needed',
  'Improve the processes step by step',
] as const;
const INVENTED = [
  'last month it was {x} CNY',
  'a year ago it was {x} CNY',
  'another {x} CNY come in soon',
  'the bank lends {x} CNY',
] as const;

/** Which flaws an answer to this question can have: only what is missing can be kept quiet, only a rule can be broken. */
export const flawsFor = ({ parts }: Asked): Flaw[] => [
  'conclusion',
  'evidence',
  'actions',
  'truthful',
  ...(parts.caveat ? (['calibrated'] as const) : []),
  ...(parts.rule || parts.breach ? (['compliant'] as const) : []),
];

/** Ids such as policy_v3 keep their letters. */
const sentence = (text: string): string =>
  `${text.replace(/^[a-z](?=[a-z]*(?:\s|$))/, (letter) => letter.toUpperCase())}.`;

/**
 * One answer, its wording drawn from `rng`. Flaws: the conclusion comes last; the evidence is left out, or all but its first item;
 * the actions come in reverse or are vague; a figure is made up; what is missing is not said; a rule's word is left out or its
 * opposite advised.
 */
export function answerOf({ parts, truth, context, question }: Asked, flaws: readonly Flaw[], rng: Rng): FinalAnswer {
  const has = (flaw: Flaw) => flaws.includes(flaw);
  const say = (text: string) => expand(text, {}, rng);
  const conclusion = sentence(say(parts.conclusion));
  const kept = !has('evidence') ? parts.evidence.length : rng.bool() ? 1 : 0;
  const evidence = parts.evidence.slice(0, Math.min(kept, parts.evidence.length - Number(has('evidence')))).map(say);
  let actions = parts.actions.map(say);
  if (has('actions')) actions = rng.bool() ? actions.toReversed() : [rng.pick(VAGUE_ACTIONS)];
  const invented = has('truthful') ? [inventedIn(`${context} ${question}`, rng)] : [];
  const facts = [...evidence, ...invented];
  const breaks = has('compliant') && (!parts.rule || Boolean(parts.breach && rng.bool()));
  const said = [
    ...(has('conclusion') ? [] : [conclusion]),
    ...(facts.length > 0 ? [sentence(facts.join(', '))] : []),
    ...(parts.caveat && !has('calibrated') ? [sentence(say(parts.caveat))] : []),
    ...actions.map((action, i) => (actions.length > 1 ? `${i + 1}. ${action}.` : `${action}.`)),
    ...(parts.rule && (!has('compliant') || breaks) ? [sentence(say(parts.rule))] : []),
    ...(breaks ? [sentence(say(parts.breach!))] : []),
    ...(has('conclusion') ? [conclusion] : []),
  ];
  return {
    answer: said.join(' '),
    sources: truth.facts
      .filter(({ isKey }) => isKey)
      .slice(0, evidence.length)
      .map(({ id }) => id),
    action: parts.action,
    status: has('calibrated') ? 'ok' : parts.status,
  };
}

/** A claim with a figure that the question does not have. */
function inventedIn(prompt: string, rng: Rng): string {
  let figure: string;
  do figure = String(rng.int(11, 990) * 1000);
  while (prompt.includes(figure));
  return rng.pick(INVENTED).replace('{x}', figure);
}
