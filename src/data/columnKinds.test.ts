import { expect, test } from 'vitest';
import { datasetCard, findColumns } from './columnKinds';

const tableOf = (...rows: object[]) => ({ length: rows.length, text: (i: number) => JSON.stringify(rows[i]) });

test('a column has the narrowest type that holds all its values, and a card says it as datasets writes features', async () => {
  const columns = await findColumns(
    tableOf(
      { score: 1, n: 1, on: true, list: ['a'], only: null, 'a: "b"': 'x', mixed: 1, lone: '\ud800' },
      { score: 0.5, n: 2 ** 52, on: null, list: ['b'], mixed: 'text' },
      { messages: [{ role: 'user', content: 'Hi' }], flags: [true] },
    ),
  );
  expect(datasetCard(columns).split('\n')).toEqual([
    '---',
    'dataset_info:',
    '  features:',
    '  - {"name":"messages","list":[{"name":"role","dtype":"string"},{"name":"content","dtype":"string"}]}',
    '  - {"name":"score","dtype":"float64"}',
    '  - {"name":"n","dtype":"int64"}',
    '  - {"name":"on","dtype":"bool"}',
    '  - {"name":"list","list":"string"}',
    '  - {"name":"only","dtype":"null"}',
    '  - {"name":"a: \\"b\\"","dtype":"string"}',
    '  - {"name":"mixed","dtype":"json"}',
    '  - {"name":"lone","dtype":"json"}',
    '  - {"name":"flags","list":"bool"}',
    '---',
    '',
  ]);
});
