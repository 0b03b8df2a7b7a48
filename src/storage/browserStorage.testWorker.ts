// Runs BrowserStorage where it lives, in a dedicated worker, for browserStorage.gpu.test.ts: one scenario per message.
import { StorageError } from '../lib/errors';
import { BrowserStorage } from './browserStorage';
import type { WriteProbe } from './storage';

const bytes = (...values: number[]) => new Uint8Array(values);
const collect = async (chunks: AsyncIterable<Uint8Array>) => {
  const out: number[][] = [];
  for await (const chunk of chunks) out.push([...chunk]);
  return out;
};

const scenarios: Record<string, (name: string) => Promise<unknown>> = {
  async roundTrip(name) {
    const storage = await BrowserStorage.open(name);
    await storage.write('a/b.bin', [bytes(1, 2, 3), bytes(4, 5)]);
    await storage.write('a/b.bin', [bytes(6, 7, 8)]); // replaced, and shorter
    await storage.append('a/log', bytes(1));
    await storage.append('a/log', bytes(2, 3));
    await storage.setValue('runs', 'x/1', { n: 1 });
    await storage.setValue('runsX', 'x', { n: 2 });
    const reopened = await BrowserStorage.open(name);
    return {
      whole: [...(await reopened.read('a/b.bin'))!],
      chunks: await collect(reopened.chunks('a/b.bin', 2)),
      log: [...(await reopened.read('a/log'))!],
      entries: await reopened.list('a'),
      values: await reopened.values('runs'),
      none: (await reopened.read('a/none')) === undefined,
      freed: await reopened.remove('a'),
      left: await reopened.list('a'),
    };
  },
  async failures(name) {
    const out: Record<string, unknown> = {};
    for (const step of ['write', 'flush', 'rename'] as const) {
      let isFailing = false;
      const probe: WriteProbe = (at) => {
        if (isFailing && at === step) throw new DOMException('full', 'QuotaExceededError');
      };
      const storage = await BrowserStorage.open(name, { probe });
      await storage.write('keep/me', bytes(1));
      isFailing = true;
      const error = await storage.write('keep/me', bytes(2, 2)).catch((e) => e);
      isFailing = false;
      const kept = [...(await storage.read('keep/me'))!];
      const names = (await storage.list('keep')).map((entry) => entry.name);
      out[step] = { isStorageError: error instanceof StorageError, message: error.message, kept, names };
    }
    return out;
  },
  async pieces(name) {
    const storage = await BrowserStorage.open(name);
    await storage.writeAt('a/b.bin', 0, bytes(1, 2, 3));
    await storage.writeAt('a/b.bin', 5, bytes(9)); // beyond the end: the gap is zeros
    await storage.writeAt('a/b.bin', 1, bytes(7));
    return {
      whole: [...(await storage.read('a/b.bin'))!],
      size: await storage.size('a/b.bin'),
      none: (await storage.size('a/none')) === undefined,
      middle: [...(await storage.readRange('a/b.bin', 1, 4))],
      end: [...(await storage.readRange('a/b.bin', 4, 100))],
    };
  },
  async large(name) {
    const storage = await BrowserStorage.open(name);
    const data = new Uint8Array(20_000_000).map((_, i) => i * 7);
    await storage.write('big', data);
    const back = (await storage.read('big'))!;
    await storage.remove('big');
    return back.length === data.length && back.every((value, i) => value === data[i]);
  },
  async parallel(name) {
    const storage = await BrowserStorage.open(name);
    await Promise.all(Array.from({ length: 20 }, (_, i) => storage.append('lines', bytes(i))));
    await Promise.all(Array.from({ length: 8 }, (_, i) => storage.write('same', bytes(i, i))));
    const same = [...(await storage.read('same'))!];
    const lines = [...(await storage.read('lines'))!];
    return { same, lines };
  },
};

self.addEventListener('message', async (event: MessageEvent<{ scenario: string; name: string }>) => {
  const { scenario, name } = event.data;
  try {
    self.postMessage({ value: await scenarios[scenario]!(name) });
  } catch (error) {
    self.postMessage({ error: String((error as Error).stack ?? error) });
  }
});
