// Grading one assistant turn against the truth of its case. The levels are separate: a turn can be valid JSON and wrong.
import type { Json } from '../protocol/chat';
import { type FinalAnswer, parseTurn } from '../protocol/contract';
import { figuresOf, hasFact, strangersIn } from './claims';
import type { FinalTruth, TurnTruth, Wording } from './item';
import { trueQuality } from './pref/rubric';
import { tenantOf } from './state';
import { hasTenantStyle } from './tenant/policy';
import { argumentProblem } from './tools';
import { signShare } from './where/newLanguage';

export interface Verdicts {
  /** Parses as JSON (the object, or the inside of a tool call). */
  json_valid: boolean;
  /** Obeys the published schema of the turn that it is: answer or tool call (tool's own schema included). */
  schema_valid: boolean;
  /** A call where a call is due, an answer where an answer is due. */
  turn_kind: boolean;
  /** Null where no call is due. */
  tool_name: boolean | null;
  /** Right tool with exactly the right arguments. */
  tool_call: boolean | null;
  /** Null where an answer is due and none was given. */
  status: boolean | null;
  is_refused: boolean;
  /** Every fact of the truth is in the answer, figures whole. Null where a call is due. */
  facts: boolean | null;
  /** No figure in the answer that the right answer does not have: nothing guessed. Null where a call is due. */
  figures: boolean | null;
  /** No name in the answer that is not one of the case's companies. Null where the case does not list them. */
  names: boolean | null;
  sources: boolean | null;
  /** Same type of action. */
  action: boolean | null;
  /** No write (posting, transfer) beyond the one that is due: tenant, role and approval do not allow it. */
  is_allowed: boolean;
  /** Status and deciding words are those of the case's tenant. Null where no tenant's policy decides. */
  tenant_policy_correct: boolean | null;
  /** The answer has the form of the case's tenant: length, opening, reason and next step. Null as above. */
  tenant_style: boolean | null;
  /** House terms and closing formula used, plain terms not. Null where none are asked for. */
  house_terms: boolean | null;
  /** Share of signs that stand in their place, 0 to 1. Null where the answer is not written in signs. */
  signs: number | null;
  /** Quality by the rubric, 0 to 1. Null where none applies. */
  rubric: number | null;
  /** A call although the answer needs none. */
  needless_call: boolean;
  /** Repeats more of the user's words than the right answer does, 24 characters or more. */
  prompt_echo: boolean;
  /** All that is due: the call; or status, facts, figures, sources and action of the answer, with names, policy, form, terms and signs where they are asked for. */
  correct: boolean;
}

/** Length of the longest common substring, case-sensitive. O(|a|·|b|). */
export function longestCommonSubstring(a: string, b: string): number {
  let best = 0;
  let row = new Uint16Array(b.length + 1);
  for (let i = 0; i < a.length; i++) {
    const next = new Uint16Array(b.length + 1);
    for (let j = 0; j < b.length; j++)
      if (a[i] === b[j]) {
        next[j + 1] = row[j]! + 1;
        if (next[j + 1]! > best) best = next[j + 1]!;
      }
    row = next;
  }
  return best;
}

/** Key order does not matter; everything else does. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => sameJson(x, b[i]));
  if (a && b && typeof a === 'object' && typeof b === 'object' && !Array.isArray(a) && !Array.isArray(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((k) => k in b && sameJson(a[k], b[k]));
  }
  return a === b;
}

const ECHO_CHARACTERS = 24;
/** Windows first: the full comparison is slow, and needed only when something long enough is repeated at all. */
function isEcho(output: string, expected: string, lastUser: string): boolean {
  for (let at = 0; at + ECHO_CHARACTERS <= lastUser.length; at++)
    if (output.includes(lastUser.slice(at, at + ECHO_CHARACTERS)))
      return longestCommonSubstring(output, lastUser) > longestCommonSubstring(expected, lastUser);
  return false;
}

const WRITES: readonly string[] = ['post_journal', 'transfer'];
const hasWording = (text: string, { required, banned }: Wording): boolean => {
  const lower = text.toLowerCase();
  const has = (word: string) => hasFact(lower, word.toLowerCase());
  return required.every(has) && !banned.some(has);
};

const NO_ANSWER_DUE = { status: null, facts: null, figures: null, sources: null, action: null };

/** `output` without its end-of-turn token; `expected` is the reference turn, `lastUser` the last user message. */
export function gradeTurn(truth: TurnTruth, output: string, expected: string, lastUser: string): Verdicts {
  const turn = parseTurn(output);
  const callDue = truth.expect === 'call';
  const call = turn.isValid ? turn.call : undefined;
  const final = turn.isValid ? turn.final : undefined;
  const toolName = callDue ? call?.name === truth.name : null;
  const toolCall = callDue ? Boolean(toolName && sameJson(call!.arguments, truth.arguments)) : null;
  const answer = callDue ? NO_ANSWER_DUE : answerVerdicts(truth, final);
  const special = specialVerdicts(truth, final);
  return {
    json_valid: turn.isJson,
    schema_valid: call ? argumentProblem(call.name, call.arguments) === undefined : turn.isValid,
    turn_kind: turn.kind === (callDue ? 'tool_call' : 'final'),
    tool_name: toolName,
    tool_call: toolCall,
    ...answer,
    ...special,
    rubric: truth.expect === 'final' && truth.rubric ? trueQuality(output, truth.rubric) : null,
    is_refused: final?.status === 'refused',
    is_allowed: !(call && WRITES.includes(call.name)) || toolCall === true,
    needless_call: !callDue && turn.kind === 'tool_call',
    prompt_echo: isEcho(output, expected, lastUser),
    correct: callDue
      ? toolCall === true
      : Object.values(answer).every(Boolean) &&
        Object.values(special).every((v) => v === null || v === true || v === 1),
  };
}

function answerVerdicts(truth: FinalTruth, final: FinalAnswer | undefined) {
  const known = figuresOf(truth.final.answer);
  return {
    status: final?.status === truth.final.status,
    facts: final !== undefined && truth.facts.every((fact) => hasFact(final.answer, fact)),
    figures: final !== undefined && figuresOf(final.answer).every((figure) => known.includes(figure)),
    sources: sameJson(final?.sources, truth.final.sources),
    action: final !== undefined && final.action?.type === truth.final.action?.type,
  };
}

function specialVerdicts(truth: TurnTruth, final: FinalAnswer | undefined) {
  const {
    policy,
    house,
    isCoded,
    names,
    final: right,
  } = truth.expect === 'final' ? truth : ({} as Partial<FinalTruth>);
  const text = final?.answer ?? '';
  return {
    names: names ? final !== undefined && strangersIn(text, names).length === 0 : null,
    tenant_policy_correct: policy ? final?.status === right!.status && hasWording(text, policy) : null,
    tenant_style: policy ? hasTenantStyle(tenantOf(policy.tenant), text) : null,
    house_terms: house ? hasWording(text, house) : null,
    signs: isCoded ? signShare(text, right!.answer) : null,
  };
}
