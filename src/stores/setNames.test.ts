import { expect, test } from 'vitest';
import type { DatasetInfo } from '../protocol/requests';
import { setNames } from './setNames';

const set = (id: string, title: string, rows: number, operation?: DatasetInfo['operation']) => ({ id, title, rows, operation }); // biome-ignore format: one set
const file = (fileName: string): DatasetInfo['operation'] => ({
  op: 'import',
  fileName,
  format: 'x',
  form: 'messages',
});

test('a name of its own stands alone; a shared one has rows and the file’s ending, then the id', () => {
  const names = setNames([
    set('sha256:aaaaaaaa', 'messages', 50, file('messages.jsonl')),
    set('sha256:bbbbbbbb', 'messages', 50, file('My.messages.PARQUET')),
    set('sha256:cccccccc', 'messages', 1, { op: 'deduplicate' }),
    set('sha256:dddddddd', 'twins', 7, file('twins.csv')),
    set('sha256:eeeeeeee', 'twins', 7, file('twins.csv')),
    set('builtin:sft/mix', 'Mixture', 4000),
  ]);
  expect([...names.values()]).toEqual([
    'messages · 50 rows · .jsonl',
    'messages · 50 rows · .parquet',
    'messages · 1 row · deduplicated',
    'twins · 7 rows · .csv · dddddd',
    'twins · 7 rows · .csv · eeeeee',
    'Mixture',
  ]);
});
