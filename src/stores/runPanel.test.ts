import { expect, test } from 'vitest';
import { testRun } from '../protocol/testRun';
import { panelOf, runElsewhere, runsOfPanel } from './runPanel';

const full = testRun({ id: 'full', createdAt: 1 });
const adapter = testRun({ id: 'adapter', createdAt: 2, recipe: { peft: { r: 4 } } });
const arm = testRun({ id: 'arm', createdAt: 3, group: 'lora sweep 1' });
const tenants = testRun({ id: 'tenants', createdAt: 4, recipe: { peft: { r: 8 } }, group: 'tenants' });
const all = Object.fromEntries([full, adapter, arm, tenants].map((run) => [run.id, run]));

test('a run belongs to the page that started it, whatever trainer it has', () => {
  expect([full, adapter, arm, tenants].map((run) => panelOf(run).href)).toEqual([
    '#/sft',
    '#/lora',
    '#/lora',
    '#/adapters',
  ]);
  expect(panelOf(testRun({ group: 'loss pair 1' })).name).toBe('SFT');
  for (const trainer of ['dpo', 'orpo', 'cpo', 'kto'])
    expect(panelOf(testRun({ recipe: { trainer, peft: { r: 4 } } })).href).toBe('#/preferences');
  expect(panelOf(testRun({ recipe: { trainer: 'reward', peft: { r: 4 } } }))).toEqual({
    href: '#/reward',
    name: 'Reward model',
  });
});
test('a page shows its own run: what trains there, then what was opened, then the newest', () => {
  expect(runsOfPanel(all, '#/sft', 'adapter')).toEqual({ list: [full], live: undefined, shown: full });
  expect(runsOfPanel(all, '#/lora', undefined).shown).toBe(arm);
  expect(runsOfPanel(all, '#/lora', 'adapter').shown).toBe(adapter);
  const training = { ...arm, status: 'running' as const };
  expect(runsOfPanel({ ...all, arm: training }, '#/lora', 'adapter')).toMatchObject({
    live: training,
    shown: training,
  });
});
test('of other pages’ runs there is one line: what trains, or what was opened', () => {
  const elsewhere = (opened?: string, change: typeof all = {}) =>
    runElsewhere({ runs: { ...all, ...change }, stats: { tenants: { stepMs: 5 } } }, '#/sft', opened);
  expect(elsewhere()).toBeUndefined();
  expect(elsewhere('full')).toBeUndefined();
  expect(elsewhere('adapter')).toMatchObject({ run: adapter, panel: { name: 'LoRA' }, isLive: false });
  const training = { ...tenants, status: 'paused' as const };
  expect(elsewhere('adapter', { tenants: training })).toMatchObject({ run: training, stepMs: 5, isLive: true });
  const log = testRun({ id: 'log', recipe: { trainer: 'imported' }, imported: { fileName: 'a', format: 'metrics', notes: [] } }); // biome-ignore format: one run
  expect(elsewhere('log', { log })).toBeUndefined();
});
