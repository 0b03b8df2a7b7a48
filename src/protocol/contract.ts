// The assistant's contract: a turn is one tool call or one strict JSON object by a published schema.
import type { Json } from './chat';

export const STATUSES = ['ok', 'constrained', 'refused', 'need_data'] as const;
export type Status = (typeof STATUSES)[number];
export interface FinalAnswer {
  answer: string;
  /** Ids of what the answer rests on: `erp:2026Q3`, `P1.3`, `user`, … */
  sources: string[];
  action: null | { type: string; [key: string]: Json };
  status: Status;
}

/** Published with the product; `contract.test.ts` holds the checker below to it through ajv. */
export const FINAL_SCHEMA = {
  type: 'object',
  properties: {
    answer: { type: 'string', minLength: 1 },
    sources: { type: 'array', items: { type: 'string' } },
    action: {
      anyOf: [{ type: 'null' }, { type: 'object', properties: { type: { type: 'string' } }, required: ['type'] }],
    },
    status: { enum: STATUSES },
  },
  required: ['answer', 'sources', 'action', 'status'],
  additionalProperties: false,
} as const;

const isObject = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null && !Array.isArray(x);

/** What FINAL_SCHEMA says of a value: undefined when valid, else the first complaint. */
export function finalProblem(value: unknown): string | undefined {
  if (!isObject(value)) return 'the answer must be a JSON object';
  for (const key of FINAL_SCHEMA.required) if (!Object.hasOwn(value, key)) return `"${key}" is missing`;
  for (const key of Object.keys(value))
    if (!Object.hasOwn(FINAL_SCHEMA.properties, key)) return `"${key}" is not in the schema`;
  if (typeof value.answer !== 'string' || value.answer === '') return '"answer" must be a non-empty string';
  if (!Array.isArray(value.sources) || !value.sources.every((s) => typeof s === 'string'))
    return '"sources" must be a list of strings';
  if (value.action !== null && !(isObject(value.action) && typeof value.action.type === 'string'))
    return '"action" must be null or an object with a type';
  if (!STATUSES.includes(value.status as Status)) return `"status" must be one of ${STATUSES.join(', ')}`;
  return undefined;
}

/** Compact, keys in the schema's order: the one spelling that the data teaches. */
export const finalText = ({ answer, sources, action, status }: FinalAnswer): string =>
  JSON.stringify({ answer, sources, action, status });

export const TOOL_CALL_OPEN = '<tool_call>';
export const TOOL_CALL_CLOSE = '</tool_call>';

export interface ParsedTurn {
  kind: 'tool_call' | 'final' | 'invalid';
  isJson: boolean;
  /** The turn obeys the contract's syntax (tool schemas are checked apart). */
  isValid: boolean;
  problem?: string;
  call?: { name: string; arguments: { [key: string]: Json } };
  final?: FinalAnswer;
}

const parse = (text: string): { value: unknown } | undefined => {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined; // not JSON: that is the verdict
  }
};

/** Reads one assistant turn, without its end-of-turn token. Strict: text around the object or the call is a fault. */
export function parseTurn(text: string): ParsedTurn {
  const trimmed = text.trim();
  if (trimmed.startsWith(TOOL_CALL_OPEN)) {
    if (!trimmed.endsWith(TOOL_CALL_CLOSE))
      return { kind: 'tool_call', isJson: false, isValid: false, problem: 'the tool call is not closed' };
    const inner = parse(trimmed.slice(TOOL_CALL_OPEN.length, -TOOL_CALL_CLOSE.length).trim());
    if (!inner) return { kind: 'tool_call', isJson: false, isValid: false, problem: 'the tool call is not JSON' };
    const { value } = inner;
    if (!isObject(value) || typeof value.name !== 'string' || !isObject(value.arguments))
      return { kind: 'tool_call', isJson: true, isValid: false, problem: 'a tool call needs "name" and "arguments"' };
    return {
      kind: 'tool_call',
      isJson: true,
      isValid: true,
      call: { name: value.name, arguments: value.arguments as { [key: string]: Json } },
    };
  }
  const parsed = parse(trimmed);
  if (!parsed) return { kind: 'invalid', isJson: false, isValid: false, problem: 'the answer is not JSON' };
  const problem = finalProblem(parsed.value);
  if (problem) return { kind: 'final', isJson: true, isValid: false, problem };
  return { kind: 'final', isJson: true, isValid: true, final: parsed.value as FinalAnswer };
}
