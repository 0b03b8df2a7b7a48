import { expect, test } from 'vitest';
import { defaultLoraRecipe } from '../../labs/registry';
import type { ModulePicture } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import {
  adapterRefs,
  doubleQuantWords,
  energyGrid,
  energyWords,
  errorRows,
  leftWords,
  pictureStepWords,
  ratioBars,
  runOfRef,
  shareOrTimes,
  survivalOf,
} from './pictureView';

const module = (path: string, change: Partial<ModulePicture> = {}): ModulePicture => ({
  path: `model.layers.${path}`,
  layer: Number(path[0]),
  out: 8,
  in: 8,
  r: 2,
  scaling: 2,
  weight_norm: 10,
  update_norm: 1,
  singular_values: [1, 0],
  effective_rank: 1,
  nf4_error: 0.5,
  merge_error: 0.5,
  survival: 1,
  ...change,
});
const q = '0.self_attn.q_proj';
const up = '1.mlp.up_proj';

test('energy is shared out by squared norms, with gaps where no adapter sits', () => {
  const modules = [module(q, { update_norm: 3 }), module(up, { update_norm: 4 })];
  const { layers, names, shares } = energyGrid(modules);
  expect([layers, names]).toEqual([
    [0, 1],
    ['q_proj', 'up_proj'],
  ]);
  expect([...shares].map((x) => Number(x.toFixed(4)))).toEqual([0.36, 0, 0, 0.64]);
  expect(energyWords(modules)).toBe(
    'Most of the update’s energy Σ‖ΔW‖² is in 1 · up_proj: 64 %; attention holds 36 % of it, the MLPs 64 %.',
  );
  expect(energyWords([module(q)])).not.toContain('attention');
  expect(energyWords([module(q, { update_norm: 0 })])).toContain('still zero');
});

test('the verdict needs an update above the rounding error and a share that is left of it', () => {
  const one = (change: Partial<ModulePicture>) => survivalOf([module(q, change)]);
  expect(one({ update_norm: 2 })).toMatchObject({ verdict: 'survives', ratio: 4, share: 1 });
  expect(one({ update_norm: 0.6 }).verdict).toBe('part');
  expect(one({ update_norm: 0.1 }).verdict).toBe('lost');
  expect(one({ update_norm: 2, survival: 0.3 }).verdict).toBe('lost');
  expect(one({ update_norm: 0, survival: null }).verdict).toBe('none');
  // √((0.09 + 4) / (0.25 + 0.25)), and shares weighed by energy.
  const mixed = survivalOf([module(q, { update_norm: 0.3, survival: 0 }), module(up, { update_norm: 2, survival: 1 })]);
  expect(mixed.ratio).toBeCloseTo(Math.sqrt(4.09 / 0.5), 10);
  expect(mixed.share).toBeCloseTo(4 / 4.09, 10);
  expect(mixed.words).toContain('smaller than that error in 1 of 2 modules, least in 0 · q_proj (0.600 ×)');
});

test('one number decides, and the words say what it means; modules on the other side of it are named', () => {
  const words = (...norms: number[]) => survivalOf(norms.map((update_norm) => module(q, { update_norm }))).words;
  // All below the error: that is what the number says already.
  expect(words(0.2, 0.21)).toBe(
    '‖ΔW‖ is 0.410 × the error that four bits add after the merge: rounding moves the weights further than training did. Keep the adapter beside the four-bit base, or merge at full precision.',
  );
  expect(words(0.6)).toContain('of like size');
  expect(words(2, 3)).toBe('‖ΔW‖ is 5.10 × the error that four bits add after the merge.');
  expect(words(0.1, 3)).toContain('smaller than that error in 1 of 2 modules');
});

test('an adapter that did harm is not called a survivor, however large it is', () => {
  const words = 'Held-out loss went from 6.35 to 7.76 nats a token: training did not help.';
  const large = [module(q, { update_norm: 1e6 })];
  for (const kind of ['no help', 'diverged'] as const)
    expect(survivalOf(large, { kind, words })).toMatchObject({
      verdict: 'harmful',
      words: expect.stringContaining(words),
    });
  expect(survivalOf(large, { kind: 'overfitting', words }).verdict).toBe('survives');
});

