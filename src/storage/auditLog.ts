// Append-only routing log. Each line is an entry's canonical JSON with the hash of the entry before it, so an edited, removed or
// moved entry breaks the chain; count and last hash are kept apart from the file, so a shortened file shows as well. Like any
// chain without a secret it proves nothing against one who rewrites file and head together: keep an exported head elsewhere.
import { DataError } from '../lib/errors';
import type { AuditDraft, AuditEntry, AuditVerdict } from '../protocol/serving';
import { canonicalJson, sha256 } from './hash';
import { exclusive, type Storage } from './storage';

const TABLE = 'audit-heads';
const NEWLINE = 10;
const GENESIS = '0'.repeat(64);

export interface AuditHead {
  count: number;
  /** Of the last entry; 64 zeros for an empty log. */
  hash: string;
}
interface StoredHead extends AuditHead {
  /** Hashes of entries that an append in progress is writing; a killed tab leaves some of them in the file. */
  pending?: string[];
}
export interface AuditQuery {
  /** Part of tenant_id, in any case. */
  tenant?: string;
  adapterId?: number;
  decision?: AuditEntry['decision'];
  /** Beginning of a replay's id. */
  replay?: string;
  /** Whether entries of replays are found as well. Default true. */
  withReplays?: boolean;
  /** Milliseconds since the epoch, both included. */
  from?: number;
  to?: number;
  /** Anywhere in the entry, in any case. */
  text?: string;
}

export class AuditLog {
  private readonly path: string;
  /** The file was looked at, or written whole, by this instance: an append need not read it again. */
  private isSettled = false;

  /** Tabs and workers may write one log: each change waits for the others'. */
  constructor(
    private readonly storage: Pick<Storage, 'read' | 'write' | 'append' | 'getValue' | 'setValue'>,
    private readonly now: () => number,
    private readonly name = 'routing',
  ) {
    this.path = `audit/${name}.jsonl`;
  }

  /**
   * Adds entries in this order, after those of calls before it, and resolves once they are stored. A line torn by a killed tab is
   * cleared away. Damage that is found stays as it is, for `verify` to name; new entries follow the head, so none is lost to it.
   */
  append(drafts: readonly AuditDraft[]): Promise<AuditEntry[]> {
    return exclusive(this.path, async () => {
      const { head, endsCleanly } = await this.settle();
      const entries: AuditEntry[] = [];
      let { hash: prev, count } = head;
      for (const draft of drafts) {
        const metadata = asJson(draft.metadata) as AuditDraft['metadata'];
        const body = { ...draft, metadata, n: ++count, at: this.now(), prev };
        // Through JSON, so that an entry returned is one read back: without undefined members.
        const entry = JSON.parse(canonicalJson({ ...body, hash: await sha256(canonicalJson(body)) })) as AuditEntry;
        entries.push(entry);
        prev = entry.hash;
      }
      if (entries.length === 0) return entries;
      await this.setHead({ ...head, pending: entries.map(({ hash }) => hash) });
      const lines = entries.map((entry) => `${canonicalJson(entry)}\n`).join('');
      this.isSettled = false;
      await this.storage.append(this.path, encode(endsCleanly ? lines : `\n${lines}`));
      await this.setHead({ count, hash: prev });
      this.isSettled = true;
      return entries;
    });
  }

  /** Ends an append that a killed tab left half done: whole lines count, a torn one goes. */
  private async settle(): Promise<{ head: AuditHead; endsCleanly: boolean }> {
    const { pending, ...head } = await this.storedHead();
    if (this.isSettled && !pending) return { head, endsCleanly: true };
    const bytes = await this.bytes();
    const { lines, rest } = split(bytes);
    const { ok, last } = pending ? await checkChain(lines, { ...head, pending }) : { ok: false, last: head };
    if (!ok) return { head, endsCleanly: rest.length === 0 };
    if (rest.length > 0) await this.storage.write(this.path, bytes.subarray(0, bytes.length - rest.length));
    await this.setHead(last);
    return { head: last, endsCleanly: true };
  }

  /** Number and hash of the last entry, to note elsewhere. */
  async head(): Promise<AuditHead> {
    return exclusive(this.path, async () => (await this.settle()).head);
  }

  /**
   * Recomputes every hash. `brokenAt` is the first entry that is not as it was written. `noted`: a head written down earlier, which
   * shows a log that was made anew as a whole.
   */
  verify(noted?: AuditHead): Promise<AuditVerdict> {
    return exclusive(this.path, async () => {
      const head = await this.storedHead();
      const { lines, rest } = split(await this.bytes());
      const { ok, last, why, entries } = await checkChain(lines, head);
      const broken = (brokenAt: number, reason: string) => ({ ok: false as const, brokenAt, why: reason });
      if (!ok) return broken(last.count + 1, why);
      if (rest.length > 0 && !head.pending)
        return broken(last.count + 1, `Entry ${last.count + 1} is cut off or was written by hand.`);
      const rewritten = notedProblem(entries, noted);
      if (rewritten) return broken(...rewritten);
      return { ok, count: last.count };
    });
  }

