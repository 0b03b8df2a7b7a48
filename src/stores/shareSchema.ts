// Reads a shared state from JSON that anybody may have written: every field is checked, faults are named by their path.
// Hand-written, as the content security policy forbids schema compilers.
import type { DatasetRow, Json, MaskOptions, Message, ToolCall, ToolSchema } from '../protocol/chat';
import type { Conversation, WorkbenchSettings } from './workbench';

/** What a link carries: enough to see on another machine what the sender sees. Nothing of a dataset unless `row` is set. */
export interface ShareState {
  v: 1;
  panel: 'template' | 'mask';
  messages: Message[];
  tools: ToolSchema[];
  documents?: { [key: string]: Json }[];
  /** Edited Jinja source; absent = the tokenizer's own. */
  template?: string;
  /** Id (a hash of the files) of the tokenizer it was made with, to be brought by the receiver; absent = the studio's. */
  kit?: string;
  settings: WorkbenchSettings & Pick<Conversation, 'add_generation_prompt' | 'continue_final_message'>;
  /** A row of the sender's data: only where the person asked for it to be included. */
  row?: DatasetRow;
}

/** A field is not what the schema says; becomes a ShareError where the link is read. */
export class SchemaFault extends Error {}

type Reader<T> = (value: unknown, path: string) => T;
type Readers<T> = { [K in keyof Required<T>]: Reader<Exclude<T[K], undefined>> };
type Plain = { [key: string]: unknown };

/** Deeper JSON than any tool schema's; a bound keeps hostile nesting from the stack. */
const MOST_DEEP = 64;

function fault(path: string, expected: string, value: unknown): never {
  // Not the value's JSON: hostile nesting would overflow the stack here.
  const found =
    typeof value === 'object' && value !== null
      ? Array.isArray(value)
        ? 'a list'
        : 'an object'
      : value === undefined
        ? 'missing'
        : JSON.stringify(typeof value === 'string' ? value.slice(0, 40) : value);
  throw new SchemaFault(`${path || 'The state'} must be ${expected}; it is ${found}`);
}
const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const text: Reader<string> = (value, path) => (typeof value === 'string' ? value : fault(path, 'a text', value));
const flag: Reader<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : fault(path, 'true or false', value);
const real: Reader<number> = (value, path) =>
  typeof value === 'number' && Number.isFinite(value) ? value : fault(path, 'a number', value);
const whole =
  (least: number): Reader<number> =>
  (value, path) =>
    Number.isSafeInteger(value) && (value as number) >= least
      ? (value as number)
      : fault(path, `a whole number from ${least}`, value);
/** The keys are the choices; with T given, the compiler finds one that is missing here. */
const oneOf =
  <T extends string>(choices: Record<T, true>): Reader<T> =>
  (value, path) =>
    typeof value === 'string' && Object.hasOwn(choices, value)
      ? (value as T)
      : fault(path, `one of ${Object.keys(choices).join(', ')}`, value);
const list =
  <T>(item: Reader<T>): Reader<T[]> =>
  (value, path) =>
    Array.isArray(value) ? value.map((entry, i) => item(entry, `${path}[${i}]`)) : fault(path, 'a list', value);

const json: Reader<Json> = (value, path) => {
  const isDeep = (part: unknown, depth: number): boolean =>
    typeof part === 'object' &&
    part !== null &&
    (depth >= MOST_DEEP || Object.values(part).some((inner) => isDeep(inner, depth + 1)));
  if (value === undefined) fault(path, 'JSON', value);
  if (isDeep(value, 0)) throw new SchemaFault(`${path} is nested more than ${MOST_DEEP} levels deep`);
  return value as Json;
};
const jsonObject: Reader<{ [key: string]: Json }> = (value, path) => {
  if (!isPlain(value)) fault(path, 'an object', value);
  return json(value, path) as { [key: string]: Json };
};
/** An object, or a string as OpenAI's API writes them. */
const callArguments: Reader<ToolCall['function']['arguments']> = (value, path) =>
  typeof value === 'string' ? value : jsonObject(value, path);

/**
 * An object of these fields, those in `optional` absent or there. `others`: 'refused', or 'json' where templates may read
 * fields that we do not know.
 */
