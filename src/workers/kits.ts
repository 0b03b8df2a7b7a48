// Tokenizers with templates that a person brought: the files are kept as an artifact, and read once.
import { ConfigError, DataError } from '../lib/errors';
import { isKitFile, requireKitSize } from '../protocol/kitFiles';
import type { KitInfo } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import { artifactId, manifestOf } from '../storage/hash';
import { exclusive, type Storage } from '../storage/storage';
import { type ChatKit, chatKitOf, compileKit } from '../text/chatKit';
import type { CompiledTemplate } from '../text/chatTemplate';

const TABLE = 'kits';
const KEPT = 3;

/**
 * `person`: brought by itself, so that it stays when a model with the same tokenizer goes; `model`: it came along with one. Of
 * entries of earlier versions nobody knows, so they stay too.
 */
type Origin = 'person' | 'model';
type StoredKit = KitInfo & { from?: Origin };
/** An import of a model that was begun and names its tokenizer (modelImports.ts). */
type BegunImport = { name: string; kit: string };
/** Table of them. */
export const IMPORTS = 'model-imports';

export interface LoadedKit extends ChatKit {
  /** The kit's own template, compiled; undefined when it has none. */
  compiled?: CompiledTemplate;
}

interface KitFile {
  path: string;
  bytes: ArrayBuffer;
}

export class Kits {
  private readonly artifacts: ArtifactStore;
  /** The last ones used, the newest last. */
  private readonly loaded = new Map<string, LoadedKit>();

  constructor(
    private readonly storage: Storage,
    now: () => number,
  ) {
    this.artifacts = new ArtifactStore(storage, now);
  }

  async list(): Promise<KitInfo[]> {
    const stored = await this.storage.values<StoredKit>(TABLE);
    return stored.map(({ from: _from, ...info }) => info);
  }

  /**
   * What is there already keeps its name; `storedSince` says so. Throws DataError naming file and field, TemplateError with line
   * and column; nothing is kept then.
   */
  async import(
    name: string,
    files: readonly KitFile[],
    from: Origin = 'person',
  ): Promise<KitInfo & { storedSince?: number }> {
    const { kit, kept } = read(files);
    const id = await artifactId(await manifestOf('tokenizer', kept));
    return exclusive(`kit/${id}`, async () => {
      const known = await this.storage.getValue<StoredKit>(TABLE, id);
      const artifact = known && (await this.artifacts.get(id));
      this.keep(id, kit);
      if (known && artifact) {
        const { from: was, ...info } = known;
        if (from === 'person' && was === 'model') await this.storage.setValue(TABLE, id, { ...info, from });
        return { ...info, storedSince: artifact.createdAt };
      }
      await this.artifacts.put('tokenizer', kept, { name });
      const info: KitInfo = {
        id,
        title: name,
        vocabSize: kit.tokenizer.vocabSize,
        tokens: kit.variables,
        notes: kit.notes,
        ...(kit.template !== undefined && { template: kit.template }),
        hasToolTemplate: kit.toolTemplate !== undefined,
      };
      await this.storage.setValue(TABLE, id, { ...info, from } satisfies StoredKit);
      return info;
    });
  }

  /** The same checks, with nothing kept; `id` is the one that it will have. */
  async check(files: readonly KitFile[]): Promise<{ id: string; vocabSize: number }> {
    const { kit, kept } = read(files);
    return { id: await artifactId(await manifestOf('tokenizer', kept)), vocabSize: kit.tokenizer.vocabSize };
  }

  async load(id: string): Promise<LoadedKit> {
    const known = this.loaded.get(id);
    const info = await this.artifacts.get(id); // asked each time: another worker may have deleted it
    if (known && info) return known;
    if (!info) {
      const name = (await this.artifacts.removed(id))?.name;
      throw new DataError(
        `${name === undefined ? `There is no tokenizer ${id.slice(0, 15)}… in this browser` : `The tokenizer “${name}” was deleted from this browser`}. Import its files again.`,
        { where: id },
      );
    }
    const files: Record<string, Uint8Array> = {};
    for (const { path } of info.manifest.files) files[path] = await this.artifacts.file(id, path);
    const kit = open(files, []);
    this.keep(id, kit);
    return kit;
  }

  /** Names of the models that read with it, those among them that are being imported. */
  private async readers(id: string): Promise<string[]> {
    const models = (await this.artifacts.list()).filter(({ manifest }) => manifest.parents.tokenizer === id);
    const begun = (await this.storage.values<BegunImport>(IMPORTS)).filter(({ kit }) => kit === id);
    return [...models, ...begun].map(({ name }) => name);
  }
  /** Why it may not be deleted: names a model that reads with it; undefined where none does. */
  async holder(id: string): Promise<string | undefined> {
    const [model] = await this.readers(id);
    return model && `The model ${model} reads with this tokenizer. Delete the model first, on the Models page.`;
  }
  /** Throws ConfigError while a model reads with it. */
  async remove(id: string): Promise<{ freedBytes: number }> {
    return exclusive(`kit/${id}`, async () => {
      const held = await this.holder(id);
      if (held !== undefined) throw new ConfigError(held, { where: id });
      return { freedBytes: await this.drop(id) };
    });
  }
  /** After a model went: its tokenizer goes with it, unless another reads with it or the person brought it by itself. */
  async removeUnused(id: string): Promise<number> {
    return exclusive(`kit/${id}`, async () => {
      const known = await this.storage.getValue<StoredKit>(TABLE, id);
      if (known?.from !== 'model' || (await this.readers(id)).length > 0) return 0;
      return this.drop(id);
    });
  }
  private async drop(id: string): Promise<number> {
    await this.storage.deleteValue(TABLE, id);
    this.loaded.delete(id);
    return this.artifacts.remove(id);
  }

  private keep(id: string, kit: LoadedKit): void {
    this.loaded.set(id, kit);
    for (const old of [...this.loaded.keys()].slice(0, -KEPT)) this.loaded.delete(old);
  }
}

/** Throws DataError naming file and field, TemplateError with line and column. */
function read(files: readonly KitFile[]): { kit: LoadedKit; kept: Record<string, Uint8Array> } {
  const known = files.filter(({ path }) => isKitFile(path));
  for (const { path, bytes } of known) requireKitSize(path, bytes.byteLength);
  const others = files.filter(({ path }) => !isKitFile(path)).map(({ path }) => path);
  const kept: Record<string, Uint8Array> = {};
  // Of two files of one name the one nearer to the top counts.
  const depth = ({ path }: { path: string }) => path.split(/[\\/]/).length;
  for (const { path, bytes } of known.toSorted((a, b) => depth(b) - depth(a)))
    kept[relative(path)] = new Uint8Array(bytes);
  // The names of the others tell what is missing: a tokenizer.model without a tokenizer.json, say.
  const kit = open(kept, others);
  return { kit, kept };
}

/** Without the folder that the files came in; companions of the template keep theirs. */
const relative = (path: string): string =>
  /additional_chat_templates[\\/][^\\/]+$/.exec(path)?.[0] ?? path.replaceAll('\\', '/').split('/').at(-1)!;

function open(files: Record<string, Uint8Array>, others: readonly string[]): LoadedKit {
  const texts = new Map<string, string>(others.map((path) => [path, '']));
  for (const [path, bytes] of Object.entries(files)) {
    try {
      texts.set(path, new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (cause) {
      throw new DataError(`${path} is not UTF-8 text. Fetch it again, or save it as UTF-8.`, { cause, where: path });
    }
  }
  const kit = chatKitOf(texts);
  const compiled = compileKit(kit);
  return compiled ? { ...kit, compiled } : kit;
}
