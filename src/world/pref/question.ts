// A question of the preference sets: what its prompt states, the parts of which answers to it are made, and its truth.
import type { FinalAnswer, Status } from '../../protocol/contract';
import { companiesOf, type Draft, fill, type Phrasing, type Split } from '../item';
import { type DueItem, TODAY, type World } from '../state';
import type { Fact, RubricTruth } from './truth';

/** A sentence without its full stop; `[a|b]` are alternatives, so that two answers to a question differ in words too. */
type Wording = string;

/** Parts of a full answer, in the order in which it says them. */
export interface AnswerParts {
  conclusion: Wording;
  /** In the order of the key facts. */
  evidence: readonly Wording[];
  /** What is missing. */
  caveat?: Wording;
  /** Most urgent first. */
  actions: readonly Wording[];
  /** What a rule requires to name. */
  rule?: Wording;
  /** Advice that a rule forbids; no good answer has it. */
  breach?: Wording;
  status: Status;
  action: FinalAnswer['action'];
}
export interface Asked {
  entityKey: string;
  question: string;
  /** Appended to the system prompt: the facts and the rules. */
  context: string;
  parts: AnswerParts;
  truth: Omit<RubricTruth, 'figures' | 'names'>;
}
export interface Question {
  kind: string;
  /** Relative share. */
  weight: number;
  /** Twelve or more, so that two are held out and two are for dev. */
  phrasings: readonly Phrasing[];
  ask(draft: Draft): Asked;
}

export type Slots = Record<string, string | number>;
/** Fills the slots of each part. */
export function filled(parts: AnswerParts, slots: Slots): AnswerParts {
  const { conclusion, evidence, actions, caveat, rule, breach } = parts;
  return {
    ...parts,
    conclusion: fill(conclusion, slots),
    evidence: evidence.map((text) => fill(text, slots)),
    actions: actions.map((text) => fill(text, slots)),
    ...(caveat && { caveat: fill(caveat, slots) }),
    ...(rule && { rule: fill(rule, slots) }),
    ...(breach && { breach: fill(breach, slots) }),
  };
}
export const fact = (id: string, ...figures: (string | number)[]): Fact => ({
  id,
  figures: figures.map(String),
  isKey: true,
});
/** Stated, and not part of a full answer. */
export const sideFact = (id: string, ...figures: (string | number)[]): Fact => ({
  ...fact(id, ...figures),
  isKey: false,
});

/** Days from today; all open items fall due within the month. */
export const daysUntil = ({ due }: DueItem): number => Number(due.slice(-2)) - Number(TODAY.slice(-2));
/** Open items of companies that belong to the split. */
export function dueOf(world: World, kind: DueItem['kind'], split: Split): DueItem[] {
  const companies = companiesOf(split);
  return world.due.filter((item) => item.kind === kind && companies.includes(item.party));
}
