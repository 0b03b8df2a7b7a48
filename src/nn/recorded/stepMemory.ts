// What a run of the recorded engine takes, by the plans of all it records: known before anything is allocated, without a device.
import type { KernelForms } from '../../gpu/kernels/forms';
import { type Plan, planMemory } from '../../gpu/planner';
import type { Fixed } from '../../gpu/recording';
import type { LlamaConfig } from '../../protocol/model';
import type { Quantization } from '../../protocol/recipe';
import { AdapterSet } from '../adapterSet';
import { HEAD_PARAMETERS } from '../engineChecks';
import { baseBytes } from '../loraPlan';
import { tableBytes } from '../rope';
import type { LoraAdapter } from '../seam';
import { type AdapterLayout, adapterLayout } from './adapterLayout';
import { inputLayout } from './batchInputs';
import { recordToken } from './decodeRecording';
import { decodeBatches, decodeBytes } from './decodeShapes';
import { type AdapterMemory, LlamaRecorder } from './llamaRecording';
import { layoutOf } from './parameters';

export interface StepMemory {
  /** Bytes of weights, gradients and both moments. */
  weights: number;
  /** Bytes of activations and gradients on the way. */
  activations: number;
  /** The largest single buffer. */
  largest: number;
}
/** What a run records beside its step; measurements of B × T tokens, answers to prompts of up to T tokens. */
export interface RunShapes {
  B: number;
  T: number;
  checkpointing?: boolean;
  /** Rows of a measurement; 0: none. */
  evaluationRows: number;
  /** Prompts that are answered on the way, and new tokens of each at most. */
  prompts: number;
  maxNewTokens: number;
  /** The language model's unless given; B and evaluationRows are rows, not pairs. */
  head?: 'lm' | 'score';
  /** Adapters that are trained beside a frozen base. */
  adapters?: readonly LoraAdapter[];
  /** The frozen base in four bits. */
  quantization?: Quantization | null;
}

const nowhere = (name: string): Fixed => ({ kind: 'fixed', name, buffer: undefined as never, offset: 0, bytes: 0 });
const layoutFor = (config: LlamaConfig, adapters: readonly LoraAdapter[] = []): AdapterLayout | undefined =>
  adapters.length > 0 ? adapterLayout(config, new AdapterSet(config, adapters)) : undefined;
const recorderOf = (
  config: LlamaConfig,
  B: number,
  T: number,
  forms: KernelForms,
  checkpointing = false,
  adapters?: AdapterLayout,
  dropout = false,
) =>
  new LlamaRecorder(
    {
      ...{ config, B, T, forms, checkpointing, dropout },
      normStride: layoutOf(config, [], Number.POSITIVE_INFINITY).normStride,
    },
    {
      weight: nowhere,
      grad: nowhere,
      input: nowhere,
      table: nowhere('table'),
      ...(adapters && {
        adapter: (layer, key): AdapterMemory | undefined => {
          const group = adapters.groups.get(`${layer}.${key}`);
          const { rank, in: inputs, out } = group ?? { rank: 0, in: 0, out: 0 };
          const [A, B, dA, dB, routes, blocks] = ['A', 'B', 'dA', 'dB', 'routes', 'blocks'].map(nowhere) as Fixed[];
          const passes = group?.passes?.map(({ first, width, depth }) => ({
            ...{ first, width, depth, A: A!, dA: dA!, routes: routes!, draws: nowhere('draws') },
          }));
          const offsets = group?.offsets ?? 0;
          const memory = { rank, in: inputs, out, A: A!, B: B!, dA: dA!, dB: dB!, routes: routes!, blocks: blocks!, offsets }; // biome-ignore format: one group
          const dora = group?.dora && { scales: nowhere('scales'), inverse: nowhere('inverse'), magnitudes: [] };
          return group && { ...memory, ...(passes && { passes }), ...(dora && { dora }) };
        },
      }),
    },
  );
