// Growing lists as JSON Lines: one append per batch, never a rewrite. A torn last line (killed tab) is left out.
import type { Storage } from './storage';

const NEWLINE = 10;

export async function readJsonLines<T>(storage: Storage, path: string): Promise<T[]> {
  const bytes = await storage.read(path);
  if (!bytes) return [];
  const whole = bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1);
  const items: T[] = [];
  for (const line of new TextDecoder().decode(whole).split('\n')) {
    if (line === '') continue;
    try {
      items.push(JSON.parse(line) as T);
    } catch {
      // A torn line that a later append completed with a newline: what it held is lost, the rest is not.
    }
  }
  return items;
}

export async function appendJsonLines(storage: Storage, path: string, items: readonly unknown[]): Promise<void> {
  if (items.length) await storage.append(path, encode(items));
}

/** Replaces the whole list, atomically. */
export async function writeJsonLines(storage: Storage, path: string, items: readonly unknown[]): Promise<void> {
  await storage.write(path, encode(items));
}

// Each batch begins with a newline too: after a torn end, the new items still stand on lines of their own.
function encode(items: readonly unknown[]): Uint8Array {
  return new TextEncoder().encode(`\n${items.map((item) => JSON.stringify(item)).join('\n')}\n`);
}
