// Trains a recipe in Node, the same as in the browser: metrics as JSON lines on stdout, a progress bar on a terminal.
// Usage: npm run lab -- <recipe.json | lab id> [--out folder] [--backend wasm|cpu|webgpu] [--cases 40]
//        npm run lab -- check …: the pre-flight gate alone, on any rows and any model's tokenizer (scripts/labCheck.ts)
// Ends with 0 when the run has finished, 1 when it failed, 2 for wrong usage, 130 when it was interrupted (weights are kept).
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { initNodeBackend, initNodeGpu } from '../src/gpu/node';
import { writeAdapters } from '../src/interop/peft';
import { gateFindings, passGate } from '../src/labs/preflight';
import { encodeRecipe } from '../src/labs/recipeRows';
import { labs } from '../src/labs/registry';
import { prepareRecipe } from '../src/labs/runRecipe';
import { StudioError } from '../src/lib/errors';
import { duration, plural } from '../src/lib/words';
import { writeSafetensors } from '../src/storage/safetensors';
import { builtinWorld } from '../src/world/registry';
import { startDawn } from './bench/dawn';
import { check } from './labCheck';
import { loadReference, loadRenderContext, loadRewardModels, modelOf } from './nodeModels';
import { importedRows, readRecipe, UsageError } from './recipeFile';

const USAGE = `Usage: npm run lab -- <recipe.json | ${labs.map((lab) => lab.id).join(' | ')}> [--out folder] [--backend wasm|cpu|webgpu] [--cases 40]`;

const bar = (step: number, maxSteps: number, words: string) => {
  if (!process.stderr.isTTY) return;
  const filled = Math.round((24 * step) / maxSteps);
  process.stderr.write(`\r\x1b[K[${'█'.repeat(filled)}${'·'.repeat(24 - filled)}] ${step}/${maxSteps} ${words}`);
};
const emit = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function main(): Promise<number> {
  let parsed: ReturnType<typeof readArgs>;
  try {
    parsed = readArgs();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { out, backend, cases } = parsed;
  const recipe = readRecipe(parsed.source);
  const info =
    backend === 'webgpu'
      ? await initNodeGpu(await startDawn(), () => performance.now())
      : await initNodeBackend(backend);
  const render = loadRenderContext(recipe.template);
  const model = await modelOf(recipe);
  const encode = (part: 'train' | 'eval') => encodeRecipe(recipe, part, render, { imported: importedRows });
  const [train, held] = [encode('train'), encode('eval')];
  passGate(recipe, gateFindings(train, held));
  emit({
    kind: 'start',
    model: model.artifactId,
    backend: info,
    rows: train.rows.length,
    dropped: train.dropped.length,
    eval_rows: held.rows.length,
  });
  const run = await prepareRecipe(recipe, {
    engine: model.engine,
    reference: await loadReference(recipe),
    rewardModels: await loadRewardModels(recipe),
    train: train.rows,
    eval: held.rows,
    world: builtinWorld(),
    render,
    now: () => performance.now(),
  });
  let isInterrupted = false;
  /** By one of its guardrails. */
  let isStopped = false;
  process.once('SIGINT', () => {
    isInterrupted = true; // the step under way is finished first
  });
  const started = performance.now();
  const points: unknown[] = [];
  while (run.step < run.maxSteps && !isInterrupted && !isStopped) {
    const report = await run.trainStep();
    for (const point of report.points) {
      points.push(point);
      emit(point);
    }
    if (report.stop) {
      emit({ ...report.stop, kind: 'stop', by: report.stop.kind });
      isStopped = true;
    }
    for (const sample of report.generations) emit({ kind: 'generation', ...sample });
    const seconds = (performance.now() - started) / 1000;
    const loss = report.points.find((p) => 'loss' in p)?.loss;
    const left = duration((seconds / run.step) * (run.maxSteps - run.step));
    bar(run.step, run.maxSteps, `${loss === undefined || loss === null ? '' : `loss ${loss.toFixed(3)} `}${left} left`);
    await new Promise((resolve) => setImmediate(resolve)); // lets SIGINT in
  }
  // Weights first: a measurement that fails must not cost them.
  if (out) {
    const { engine } = model;
    const trained = await engine.exportTrained();
    const files =
      engine.adapters.length > 0
        ? writeAdapters(engine.config, engine.adapters, trained, recipe.model.ref)
        : { 'model.safetensors': writeSafetensors(trained, { format: 'pt' }), 'config.json': model.config };
    for (const [name, bytes] of Object.entries(files)) {
      mkdirSync(dirname(join(out, name)), { recursive: true });
      writeFileSync(join(out, name), bytes);
    }
  }
  const metrics =
    isInterrupted || cases === 0
      ? []
      : (await run.evaluate({ cases, onProgress: (done, total) => bar(done, total, 'held-out cases') })).metrics;
  if (process.stderr.isTTY) process.stderr.write('\n');
  for (const metric of metrics) emit({ kind: 'metric', ...metric });
  if (out) {
    const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
    writeFileSync(join(out, 'recipe.json'), json(recipe));
    const seconds = Math.round((performance.now() - started) / 1000);
    writeFileSync(
      join(out, 'report.json'),
      json({ step: run.step, maxSteps: run.maxSteps, base: model.artifactId, backend: info, seconds, points, metrics }),
    );
    console.error(`Wrote the weights of step ${run.step} and the report to ${out} (${plural(seconds, 'second')}).`);
  }
  run.dispose();
  return isInterrupted ? 130 : 0;
}

function readArgs() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      backend: { type: 'string', default: 'wasm' },
      cases: { type: 'string', default: '40' },
    },
  });
  const [source] = positionals;
  if (!source || positionals.length > 1) throw new UsageError('Name one recipe.');
  const { backend } = values;
  if (backend !== 'wasm' && backend !== 'cpu' && backend !== 'webgpu')
    throw new UsageError(`--backend must be wasm, cpu or webgpu, got ${backend}.`);
  const cases = Number(values.cases);
  if (!Number.isInteger(cases) || cases < 0)
    throw new UsageError(`--cases must be a whole number, got ${values.cases}.`);
  return { source, out: values.out, backend, cases } as const;
}

try {
  process.exitCode = process.argv[2] === 'check' ? await check(process.argv.slice(3)) : await main();
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n${error.usage ?? USAGE}`);
    process.exitCode = 2;
  } else {
    console.error(error instanceof StudioError ? error.message : error);
    process.exitCode = 1;
  }
}
// Dawn's instance keeps the process alive; what a pipe has not taken yet is written first.
if (globalThis.navigator?.gpu) process.stdout.write('', () => process.exit());