function object<T>(readers: Readers<T>, optional: readonly (keyof T)[], others: 'refused' | 'json'): Reader<T> {
  return (value, path) => {
    if (!isPlain(value)) fault(path, 'an object', value);
    const at = (key: string) => (path ? `${path}.${key}` : key);
    const out: [string, unknown][] = [];
    for (const key of Object.keys(readers) as (keyof T & string)[])
      if (Object.hasOwn(value, key)) out.push([key, readers[key](value[key], at(key))]);
      else if (!optional.includes(key)) throw new SchemaFault(`${at(key)} is missing`);
    for (const key of Object.keys(value)) {
      if (Object.hasOwn(readers, key)) continue;
      if (others === 'refused') throw new SchemaFault(`${at(key)} is not a field of this format`);
      out.push([key, json(value[key], at(key))]);
    }
    // fromEntries defines properties: a key such as __proto__ stays data.
    return Object.fromEntries(out) as T;
  };
}

const toolCall = object<ToolCall>(
  {
    type: oneOf({ function: true }),
    function: object<ToolCall['function']>({ name: text, arguments: callArguments }, [], 'json'),
    id: text,
  },
  ['id'],
  'json',
);
const message = object<Message>(
  {
    // Any role: "the template refuses this one" is worth sharing.
    role: text as Reader<Message['role']>,
    content: text,
    tool_calls: list(toolCall),
    name: text,
    content_is_null: flag,
    content_parts: list(object<{ type: 'text'; text: string }>({ type: oneOf({ text: true }), text }, [], 'json')),
    tool_call_id: text,
    reasoning_content: text,
    train: flag,
    train_spans: list(
      object<{ start: number; end: number; train: boolean }>(
        { start: whole(0), end: whole(0), train: flag },
        [],
        'refused',
      ),
    ),
  },
  [
    'tool_calls',
    'name',
    'content_is_null',
    'content_parts',
    'tool_call_id',
    'reasoning_content',
    'train',
    'train_spans',
  ],
  'json',
);
/** As lenient as the panel's own editor: templates print tools in many shapes, a name is what all have. */
const tool: Reader<ToolSchema> = (value, path) => {
  const { function: fn } = jsonObject(value, path);
  if (!isPlain(fn)) fault(`${path}.function`, 'an object', fn);
  text(fn.name, `${path}.function.name`);
  return value as ToolSchema;
};
const promptOrText: Reader<string | Message[]> = (value, path) =>
  typeof value === 'string' ? value : list(message)(value, path);
const rowFields = {
  messages: list(message),
  prompt: promptOrText,
  completion: promptOrText,
  chosen: promptOrText,
  rejected: promptOrText,
  text,
  label: flag,
  margin: real,
  completions: list(text),
  labels: list(flag),
  tools: list(tool),
  chat_template_kwargs: jsonObject,
};
const row = object<DatasetRow>(rowFields, Object.keys(rowFields) as (keyof DatasetRow)[], 'json');
type Settings = ShareState['settings'];
const settingsFields = object<Settings>(
  {
    mode: oneOf<Settings['mode']>({ default: true, full: true, completion_only_loss: true, assistant_only_loss: true }),
    completion_only_loss: flag,
    max_length: whole(1),
    truncation_mode: oneOf<Settings['truncation_mode']>({ keep_start: true, keep_end: true, drop: true, refuse: true }),
    mask: object<MaskOptions>(
      {
        assistant_spans: oneOf<MaskOptions['assistant_spans']>({ generation: true, derived: true }),
        assistant_turns: oneOf<MaskOptions['assistant_turns']>({ all: true, last: true }),
        train_on_eos: oneOf<MaskOptions['train_on_eos']>({ turn: true, all: true, last: true, none: true }),
        special_in_content: oneOf<NonNullable<MaskOptions['special_in_content']>>({ text: true, token: true }),
      },
      ['special_in_content'],
      'refused',
    ),
    chat_template_kwargs: jsonObject,
    add_generation_prompt: flag,
    continue_final_message: flag,
    reads_reward: flag,
  },
  ['reads_reward'],
  'refused',
);
/** Links from before completion_only_loss was a setting were looked at with both masks, as TRL has it. */
const settings: Reader<Settings> = (value, path) =>
  settingsFields(isPlain(value) ? { completion_only_loss: true, ...value } : value, path);

const state = object<ShareState>(
  {
    v: (value, path) => (value === 1 ? 1 : fault(path, '1', value)),
    panel: oneOf<ShareState['panel']>({ template: true, mask: true }),
    messages: list(message),
    tools: list(tool),
    documents: list(jsonObject),
    template: text,
    kit: text,
    settings,
    row,
  },
  ['documents', 'template', 'kit', 'row'],
  'refused',
);

/** The state in parsed JSON. Throws SchemaFault: `settings.max_length must be a whole number from 1; it is "x"`. */
export const readShareState = (value: unknown): ShareState => state(value, '');
