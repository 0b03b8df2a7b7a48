// One rollout: completions of the policy as it is, drawn by the batched generator, with all that the method wants to know of
// them. log π is computed anew under the trainer's own temperature, as TRL does; the generator's numbers are of temperature 1.
import { type NamedReward, type Rewarded, reward } from '../../eval/rewards/reward';
import { CancelledError } from '../../lib/errors';
import { generate } from '../../nn/generate';
import { readLogps } from '../../nn/readLogps';
import type { Engine, GeneratedRow, ModelEngine } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import type { Reference } from '../loop';
import type { OnlineArgs, OnlinePrompt, ScoredCompletion } from './onlineTrainer';
import { placeOf, rolloutBatch } from './rolloutBatch';

export interface RolloutContext {
  engine: ModelEngine;
  /** Route of the adapter that is trained; −1 without one. */
  route: number;
  reference?: Reference;
  /** Head `value`. */
  values?: Engine;
  rewards: readonly NamedReward[];
  stopIds: readonly number[];
  decode: (ids: readonly number[]) => string;
  now: () => number;
}
export interface Drawn {
  rows: ScoredCompletion[];
  /** In the units of `now`. */
  time: { rollout: number; scoring: number };
}
/** How others get their turn, and how the run is told to pause. */
export class Interruption {
  private readonly controller = new AbortController();
  constructor(
    private readonly isInterrupted: () => boolean,
    private readonly yieldToOthers: (() => Promise<void>) | undefined,
  ) {}
  get signal(): AbortSignal {
    return this.controller.signal;
  }
  async giveWay(): Promise<void> {
    await this.yieldToOthers?.();
    if (this.isInterrupted()) this.controller.abort('paused');
  }
  /** Throws CancelledError when the run is to pause. */
  async check(): Promise<void> {
    await this.giveWay();
    if (this.signal.aborted) throw new CancelledError('The run is to pause.');
  }
}

/** `indices` of prompts, one completion each. Throws CancelledError when it is interrupted; nothing is kept then. */
export async function drawRollout(
  context: RolloutContext,
  prompts: readonly OnlinePrompt[],
  indices: readonly number[],
  { args, seed, interruption }: { args: OnlineArgs; seed: number; interruption: Interruption },
): Promise<Drawn> {
  const { engine, route, now } = context;
  const { temperature, top_p, top_k, min_p, max_completion_length: max_new_tokens } = args;
  const started = now();
  const generated = await generate(engine, {
    prompts: indices.map((i) => prompts[i]!.ids),
    sampling: { temperature, top_p, top_k, min_p, max_new_tokens, seed },
    stopIds: context.stopIds,
    rowAdapter: new Int32Array(indices.length).fill(route),
    signal: interruption.signal,
    yieldToOthers: () => interruption.giveWay(),
  });
  await interruption.check();
  const drawnAt = now();
  const scored = await scores(context, prompts, indices, generated);
  const rows = indices.map((prompt, i): ScoredCompletion => {
    const { ids, terminated } = generated[i]!;
    return { prompt, ids, terminated, ...scored[i]!, oldLogps: [] };
  });
  await readModels(context, prompts, rows, args, interruption);
  return { rows, time: { rollout: drawnAt - started, scoring: now() - drawnAt } };
}

function scores(
  { rewards, decode }: RolloutContext,
  prompts: readonly OnlinePrompt[],
  indices: readonly number[],
  generated: readonly GeneratedRow[],
): Promise<Rewarded[]> {
  const of = indices.map((i) => prompts[i]!);
  return reward(rewards, {
    prompts: of.map(({ text }) => text),
    completions: generated.map(({ ids, terminated }) => decode(terminated ? ids.slice(0, -1) : ids)),
    promptIds: of.map(({ ids }) => ids),
    completionIds: generated.map(({ ids }) => ids),
    rows: of.map(({ source }) => source),
  });
}

/** oldLogps, refLogps and values of the rows, in batches of rows of like length. */
async function readModels(
  { engine, route, reference, values }: RolloutContext,
  prompts: readonly OnlinePrompt[],
  rows: readonly ScoredCompletion[],
  { temperature, max_length, per_device_train_batch_size: size }: OnlineArgs,
  interruption: Interruption,
): Promise<void> {
  const lengthOf = ({ prompt, ids }: ScoredCompletion) => prompts[prompt]!.ids.length + ids.length;
  const order = [...rows].sort((a, b) => lengthOf(a) - lengthOf(b));
  for (let start = 0; start < order.length; start += size) {
    const own = order.slice(start, start + size);
    const batch = rolloutBatch(own, prompts, { maxLength: max_length, route });
    const policy = await readLogps(engine, batch, temperature);
    const frozen = await reference?.(batch, { temperature });
    const value = values && (await valuesOf(values, batch));
    own.forEach((row, b) => {
      const at = placeOf(batch, b, prompts[row.prompt]!);
      const part = (all: Float32Array, extra = 0) => Array.from(all.subarray(at, at + row.ids.length + extra));
      row.oldLogps = part(policy);
      if (frozen) row.refLogps = part(frozen);
      if (value) row.values = part(value, 1);
    });
    await interruption.check();
  }
}
/** The value model has no adapters. */
async function valuesOf(engine: Engine, batch: Batch): Promise<Float32Array> {
  const plain = { ...batch, rowAdapter: new Int32Array(batch.B).fill(-1) };
  const { hidden, scores, mask, targets } = await engine.evaluate(plain, {
    want: ['hidden'],
    options: { head: 'value' },
  });
  try {
    return (await scores!.data()) as Float32Array;
  } finally {
    for (const tensor of [hidden, scores, mask, targets]) tensor?.dispose();
  }
}
