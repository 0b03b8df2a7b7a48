import { expect, test } from 'vitest';
import { testRun } from '../../protocol/testRun';
import { fields } from '../../trainers/sft/config';
import { recipeDiff } from './recipeDiff';

const name = (ref: string) => (ref === 'sha256:aa' ? 'my-model' : ref.replace('builtin:', ''));
const diff = (...runs: Parameters<typeof recipeDiff>[0]) => recipeDiff(runs, name);

test('a setting that one run leaves alone stands there with its default, and is no difference when that is what the other has', () => {
  const a = testRun({ recipe: { args: { learning_rate: 1, packing: true, max_steps: fields.max_steps.default } } });
  const b = testRun({ recipe: { args: { learning_rate: 2 } } });
  expect(diff(a, b)).toEqual({
    differences: [
      { key: 'args.learning_rate', values: [{ text: '1', kind: 'set' }, { text: '2', kind: 'set' }] },
      { key: 'args.packing', values: [{ text: 'true', kind: 'set' }, { text: 'false', kind: 'default' }] },
    ],
    untold: 0,
  }); // biome-ignore format: a table
});
test('refs are told by their names', () => {
  const data = (ref: string) => ({ train: [{ ref, split: 'train' as const }], eval: [] });
  const a = testRun({ recipe: { model: { ref: 'sha256:aa' }, template: 'model', data: data('builtin:sft/all') } });
  const b = testRun({ recipe: { data: data('builtin:sft/single') } });
  const texts = diff(a, b).differences.map(({ key, values }) => [key, ...values.map(({ text }) => text)]);
  expect(texts).toEqual([
    ['model', 'my-model', 'nano'],
    ['template', 'the model’s own', 'chatml'],
    ['data.train', 'sft/all, train', 'sft/single, train'],
  ]);
});
test('an adapter beside all weights: what was set of it, not each of its defaults', () => {
  const { differences } = diff(testRun({ recipe: { peft: { r: 4 } } }), testRun({}));
  expect(differences.map(({ key, values }) => [key, ...values.map(({ text }) => text)])).toEqual([
    ['peft', 'LoRA', 'none: all weights'],
    ['peft.r', '4', '–'],
  ]);
  // Two adapters: one says what the other leaves at PEFT's default.
  const pair = diff(testRun({ recipe: { peft: { lora_alpha: 8 } } }), testRun({ recipe: { peft: { r: 16 } } }));
  expect(pair.differences).toEqual([
    { key: 'peft.r', values: [{ text: '8', kind: 'default' }, { text: '16', kind: 'set' }] },
  ]); // biome-ignore format: a table
});
test('what a log does not say is no difference; it is counted', () => {
  const imported = { fileName: 'trainer_state.json', format: 'trainer_state' as const, notes: [] };
  const log = testRun({
    recipe: { trainer: 'imported', args: { max_steps: 6, save_steps: 100, train_batch_size: 4 } },
    imported,
  });
  const { differences, untold } = diff(log, testRun({}), testRun({ recipe: { args: { packing: true } } }));
  expect(differences).toEqual([
    { key: 'args.max_steps', values: [{ text: '6', kind: 'set' }, { text: '400', kind: 'default' }, { text: '400', kind: 'default' }] },
    { key: 'args.packing', values: [{ text: 'not in the log', kind: 'unknown' }, { text: 'false', kind: 'default' }, { text: 'true', kind: 'set' }] },
  ]); // biome-ignore format: a table
  expect(untold).toBeGreaterThan(20);
});
test('what a run is paid, and adapters that it starts with, are settings', () => {
  const rules = [{ type: 'rule', id: 'rubric' }, { type: 'rule', id: 'schema_valid', weight: 0.25, args: { json: 0.5 } }]; // biome-ignore format: one list
  const by = (rewards: object[]) => testRun({ recipe: { trainer: 'rloo', rewards: rewards as never } });
  expect(diff(by(rules), by([{ type: 'model', ref: 'sha256:aa', weight: 2 }])).differences).toEqual([
    {
      key: 'rewards',
      values: [{ text: '1 rubric + 0.25 schema_valid (json 0.5)', kind: 'set' }, { text: '2 my-model', kind: 'set' }],
    },
  ]); // biome-ignore format: a table
  const adapted = testRun({ recipe: { model: { ref: 'builtin:nano', adapters: ['sha256:aa'] } } });
  expect(diff(adapted, testRun({})).differences.map(({ key }) => key)).toEqual(['model.adapters']);
});
