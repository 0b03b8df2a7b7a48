// An adapter that the person brings, between being read and being registered. The files stay in the page until then.
import { create } from 'zustand';
import { DataError } from '../../lib/errors';
import type { AdapterReading, GivenBytes } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { byteWords } from '../../ui/byteWords';
import type { PickedFile } from '../../ui/droppedFiles';
import type { Target } from './entryTarget';
import { refresh, runWork } from './tenants';

/** Above it nothing is read: an adapter of a model here has a few MiB. */
const MOST_BYTES = 2 ** 30;
const WANTED = /(?:^|\/)(?:adapter_config\.json|adapter_model\.safetensors|posttrain_studio\.json)$|\.zip$/i;

interface Imports {
  files?: GivenBytes[];
  reading?: AdapterReading;
  /** What became of the last one. */
  registered?: { id: number; version: number };
}
export const useImports = create<Imports>()(() => ({}));

/** Files that make no adapter are named, not read: the worker tells what was found instead. */
async function bytesOf({ path, file }: PickedFile): Promise<GivenBytes> {
  if (!WANTED.test(path)) return { path, bytes: new ArrayBuffer(0) };
  if (file.size > MOST_BYTES)
    throw new DataError(
      `${path} has ${byteWords(file.size)}, and an adapter of a model here has a few MiB. Choose an adapter’s folder.`,
      { where: path },
    );
  return { path, bytes: await file.arrayBuffer() };
}

export const readFiles = (picked: readonly PickedFile[]): Promise<void> =>
  runWork('import', async ({ signal }) => {
    useImports.setState({}, true);
    const files = await Promise.all(picked.map(bytesOf));
    const reading = await studioClient().compute.request('readAdapterFiles', { files }, { signal });
    useImports.setState({ files, reading }, true);
  });
export const discardFiles = (): void => useImports.setState({}, true);
export const registerFiles = (isBaseConfirmed: boolean, target: Target): Promise<void> =>
  runWork('import', async ({ signal }) => {
    const { files } = useImports.getState();
    if (!files) return;
    const params = { files, isBaseConfirmed, ...target };
    const { id, versions } = await studioClient().compute.request('importAdapter', params, { signal });
    useImports.setState({ registered: { id, version: versions.at(-1)!.version } }, true);
    await refresh();
  });
