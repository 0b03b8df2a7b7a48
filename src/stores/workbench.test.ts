import { beforeEach, expect, test, vi } from 'vitest';

const kept = new Map<string, string>();
beforeEach(() => {
  kept.clear();
  vi.stubGlobal('localStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) }); // biome-ignore format: two verbs
  vi.resetModules();
});
/** The store as a page finds it that was just loaded. */
const reloaded = async () => {
  vi.resetModules();
  return (await import('./workbench')).useWorkbench;
};

test('the set in hand survives a reload, and its rows are masked as TRL does by default', async () => {
  const before = await reloaded();
  expect(before.getState()).toMatchObject({ split: 'train', settings: { mode: 'assistant_only_loss' } }); // biome-ignore format: one state
  before.getState().openDataset('sha256:pairs', undefined, 'prompt-completion');
  before.getState().openSplit('dev');
  const after = (await reloaded()).getState();
  expect(after).toMatchObject({ datasetId: 'sha256:pairs', split: 'dev', settings: { mode: 'completion_only_loss' } });
  kept.set('studio-dataset', '{"datasetId":7}');
  expect((await reloaded()).getState().datasetId).toBeUndefined();
});

test('a set of another type changes the mode, one of the same type leaves what the person chose', async () => {
  const workbench = (await reloaded()).getState;
  workbench().openDataset('a', 'train', 'prompt-completion');
  expect(workbench().settings.mode).toBe('completion_only_loss');
  workbench().edit({ mode: 'full' });
  workbench().openDataset('b', 'train', 'prompt-completion');
  expect(workbench().settings.mode).toBe('full');
  workbench().openDataset('c', 'train', 'messages');
  expect(workbench().settings.mode).toBe('assistant_only_loss');
  workbench().openDataset('d', 'train', 'preference');
  expect(workbench().settings.mode).toBe('assistant_only_loss');
});

test('that rows are read for a reward goes with them: with the set, and with the row of a link', async () => {
  const store = await reloaded();
  const workbench = store.getState;
  workbench().openDataset('pairs', 'train', 'preference');
  workbench().edit({ reads_reward: true, max_length: 77 });
  workbench().openDataset('pairs', 'dev', 'preference');
  workbench().openRow(3);
  expect(workbench().settings.reads_reward).toBe(true);
  workbench().openDataset('chat', 'train', 'messages');
  expect(workbench().settings).not.toHaveProperty('reads_reward');
  expect(workbench().settings.max_length).toBe(77);

  const link = () => {
    store.setState({ sharedRow: { text: 'of a link' } });
    workbench().edit({ reads_reward: true });
  };
  link();
  workbench().openRow(1);
  expect(workbench().settings).not.toHaveProperty('reads_reward');
  link();
  workbench().openDataset('chat', 'train', 'messages');
  expect(workbench().settings).not.toHaveProperty('reads_reward');
});

test('a model’s tokenizer comes along, unless a template that is being edited would be lost', async () => {
  const workbench = (await reloaded()).getState;
  workbench().bringKit('sha256:tiny');
  expect(workbench()).toMatchObject({ kit: 'sha256:tiny' });
  workbench().editTemplate('{{ messages }}');
  workbench().bringKit(undefined);
  expect(workbench()).toMatchObject({ kit: 'sha256:tiny', templateSource: '{{ messages }}' });
});
