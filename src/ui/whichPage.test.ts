import { expect, test } from 'vitest';
import { pageFor } from './whichPage';

test.each([
  ['trainer_state.json', '', '#/runs'],
  ['state-2.json', '{"best_metric": null, "epoch": 2.0, "log_history": [{"loss": 1}]}', '#/runs'],
  ['mine.run.zip', '', '#/runs'],
  ['tiny/model.safetensors', '', '#/models'],
  ['model.safetensors.index.json', '', '#/models'],
  ['adapter_config.json', '', '#/models'],
  ['config.json', '{\n  "architectures": ["LlamaForCausalLM"],', '#/models'],
  ['rows.jsonl', '', '#/data'],
  ['sub/rows.PARQUET', '', '#/data'],
])('%s belongs to a page', (path, head, href) => {
  expect(pageFor(path, head)?.href).toBe(href);
});

test('rows that only speak of logs or models, and files that nothing speaks for, are left where they are', () => {
  expect(pageFor('rows.json', '[{"prompt": "What is \\"log_history\\": ?"}]')).toBeUndefined();
  expect(pageFor('rows.json', '[{"model_type": "llama", "text": "x"}]')).toBeUndefined();
  expect(pageFor('notes.txt')).toBeUndefined();
});
