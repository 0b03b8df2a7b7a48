// The serving modes over real engines: a small random model on WASM with three random adapters of unlike ranks and modules.
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { DEFAULT_RULES } from '../agent/routing';
import { type AdapterKey, adapterKey, replay, type ServingOptions, type TraceRequest } from '../agent/serving';
import { initNodeBackend } from '../gpu/node';
import { noise } from '../gpu/testDevice';
import { writeAdapter } from '../interop/peft';
import { initWeights } from '../nn/init';
import { loadModel, parseLlamaConfig } from '../nn/loadModel';
import { loraParameterCount, loraTensors, sizeOf, targetModules } from '../nn/lora';
import { PRESETS, parameterCount } from '../nn/presets';
import type { ModelEngine, NamedTensorMap } from '../nn/seam';
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import { ArtifactStore } from '../storage/artifacts';
import { AuditLog } from '../storage/auditLog';
import { MemoryStorage } from '../storage/memoryStorage';
import { EngineAdapterServer } from './adapterServer';

const config: LlamaConfig = {
  ...PRESETS.nano,
  vocab_size: 61,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  max_position_embeddings: 64,
  initializer_range: 0.25,
};
const configJson = { model_type: 'llama', ...config };
const LORAS: [id: number, version: number, lora: LoraConfig][] = [
  [17, 1, { r: 4, lora_alpha: 8, target_modules: 'all-linear' }],
  [42, 2, { r: 2, lora_alpha: 4, target_modules: ['q_proj', 'v_proj'] }],
  [9, 1, { r: 3, lora_alpha: 6, target_modules: ['o_proj', 'down_proj'], use_rslora: true }],
];
function randomTensors(lora: LoraConfig, seed: number): NamedTensorMap {
  const tensors = loraTensors(targetModules(config, lora), lora, config);
  return Object.fromEntries(
    tensors.map(({ name, shape }, i) => [name, { shape, data: noise(sizeOf(shape), seed + i).map((x) => 0.5 * x) }]),
  );
}

const storage = new MemoryStorage();
const artifacts = new ArtifactStore(storage, () => 1);
const versions = new Map<number, { version: number; artifactId: string }>();
const served = new Map<AdapterKey, string>();
beforeAll(async () => {
  await initNodeBackend();
  for (const [id, version, lora] of LORAS) {
    const files = writeAdapter(config, lora, randomTensors(lora, 100 * id), 'tiny');
    const { id: artifactId } = await artifacts.put('adapter', files, { name: `adapter ${id}` });
    versions.set(id, { version, artifactId });
    served.set(adapterKey(id, version), artifactId);
  }
});
const files = { config: configJson, weights: initWeights(config, 5) };
const engines: ModelEngine[] = [];
function openServer(adapters: ReadonlyMap<AdapterKey, string> = served) {
  const engine = loadModel(files);
  engines.push(engine);
  return EngineAdapterServer.open({ engine, files, artifacts, adapters, clock: () => performance.now() });
}
const disposeEngines = () => {
  for (const engine of engines.splice(0)) engine.dispose();
};
afterEach(disposeEngines);

const TENANTS = DEFAULT_RULES.map(({ adapter: _, ...metadata }) => metadata);
/** Twelve requests of all three tenants and a stranger, with prompts of unlike lengths; two tenants ask the same. */
const trace: TraceRequest[] = [0, 0, 1, 2, 0, 1, 1, 2, 0, 2, 1, 0].map((tenant, i) => ({
  id: `r${i}`,
  arrivalMs: i < 6 ? 0 : i,
  metadata: i === 9 ? { tenant_id: 'bank_D', policy_version: 'policy_v3' } : TENANTS[tenant]!,
  promptIds:
    i === 3 || i === 4 ? [7, 8, 9] : Array.from({ length: 1 + ((i * 5) % 13) }, (_, t) => (3 * i + 7 * t) % 61),
  stopIds: [60],
}));
const max_new_tokens = 10;
const MODES: ServingOptions[] = [
  { mode: 'load_on_request', max_new_tokens },
  { mode: 'hot_lru', budgetBytes: 0, max_new_tokens }, // the budget is set in the test
  { mode: 'batched', maxBatch: 8, max_new_tokens },
  { mode: 'batched', maxBatch: 8, budgetBytes: 0, max_new_tokens },
  { mode: 'merged', max_new_tokens },
];

