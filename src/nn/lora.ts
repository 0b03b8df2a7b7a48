// Low-rank adapters as PEFT defines them (peft/tuners/lora, tuners_utils.py): which modules a config targets, with which rank
// and scale; names, shapes and first values of their tensors; and the merge W + s·B·A (with DoRA's rows). No tensors of tfjs.
import { ConfigError, DataError, ShapeError } from '../lib/errors';
import { Rng } from '../lib/rng';
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import { parameterShapes } from './presets';
import type { LoraAdapter, NamedTensorMap } from './seam';

/** A linear layer of the base. */
export interface LinearModule {
  /** PEFT's path: model.layers.0.self_attn.q_proj. */
  path: string;
  in: number;
  out: number;
}
/** A linear layer with its adapter. */
export interface TargetModule extends LinearModule {
  r: number;
  lora_alpha: number;
  /** Multiplies B·A: α / r, or α / √r with use_rslora. */
  scaling: number;
}

export const loraScaling = (r: number, lora_alpha: number, use_rslora = false): number =>
  lora_alpha / (use_rslora ? Math.sqrt(r) : r);

export const lastPart = (path: string): string => path.slice(path.lastIndexOf('.') + 1);
export const layerOf = (path: string): number => Number(/\.layers\.(\d+)\./.exec(path)?.[1] ?? -1);

/** Linear layers inside the blocks, in the order of the model: those that PEFT's "all-linear" means. */
export function linearModules(config: LlamaConfig): LinearModule[] {
  return [...parameterShapes(config)].flatMap(([name, [out, inputs]]) =>
    inputs !== undefined && name.includes('.layers.')
      ? [{ path: name.replace(/\.weight$/, ''), in: inputs, out: out! }]
      : [],
  );
}

