// docs/results.md from docs/results.json: the page is never written by hand.
import { number, percent } from '../src/lib/words';

/** One measured figure; only scripts/results.ts writes them. */
export interface Figure {
  id: string;
  value: number;
  /** 95 % interval: bootstrap over held-out items, and over seeds where there are several. */
  low: number;
  high: number;
  /** Items counted, all seeds together. */
  n: number;
  seeds: number[];
  unit: string;
  backend: string;
  /** Artifact id of the base model. */
  model: string;
  /** What was measured, where that is no built-in model. */
  modelName?: string;
  commit: string;
  /** Reproduces the figure. */
  command: string;
}

const TITLES: Record<string, string> = {
  'sft/base/schema_valid': 'Base model, chat prompt: schema-valid turns',
  'sft/prompt_only/schema_valid': 'Base model, best prompt only (the old way): schema-valid turns',
  'sft/micro/schema_valid': 'micro after SFT: schema-valid turns',
  'sft/micro/tool_call_correct': 'micro after SFT: right tool with right arguments',
  'sft/micro/tool_name_correct': 'micro after SFT: right tool',
  'sft/micro/refusal_precision': 'micro after SFT: refusals given that were due',
  'sft/micro/refusal_recall': 'micro after SFT: due refusals that were given',
  'sft/micro/over_refusal_rate': 'micro after SFT: requests in order that were refused',
  'sft/micro/fact_correct': 'micro after SFT: answers with every fact right',
  'sft/prompt_echo/full': 'nano after full-sequence loss: prompt echo',
  'sft/prompt_echo/completion': 'nano after completion-only loss: prompt echo',
  'served/assistant_header/schema_valid':
    'micro after SFT, served with [assistant] for <\\|im_start\\|>assistant: schema-valid turns',
  'served/assistant_header/tool_call_correct': 'the same: right tool with right arguments',
  'served/one_space/schema_valid': 'micro after SFT, served with one more space after “assistant”: schema-valid turns',
  'qlora/eval_loss_minus_lora': 'QLoRA r 8 minus LoRA r 8, attention + MLP: held-out loss',
  'tenants/diagonal_min': 'three tenants: the one served worst by its own adapter, decided by its policy',
  'tenants/off_diagonal_max': 'three tenants: the wrong adapter that would be noticed least',
  'tenants/misrouted/caught': 'bank_A’s requests sent to adapter 42: answers that the slice check catches',
  'tenants/misrouted/schema_valid': 'the same answers: schema-valid',
  'tenants/routing_accuracy': 'requests of a trace that are served by their adapter, or refused as they must be',
  'tenants/batched_over_swapped_throughput':
    'mixed batches over one adapter at a time: tokens a second, the same tokens',
  'interop/logits_max_rel_error/transformers':
    'folders that the studio writes, read by transformers: largest difference of a logit',
  'interop/logits_max_rel_error/peft':
    'adapters that PEFT wrote, in the studio, and that the studio wrote, in PEFT: the worst logit',
  'interop/fuzzed_inputs':
    'broken safetensors and Parquet files, Parquet pages, zips and lines of JSON: read, or refused in a sentence',
  'interop/load_500mb_peak_js_mb': 'a 538 MB model imported and loaded: most JavaScript memory',
  'served/one_space/tool_call_correct': 'the same: right tool with right arguments',
};

