import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditDraft, AuditEntry } from '../protocol/serving';
import { AuditLog, verifyExport } from './auditLog';
import { canonicalJson, sha256 } from './hash';
import { MemoryStorage } from './memoryStorage';
import { NodeStorage } from './nodeStorage';
import type { Storage } from './storage';

const PATH = 'audit/routing.jsonl';
const draft = (i: number): AuditDraft =>
  i % 3 === 2
    ? {
        requestId: `r${i}`,
        metadata: { tenant_id: 'bank_D', policy_version: 'policy_v3' },
        decision: 'refused',
        reason: 'unknown_tenant',
        message: 'No rule serves “bank_D”.', // outside ASCII, so that bytes are not characters
      }
    : {
        requestId: `r${i}`,
        metadata: { tenant_id: i % 3 ? 'retail_B' : 'bank_A', policy_version: 'policy_v3', industry: undefined },
        decision: 'routed',
        mode: 'batched',
        adapterId: i % 3 ? 42 : 17,
        version: 1,
        artifactId: `sha256:${'a'.repeat(64)}`,
      };
async function logOf(n: number, storage: Storage = new MemoryStorage()) {
  let time = 1_700_000_000_000;
  const open = () => new AuditLog(storage, () => time++);
  const log = open();
  const drafts = Array.from({ length: n }, (_, i) => draft(i));
  const entries = [...(await log.append(drafts.slice(0, 2))), ...(await log.append(drafts.slice(2)))];
  const bytes = async () => (await storage.read(PATH))!;
  return { storage, log, open, entries, bytes };
}
const lineEnds = (bytes: Uint8Array) => [...bytes.keys()].filter((i) => bytes[i] === 10).map((i) => i + 1);
/** Entry, from 1, that a byte belongs to; its newline is part of it. */
const entryAt = (bytes: Uint8Array, at: number) => lineEnds(bytes).filter((end) => end <= at).length + 1;

describe('a log that nobody touched', () => {
  test('chains entries by the sha256 of their canonical JSON, and verifies in any instance', async () => {
    const { log, open, entries, bytes } = await logOf(5);
    expect(entries.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5]);
    expect(entries[0]!.prev).toBe('0'.repeat(64));
    for (const [i, entry] of entries.entries()) {
      const { hash, ...body } = entry;
      expect(hash).toBe(await sha256(canonicalJson(body)));
      if (i > 0) expect(entry.prev).toBe(entries[i - 1]!.hash);
    }
    // The hash by a known value: sha256 of "abc" (FIPS 180-2, B.1).
    expect(await sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(new TextDecoder().decode(await bytes())).toBe(entries.map((entry) => `${canonicalJson(entry)}\n`).join(''));
    expect(await log.verify()).toEqual({ ok: true, count: 5 });
    expect(await open().verify()).toEqual({ ok: true, count: 5 });
    expect(await open().head()).toEqual({ count: 5, hash: entries[4]!.hash });
  });
  test('an empty log verifies; nothing appended writes nothing', async () => {
    const { log, storage } = await logOf(0);
    expect(await log.append([])).toEqual([]);
    expect(await log.verify()).toEqual({ ok: true, count: 0 });
    expect(await storage.read(PATH)).toBeUndefined();
  });
  test('appends made at once stand one after the other', async () => {
    const { log } = await logOf(0);
    await Promise.all(Array.from({ length: 20 }, (_, i) => log.append([draft(i)])));
    expect(await log.verify()).toEqual({ ok: true, count: 20 });
    expect((await log.search()).map(({ requestId }) => requestId)).toEqual(
      Array.from({ length: 20 }, (_, i) => `r${i}`),
    );
  });
  test('search by tenant, adapter, decision, time and text', async () => {
    const { log, entries } = await logOf(9);
    const found = async (query: Parameters<AuditLog['search']>[0]) => (await log.search(query)).map(({ n }) => n);
    expect(await found({ tenant: 'bank_A' })).toEqual([1, 4, 7]);
    expect(await found({ tenant: 'BANK' })).toEqual([1, 3, 4, 6, 7, 9]); // any part, in any case
    expect(await found({ tenant: 'nobody' })).toEqual([]);
    expect(await found({ adapterId: 42 })).toEqual([2, 5, 8]);
    expect(await found({ decision: 'refused' })).toEqual([3, 6, 9]);
    expect(await found({ from: entries[2]!.at, to: entries[4]!.at })).toEqual([3, 4, 5]);
    expect(await found({ text: 'NO RULE serves' })).toEqual([3, 6, 9]);
    expect(await found({ text: 'r7', adapterId: 42 })).toEqual([8]);
    expect(await found({})).toHaveLength(9);
  });
});

