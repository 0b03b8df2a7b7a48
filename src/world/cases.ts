// Held-out evaluation cases: a conversation up to an assistant turn, and the truth of that turn.
import { Rng } from '../lib/rng';
import type { Message, ToolSchema } from '../protocol/chat';
import { type FinalAnswer, finalText, TOOL_CALL_CLOSE, TOOL_CALL_OPEN } from '../protocol/contract';
import type { BuiltinItem, RowShape, Split, TurnTruth } from './item';
import { callMessage } from './item';
import { generateItem, SHAPES } from './sft';
import type { Tenant, World } from './state';

export interface EvaluationCase {
  caseId: string;
  shape: RowShape;
  /** Kind of the row and what is due: `query_erp/call`. */
  kind: string;
  messages: Message[];
  tools?: ToolSchema[];
  truth: TurnTruth;
  /** The reference turn as text, without its end-of-turn token. */
  expected: string;
  lastUser: string;
  /** Set where the right answer depends on whose policy holds. */
  tenant?: Tenant['id'];
}

/** Evaluation draws rows that no training run of a like seed has drawn. */
export const CASE_SEED_OFFSET = 7_000_000;

/** An assistant message as the text that the built-in template writes for it. */
export function turnText(message: Message): string {
  const calls = (message.tool_calls ?? []).map(
    ({ function: f }) =>
      `${TOOL_CALL_OPEN}${JSON.stringify({ name: f.name, arguments: f.arguments })}${TOOL_CALL_CLOSE}`,
  );
  return message.content + calls.join('');
}

const referenceText = (truth: TurnTruth): string =>
  truth.expect === 'final' ? finalText(truth.final) : turnText(callMessage(truth.name, truth.arguments));

/** The conversation of `item` up to its assistant turn number `turn`, from 0; or the prompt of a row that has one. */
export function caseOf(item: BuiltinItem, turn: number): EvaluationCase {
  const { messages, prompt, tools } = item.row;
  const truth = item.truth[turn]!;
  const at = messages?.flatMap((m, i) => (m.role === 'assistant' ? [i] : []))[turn];
  const before = at === undefined ? (prompt as Message[]) : messages!.slice(0, at);
  return {
    caseId: `${item.rowId}/${turn}`,
    shape: item.shape,
    kind: `${item.kind}/${truth.expect}`,
    messages: before,
    tools,
    truth,
    // Of several acceptable answers, the full one.
    expected: at === undefined ? referenceText(truth) : turnText(messages![at]!),
    lastUser: before.findLast((m) => m.role === 'user')?.content ?? '',
    ...(item.metadata ? { tenant: item.tenant } : {}),
  };
}

/** Shapes take turns, so each has a quarter; the turn within a row is drawn. The same seed gives the same cases. */
export function evaluationCases(
  world: World,
  { n, seed, split = 'heldout' }: { n: number; seed: number; split?: Split },
): EvaluationCase[] {
  return Array.from({ length: n }, (_, i) => {
    const shape = SHAPES[i % SHAPES.length]!;
    const item = generateItem(world, i, { seed: seed + CASE_SEED_OFFSET, split, weights: { [shape]: 1 } });
    const turns = item.row.messages.filter((m) => m.role === 'assistant').length;
    return caseOf(item, new Rng(seed, `turn ${i}`).int(0, turns - 1));
  });
}

/**
 * The old way: the best prompt that we could write for a base model — the contract in words, then worked examples of every
 * shape as plain text, then the question. The model continues one line.
 */
export function bestPrompt(world: World, c: EvaluationCase, seed: number): string {
  const line = (role: string, text: string) => `${role}: ${text.replaceAll('\n', ' ')}`;
  const script = (messages: Message[]) =>
    messages
      .map((m) =>
        m.role === 'assistant'
          ? line('Assistant', turnText(m))
          : line(m.role === 'tool' ? 'Result' : m.role === 'user' ? 'User' : 'Note', m.content),
      )
      .join('\n');
  // Two examples: more would not leave room in the 512 tokens that the base has seen in one piece.
  const examples = (['safety', c.tools ? 'tool' : 'single'] as const).map((shape, i) =>
    script(
      generateItem(world, i, { seed: seed + 31, split: 'train', weights: { [shape]: 1 } }).row.messages.filter(
        (m) => m.role !== 'system',
      ),
    ),
  );
  const refusal: FinalAnswer = { answer: 'text', sources: ['id'], action: null, status: 'ok' };
  return [
    `The assistant replies with one JSON object such as ${finalText(refusal)}; status is ok, constrained, refused or need_data.`,
    ...examples,
    `${script(c.messages)}\nAssistant:`,
  ].join('\n');
}
