import { expect, test } from 'vitest';
import { modelChoices } from './modelChoices';

const model = (id: string, createdAt: number, isImported: boolean) => ({ id, name: id.slice(7), sizeBytes: 1, createdAt, isImported }); // biome-ignore format: one model
const labels = (current: string) =>
  modelChoices(
    [model('sha256:old run', 1, false), model('sha256:tiny', 2, true), model('sha256:new run', 3, false)],
    current,
    ['builtin:nano'],
    (ref) => `name of ${ref}`,
  ).map(({ label }) => label);

test('imported models come first, then trained ones, the newest first', () => {
  expect(labels('builtin:nano')).toEqual(['tiny (imported)', 'new run (trained here)', 'old run (trained here)']);
});
test('what is in hand is never missing from the list', () => {
  expect(labels('sha256:new run')).toHaveLength(3);
  expect(labels('run:x@4').at(-1)).toBe('name of run:x@4');
  expect(labels('builtin:micro-sft').at(-1)).toBe('name of builtin:micro-sft');
});
