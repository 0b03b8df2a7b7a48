// What differs between runs: all settings of their recipes by name, the defaults that nobody typed among them. Pure.
import { defaults } from '../../lib/fields';
import type { Json } from '../../protocol/chat';
import { LORA_DEFAULTS } from '../../protocol/peft';
import { type DataRef, MODEL_TEMPLATE, type Ref, type RewardSpec } from '../../protocol/recipe';
import type { RunRecord } from '../../protocol/run';
import type { TwoMetrics } from '../../protocol/twoMetrics';
import { trainers } from '../../trainers/registry';

/** `unknown`: a log does not say. `none`: the run has nothing that it could be a setting of. */
export interface Setting {
  text: string;
  kind: 'set' | 'default' | 'unknown' | 'none';
}
export interface Difference {
  key: string;
  /** One a run, in their order. */
  values: Setting[];
}
type Settings = Readonly<Record<string, Setting>>;

const UNKNOWN: Setting = { text: 'not in the log', kind: 'unknown' };
const NONE: Setting = { text: '–', kind: 'none' };

function words(value: Json): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(words).join(', ') || 'none';
  if (value === null) return 'none';
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value);
  return entries.length > 0 ? entries.map(([key, inner]) => `${key} ${words(inner)}`).join(', ') : 'none';
}
/** What was set, and what is so because nobody did. */
function withDefaults(
  prefix: string,
  given: { readonly [key: string]: Json },
  otherwise: { readonly [key: string]: Json },
): Settings {
  const out: Record<string, Setting> = {};
  for (const [key, value] of Object.entries(otherwise))
    out[`${prefix}.${key}`] = { text: words(value), kind: 'default' };
  for (const [key, value] of Object.entries(given)) out[`${prefix}.${key}`] = { text: words(value), kind: 'set' };
  return out;
}

/** `every 50 steps on 40 cases: rubric, against kl 10, schema_valid 0.05; stops`. */
const twoMetricsWords = ({ every, cases, targets, guardrails, stop }: TwoMetrics): string =>
  `${every > 0 ? `every ${every} steps` : 'at both ends'} on ${cases} cases: ${targets.map(({ metric }) => metric).join(', ')}, against ${guardrails.map(({ metric, worse_by }) => `${metric} ${worse_by}`).join(', ')}${stop ? '; stops' : ''}`;

/** `0.25 schema_valid (json 0.5)`. */
const rewardWords = (spec: RewardSpec, name: (ref: Ref) => string): string =>
  [spec.weight ?? 1, spec.type === 'rule' ? spec.id : name(spec.ref), spec.type === 'rule' && spec.args && `(${words(spec.args)})`].filter((one) => one !== undefined && one !== false).join(' '); // biome-ignore format: one list

/** All of a run by their names, in the order of a recipe. `name`: what a ref is called here. */
export function settingsOf(run: RunRecord, name: (ref: Ref) => string): Settings {
  const { recipe, imported, backend } = run;
  if (imported) return withDefaults('args', recipe.args, {});
  const {
    trainer,
    model,
    template,
    data,
    args,
    peft,
    reference,
    rewards,
    teacher,
    evaluation,
    two_metrics: watch,
    seed,
    overrides,
  } = recipe;
  const set = (text: string): Setting => ({ text, kind: 'set' });
  const orDefault = (value: number | undefined, otherwise: string): Setting =>
    value === undefined ? { text: otherwise, kind: 'default' } : set(String(value));
  const sources = (refs: readonly DataRef[]) =>
    refs.map(({ ref, split, weight, adapter }) => [name(ref), split, weight !== undefined && `weight ${weight}`, adapter && `for ${adapter}`].filter(Boolean).join(', ')).join(' + ') || 'none'; // biome-ignore format: one list
  const known = trainer in trainers ? trainers[trainer as keyof typeof trainers].fields : {};
  return {
    trainer: set(trainer),
    model: set(name(model.ref)),
    'model.adapters': model.adapters?.length ? set(model.adapters.map(name).join(', ')) : NONE,
    'model.quantization': model.quantization
      ? set(words({ ...model.quantization }))
      : { text: 'none', kind: 'default' },
    template: set(template === MODEL_TEMPLATE ? 'the model’s own' : name(template)),
    'data.train': set(sources(data.train)),
    'data.eval': set(sources(data.eval)),
    // Of built-in sets, which are made as long as it says; one's own are read whole.
    'data.rows': data.train.some(({ ref }) => ref.startsWith('builtin:')) ? orDefault(data.rows, 'all') : NONE,
    'data.seed': orDefault(data.seed, String(seed)),
    'data.flipped_votes': orDefault(data.flipped_votes, '0'),
    reference: reference ? set(reference === 'adapter_off' ? 'adapter_off' : name(reference)) : NONE,
    rewards: rewards?.length ? set(rewards.map((spec) => rewardWords(spec, name)).join(' + ')) : NONE,
    teacher: teacher ? set(name(teacher)) : NONE,
    ...withDefaults('args', args, defaults(known)),
    peft: set(peft ? 'LoRA' : 'none: all weights'),
    ...(peft && withDefaults('peft', peft, LORA_DEFAULTS)),
    evaluation: set(words(evaluation)),
    two_metrics: watch ? set(twoMetricsWords(watch)) : { text: 'none', kind: 'default' },
    seed: set(String(seed)),
    overrides: set(words(overrides ?? [])),
    backend: backend ? set(`${backend.backend}, ${backend.adapter}`) : NONE,
  };
}

/**
 * Settings in which at least two runs are known to differ, and how many more cannot be told apart because a log says
 * little. What belongs to an adapter is no difference from a run without one unless somebody set it.
 */
export function recipeDiff(
  runs: readonly RunRecord[],
  name: (ref: Ref) => string,
): { differences: Difference[]; untold: number } {
  const all = runs.map((run) => ({ settings: settingsOf(run, name), isLog: run.imported !== undefined }));
  const keys = [...new Set(all.flatMap(({ settings }) => Object.keys(settings)))];
  let untold = 0;
  const differences = keys.flatMap((key): Difference[] => {
    const values = all.map(({ settings, isLog }) => settings[key] ?? (isLog ? UNKNOWN : NONE));
    const told = values.filter(({ kind }) => kind !== 'unknown');
    const here = values.filter((_, i) => !all[i]!.isLog);
    const texts = new Set(told.filter(({ kind }) => kind !== 'none').map(({ text }) => text));
    // What a log alone has may go by another name in the runs of this studio.
    const isOfLogs = here.length > 0 && texts.size > 0 && here.every(({ kind }) => kind === 'none');
    const isSetForSome = here.some(({ kind }) => kind === 'set') && here.some(({ kind }) => kind === 'none');
    if (!isOfLogs && (texts.size > 1 || isSetForSome)) return [{ key, values }];
    if (isOfLogs || told.length < values.length) untold++;
    return [];
  });
  return { differences, untold };
}
