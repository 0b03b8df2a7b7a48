// The one engine that answers for tenants: it stays on the device between requests, and adapters are swapped in it, so that a
// request pays for its adapter and not for the base. It leaves when nobody has asked for a while, or when its memory is wanted.
import type { LoraAdapter, LoraRoute, ModelEngine, NamedTensorMap } from '../nn/seam';
import type { DeviceQueue } from './deviceQueue';
import { isOutOfMemory } from './inWords';
import type { ModelSource } from './models';

/** How long the base is kept for a next request, ms. */
const IDLE_MS = 60_000;
/** The same while a run trains, which wants the memory more than a next request wants its second. */
const IDLE_BESIDE_RUN_MS = 3000;

/** An adapter as an engine takes it. */
export interface LoadedAdapter {
  adapter: LoraAdapter;
  /** Under their names in the engine. */
  tensors: NamedTensorMap;
}
export interface ServingBaseEnvironment {
  queue: DeviceQueue;
  newEngine: (base: ModelSource) => Promise<ModelEngine>;
  idleMs?: number;
  /** Whether a run has an engine on the device too. */
  isTraining?: () => boolean;
}

export class ServingBase {
  /** Of the base with this key (ModelSource). */
  private held?: { key: string; engine: ModelEngine; routes?: string };
  private idle?: ReturnType<typeof setTimeout>;

  constructor(private readonly env: ServingBaseEnvironment) {}

  /**
   * Runs `task` alone on the device, with exactly these adapters beside the base, in slots of their order. The engine belongs to
   * nobody: the task may change its adapters, and may not use it afterwards. Adapters are told apart by name, so equal names must be
   * equal weights: take the artifact's id. `routes`: as setAdapters takes them; one for each adapter unless given. Throws as
   * setAdapters for adapters that do not fit.
   */
  use<T>(
    base: ModelSource,
    adapters: readonly LoadedAdapter[],
    task: (engine: ModelEngine) => Promise<T>,
    signal?: AbortSignal,
    routes?: readonly LoraRoute[],
  ): Promise<T> {
    return this.env.queue.run(
      'training', // as training tasks never run inside each other, nobody swaps adapters under a task that gives way
      async () => {
        clearTimeout(this.idle);
        try {
          const engine = await this.engine(base);
          await this.place(engine, adapters, routes);
          return await task(engine);
        } catch (error) {
          if (isOutOfMemory(error)) this.drop();
          throw error;
        } finally {
          this.idle = setTimeout(() => void this.release(), this.idleMs());
          (this.idle as { unref?: () => void }).unref?.(); // a script in Node may end before
        }
      },
      signal,
    );
  }

  /** Runs `task` alone on the device, behind a task that has the base, and without the base beside it: one that wants its memory. */
  alone<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.env.queue.run(
      'training', // where one that uses the base gives way, the base is still there
      () => {
        this.drop();
        return task();
      },
      signal,
    );
  }
  /** Frees the device of it, behind the task that has it or builds it. The next use builds it anew. */
  async release(): Promise<void> {
    try {
      await this.alone(async () => {});
    } catch {
      // The queue was emptied because the device is gone, and the engine with it.
    }
  }
  get isHeld(): boolean {
    return this.held !== undefined;
  }

  private idleMs(): number {
    const { idleMs = IDLE_MS, isTraining } = this.env;
    return isTraining?.() ? Math.min(idleMs, IDLE_BESIDE_RUN_MS) : idleMs;
  }

  private async engine(base: ModelSource): Promise<ModelEngine> {
    if (this.held && this.held.key !== base.key) this.drop(); // before the next one: never two of them
    this.held ??= { key: base.key, engine: await this.env.newEngine(base) };
    return this.held.engine;
  }
  private async place(engine: ModelEngine, adapters: readonly LoadedAdapter[], routes?: readonly LoraRoute[]) {
    const names = (list: readonly LoraAdapter[]) => list.map(({ name }) => name).join();
    const wanted = adapters.map(({ adapter }) => adapter);
    const held = this.held!;
    const asked = routes && JSON.stringify(routes);
    if (names(engine.adapters) !== names(wanted) || held.routes !== asked)
      try {
        const tensors = Object.assign({}, ...adapters.map((one) => one.tensors)) as NamedTensorMap;
        await engine.setAdapters(wanted, { tensors, ...(routes && { routes }) });
        held.routes = asked;
      } catch (error) {
        this.drop(); // what is on the device now is anybody's guess
        throw error;
      }
    engine.activeRoute = wanted.length > 0 ? 0 : -1;
  }
  private drop(): void {
    clearTimeout(this.idle);
    this.held?.engine.dispose();
    this.held = undefined;
  }
}
