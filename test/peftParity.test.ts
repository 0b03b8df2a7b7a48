import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../src/gpu/node';
import { parseLlamaConfig } from '../src/nn/loadModel';
import { initLora, loraParameterCount, targetModules } from '../src/nn/lora';
import { PRESETS } from '../src/nn/presets';
import type { LlamaConfig, LoraConfig } from '../src/protocol/model';
import { parseLoraConfig } from '../src/protocol/peft';
import { peftParityTests } from './peftParity';

const FOLDER = 'test/fixtures/lora';
beforeAll(async () => {
  await initNodeBackend();
});
peftParityTests(async (path) => new Uint8Array(readFileSync(`${FOLDER}/${path}`)));

interface Targets {
  specifications: { settings: Record<string, unknown>; modules?: string[]; error?: string }[];
  patterns: {
    settings: Record<string, unknown>;
    error?: string;
    modules?: Record<string, { r: number; lora_alpha: number; scaling: number }>;
  }[];
  counts: { shape: string; targets: string; r: number; use_dora: boolean; trainable: number; total: number }[];
  initialisation: {
    init_lora_weights: true | 'gaussian';
    in: number;
    out: number;
    r: number;
    bound?: number;
    A: { std: number };
  }[];
}
const targets = JSON.parse(readFileSync(`${FOLDER}/targets.json`, 'utf8')) as Targets;
const tiny = parseLlamaConfig(JSON.parse(readFileSync(`${FOLDER}/base/config.json`, 'utf8')));
const configOf = (settings: Record<string, unknown>): LoraConfig => {
  const { layers_pattern: _pattern, modules_to_save: _save, ...rest } = settings;
  return parseLoraConfig(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)), 'peft');
};
/** PEFT passes over a name that fits nothing as long as another one does, and adapts embeddings; here both are refused. */
const STRICTER = [['q_proj', 'qq_proj'], ['lm_head', 'q_proj'], ['embed_tokens']];

test.each(
  targets.specifications.filter(
    ({ settings }) => !('modules_to_save' in settings) && settings.layers_pattern !== 'blocks',
  ),
)('targets $settings are the modules that PEFT finds', ({ settings, modules, error }) => {
  const found = () => targetModules(tiny, configOf(settings)).map(({ path }) => path);
  const isStricter = STRICTER.some((list) => JSON.stringify(list) === JSON.stringify(settings.target_modules));
  if (error || isStricter) expect(found).toThrow();
  else expect(found()).toEqual(modules);
});
test.each(targets.patterns)('patterns $settings', ({ settings, modules, error }) => {
  const found = () =>
    targetModules(tiny, configOf({ r: 8, lora_alpha: 16, target_modules: 'all-linear', ...settings }));
  // PEFT trains a rank above the matrix, which buys nothing; here it is refused.
  const isAbove = Object.values(modules ?? {}).some(({ r }) => r > 48);
  if (error || isAbove || !modules) return expect(found).toThrow();
  const ranks = found().map(({ path, r, lora_alpha, scaling }) => [path, { r, lora_alpha, scaling }]);
  expect(Object.fromEntries(ranks)).toEqual(modules);
});
const SHAPES: Record<string, LlamaConfig> = {
  tiny,
  ...PRESETS,
};
test('trainable parameters are those that PEFT counts', () => {
  const known = targets.counts.filter(({ shape }) => shape in SHAPES);
  expect(known.length).toBeGreaterThan(20);
  const lists: Record<string, LoraConfig['target_modules']> = {
    attention: ['q_proj', 'k_proj', 'v_proj', 'o_proj'],
    all: 'all-linear',
    'all-linear': 'all-linear',
  };
  for (const { shape, targets: spec, r, use_dora, trainable } of known) {
    const target_modules = lists[spec];
    expect(target_modules, spec).toBeDefined();
    expect(
      loraParameterCount(SHAPES[shape]!, { r, lora_alpha: r, use_dora, target_modules: target_modules! }),
      `${shape} ${spec} ${r}`,
    ).toBe(trainable);
  }
});
test('first values spread as PEFT’s do', () => {
  for (const { init_lora_weights, in: inputs, out, r, A } of targets.initialisation) {
    const config = { r, lora_alpha: r, target_modules: ['q_proj'], init_lora_weights };
    const target = { path: 'q_proj', in: inputs, out, r, lora_alpha: r, scaling: 1 };
    const { data } = Object.values(
      initLora([target], config, { hidden_size: inputs }, 1, () => new Float32Array(0)),
    )[0]!;
    const std = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
    // Both are samples of r · in numbers.
    expect(Math.abs(std / A.std - 1)).toBeLessThan(5 / Math.sqrt(r * inputs));
  }
});