const OFFERED: Record<string, string> = {
  sft: 'micro-demos (SFT), where the others start',
  dpo: 'DPO',
  orpo: 'ORPO',
  kto: 'KTO',
  simpo: 'SimPO',
  rloo: 'RLOO paid by rubric and schema',
  ppo: 'PPO paid by rubric and schema',
};
const METHODS: Record<string, string> = {
  start: 'micro-demos as shipped, where the methods start',
  ...OFFERED,
  reward_model: 'reward model',
  hacking: 'RLOO paid by biased votes',
  votes_alone: 'the same, paid by votes that follow the rubric',
  hacking_fixed: 'paid by those votes, with smaller steps and a higher β',
};
const OF_POLICY: Record<string, string> = {
  rubric: 'quality by the rubric',
  drawn_rubric: 'quality of answers drawn at temperature 1',
  win_rate: 'wins against the start, ties half',
  kl: 'KL from the start, whole answers',
  refusal_recall: 'due refusals that were given',
  refusal_precision: 'refusals given that were due',
  schema_valid: 'schema-valid turns',
  mean_length: 'length of an answer',
  accuracy: 'held-out pairs decided as the votes are',
  reward_gain: 'reward after less reward before',
  true_quality_gain: 'true quality after less before',
  length_gain: 'length after less length before',
  seconds: 'processor seconds of one training, from the fastest to the slowest',
};
const OF_NANO: Record<string, string> = {
  reward_gain: 'held-out reward after less before, from the lowest seed to the highest',
  kl: 'held-out KL at the end, from the lowest seed to the highest',
};
const SETS: Record<string, string> = { attention: 'attention', all: 'attention + MLP' };
const TASKS: Record<string, string> = {
  constraints: 'constraints and arguments',
  style: 'house terms and style',
  new_language: 'answers in signs',
};
const ARMS: Record<string, string> = {
  attention: 'r 8, attention',
  all: 'r 8, attention + MLP',
  small: 'r 4, attention + MLP',
  large: 'r 32, attention + MLP',
  full: 'all weights',
};
const WHAT: Record<string, string> = {
  turn_correct: 'turns with every check passed',
  house_terms: 'turns in house words',
  signs_right: 'signs in their place',
  signs_exact: 'answers with every sign right',
  schema_valid: 'schema-valid turns',
  tool_call_correct: 'right tool with right arguments',
  fact_correct: 'answers with every fact right',
  params: 'trained parameters',
};
/** Titles of figures that come in families. */
function titleOf(id: string): string {
  const lora = /^lora\/r(\d+)\/(attention|all)\/(\w+)$/.exec(id);
  if (lora) return `micro, LoRA r ${lora[1]}, ${SETS[lora[2]!]}: ${WHAT[lora[3]!]}`;
  const where = /^where\/(\w+)\/(\w+)\/(\w+)$/.exec(id);
  if (where) return `micro-sft, ${TASKS[where[1]!]}, ${ARMS[where[2]!]}: ${WHAT[where[3]!]}`;
  const pref = /^pref\/(\w+)\/(\w+)$/.exec(id);
  if (pref) {
    const [, method, what] = pref as unknown as [string, string, string];
    const of = OF_POLICY[what] ?? `${OF_POLICY[what.replace('_gain', '')]}, after less before`;
    return `${METHODS[method]}: ${of}`;
  }
  const nano = /^rlhf_nano\/(\w+)\/(\w+)$/.exec(id);
  if (nano) return `nano by ${nano[1]!.toUpperCase()}: ${OF_NANO[nano[2]!]}`;
  const chance = /^two_metrics\/chance\/(\d+)\/(\w+)$/.exec(id);
  if (chance)
    return `${chance[1]} cases, nothing changed, ${chance[2] === '95' ? 'one interval of 95 % a look' : 'the level over metrics and looks'}: runs that a guardrail ends`;
  const full = /^full\/(\w+)$/.exec(id);
  if (full) return `micro, all weights, as many steps: ${WHAT[full[1]!]}`;
  const cell = /^tenants\/matrix\/(\d+)\/(\w+)$/.exec(id);
  if (cell) return `adapter ${cell[1]} on requests of ${cell[2]}: decided by that tenant’s policy`;
  return TITLES[id] ?? id;
}

const inUnit = (value: number, unit: string) => (unit === 'share' ? percent(value) : `${number(value)} ${unit}`);

