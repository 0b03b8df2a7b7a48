// Trains what ships beside the base models: micro after SFT, the start of preferences over it, and the adapters of three tenants. Models that are cached
// by scripts/results.ts are taken from there.
// Usage: npm run tenants [-- --only sft | demos | adapters | checks] [--force]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { initNodeBackend } from '../src/gpu/node';
import { writeAdapter } from '../src/interop/peft';
import { demosRecipe } from '../src/labs/recipes/preferenceMeasured';
import { sftMeasured } from '../src/labs/recipes/sft';
import { tenantsRecipe } from '../src/labs/recipes/tenants';
import { tensorsOf } from '../src/nn/adapterSet';
import type { Recipe } from '../src/protocol/recipe';
import { hashBytes } from '../src/storage/hash';
import { writeSafetensors } from '../src/storage/safetensors';
import { commitNow } from './commit';
import { modelOf } from './nodeModels';
import { tenancyOf } from './resultsTenants';
import { train } from './resultsTraining';

const { values } = parseArgs({
  options: { only: { type: 'string' }, force: { type: 'boolean', default: false } },
});
const MODELS = 'public/models';
const json = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`);

function write(folder: string, files: Record<string, Uint8Array>): void {
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(MODELS, folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}
const report = async (recipe: Recipe, base: string, eval_loss: number, files: Record<string, Uint8Array>) => ({
  recipe,
  base,
  eval_loss,
  backend: 'WebAssembly SIMD',
  commit: commitNow(),
  command: 'npm run tenants',
  sha256: Object.fromEntries(
    await Promise.all(Object.entries(files).map(async ([name, bytes]) => [name, await hashBytes(bytes)])),
  ) as Record<string, string>,
});

await initNodeBackend();
/** A whole model under public/models/<folder>. */
async function ship(folder: string, recipe: Recipe): Promise<void> {
  const model = await modelOf(recipe);
  const { eval_loss } = await train(recipe, model, values.force);
  const files = {
    'model.safetensors': writeSafetensors(await model.engine.exportTrained(), { format: 'pt' }),
    'config.json': new Uint8Array(readFileSync(join(MODELS, 'micro/config.json'))),
    'generation_config.json': new Uint8Array(readFileSync(join(MODELS, 'micro/generation_config.json'))),
  };
  write(folder, { ...files, 'report.json': json(await report(recipe, model.artifactId, eval_loss, files)) });
  model.engine.dispose();
}
if (values.only === undefined || values.only === 'sft') await ship('micro-sft', sftMeasured);
if (values.only === undefined || values.only === 'demos') await ship('micro-demos', demosRecipe);
if (values.only === undefined || values.only === 'adapters') {
  const model = await modelOf(tenantsRecipe);
  const { eval_loss } = await train(tenantsRecipe, model, values.force);
  const { engine } = model;
  const tensors = await engine.exportTrained();
  for (const { name, config } of engine.adapters) {
    const files = writeAdapter(engine.config, config, tensorsOf(name, tensors), 'micro-sft');
    write(`adapters/${name}`, {
      ...files,
      'report.json': json(await report(tenantsRecipe, model.artifactId, eval_loss, files)),
    });
  }
  engine.dispose();
}
if (values.only !== 'sft' && values.only !== 'demos') {
  // The check that each needs before it serves (tenancy.ts): against the bare base, on its tenant's dev cases.
  const tenancy = tenancyOf();
  const { entries } = await tenancy.view();
  for (const { id, name, versions, active } of entries) {
    if (active !== null) continue; // its report has a check of these very files
    const [{ version, artifactId }] = versions as [(typeof versions)[number]];
    const { checks } = await tenancy.check(id, version, { cases: 60, seed: 1, allowance: 1 }, {});
    const path = join(MODELS, `adapters/${name}/report.json`);
    const known = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    writeFileSync(path, json({ ...known, check: { artifact: artifactId, ...checks } }));
    console.error(`${name}: ${checks!.right!.before} → ${checks!.right!.after} of ${checks!.cases}, ${checks!.passes ? 'passes' : 'does not pass'}`); // biome-ignore format: one sentence
  }
}
