// Settings of a LoRA adapter as a form: names are PEFT's (LoraConfig); where a default differs, the help says so. Which modules
// it sits on is chosen apart (target_modules).
import type { Fields } from '../../lib/fields';

export const fields = {
  r: {
    type: 'number',
    default: 8,
    min: 1,
    max: 256,
    integer: true,
    help: 'Rank: the width of A and B, and so how much an adapter can hold.',
  },
  lora_alpha: {
    type: 'number',
    default: 16,
    min: 0.01,
    max: 4096,
    help: 'The update is scaled by lora_alpha / r; PEFT has 8.',
  },
  lora_dropout: {
    type: 'number',
    default: 0,
    min: 0,
    max: 0.9,
    help: 'Share of the inputs of A that are left out in training.',
  },
  use_rslora: {
    type: 'boolean',
    default: false,
    help: 'Scales by lora_alpha / √r, so that a large rank learns as fast as a small one.',
  },
  use_dora: {
    type: 'boolean',
    default: false,
    help: 'Learns a length for each row of the weight beside its direction.',
  },
  lora_bias: {
    type: 'boolean',
    default: false,
    advanced: true,
    help: 'Adds a bias behind B. An adapter with one cannot be merged into a Llama, which has no biases.',
  },
  bias: {
    type: 'choice',
    default: 'none',
    options: ['none', 'all', 'lora_only'] as const,
    advanced: true,
    help: 'Which biases of the base are trained; a Llama has none, so this only travels with the file.',
  },
  init_lora_weights: {
    type: 'choice',
    default: 'true',
    options: ['true', 'gaussian'] as const,
    advanced: true,
    help: 'First values of A: uniform in ±1/√in, or normal with deviation 1/r. B starts at 0 either way.',
  },
} as const satisfies Fields;
