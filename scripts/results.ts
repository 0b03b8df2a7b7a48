// Measures the figures of docs/results.json and renders docs/results.md from them. Each group is measured apart and written
// at once, and trained weights are kept under .checkpoints/results, so an interrupted suite goes on where it was.
// Usage: npm run results [-- --only sft/micro] [--jobs 2] [--force] [--render]
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { evaluate, type PromptStyle } from '../src/eval/evaluate';
import { countedValues, type Graded } from '../src/eval/metric';
import { findMetrics } from '../src/eval/registry';
import { greedySampler } from '../src/eval/sampler';
import { bootstrapOverSeeds, mean } from '../src/eval/stats';
import { initNodeBackend } from '../src/gpu/node';
import { lossPair } from '../src/labs/pair';
import { fullRecipe, loraRecipe, qloraRecipe, RANKS, TARGET_SETS, type TargetSet } from '../src/labs/recipes/lora';
import { PREFERENCE_START } from '../src/labs/recipes/preference';
import { sftMeasured, sftNano } from '../src/labs/recipes/sft';
import { WHERE_EXPERIMENTS } from '../src/labs/recipes/where';
import { wilson } from '../src/lib/agreement';
import { Rng } from '../src/lib/rng';
import type { Recipe } from '../src/protocol/recipe';
import { compileTemplate } from '../src/text/chatTemplate';
import type { RenderContext } from '../src/text/renderContext';
import { builtinWorld } from '../src/world/registry';
import { commitNow } from './commit';
import { builtinModelIds, loadNodeModel, loadRenderContext, modelOf } from './nodeModels';
import { exportFigures, fuzzFigures, loadFigures, peftFigures } from './resultsInterop';
import { qloraGap } from './resultsLora';
import { PREFERENCE_GROUPS } from './resultsPreference';
import { type Figure, renderResults } from './resultsTable';
import { TENANT_FIGURES, tenantFigures } from './resultsTenants';
import { CACHE, train } from './resultsTraining';

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
  /** Built-in set that the cases come from; the four SFT shapes unless given. */
  dataset?: string;
  seeds: number[];
  /** Id of a figure for the numbers that the recipe trains. */
  parameters?: string;
  /** A figure that some measurements do not have: time of weights from the cache, the precision of refusals where none was given. */
  mayLack?: (id: string) => boolean;
  /** Figures that are no metric of held-out cases. */
  measure?: (isForced: boolean) => Promise<Measured[]>;
}
/** A figure without where it comes from. */
export type Measured = Pick<Figure, 'id' | 'value' | 'low' | 'high' | 'n' | 'unit'> &
  /** Where it was not measured on Node's backend with the group's model and seeds. */
  Partial<Pick<Figure, 'backend' | 'model' | 'modelName' | 'seeds'>>;

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
const LORA_METRICS = (id: string) =>
  Object.fromEntries(
    ['schema_valid', 'tool_call_correct', 'fact_correct'].map((metric) => [`${id}/${metric}`, metric]),
  );
/** What is said of target sets and of full tuning rests on these ranks; the others draw the curve between them. */
const seedsOf = (r: number) => ([2, 8].includes(r) ? [1, 2, 3] : [1]);
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
  {
    id: 'full',
    figures: LORA_METRICS('full'),
    parameters: 'full/params',
    model: fullRecipe.model.ref,
    recipe: fullRecipe,
    cases: 240,
    seeds: [1, 2, 3],
  },
  ...(Object.keys(TARGET_SETS) as TargetSet[]).flatMap((targets) =>
    RANKS.map((r): Group => {
      const id = `lora/r${r}/${targets}`;
      const recipe = loraRecipe(r, targets);
      return { id, figures: LORA_METRICS(id), parameters: `${id}/params`, model: recipe.model.ref, recipe, cases: 240, seeds: seedsOf(r) }; // biome-ignore format: one group
    }),
  ),
  ...WHERE_EXPERIMENTS.flatMap(({ id: experiment, dataset, metrics, arms }) =>
    arms.map(({ id: arm, recipe }): Group => {
      const id = `where/${experiment}/${arm}`;
      return {
        id,
        figures: Object.fromEntries(metrics.map((metric) => [`${id}/${metric}`, metric])),
        parameters: `${id}/params`,
        model: recipe.model.ref,
        recipe,
        dataset,
        cases: 160,
        seeds: [1, 2, 3],
      };
    }),
  ),
  {
    id: 'qlora',
    figures: { 'qlora/eval_loss_minus_lora': '' },
    model: qloraRecipe.model.ref,
    cases: 0,
    seeds: [1],
    measure: (isForced) => qloraGap(loraRecipe(8, 'all'), qloraRecipe, isForced),
  },
  {
    id: 'tenants',
    figures: Object.fromEntries(TENANT_FIGURES.map((id) => [id, ''])),
    model: 'builtin:micro-sft',
    cases: 0,
    seeds: [1],
    measure: tenantFigures,
  },
  ...PREFERENCE_GROUPS.map(
    ({ id, figures, seeds, measure, model }): Group => ({
      id,
      figures: Object.fromEntries(figures.map((figure) => [figure, ''])),
      model: model ?? PREFERENCE_START,
      mayLack: (figure) => /\/(seconds|refusal_precision(_gain)?)$/.test(figure),
      cases: 0,
      seeds,
      measure,
    }),
  ),
  {
    id: 'interop/transformers',
    figures: { 'interop/logits_max_rel_error/transformers': '' },
    model: 'builtin:nano',
    cases: 0,
    seeds: [7],
    measure: exportFigures,
  },
  {
    id: 'interop/peft',
    figures: { 'interop/logits_max_rel_error/peft': '' },
    model: 'builtin:nano',
    cases: 0,
    seeds: [],
    measure: peftFigures,
  },
  {
    id: 'interop/fuzz',
    figures: { 'interop/fuzzed_inputs': '' },
    model: 'builtin:nano',
    cases: 0,
    seeds: [],
    measure: fuzzFigures,
  },
  {
    id: 'interop/load',
    figures: { 'interop/load_500mb_peak_js_mb': '' },
    model: 'builtin:nano',
    cases: 0,
    seeds: [7],
    measure: loadFigures,
  },
];

