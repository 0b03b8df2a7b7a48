// A trained adapter as one zip to download: PEFT's two files, a card, and a file that names the base by its hash.
import type { LoraAdapter, NamedTensorMap } from '../nn/seam';
import type { LlamaConfig } from '../protocol/model';
import { artifactId, manifestOf } from '../storage/hash';
import type { TensorSource } from '../storage/tensorSource';
import { bytesFile, slugOf, textFile, zipFolder } from './modelExport';
import { ORIGIN_FILE, writeAdapter } from './peft';

export interface TrainedAdapter {
  config: LlamaConfig;
  /** config.json of the base, as it was read. */
  hfConfig: unknown;
  /** Of the base, read tensor by tensor: it may be larger than memory. */
  weights: TensorSource;
  /** What base_model_name_or_path says. */
  baseName: string;
  /** Artifact id of the base; undefined where it is not known. */
  baseId?: string;
  /** Artifact id of the template that it was trained with, where the adapter names it. */
  templateId?: string;
  /** Of the run or artifact; the file is called after it. */
  name: string;
  adapter: LoraAdapter;
  /** Under PEFT's names. */
  tensors: NamedTensorMap;
  /** Of the run at which it was read; undefined for one that is no run's. */
  step?: number;
}

/** Artifact id of an adapter beside its base; undefined where the base is not known. */
export async function adapterId({
  config,
  adapter,
  tensors,
  baseName,
  baseId,
  templateId,
}: Pick<TrainedAdapter, 'config' | 'adapter' | 'tensors' | 'baseName' | 'baseId' | 'templateId'>): Promise<
  string | undefined
> {
  if (baseId === undefined) return undefined;
  const files = writeAdapter(config, adapter.config, tensors, baseName);
  const parents = { base: baseId, ...(templateId !== undefined && { template: templateId }) };
  return artifactId(await manifestOf('adapter', files, parents));
}

/**
 * adapter_config.json and adapter_model.safetensors: what PeftModel.from_pretrained reads; beside them what an import checks, and
 * `card` as README.md. `kept`: of an artifact its id and its two files, which go out as they are.
 */
export async function adapterZip(
  trained: TrainedAdapter,
  card: string,
  kept?: { id: string; files: Record<string, Uint8Array> },
): Promise<{ fileName: string; blob: Blob }> {
  const { config, adapter, tensors, baseName, baseId, templateId, name } = trained;
  const files = kept?.files ?? writeAdapter(config, adapter.config, tensors, baseName);
  const id = baseId === undefined ? undefined : (kept?.id ?? (await adapterId(trained)));
  const said = { adapter: id, base: baseId, ...(templateId !== undefined && { template: templateId }), baseName };
  const origin = id === undefined ? [] : [textFile(ORIGIN_FILE, JSON.stringify(said, undefined, 2))];
  const all = [...Object.entries(files).map(([path, bytes]) => bytesFile(path, bytes)), ...origin, textFile('README.md', card)]; // biome-ignore format: one list
  return { fileName: `${slugOf(name, 'adapter')}.peft.zip`, blob: await zipFolder(all) };
}
