// A tiny model's folder as Hugging Face publishes it, for tests: seeded random weights, the studio's tokenizer file, a template.
import { readFileSync } from 'node:fs';
import { initWeights } from '../nn/init';
import { PRESETS } from '../nn/presets';
import type { NamedTensorMap } from '../nn/seam';
import type { LlamaConfig } from '../protocol/model';
import { writeSafetensors } from '../storage/safetensors';
import type { GivenFile } from './hfModel';

export const TINY: LlamaConfig = {
  ...PRESETS.nano,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 16,
};
export const tinyWeights = (config: LlamaConfig = TINY): NamedTensorMap => initWeights(config, 5);

export const TEMPLATE =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{{ '\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

const encode = (value: unknown): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
/** `undefined` takes a file away. */
export function tinyFolder(
  changes: Record<string, Uint8Array | object | string | undefined> = {},
  config: LlamaConfig = TINY,
): GivenFile[] {
  const files: Record<string, Uint8Array | object | string | undefined> = {
    'config.json': { model_type: 'llama', architectures: ['LlamaForCausalLM'], dtype: 'float32', ...config },
    'generation_config.json': { eos_token_id: [2, 7] },
    'model.safetensors': writeSafetensors(tinyWeights(config), { format: 'pt' }),
    'tokenizer.json': new Uint8Array(readFileSync('public/models/tokenizer.json')),
    'tokenizer_config.json': { eos_token: '<|im_end|>', pad_token: '<|pad|>', model_max_length: 1024 },
    'chat_template.jinja': TEMPLATE,
    'README.md': '# a model',
    ...changes,
  };
  return Object.entries(files).flatMap(([name, content]) => {
    if (content === undefined) return [];
    const bytes = content instanceof Uint8Array ? content : encode(content);
    return [{ path: `tiny/${name}`, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) }];
  });
}
