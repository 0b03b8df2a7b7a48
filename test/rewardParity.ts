// Shared by the WASM and the WebGPU tests: a reward model with LoRA against PEFT and transformers (scripts/parity/rewardAdapter.py),
// and what beside that must hold of a task head with adapters.
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { collate } from '../src/data/collate';
import { noise } from '../src/gpu/testDevice';
import { openWeights } from '../src/interop/hfModel';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, readAdapter, toEngine, writeAdapter } from '../src/interop/peft';
import { asEngineTensors, tensorsOf } from '../src/nn/adapterSet';
import { createEngine } from '../src/nn/createEngine';
import { headOf, rewardConfig } from '../src/nn/hfConfig';
import { loadModel, parseLlamaConfig, streamModel } from '../src/nn/loadModel';
import { mergeLora } from '../src/nn/lora';
import { asRewardModel } from '../src/nn/rewardModel';
import type { LoraAdapter, LossFn, ModelEngine, NamedTensorMap } from '../src/nn/seam';
import type { Batch } from '../src/protocol/batch';
import { readSafetensors } from '../src/storage/safetensors';
import { blobBytes, inMemory } from '../src/storage/tensorSource';
import { trainer } from '../src/trainers/reward/trainer';
import { maxRelative } from './modelParity';

export interface RewardFixture {
  score: number[];
  rows: number[][];
  /** At each token of each row. */
  base_scores: number[][];
  scores: number[][];
  /** Under PEFT's names. */
  initial: Record<string, number[][]>;
  gradients: Record<string, number[]>;
  losses: number[];
  /** How far transformers' and PEFT's scores of what the studio writes are from `scores`. */
  loaded: { adapter: number; model: number };
}
export interface RewardFiles {
  /** Of test/fixtures/reward and public/models/conformance. */
  reward: (path: string) => Promise<Uint8Array>;
  conformance: (path: string) => Promise<Uint8Array>;
}

const PAD = 2;
/** f32 on both sides, sums in another order: rel. 1e-4 as everywhere; after three updates by Adam, whose first steps divide small gradients by themselves, ten times that. */
const TOLERANCE = 1e-4;
const TRAINED = 1e-3;
const OPTIONS = { head: 'score' } as const;
const ADAMW = { learning_rate: 1e-2, weight_decay: 0, adam_beta1: 0.9, adam_beta2: 0.999, adam_epsilon: 1e-8, max_grad_norm: 0 }; // biome-ignore format: one update
const NO_CENTRE = { center_rewards_coefficient: 0 };
const STEP = { want: [], options: OPTIONS, scale: { loss: 1 } };

