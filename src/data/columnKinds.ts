// What type each column of some rows has, for all files of a set alike: as a Parquet column, and as a feature of Hugging Face's
// datasets. Texts, truth values, numbers and lists of texts or truth values have types of their own; conversations whose messages are
// no more than role and content are lists of structs, as datasets has them; all else is JSON (parquet-format's logical type JSON).
import type { SchemaElement } from 'hyparquet';

/** Rows as JSON texts, each an object of columns. */
export interface JsonRows {
  readonly length: number;
  text(i: number): string;
}
export interface WriteOptions {
  /** Rows that were looked at or written. */
  onRows?: (done: number) => void;
  /** Called between steps, to let others work and to be stopped: what it throws ends the work. */
  pause?: () => Promise<void>;
}
export interface Column {
  name: string;
  /** Undefined where no row has a value. */
  kind?: Kind;
}

/** TRL's columns in front, in this order; the others as they come. */
const FIRST = ['messages', 'prompt', 'completion', 'completions', 'labels', 'label', 'chosen', 'rejected', 'text', 'tools', 'chat_template_kwargs']; // biome-ignore format: reads as one list
const CHARACTERS_A_STEP = 2 ** 22;

/** The columns of a row. */
export const valuesOf = (text: string): { [column: string]: unknown } =>
  JSON.parse(text) as { [column: string]: unknown };

/** Tells of rows, and pauses after as many as are read in one go. */
export function stepper({ onRows, pause }: WriteOptions): (text: string) => Promise<void> {
  let [done, read] = [0, 0];
  return async (text) => {
    done++;
    read += text.length + 1000;
    if (read < CHARACTERS_A_STEP) return;
    read = 0;
    onRows?.(done);
    await pause?.();
  };
}

/** The columns of all rows, each with the narrowest kind that holds every value of it. */
export async function findColumns(rows: JsonRows, options: WriteOptions = {}): Promise<Column[]> {
  const step = stepper(options);
  const kinds = new Map<string, readonly Kind[] | undefined>();
  for (let i = 0; i < rows.length; i++) {
    const text = rows.text(i);
    for (const [name, value] of Object.entries(valuesOf(text))) {
      const left = kinds.get(name);
      kinds.set(name, value === null ? left : (left ?? KINDS).filter(({ holds }) => holds(value)));
    }
    await step(text);
  }
  const place = (name: string) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return [...kinds]
    .toSorted(([a], [b]) => place(a) - place(b))
    .map(([name, left]) => (left ? { name, kind: left[0]! } : { name }));
}

/**
 * A dataset card that says the type of each column (`dataset_info`, features as datasets writes them). Without it load_dataset takes
 * the columns and types of one split for all, and stops at the split that has others. JSON is YAML.
 */
export const datasetCard = (columns: readonly Column[]): string =>
  [
    '---',
    'dataset_info:',
    '  features:',
    ...columns.map(({ name, kind }) => `  - ${JSON.stringify({ name, ...(kind ? kind.feature : { dtype: 'null' }) })}`),
    '---',
    '',
  ].join('\n');

export interface Kind {
  holds: (value: unknown) => boolean;
  elements: (name: string) => SchemaElement[];
  /** Its type, as datasets spells it. */
  feature: object;
  /** What the writer takes for a value. */
  stored?: (value: unknown) => unknown;
}
const leaf = (name: string, type: 'BOOLEAN' | 'INT64' | 'DOUBLE'): SchemaElement => ({
  name,
  type,
  repetition_type: 'OPTIONAL',
});
const bytes = (name: string, kind: 'UTF8' | 'JSON'): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: kind,
  repetition_type: 'OPTIONAL',
});
const listOf = (name: string, element: SchemaElement[]): SchemaElement[] => [
  { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  ...element,
];

/** UTF-8 has no lone surrogates, and decoders take a leading byte-order mark away; JSON's quotes and escapes keep both. */
const isText = (value: unknown): boolean =>
  typeof value === 'string' && !/\p{Surrogate}/u.test(value) && !value.startsWith('\ufeff');
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const isListOf = (value: unknown, test: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(test);
const isPlainMessage = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { role, content, ...others } = value as { role?: unknown; content?: unknown };
  return isText(role) && isText(content) && Object.keys(others).length === 0;
};

/** The first that holds all values of a column is its type; the last holds everything. */
const KINDS: Kind[] = [
  { holds: isFlag, feature: { dtype: 'bool' }, elements: (name) => [leaf(name, 'BOOLEAN')] },
  { holds: isText, feature: { dtype: 'string' }, elements: (name) => [bytes(name, 'UTF8')] },
  {
    holds: Number.isSafeInteger,
    feature: { dtype: 'int64' },
    elements: (name) => [leaf(name, 'INT64')],
    stored: (value) => BigInt(value as number),
  },
  {
    holds: (value) => typeof value === 'number',
    feature: { dtype: 'float64' },
    elements: (name) => [leaf(name, 'DOUBLE')],
  },
  {
    holds: (value) => isListOf(value, isText),
    feature: { list: 'string' },
    elements: (name) => listOf(name, [bytes('element', 'UTF8')]),
  },
  {
    holds: (value) => isListOf(value, isFlag),
    feature: { list: 'bool' },
    elements: (name) => listOf(name, [leaf('element', 'BOOLEAN')]),
  },
  {
    holds: (value) => isListOf(value, isPlainMessage),
    feature: {
      list: [
        { name: 'role', dtype: 'string' },
        { name: 'content', dtype: 'string' },
      ],
    },
    elements: (name) => {
      const struct: SchemaElement = { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 };
      return listOf(name, [struct, bytes('role', 'UTF8'), bytes('content', 'UTF8')]);
    },
  },
  { holds: () => true, feature: { dtype: 'json' }, elements: (name) => [bytes(name, 'JSON')] },
];
