// Shared by the WASM and the WebGPU tests: adapters that PEFT wrote, read, run, differentiated and merged here.
import { describe, expect, test } from 'vitest';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, readAdapter, toEngine, writeAdapter } from '../src/interop/peft';
import { DataError } from '../src/lib/errors';
import { tensorsOf } from '../src/nn/adapterSet';
import { combineLora } from '../src/nn/combineLora';
import { loadModel, parseLlamaConfig } from '../src/nn/loadModel';
import { loraParameterCount, mergeLora, targetModules } from '../src/nn/lora';
import type { LoraAdapter, LoraRoute, ModelEngine, NamedTensorMap } from '../src/nn/seam';
import { mergeNorms, unmergeLora } from '../src/nn/unmergeLora';
import type { Batch } from '../src/protocol/batch';
import { readSafetensors } from '../src/storage/safetensors';
import { allLogits, fixtureBatch, maxRelative, nll } from './modelParity';
import { tellFigure } from './tellFigure';

interface Case {
  loss: number;
  trainable: number;
  modules: Record<string, { r: number; lora_alpha: number; scaling: number }>;
  merge_error?: string;
}
interface Fixture {
  B: number;
  T: number;
  ids: number[];
  attention: number[];
  positions: number[];
  labels: number[];
  cases: Record<string, Case> & {
    routing: { rows: string[]; stacked: string[] };
    weighted: { weights: number[]; modules: Record<string, Case['modules']> };
  };
}
/** Reads a file of test/fixtures/lora. */
export type ReadFixture = (path: string) => Promise<Uint8Array>;

const CASES = [
  'plain',
  'all_linear',
  'rslora',
  'dora',
  'patterns',
  'regex',
  'bias',
  'layers',
  'dropout',
  'dora_dropout',
] as const;
/** f32 sums in another order than torch's. */
const TOLERANCE = 2e-5;

