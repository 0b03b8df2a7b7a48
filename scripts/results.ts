// Measures the figures of docs/results.json and renders docs/results.md from them. Each group is measured apart and written
// at once, and trained weights are kept under .checkpoints/results, so an interrupted suite goes on where it was.
// Usage: npm run results [-- --only sft/micro] [--jobs 2] [--force] [--render]
import { execSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { evaluate, type PromptStyle } from '../src/eval/evaluate';
import { countedValues, type Graded } from '../src/eval/metric';
import { findMetrics } from '../src/eval/registry';
import { greedySampler } from '../src/eval/sampler';
import { bootstrapOverSeeds, mean, wilson } from '../src/eval/stats';
import { initNodeBackend } from '../src/gpu/node';
import { lossPair } from '../src/labs/pair';
import { encodeRecipe } from '../src/labs/recipeRows';
import { sftMeasured, sftNano } from '../src/labs/recipes/sft';
import { prepareRecipe } from '../src/labs/runRecipe';
import { Rng } from '../src/lib/rng';
import type { Recipe } from '../src/protocol/recipe';
import { readSafetensors, writeSafetensors } from '../src/storage/safetensors';
import { compileTemplate } from '../src/text/chatTemplate';
import type { RenderContext } from '../src/text/renderContext';
import { builtinWorld } from '../src/world/registry';
import { builtinModelIds, loadNodeModel, loadRenderContext, type NodeModel } from './nodeModels';
import { type Figure, renderResults } from './resultsTable';

interface Group {
  /** What --only names. */
  id: string;
  /** Figure id → metric. */
  figures: Record<string, string>;
  model: string;
  /** Trained before it is measured. */
  recipe?: Recipe;
  promptStyle?: PromptStyle;
  /** The model is served with this change of the template that it was trained with. */
  servedWith?: (source: string) => string;
  cases: number;
  seeds: number[];
}

const changed = (from: string, to: string) => (source: string) => {
  if (!source.includes(from)) throw new Error(`The built-in template no longer has ${JSON.stringify(from)}.`);
  return source.replaceAll(from, to);
};
const HEADER = '<|im_start|>assistant\\n';

const SFT_METRICS = [
  'schema_valid',
  'tool_call_correct',
  'tool_name_correct',
  'refusal_precision',
  'refusal_recall',
  'over_refusal_rate',
  'fact_correct',
];
const pair = lossPair(sftNano);
/** In the order of the page. */
const GROUPS: readonly Group[] = [
  {
    id: 'sft/base',
    figures: { 'sft/base/schema_valid': 'schema_valid' },
    model: 'builtin:micro',
    cases: 160,
    seeds: [1],
  },
  {
    id: 'sft/prompt_only',
    figures: { 'sft/prompt_only/schema_valid': 'schema_valid' },
    model: 'builtin:micro',
    promptStyle: 'best_prompt',
    cases: 160,
    seeds: [1],
  },
  {
    id: 'sft/micro',
    figures: Object.fromEntries(SFT_METRICS.map((metric) => [`sft/micro/${metric}`, metric])),
    model: sftMeasured.model.ref,
    recipe: sftMeasured,
    cases: 240,
    seeds: [1],
  },
  {
    id: 'sft/prompt_echo/full',
    figures: { 'sft/prompt_echo/full': 'prompt_echo' },
    model: pair.full.model.ref,
    recipe: pair.full,
    cases: 240,
    seeds: [1],
  },
  {
    id: 'sft/prompt_echo/completion',
    figures: { 'sft/prompt_echo/completion': 'prompt_echo' },
    model: pair.completion.model.ref,
    recipe: pair.completion,
    cases: 240,
    seeds: [1],
  },
  ...(
    [
      ['served/assistant_header', changed(HEADER, '[assistant]\\n')],
      ['served/one_space', changed(HEADER, '<|im_start|>assistant \\n')],
    ] as const
  ).map(
    ([id, servedWith]): Group => ({
      id,
      figures: { [`${id}/schema_valid`]: 'schema_valid', [`${id}/tool_call_correct`]: 'tool_call_correct' },
      model: sftMeasured.model.ref,
      recipe: sftMeasured,
      servedWith,
      cases: 240,
      seeds: [1],
    }),
  ),
];

const FILE = 'docs/results.json';
const CACHE = '.checkpoints/results';
const commandOf = (group: Group) => `npm run results -- --only ${group.id}`;

const readFigures = (): Figure[] => (existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Figure[]) : []);
/** Reads again just before it writes, so that two jobs do not lose each other's figures. */
async function writeFigures(changed: readonly Figure[]): Promise<void> {
  const models = await builtinModelIds();
  const byId = new Map([...readFigures(), ...changed].map((figure) => [figure.id, figure]));
  const order = GROUPS.flatMap((group) => Object.keys(group.figures));
  const figures = [...byId.values()].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  mkdirSync('docs', { recursive: true });
  writeFileSync(`${FILE}.${process.pid}`, `${JSON.stringify(figures, null, 2)}\n`);
  renameSync(`${FILE}.${process.pid}`, FILE);
  writeFileSync('docs/results.md', renderResults(figures, models));
}

