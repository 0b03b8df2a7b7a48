// A trained adapter as one zip to download: PEFT's two files and one that names the base by its hash, or a model folder as transformers reads it, with the adapter
// merged into the base at full precision.
import { type Zippable, zipSync } from 'fflate';
import { inFloat32 } from '../nn/hfConfig';
import { mergeLora } from '../nn/lora';
import type { LoraAdapter, NamedTensorMap } from '../nn/seam';
import type { LlamaConfig } from '../protocol/model';
import { artifactId, manifestOf } from '../storage/hash';
import { writeSafetensors } from '../storage/safetensors';
import { ORIGIN_FILE, writeAdapter } from './peft';

export interface TrainedAdapter {
  config: LlamaConfig;
  /** config.json of the base, as it was read. */
  hfConfig: unknown;
  /** Of the base. */
  weights: NamedTensorMap;
  /** What base_model_name_or_path says. */
  baseName: string;
  /** Artifact id of the base; undefined where it is not known. */
  baseId?: string;
  /** Of the run or artifact; the file is called after it. */
  name: string;
  adapter: LoraAdapter;
  /** Under PEFT's names. */
  tensors: NamedTensorMap;
  /** Of the run at which it was read; undefined for one that is no run's. */
  step?: number;
}
export interface ExportedFile {
  fileName: string;
  bytes: Uint8Array<ArrayBuffer>;
}

function zipped(name: string, ending: string, files: Record<string, Uint8Array>): ExportedFile {
  const zippable: Zippable = {};
  // Weights do not compress: level 0 stores them as they are.
  for (const [path, bytes] of Object.entries(files))
    zippable[path] = [bytes, { level: path.endsWith('.safetensors') ? 0 : 6 }];
  const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'adapter'; // biome-ignore format: reads as one idea
  // A fixed time, so that the same adapter gives the same file.
  return { fileName: `${slug}.${ending}.zip`, bytes: zipSync(zippable, { mtime: '2000-01-01T00:00:00' }) };
}

/** adapter_config.json and adapter_model.safetensors: what PeftModel.from_pretrained reads; beside them what an import checks. */
export async function adapterZip({
  config,
  adapter,
  tensors,
  baseName,
  baseId,
  name,
}: TrainedAdapter): Promise<ExportedFile> {
  const files = writeAdapter(config, adapter.config, tensors, baseName);
  if (baseId === undefined) return zipped(name, 'peft', files);
  const id = await artifactId(await manifestOf('adapter', files, { base: baseId }));
  return zipped(name, 'peft', { ...files, [ORIGIN_FILE]: json({ adapter: id, base: baseId, baseName }) });
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value, undefined, 2));

/**
 * The folder of a whole model. `tokenizer`: its files, with the template that the adapter was trained with. Throws ConfigError for
 * an adapter with lora_bias, which cannot be merged.
 */
export function mergedZip(
  { config, hfConfig, weights, adapter, tensors, name }: TrainedAdapter,
  tokenizer: Record<string, Uint8Array>,
): ExportedFile {
  return zipped(name, 'merged', {
    'config.json': json(inFloat32(hfConfig)),
    'model.safetensors': writeSafetensors(mergeLora(config, weights, adapter, tensors), { format: 'pt' }),
    ...tokenizer,
  });
}
