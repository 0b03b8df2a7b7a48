// What two models beside each other take, where one is measured from the other: the comparison of runs and the KL laboratory. Known
// from their shapes, before the weights of either are read.
import { KERNEL_FORMS } from '../gpu/kernels/forms';
import { chatMemory, readingMemory, type StepMemory, stepMemory } from '../nn/recorded/stepMemory';
import { tfAnswerBytes, tfChatMemory, tfEvaluationBytes, tfStepMemory } from '../nn/tfStepMemory';
import type { BackendInfo, LlamaConfig } from '../protocol/model';

export interface PairTask {
  /** The one that is measured, and the one that it is measured from. */
  models: readonly [LlamaConfig, LlamaConfig];
  /** Answers that are written together; tokens of a prompt, and new ones, at most. */
  rows: number;
  promptTokens: number;
  newTokens: number;
  /** Answers that are read together afterwards. */
  read: number;
  /** The first gets gradients on what is read, while the logits of both stand beside each other for so many tokens. */
  gradientsOver?: number;
}
/** Copies of [tokens, V] that a divergence of two models has at once, of both. */
const LOGITS = 8;

export function pairMemory(task: PairTask, { backend, isFallbackAdapter, largestBuffer }: BackendInfo): StepMemory {
  const { models, rows, promptTokens, newTokens, read, gradientsOver = 0 } = task;
  const [policy, reference] = models;
  const T = Math.min(promptTokens + newTokens, ...models.map((config) => config.max_position_embeddings));
  const logits = 4 * LOGITS * gradientsOver * policy.vocab_size;
  if (backend === 'wasm') {
    const step = tfStepMemory(policy, read, T);
    const reading = models.map((config) => tfEvaluationBytes(config, read, T));
    const hasGradients = gradientsOver > 0;
    const held = hasGradients ? step.weights : tfChatMemory(policy, 1).weights;
    return {
      weights: held + tfChatMemory(reference, 1).weights,
      activations: Math.max(
        ...models.map((config) => tfAnswerBytes(config, rows, promptTokens, newTokens)),
        ...reading.map((bytes) => bytes + logits),
        hasGradients ? step.activations + reading[1]! + logits : 0,
      ),
      largest: 0,
    };
  }
  const forms = KERNEL_FORMS(isFallbackAdapter);
  const most = largestBuffer ?? Number.POSITIVE_INFINITY;
  const answers = models.map((config) => chatMemory(config, promptTokens, newTokens, forms, most, rows));
  const reading = models.map((config) => readingMemory(config, read, T, forms));
  const step = gradientsOver > 0 ? stepMemory(policy, read, T, forms) : reading[0]!;
  // One pool of buffers serves them in turn.
  const turns = [...answers, ...reading, step];
  return {
    weights: step.weights + reading[1]!.weights,
    activations: Math.max(...turns.map(({ activations }) => activations)) + logits,
    largest: Math.max(...turns.map(({ largest }) => largest)),
  };
}