test('sizes are those of the tensors', async () => {
  const server = await openServer();
  expect(server.baseBytes).toBe(4 * parameterCount(parseLlamaConfig(configJson)));
  for (const [id, version, lora] of LORAS)
    expect(server.adapterBytes(adapterKey(id, version))).toBe(4 * loraParameterCount(config, lora));
  server.dispose();
});

test('all modes give, token for token, what each adapter says alone; nothing stays on the device', async () => {
  const before = tf.memory().numTensors;
  const server = await openServer();
  const largest = Math.max(...[...served.keys()].map((key) => server.adapterBytes(key)));
  const alone: number[][] = [];
  for (const { metadata, promptIds, stopIds } of trace) {
    const rule = DEFAULT_RULES.find(({ tenant_id }) => tenant_id === metadata.tenant_id);
    if (!rule) {
      alone.push([]);
      continue;
    }
    const key = adapterKey(rule.adapter, versions.get(rule.adapter)!.version);
    await server.resident([key]);
    const [answer] = await server.generate([{ prompt: promptIds, adapter: key }], { max_new_tokens, stopIds });
    alone.push(answer!.ids);
  }
  expect(alone[3], 'adapters differ in what they say').not.toEqual(alone[4]);
  for (const options of MODES) {
    const log = new AuditLog(new MemoryStorage(), () => 1);
    const budgeted = 'budgetBytes' in options ? { ...options, budgetBytes: largest + 2000 } : options;
    const report = await replay(trace, budgeted, { server, rules: DEFAULT_RULES, adapters: versions, log });
    const { requests, batchSizes, busyMs } = report;
    expect(
      requests.map(({ ids }) => ids),
      JSON.stringify(options),
    ).toEqual(alone);
    expect(requests[9]!.refusal?.reason).toBe('unknown_tenant');
    expect(busyMs).toBeGreaterThan(0);
    const total = requests.reduce((sum, { endMs, startMs }) => sum + endMs - startMs, 0);
    if (batchSizes.every((size) => size === 1)) expect(total).toBeCloseTo(busyMs, 6);
    else expect(Math.max(...batchSizes)).toBeGreaterThan(2);
    expect(await log.verify()).toEqual({ ok: true, count: trace.length });
  }
  server.dispose();
  disposeEngines();
  expect(tf.memory().numTensors).toBe(before);
});

test('one pass may mix merged and resident adapters; one that is nowhere is named', async () => {
  const server = await openServer();
  const [a, b, c] = [...served.keys()] as [AdapterKey, AdapterKey, AdapterKey];
  const row = (adapter: AdapterKey) => ({ prompt: [7, 8, 9], adapter });
  const options = { max_new_tokens, stopIds: [60] };
  await server.resident([a, b]);
  const apart = await server.generate([row(a), row(b)], options);
  await server.resident([a]);
  await server.merge(b);
  expect(await server.generate([row(b), row(a)], options)).toEqual([apart[1], apart[0]]);
  await expect(server.generate([row(c)], options)).rejects.toThrow(
    'Adapter 9@1 is neither beside the base nor merged. In place: 17@1, 42@2',
  );
  await server.reset();
  await expect(server.generate([row(a)], options)).rejects.toThrow('In place: none');
  expect(() => server.adapterBytes('5@1')).toThrow('knows no adapter 5@1. It knows 17@1, 42@2, 9@1.');
  server.dispose();
});

test('a damaged adapter, and one for another shape of base, stop the server before it opens', async () => {
  const before = tf.memory().numTensors;
  const wide = { ...config, hidden_size: 40 };
  const lora = LORAS[1]![2];
  const tensors = Object.fromEntries(
    loraTensors(targetModules(wide, lora), lora, wide).map(({ name, shape }) => [
      name,
      { shape, data: new Float32Array(sizeOf(shape)) },
    ]),
  );
  const foreign = await artifacts.put('adapter', writeAdapter(wide, lora, tensors, 'wide'), { name: 'foreign' });
  await expect(openServer(new Map([['1@1', foreign.id]]))).rejects.toThrow(
    /made for another base or with another rank/,
  );
  const damaged = await artifacts.put('adapter', writeAdapter(config, lora, randomTensors(lora, 1), 'tiny'), {
    name: 'damaged',
  });
  await storage.write(`artifacts/${damaged.id.slice(7)}/adapter_model.safetensors`, new Uint8Array(9));
  await expect(openServer(new Map([['1@1', damaged.id]]))).rejects.toThrow(
    /adapter_model.safetensors of artifact .* is damaged/,
  );
  disposeEngines();
  expect(tf.memory().numTensors).toBe(before);
});
