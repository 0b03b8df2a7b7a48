// Folders of models as Hugging Face would hold them, on this machine's disk, for journeys that bring one.
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import type { TestInfo } from '@playwright/test';
import { parameterShapes } from '../src/nn/presets';
import type { LlamaConfig } from '../src/protocol/model';

const TEMPLATE = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}"; // biome-ignore format: one template
/** nano's real files as Hugging Face would hold them, with a template of its own; `changes` to config.json. */
export function folder(info: TestInfo, name: string, changes: Record<string, unknown> = {}): string {
  const path = info.outputPath(name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  cpSync('public/models/nano/model.safetensors', `${path}/model.safetensors`);
  cpSync('public/models/tokenizer.json', `${path}/tokenizer.json`);
  writeFileSync(`${path}/chat_template.jinja`, TEMPLATE);
  writeFileSync(`${path}/tokenizer_config.json`, JSON.stringify({ eos_token: '<|im_end|>' }));
  writeFileSync(`${path}/generation_config.json`, JSON.stringify({ eos_token_id: 0 }));
  const config = JSON.parse(readFileSync('public/models/nano/config.json', 'utf8'));
  writeFileSync(`${path}/config.json`, JSON.stringify({ ...config, ...changes }));
  return path;
}

/** 200 MB of zeros and more, which take no room on this disk and a second or more to copy. */
export function largeFolder(info: TestInfo, name: string, layers = 4): string {
  const path = folder(info, name, { hidden_size: 1024, intermediate_size: 3072, num_hidden_layers: layers, num_attention_heads: 16, num_key_value_heads: 8, head_dim: 64 }); // biome-ignore format: one folder
  writeZeros(`${path}/model.safetensors`, JSON.parse(readFileSync(`${path}/config.json`, 'utf8')) as LlamaConfig);
  return path;
}

/** model.safetensors of this shape, all zeros: a sparse file. */
function writeZeros(path: string, config: LlamaConfig): void {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, shape] of parameterShapes(config)) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(path, Buffer.concat([length, json]));
  truncateSync(path, 8 + json.length + at);
}