export function rewardParityTests({ reward, conformance }: RewardFiles): void {
  const json = async (bytes: Promise<Uint8Array>) => JSON.parse(new TextDecoder().decode(await bytes));
  const fixtureOf = (): Promise<RewardFixture> => json(reward('targets.json'));
  const base = async () => {
    const fixture = await fixtureOf();
    const given = await json(conformance('config.json'));
    const config = rewardConfig(given, PAD);
    const decoder = readSafetensors(await conformance('weights.safetensors')) as NamedTensorMap;
    const score = { shape: [1, fixture.score.length], data: Float32Array.from(fixture.score) };
    const weights: NamedTensorMap = { ...decoder, 'score.weight': score };
    return { fixture, config, weights, decoder, given, llama: parseLlamaConfig(config) };
  };
  const adapterFile = async () => ({
    config: await reward(`adapter/${ADAPTER_CONFIG}`),
    weights: await reward(`adapter/${ADAPTER_WEIGHTS}`),
  });
  const batchOf = ({ rows }: RewardFixture, route: number): Batch =>
    collate(
      rows.map((ids) => ({ ids: Int32Array.from(ids), mask: new Uint8Array(ids.length).fill(1) })),
      { route, padId: PAD },
    );
  const scoresAt = async (engine: ModelEngine, batch: Batch): Promise<number[][]> => {
    const { scores, ...rest } = await engine.evaluate(batch, { want: [], options: OPTIONS });
    const found = (await scores!.array()) as number[][][];
    tf.dispose([scores!, rest as unknown as tf.TensorContainer]);
    return found.map((row, b) => {
      const length = batch.segmentIds.subarray(b * batch.T, (b + 1) * batch.T).filter((s) => s > 0).length;
      return row.slice(0, length).map(([x]) => x!);
    });
  };
  const expectScores = (found: number[][], wanted: number[][], tolerance = TOLERANCE) =>
    expect(maxRelative(found.flat(), wanted.flat())).toBeLessThan(tolerance);
  const lossOf = (batch: Batch): LossFn => trainer.loss(batch, NO_CENTRE, { pad_token_id: PAD });

  describe('reward model with LoRA, as PEFT trains it', () => {
    test('scores, losses and gradients from the same start; scores after three updates; the base untouched', async () => {
      const { fixture, config, weights } = await base();
      const file = readAdapter(parseLlamaConfig(config), await adapterFile());
      const { adapter } = toEngine('default', file);
      const engine = loadModel({ config, weights }, [adapter]);
      const initial = Object.fromEntries(
        Object.entries(fixture.initial).map(([name, rows]) => [
          name,
          { shape: [rows.length, rows[0]!.length], data: Float32Array.from(rows.flat()) },
        ]),
      );
      // A new adapter starts with the base's head.
      const started = tensorsOf('default', await engine.exportTrained());
      expect(started['base_model.model.score.weight']!.data).toEqual(weights['score.weight']!.data);
      await engine.importTrained(asEngineTensors('default', initial));
      const before = await engine.exportWeights();
      const batch = batchOf(fixture, 0);
      const pairs = batch.B / 2;
      expectScores(await scoresAt(engine, batch), fixture.base_scores);
      for (const [step, wanted] of fixture.losses.entries()) {
        const { sums, metrics } = await engine.step(batch, lossOf(batch), { ...STEP, scale: { loss: 1 / pairs } });
        const { loss } = await engine.read({ loss: sums.loss!, ...metrics });
        expect(Math.abs(loss! / pairs / wanted - 1), `loss of step ${step}`).toBeLessThan(
          step === 0 ? TOLERANCE : TRAINED,
        );
        if (step === 0) {
          const found = tensorsOf('default', await engine.readGradients());
          for (const [name, data] of Object.entries(fixture.gradients)) {
            // B is 0 at first, so A has no gradient.
            if (name.includes('lora_A')) expect(found[name]!.data.every((x) => x === 0)).toBe(true);
            else expect(maxRelative(found[name]!.data, data), name).toBeLessThan(TOLERANCE);
          }
        }
        await engine.read({ norm: (await engine.applyGradients(ADAMW)).gradNorm });
      }
      expectScores(await scoresAt(engine, batch), fixture.scores, TRAINED);
      expect(await engine.exportWeights()).toEqual(before);
      // PEFT's disable_adapter takes the base's own head with it.
      expectScores(await scoresAt(engine, batchOf(fixture, -1)), fixture.base_scores);
      engine.dispose();
    });

    test('PEFT’s files read back, and ours say the same', async () => {
      const { fixture, decoder, llama } = await base();
      const files = await adapterFile();
      const file = readAdapter(llama, files);
      expect(file.config.modules_to_save).toEqual(['score']);
      const { adapter, tensors } = toEngine('default', file);
      // Beside a language model whose new head is another: the adapter brings its own.
      const start = asRewardModel({ config: await json(conformance('config.json')), weights: decoder }, { seed: 4, padTokenId: PAD }); // biome-ignore format: one call
      const engine = loadModel(start, [adapter]);
      await engine.importTrained(tensors);
      expectScores(await scoresAt(engine, batchOf(fixture, 0)), fixture.scores);
      engine.dispose();
      const written = writeAdapter(llama, file.config, file.tensors, 'somebody/reward-base');
      expect(readAdapter(llama, { config: written[ADAPTER_CONFIG]!, weights: written[ADAPTER_WEIGHTS]! })).toEqual(
        file,
      );
      const [ours, theirs] = [written[ADAPTER_CONFIG]!, files.config].map((bytes) =>
        JSON.parse(new TextDecoder().decode(bytes)),
      );
      for (const key of ['task_type', 'modules_to_save', 'base_model_name_or_path', 'r', 'lora_alpha'])
        expect(ours[key], key).toEqual(theirs[key]);
    });

    test('merged, as transformers writes it in shards: read in pieces, with the same scores', async () => {
      const { fixture, config: lm, weights, llama } = await base();
      const config = await json(reward('model/config.json'));
      expect(headOf(config)).toBe('score');
      const index = await json(reward('model/model.safetensors.index.json'));
      const names = [...new Set(Object.values(index.weight_map as Record<string, string>))];
      const parts = await Promise.all(names.map(async (name) => ({ name, bytes: blobBytes(new Blob([(await reward(`model/${name}`)) as Uint8Array<ArrayBuffer>])) }))); // biome-ignore format: one list
      const source = await openWeights({ config: parseLlamaConfig(config), head: 'score' }, parts, index);
      const engine = await streamModel({ config, weights: source });
      expect(engine.head).toBe('score');
      expectScores(await scoresAt(engine, batchOf(fixture, -1)), fixture.scores);
      engine.dispose();
      // Our merge of the adapter is that model.
      const file = readAdapter(llama, await adapterFile());
      const merged = mergeLora(llama, weights, { name: 'default', config: file.config }, file.tensors);
      const own = loadModel({ config: lm, weights: merged });
      expectScores(await scoresAt(own, batchOf(fixture, -1)), fixture.scores);
      own.dispose();
    });

    test('what the studio writes is loaded by PEFT and transformers', async () => {
      const { loaded, scores } = await fixtureOf();
      const scale = Math.max(...scores.flat().map(Math.abs));
      expect(loaded.adapter / scale).toBeLessThan(TOLERANCE);
      expect(loaded.model / scale).toBeLessThan(TOLERANCE);
    });
  });

  describe('a task head beside adapters', () => {
    const own = (name: string, r: number): LoraAdapter => ({
      name,
      config: { r, lora_alpha: 8, target_modules: ['q_proj', 'down_proj'], modules_to_save: ['score'] },
    });
    const started = async () => {
      const { fixture, config, weights } = await base();
      const adapters = [own('a', 2), own('b', 3)];
      const engine = loadModel({ config, weights }, adapters);
      const tensors = Object.fromEntries(
        Object.entries(await engine.exportTrained()).map(([name, { shape, data }], i) => [
          name,
          { shape, data: noise(data.length, i + 1).map((x) => 0.4 * x) },
        ]),
      );
      await engine.importTrained(tensors);
      return { engine, tensors, fixture, config, weights, adapters };
    };
    const project: LossFn = ({ scores }) => ({
      sums: {
        loss: tf.sum(tf.mul(scores!, tf.cos(tf.reshape(tf.range(0, scores!.size), scores!.shape)))) as tf.Scalar,
      },
      counts: {},
      metrics: {},
    });

    test('each row reads its own route’s head: the scores are those of each adapter alone, and of the base', async () => {
      const { engine, tensors, fixture, config, weights, adapters } = await started();
      const batch = { ...batchOf(fixture, 0), rowAdapter: Int32Array.from([0, 1, -1, 1, 0, -1]) };
      const together = await scoresAt(engine, batch);
      for (const [slot, adapter] of [...adapters.entries(), [-1, undefined] as const]) {
        const alone = loadModel({ config, weights }, adapter ? [adapter] : []);
        if (adapter) await alone.importTrained(tensors);
        const scores = await scoresAt(alone, batchOf(fixture, adapter ? 0 : -1));
        const rows = [...batch.rowAdapter].flatMap((route, b) => (route === slot ? [b] : []));
        expectScores(rows.map((b) => together[b]!), rows.map((b) => scores[b]!), 1e-5); // biome-ignore format: one call
        alone.dispose();
      }
      engine.dispose();
    });

    test('gradients of heads and adapters are central differences; accumulated they are those of both batches', async () => {
      const { engine, tensors, fixture } = await started();
      const batch = { ...batchOf(fixture, 0), rowAdapter: Int32Array.from([0, 1, -1, 1, 0, -1]) };
      const lossAt = async (moved: NamedTensorMap): Promise<number> => {
        await engine.importTrained(moved);
        engine.clearGradients();
        const { sums } = await engine.step(batch, project, STEP);
        return (await engine.read({ loss: sums.loss! })).loss!;
      };
      await lossAt(tensors);
      const gradients = await engine.readGradients();
      expect(Object.keys(gradients).sort()).toEqual(Object.keys(tensors).sort());
      const wanted = Object.keys(tensors).filter((name) =>
        /score|layers\.1\.mlp|layers\.0\.self_attn\.q_proj/.test(name),
      );
      expect(wanted.filter((name) => name.includes('score'))).toHaveLength(2);
      for (const name of wanted) {
        const direction = noise(tensors[name]!.data.length, 77);
        const h = 4e-3;
        const moved = (sign: number) => ({
          ...tensors,
          [name]: { ...tensors[name]!, data: tensors[name]!.data.map((x, i) => x + sign * h * direction[i]!) },
        });
        const numeric = ((await lossAt(moved(1))) - (await lossAt(moved(-1)))) / (2 * h);
        const found = gradients[name]!.data.reduce((sum, g, i) => sum + g * direction[i]!, 0);
        // f32 values of some tens over 8e-3.
        expect(Math.abs(found - numeric), name).toBeLessThan(0.02 + 0.01 * Math.abs(numeric));
      }
      await lossAt(tensors);
      await engine.step(batch, project, STEP);
      const twice = await engine.readGradients();
      for (const [name, { data }] of Object.entries(gradients))
        expect(maxRelative(twice[name]!.data, data.map((x) => 2 * x)), name).toBeLessThan(1e-6); // biome-ignore format: one call
      engine.dispose();
    });

    test('goes on from its tensors and moments with the same bits', async () => {
      const { engine, fixture, config, weights, adapters } = await started();
      const batch = { ...batchOf(fixture, 0), rowAdapter: Int32Array.from([0, 0, 1, 1, 0, 0]) };
      const update = async (one: ModelEngine) => {
        const { sums, metrics } = await one.step(batch, lossOf(batch), STEP);
        await one.read({ ...sums, ...metrics });
        const { gradNorm, gradNorms } = await one.applyGradients(ADAMW);
        await one.read({ gradNorm, ...gradNorms });
      };
      await update(engine);
      const [trained, optimizer] = [await engine.exportTrained(), await engine.exportOptimizer()];
      await update(engine);
      const resumed = await streamModel({ config, weights: inMemory(weights) }, adapters);
      await resumed.importTrained(trained);
      await resumed.importOptimizer(optimizer);
      await update(resumed);
      expect(await resumed.exportTrained()).toEqual(await engine.exportTrained());
      expect((await resumed.exportOptimizer()).tensors).toEqual((await engine.exportOptimizer()).tensors);
      for (const one of [engine, resumed]) one.dispose();
    });

    test('from a stream a new adapter starts with the base’s head too; four bits leave the head alone', async () => {
      const { fixture, config, weights, adapters } = await started();
      const nf4 = { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: false } as const;
      for (const quantization of [null, nf4]) {
        const engine = await streamModel({ config, weights: inMemory(weights), quantization }, [adapters[0]!]);
        const head = (await engine.exportTrained())['a/base_model.model.score.weight']!;
        expect(head.data).toEqual(weights['score.weight']!.data);
        const batch = batchOf(fixture, 0);
        const { sums, metrics } = await engine.step(batch, lossOf(batch), STEP);
        await engine.read({ ...sums, ...metrics });
        await engine.read({ norm: (await engine.applyGradients(ADAMW)).gradNorm });
        const moved = (await engine.exportTrained())['a/base_model.model.score.weight']!;
        expect(maxRelative(moved.data, head.data)).toBeGreaterThan(1e-3);
        engine.dispose();
      }
    });

    test('an adapter with a head of its own is refused beside a language model, and stacked', async () => {
      const { config, weights, decoder, llama } = await base();
      const adapters = [own('a', 2), own('b', 3)];
      expect(() => createEngine(llama, decoder, 'lm', [adapters[0]!])).toThrow(
        /head of its own, score.*"lm".*reward model/,
      );
      const engine = loadModel({ config, weights });
      const stack = [{ slot: 0, weight: 1 }, { slot: 1, weight: 1 }]; // biome-ignore format: one route
      await expect(engine.setAdapters(adapters, { routes: [stack] })).rejects.toThrow('a row has one head');
      engine.dispose();
    });
  });
}
