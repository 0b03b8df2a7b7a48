// The trained models of runs that ended here, until newer ones push them out: the first chat after training needs no reload,
// and a model whose last checkpoint found no room is still there to talk to.
import type { DeviceQueue } from './deviceQueue';
import type { TrainingDriver } from './liveRun';

const KEPT = 2;

export class EndedRuns {
  private readonly drivers = new Map<string, TrainingDriver>();
  constructor(private readonly queue: DeviceQueue) {}

  get(runId: string): TrainingDriver | undefined {
    return this.drivers.get(runId);
  }
  keep(runId: string, driver: TrainingDriver): void {
    this.drop(runId);
    this.drivers.set(runId, driver);
    for (const old of [...this.drivers.keys()].slice(0, -KEPT)) this.drop(old);
  }
  drop(runId: string): void {
    const driver = this.drivers.get(runId);
    this.drivers.delete(runId);
    // In its turn: a step, an answer or a measurement that gave way may still be under way on it. After device loss there
    // is nothing to free.
    if (driver) this.queue.run('training', async () => driver.dispose()).catch(() => undefined);
  }
}
