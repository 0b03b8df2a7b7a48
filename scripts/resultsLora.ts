// Figures of adapters that are no metric of held-out answers.
import * as tf from '@tensorflow/tfjs-core';
import { collate } from '../src/data/collate';
import { bootstrapMean } from '../src/eval/stats';
import { encodeRecipe } from '../src/labs/recipeRows';
import { Rng } from '../src/lib/rng';
import type { ModelEngine } from '../src/nn/seam';
import type { EncodedRow } from '../src/protocol/chat';
import type { Recipe } from '../src/protocol/recipe';
import { loadRenderContext, modelOf } from './nodeModels';
import type { Measured } from './results';
import { train } from './resultsTraining';

/** Mean −log p of the trained tokens of each row, and how many there are. */
async function rowLosses(
  engine: ModelEngine,
  rows: readonly EncodedRow[],
): Promise<{ loss: number; tokens: number }[]> {
  const out: { loss: number; tokens: number }[] = [];
  for (const row of rows) {
    const batch = collate([row], { route: engine.activeRoute });
    const outputs = await engine.evaluate(batch, { want: ['logps'] });
    const logps = await outputs.logps!.data();
    tf.dispose(outputs as unknown as tf.TensorContainer);
    let sum = 0;
    let tokens = 0;
    batch.mask.forEach((m, i) => {
      sum -= m * logps[i]!;
      tokens += m;
    });
    out.push({ loss: sum / Math.max(tokens, 1), tokens });
  }
  return out;
}

/** Held-out loss a token of QLoRA minus that of LoRA, on the same rows; the interval is over rows. */
export async function qloraGap(lora: Recipe, qlora: Recipe, isForced: boolean): Promise<Measured[]> {
  const rows = encodeRecipe(lora, 'eval', loadRenderContext(lora.template)).rows;
  const losses: Awaited<ReturnType<typeof rowLosses>>[] = [];
  for (const recipe of [lora, qlora]) {
    const model = await modelOf(recipe);
    await train(recipe, model, isForced);
    losses.push(await rowLosses(model.engine, rows));
    model.engine.dispose();
  }
  const gaps = losses[1]!.map(({ loss }, i) => loss - losses[0]![i]!.loss);
  const value = gaps.reduce((a, b) => a + b, 0) / gaps.length;
  return [{ id: 'qlora/eval_loss_minus_lora', value, ...bootstrapMean(gaps, new Rng(1, 'qlora')), n: gaps.length, unit: 'nats a token' }]; // biome-ignore format: one figure
}
