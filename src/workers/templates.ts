// Chat templates that a person keeps: artifacts, named by the hash of their source, so that runs can say what they used.
import { ConfigError, TemplateError } from '../lib/errors';
import type { TemplateInfo } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import type { Storage } from '../storage/storage';
import { BUILTIN_TEMPLATE } from '../text/builtinTemplate';
import { compileTemplate } from '../text/chatTemplate';

const FILE = 'chat_template.jinja';
const BUILTIN: TemplateInfo = { ref: 'builtin:chatml', name: 'ChatML (built-in)', source: BUILTIN_TEMPLATE };

export class Templates {
  private readonly artifacts: ArtifactStore;
  constructor(storage: Storage, now: () => number) {
    this.artifacts = new ArtifactStore(storage, now);
  }

  async list(): Promise<TemplateInfo[]> {
    const saved = await this.artifacts.list('template');
    return [
      BUILTIN,
      ...(await Promise.all(saved.map(async ({ id, name }) => ({ ref: id, name, source: await this.read(id) })))),
    ];
  }
  private async read(id: string): Promise<string> {
    return new TextDecoder().decode(await this.artifacts.file(id, FILE));
  }

  /** Throws TemplateError with line and column when the source cannot be read, ConfigError without a name. */
  async save(name: string, source: string): Promise<TemplateInfo> {
    if (name.trim() === '') throw new ConfigError('The template has no name. Give it one.', { where: 'name' });
    compileTemplate(source);
    if (source === BUILTIN_TEMPLATE) return BUILTIN;
    const { id, name: kept } = await this.artifacts.put(
      'template',
      { [FILE]: new TextEncoder().encode(source) },
      { name: name.trim() },
    );
    return { ref: id, name: kept, source };
  }

  async remove(ref: string): Promise<{ freedBytes: number }> {
    const info = await this.artifacts.get(ref);
    if (info?.manifest.kind !== 'template')
      throw new TemplateError('There is no such template in this browser; it may have been deleted already.', {
        where: ref,
      });
    return { freedBytes: await this.artifacts.remove(ref) };
  }
}
