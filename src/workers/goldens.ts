// The golden samples of this browser.
import { withNullContent } from '../data/jsonl';
import { ConfigError, DataError } from '../lib/errors';
import type { DatasetRow } from '../protocol/chat';
import type { Golden, GoldenCheck } from '../protocol/requests';
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
  async pin(name: string, row: DatasetRow, settings: RenderSettings): Promise<Golden> {
    if (name.trim() === '') throw new ConfigError('The golden sample has no name. Give it one.', { where: 'name' });
    const golden = await makeGolden(name.trim(), row, settings, settings);
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
    const text = `${JSON.stringify(goldenFile(await this.list()), withNullContent, 1)}\n`;
    return { fileName: 'goldens.json', bytes: new TextEncoder().encode(text) };
  }
  async import(bytes: Uint8Array): Promise<{ added: number }> {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      throw new DataError('goldens.json is not UTF-8 text. Export it anew.', { cause, where: 'goldens.json' });
    }
    const goldens = parseGoldens(text);
    for (const golden of goldens) await this.storage.setValue(TABLE, golden.name, golden);
    return { added: goldens.length };
  }
}
