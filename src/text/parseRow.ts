// Checks a dataset row of unknown origin and brings it into protocol/chat's shape. Errors name the path of the field.
import { DataError } from '../lib/errors';
import {
  type DatasetRow,
  type Json,
  type Message,
  ROLES,
  type Role,
  type ToolCall,
  type ToolSchema,
} from '../protocol/chat';
import { type DatasetType, hasColumnsOf, onlyColumnsOf } from '../protocol/rowTypes';

type Obj = Record<string, unknown>;
const isObject = (v: unknown): v is Obj => typeof v === 'object' && v !== null && !Array.isArray(v);
const show = (v: unknown) => (v === undefined ? 'nothing' : (JSON.stringify(v) ?? String(v)).slice(0, 60));

function fail(path: string, message: string): never {
  throw new DataError(`${path} ${message}`, { where: path });
}
/** Some tools save nested objects as JSON strings. */
function unpack(value: unknown, path: string): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch (cause) {
    throw new DataError(`${path} is a string that is not JSON (${show(value)}). Write an object.`, {
      cause,
      where: path,
    });
  }
}

function parseToolCall(value: unknown, path: string): ToolCall {
  if (!isObject(value)) fail(path, `must be an object, got ${show(value)}.`);
  const call = isObject(value.function) ? value.function : value;
  const at = isObject(value.function) ? `${path}.function` : path;
  if (typeof call.name !== 'string' || call.name === '')
    fail(`${at}.name`, `must be the name of a tool, got ${show(call.name)}.`);
  // Templates would print nothing, or fail: what is meant has to be said.
  if (call.arguments === undefined || call.arguments === null)
    fail(`${at}.arguments`, 'is missing; write an object, {} for a tool that takes none.');
  // A string stays one, as transformers and TRL leave it: some templates want it, others print it encoded twice. Cut or broken
  // JSON would be learnt as it is.
  const args = call.arguments;
  if (!isObject(unpack(args, `${at}.arguments`)))
    fail(`${at}.arguments`, `must be an object, or a string of JSON, got ${show(args)}.`);
  // Other keys (id, index …) stay: templates may print them.
  return {
    ...(isObject(value.function) ? value : {}),
    type: 'function',
    function: { ...call, name: call.name, arguments: args as ToolCall['function']['arguments'] },
  };
}

function parseTrainSpans(value: unknown, path: string): NonNullable<Message['train_spans']> {
  if (!Array.isArray(value)) fail(path, `must be a list of { start, end, train }, got ${show(value)}.`);
  return value.map((span: unknown, i) => {
    if (
      !isObject(span) ||
      !Number.isInteger(span.start) ||
      !Number.isInteger(span.end) ||
      typeof span.train !== 'boolean'
    )
      fail(`${path}[${i}]`, `must be { start, end, train } with offsets into the content, got ${show(span)}.`);
    return { start: span.start as number, end: span.end as number, train: span.train };
  });
}

/** Contents of multimodal formats; of their parts, only texts can be read. */
function parseParts(value: unknown[], path: string): NonNullable<Message['content_parts']> {
  if (value.length === 0) fail(path, 'is an empty list; write a string, or at least one part.');
  return value.map((part, i) => {
    const at = `${path}[${i}]`;
    if (!isObject(part)) fail(at, `must be a part { type: "text", text }, got ${show(part)}.`);
    if (part.type !== 'text')
      fail(at, `is a part of type ${show(part.type)}; the studio reads parts of type "text" only.`);
    if (typeof part.text !== 'string') fail(`${at}.text`, `must be a string, got ${show(part.text)}.`);
    return part as { type: 'text'; text: string };
  });
}

