// Checkpoints of runs (design §3): weights and moments as safetensors, then state.json, which makes the checkpoint count.
// The newest two are whole; older milestones keep their weights only, so that a sample can be read at any of them.
import { CheckpointError } from '../lib/errors';
import type { CheckpointRef } from '../protocol/run';
import { hashBytes } from './hash';
import { runDirectory } from './runs';
import { readSafetensors, writeSafetensors } from './safetensors';
import type { Storage } from './storage';

/** Tensors by HF name (weights) or `adam.m.<name>`, `adam.v.<name>` (moments). */
export interface TensorMap {
  [name: string]: { shape: number[]; data: Float32Array };
}

/** Moments, and how often they were updated; `steps`: of several adapters, each for itself. */
export interface OptimizerContent {
  tensors: TensorMap;
  step: number;
  steps?: Record<string, number>;
}

export interface CheckpointContent {
  step: number;
  weights: TensorMap;
  /** Absent in a milestone that was thinned: it can be read and talked to, but not trained on. */
  optimizer?: OptimizerContent;
  /** Plain JSON of the training loop: counters, data cursor, random state, recipe, backend, kernel variants. */
  state: unknown;
}

interface StateFile {
  version: 1;
  step: number;
  savedAt: number;
  isMilestone: boolean;
  optimizerStep: number;
  /** By adapter; absent where one thing is trained, and in files from before adapters counted their own. */
  optimizerSteps?: Record<string, number>;
  /** File name → hash and size, so that a damaged file is noticed and not trained on. */
  files: Record<string, { sha256: string; sizeBytes: number }>;
  state: unknown;
}

const WEIGHTS = 'model.safetensors';
const OPTIMIZER = 'optimizer.safetensors';
const STATE = 'state.json';
const WHOLE_KEPT = 2;
const MILESTONES_KEPT = 10;

export class CheckpointStore {
  constructor(
    private readonly storage: Storage,
    private readonly now: () => number,
  ) {}

  /**
   * Saves, then thins out older ones. When saving fails the older ones are untouched. `isMilestone`: keep the weights
   * for reading later (saves by `save_steps`), unlike saves by the clock.
   */
  async save(
    runId: string,
    content: Required<CheckpointContent>,
    { isMilestone }: { isMilestone: boolean },
  ): Promise<CheckpointRef> {
    const savedAt = this.now();
    const id = `${String(content.step).padStart(8, '0')}-${savedAt}`;
    const directory = `${checkpointsPath(runId)}/${id}`;
    const files: Record<string, Uint8Array> = {
      [WEIGHTS]: writeSafetensors(content.weights, { format: 'pt' }),
      [OPTIMIZER]: writeSafetensors(content.optimizer.tensors, { format: 'pt' }),
    };
    const state: StateFile = {
      version: 1,
      step: content.step,
      savedAt,
      isMilestone,
      optimizerStep: content.optimizer.step,
      ...(content.optimizer.steps && { optimizerSteps: content.optimizer.steps }),
      files: {},
      state: content.state,
    };
    try {
      for (const [name, bytes] of Object.entries(files)) {
        await this.storage.write(`${directory}/${name}`, bytes);
        state.files[name] = { sha256: await hashBytes(bytes), sizeBytes: bytes.byteLength };
      }
      await this.storage.write(`${directory}/${STATE}`, new TextEncoder().encode(JSON.stringify(state)));
    } catch (error) {
      await this.storage.remove(directory).catch(() => 0); // frees the room of the half; the first error is told
      throw error;
    }
    await this.thin(runId);
    return refOf(id, state);
  }

  /** Those that are whole or thinned, oldest first; half-written ones are left out. */
  async list(runId: string): Promise<CheckpointRef[]> {
    return (await this.states(runId)).map(({ id, state }) => refOf(id, state));
  }

  /** The newest from which training can go on, or undefined. A damaged one is passed over for the one before. */
  async latest(runId: string): Promise<(CheckpointContent & { ref: CheckpointRef }) | undefined> {
    for (const { id, state } of (await this.states(runId)).reverse()) {
      if (!state.files[OPTIMIZER]) continue;
      const content = await this.content(runId, id, state).catch((error) => {
        if (error instanceof CheckpointError) return undefined;
        throw error;
      });
      if (content?.optimizer) return content;
    }
    return undefined;
  }