export function peftParityTests(read: ReadFixture): void {
  const json = async (path: string) => JSON.parse(new TextDecoder().decode(await read(path))) as unknown;
  const base = async () => {
    const fixture = (await json('cases.json')) as Fixture;
    const config = await json('base/config.json');
    return {
      fixture,
      files: { config, weights: await read('base/model.safetensors') },
      config: parseLlamaConfig(config),
      ...fixtureBatch(fixture as unknown as Parameters<typeof fixtureBatch>[0]),
    };
  };
  const adapterOf = async (folder: string, name: string) => {
    const { config } = await base();
    const files = {
      config: await read(`${folder}/${ADAPTER_CONFIG}`),
      weights: await read(`${folder}/${ADAPTER_WEIGHTS}`),
    };
    return { file: readAdapter(config, files), ...toEngine(name, readAdapter(config, files)) };
  };
  const routed = (batch: Batch, route: number): Batch => ({
    ...batch,
    rowAdapter: new Int32Array(batch.B).fill(route),
  });
  /** Logits where the attention mask is 1; elsewhere transformers computes what nobody reads. */
  const seen = (logits: ArrayLike<number>, { attention }: Fixture, V: number) =>
    attention.flatMap((a, n) => (a ? Array.from({ length: V }, (_, v) => logits[n * V + v]!) : []));
  const expectLogits = async (engine: ModelEngine, batch: Batch, expected: Float32Array, fixture: Fixture) => {
    const V = engine.config.vocab_size;
    const found = seen(await allLogits(engine, batch), fixture, V);
    const error = maxRelative(found, seen(expected, fixture, V));
    await tellFigure('peft', error);
    expect(error).toBeLessThan(TOLERANCE);
  };

  describe.each(CASES)('PEFT adapter %s', (name) => {
    test('modules, logits, loss and gradients', async () => {
      const { fixture, files, config, batch, count } = await base();
      const { adapter, tensors } = await adapterOf(name, 'default');
      const expected = readSafetensors(await read(`${name}/expected.safetensors`)) as NamedTensorMap;
      const { loss, modules, trainable } = fixture.cases[name]!;
      const targets = targetModules(config, adapter.config);
      expect(
        Object.fromEntries(targets.map(({ path, r, lora_alpha, scaling }) => [path, { r, lora_alpha, scaling }])),
      ).toEqual(modules);
      expect(loraParameterCount(config, adapter.config)).toBe(trainable);
      const engine = loadModel(files, [adapter]);
      await engine.importTrained(tensors);
      await expectLogits(engine, routed(batch, 0), expected.logits!.data, fixture);
      const { sums } = await engine.step(routed(batch, 0), nll, { want: ['logps'], scale: { loss: 1 / count } });
      expect(Math.abs((await engine.read(sums)).loss! / count / loss - 1)).toBeLessThan(TOLERANCE);
      const gradients = tensorsOf('default', await engine.readGradients());
      const wanted = Object.entries(expected).filter(([key]) => key.startsWith('grad.'));
      expect(Object.keys(gradients).sort()).toEqual(wanted.map(([key]) => key.slice('grad.'.length)).sort());
      for (const [key, { data }] of wanted)
        expect(maxRelative(gradients[key.slice('grad.'.length)]!.data, data), key).toBeLessThan(5e-5);
      engine.dispose();
    });
    test('merged weights, and the way back to a file that says the same', async () => {
      const { fixture, files, config } = await base();
      const { file } = await adapterOf(name, 'default');
      const expected = readSafetensors(await read(`${name}/expected.safetensors`)) as NamedTensorMap;
      const weights = readSafetensors(files.weights) as NamedTensorMap;
      const merge = () => mergeLora(config, weights, { name, config: file.config }, file.tensors);
      if (fixture.cases[name]!.merge_error) expect(merge).toThrow('cannot be merged');
      else {
        const merged = merge();
        const wanted = Object.entries(expected).filter(([key]) => key.startsWith('merged.'));
        expect(wanted.length).toBeGreaterThan(0);
        for (const [key, { data }] of wanted)
          expect(maxRelative(merged[key.slice('merged.'.length)]!.data, data), key).toBeLessThan(5e-7);
        // What PEFT has merged is taken out again, down to the base.
        const adapter: LoraAdapter = { name, config: file.config };
        const theirs = Object.fromEntries(wanted.map(([key, tensor]) => [key.slice('merged.'.length), tensor]));
        const norms = file.config.use_dora ? mergeNorms(config, weights, adapter, file.tensors) : undefined;
        const back = unmergeLora(config, { ...merged, ...theirs }, adapter, file.tensors, norms);
        for (const key of Object.keys(theirs))
          expect(maxRelative(back[key]!.data, weights[key]!.data), key).toBeLessThan(1e-6);
      }
      const written = writeAdapter(config, file.config, file.tensors, 'base');
      const again = readAdapter(config, { config: written[ADAPTER_CONFIG]!, weights: written[ADAPTER_WEIGHTS]! });
      expect(again.tensors).toEqual(file.tensors);
      expect(targetModules(config, again.config)).toEqual(targetModules(config, file.config));
      const theirs = (await json(`${name}/${ADAPTER_CONFIG}`)) as object;
      const ours = JSON.parse(new TextDecoder().decode(written[ADAPTER_CONFIG])) as object;
      expect(Object.keys(theirs).filter((key) => !(key in ours))).toEqual(UNWRITTEN.filter((key) => key in theirs));
    });
  });

  test('rows of one batch go to the adapters that adapter_names says, "__base__" to none', async () => {
    const { fixture, files, batch } = await base();
    const names = ['bank', 'retail', 'saas'];
    const parts = await Promise.all(names.map((name) => adapterOf(`routing/${name}`, name)));
    const engine = loadModel(files);
    const tensors = Object.assign({}, ...parts.map((part) => part.tensors)) as NamedTensorMap;
    const adapters: LoraAdapter[] = parts.map(({ adapter }) => adapter);
    const stack: LoraRoute = fixture.cases.routing.stacked.map((name) => ({ slot: names.indexOf(name), weight: 1 }));
    await engine.setAdapters(adapters, { tensors, routes: [...names.map((_, slot) => [{ slot, weight: 1 }]), stack] });
    const expected = readSafetensors(await read('routing/expected.safetensors')) as NamedTensorMap;
    const rowAdapter = Int32Array.from(fixture.cases.routing.rows, (name) => names.indexOf(name));
    await expectLogits(engine, { ...batch, rowAdapter }, expected.logits!.data, fixture);
    // Several active adapters add up.
    await expectLogits(engine, routed(batch, names.length), expected.stacked!.data, fixture);
    engine.dispose();
  });

  test('add_weighted_adapter "cat" is a weighted stack; "linear" has cross terms and is another model', async () => {
    const { fixture, files, batch } = await base();
    const parts = await Promise.all(['first', 'second'].map((name) => adapterOf(`weighted/${name}`, name)));
    const expected = readSafetensors(await read('weighted/expected.safetensors')) as NamedTensorMap;
    const engine = loadModel(files);
    const route: LoraRoute = fixture.cases.weighted.weights.map((weight, slot) => ({ slot, weight }));
    await engine.setAdapters(
      parts.map(({ adapter }) => adapter),
      {
        tensors: { ...parts[0]!.tensors, ...parts[1]!.tensors },
        routes: [route],
      },
    );
    await expectLogits(engine, routed(batch, 0), expected['logits.cat']!.data, fixture);
    const linear = expected['logits.linear']!.data;
    expect(maxRelative(await allLogits(engine, routed(batch, 0)), linear)).toBeGreaterThan(1e-3);
    // What PEFT made of the two loads as any adapter does.
    for (const kind of ['linear', 'cat'] as const) {
      const { adapter, tensors } = await adapterOf(`weighted/${kind}`, kind);
      await engine.setAdapters([adapter], { tensors });
      await expectLogits(engine, routed(batch, 0), expected[`logits.${kind}`]!.data, fixture);
    }
    engine.dispose();
  });

  test('add_weighted_adapter makes the tensors that combineLora makes', async () => {
    const { fixture, config } = await base();
    const names = ['first', 'second'];
    const parts = await Promise.all(
      names.map(async (name, i) => {
        const { file } = await adapterOf(`weighted/${name}`, name);
        const adapter: LoraAdapter = { name, config: file.config };
        return { adapter, tensors: file.tensors, weight: fixture.cases.weighted.weights[i]! };
      }),
    );
    for (const kind of ['cat', 'linear'] as const) {
      const { file } = await adapterOf(`weighted/${kind}`, kind);
      const found = combineLora(config, parts, kind);
      expect(Object.keys(found.tensors).sort()).toEqual(Object.keys(file.tensors).sort());
      for (const [key, { shape, data }] of Object.entries(file.tensors)) {
        expect(found.tensors[key]!.shape).toEqual(shape);
        expect(maxRelative(found.tensors[key]!.data, data), key).toBeLessThan(3e-7);
      }
      expect(targetModules(config, found.config)).toEqual(targetModules(config, file.config));
    }
    // With use_rslora first PEFT scales the sum by √r once more; here it stays the weighted sum.
    expect(fixture.cases.weighted.modules.swapped!['model.layers.0.self_attn.v_proj']!.scaling).toBeCloseTo(
      Math.sqrt(8),
      6,
    );
    const swapped = combineLora(config, [...parts].reverse(), 'cat');
    expect(targetModules(config, swapped.config).every(({ scaling }) => scaling === 1)).toBe(true);
  });

  test('an adapter for another base, or a file that asks for more, is refused in words', async () => {
    const { config } = await base();
    const weights = await read(`plain/${ADAPTER_WEIGHTS}`);
    const text = new TextDecoder().decode(await read(`plain/${ADAPTER_CONFIG}`));
    const changed = (change: object) => new TextEncoder().encode(JSON.stringify({ ...JSON.parse(text), ...change }));
    const refused: [object, string][] = [
      [{ peft_type: 'IA3' }, 'only "LORA" adapters'],
      [{ task_type: 'TOKEN_CLS' }, 'only "CAUSAL_LM"'],
      [{ task_type: 'SEQ_CLS' }, 'lacks base_model.model.score.weight (1×32), the head that gives the rewards'],
      [{ modules_to_save: ['lm_head'] }, 'modules_to_save asks for whole modules'],
      [{ r: 8 }, 'must be 8×32 by its config and the base, got 4×32'],
      [{ target_modules: ['q_proj'] }, 'which its config does not ask for'],
      [{ target_modules: ['q_proj', 'v_proj', 'o_proj'] }, 'lacks the tensor'],
      [{ r: 'four' }, 'r must be a whole number'],
      [{ use_dora: true }, 'lora_magnitude_vector'],
      [{ layers_pattern: 'h', layers_to_transform: [1] }, 'layers_pattern'],
    ];
    for (const [change, words] of refused)
      expect(() => readAdapter(config, { config: changed(change), weights }), words).toThrow(words);
    const wide = { ...config, hidden_size: 64 };
    expect(() => readAdapter(wide, { config: changed({}), weights })).toThrow('made for another base');
    expect(() => readAdapter(config, { config: new TextEncoder().encode('{'), weights })).toThrow(DataError);
    // Without layers_to_transform it chooses nothing.
    expect(readAdapter(config, { config: changed({ layers_pattern: 'h' }), weights }).config.r).toBe(4);
    // Keys of later versions are passed over.
    expect(readAdapter(config, { config: changed({ of_the_future: 1 }), weights }).config.r).toBe(4);
  });
}

/** Keys of PEFT's file that we do not write: settings of ways to start, or of other adapters, that mean nothing here. */
const UNWRITTEN: readonly string[] = [
  'alora_invocation_tokens',
  'arrow_config',
  'ensure_weight_tying',
  'kasa_config',
  'lora_ga_config',
  'monteclora_config',
  'qalora_group_size',
  'use_bdlora',
  'use_qalora',
  'velora_config',
];
