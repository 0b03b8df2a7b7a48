// What the playground says about an answer and about the prompt that led to it. Pure.
import { number, plural } from '../../lib/words';
import type { DatasetRow, Message, ToolSchema } from '../../protocol/chat';
import { parseTurn } from '../../protocol/contract';
import type { Completion } from '../../protocol/requests';

export interface Verdict {
  tone: 'ok' | 'bad' | 'warn';
  /** Two or three words: the badge. */
  title: string;
  /** One sentence: what is right or wrong. */
  detail: string;
}

/** Judges one finished turn by the published contract: a strict JSON object or one tool call among those offered. */
export function verdictOf(text: string, terminated: boolean, tools: readonly ToolSchema[] = []): Verdict {
  if (text.trim() === '') return { tone: 'bad', title: 'empty', detail: 'The model ended its turn without writing.' };
  const turn = parseTurn(text);
  const unended = terminated ? '' : ' It was cut at max_new_tokens: it never ended its turn.';
  if (turn.kind === 'tool_call' && turn.isValid && turn.call) {
    const { name } = turn.call;
    const isOffered = tools.some((tool) => tool.function.name === name);
    if (!isOffered)
      return {
        tone: 'bad',
        title: 'unknown tool',
        detail: `It calls ${name}, which was not offered${tools.length === 0 ? ': no tool was' : ''}.${unended}`,
      };
    const problem = argumentsProblem(turn.call.arguments, tools, name);
    return problem
      ? { tone: 'warn', title: 'tool call, wrong arguments', detail: `${name}: ${problem}.${unended}` }
      : {
          tone: terminated ? 'ok' : 'warn',
          title: 'valid tool call',
          detail: `${name} with ${plural(Object.keys(turn.call.arguments).length, 'argument')}.${unended}`,
        };
  }
  if (turn.isValid && turn.final)
    return {
      tone: terminated ? 'ok' : 'warn',
      title: 'valid JSON',
      detail: `Status ${turn.final.status}, rests on ${turn.final.sources.join(', ') || 'nothing'}.${unended}`,
    };
  if (turn.isJson) return { tone: 'warn', title: 'JSON, wrong shape', detail: `${sentence(turn.problem)}${unended}` };
  return { tone: 'bad', title: 'not JSON', detail: `${sentence(turn.problem)}${unended}` };
}

/** Required and unknown arguments; types are the evaluation's matter. */
function argumentsProblem(given: object, tools: readonly ToolSchema[], name: string): string | undefined {
  const parameters = tools.find((tool) => tool.function.name === name)?.function.parameters;
  const required = Array.isArray(parameters?.required) ? parameters.required.filter((k) => typeof k === 'string') : [];
  const missing = required.filter((key) => !(key in given));
  if (missing.length > 0) return `${missing.join(', ')} missing`;
  const known = parameters?.properties;
  if (typeof known !== 'object' || known === null) return undefined;
  const unknown = Object.keys(given).filter((key) => !(key in known));
  return unknown.length > 0 ? `${unknown.join(', ')} not in the schema` : undefined;
}
const sentence = (problem: string | undefined): string =>
  problem ? `${problem[0]!.toUpperCase()}${problem.slice(1)}.` : '';

/** Mean −log p of what was written: how sure the model was. */
export function completionWords({ ids, logps }: Pick<Completion, 'ids' | 'logps'>): string {
  const mean = logps.length === 0 ? Number.NaN : -logps.reduce((a, b) => a + b, 0) / logps.length;
  const sure = Number.isFinite(mean) ? ` · ${number(mean)} nats a token` : '';
  return `${plural(ids.length, 'token')}${sure}`;
}

/** Messages without the answer at the end: what a model is asked. */
export function promptOf(messages: readonly Message[]): Message[] {
  const last = messages.findLastIndex((m) => m.role === 'user' || m.role === 'tool');
  return messages.slice(0, last + 1);
}

/** Up to the first assistant turn: the playground's start from a row of a trajectory. */
export function openingOf(messages: readonly Message[]): Message[] {
  const first = messages.findIndex((m) => m.role === 'assistant');
  return first < 0 ? messages.slice() : messages.slice(0, first);
}

/** What a plain row begins with; undefined for conversations. `text` rows have no prompt, so their first words are one. */
export function plainPrompt({ text, prompt }: DatasetRow): string | undefined {
  if (typeof prompt === 'string') return prompt;
  return typeof text === 'string' ? text.split(/\s+/).slice(0, 8).join(' ') : undefined;
}
