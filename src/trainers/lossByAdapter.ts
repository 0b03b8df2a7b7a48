// The loss of a batch whose rows train several adapters: one loss for the rows of each, so that each is divided by its own count
// and an adapter gets the gradient that it would get alone. Methods know nothing of it: they see the rows of one adapter.
import * as tf from '@tensorflow/tfjs-core';
import { ShapeError } from '../lib/errors';
import type { LossFn, LossOutput, Outputs } from '../nn/seam';
import type { Batch } from '../protocol/batch';

/** The rows of a batch that train one adapter. */
export interface AdapterRows {
  /** Ends the names of its sums, counts and metrics: `loss/<adapter>`. */
  adapter: string;
  route: number;
  /** The first of its rows in the whole batch. */
  first: number;
  /** Its rows as a batch of their own. */
  batch: Batch;
}

/** Splits a batch by route, base and all. Throws ShapeError where the rows of a route do not stand together. */
export function rowsByAdapter(batch: Batch, names: readonly string[]): AdapterRows[] {
  const { B, rowAdapter } = batch;
  const out: AdapterRows[] = [];
  for (let first = 0; first < B; ) {
    const route = rowAdapter[first]!;
    let end = first;
    while (end < B && rowAdapter[end] === route) end++;
    if (out.some((one) => one.route === route))
      throw new ShapeError(`The rows of route ${route} must stand together in a batch. Sort the rows by route.`);
    out.push({ adapter: names[route] ?? 'base', route, first, batch: rowsOf(batch, first, end) });
    first = end;
  }
  return out;
}
function rowsOf(batch: Batch, first: number, end: number): Batch {
  const { T } = batch;
  const cut = <X extends Int32Array | Float32Array>(x: X): X => x.subarray(first * T, end * T) as X;
  const { ids, positions, segmentIds, targets, mask, rowAdapter, rowValues, tokenValues } = batch;
  const each = (values: { [name: string]: Float32Array }, cutOne: (x: Float32Array) => Float32Array) =>
    Object.fromEntries(Object.entries(values).map(([name, x]) => [name, cutOne(x)]));
  return {
    B: end - first,
    T,
    ids: cut(ids),
    positions: cut(positions),
    segmentIds: cut(segmentIds),
    targets: cut(targets),
    mask: cut(mask),
    rowAdapter: rowAdapter.subarray(first, end),
    ...(rowValues && { rowValues: each(rowValues, (x) => x.subarray(first, end)) }),
    ...(tokenValues && { tokenValues: each(tokenValues, cut) }),
  };
}

/** A method's loss on the rows of each adapter for itself. `lossOf` gives the loss of a batch. */
export function lossByAdapter(parts: readonly AdapterRows[], lossOf: (batch: Batch) => LossFn): LossFn {
  const losses = parts.map((part) => ({ ...part, loss: lossOf(part.batch) }));
  const fn: LossFn = (outputs) => {
    const all: LossOutput = { sums: {}, counts: {}, metrics: {} };
    for (const { adapter, first, batch, loss } of losses) {
      const out = loss(outputsOf(outputs, first, batch.B));
      for (const kind of ['sums', 'counts', 'metrics'] as const)
        for (const [name, value] of Object.entries(out[kind]))
          Object.assign(all[kind], { [`${name}/${adapter}`]: value });
    }
    return all;
  };
  const fused = losses.map(({ loss }) => loss.fused);
  const [one] = fused;
  if (!one || fused.some((other) => other?.kind !== one.kind || other.dft !== one.dft)) return fn;
  const counted = losses.map(({ adapter: name, route, loss }) => ({ name, route, count: loss.fused!.count }));
  const count = counted.reduce((sum, part) => sum + part.count, 0);
  return Object.assign(fn, { fused: { ...one, count, parts: counted } });
}
/** Every output has its rows first. */
function outputsOf(outputs: Outputs, first: number, rows: number): Outputs {
  const cut = <X extends tf.Tensor>(x: X): X => tf.slice<tf.Rank, X>(x, first, rows);
  const { topk, ...rest } = outputs;
  const own = Object.fromEntries(Object.entries(rest).map(([name, x]) => [name, cut(x as tf.Tensor)]));
  return { ...own, ...(topk && { topk: { logps: cut(topk.logps), ids: cut(topk.ids) } }) } as unknown as Outputs;
}
