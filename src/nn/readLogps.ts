// Log-probabilities of a batch as numbers, and nothing of it left on the device.
import type { Batch } from '../protocol/batch';
import type { Engine } from './seam';

/** log p of each target, nats, [B·T]; 0 where nothing is read. `temperature` divides the logits, 1 unless given. */
export async function readLogps(engine: Engine, batch: Batch, temperature?: number): Promise<Float32Array> {
  const options = temperature === undefined ? undefined : { temperature };
  const { logps, mask, targets } = await engine.evaluate(batch, { want: ['logps'], ...(options && { options }) });
  try {
    return (await logps!.data()) as Float32Array;
  } finally {
    for (const tensor of [logps, mask, targets]) tensor?.dispose();
  }
}