/** Changes of one letter between two words (Levenshtein), for the nearest names. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
const nearest = (name: string, known: readonly string[]): string[] =>
  [...known].sort((a, b) => distance(name, a) - distance(name, b)).slice(0, 3);

/** A regular expression of Python's `re`, as far as the two languages agree. Throws ConfigError for one that is none. */
function pattern(source: string, whole: (source: string) => string, where: string): RegExp {
  try {
    return new RegExp(whole(source.replace(/\(\?P</g, '(?<')));
  } catch (cause) {
    throw new ConfigError(
      `${where} holds "${source}", which is no regular expression: ${(cause as Error).message}. Correct it, or list module names.`,
      { cause, where },
    );
  }
}

/** Whether a list of names or a regular expression means the path (check_target_module_exists). */
function matcher(spec: readonly string[] | string, where: string): (path: string) => boolean {
  if (typeof spec === 'string') {
    const regex = pattern(spec, (source) => `^(?:${source})$`, where);
    return (path) => regex.test(path);
  }
  return (path) => spec.some((name) => path === name || path.endsWith(`.${name}`));
}

type Patterns = { readonly [key: string]: number };
const PATTERNS = ['rank_pattern', 'alpha_pattern'] as const;
/** A key of rank_pattern or alpha_pattern, which means the end of a path. */
const keyPattern = (key: string, where: string): RegExp => pattern(key, (source) => `^(?:.*\\.)?(?:${source})$`, where);
/** The value of the first key that matches (get_pattern_key), and that key; `fallback` without one. */
function byPattern(
  patterns: Patterns | undefined,
  path: string,
  fallback: number,
  where: string,
): { value: number; key?: string } {
  for (const [key, value] of Object.entries(patterns ?? {}))
    if (keyPattern(key, where).test(path)) return { value, key };
  return { value: fallback };
}

/** Sentences on keys of rank_pattern and alpha_pattern that mean no module of the adapter; PEFT passes over them in silence. */
export function patternWarnings(config: LlamaConfig, lora: LoraConfig): string[] {
  const paths = targetModules(config, lora).map(({ path }) => path);
  const names = [...new Set(paths.map(lastPart))];
  return PATTERNS.flatMap((where) =>
    Object.keys(lora[where] ?? {})
      .filter((key) => !paths.some((path) => keyPattern(key, where).test(path)))
      .map((key) => {
        const near = nearest(key, key.includes('.') ? paths : names).join(', ');
        return `${where} has the key "${key}", which means none of the adapter’s modules and so changes nothing. The nearest: ${near}.`;
      }),
  );
}

/**
 * The modules that an adapter sits on, in the model's order. Throws ConfigError naming the target that the model has not, with
 * the nearest that it has; for a rank above a matrix; for settings out of range.
 */
export function targetModules(config: LlamaConfig, lora: LoraConfig, name = 'default'): TargetModule[] {
  const all = linearModules(config);
  const who = `Adapter "${name}"`;
  const { target_modules: targets, lora_dropout = 0 } = lora;
  if (!(lora_dropout >= 0 && lora_dropout < 1))
    throw new ConfigError(`lora_dropout of adapter "${name}" must be at least 0 and below 1, got ${lora_dropout}.`, {
      where: 'lora_dropout',
    });
  if (lora.use_dora && lora.lora_bias)
    throw new ConfigError(`${who} has both use_dora and lora_bias, which PEFT does not combine. Set one to false.`, {
      where: 'lora_bias',
    });
  if (typeof targets !== 'string') {
    const known = [...new Set(all.map((module) => lastPart(module.path)))];
    for (const target of targets) {
      if (all.some(({ path }) => path === target || path.endsWith(`.${target}`))) continue;
      const isOther = /^(embed_tokens|lm_head|norm|.*layernorm)$/.test(lastPart(target));
      throw new ConfigError(
        isOther
          ? `${who} targets "${target}", which is no linear layer of a block; adapters sit on ${known.join(', ')}.`
          : `${who} targets "${target}", which this model has not. The nearest that it has: ${nearest(target, target.includes('.') ? all.map(({ path }) => path) : known).join(', ')}.`,
        { where: 'target_modules' },
      );
    }
  }
  const isAll = typeof targets === 'string' && targets.toLowerCase() === 'all-linear';
  const isTarget = isAll ? () => true : matcher(targets, 'target_modules');
  const isExcluded = lora.exclude_modules ? matcher(lora.exclude_modules, 'exclude_modules') : () => false;
  const layers = lora.layers_to_transform ?? undefined;
  const wanted = layers === undefined ? undefined : typeof layers === 'number' ? [layers] : layers;
  const missing = wanted?.find((layer) => !(layer >= 0 && layer < config.num_hidden_layers));
  if (missing !== undefined)
    throw new ConfigError(
      `${who} has layer ${missing} in layers_to_transform; the model's layers are 0 to ${config.num_hidden_layers - 1}.`,
      { where: 'layers_to_transform' },
    );
  if (wanted && typeof targets === 'string')
    throw new ConfigError(
      `${who} has layers_to_transform beside the expression ${JSON.stringify(targets)}: PEFT takes it with a list of names alone. Put the layers into the expression, or list modules.`,
      { where: 'layers_to_transform' },
    );
  // A whole path names its layer itself: PEFT does not ask layers_to_transform then.
  const isInLayer = (path: string) =>
    !wanted || wanted.includes(layerOf(path)) || (typeof targets !== 'string' && targets.includes(path));
  const found = all.filter(({ path }) => isTarget(path) && !isExcluded(path) && isInLayer(path));
  if (found.length === 0)
    throw new ConfigError(
      `${who} targets no module at all: ${JSON.stringify(targets)} means none of this model's. Name one of ${[...new Set(all.map(({ path }) => lastPart(path)))].join(', ')}.`,
      { where: 'target_modules' },
    );
  return found.map((module) => {
    const { value: r, key } = byPattern(lora.rank_pattern, module.path, lora.r, 'rank_pattern');
    const { value: lora_alpha } = byPattern(lora.alpha_pattern, module.path, lora.lora_alpha, 'alpha_pattern');
    // What is at fault: the pattern's key where one gave the rank.
    const rank = key === undefined ? 'r' : `rank_pattern["${key}"]`;
    const where = key === undefined ? 'r' : 'rank_pattern';
    const limit = Math.min(module.in, module.out);
    if (!Number.isInteger(r) || r < 1)
      throw new ConfigError(`${rank} of adapter "${name}" must be a whole number of at least 1, got ${r}.`, { where });
    if (r > limit)
      throw new ConfigError(
        `${rank} = ${r} of adapter "${name}" is above the rank of ${module.path} (${module.out}×${module.in}). Set ${rank} to ${limit} or less.`,
        { where },
      );
    if (!Number.isFinite(lora_alpha))
      throw new ConfigError(`lora_alpha of adapter "${name}" must be a number, got ${lora_alpha}.`, {
        where: 'lora_alpha',
      });
    return { ...module, r, lora_alpha, scaling: loraScaling(r, lora_alpha, lora.use_rslora) };
  });
}

export type LoraTensor = {
  /** PEFT's name in adapter_model.safetensors. */
  name: string;
  shape: number[];
} & (
  | { kind: 'A' | 'B' | 'magnitude' | 'bias'; target: TargetModule }
  /** A module trained whole (modules_to_save), by its path. */
  | { kind: 'whole'; target?: undefined; path: string }
);
/** PEFT's name of the weight of a module that is trained whole. */
export const wholeName = (path: string): string => `base_model.model.${path}.weight`;
/** Whether it brings a reward model's head with it. */
export const isRewardAdapter = ({ modules_to_save }: LoraConfig): boolean =>
  modules_to_save?.includes('score') === true;
/** The tensors of an adapter in PEFT's names, module by module; the heads of modules_to_save [1, hidden_size] at the end. */
export function loraTensors(
  targets: readonly TargetModule[],
  lora: LoraConfig,
  { hidden_size }: Pick<LlamaConfig, 'hidden_size'>,
): LoraTensor[] {
  const low = targets.flatMap((target) => {
    const name = (suffix: string) => `base_model.model.${target.path}.${suffix}`;
    const tensors: LoraTensor[] = [
      { kind: 'A', name: name('lora_A.weight'), shape: [target.r, target.in], target },
      { kind: 'B', name: name('lora_B.weight'), shape: [target.out, target.r], target },
    ];
    if (lora.lora_bias) tensors.push({ kind: 'bias', name: name('lora_B.bias'), shape: [target.out], target });
    if (lora.use_dora)
      tensors.push({ kind: 'magnitude', name: name('lora_magnitude_vector'), shape: [target.out], target });
    return tensors;
  });
  const whole = (lora.modules_to_save ?? []).map(
    (path): LoraTensor => ({ kind: 'whole', name: wholeName(path), shape: [1, hidden_size], path }),
  );
  return [...low, ...whole];
}
export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
/** Trained parameters of an adapter. */
export const loraParameterCount = (config: LlamaConfig, lora: LoraConfig): number =>
  loraTensors(targetModules(config, lora), lora, config).reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** Whole weights of embedding or head, which PEFT saves beside an adapter when save_embedding_layers says so. */
const WHOLE_WEIGHTS = /(?:^|\.)(?:embed_tokens|lm_head)\.(?:base_layer\.)?weight$/;
const REWARD_HEAD = /(?:^|\.)score\.weight$/;

/**
 * Throws ShapeError for a tensor that is missing, misshapen, or not the adapter's; DataError for one with a number that is not
 * finite.
 */
export function checkLoraTensors(tensors: readonly LoraTensor[], given: NamedTensorMap, name = 'default'): void {
  for (const { name: key, shape, kind } of tensors) {
    const found = given[key];
    if (!found && kind === 'whole')
      throw new ShapeError(
        `Adapter "${name}" lacks ${key} (${shape.join('×')}), the head that gives the rewards. Train it in PEFT with task_type "SEQ_CLS", or with modules_to_save ["score"], so that the head is trained and saved too.`,
        { where: key },
      );
    if (!found)
      throw new ShapeError(
        `Adapter "${name}" lacks the tensor ${key} (${shape.join('×')}). Its target_modules or rank fit another model or config.`,
        { where: key },
      );
    if (kind === 'whole' && found.shape[0] !== 1)
      throw new ShapeError(
        `Tensor ${key} of adapter "${name}" is ${found.shape.join('×')}: it sorts texts into ${found.shape[0]} classes, and a reward model has one number for each text. Train it with num_labels 1.`,
        { where: key },
      );
    if (found.shape.join() !== shape.join() || found.data.length !== sizeOf(shape))
      throw new ShapeError(
        `Tensor ${key} of adapter "${name}" must be ${shape.join('×')} by its config and the base, got ${found.shape.join('×')}. It was made for another base or with another rank.`,
        { where: key },
      );
  }
  const known = new Set(tensors.map((tensor) => tensor.name));
  const extra = Object.keys(given).find((key) => !known.has(key));
  if (extra && WHOLE_WEIGHTS.test(extra))
    throw new ShapeError(
      `Adapter "${name}" holds ${extra} (${given[extra]!.shape.join('×')}): PEFT saved whole weights of the embedding or the head beside it, because its vocabulary was resized or save_embedding_layers was set. Save it again in PEFT with save_pretrained(..., save_embedding_layers=False) if those weights were not trained; if they were, the adapter needs them and cannot stand beside this base.`,
      { where: extra },
    );
  if (extra && REWARD_HEAD.test(extra))
    throw new ShapeError(
      `Adapter "${name}" holds ${extra}, the head of a reward model, and its config does not say that it is one. Set task_type to "SEQ_CLS" in adapter_config.json, as PEFT writes it for LoraConfig(task_type="SEQ_CLS").`,
      { where: extra },
    );
  if (extra)
    throw new ShapeError(`Adapter "${name}" holds ${extra}, which its config does not ask for.`, { where: extra });
  for (const { name: key } of tensors) {
    const at = given[key]!.data.findIndex((x) => !Number.isFinite(x));
    if (at >= 0)
      throw new DataError(
        `Tensor ${key} of adapter "${name}" holds ${given[key]!.data[at]} at place ${at}: every answer through it would be NaN. Its training broke down; take a checkpoint from before, or train it again.`,
        { where: key },
      );
  }
}

/** W + s·B·A of a module, [out, in]. */
export function updatedWeight(
  base: Float32Array,
  target: TargetModule,
  A: Float32Array,
  B: Float32Array,
): Float32Array {
  const out = Float32Array.from(base);
  addUpdate(out, target, A, B, target.scaling);
  return out;
}
/** into [out, in] += factor · B·A; sums in f64. */
export function addUpdate(
  into: Float32Array,
  { in: inputs, out, r }: TargetModule,
  A: Float32Array,
  B: Float32Array,
  factor: number,
): void {
  const row = new Float64Array(inputs);
  for (let o = 0; o < out; o++) {
    row.fill(0);
    for (let c = 0; c < r; c++) {
      const b = B[o * r + c]!;
      if (b === 0) continue;
      for (let k = 0; k < inputs; k++) row[k]! += b * A[c * inputs + k]!;
    }
    for (let k = 0; k < inputs; k++) into[o * inputs + k]! += factor * row[k]!;
  }
}
/** Lengths of the rows of w [out, in]. */
export function rowNorms(w: Float32Array, out: number): Float32Array {
  const inputs = w.length / out;
  return Float32Array.from({ length: out }, (_, o) => {
    let sum = 0;
    for (let k = o * inputs; k < (o + 1) * inputs; k++) sum += w[k]! * w[k]!;
    return Math.sqrt(sum);
  });
}

/**
 * An adapter's tensors before training: A as PEFT's init_lora_weights says, B and bias 0, DoRA's magnitude the row lengths of W
 * (B = 0 then), a whole module a copy of the base's. Each tensor has a random stream of its own, so that other modules do not matter.
 */
export function initLora(
  targets: readonly TargetModule[],
  lora: LoraConfig,
  model: Pick<LlamaConfig, 'hidden_size'>,
  seed: number,
  base: (path: string) => Float32Array,
): NamedTensorMap {
  const out: NamedTensorMap = {};
  for (const tensor of loraTensors(targets, lora, model)) {
    const { name, shape, target } = tensor;
    const data =
      tensor.kind === 'magnitude' ? rowNorms(base(tensor.target.path), shape[0]!) : new Float32Array(sizeOf(shape));
    // Not there where weights come in a stream: it is filled in behind them.
    if (tensor.kind === 'whole') data.set(base(tensor.path));
    if (tensor.kind === 'A') {
      const rng = new Rng(seed, name);
      const bound = 1 / Math.sqrt(target!.in);
      const draw =
        lora.init_lora_weights === 'gaussian' ? () => rng.normal() / target!.r : () => (2 * rng.next() - 1) * bound;
      for (let i = 0; i < data.length; i++) data[i] = draw();
    }
    out[name] = { shape, data };
  }
  return out;
}

/** Throws ConfigError for an adapter with lora_bias. */
export function requireMergeable({ name, config }: LoraAdapter): void {
  if (config.lora_bias)
    throw new ConfigError(
      `Adapter "${name}" has lora_bias: its bias has no place in a Llama's weights, so it cannot be merged. Serve it beside the base.`,
      { where: 'lora_bias' },
    );
}

/**
 * The base with an adapter merged into it (PEFT's merge_and_unload): W + s·B·A, with DoRA (m / ‖W + s·B·A‖)·(W + s·B·A). Other
 * tensors are shared, not copied. Throws ConfigError for an adapter with lora_bias, which a Llama has no place for.
 */
export function mergeLora(
  config: LlamaConfig,
  weights: NamedTensorMap,
  adapter: LoraAdapter,
  tensors: NamedTensorMap,
): NamedTensorMap {
  const lora = adapter.config;
  requireMergeable(adapter);
  const targets = targetModules(config, lora, adapter.name);
  checkLoraTensors(loraTensors(targets, lora, config), tensors, adapter.name);
  const out = { ...weights };
  for (const path of lora.modules_to_save ?? []) out[`${path}.weight`] = tensors[wholeName(path)]!;
  for (const target of targets) {
    const name = `${target.path}.weight`;
    const base = weights[name]!;
    const tensor = (suffix: string) => tensors[`base_model.model.${target.path}.${suffix}`]!.data;
    const merged = updatedWeight(base.data, target, tensor('lora_A.weight'), tensor('lora_B.weight'));
    if (lora.use_dora) {
      const magnitude = tensor('lora_magnitude_vector');
      const norms = rowNorms(merged, target.out);
      for (let i = 0; i < merged.length; i++) {
        const o = Math.floor(i / target.in);
        merged[i]! *= magnitude[o]! / norms[o]!;
      }
    }
    out[name] = { shape: base.shape, data: merged };
  }
  return out;
}
