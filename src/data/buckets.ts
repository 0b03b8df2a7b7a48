// Length buckets and the batch sampler: rows of similar length go together, so that little is computed on padding.
import { ConfigError } from '../lib/errors';
import { Rng } from '../lib/rng';

/** Few lengths, so that a GPU compiles few pipelines. */
export const BUCKETS = [32, 64, 96, 128, 160, 192, 256, 320, 384, 448, 512, 640, 768, 896, 1024] as const;

/** Buckets up to a context; the context itself is always one. */
export function bucketsUpTo(maxLength: number, buckets: readonly number[] = BUCKETS): number[] {
  return [...buckets.filter((bucket) => bucket < maxLength), maxLength];
}

export interface SamplerState {
  epoch: number;
  /** Batches of this epoch already given out. */
  batch: number;
}
export interface SamplerOptions {
  batchSize: number;
  seed: number;
  /** Rows shuffled together before they are sorted by length, in batches; 0 = pure shuffle. 50 as transformers' sampler. */
  megaBatches?: number;
  /** TRL's dataloader_drop_last. */
  dropLast?: boolean;
}

/**
 * Batches of row indices, epoch after epoch, each epoch every row once. Order depends on (seed, epoch) only, so a sampler
 * made from a saved state goes on exactly where it was.
 */
export class BatchSampler {
  private readonly lengths: readonly number[];
  private readonly options: Required<SamplerOptions>;
  private epoch: number;
  private next: number;
  private plan: number[][];

  constructor(lengths: readonly number[], options: SamplerOptions, state: SamplerState = { epoch: 0, batch: 0 }) {
    if (lengths.length === 0)
      throw new ConfigError('The dataset has no row to train on. Choose another dataset or split.');
    if (!Number.isInteger(options.batchSize) || options.batchSize < 1)
      throw new ConfigError(`The batch size must be a whole number of at least 1, got ${options.batchSize}.`);
    this.lengths = lengths;
    this.options = { megaBatches: 50, dropLast: false, ...options };
    this.epoch = state.epoch;
    this.next = state.batch;
    this.plan = this.planEpoch(this.epoch);
  }

  /** Batches an epoch. */
  get batchesPerEpoch(): number {
    const { batchSize, dropLast } = this.options;
    const whole = Math.floor(this.lengths.length / batchSize);
    return dropLast && whole > 0 ? whole : Math.ceil(this.lengths.length / batchSize);
  }

  private planEpoch(epoch: number): number[][] {
    const { batchSize, seed, megaBatches } = this.options;
    const rng = new Rng(seed, 'sampler').fork(epoch);
    const order = rng.shuffle(this.lengths.map((_, i) => i));
    const batches: number[][] = [];
    const mega = megaBatches > 0 ? megaBatches * batchSize : order.length;
    for (let at = 0; at < order.length; at += mega) {
      const group = order.slice(at, at + mega);
      if (megaBatches > 0) group.sort((a, b) => this.lengths[b]! - this.lengths[a]!);
      for (let i = 0; i < group.length; i += batchSize) batches.push(group.slice(i, i + batchSize));
    }
    // A short batch may stand anywhere after the shuffle; dropping takes it first.
    const full = batches.filter((batch) => batch.length === batchSize);
    const short = batches.filter((batch) => batch.length < batchSize);
    const kept = this.options.dropLast && full.length > 0 ? full : [...full, ...short];
    return rng.shuffle(kept);
  }

  /** The next batch of row indices; starts a new epoch when one is over. */
  nextBatch(): number[] {
    if (this.next >= this.plan.length) {
      this.epoch++;
      this.next = 0;
      this.plan = this.planEpoch(this.epoch);
    }
    return this.plan[this.next++]!;
  }

  state(): SamplerState {
    return { epoch: this.epoch, batch: this.next };
  }
}