export function parseMessage(value: unknown, path: string): Message {
  if (!isObject(value)) fail(path, `must be an object with role and content, got ${show(value)}.`);
  if (value.role === undefined) fail(`${path}.role`, `is missing; use one of ${ROLES.join(', ')}.`);
  if (!ROLES.includes(value.role as Role))
    fail(`${path}.role`, `is ${show(value.role)}; use one of ${ROLES.join(', ')}.`);
  const role = value.role as Role;
  const calls = value.tool_calls;
  if (calls !== undefined && calls !== null && !Array.isArray(calls))
    fail(`${path}.tool_calls`, `must be a list, got ${show(calls)}.`);
  const hasCalls = Array.isArray(calls) && calls.length > 0;
  const parts = Array.isArray(value.content) ? parseParts(value.content, `${path}.content`) : undefined;
  const content = parts ? parts.map(({ text }) => text).join('') : value.content;
  if (hasCalls && role !== 'assistant') fail(`${path}.tool_calls`, `belongs to an assistant message, not to ${role}.`);
  if (value.content === undefined && !hasCalls) fail(`${path}.content`, 'is missing; write a string.');
  if (typeof content !== 'string' && !(hasCalls && (content === null || content === undefined)))
    fail(`${path}.content`, `must be a string or a list of text parts, got ${show(content)}.`);
  if (value.train !== undefined && value.train !== null && typeof value.train !== 'boolean')
    fail(`${path}.train`, `must be true or false, got ${show(value.train)}.`);
  // Keys that the studio does not know are kept as they are: templates may read them.
  const { tool_calls: _calls, train, train_spans, content_is_null: _null, content_parts: _parts, ...others } = value;
  const message: Message = { ...others, role, content: typeof content === 'string' ? content : '' };
  if (typeof content !== 'string') message.content_is_null = true;
  if (parts) message.content_parts = parts;
  if (typeof train === 'boolean') message.train = train;
  if (train_spans !== undefined && train_spans !== null)
    message.train_spans = parseTrainSpans(train_spans, `${path}.train_spans`);
  if (hasCalls) message.tool_calls = calls.map((call, i) => parseToolCall(call, `${path}.tool_calls[${i}]`));
  return message;
}

export function parseMessages(value: unknown, path: string): Message[] {
  if (!Array.isArray(value)) fail(path, `must be a list of messages, got ${show(value)}.`);
  if (value.length === 0) fail(path, 'is empty; write at least one message.');
  return value.map((item, i) => parseMessage(item, `${path}[${i}]`));
}

export function parseTools(value: unknown, path: string): ToolSchema[] {
  const tools = unpack(value, path);
  if (!Array.isArray(tools)) fail(path, `must be a list of JSON schemas, got ${show(tools)}.`);
  return tools.map((tool: unknown, i) => {
    const at = `${path}[${i}]`;
    const body = isObject(tool) && isObject(tool.function) ? tool.function : tool;
    if (!isObject(body) || typeof body.name !== 'string')
      fail(`${at}.function.name`, 'is missing; write the name of the tool.');
    if (body.parameters !== undefined && !isObject(body.parameters))
      fail(`${at}.function.parameters`, `must be a JSON schema, got ${show(body.parameters)}.`);
    // As it was given, so that a template that prints the schema prints the same as elsewhere.
    return (body === tool
      ? { type: 'function', function: body }
      : { type: 'function', ...(tool as Obj) }) as unknown as ToolSchema;
  });
}

const FROM: Record<string, Role> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  system: 'system',
  tool: 'tool',
  // LLaMA-Factory's names for a call of a tool and its result.
  function_call: 'assistant',
  observation: 'tool',
};

/** ShareGPT's `conversations` of { from, value }, as TRL renames them; a `function_call` becomes a tool call. */
export function parseShareGpt(value: unknown, path: string): Message[] {
  if (!Array.isArray(value) || value.length === 0) fail(path, 'must be a non-empty list of { from, value }.');
  return value.map((item: unknown, i) => {
    const at = `${path}[${i}]`;
    if (!isObject(item)) fail(at, `must be an object with from and value, got ${show(item)}.`);
    const role = Object.hasOwn(FROM, String(item.from)) ? FROM[String(item.from)] : undefined;
    if (!role) fail(`${at}.from`, `is ${show(item.from)}; use one of ${Object.keys(FROM).join(', ')}.`);
    if (item.from === 'function_call')
      return parseMessage({ role, content: null, tool_calls: [unpack(item.value, `${at}.value`)].flat() }, at);
    return parseMessage({ role, content: item.value }, at);
  });
}

const COLUMNS = 'messages, prompt (and completion), chosen and rejected, or text';

function parseText(value: unknown, path: string): string {
  if (value === undefined || value === null) fail(path, 'is missing; write a string.');
  if (typeof value !== 'string') fail(path, `must be a string, got ${show(value)}.`);
  return value;
}
function parseList(value: unknown, path: string, kind: 'string' | 'boolean'): unknown[] {
  const list = unpack(value, path);
  if (!Array.isArray(list) || list.length === 0)
    fail(path, `must be a list with at least one ${kind}, got ${show(value)}.`);
  list.forEach((item, i) => {
    if (typeof item !== kind) fail(`${path}[${i}]`, `must be a ${kind}, got ${show(item)}.`);
  });
  return list;
}

/** What retrieval found, for templates that print it. */
function parseDocuments(value: unknown, path: string): { [key: string]: Json }[] {
  const documents = unpack(value, path);
  if (!Array.isArray(documents)) fail(path, `must be a list of objects, got ${show(documents)}.`);
  documents.forEach((document: unknown, i) => {
    if (!isObject(document))
      fail(`${path}[${i}]`, `must be an object, such as { title, text }, got ${show(document)}.`);
  });
  return documents as { [key: string]: Json }[];
}

