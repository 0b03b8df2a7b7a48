// Says what other tabs do. A lock is held by the worker that trains, imports or reads; the browser frees it when the tab dies, so a
// second tab (or the next visit) can tell a run that is training from one that was cut off, and what may not be deleted now.

/** A key is a run's id, or `import/<artifact id>` (one tab copies it), `artifact/<id>` (a run reads it; run ids have no slash). */
export interface RunLocks {
  /** Takes the key for this worker alone, waiting at most `waitMs`. Returns the function that releases it, undefined when another holds it. */
  acquire(key: string, waitMs?: number): Promise<(() => void) | undefined>;
  /** Takes it beside others that share it; undefined when somebody holds it alone. */
  share(key: string): Promise<(() => void) | undefined>;
  /** True when any worker, this one included, holds the key. */
  isHeld(key: string): Promise<boolean>;
  /** All keys that any worker holds. */
  held(): Promise<ReadonlySet<string>>;
  /** Resolves when nobody holds the key any more: its worker has let it go, or has died. */
  whenFree(key: string): Promise<void>;
}

const PREFIX = 'posttrain-studio/run/';

/** Web Locks: shared by all tabs of the origin. */
export function browserLocks(locks: LockManager): RunLocks {
  const take = (key: string, options: LockOptions) =>
    new Promise<(() => void) | undefined>((resolve, reject) => {
      locks
        .request(PREFIX + key, options, (lock) => {
          if (!lock) return resolve(undefined);
          return new Promise<void>((release) => resolve(release));
        })
        .catch((error: DOMException) => {
          if (error.name === 'TimeoutError' || error.name === 'AbortError') resolve(undefined);
          else reject(error);
        });
    });
  const held = async () => {
    const names = ((await locks.query()).held ?? []).map(({ name = '' }) => name);
    return new Set(names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length)));
  };
  return {
    acquire: (key, waitMs = 0) =>
      take(key, waitMs > 0 ? { signal: AbortSignal.timeout(waitMs) } : { ifAvailable: true }),
    share: (key) => take(key, { mode: 'shared', ifAvailable: true }),
    held,
    isHeld: async (key) => (await held()).has(key),
    async whenFree(key) {
      await locks.request(PREFIX + key, { mode: 'shared' }, () => undefined);
    },
  };
}

/** For Node, where one process owns its store. */
export function processLocks(): RunLocks {
  interface Held {
    holders: number;
    isShared: boolean;
    freed: Promise<void>;
    free: () => void;
  }
  const held = new Map<string, Held>();
  const take = (key: string, isShared: boolean): (() => void) | undefined => {
    const known = held.get(key);
    if (known && !(isShared && known.isShared)) return undefined;
    let free = () => {};
    const freed = new Promise<void>((resolve) => {
      free = resolve;
    });
    const lock = known ?? { holders: 0, isShared, freed, free };
    lock.holders++;
    held.set(key, lock);
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      if (--lock.holders > 0) return;
      held.delete(key);
      lock.free();
    };
  };
  return {
    acquire: async (key) => take(key, false),
    share: async (key) => take(key, true),
    held: async () => new Set(held.keys()),
    isHeld: async (key) => held.has(key),
    whenFree: async (key) => held.get(key)?.freed,
  };
}
