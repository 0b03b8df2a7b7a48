// Says which runs are alive. A lock is held by the worker that trains; the browser frees it when the tab dies, so a second
// tab (or the next visit) can tell a run that is training from one that was cut off.

export interface RunLocks {
  /** Takes the run for this worker, waiting at most `waitMs`. Returns the function that releases it, undefined when another holds it. */
  acquire(runId: string, waitMs?: number): Promise<(() => void) | undefined>;
  /** True when any worker, this one included, holds the run. */
  isHeld(runId: string): Promise<boolean>;
  /** Resolves when nobody holds the run any more: its worker has let it go, or has died. */
  whenFree(runId: string): Promise<void>;
}

const lockName = (runId: string) => `posttrain-studio/run/${runId}`;

/** Web Locks: shared by all tabs of the origin. */
export function browserLocks(locks: LockManager): RunLocks {
  return {
    acquire: (runId, waitMs = 0) =>
      new Promise((resolve, reject) => {
        const options: LockOptions = waitMs > 0 ? { signal: AbortSignal.timeout(waitMs) } : { ifAvailable: true };
        locks
          .request(lockName(runId), options, (lock) => {
            if (!lock) return resolve(undefined);
            return new Promise<void>((release) => resolve(release));
          })
          .catch((error: DOMException) => {
            if (error.name === 'TimeoutError' || error.name === 'AbortError') resolve(undefined);
            else reject(error);
          });
      }),
    async isHeld(runId) {
      const { held } = await locks.query();
      return held?.some((lock) => lock.name === lockName(runId)) ?? false;
    },
    async whenFree(runId) {
      await locks.request(lockName(runId), { mode: 'shared' }, () => undefined);
    },
  };
}

/** For Node, where one process owns its store. */
export function processLocks(): RunLocks {
  const held = new Map<string, { freed: Promise<void>; free: () => void }>();
  return {
    async acquire(runId) {
      if (held.has(runId)) return undefined;
      let free = () => {};
      const freed = new Promise<void>((resolve) => {
        free = resolve;
      });
      held.set(runId, { freed, free });
      return () => {
        held.delete(runId);
        free();
      };
    },
    isHeld: async (runId) => held.has(runId),
    whenFree: async (runId) => held.get(runId)?.freed,
  };
}
