// PEFT's files of an adapter: adapter_config.json (sorted keys, two blanks) and adapter_model.safetensors.
import { DataError } from '../lib/errors';
import { asEngineTensors, tensorsOf } from '../nn/adapterSet';
import { checkLoraTensors, isRewardAdapter, lastPart, loraTensors, targetModules } from '../nn/lora';
import type { LoraAdapter, NamedTensorMap } from '../nn/seam';
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import { DEFAULT_ADAPTER, parseLoraConfig } from '../protocol/peft';
import { readSafetensors, writeSafetensors } from '../storage/safetensors';

export const ADAPTER_CONFIG = 'adapter_config.json';
export const ADAPTER_WEIGHTS = 'adapter_model.safetensors';
/** Beside the two in an export of ours: which base by its hash, which PEFT's files have no place for. */
export const ORIGIN_FILE = 'posttrain_studio.json';
/** Of PEFT, whose files these are. */
const PEFT_VERSION = '0.21.2';

/** Keys of LoraConfig that we read; others of the file are ignored, as PEFT's readers must. */
const OURS = [
  'r',
  'lora_alpha',
  'lora_dropout',
  'use_rslora',
  'use_dora',
  'bias',
  'lora_bias',
  'target_modules',
  'exclude_modules',
  'layers_to_transform',
  'rank_pattern',
  'alpha_pattern',
] as const satisfies readonly (keyof LoraConfig)[];
/** What changes the maths and is not done here: the file is refused while it says anything but these. */
const REFUSED: Record<string, string> = {
  modules_to_save: 'whole modules that are saved beside the adapter',
  trainable_token_indices: 'trained token embeddings',
  target_parameters: 'adapters on bare parameters',
  layer_replication: 'replicated layers',
  fan_in_fan_out: 'transposed weights',
  alora_invocation_tokens: 'activated LoRA',
  megatron_config: 'Megatron layers',
  use_qalora: 'QA-LoRA',
  use_bdlora: 'block-diagonal LoRA',
  arrow_config: 'Arrow routing',
  kasa_config: 'KaSA',
  monteclora_config: 'MonteCLoRA',
  velora_config: 'VeLoRA',
};
/** Values of init_lora_weights that leave the base as it is. */
const SAME_BASE: readonly unknown[] = [true, 'gaussian', 'eva', 'orthogonal'];
/** PEFT's task of a reward model's adapter. It adds these to modules_to_save by itself; a Llama has the second. */
const CLASSIFIER = 'SEQ_CLS';
const CLASSIFIER_MODULES: readonly unknown[] = ['classifier', 'score'];
const otherModules = (given: unknown): unknown =>
  Array.isArray(given) ? given.filter((name) => !CLASSIFIER_MODULES.includes(name)) : given;
const namesHead = (given: unknown): boolean =>
  Array.isArray(given) && given.includes('score') && given.every((name) => CLASSIFIER_MODULES.includes(name));
const isSet = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);

/** Reads adapter_config.json. Throws DataError naming the key that is wrong or not supported. */
export function readAdapterConfig(json: unknown): { config: LoraConfig; base?: string } {
  const refuse = (message: string, key: string): never => {
    throw new DataError(`${ADAPTER_CONFIG}: ${message}`, { where: key });
  };
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return refuse('it must be a JSON object. Copy it again from the adapter’s folder.', ADAPTER_CONFIG);
  const given = json as Record<string, unknown>;
  if (given.peft_type !== 'LORA')
    refuse(`peft_type is ${JSON.stringify(given.peft_type)}; only "LORA" adapters run here.`, 'peft_type');
  // TRL's scripts leave task_type at CAUSAL_LM unless told: a head that was saved by name is one all the same.
  const isClassifier = given.task_type === CLASSIFIER || namesHead(given.modules_to_save);
  if (isSet(given.task_type) && given.task_type !== 'CAUSAL_LM' && !isClassifier)
    refuse(
      `task_type is ${JSON.stringify(given.task_type)}; only "CAUSAL_LM" adapters and "${CLASSIFIER}" ones of reward models run here.`,
      'task_type',
    );
  const own: Record<string, unknown> = {
    ...given,
    ...(isClassifier && { modules_to_save: otherModules(given.modules_to_save) }),
  };
  for (const [key, words] of Object.entries(REFUSED))
    if (isSet(own[key]))
      refuse(
        `${key} asks for ${words}, which is not supported here. Train the adapter in PEFT without ${key}, and import that one.`,
        key,
      );
  // PiSSA and its like subtract the first A and B from the base, so their files beside the plain base count them twice.
  const init = given.init_lora_weights;
  if (isSet(init) && !SAME_BASE.includes(init))
    refuse(
      `init_lora_weights is ${JSON.stringify(init)}: it changes the base too, and this file holds only what is added to the changed one. Convert it in PEFT first: save_pretrained(..., path_initial_model_for_weight_conversion=...).`,
      'init_lora_weights',
    );
  const pattern = given.layers_pattern;
  // Without layers_to_transform it chooses nothing: new versions of PEFT do not write it then, and older ones ignored it.
  if (
    isSet(given.layers_to_transform) &&
    isSet(pattern) &&
    pattern !== 'layers' &&
    !(Array.isArray(pattern) && pattern.includes('layers'))
  )
    refuse(
      `layers_pattern is ${JSON.stringify(pattern)}; the layers of a Llama are called "layers".`,
      'layers_pattern',
    );
  const known = Object.fromEntries(OURS.flatMap((key) => (isSet(given[key]) ? [[key, given[key]]] : [])));
  try {
    const config = parseLoraConfig({ ...known, ...(isClassifier && { modules_to_save: ['score'] }) }, ADAPTER_CONFIG);
    const base = given.base_model_name_or_path;
    return { config, ...(typeof base === 'string' && base !== '' && { base }) };
  } catch (cause) {
    throw new DataError((cause as Error).message, { cause, where: ADAPTER_CONFIG });
  }
}

