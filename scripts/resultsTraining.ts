// Trains a recipe for scripts/results.ts, once: what was trained is kept under .checkpoints/results by what it was trained on.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { encodeRecipe } from '../src/labs/recipeRows';
import { rewardRefs } from '../src/labs/rewardRefs';
import { prepareRecipe } from '../src/labs/runRecipe';
import type { Recipe } from '../src/protocol/recipe';
import type { MetricPoint } from '../src/protocol/run';
import { readSafetensors, writeSafetensors } from '../src/storage/safetensors';
import { builtinWorld } from '../src/world/registry';
import { loadReference, loadRenderContext, loadRewardModels, modelIdOf, type NodeModel } from './nodeModels';

export const CACHE = '.checkpoints/results';

export interface Trained {
  /** Of the last measurement. */
  eval_loss: number;
  /** Processor seconds of the training, which do not count what else the machine did; none of weights trained before they were noted. */
  seconds?: number;
  /** Name of the weights in the cache. */
  key: string;
}

/** Leaves the engine with what the recipe trains from its base; taken from the cache when it is there. */
export async function train(recipe: Recipe, model: NodeModel, isForced: boolean): Promise<Trained> {
  const render = loadRenderContext(recipe.template);
  const { rows } = encodeRecipe(recipe, 'train', render);
  // What is trained on, not where it came from: another generator, template or tokenizer gives other rows.
  const key = createHash('sha256').update(JSON.stringify([recipe, model.artifactId]));
  for (const { ids, mask } of rows) key.update(ids).update(mask);
  // What pays is named by a folder, whatever lies there.
  for (const ref of rewardRefs(recipe)) key.update(await modelIdOf(ref));
  const name = key.digest('hex').slice(0, 16);
  const path = `${CACHE}/${name}.safetensors`;
  const notes = path.replace('.safetensors', '.json');
  if (existsSync(path) && existsSync(notes) && !isForced) {
    await model.engine.importTrained(readSafetensors(new Uint8Array(readFileSync(path))));
    return { ...(JSON.parse(readFileSync(notes, 'utf8')) as Omit<Trained, 'key'>), key: name };
  }
  const started = process.cpuUsage();
  const points = await trainRun(
    { ...recipe, args: { ...recipe.args, generate_steps: 0, eval_steps: 100, logging_steps: 20 } },
    model,
    rows,
  );
  const eval_loss = points.findLast((point) => point.eval_loss !== undefined)?.eval_loss ?? Number.NaN;
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(`${path}.${process.pid}`, writeSafetensors(await model.engine.exportTrained(), { format: 'pt' }));
  renameSync(`${path}.${process.pid}`, path);
  const { user, system } = process.cpuUsage(started);
  const noted = { eval_loss, seconds: (user + system) / 1e6 };
  writeFileSync(notes, JSON.stringify(noted));
  return { ...noted, key: name };
}

/** Every point of a run from its first step to its last, which are printed as they come. `train`: its rows, encoded. */
export async function trainRun(
  recipe: Recipe,
  { engine }: NodeModel,
  train = encodeRecipe(recipe, 'train', loadRenderContext(recipe.template)).rows,
): Promise<MetricPoint[]> {
  const render = loadRenderContext(recipe.template);
  const run = await prepareRecipe(recipe, {
    engine,
    reference: await loadReference(recipe),
    rewardModels: await loadRewardModels(recipe),
    train,
    eval: encodeRecipe(recipe, 'eval', render).rows,
    world: builtinWorld(),
    render,
    now: () => performance.now(),
  });
  const points: MetricPoint[] = [];
  const keep = (found: readonly MetricPoint[]) => {
    points.push(...found);
    for (const point of found) console.error(JSON.stringify(point));
  };
  while (run.step < run.maxSteps) keep((await run.trainStep()).points);
  keep((await run.finish()).points);
  return points;
}
