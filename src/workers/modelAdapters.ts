// Adapters that a person brings for a model of theirs: PEFT's files, held against that model and kept beside it as an artifact.
import { findAdapter, readImport } from '../interop/adapterImport';
import { type GivenFile, MODEL_CONFIG } from '../interop/hfModel';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, readAdapterConfig } from '../interop/peft';
import { unzipGiven } from '../interop/zipFile';
import { CheckpointError, ConfigError } from '../lib/errors';
import { headOf } from '../nn/hfConfig';
import { isRewardAdapter } from '../nn/lora';
import type { AdapterReading, ModelRef } from '../protocol/requests';
import type { ArtifactInfo, ArtifactStore } from '../storage/artifacts';
import type { RunStore } from '../storage/runs';
import { importBase } from './adapterImports';
import type { Models } from './models';

/** Note of an adapter that came from elsewhere; a run has left the others. */
const IMPORTED = 'imported';
/** Of one that a run has left and a person has added to its base since: else it is shown as the run alone. */
const ADDED = 'added';
export const isImportedAdapter = ({ manifest, note }: ArtifactInfo): boolean =>
  manifest.kind === 'adapter' && note === IMPORTED && manifest.parents.base !== undefined;
/** What is shown beside its base. */
const isListedAdapter = (info: ArtifactInfo): boolean =>
  isImportedAdapter(info) || (info.manifest.kind === 'adapter' && info.note === ADDED);

/** Whether a stored model gives rewards; an adapter does with a head of its own, or beside a base that does. A file that is gone says nothing. */
export async function isRewardModel(artifacts: ArtifactStore, { id, manifest }: ArtifactInfo): Promise<boolean> {
  try {
    const isAdapter = manifest.kind === 'adapter';
    const bytes = await artifacts.file(id, isAdapter ? ADAPTER_CONFIG : MODEL_CONFIG);
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (!isAdapter) return headOf(json) === 'score';
    const { base } = manifest.parents;
    const beside = base === undefined ? undefined : await artifacts.get(base);
    return (
      isRewardAdapter(readAdapterConfig(json).config) || (beside !== undefined && isRewardModel(artifacts, beside))
    );
  } catch (error) {
    // It is listed all the same, to be deleted; whoever opens it is told.
    if (error instanceof CheckpointError) return false;
    throw error;
  }
}

/** What dropped files are, by their names and those inside zips. */
export async function kindOfFiles(given: readonly GivenFile[]): Promise<'model' | 'adapter'> {
  const names = (await unzipGiven(given, () => false)).map(({ path }) => path.split(/[/\\]/).at(-1)!);
  const isAdapter = names.includes(ADAPTER_CONFIG) || names.includes(ADAPTER_WEIGHTS);
  return isAdapter && !names.includes('config.json') ? 'adapter' : 'model';
}

export class ModelAdapters {
  constructor(
    private readonly models: Pick<Models, 'source'>,
    private readonly artifacts: ArtifactStore,
    private readonly runs: Pick<RunStore, 'heads'>,
  ) {}

  /** Throws DataError, ConfigError or ShapeError, in words, for files that are no adapter or do not fit the model. */
  async read(base: ModelRef, files: readonly GivenFile[]): Promise<AdapterReading> {
    return (await this.readBeside(base, files)).reading;
  }
  /**
   * Keeps the adapter beside the model; what is there already keeps its name (`isKnown`). Throws ConfigError where only shapes speak for the model and the person has not confirmed
   * it, and as `read` does; nothing is kept then.
   */
  async add(
    base: ModelRef,
    files: readonly GivenFile[],
    isBaseConfirmed: boolean,
  ): Promise<{ info: ArtifactInfo; isKnown: boolean }> {
    const { reading, files: kept, parents } = await this.readBeside(base, files);
    if (reading.base.needsConfirmation && !isBaseConfirmed)
      throw new ConfigError(`${reading.base.text} Confirm that it was trained on this model, or leave it.`, {
        where: 'base',
      });
    const about = { name: reading.name, note: IMPORTED, parents };
    const isKnown = (await this.artifacts.get(reading.artifactId)) !== undefined;
    const info = await this.artifacts.put('adapter', kept, about);
    const { id, name } = info;
    if (isListedAdapter(info)) return { info, isKnown };
    // From now on it is shown beside the model too.
    const isOfRun = (await this.runs.heads()).some(({ outputs }) => Object.values(outputs).includes(id));
    await this.artifacts.rename(id, name, isOfRun ? ADDED : IMPORTED);
    return { info: (await this.artifacts.get(id))!, isKnown };
  }

  private async readBeside(ref: ModelRef, given: readonly GivenFile[]) {
    const source = await this.models.source(ref);
    if (source.adapters)
      throw new ConfigError(`${source.info.name} is an adapter itself. Open its base, and add the adapter there.`, {
        where: ref,
      });
    const found = await findAdapter(given);
    const others = (await this.artifacts.list('model')).map(({ name }) => name);
    return readImport(found, importBase(source, others));
  }
}
