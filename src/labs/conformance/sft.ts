// What SFT is made of, against the textbook, the paper of dft and torch's schedulers.
import * as tf from '@tensorflow/tfjs-core';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from '../../text/builtinTemplate';
import { compileTemplate } from '../../text/chatTemplate';
import { render } from '../../text/render';
import { Tokenizer } from '../../text/tokenizer';
import { scheduleFactor } from '../../trainers/schedule';
import { loss } from '../../trainers/sft/trainer';
import type { Vector } from './vector';

/** The trainer's own loss on two targets of given probabilities and one that is masked, on the device. */
async function lossOf(loss_type: 'nll' | 'dft'): Promise<{ sum: number; mean: number }> {
  const mask = Float32Array.from([0, 1, 1]);
  const of = (values: number[]) => tf.tensor2d(values, [1, 3]);
  const value = tf.tidy(() => {
    const { sums, counts } = loss(
      { mask },
      { loss_type },
    )({
      logps: of([Math.log(0.1), Math.log(0.8), Math.log(0.4)]),
      argmax: tf.tensor2d([0, 0, 0], [1, 3], 'int32'),
      entropies: of([0, 0, 0]),
      mask: of([0, 1, 1]),
      targets: tf.tensor2d([0, 0, 0], [1, 3], 'int32'),
    });
    return tf.stack([sums.loss!, tf.scalar(counts.loss!)]);
  });
  const [sum = Number.NaN, count = 0] = await value.data();
  value.dispose();
  return { sum, mean: sum / count };
}

/** torch.optim.lr_scheduler through transformers.get_scheduler, at steps 0 … n. */
const LINEAR = [0, 1 / 3, 2 / 3, 1, 16 / 17, 15 / 17];
const COSINE = [0, 0.5, 1, (1 + Math.cos(Math.PI / 6)) / 2, (1 + Math.cos(Math.PI / 3)) / 2, 0.5];

export const sftVectors: Vector[] = [
  {
    id: 'sft/nll',
    title: 'p = .8 and .4 cost 1.139 nats summed, .570 a token; the masked token costs nothing',
    source: "the textbook's worked example",
    toleranceKind: 'absolute',
    tolerance: 5e-4,
    async run() {
      const { sum, mean } = await lossOf('nll');
      return { expected: [1.139, 0.57], found: [sum, mean] };
    },
  },
  {
    id: 'sft/dft',
    title: 'dft: −p · log p, summed and averaged',
    source: 'Wu et al. 2025, arXiv:2508.05629, eq. 9',
    toleranceKind: 'absolute',
    tolerance: 1e-5,
    async run() {
      const sum = -0.8 * Math.log(0.8) - 0.4 * Math.log(0.4);
      const found = await lossOf('dft');
      return { expected: [sum, sum / 2], found: [found.sum, found.mean] };
    },
  },
  {
    id: 'sft/schedule_linear',
    title: 'Linear schedule, 3 steps of warm-up of 20',
    source: 'transformers get_linear_schedule_with_warmup',
    toleranceKind: 'absolute',
    tolerance: 1e-12,
    run: async () => ({ expected: LINEAR, found: LINEAR.map((_, step) => scheduleFactor('linear', step, 3, 20)) }),
  },
  {
    id: 'sft/schedule_cosine',
    title: 'Cosine schedule, 2 steps of warm-up of 8',
    source: 'transformers get_cosine_schedule_with_warmup',
    toleranceKind: 'absolute',
    tolerance: 1e-12,
    run: async () => ({ expected: COSINE, found: COSINE.map((_, step) => scheduleFactor('cosine', step, 2, 8)) }),
  },
  {
    id: 'sft/mask',
    title: 'Ten tokens, six of context and four of answer: m',
    source: "the textbook's ten-token row; TRL completion_only_loss",
    toleranceKind: 'absolute',
    tolerance: 0,
    async run({ read }) {
      const tokenizer = Tokenizer.fromJson(new TextDecoder().decode(await read('tokenizer.json')));
      const row = render({ prompt: 'Q3 spending of sales?', completion: ' 80' }, 'ten tokens', {
        ...{ tokenizer, ...BUILTIN_TOKENS, template: compileTemplate(BUILTIN_TEMPLATE) },
        mode: 'completion_only_loss',
        max_length: 64,
      });
      return { expected: [0, 0, 0, 0, 0, 0, 1, 1, 1, 1], found: row.mask };
    },
  },
];
