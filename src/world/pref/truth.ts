// What the rubric needs to know about a question: everything that its prompt states, and what a good answer says.
import type { Status } from '../../protocol/contract';

/** One thing that the prompt states, under the id by which `sources` names it. */
export interface Fact {
  id: string;
  /** What the prompt says of it; a fact without figures counts as cited where its id stands. */
  figures: readonly string[];
  /** A full answer cites it. */
  isKey: boolean;
  /** Of a rule that has ended: naming it as a source is wrong. */
  isStale?: boolean;
}

/** All phrases in any case. */
export interface RubricTruth {
  /** Any of `says` states the right conclusion; any of `contradicts` another one. */
  conclusion: { says: readonly string[]; contradicts: readonly string[] };
  facts: readonly Fact[];
  /** The actions that are due, most urgent first; any of its phrases names one. */
  actions: readonly (readonly string[])[];
  /** Figures and ids that the prompt states or that follow from it. */
  figures: readonly string[];
  /** Companies and regions in the prompt. */
  names: readonly string[];
  /** What the prompt does not have although the question needs it; any of the words names it. */
  missing?: readonly string[];
  /** Statuses that the rules allow. */
  statuses: readonly Status[];
  /** Of each group the rules want one phrase. */
  required: readonly (readonly string[])[];
  /** What the rules forbid to advise. */
  banned: readonly string[];
}
