// The golden samples of this browser.
import { asItCame } from '../data/jsonl';
import { ConfigError, DataError } from '../lib/errors';
import type { DatasetRow } from '../protocol/chat';
import type { Golden, GoldenCheck, TemplateSettings } from '../protocol/requests';
import type { Storage } from '../storage/storage';
import { checkGolden, goldenFile, makeGolden, parseGoldens } from '../text/goldens';
import type { RenderContext, RenderSettings } from '../text/renderContext';

const TABLE = 'goldens';

export class Goldens {
  constructor(private readonly storage: Storage) {}

  async list(): Promise<Golden[]> {
    const all = await this.storage.values<Golden>(TABLE);
    return all.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  /** Throws ConfigError without a name, and for one that is taken unless it is to be replaced. */
  async pin(
    given: string,
    row: DatasetRow,
    settings: RenderSettings & Pick<TemplateSettings, 'chat_template_kwargs'>,
    replace = false,
  ): Promise<Golden> {
    const name = given.trim();
    if (name === '') throw new ConfigError('The golden sample has no name. Give it one.', { where: 'name' });
    if (!replace && (await this.storage.getValue<Golden>(TABLE, name)))
      throw new ConfigError(`There is already a golden sample "${name}". Replace it, or choose another name.`, {
        where: 'name',
      });
    const golden = await makeGolden(name, row, settings, settings);
    await this.storage.setValue(TABLE, golden.name, golden);
    return golden;
  }
  async remove(name: string): Promise<{ name: string }> {
    await this.storage.deleteValue(TABLE, name);
    return { name };
  }
  async check(context: RenderContext): Promise<{ goldens: Golden[]; checks: GoldenCheck[] }> {
    const goldens = await this.list();
    return { goldens, checks: goldens.map((golden) => checkGolden(golden, context)) };
  }
  async export(): Promise<{ fileName: string; bytes: Uint8Array }> {
    return { fileName: 'goldens.json', bytes: new TextEncoder().encode(written(await this.list())) };
  }
  /** Samples that are there already, bit for bit, are passed over. Without `taken`, nothing is added while names are taken. */
  async import(bytes: Uint8Array, taken?: 'replace' | 'rename'): Promise<{ added: number; taken: string[] }> {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      throw new DataError('goldens.json is not UTF-8 text. Export it anew.', { cause, where: 'goldens.json' });
    }
    const known = new Map((await this.list()).map((golden) => [golden.name, golden]));
    const isKnown = (golden: Golden) => {
      const old = known.get(golden.name);
      return old !== undefined && JSON.stringify(parseGoldens(written([old]))) === JSON.stringify([golden]);
    };
    const given = parseGoldens(text).filter((golden) => !isKnown(golden));
    const clashes = given.flatMap(({ name }) => (known.has(name) ? [name] : []));
    if (clashes.length > 0 && !taken) return { added: 0, taken: clashes };
    for (const golden of given) {
      const name = taken === 'rename' ? freeName(golden.name, known) : golden.name;
      known.set(name, golden);
      await this.storage.setValue(TABLE, name, { ...golden, name });
    }
    return { added: given.length, taken: [] };
  }
}

const written = (goldens: readonly Golden[]): string => `${JSON.stringify(goldenFile(goldens), asItCame, 1)}\n`;

/** `a`, else `a (2)`, `a (3)` … */
function freeName(name: string, known: ReadonlyMap<string, unknown>): string {
  for (let i = 1; ; i++) {
    const free = i === 1 ? name : `${name} (${i})`;
    if (!known.has(free)) return free;
  }
}