  /** Oldest first; lines that cannot be read are left out, and `verify` names them. */
  async search(query: AuditQuery = {}): Promise<AuditEntry[]> {
    const {
      tenant,
      adapterId,
      decision,
      replay,
      withReplays = true,
      from = -Infinity,
      to = Infinity,
      text = '',
    } = query;
    const wanted = text.toLowerCase();
    return split(await this.bytes()).lines.flatMap((line) => {
      const entry = parse(line)?.entry;
      const isFound =
        entry &&
        (tenant === undefined || tenantOf(entry).includes(tenant.toLowerCase())) &&
        (adapterId === undefined || entry.adapterId === adapterId) &&
        (decision === undefined || entry.decision === decision) &&
        (withReplays || entry.replay === undefined) &&
        (replay === undefined || entry.replay?.startsWith(replay)) &&
        entry.at >= from &&
        entry.at <= to &&
        canonicalJson(entry).toLowerCase().includes(wanted);
      return isFound ? [entry] : [];
    });
  }

  /** The log as it lies in the store, and a last line with its head: JSON Lines for `verifyExport`. */
  export(): Promise<Uint8Array> {
    return exclusive(this.path, async () => {
      const { head, endsCleanly } = await this.settle();
      const bytes = await this.bytes();
      const last = encode(`${endsCleanly ? '' : '\n'}${canonicalJson({ head })}\n`);
      const out = new Uint8Array(bytes.length + last.length);
      out.set(bytes);
      out.set(last, bytes.length);
      return out;
    });
  }

  private async bytes(): Promise<Uint8Array> {
    return (await this.storage.read(this.path)) ?? new Uint8Array();
  }
  private async storedHead(): Promise<StoredHead> {
    return (await this.storage.getValue<StoredHead>(TABLE, this.name)) ?? { count: 0, hash: GENESIS };
  }
  private setHead(head: StoredHead): Promise<void> {
    return this.storage.setValue(TABLE, this.name, head);
  }
}

/**
 * Verifies an exported log and reads its entries, those before a break if there is one; `noted` as in `verify`. Throws DataError
 * for a file that is no exported log.
 */
export async function verifyExport(
  bytes: Uint8Array,
  noted?: AuditHead,
): Promise<{ verdict: AuditVerdict; entries: AuditEntry[] }> {
  const { lines, rest } = split(bytes);
  const head = rest.length === 0 ? exportedHead(lines.at(-1)) : undefined;
  const body = head ? lines.slice(0, -1) : lines;
  if (!head && !parse(body[0])?.entry)
    throw new DataError('This file is no exported routing log: its first line is no entry. Export the log again.', {
      where: 'line 1',
    });
  const { ok, last, why, entries } = await checkChain(body, head);
  const broken = (brokenAt: number, reason: string) => ({
    verdict: { ok: false as const, brokenAt, why: reason },
    entries,
  });
  if (!ok) return broken(last.count + 1, why);
  if (!head)
    return broken(last.count + 1, `The file ends after entry ${last.count} without its closing line: it was cut off.`);
  const rewritten = notedProblem(entries, noted);
  if (rewritten) return broken(...rewritten);
  return { verdict: { ok, count: last.count }, entries };
}

/** Where a chain that holds is not the one whose head was noted; it may have grown since. */
function notedProblem(entries: readonly AuditEntry[], noted?: AuditHead): [n: number, why: string] | undefined {
  if (!noted || noted.count === 0) return undefined;
  const count = entries.length;
  if (noted.count > count)
    return [count + 1, `The chain holds, but ends after entry ${count}; the head noted earlier counts ${noted.count}.`];
  const { hash } = entries[noted.count - 1]!;
  if (hash === noted.hash) return undefined;
  return [
    noted.count,
    `The chain holds, but is another one: entry ${noted.count} has the hash ${hash.slice(0, 12)}…, and ${noted.hash.slice(0, 12)}… was noted.`,
  ];
}

/** The closing line, exactly as `export` writes it. */
function exportedHead(line: Uint8Array | undefined): AuditHead | undefined {
  const parsed = parse(line);
  const { count, hash } = (parsed?.json as { head?: AuditHead } | undefined)?.head ?? {};
  if (!Number.isInteger(count) || typeof hash !== 'string') return undefined;
  const head = { count: count!, hash };
  return canonicalJson({ head }) === parsed!.text ? head : undefined;
}