  /** Weights only, of the newest checkpoint or of the one at `step`. Throws CheckpointError when there is none. */
  async weights(runId: string, step?: number): Promise<{ weights: TensorMap; ref: CheckpointRef }> {
    const known = (await this.states(runId)).reverse();
    let damage: unknown;
    for (const { id, state } of known) {
      if (step !== undefined && state.step !== step) continue;
      try {
        return { weights: await this.tensors(runId, id, state, WEIGHTS), ref: refOf(id, state) };
      } catch (error) {
        damage = error;
      }
    }
    const steps = known.map(({ state }) => state.step).join(', ');
    throw new CheckpointError(
      step === undefined || !steps
        ? 'This run has no checkpoint yet. Let it train until the first is saved, or stop it, which saves one.'
        : `This run has no readable checkpoint at step ${step}. There are checkpoints at step ${steps}.`,
      { cause: damage },
    );
  }

  private async states(runId: string): Promise<{ id: string; state: StateFile }[]> {
    const found: { id: string; state: StateFile }[] = [];
    for (const entry of await this.storage.list(checkpointsPath(runId))) {
      const bytes = await this.storage.read(`${checkpointsPath(runId)}/${entry.name}/${STATE}`);
      if (bytes) found.push({ id: entry.name, state: JSON.parse(new TextDecoder().decode(bytes)) as StateFile });
    }
    return found.sort((a, b) => a.state.step - b.state.step || a.state.savedAt - b.state.savedAt);
  }
  private async tensors(runId: string, id: string, state: StateFile, name: string): Promise<TensorMap> {
    const bytes = await this.storage.read(`${checkpointsPath(runId)}/${id}/${name}`);
    if (!bytes || (await hashBytes(bytes)) !== state.files[name]?.sha256)
      throw new CheckpointError(`${name} of the checkpoint at step ${state.step} is ${bytes ? 'damaged' : 'missing'}.`);
    return readSafetensors(bytes);
  }
  private async content(runId: string, id: string, state: StateFile) {
    const weights = await this.tensors(runId, id, state, WEIGHTS);
    const optimizer = state.files[OPTIMIZER]
      ? {
          tensors: await this.tensors(runId, id, state, OPTIMIZER),
          step: state.optimizerStep,
          ...(state.optimizerSteps && { steps: state.optimizerSteps }),
        }
      : undefined;
    return { step: state.step, weights, optimizer, state: state.state, ref: refOf(id, state) };
  }
  private async thin(runId: string): Promise<void> {
    const root = checkpointsPath(runId);
    const states = await this.states(runId);
    const known = new Set(states.map(({ id }) => id));
    for (const entry of await this.storage.list(root))
      if (!known.has(entry.name)) await this.storage.remove(`${root}/${entry.name}`);
    const old = states.slice(0, -WHOLE_KEPT);
    const milestones = old.filter(({ state }) => state.isMilestone);
    const kept = new Set(spread(milestones, MILESTONES_KEPT));
    for (const one of old) {
      if (!kept.has(one)) await this.storage.remove(`${root}/${one.id}`);
      else if (one.state.files[OPTIMIZER]) {
        const { [OPTIMIZER]: _, ...files } = one.state.files;
        const thinned = new TextEncoder().encode(JSON.stringify({ ...one.state, files }));
        await this.storage.write(`${root}/${one.id}/${STATE}`, thinned);
        await this.storage.remove(`${root}/${one.id}/${OPTIMIZER}`);
      }
    }
  }
}

/** At most `count` of the items: drops every second one, from the second on, so that the rest stay spread over the run. */
function spread<T>(items: T[], count: number): T[] {
  let kept = items;
  while (kept.length > count) kept = kept.filter((_, i) => i % 2 === 0);
  return kept;
}

function checkpointsPath(runId: string): string {
  return `${runDirectory(runId)}/checkpoints`;
}

function refOf(id: string, state: StateFile): CheckpointRef {
  const sizeBytes = Object.values(state.files).reduce((sum, file) => sum + file.sizeBytes, 0);
  return { id, step: state.step, savedAt: state.savedAt, sizeBytes };
}