describe('tampering', () => {
  const N = 6;
  let whole: Uint8Array;
  let exported: Uint8Array;
  let entries: AuditEntry[];
  let storage: Storage;
  let log: AuditLog;
  beforeAll(async () => {
    const bed = await logOf(N);
    ({ storage, log, entries } = bed);
    whole = await bed.bytes();
    exported = await log.export();
  });
  /** The verdict on a file in the log's place. */
  async function verdictOn(bytes: Uint8Array) {
    await storage.write(PATH, bytes);
    const verdict = await log.verify();
    await storage.write(PATH, whole);
    return verdict;
  }
  const lines = (bytes = whole) => new TextDecoder().decode(bytes).trimEnd().split('\n');
  const joined = (text: string[]) => new TextEncoder().encode(text.map((line) => `${line}\n`).join(''));
  const anyByte = () => fc.nat(whole.length - 1);
  const runs = { numRuns: 150 };

  test('any byte changed: its entry is named, in the log and in an export', async () => {
    await fc.assert(
      fc.asyncProperty(anyByte(), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = whole.slice();
        changed[at]! ^= flip;
        const n = entryAt(whole, at);
        expect(await verdictOn(changed)).toMatchObject({ ok: false, brokenAt: n });
        const inExport = exported.slice();
        inExport[at]! ^= flip;
        expect((await verifyExport(inExport)).verdict).toMatchObject({
          brokenAt: n,
        });
      }),
      runs,
    );
  });
  test('any byte of an export’s closing line changed: found', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: whole.length, max: exported.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const changed = exported.slice();
          changed[at]! ^= flip;
          expect((await verifyExport(changed)).verdict.ok).toBe(false);
        },
      ),
      runs,
    );
  });
  test('any byte left out, put in, or exchanged with its neighbour: its entry is named', async () => {
    await fc.assert(
      fc.asyncProperty(anyByte(), fc.nat(255), async (at, value) => {
        const n = entryAt(whole, at);
        const [head, tail] = [[...whole.slice(0, at)], [...whole.slice(at + 1)]];
        expect(await verdictOn(Uint8Array.from([...head, ...tail]))).toMatchObject({ ok: false, brokenAt: n });
        expect(await verdictOn(Uint8Array.from([...head, value, whole[at]!, ...tail]))).toMatchObject({ brokenAt: n });
        if (at + 1 < whole.length && whole[at] !== whole[at + 1])
          expect(await verdictOn(Uint8Array.from([...head, tail[0]!, whole[at]!, ...tail.slice(1)]))).toMatchObject({
            brokenAt: n,
          });
      }),
      runs,
    );
  });
  test('cut off anywhere: the first entry that is missing or torn is named', async () => {
    await fc.assert(
      fc.asyncProperty(anyByte(), async (length) => {
        expect(await verdictOn(whole.slice(0, length))).toMatchObject({ ok: false, brokenAt: entryAt(whole, length) });
        const cut = await verifyExport(exported.slice(0, length)).catch((error: Error) => error);
        if (cut instanceof Error)
          expect(cut.message).toMatch(/no exported routing log/); // not one whole entry left
        else expect(cut.verdict).toMatchObject({ ok: false, brokenAt: entryAt(whole, length) });
      }),
      runs,
    );
  });
  test('entries removed, swapped, repeated or moved: the first place that is not as written is named', async () => {
    const place = fc.nat(N - 1);
    await fc.assert(
      fc.asyncProperty(place, place, async (i, j) => {
        const all = lines();
        expect(await verdictOn(joined(all.toSpliced(i, 1)))).toMatchObject({ ok: false, brokenAt: i + 1 });
        expect(await verdictOn(joined(all.toSpliced(i, 0, all[i]!)))).toMatchObject({ ok: false, brokenAt: i + 2 });
        if (i === j) return;
        const swapped = all.with(i, all[j]!).with(j, all[i]!);
        expect(await verdictOn(joined(swapped))).toMatchObject({ ok: false, brokenAt: Math.min(i, j) + 1 });
        const moved = all.toSpliced(i, 1).toSpliced(j, 0, all[i]!);
        expect(await verdictOn(joined(moved))).toMatchObject({ ok: false, brokenAt: Math.min(i, j) + 1 });
      }),
      runs,
    );
  });
  test('a change that JSON does not see is one all the same: a blank, another order, an escape', async () => {
    const second = lines()[1]!;
    const { adapterId, ...rest } = JSON.parse(second) as AuditEntry;
    for (const line of [
      second.replace(':', ': '),
      JSON.stringify({ ...rest, adapterId }),
      second.replace('r1', '\\u0072' + '1'),
    ]) {
      expect(JSON.parse(line)).toEqual(entries[1]);
      expect(await verdictOn(joined(lines().with(1, line)))).toMatchObject({ ok: false, brokenAt: 2 });
    }
  });
  test('an entry edited and hashed anew breaks the next one; the last breaks the head', async () => {
    const forge = async (n: number) => {
      const { hash: _, ...body } = { ...entries[n - 1]!, adapterId: 42 };
      return canonicalJson({ ...body, hash: await sha256(canonicalJson(body)) });
    };
    const verdict = await verdictOn(joined(lines().with(0, await forge(1))));
    expect(verdict).toEqual({
      ok: false,
      brokenAt: 2,
      why: 'Entry 2 does not follow from entry 1: one of the two was written anew.',
    });
    expect(await verdictOn(joined(lines().with(N - 1, await forge(N))))).toMatchObject({
      brokenAt: N,
      why: expect.stringContaining('head'),
    });
  });
  test('an entry that fits the chain but did not go through the log is past the head', async () => {
    const body = { ...draft(0), n: N + 1, at: 1, prev: entries[N - 1]!.hash };
    const line = canonicalJson({ ...body, hash: await sha256(canonicalJson(body)) });
    expect(await verdictOn(joined([...lines(), line]))).toMatchObject({
      brokenAt: N + 1,
      why: expect.stringContaining('past the head'),
    });
  });
  test('a log made anew as a whole shows beside a head that was noted', async () => {
    const noted = await log.head();
    expect(await log.verify(noted)).toEqual({ ok: true, count: N });
    const other = await (await logOf(N - 1)).log.export();
    expect((await verifyExport(other)).verdict).toEqual({ ok: true, count: N - 1 });
    expect((await verifyExport(other, noted)).verdict).toMatchObject({ ok: false, brokenAt: N });
    const { log: another } = await logOf(N + 1);
    expect(await another.verify(noted)).toEqual({ ok: true, count: N + 1 }); // it has grown since
    expect(await another.verify({ count: 3, hash: 'f'.repeat(64) })).toMatchObject({ ok: false, brokenAt: 3 });
  });
  test('the head lost, the file lost, a file of something else', async () => {
    const bed = await logOf(2);
    await bed.storage.deleteValue('audit-heads', 'routing');
    expect(await bed.log.verify()).toMatchObject({ ok: false, brokenAt: 1 });
    const second = await logOf(2);
    await second.storage.remove(PATH);
    expect(await second.log.verify()).toMatchObject({
      ok: false,
      brokenAt: 1,
      why: expect.stringContaining('counts 2'),
    });
    await expect(verifyExport(new TextEncoder().encode('{"loss": 1}\n'))).rejects.toThrow('no exported routing log');
  });
});