interface Chain {
  ok: boolean;
  /** The last entry that is as it was written. */
  last: AuditHead;
  why: string;
  entries: AuditEntry[];
}
/** Follows the chain as far as it holds, and on to `head` where one is known. */
async function checkChain(lines: readonly Uint8Array[], head?: StoredHead): Promise<Chain> {
  const last: AuditHead = { count: 0, hash: GENESIS };
  const entries: AuditEntry[] = [];
  const broken = (why: string): Chain => ({ ok: false, last, why, entries });
  const pending = head?.pending ?? [];
  for (const line of lines) {
    const n = last.count + 1;
    const why = await entryProblem(line, n, last.hash);
    if (why) return broken(why);
    const { entry } = parse(line) as { entry: AuditEntry };
    if (head && n === head.count && entry.hash !== head.hash)
      return broken(`Entry ${n} is not the one that was written last: its hash differs from the head’s.`);
    if (head && n > head.count && pending[n - head.count - 1] !== entry.hash)
      return broken(`Entry ${n} was added past the head, which counts ${head.count}.`);
    entries.push(entry);
    last.count = n;
    last.hash = entry.hash;
  }
  if (head && last.count < head.count)
    return broken(`The log ends after entry ${last.count}, and the head counts ${head.count}: the end was cut off.`);
  return { ok: true, last, why: '', entries };
}

/** Why a line is not entry n after `prev`. */
async function entryProblem(line: Uint8Array, n: number, prev: string): Promise<string | undefined> {
  const parsed = parse(line);
  if (!parsed?.entry) return `Entry ${n} cannot be read: its line was changed.`;
  const { entry, text } = parsed;
  if (canonicalJson(entry) !== text)
    return `Entry ${n} is not in the form in which entries are written: it was edited.`;
  const { hash, ...body } = entry;
  if ((await sha256(canonicalJson(body))) !== hash)
    return `Entry ${n} does not have the hash of its content: it was edited.`;
  if (entry.n > n)
    return entry.n === n + 1
      ? `Entry ${n} is missing: number ${entry.n} stands in its place.`
      : `Entries ${n} to ${entry.n - 1} are missing or were moved: number ${entry.n} stands in their place.`;
  if (entry.n < n) return `Entry ${n} is missing: number ${entry.n} stands in its place a second time.`;
  if (entry.prev !== prev) return `Entry ${n} does not follow from entry ${n - 1}: one of the two was written anew.`;
  return undefined;
}

/** Lines without their newlines, and what stands behind the last newline. */
function split(bytes: Uint8Array): { lines: Uint8Array[]; rest: Uint8Array } {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return { lines, rest: bytes.subarray(start) };
}

/** Undefined for bytes that are no JSON; `entry` only where it is an object with an entry's number and hash. */
function parse(line: Uint8Array | undefined): { text: string; json: unknown; entry?: AuditEntry } | undefined {
  try {
    // A byte order mark counts as a change, and so does a byte that is no UTF-8.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line);
    const json = JSON.parse(text) as Partial<AuditEntry> | null;
    const isEntry =
      typeof json === 'object' && json !== null && Number.isInteger(json.n) && typeof json.hash === 'string';
    return { text, json, ...(isEntry && { entry: json as AuditEntry }) };
  } catch {
    return undefined; // the caller names the line
  }
}

/** In small letters; a header may hold anything there. */
const tenantOf = ({ metadata }: AuditEntry): string => {
  const said: unknown = metadata?.tenant_id;
  return (typeof said === 'string' ? said : JSON.stringify(said ?? '')).toLowerCase();
};

/** Of what a request says of itself, in characters and members: the rest is cut, so that a stranger's header cannot fill the disk. */
const LONGEST = { text: 500, members: 32, depth: 4, all: 8192 };

/** Anything that came over the wire as JSON can hold it: a request that says nonsense is logged as well. */
function asJson(value: unknown, room = { left: LONGEST.all }, depth = 0): unknown {
  const text = (given: string): string => {
    const most = Math.min(LONGEST.text, room.left);
    room.left -= Math.min(given.length, most);
    return given.length > most ? `${given.slice(0, most)}…` : given;
  };
  if (typeof value === 'string') return text(value);
  room.left -= 2; // of what stands between members
  if (value === null || value === undefined || typeof value === 'boolean' || Number.isFinite(value)) return value;
  if (typeof value !== 'object') return text(String(value)); // NaN, a bigint
  if (depth === LONGEST.depth || room.left <= 0) return '…';
  const cut: unknown[] = [];
  for (const [key, member] of Object.entries(value).slice(0, LONGEST.members)) {
    if (room.left <= 0) break;
    cut.push(Array.isArray(value) ? asJson(member, room, depth + 1) : [text(key), asJson(member, room, depth + 1)]);
  }
  return Array.isArray(value) ? cut : Object.fromEntries(cut as [string, unknown][]);
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