function stepPlan(
  config: LlamaConfig,
  B: number,
  T: number,
  forms: KernelForms,
  checkpointing = false,
  adapters?: AdapterLayout,
  head: RunShapes['head'] = 'lm',
): Plan {
  const recorder = recorderOf(config, B, T, forms, checkpointing, adapters, true);
  recorder.forward(true);
  if (head === 'score') {
    const rstd = recorder.hiddenStates(nowhere('hidden'), nowhere('all rows'));
    recorder.backward(recorder.finalNormBackward(undefined, { d: nowhere('d hidden'), rstd }), false);
    return planMemory(recorder.recording);
  }
  const { stats, dh } = recorder.crossEntropy();
  recorder.totals(stats, nowhere('totals'));
  recorder.backward(recorder.finalNormBackward(dh), true);
  return planMemory(recorder.recording);
}
/** Weights, gradients and both moments; of a frozen base the weights alone, in four bits or f32. */
function weightBytes(
  config: LlamaConfig,
  adapters?: AdapterLayout,
  quantization?: Quantization | null,
  head: RunShapes['head'] = 'lm',
): number {
  const extra = HEAD_PARAMETERS[head](config.hidden_size);
  const floats = layoutOf(config, extra, Number.POSITIVE_INFINITY).segments.reduce((sum, one) => sum + one, 0);
  const base = !quantization
    ? 4 * floats
    : baseBytes(config)[quantization.bnb_4bit_use_double_quant ? 'nf4_double_quant' : 'nf4'];
  // Several adapters have a table of owners beside them, a byte for each float.
  return adapters ? base + (adapters.names.length > 1 ? 17 : 16) * adapters.floats : 16 * floats;
}

/** Of an SFT step with B rows of T tokens that trains all weights, or adapters beside a frozen base. */
export function stepMemory(
  config: LlamaConfig,
  B: number,
  T: number,
  forms: KernelForms,
  checkpointing = false,
  adapters: readonly LoraAdapter[] = [],
): StepMemory {
  const layout = layoutFor(config, adapters);
  const plan = stepPlan(config, B, T, forms, checkpointing, layout);
  return { weights: weightBytes(config, layout), activations: plan.bytes, largest: Math.max(...plan.slots) };
}

/** A pass over rows that are read and not trained on, and what it keeps of its own. */
function evaluationPlan(
  config: LlamaConfig,
  rows: number,
  T: number,
  forms: KernelForms,
  head: RunShapes['head'] = 'lm',
  adapters?: AdapterLayout,
): { plan: Plan; own: number } {
  const recorder = recorderOf(config, rows, T, forms, false, adapters);
  recorder.forward(false);
  const N = rows * T;
  if (head === 'score') recorder.hiddenStates(nowhere('hidden'), nowhere('all rows'));
  else {
    const stats = recorder.headStatistics();
    for (const stat of ['logp', 'argmax', 'entropy'] as const) recorder.spread(stats, stat, nowhere(stat));
  }
  const statistics = head === 'score' ? headBytes(config, N, 2) : 3 * 4 * N;
  return { plan: planMemory(recorder.recording), own: inputLayout(N).bytes + statistics };
}
/** A loss in tf ops has the hidden states, a copy and their gradient beside the recording, and the numbers of all rows. */
const headBytes = ({ hidden_size }: LlamaConfig, N: number, copies: number): number =>
  4 * N * (copies * hidden_size + 1);

/** Of a model that only reads `rows` of T tokens. */
export function readingMemory(
  config: LlamaConfig,
  rows: number,
  T: number,
  forms: KernelForms,
  head: RunShapes['head'] = 'lm',
): StepMemory {
  const { plan, own } = evaluationPlan(config, rows, T, forms, head);
  const floats = layoutOf(config, HEAD_PARAMETERS[head](config.hidden_size), Number.POSITIVE_INFINITY).segments.reduce((sum, one) => sum + one, 0); // biome-ignore format: one sum
  return {
    weights: 4 * floats,
    activations: own + tableBytes(config, T) + plan.bytes,
    largest: Math.max(0, ...plan.slots),
  };
}

/**
 * Of a whole SFT run: one pool serves its steps, measurements and answers in turn (SlotPool: the i-th largest slot fits the i-th
 * largest of each), and what each keeps of its own is added. `maxBytes`: see decodeBatches.
 */