test('export and import: the entries come back, of an empty log none', async () => {
  const { log, entries } = await logOf(4);
  expect(await verifyExport(await log.export())).toEqual({ verdict: { ok: true, count: 4 }, entries });
  const { log: empty } = await logOf(0);
  expect(await verifyExport(await empty.export())).toEqual({ verdict: { ok: true, count: 0 }, entries: [] });
});

describe('a tab killed in the middle of an append', () => {
  let root = '';
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'studio-audit-'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  test.each(['memory', 'files'])(
    'wherever it stops, what is whole stays, what is torn goes, and the log goes on (%s)',
    async (medium) => {
      // How a batch of three lies in the file, to cut it everywhere.
      const reference = await logOf(5);
      const full = await reference.bytes();
      const start = lineEnds(full)[1]!;
      for (let length = start; length <= full.length; length += medium === 'files' ? 97 : 13) {
        const inner = medium === 'files' ? new NodeStorage(join(root, `at-${length}`)) : new MemoryStorage();
        let isDying = false;
        const storage: Storage = new Proxy(inner, {
          get(target, key) {
            if (key === 'append' && isDying)
              return async (path: string, bytes: Uint8Array) => {
                await target.append(path, bytes.subarray(0, length - start));
                throw new Error('killed');
              };
            const value = Reflect.get(target, key) as unknown;
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
        const { log, open } = await logOf(2, storage);
        isDying = true;
        await expect(log.append([draft(2), draft(3), draft(4)])).rejects.toThrow('killed');
        isDying = false;
        const kept = lineEnds(full.subarray(0, length)).length;
        expect(await open().verify(), 'an interrupted append is no damage').toEqual({ ok: true, count: kept });
        const [next] = await open().append([draft(5)]);
        expect(next!.n).toBe(kept + 1);
        expect(await open().verify()).toEqual({ ok: true, count: kept + 1 });
        const [after] = await log.append([draft(6)]); // the same instance, had only the write failed
        expect(after!.n).toBe(kept + 2);
        expect(await log.verify()).toEqual({ ok: true, count: kept + 2 });
      }
    },
  );
  test('a damaged log goes on behind its head, and the damage stays visible', async () => {
    const { storage, open, bytes } = await logOf(4);
    await storage.write(PATH, (await bytes()).slice(0, -5));
    const [entry] = await open().append([draft(4)]);
    expect(entry!.n).toBe(5);
    expect(await open().verify()).toMatchObject({ ok: false, brokenAt: 4 });
    expect((await open().search()).map(({ n }) => n)).toEqual([1, 2, 3, 5]);
    const { verdict, entries } = await verifyExport(await open().export());
    expect(verdict).toMatchObject({ ok: false, brokenAt: 4 });
    expect(entries).toHaveLength(3);
  });
});

test('a log from before replays had ids verifies, is searched, and goes on', async () => {
  // As it was exported then, byte for byte.
  const old = [
    `{"adapterId":17,"artifactId":"sha256:${'a'.repeat(64)}","at":1790000000000,"decision":"routed","hash":"f0c30a94f0fc608540df39f2be4975adb72b7024c51c21de59fb2af5e789677a","metadata":{"policy_version":"policy_v3","tenant_id":"bank_A"},"mode":"merged","n":1,"prev":"${'0'.repeat(64)}","requestId":"request-0","version":1}`,
    '{"at":1790000000001,"decision":"refused","hash":"07bec63b3238a7c40c30f46f85ec27960b513895bc58a08b7bb0ab37222c88c8","message":"No rule.","metadata":{"tenant_id":"bank_D"},"mode":"merged","n":2,"prev":"f0c30a94f0fc608540df39f2be4975adb72b7024c51c21de59fb2af5e789677a","reason":"unknown_tenant","requestId":"request-1"}',
  ].map((line) => `${line}\n`);
  const head = { count: 2, hash: '07bec63b3238a7c40c30f46f85ec27960b513895bc58a08b7bb0ab37222c88c8' };
  const file = new TextEncoder().encode(`${old.join('')}${canonicalJson({ head })}\n`);
  expect((await verifyExport(file)).verdict).toEqual({ ok: true, count: 2 });
  const storage = new MemoryStorage();
  await storage.write(PATH, new TextEncoder().encode(old.join('')));
  await storage.setValue('audit-heads', 'routing', head);
  const log = new AuditLog(storage, () => 1);
  const again = (replay: string) => ({ ...draft(0), requestId: 'request-0', replay });
  await log.append([again('replay-1a'), again('replay-2b')]);
  expect(await log.verify()).toEqual({ ok: true, count: 4 });
  const found = async (query: Parameters<AuditLog['search']>[0]) => (await log.search(query)).map(({ n }) => n);
  expect(await found({ text: 'request-0' })).toEqual([1, 3, 4]);
  expect(await found({ replay: 'replay-1a' })).toEqual([3]);
  expect(await found({ replay: 'replay-' })).toEqual([3, 4]);
  expect(await found({ text: 'REPLAY-2B' })).toEqual([4]);
});

test('a header of any kind is logged, in a size that fits', async () => {
  const { log } = await logOf(0);
  const round: Record<string, unknown> = { tenant_id: 'bank_A' };
  round.self = round;
  const odd: unknown[] = [null, undefined, 'bank_A', 7, Number.NaN, 10n, ['bank_A'], { tenant_id: 10n }, { tenant_id: [Number.NaN, null] }, round, { tenant_id: 'x'.repeat(1e6) }, Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`key${i}`, i]))]; // biome-ignore format: one list
  for (const metadata of odd) await log.append([{ ...draft(2), metadata } as AuditDraft]);
  expect(await log.verify()).toEqual({ ok: true, count: odd.length });
  const kept = (await log.search()).map(({ metadata }) => metadata as unknown);
  expect(kept.slice(0, 9)).toEqual([null, undefined, 'bank_A', 7, 'NaN', '10', ['bank_A'], { tenant_id: '10' }, { tenant_id: ['NaN', null] }]); // biome-ignore format: one list
  expect(kept[9]).toMatchObject({ tenant_id: 'bank_A' });
  for (const entry of await log.search()) expect(canonicalJson(entry).length).toBeLessThan(2000);
  expect((await log.search({ tenant: 'bank_A' })).map(({ n }) => n)).toEqual([10]);
  // Wide and deep at once: 32 ** 3 texts of 500 characters.
  const wide = (inner: unknown) => Array.from({ length: 32 }, () => inner);
  const tree = { tenant_id: 'bank_A', tree: wide(wide(wide('x'.repeat(500)))) };
  const [entry] = await log.append([{ ...draft(2), metadata: tree } as unknown as AuditDraft]);
  expect(canonicalJson(entry!).length).toBeLessThan(20_000);
  expect(entry!.metadata).toMatchObject({ tenant_id: 'bank_A' });
});

test('two tabs write one log: no entry is lost and the chain holds', async () => {
  const { storage, open } = await logOf(2);
  const tabs = [open(), open()];
  for (let round = 0; round < 3; round++)
    await Promise.all(tabs.flatMap((tab, t) => [tab.append([draft(2 * round + t)]), tab.append([draft(round)])]));
  expect(await open().verify()).toEqual({ ok: true, count: 14 });
  expect(await new AuditLog(storage, () => 0).search()).toHaveLength(14);
});