/**
 * Types whose columns win over `messages` in the same row, as in TRL: DPO and reward training read chosen and rejected only, and
 * SFT looks for `prompt` first (sft_trainer.py, tokenize_fn). A label that is no truth value is the person's own column.
 */
const BEFORE_MESSAGES: readonly DatasetType[] = ['preference', 'stepwise', 'unpaired-preference', 'prompt-completion'];
const typeBeforeMessages = (row: Obj): DatasetType | undefined =>
  BEFORE_MESSAGES.find(
    (type) => hasColumnsOf(type, row) && (type !== 'unpaired-preference' || typeof row.label === 'boolean'),
  );

/**
 * TRL's row types (protocol/rowTypes), with optional tools, chat_template_kwargs and documents, which become a kwarg. A column
 * that is null is not there. Where a row has the columns of several types, `type` says which it is, and without it TRL's order.
 * Throws DataError naming the path.
 */
export function parseRow(given: unknown, path = '', type?: DatasetType): DatasetRow {
  const at = (key: string) => (path ? `${path}.${key}` : key);
  if (!isObject(given)) fail(path || 'The row', `must be an object, got ${show(given)}.`);
  const read = type && hasColumnsOf(type, given) ? type : typeBeforeMessages(given);
  const value = read === undefined ? given : onlyColumnsOf(read, given);
  const has = (key: string) => value[key] !== undefined && value[key] !== null;
  const textOrMessages = (key: string) => {
    const part = value[key];
    return typeof part === 'string' ? part : parseMessages(part, at(key));
  };
  const row: DatasetRow = {};
  if (has('messages')) row.messages = parseMessages(value.messages, at('messages'));
  else if (has('conversations')) row.messages = parseShareGpt(value.conversations, at('conversations'));
  else if (has('chosen') || has('rejected')) {
    for (const key of ['chosen', 'rejected'] as const) {
      if (!has(key)) fail(at(key), 'is missing; a preference needs chosen and rejected.');
      row[key] = textOrMessages(key);
    }
    if (typeof row.rejected !== typeof row.chosen)
      fail(at('rejected'), 'and chosen must both be strings or both be lists of messages.');
    // Conversational sides hold the prompt themselves; a string beside them is left aside (TRL's maybe_extract_prompt).
    if (has('prompt') && !(typeof value.prompt === 'string' && typeof row.chosen !== 'string')) {
      row.prompt = textOrMessages('prompt');
      if (typeof row.prompt !== typeof row.chosen)
        fail(at('prompt'), 'and chosen must both be strings or both be lists of messages.');
    }
    // Any other margin is a column of the person's own.
    if (typeof value.margin === 'number') row.margin = value.margin;
  } else if (has('completions')) {
    row.prompt = parseText(value.prompt, at('prompt'));
    row.completions = parseList(value.completions, at('completions'), 'string') as string[];
    row.labels = parseList(value.labels, at('labels'), 'boolean') as boolean[];
    if (row.labels.length !== row.completions.length)
      fail(
        at('labels'),
        `must have one entry for each of the ${row.completions.length} completions, got ${row.labels.length}.`,
      );
  } else if (has('prompt') || has('completion')) {
    if (!has('prompt')) fail(at('prompt'), 'is missing; a row with a completion needs it.');
    row.prompt = textOrMessages('prompt');
    // Without an answer it is a prompt to answer: TRL's prompt-only type.
    if (has('completion')) {
      row.completion = textOrMessages('completion');
      if (typeof row.prompt !== typeof row.completion)
        fail(at('completion'), 'and prompt must both be strings or both be lists of messages.');
      // Any other label is a column of the person's own.
      if (typeof value.label === 'boolean') row.label = value.label;
    }
  } else if (has('text')) {
    if (typeof value.text !== 'string' || value.text === '')
      fail(at('text'), `must be a non-empty string, got ${show(value.text)}.`);
    row.text = value.text;
  } else {
    const found = Object.keys(value).slice(0, 8).join(', ');
    fail(path || 'The row', `has none of the columns ${COLUMNS} (found: ${found || 'none'}). Rename the columns.`);
  }
  if (has('tools')) row.tools = parseTools(value.tools, at('tools'));
  if (has('chat_template_kwargs')) {
    const kwargs = unpack(value.chat_template_kwargs, at('chat_template_kwargs'));
    if (!isObject(kwargs)) fail(at('chat_template_kwargs'), `must be an object, got ${show(kwargs)}.`);
    row.chat_template_kwargs = kwargs as { [key: string]: Json };
  }
  if (has('documents'))
    row.chat_template_kwargs = {
      documents: parseDocuments(value.documents, at('documents')),
      ...row.chat_template_kwargs,
    };
  return row;
}