export function runMemory(config: LlamaConfig, shapes: RunShapes, forms: KernelForms, maxBytes: number): StepMemory {
  const { B, T, checkpointing, evaluationRows, prompts, maxNewTokens } = shapes;
  const adapters = layoutFor(config, shapes.adapters);
  const isReward = shapes.head === 'score';
  const plans = [stepPlan(config, B, T, forms, checkpointing, adapters, shapes.head)];
  const table = tableBytes(config, prompts > 0 ? T + maxNewTokens : T);
  let own = inputLayout(B * T).bytes + table + (isReward ? headBytes(config, B * T, 4) : 0);
  let largest = 0;
  if (evaluationRows > 0) {
    const evaluation = evaluationPlan(config, evaluationRows, T, forms, shapes.head, adapters);
    plans.push(evaluation.plan);
    own += evaluation.own;
  }
  if (!isReward) {
    const answers = answerMemory(config, prompts, T, maxNewTokens, forms, maxBytes);
    plans.push(...answers.plans);
    own += answers.own;
    largest = Math.max(largest, answers.largest);
  }
  const pool: number[] = [];
  for (const { slots } of plans)
    [...slots]
      .sort((a, b) => b - a)
      .forEach((bytes, i) => {
        pool[i] = Math.max(pool[i] ?? 0, bytes);
      });
  const activations = own + pool.reduce((a, b) => a + b, 0);
  return {
    weights: weightBytes(config, adapters, shapes.quantization, shapes.head),
    activations,
    largest: Math.max(largest, ...pool),
  };
}

/** Of a model that only answers: `prompts` of `promptTokens` together, one unless given, and so many new tokens each. */
export function chatMemory(
  config: LlamaConfig,
  promptTokens: number,
  newTokens: number,
  forms: KernelForms,
  maxBytes: number,
  prompts = 1,
): StepMemory {
  const { plans, own, largest } = answerMemory(config, prompts, promptTokens, newTokens, forms, maxBytes);
  const floats = layoutOf(config, [], Number.POSITIVE_INFINITY).segments.reduce((sum, one) => sum + one, 0);
  // Prefill and tokens take turns in one pool.
  const table = tableBytes(config, promptTokens + newTokens);
  const activations = own + table + Math.max(0, ...plans.map(({ bytes }) => bytes));
  return { weights: 4 * floats, activations, largest: Math.max(largest, ...plans.flatMap(({ slots }) => slots)) };
}

/** Caches, prompts and tokens of the largest batch of answers. */
function answerMemory(
  config: LlamaConfig,
  prompts: number,
  T: number,
  max_new_tokens: number,
  forms: KernelForms,
  maxBytes: number,
): { plans: Plan[]; own: number; largest: number } {
  const length = Math.min(T, config.max_position_embeddings - 1);
  const request = {
    // Different from each other, so that none is shared.
    prompts: Array.from({ length: prompts }, (_, i) => new Array<number>(length).fill(i)),
    sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens, seed: 0 },
    stopIds: [],
  };
  const out = { plans: [] as Plan[], own: 0, largest: 0 };
  for (const { shape } of decodeBatches(request, config, maxBytes).slice(0, 1)) {
    const token = recordToken(config, forms, shape, {
      ...{ weight: nowhere, table: nowhere('table'), state: nowhere('state'), routes: nowhere('routes') },
      ...{ all: nowhere('all'), stops: nowhere('stops'), tokens: nowhere('tokens'), choices: nowhere('choices') },
      cache: () => nowhere('cache'),
      prefix: () => nowhere('prefix'),
    });
    out.plans.push(planMemory(token));
    const { cache, prefix, state, tokens, choices } = decodeBytes(config, shape);
    out.own = config.num_hidden_layers * (cache + prefix) + state + tokens + choices;
    out.largest = Math.max(cache, prefix);
    if (shape.prefixRows === 0) continue;
    const recorder = recorderOf(config, shape.groupsAtOnce, shape.prefixRows, forms);
    recorder.forward(false, () => nowhere('prefix'));
    out.plans.push(planMemory(recorder.recording));
    out.own += inputLayout(shape.groupsAtOnce * shape.prefixRows).bytes;
  }
  return out;
}
