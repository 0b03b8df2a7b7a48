import { expect, test } from 'vitest';
import { defaultLoraRecipe } from '../../labs/registry';
import type { ModulePicture } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { adapterRefs, doubleQuantWords, energyGrid, energyWords, errorRows, runOfRef, survivalOf } from './pictureView';

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

test('errors are sorted, the worst sets the scale; double quantisation is compared over all values', () => {
  const error = (name: string, relativeFrobenius: number, rms: number, n: number) => ({
    name,
    shape: [n, 1],
    rms,
    relativeFrobenius,
    max: 1,
  });
  const plain = [error('a', 0.05, 3, 3), error('b', 0.1, 1, 1)];
  expect(errorRows(plain).map(({ name, share }) => [name, share])).toEqual([
    ['b', 1],
    ['a', 0.5],
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
  const kept = { checkpoints: [{}] as RunRecord['checkpoints'] };
  const tenants = [{ ref: 'a', adapter: '17' }, { ref: 'b', adapter: '42' }, { ref: 'c', adapter: '17' }]; // biome-ignore format: a list
  const refs = adapterRefs([
    run('none', {}),
    run('live', { status: 'running', createdAt: 2 }),
    run('kept', { ...kept, createdAt: 1 }),
    run('full', { ...kept, recipe: { ...defaultLoraRecipe, peft: null } }),
    run('two', { ...kept, recipe: { ...defaultLoraRecipe, data: { ...defaultLoraRecipe.data, train: tenants } } }),
  ]);
  expect(refs.map(({ ref }) => ref)).toEqual(['run:live', 'run:kept', 'run:two#17', 'run:two#42']);
  expect(refs[3]!.label).toBe('two · 42, step 5');
  expect(refs.map(({ ref }) => runOfRef(ref))).toEqual(['live', 'kept', 'two', 'two']);
});
