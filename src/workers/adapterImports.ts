// Adapters that a person brings as PEFT's files, on their way into the registry: read beside its base, kept, registered.
import { findAdapter, type ImportBase, readImport } from '../interop/adapterImport';
import { ConfigError } from '../lib/errors';
import type { AdapterReading, GivenBytes } from '../protocol/requests';
import type { RegistryEntry, RequestMetadata } from '../protocol/serving';
import { BUILTIN } from './builtinModels';
import { type ModelSource, refuseRewardAdapter } from './models';
import type { Tenancy } from './tenancy';

export class AdapterImports {
  constructor(private readonly tenancy: Pick<Tenancy, 'base' | 'registerFiles'>) {}

  /** Throws DataError, ConfigError or ShapeError, in words, for files that are no adapter of a language model or fit no module of the base. */
  async read(files: readonly GivenBytes[]): Promise<AdapterReading> {
    return (await this.readFiles(files)).reading;
  }

  /**
   * Keeps the adapter and makes it the next version of entry `id`. Throws ConfigError where only shapes speak for the base and the
   * person has not confirmed it, and as the registry does; nothing is kept then.
   */
  async register(
    files: readonly GivenBytes[],
    isBaseConfirmed: boolean,
    id: number,
    about: { name?: string; metadata?: RequestMetadata },
  ): Promise<RegistryEntry> {
    const { reading, files: kept, parents } = await this.readFiles(files);
    const { base, name } = reading;
    if (base.needsConfirmation && !isBaseConfirmed)
      throw new ConfigError(`${base.text} Confirm that it was trained on this base, or leave it.`, { where: 'base' });
    const word = base.needsConfirmation ? `; base confirmed by hand, the file names ${base.said ?? 'none'}` : '';
    const note = `imported from ${name}${word}`;
    return this.tenancy.registerFiles(id, kept, { name, parents }, { name: about.name ?? name, metadata: about.metadata, note }); // biome-ignore format: one call
  }

  private async readFiles(files: readonly GivenBytes[]) {
    const given = files.map(({ path, bytes }) => ({ path, blob: new Blob([bytes]) }));
    const read = await readImport(await findAdapter(given), importBase(await this.tenancy.base()));
    refuseRewardAdapter(read.reading.config, read.reading.name);
    return read;
  }
}

/**
 * `micro-sft-base` is called micro-sft as well: in its folder, and in the files of the adapters that ship. `stored`: names of models
 * that the person has.
 */
export function importBase(
  { info: { artifactId, name, ref, config } }: ModelSource,
  stored: readonly string[] = [],
): ImportBase {
  const short = ref.replace(/^builtin:/, '');
  const names = [name, short, ref];
  const builtin = BUILTIN.filter((one) => one !== short).flatMap((one) => [one, `${one}-base`]);
  return { artifactId, name, names, others: [...builtin, ...stored].filter((one) => !names.includes(one)), config };
}