/** Leaves the engine with the weights that the recipe trains from its base; taken from the cache when they are there. */
async function train(recipe: Recipe, model: NodeModel, isForced: boolean): Promise<void> {
  const render = loadRenderContext(recipe.template);
  const [trainRows, evalRows] = (['train', 'eval'] as const).map((part) => encodeRecipe(recipe, part, render).rows);
  // What is trained on, not where it came from: another generator, template or tokenizer gives other rows.
  const key = createHash('sha256').update(JSON.stringify([recipe, model.artifactId]));
  for (const { ids, mask } of trainRows!) key.update(ids).update(mask);
  const path = `${CACHE}/${key.digest('hex').slice(0, 16)}.safetensors`;
  if (existsSync(path) && !isForced)
    return model.engine.importWeights(readSafetensors(new Uint8Array(readFileSync(path))));
  const run = await prepareRecipe(
    { ...recipe, args: { ...recipe.args, generate_steps: 0, eval_steps: 100, logging_steps: 20 } },
    {
      engine: model.engine,
      train: trainRows!,
      eval: evalRows!,
      world: builtinWorld(),
      render,
      now: () => performance.now(),
    },
  );
  while (run.step < run.maxSteps)
    for (const point of (await run.trainStep()).points) console.error(JSON.stringify(point));
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(`${path}.tmp`, writeSafetensors(await model.engine.exportWeights(), { format: 'pt' }));
  renameSync(`${path}.tmp`, path);
}

function servingContext({ recipe, servedWith }: Group): RenderContext {
  const trainedWith = loadRenderContext(recipe?.template ?? 'builtin:chatml');
  if (!servedWith) return trainedWith;
  return { ...trainedWith, template: compileTemplate(servedWith(trainedWith.template.source)) };
}

async function measure(group: Group, isForced: boolean): Promise<void> {
  const started = performance.now();
  const backend = await initNodeBackend();
  const perSeed: Graded[][] = [];
  let artifact = '';
  for (const seed of group.seeds) {
    const model = await loadNodeModel(group.model);
    artifact = model.artifactId;
    if (group.recipe) await train({ ...group.recipe, seed }, model, isForced);
    const { graded } = await evaluate(
      {
        metrics: [],
        cases: group.cases,
        seed: 1,
        promptStyle: group.promptStyle ?? 'plain',
        onProgress: (done, total) => console.error(`${group.id}: ${done} of ${total} cases`),
      },
      { world: builtinWorld(), render: servingContext(group), sampler: greedySampler(model.engine) },
    );
    perSeed.push(graded);
    model.engine.dispose();
    mkdirSync(CACHE, { recursive: true });
    const outputs = graded.map((g) =>
      JSON.stringify({
        kind: g.case.kind,
        prompt: g.case.lastUser,
        expected: g.case.expected,
        output: g.output,
        ...g.verdicts,
      }),
    );
    writeFileSync(`${CACHE}/${group.id.replaceAll('/', '-')}-${seed}.jsonl`, `${outputs.join('\n')}\n`);
  }
  const isDirty = execSync('git status --porcelain -- src scripts public').toString() !== '';
  const commit = execSync('git rev-parse --short HEAD').toString().trim() + (isDirty ? '-dirty' : '');
  const figures = Object.entries(group.figures).map(([id, metricId]): Figure => {
    const metric = findMetrics([metricId])[0]!;
    const runs = perSeed.map((graded) => countedValues(metric, graded));
    const values = runs.flat();
    const isUnanimous = metric.unit === 'share' && values.every((v) => v === values[0]);
    const interval = isUnanimous
      ? wilson(values[0] ? values.length : 0, values.length)
      : bootstrapOverSeeds(runs, new Rng(1, id));
    return {
      id,
      value: mean(values),
      ...interval,
      n: values.length,
      seeds: group.seeds,
      unit: metric.unit,
      backend: backend.backend,
      model: artifact,
      commit,
      command: commandOf(group),
    };
  });
  // JSON has no NaN: a metric that counted no case has no figure.
  await writeFigures(figures.filter((figure) => Number.isFinite(figure.value)));
  for (const figure of figures) console.log(JSON.stringify(figure));
  console.error(`${group.id}: ${Math.round((performance.now() - started) / 1000)} s`);
}

/** Every figure of the group is there, from the base model as it is now. */
async function isMeasured(group: Group): Promise<boolean> {
  const known = readFigures().filter((figure) => figure.command === commandOf(group));
  if (!known.length) return false;
  await initNodeBackend();
  const model = await loadNodeModel(group.model);
  model.engine.dispose();
  const ids = Object.keys(group.figures);
  return ids.every((id) => known.some((figure) => figure.id === id && figure.model === model.artifactId));
}

const inProcess = (group: Group, isForced: boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['scripts/run.mjs', 'scripts/results.ts', '--only', group.id, isForced ? '--force' : '--due'],
      {
        stdio: 'inherit',
      },
    );
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${group.id} ended with ${code}`))));
  });

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      jobs: { type: 'string', default: '1' },
      force: { type: 'boolean', default: false },
      /** Measures anew what is there, with weights from the cache. */
      due: { type: 'boolean', default: false },
      render: { type: 'boolean', default: false },
    },
  });
  if (values.render) return writeFigures([]);
  const wanted = GROUPS.filter(({ id }) => !values.only || id === values.only || id.startsWith(`${values.only}/`));
  if (!wanted.length)
    throw new Error(`Nothing is called ${values.only}. Known: ${GROUPS.map(({ id }) => id).join(', ')}.`);
  const due: Group[] = [];
  for (const group of wanted) if (values.force || values.due || !(await isMeasured(group))) due.push(group);
  const jobs = Math.max(1, Number(values.jobs));
  const work = due.slice();
  const next = async (): Promise<void> => {
    for (let group = work.shift(); group; group = work.shift())
      await (jobs > 1 ? inProcess(group, values.force) : measure(group, values.force));
  };
  await Promise.all(Array.from({ length: jobs }, next));
}

await main();
