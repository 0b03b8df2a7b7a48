// The request drawGroup: one prompt's completions by the run itself where it is on the device, else by one that is prepared for it,
// from its last checkpoint or from the start, and let go again. So all that training uses is what is looked at.
import { RecipeRun } from '../labs/runRecipe';
import { CheckpointError, ConfigError } from '../lib/errors';
import type { ComputeRequests } from '../protocol/requests';
import type { CheckpointStore } from '../storage/checkpoints';
import type { RunStore } from '../storage/runs';
import type { DeviceQueue } from './deviceQueue';
import type { TrainingDriver } from './liveRun';
import { modelText } from './modelText';
import type { RenderContexts } from './renderContexts';
import type { PrepareRun } from './trainingRuns';

interface GroupDrawingEnvironment {
  runs: RunStore;
  checkpoints: CheckpointStore;
  contexts: RenderContexts;
  queue: DeviceQueue;
  prepare: PrepareRun;
  /** Of a run that trains here, or ended here a moment ago. */
  liveDriver: (runId: string) => TrainingDriver | undefined;
}
/** Drawn at once: a group is for looking. */
const MOST = 16;

export class GroupDrawing {
  constructor(private readonly env: GroupDrawingEnvironment) {}

  /** Throws ConfigError, in words, for a number of completions that cannot be compared, and what makes a recipe unfit. */
  async draw(
    { recipe: given, runId, index, completions, seed }: ComputeRequests['drawGroup']['params'],
    signal: AbortSignal,
  ): Promise<ComputeRequests['drawGroup']['reply']> {
    if (!Number.isInteger(completions) || completions < 2 || completions > MOST)
      throw new ConfigError(
        `A group has 2 to ${MOST} completions, got ${completions}: one alone has nobody to be compared with.`,
        { where: 'completions' },
      );
    const head = runId === undefined ? undefined : await this.env.runs.head(runId);
    if (runId !== undefined && !head)
      throw new CheckpointError(`There is no run ${runId} in this browser. It may have been deleted.`);
    const recipe = head?.recipe ?? given;
    const group = await this.with(recipe, runId, signal, (driver) =>
      driver.drawGroup(index, { completions, seed, signal }),
    );
    const text = modelText((await this.env.contexts.ofRecipe(recipe)).context.tokenizer);
    return { ...group, tokens: group.rows.map(({ ids }) => ids.map(text.token)) };
  }

  private async with<T>(
    recipe: ComputeRequests['drawGroup']['params']['recipe'],
    runId: string | undefined,
    signal: AbortSignal,
    task: (driver: RecipeRun) => Promise<T>,
  ): Promise<T> {
    const { queue, checkpoints, prepare, liveDriver } = this.env;
    const live = () => {
      const driver = runId === undefined ? undefined : liveDriver(runId);
      return driver instanceof RecipeRun ? driver : undefined;
    };
    // Between two tokens or micro-batches of its own: nothing that a step is in the middle of is touched.
    if (live())
      return queue.run(
        'interactive',
        () => {
          const driver = live();
          if (!driver) throw new CheckpointError('The run left the device meanwhile. Draw again.');
          return task(driver);
        },
        signal,
      );
    const checkpoint = runId === undefined ? undefined : await checkpoints.latest(runId);
    const resumeFrom = checkpoint?.optimizer && { ...checkpoint, optimizer: checkpoint.optimizer };
    const { driver } = await prepare(recipe, { runId: runId ?? 'drawing', resumeFrom, signal });
    try {
      return await queue.run('training', () => task(driver as RecipeRun), signal);
    } finally {
      // Refused where the device is lost, and its memory with it: what the drawing itself threw says more.
      await queue.run('training', async () => driver.dispose()).catch(() => undefined);
    }
  }
}
