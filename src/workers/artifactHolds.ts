// What a run reads is held while it trains, waits or is paused, so that no tab deletes it under the run; and who deletes takes it
// alone, so that no run begins on what is going.
import { ConfigError } from '../lib/errors';
import type { Recipe } from '../protocol/recipe';
import { ArtifactStore } from '../storage/artifacts';
import { RunStore } from '../storage/runs';
import type { Storage } from '../storage/storage';
import { recipeReads, type Stored, storedOf } from './dependents';
import type { RunLocks } from './runLocks';

/** Key of an artifact (its id) or of a run as a base (`run:<id>`). */
export const holdOf = (id: string): string => `artifact/${id}`;

export class ArtifactHolds {
  private readonly artifacts: ArtifactStore;
  private readonly runs: RunStore;
  constructor(
    storage: Storage,
    now: () => number,
    private readonly locks: RunLocks,
  ) {
    this.artifacts = new ArtifactStore(storage, now);
    this.runs = new RunStore(storage, now);
  }

  /** Of the whole store. */
  async stored(): Promise<Stored> {
    return storedOf(await this.artifacts.list(), await this.runs.heads());
  }

  /** Holds all that a recipe reads; returns the function that lets it go. Throws ConfigError where something is being deleted. */
  async hold(recipe: Recipe): Promise<() => void> {
    const releases: (() => void)[] = [];
    const release = () => {
      for (const one of releases.splice(0)) one();
    };
    for (const id of recipeReads(recipe, await this.stored())) {
      const taken = await this.locks.share(holdOf(id));
      if (!taken) {
        release();
        throw new ConfigError('Something that the run reads is being deleted. Choose another model or dataset.', { where: id }); // biome-ignore format: one sentence
      }
      releases.push(taken);
    }
    return release;
  }

  /** Why it may not be deleted now: names the run that reads it, or says that it is being deleted; undefined where nobody has it. */
  async holder(id: string, held?: ReadonlySet<string>, known?: Stored): Promise<string | undefined> {
    const keys = held ?? (await this.locks.held());
    if (!keys.has(holdOf(id))) return undefined;
    const stored = known ?? (await this.stored());
    // A run's own lock is held by who trains it, so that one that was cut off is not blamed.
    const run = [...stored.runs.values()].find((one) => keys.has(one.id) && recipeReads(one.recipe, stored).includes(id)); // biome-ignore format: one search
    if (run) return `The run “${run.name}” reads it. Stop it first.`;
    // Readers share it; who deletes it has it alone.
    const shared = await this.locks.share(holdOf(id));
    shared?.();
    return shared
      ? 'A run that is starting reads it. Stop it first.'
      : 'It is being deleted, here or in another tab. Wait a moment.';
  }

  /** Runs `task`, which deletes it, while no run reads it. Throws ConfigError naming the run that does. */
  async whileUnread<T>(id: string, task: () => Promise<T>): Promise<T> {
    const release = await this.locks.acquire(holdOf(id));
    if (!release)
      throw new ConfigError((await this.holder(id)) ?? 'It was held a moment ago. Try again.', { where: id });
    try {
      return await task();
    } finally {
      release();
    }
  }
}