/** What can be said of a change where more is better: nothing where its interval holds 0. */
const verdictOf = ({ low, high }: Figure): string => (low > 0 ? 'better' : high < 0 ? 'worse' : 'inconclusive');
/** A method in each row, side by side; empty before any was measured. */
function preferenceTable(figures: readonly Figure[]): string {
  const of = (method: string, what: string) => figures.find(({ id }) => id === `pref/${method}/${what}`);
  const plain = ({ unit }: Figure, value: number) => (unit === 'share' ? percent(value) : number(value));
  const told = (figure: Figure | undefined) => (figure ? plain(figure, figure.value) : '–');
  const between = (figure: Figure) => `[${plain(figure, figure.low)}, ${plain(figure, figure.high)}]`;
  const sure = (figure: Figure | undefined) => (figure ? `${told(figure)} ${between(figure)}` : '–');
  const gained = (figure: Figure | undefined) =>
    figure ? `${figure.value > 0 ? '+' : ''}${told(figure)} ${between(figure)}, ${verdictOf(figure)}` : '–';
  const rows = Object.keys(OFFERED).flatMap((method) => {
    if (!of(method, 'rubric')) return [];
    const cells = [
      OFFERED[method],
      told(of(method, 'rubric')),
      gained(of(method, 'rubric_gain')),
      gained(of(method, 'drawn_rubric_gain')),
      sure(of(method, 'win_rate')),
      sure(of(method, 'kl')),
      gained(of(method, 'refusal_recall_gain')),
      gained(of(method, 'schema_valid_gain')),
      told(of(method, 'mean_length')),
      told(of(method, 'seconds')),
    ];
    return [`| ${cells.join(' | ')} |`];
  });
  if (!rows.length) return '';
  const seconds = figures.filter(({ id }) => /^pref\/\w+\/seconds$/.test(id)).map(({ value, n }) => value * n);
  const hours = seconds.reduce((sum, one) => sum + one, 0) / 3600;
  const from = ['rubric', '', 'drawn_rubric', '', '', 'refusal_recall', 'schema_valid', 'mean_length', ''].map((what) => (what ? told(of('start', what)) : '')); // biome-ignore format: one row
  if (of('start', 'rubric')) rows.unshift(`| the start | ${from.join(' | ')} |`);
  return `## Methods on preferences

All start from micro-demos; recipes in \`src/labs/recipes/preferenceMeasured.ts\`. A change is a mean over the same held-out cases
before and after, over three trainings; it is called inconclusive where its interval holds 0.
Cases are drawn once for all trainings, because they share them. Three trainings say little of how much a fourth would differ: where
trainings differ much, the intervals are narrower than 95 %. The row of the start has levels where the others have changes, SFT's is two
more trainings of the start itself: what another seed does. All trainings under \`pref/\` together: ${number(hours)} hours of one core.

| method | rubric | its change | of answers drawn | wins | KL, nats | refusal recall, change | schema-valid, change | length, tokens | training, s |
|---|---|---|---|---|---|---|---|---|---|
${rows.join('\n')}

`;
}

/** Markdown of all figures. `models`: ids of the base models as they are now; a figure of another one is marked as stale. */
export function renderResults(figures: readonly Figure[], models: readonly string[]): string {
  const stale = (f: Figure) => (f.modelName !== undefined || models.includes(f.model) ? '' : ' (stale: an older base)');
  const rows = figures.map(
    (f) =>
      `| ${titleOf(f.id)}${stale(f)} | ${inUnit(f.value, f.unit)} | ${inUnit(f.low, f.unit)} – ${inUnit(f.high, f.unit)} | ${f.n} | ${f.seeds.join(', ')} | \`${f.id}\` |`,
  );
  const sources = figures.map(
    (f) =>
      `| \`${f.id}\` | ${f.backend} | ${f.modelName ?? `\`${f.model.slice(0, 'sha256:'.length + 12)}\``} | ${f.commit} | \`${f.command}\` |`,
  );
  return `# Results

Measured by \`npm run results\`, which writes \`docs/results.json\` and renders this page from it. Held-out cases: phrasings and
entities that no training row has; greedy decoding; every turn is graded against the truth that the simulated company computes.
Intervals are 95 %, bootstrapped over cases (and seeds, where there are several); where all cases agree, and of simulated runs,
Wilson's. Seconds go from the fastest training to the slowest.
Figures of one seed do not show how much another training run would differ.

| figure | value | 95 % interval | n | seeds | id |
|---|---|---|---|---|---|
${rows.join('\n')}

${preferenceTable(figures)}What the metrics count:

- *schema-valid*: the turn is one JSON object by the published answer schema, or one tool call whose arguments obey the tool's schema. It says nothing about being right.
- *right tool call*: the tool that is due, with exactly the right arguments.
- *refusals*: status \`refused\`, against the requests that must be refused.
- *quality by the rubric*: six dimensions that the simulated company computes (docs/world.md), of greedy answers to held-out questions.
- *wins and KL of SFT*: those of two other trainings of the same recipe against the one that ships: what chance alone comes to.
- *reward after less before*: in standard deviations of the start's rewards, of answers drawn at temperature 1 with the same dice; lengths and true quality are of the same answers.
- *prompt echo*: the turn repeats 24 or more characters of the user's last message, more than the right answer repeats.

## Where each figure comes from

| id | backend | model | commit | command |
|---|---|---|---|---|
${sources.join('\n')}
`;
}
