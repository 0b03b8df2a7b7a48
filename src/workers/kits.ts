// Tokenizers with templates that a person brought: the files are kept as an artifact, and read once.
import { ConfigError, DataError } from '../lib/errors';
import type { KitInfo } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import type { Storage } from '../storage/storage';
import { type ChatKit, chatKitOf, compileKit, isKitFile } from '../text/chatKit';
import type { CompiledTemplate } from '../text/chatTemplate';

const TABLE = 'kits';
const KEPT = 3;

export interface LoadedKit extends ChatKit {
  /** The kit's own template, compiled; undefined when it has none. */
  compiled?: CompiledTemplate;
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

  list(): Promise<KitInfo[]> {
    return this.storage.values<KitInfo>(TABLE);
  }

  /** Throws DataError naming file and field, TemplateError with line and column; nothing is kept then. */
  async import(name: string, files: readonly { path: string; bytes: ArrayBuffer }[]): Promise<KitInfo> {
    const { kit, kept } = read(files);
    const { id } = await this.artifacts.put('tokenizer', kept, { name });
    const info: KitInfo = {
      id,
      title: name,
      vocabSize: kit.tokenizer.vocabSize,
      tokens: kit.variables,
      notes: kit.notes,
      ...(kit.template !== undefined && { template: kit.template }),
      hasToolTemplate: kit.toolTemplate !== undefined,
    };
    await this.storage.setValue(TABLE, id, info);
    this.keep(id, kit);
    return info;
  }

  /** The same checks, with nothing kept. */
  check(files: readonly { path: string; bytes: ArrayBuffer }[]): { vocabSize: number } {
    return read(files).kit.tokenizer;
  }

  async load(id: string): Promise<LoadedKit> {
    const known = this.loaded.get(id);
    if (known) return known;
    const info = await this.artifacts.get(id);
    if (!info)
      throw new DataError(`There is no tokenizer ${id.slice(0, 15)}… in this browser. Import its files again.`, {
        where: id,
      });
    const files: Record<string, Uint8Array> = {};
    for (const { path } of info.manifest.files) files[path] = await this.artifacts.file(id, path);
    const kit = open(files, []);
    this.keep(id, kit);
    return kit;
  }

  /** Throws ConfigError while a model reads with it. */
  async remove(id: string): Promise<{ freedBytes: number }> {
    const model = (await this.artifacts.list('model')).find(({ manifest }) => manifest.parents.tokenizer === id);
    if (model)
      throw new ConfigError(
        `The model ${model.name} reads with this tokenizer. Delete the model first, on the Models page.`,
        {
          where: id,
        },
      );
    await this.storage.deleteValue(TABLE, id);
    this.loaded.delete(id);
    return { freedBytes: await this.artifacts.remove(id) };
  }

  private keep(id: string, kit: LoadedKit): void {
    this.loaded.set(id, kit);
    for (const old of [...this.loaded.keys()].slice(0, -KEPT)) this.loaded.delete(old);
  }
}

/** Throws DataError naming file and field, TemplateError with line and column. */
function read(files: readonly { path: string; bytes: ArrayBuffer }[]): {
  kit: LoadedKit;
  kept: Record<string, Uint8Array>;
} {
  const known = files.filter(({ path }) => isKitFile(path));
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
