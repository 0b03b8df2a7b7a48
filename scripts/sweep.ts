// Not kept: jobs of a JSON list one after the other, for tuning on the lent machine.
import { existsSync, mkdirSync, readFileSync, writeFileSync, appendFileSync } from 'node:fs';
import { countedValues } from '../src/eval/metric';
import { findMetrics } from '../src/eval/registry';
import { mean } from '../src/eval/stats';
import { initNodeBackend, initNodeGpu } from '../src/gpu/node';
import { encodeRecipe } from '../src/labs/recipeRows';
import { prepareRecipe } from '../src/labs/runRecipe';
import type { Recipe } from '../src/protocol/recipe';
import { writeSafetensors } from '../src/storage/safetensors';
import { builtinWorld } from '../src/world/registry';
import { trainedHead } from '../src/trainers/registry';
import { startDawn } from './bench/dawn';
import { loadNodeModel, loadReference, loadRenderContext, loadRewardModels, modelOf } from './nodeModels';
import { policyFigures, wins } from './policyFigures';

const [file, out, part, of, backend, until] = process.argv.slice(2) as [string, string, string, string, string, string];
interface Job { name: string; recipe: Recipe; save?: boolean; start?: string }
const end = Date.now() + Number(until) * 1000;
const all = JSON.parse(readFileSync(file, 'utf8')) as Job[];
const jobs = all.filter((job, i) => job && i % Number(of) === Number(part));
const info = backend === 'webgpu' ? await initNodeGpu(await startDawn(), () => performance.now()) : await initNodeBackend('wasm');
const say = (o: object) => appendFileSync(`${out}/sweep.jsonl`, `${JSON.stringify(o)}\n`);
for (const { name, recipe, save, start } of jobs) {
  if (Date.now() > end) { say({ name, skipped: true }); continue; }
  try {
    const t0 = performance.now();
    const render = loadRenderContext(recipe.template);
    const model = await modelOf(recipe);
    const [train, held] = [encodeRecipe(recipe, 'train', render), encodeRecipe(recipe, 'eval', render)];
    const t1 = performance.now();
    const run = await prepareRecipe(recipe, { engine: model.engine, reference: await loadReference(recipe), rewardModels: await loadRewardModels(recipe), train: train.rows, eval: held.rows, world: builtinWorld(), render, now: () => performance.now(), sendAhead: !info.isFallbackAdapter });
    const points: object[] = [];
    while (run.step < run.maxSteps && Date.now() < end + 20_000) points.push(...(await run.trainStep()).points);
    points.push(...(await run.finish()).points);
    const t2 = performance.now();
    if (save) {
      mkdirSync(`${out}/${name}`, { recursive: true });
      writeFileSync(`${out}/${name}/model.safetensors`, writeSafetensors(await model.engine.exportTrained(), { format: 'pt' }));
      writeFileSync(`${out}/${name}/config.json`, model.config);
    }
    const figures: Record<string, number> = {};
    if (trainedHead(recipe.trainer) === 'lm') {
      const from = start ? (await loadNodeModel(start)).engine : undefined;
      const cases = { split: 'dev' as const, quality: Number(process.env.Q ?? 128), guardrail: Number(process.env.Q ?? 128), drawn: Number(process.env.Q ?? 128) / 2 };
      const found = await policyFigures(model.engine, from, render, cases);
      const value = (id: string, graded: typeof found.quality) => mean(countedValues(findMetrics([id])[0]!, graded));
      for (const id of ['rubric', 'terminated', 'mean_length', 'schema_valid']) figures[id] = value(id, found.quality);
      for (const id of ['schema_valid', 'refusal_recall', 'over_refusal_rate', 'tool_call_correct']) figures[`g/${id}`] = value(id, found.guardrail);
      if (found.kl.length) figures.kl = mean(found.kl);
      if (from) {
        const path = `${out}/quality-${start!.replaceAll(/\W/g, '_')}.json`;
        if (!existsSync(path)) {
          const base = await policyFigures(from, undefined, render, { ...cases, guardrail: 1 });
          writeFileSync(path, JSON.stringify(base.quality.map(({ verdicts }) => ({ verdicts }))));
        }
        figures.win_rate = mean(wins(found.quality, JSON.parse(readFileSync(path, 'utf8'))));
      }
      const samples = found.quality.slice(0, 2).map((g) => g.output);
      say({ name, figures, seconds: [t1 - t0, t2 - t1, performance.now() - t2].map((ms) => Math.round(ms / 1000)), steps: run.step, points: points.filter((_, i) => i % Math.ceil(points.length / 12) === 0 || i === points.length - 1), samples });
      from?.dispose();
    } else say({ name, seconds: [t1 - t0, t2 - t1].map((ms) => Math.round(ms / 1000)), steps: run.step, points: points.slice(-3) });
    run.dispose();
  } catch (error) {
    say({ name, error: String(error), stack: (error as Error).stack?.slice(0, 400) });
  }
}
say({ part, done: true });
