// Rows as a Parquet file (hyparquet-writer, snappy): one column a column of the rows. Texts, truth values, numbers and lists of texts
// or truth values have types of their own; conversations whose messages are no more than role and content are lists of structs, as
// Hugging Face's datasets has them; all else is a JSON column (parquet-format's logical type JSON).
import type { SchemaElement } from 'hyparquet';

/** Rows as JSON texts, each an object of columns. */
export interface JsonRows {
  readonly length: number;
  text(i: number): string;
}
export interface WriteOptions {
  /** Rows looked at and rows written, of both together. */
  onRows?: (done: number, total: number) => void;
  /** Called between steps, to let others work and to be stopped: what it throws ends the writing. */
  pause?: () => Promise<void>;
}

/** TRL's columns in front, in this order; the others as they come. */
const FIRST = ['messages', 'prompt', 'completion', 'completions', 'labels', 'label', 'chosen', 'rejected', 'text', 'tools', 'chat_template_kwargs']; // biome-ignore format: reads as one list
/** A group is what a reader has in memory at once: so many rows, or so many characters where they are long. */
const GROUP_ROWS = 10_000;
const GROUP_CHARACTERS = 64 * 2 ** 20;
const CHARACTERS_A_STEP = 2 ** 22;

type Columns = { [column: string]: unknown };
const columnsOf = (text: string): Columns => JSON.parse(text) as Columns;

/** Rows without any column give a file that holds none. */
export async function toParquet(rows: JsonRows, { onRows, pause }: WriteOptions = {}): Promise<Uint8Array> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  let done = 0;
  let read = 0;
  const step = async (text: string) => {
    done++;
    read += text.length + 1000;
    if (read < CHARACTERS_A_STEP) return;
    read = 0;
    onRows?.(done, rows.length * 2);
    await pause?.();
  };
  const kinds = new Map<string, Kind[]>();
  for (let i = 0; i < rows.length; i++) {
    const text = rows.text(i);
    for (const [name, value] of Object.entries(columnsOf(text)))
      if (value !== null)
        kinds.set(
          name,
          (kinds.get(name) ?? KINDS).filter(({ holds }) => holds(value)),
        );
    await step(text);
  }
  const place = (name: string) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  const columns = [...kinds]
    .toSorted(([a], [b]) => place(a) - place(b))
    .map(([name, [kind]]) => ({ name, kind: kind! }));
  const schema: SchemaElement[] = [
    { name: 'root', num_children: columns.length },
    ...columns.flatMap(({ name, kind }) => kind.elements(name)),
  ];
  const writer = new ByteWriter();
  const file = new ParquetWriter({ writer, schema, createdBy: 'posttrain-studio' });
  let data = columns.map((): unknown[] => []);
  let characters = 0;
  for (let i = 0; i < rows.length; i++) {
    const text = rows.text(i);
    const row = columnsOf(text);
    for (const [c, { name, kind }] of columns.entries()) {
      const value = row[name] ?? null;
      data[c]!.push(kind.stored && value !== null ? kind.stored(value) : value);
    }
    characters += text.length;
    if (data[0]?.length === GROUP_ROWS || characters > GROUP_CHARACTERS || i === rows.length - 1) {
      const columnData = columns.map(({ name }, c) => ({ name, data: data[c]! }));
      await file.write({ columnData, rowGroupSize: GROUP_ROWS });
      data = columns.map(() => []);
      characters = 0;
    }
    await step(text);
  }
  await file.finish();
  return new Uint8Array(writer.getBuffer());
}

interface Kind {
  holds: (value: unknown) => boolean;
  elements: (name: string) => SchemaElement[];
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
  { holds: isFlag, elements: (name) => [leaf(name, 'BOOLEAN')] },
  { holds: isText, elements: (name) => [bytes(name, 'UTF8')] },
  {
    holds: Number.isSafeInteger,
    elements: (name) => [leaf(name, 'INT64')],
    stored: (value) => BigInt(value as number),
  },
  { holds: (value) => typeof value === 'number', elements: (name) => [leaf(name, 'DOUBLE')] },
  { holds: (value) => isListOf(value, isText), elements: (name) => listOf(name, [bytes('element', 'UTF8')]) },
  { holds: (value) => isListOf(value, isFlag), elements: (name) => listOf(name, [leaf('element', 'BOOLEAN')]) },
  {
    holds: (value) => isListOf(value, isPlainMessage),
    elements: (name) => {
      const struct: SchemaElement = { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 };
      return listOf(name, [struct, bytes('role', 'UTF8'), bytes('content', 'UTF8')]);
    },
  },
  { holds: () => true, elements: (name) => [bytes(name, 'JSON')] },
];
