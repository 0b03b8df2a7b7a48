// Rows as a Parquet file (hyparquet-writer, snappy): one column a TRL column. Texts, truth values and lists of them have types of
// their own; conversations whose messages are no more than role and content are lists of structs, as Hugging Face's datasets has
// them; other conversations and tools are JSON columns (parquet-format's logical type JSON).
import type { SchemaElement } from 'hyparquet';
import type { DatasetRow } from '../protocol/chat';
import { asItCame } from './jsonl';

const COLUMNS = [
  'messages',
  'prompt',
  'completion',
  'completions',
  'labels',
  'label',
  'chosen',
  'rejected',
  'text',
  'tools',
  'chat_template_kwargs',
] as const satisfies readonly (keyof DatasetRow)[];

/** Rows of a group: what a reader has in memory at once. */
const GROUP_ROWS = 10_000;

export async function toParquet(rows: readonly DatasetRow[]): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  // As the rows came: contents that were null or in parts are so again.
  const plain = rows.map((row) => JSON.parse(JSON.stringify(row, asItCame)) as { [column: string]: unknown });
  const used = COLUMNS.filter((name) => plain.some((row) => row[name] !== undefined));
  const columns = used.map((name) =>
    columnOf(
      name,
      plain.map((row) => row[name] ?? null),
    ),
  );
  const schema: SchemaElement[] = [
    { name: 'root', num_children: columns.length },
    ...columns.flatMap(({ elements }) => elements),
  ];
  const columnData = columns.map(({ name, data }) => ({ name, data }));
  return new Uint8Array(
    parquetWriteBuffer({ columnData, schema, rowGroupSize: GROUP_ROWS, createdBy: 'posttrain-studio' }),
  );
}

interface Column {
  name: string;
  elements: SchemaElement[];
  data: unknown[];
}
function columnOf(name: string, data: unknown[]): Column {
  const given = data.filter((value) => value !== null);
  const all = (test: (value: unknown) => boolean) => given.every(test);
  if (all((value) => typeof value === 'boolean')) return { name, elements: [leaf(name, 'BOOLEAN')], data };
  if (all(isText)) return { name, elements: [leaf(name, 'TEXT')], data };
  if (all((value) => isListOf(value, isText))) return { name, elements: listOf(name, [leaf('element', 'TEXT')]), data };
  if (all((value) => isListOf(value, (item) => typeof item === 'boolean')))
    return { name, elements: listOf(name, [leaf('element', 'BOOLEAN')]), data };
  if (all((value) => isListOf(value, isPlainMessage))) {
    const struct: SchemaElement = { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 };
    return { name, elements: listOf(name, [struct, leaf('role', 'TEXT'), leaf('content', 'TEXT')]), data };
  }
  return { name, elements: [leaf(name, 'JSON')], data };
}
const leaf = (name: string, kind: 'BOOLEAN' | 'TEXT' | 'JSON'): SchemaElement =>
  kind === 'BOOLEAN'
    ? { name, type: 'BOOLEAN', repetition_type: 'OPTIONAL' }
    : { name, type: 'BYTE_ARRAY', converted_type: kind === 'TEXT' ? 'UTF8' : 'JSON', repetition_type: 'OPTIONAL' };
const listOf = (name: string, element: SchemaElement[]): SchemaElement[] => [
  { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  ...element,
];

/** UTF-8 has no lone surrogates, and decoders take a leading byte-order mark away; JSON's quotes and escapes keep both. */
const isText = (value: unknown): boolean =>
  typeof value === 'string' && !/\p{Surrogate}/u.test(value) && !value.startsWith('\ufeff');
const isListOf = (value: unknown, test: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(test);
const isPlainMessage = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { role, content, ...others } = value as { role?: unknown; content?: unknown };
  return isText(role) && isText(content) && Object.keys(others).length === 0;
};
