// A toy model for tests of the loop: seeded random weights, trained in seconds.
import { TfEngine } from '../nn/engine';
import { initWeights } from '../nn/init';
import { PRESETS } from '../nn/presets';
import type { LlamaConfig } from '../protocol/model';
import type { MetricPoint } from '../protocol/run';
import type { TrainingRun } from './loop';

export const toyShape = (vocab_size: number): LlamaConfig => ({
  ...PRESETS.nano,
  vocab_size,
  hidden_size: 32,
  num_hidden_layers: 2,
  head_dim: 16,
  intermediate_size: 64,
  max_position_embeddings: 32,
  initializer_range: 0.1, // with 0.02 attention of a model this narrow starts nearly flat
});
export const toyEngine = (vocabSize: number, seed = 1): TfEngine => {
  const shape = toyShape(vocabSize);
  return new TfEngine(shape, initWeights(shape, seed));
};
/** Few rows a step, evaluated at the first and the last only. */
export const TOY_ARGS = {
  per_device_train_batch_size: 8,
  max_steps: 10,
  max_length: 32,
  eval_steps: 0,
  generate_steps: 0,
  weight_decay: 0,
};

/** All points of the steps up to `step`. */
export async function trainTo(run: TrainingRun, step: number): Promise<MetricPoint[]> {
  const points: MetricPoint[] = [];
  while (run.step < step) points.push(...(await run.trainStep()).points);
  return points;
}