const idsOf = ({ figures, parameters }: Group): string[] => [
  ...Object.keys(figures),
  ...(parameters === undefined ? [] : [parameters]),
];
const FILE = 'docs/results.json';
const commandOf = (group: Group) => `npm run results -- --only ${group.id}`;

const readFigures = (): Figure[] => (existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Figure[]) : []);
/** Reads again just before it writes, so that two jobs do not lose each other's figures. */
async function writeFigures(changed: readonly Figure[]): Promise<void> {
  const models = await builtinModelIds();
  const byId = new Map([...readFigures(), ...changed].map((figure) => [figure.id, figure]));
  const order = GROUPS.flatMap(idsOf);
  const figures = [...byId.values()].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  mkdirSync('docs', { recursive: true });
  writeFileSync(`${FILE}.${process.pid}`, `${JSON.stringify(figures, null, 2)}\n`);
  renameSync(`${FILE}.${process.pid}`, FILE);
  writeFileSync('docs/results.md', renderResults(figures, models));
}

function servingContext({ recipe, servedWith }: Group): RenderContext {
  const trainedWith = loadRenderContext(recipe?.template ?? 'builtin:chatml');
  if (!servedWith) return trainedWith;
  return { ...trainedWith, template: compileTemplate(servedWith(trainedWith.template.source)) };
}

async function measure(group: Group, isForced: boolean): Promise<void> {
  const started = performance.now();
  const backend = await initNodeBackend();
  const commit = commitNow();
  const perSeed: Graded[][] = [];
  let artifact = '';
  let parameters = 0;
  const finish = async (measured: readonly Measured[]) => {
    const about = { seeds: group.seeds, backend: backend.backend, model: artifact, commit, command: commandOf(group) };
    // JSON has no NaN: a metric that counted no case has no figure.
    // The figure's own labels count before the group's; spread first as well, for the order of the file.
    const figures = measured.map((figure) => ({ ...figure, ...about, ...figure })).filter((f) => Number.isFinite(f.value)); // biome-ignore format: one choice
    await writeFigures(figures);
    for (const figure of figures) console.log(JSON.stringify(figure));
    console.error(`${group.id}: ${Math.round((performance.now() - started) / 1000)} s`);
  };
  if (group.measure) {
    const model = await loadNodeModel(group.model);
    artifact = model.artifactId;
    model.engine.dispose();
    return finish(await group.measure(isForced));
  }
  for (const seed of group.seeds) {
    const recipe = group.recipe && { ...group.recipe, seed };
    const model = recipe ? await modelOf(recipe) : await loadNodeModel(group.model);
    artifact = model.artifactId;
    if (recipe) await train(recipe, model, isForced);
    parameters = Object.values(await model.engine.exportTrained()).reduce((sum, { data }) => sum + data.length, 0);
    const { graded } = await evaluate(
      {
        metrics: [],
        cases: group.cases,
        ...(group.dataset !== undefined && { dataset: group.dataset }),
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
  const measured = Object.entries(group.figures).map(([id, metricId]): Measured => {
    const metric = findMetrics([metricId])[0]!;
    const runs = perSeed.map((graded) => countedValues(metric, graded));
    const values = runs.flat();
    const isUnanimous = metric.unit === 'share' && values.every((v) => v === values[0]);
    const interval = isUnanimous
      ? wilson(values[0] ? values.length : 0, values.length)
      : bootstrapOverSeeds(runs, new Rng(1, id));
    return { id, value: mean(values), ...interval, n: values.length, unit: metric.unit };
  });
  const count = { value: parameters, low: parameters, high: parameters, n: 1, unit: 'parameters' };
  await finish([...measured, ...(group.parameters === undefined ? [] : [{ id: group.parameters, ...count }])]);
}

/** Every figure of the group is there, from the base model as it is now. */
async function isMeasured(group: Group): Promise<boolean> {
  const known = readFigures().filter((figure) => figure.command === commandOf(group));
  if (!known.length) return false;
  await initNodeBackend();
  const model = await loadNodeModel(group.model);
  model.engine.dispose();
  const ids = idsOf(group).filter((id) => !group.mayLack?.(id));
  return ids.every((id) =>
    known.some(
      (figure) =>
        figure.id === id &&
        (figure.modelName !== undefined || figure.model === model.artifactId) &&
        !figure.commit.endsWith('-dirty'),
    ),
  );
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
