import { parseArgs } from 'node:util';
import { evaluate } from '../src/eval/evaluate';
import { greedySampler } from '../src/eval/sampler';
import { initNodeBackend } from '../src/gpu/node';
import { referenceModel } from '../src/labs/reference';
import { encodeRecipe } from '../src/labs/recipeRows';
import { prepareRecipe } from '../src/labs/runRecipe';
import type { Recipe } from '../src/protocol/recipe';
import { writeSafetensors } from '../src/storage/safetensors';
import { builtinWorld } from '../src/world/registry';
import { loadNodeModel, loadRenderContext } from './nodeModels';
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseConfig } from '../src/lib/fields';
import { type TrainerId, trainers } from '../src/trainers/registry';

const { values } = parseArgs({ options: { recipe: { type: 'string' }, out: { type: 'string' }, cases: { type: 'string', default: '60' } } });
const recipe = JSON.parse(values.recipe!) as Recipe;
await initNodeBackend('wasm');
const render = loadRenderContext(recipe.template);
const model = await loadNodeModel(recipe.model.ref);
const ref = referenceModel(recipe, parseConfig(trainers[recipe.trainer as TrainerId].fields, recipe.args));
const reference = ref ? (await loadNodeModel(ref)).engine : undefined;
const t0 = performance.now();
const train = encodeRecipe(recipe, 'train', render), held = encodeRecipe(recipe, 'eval', render);
console.log('rows', train.rows.length, 'dropped', train.dropped.length, (performance.now() - t0).toFixed(0), 'ms');
const run = await prepareRecipe(recipe, { engine: model.engine, reference, train: train.rows, eval: held.rows, world: builtinWorld(), render, now: () => performance.now() });
const t1 = performance.now();
while (run.step < run.maxSteps) for (const p of (await run.trainStep()).points) if (p.step % 10 === 0 || 'eval_loss' in p) console.log(JSON.stringify(p));
console.log('trained', ((performance.now() - t1) / 1000).toFixed(0), 's');
if (values.out) { mkdirSync(values.out, { recursive: true }); writeFileSync(`${values.out}/model.safetensors`, writeSafetensors(await model.engine.exportTrained(), { format: 'pt' })); writeFileSync(`${values.out}/config.json`, model.config); }
const context = { world: builtinWorld(), render, sampler: greedySampler(model.engine) };
for (const [dataset, metrics] of [['builtin:pref', ['rubric', 'schema_valid', 'terminated']], [undefined, ['refusal_recall', 'schema_valid', 'fact_correct', 'tool_call_correct']]] as const) {
  const { metrics: m, cases } = await evaluate({ metrics: [...metrics], cases: Number(values.cases), seed: 1, promptStyle: 'plain', max_new_tokens: 150, ...(dataset && { dataset }) }, context);
  console.log(m.map(({ id, value, low, high }) => `${id} ${value.toFixed(3)} (${low.toFixed(3)}-${high.toFixed(3)})`).join('  '));
  if (dataset) for (const c of cases.slice(0, 3)) console.log(JSON.stringify({ p: c.prompt.slice(0, 80), o: c.output, r: c.verdicts.rubric }));
}
console.log('all', ((performance.now() - t0) / 1000).toFixed(0), 's');