test('bars of ‖ΔW‖ over the error start from the 1 × line of a logarithmic axis that holds all', () => {
  const modules = [module(q, { update_norm: 2 }), module(up, { update_norm: 0.125 })];
  const { bars, low, high, one } = ratioBars(modules);
  expect([low, high]).toEqual([0.25, 4]);
  expect(one).toBeCloseTo(0.5, 12);
  expect(bars.map(({ from, to }) => [from, to].map((x) => Number(x.toFixed(6))))).toEqual([
    [0.5, 1],
    [0, 0.5],
  ]);
  expect(ratioBars([module(q, { update_norm: 0 })]).bars[0]).toMatchObject({ from: 0, to: 0.5 });
  expect(leftWords([module(q, { survival: 0.974 }), module(up, { survival: 1.05 })])).toBe('97–105 %');
});

test('a picture says its step where the run’s is another; shares far above 1 are multiples', () => {
  const run = (status: RunRecord['status'], step: number) => ({ status, step });
  expect(pictureStepWords(8, run('running', 9))).toBe('At step 8. ');
  expect(pictureStepWords(7, run('stopped', 7))).toBe('At step 7. ');
  expect(pictureStepWords(0, run('interrupted', 7))).toBe(
    'At step 0, the last checkpoint; the run went on to step 7. ',
  );
  expect([0.031, 1.2, 579498.94].map(shareOrTimes)).toEqual(['3.1 %', '120 %', '579,499 ×']);
});

test('errors are sorted, and their places lie between the least and the worst; double quantisation is compared over all values', () => {
  const error = (name: string, relativeFrobenius: number, rms: number, n: number) => ({
    name,
    shape: [n, 1],
    rms,
    relativeFrobenius,
    max: 1,
  });
  const plain = [error('a', 0.05, 3, 3), error('b', 0.1, 1, 1)];
  const rows = errorRows([...plain, error('c', 0.06, 1, 1)]);
  expect(rows.map(({ name, place }) => [name, Number(place.toFixed(6))])).toEqual([
    ['b', 1],
    ['c', 0.2],
    ['a', 0],
  ]);
  // √((9·3 + 1) / 4) = 2.646
  const words = doubleQuantWords(plain, [error('a', 0, 3.3, 3), error('b', 0, 1.1, 1)]);
  expect(words).toContain('2.646 with f32 block scales');
  expect(words).toContain(', +10 %.');
  expect(doubleQuantWords(plain, plain)).toContain('the same to 0.05 %');
});

test('adapters that can be looked at: live ones, those with a checkpoint, and each of several in one run', () => {
  const run = (id: string, change: Partial<RunRecord>) =>
    ({ id, name: id, step: 5, createdAt: 0, status: 'finished', checkpoints: [], recipe: defaultLoraRecipe, ...change }) as unknown as RunRecord; // biome-ignore format: one record
  // The newest checkpoint is what is read, not where the run stands.
  const kept = { checkpoints: [{ step: 0 }, { step: 4 }] as RunRecord['checkpoints'] };
  const tenants = [{ ref: 'a', adapter: '17' }, { ref: 'b', adapter: '42' }, { ref: 'c', adapter: '17' }]; // biome-ignore format: a list
  const refs = adapterRefs([
    run('none', {}),
    run('live', { status: 'running', createdAt: 2 }),
    run('kept', { ...kept, createdAt: 1 }),
    run('full', { ...kept, recipe: { ...defaultLoraRecipe, peft: null } }),
    run('two', { ...kept, recipe: { ...defaultLoraRecipe, data: { ...defaultLoraRecipe.data, train: tenants } } }),
  ]);
  expect(refs.map(({ ref }) => ref)).toEqual(['run:live', 'run:kept', 'run:two#17', 'run:two#42']);
  expect(refs[3]!.label).toBe('two · 42, step 4');
  expect(refs[0]!.label).toBe('live, in training');
  expect(refs.map(({ ref }) => runOfRef(ref))).toEqual(['live', 'kept', 'two', 'two']);
});