/** The keys of PEFT's file, whether set or not, for a base of this name. */
function configFile(config: LlamaConfig, lora: LoraConfig, base: string): Record<string, unknown> {
  // PEFT writes the names that "all-linear" stood for.
  const targets =
    lora.target_modules === 'all-linear'
      ? [...new Set(targetModules(config, lora).map(({ path }) => lastPart(path)))].sort()
      : lora.target_modules;
  const isReward = isRewardAdapter(lora);
  return {
    alpha_pattern: lora.alpha_pattern ?? {},
    auto_mapping: null,
    base_model_name_or_path: base,
    bias: lora.bias ?? 'none',
    corda_config: null,
    eva_config: null,
    exclude_modules: lora.exclude_modules ?? null,
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: lora.init_lora_weights ?? true,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: lora.layers_to_transform ?? null,
    loftq_config: {},
    lora_alpha: lora.lora_alpha,
    lora_bias: lora.lora_bias ?? false,
    lora_dropout: lora.lora_dropout ?? 0,
    megatron_config: null,
    megatron_core: 'megatron.core',
    modules_to_save: isReward ? CLASSIFIER_MODULES : (lora.modules_to_save ?? null),
    peft_type: 'LORA',
    peft_version: PEFT_VERSION,
    r: lora.r,
    rank_pattern: lora.rank_pattern ?? {},
    revision: null,
    target_modules: targets,
    target_parameters: null,
    task_type: isReward ? CLASSIFIER : 'CAUSAL_LM',
    trainable_token_indices: null,
    use_dora: lora.use_dora ?? false,
    use_rslora: lora.use_rslora ?? false,
  };
}

/** Files of one adapter; `tensors` under PEFT's names, `base`: what base_model_name_or_path says. */
export function writeAdapter(
  config: LlamaConfig,
  lora: LoraConfig,
  tensors: NamedTensorMap,
  base: string,
): Record<string, Uint8Array> {
  return {
    [ADAPTER_CONFIG]: new TextEncoder().encode(JSON.stringify(configFile(config, lora, base), undefined, 2)),
    [ADAPTER_WEIGHTS]: writeSafetensors(tensors, { format: 'pt' }),
  };
}

export interface AdapterFile {
  config: LoraConfig;
  /** Under PEFT's names. */
  tensors: NamedTensorMap;
  /** What the file says of its base. */
  base?: string;
}
/**
 * Reads the files of an adapter for a base of this config; `name`: what errors call it. Throws DataError, ConfigError or ShapeError naming the key or tensor
 * that does not fit.
 */
export function readAdapter(
  config: LlamaConfig,
  files: { config: Uint8Array; weights: Uint8Array },
  name: string = DEFAULT_ADAPTER,
): AdapterFile {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(files.config));
  } catch (cause) {
    throw new DataError(`${ADAPTER_CONFIG} is not JSON: ${(cause as Error).message}.`, {
      cause,
      where: ADAPTER_CONFIG,
    });
  }
  const { config: lora, base } = readAdapterConfig(json);
  const tensors = readSafetensors(files.weights, ADAPTER_WEIGHTS);
  checkLoraTensors(loraTensors(targetModules(config, lora, name), lora, config), tensors, name);
  return { config: lora, tensors, ...(base !== undefined && { base }) };
}

/** PEFT's folders: the adapter called default in the root, others in a folder of their name. */
const folderOf = (name: string): string => (name === DEFAULT_ADAPTER ? '' : `${name}/`);

/** Files of all adapters of an engine. */
export function writeAdapters(
  config: LlamaConfig,
  adapters: readonly LoraAdapter[],
  tensors: NamedTensorMap,
  base: string,
): Record<string, Uint8Array> {
  return Object.fromEntries(
    adapters.flatMap(({ name, config: lora }) =>
      Object.entries(writeAdapter(config, lora, tensorsOf(name, tensors), base)).map(([file, bytes]) => [
        folderOf(name) + file,
        bytes,
      ]),
    ),
  );
}
/** One adapter as an engine takes it. */
export const toEngine = (
  name: string,
  { config, tensors }: AdapterFile,
): { adapter: LoraAdapter; tensors: NamedTensorMap } => ({
  adapter: { name, config },
  tensors: asEngineTensors(name, tensors),
});
