// Arguments of tool calls that are strings (OpenAI's API) or objects (TRL): transformers hands either to the template as it is,
// and templates are made for one of them. What comes of the wrong one is told here.
import { StudioError, TemplateError } from '../lib/errors';
import type { Finding, Json, Message, ToolCall } from '../protocol/chat';

type Arguments = ToolCall['function']['arguments'];

/** The object that a string of JSON stands for; undefined when it stands for none. */
function objectOf(text: string): { [key: string]: Json } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as never) : undefined;
  } catch {
    return undefined; // a template may print any string
  }
}

/** A string as JSON writes it, with its letters as they are and escaped as Python does by default. */
function encoded(text: string): string[] {
  const plain = JSON.stringify(text);
  const ascii = plain.replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return [plain, ascii];
}

/** The first message whose arguments are a string that the rendered text shows as a string inside of JSON. */
export function doubleEncoded(
  messages: readonly Message[],
  text: string,
): { index: number; message: string } | undefined {
  for (const [index, { tool_calls = [] }] of messages.entries())
    for (const { function: call } of tool_calls) {
      const { name, arguments: args } = call;
      if (typeof args !== 'string' || objectOf(args) === undefined) continue;
      const shown = encoded(args).find((form) => text.includes(form));
      if (shown !== undefined)
        return {
          index,
          message: `Message ${index + 1} calls ${name} with arguments that are a string, and the template encodes them once more: ${shown.slice(0, 60)}. The model learns calls that no parser reads as an object. Write the arguments as an object.`,
        };
    }
  return undefined;
}

export function doubleEncodedFinding(messages: readonly Message[], text: string): Finding[] {
  const found = doubleEncoded(messages, text);
  return found ? [{ kind: 'arguments_double_encoded', blocking: false, gate: true, message: found.message }] : [];
}

/**
 * `print` of the messages; where the template fails over the form of arguments, the error says so and which form it takes.
 */
export function withArgumentsTold<T>(messages: readonly Message[], print: (messages: readonly Message[]) => T): T {
  try {
    return print(messages);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    for (const [from, to, turned] of [
      ['a string', 'an object', (args: Arguments) => (typeof args === 'string' ? (objectOf(args) ?? args) : args)],
      ['an object', 'a string of JSON', (args: Arguments) => (typeof args === 'string' ? args : JSON.stringify(args))],
    ] as const) {
      const other = messages.map((message) => withArguments(message, turned));
      if (other.every((message, i) => message === messages[i]) || !succeeds(() => print(other))) continue;
      const index = other.findIndex((message, i) => message !== messages[i]);
      throw new TemplateError(
        `${error.message} Message ${index + 1} has the arguments of its tool call as ${from}, and this template takes ${to}: write ${to}.`,
        { cause: error },
      );
    }
    throw error;
  }
}
function withArguments(message: Message, turned: (args: Arguments) => Arguments): Message {
  const calls = message.tool_calls;
  if (!calls || calls.every(({ function: { arguments: args } }) => turned(args) === args)) return message;
  const tool_calls = calls.map((call) => ({
    ...call,
    function: { ...call.function, arguments: turned(call.function.arguments) },
  }));
  return { ...message, tool_calls };
}
function succeeds(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch (error) {
    if (error instanceof StudioError) return false;
    throw error;
  }
}
