// Rows as a Parquet file (hyparquet-writer, snappy): one column a column of the rows, of the kinds that columnKinds.ts finds.
import type { SchemaElement } from 'hyparquet';
import { type Column, type JsonRows, type Kind, stepper, valuesOf, type WriteOptions } from './columnKinds';

/** A group is what a reader has in memory at once: so many rows, or so many characters where they are long. */
const GROUP_ROWS = 10_000;
const GROUP_CHARACTERS = 64 * 2 ** 20;

/**
 * `columns` hold every value of the rows; files of one set get the same, so that all have one schema. Rows without any column give a
 * file that holds none; a column without a value is left out.
 */
export async function toParquet(
  rows: JsonRows,
  columns: readonly Column[],
  options: WriteOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const step = stepper(options);
  const filled = columns.filter((column): column is Required<Column> => column.kind !== undefined);
  const schema: SchemaElement[] = [
    { name: 'root', num_children: filled.length },
    ...filled.flatMap(({ name, kind }: { name: string; kind: Kind }) => kind.elements(name)),
  ];
  const writer = new ByteWriter();
  const file = new ParquetWriter({ writer, schema, createdBy: 'posttrain-studio' });
  let data = filled.map((): unknown[] => []);
  let characters = 0;
  for (let i = 0; i < rows.length; i++) {
    const text = rows.text(i);
    const row = valuesOf(text);
    for (const [c, { name, kind }] of filled.entries()) {
      const value = row[name] ?? null;
      data[c]!.push(kind.stored && value !== null ? kind.stored(value) : value);
    }
    characters += text.length;
    if (data[0]?.length === GROUP_ROWS || characters > GROUP_CHARACTERS || i === rows.length - 1) {
      const columnData = filled.map(({ name }, c) => ({ name, data: data[c]! }));
      await file.write({ columnData, rowGroupSize: GROUP_ROWS });
      data = filled.map(() => []);
      characters = 0;
    }
    await step(text);
  }
  await file.finish();
  return new Uint8Array(writer.getBuffer());
}
