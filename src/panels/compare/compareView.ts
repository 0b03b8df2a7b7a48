// Rows, points and sentences of the comparison, from the runs and what was measured of them. Pure.
import { type ComparedMethod, comparedMethod } from '../../labs/compareMethods';
import { type Gain, type StageVerdict, WORTH_HAVING } from '../../labs/stageRule';
import { argsOf } from '../../labs/trainerOf';
import { number, plural, signed } from '../../lib/words';
import { type Compared, type Decision, decisionOf } from '../../protocol/comparison';
import type { RunRecord } from '../../protocol/run';
import type { Reading } from '../../protocol/twoMetrics';

export interface CompareRow {
  run: RunRecord;
  method: ComparedMethod;
  /** `DPO`, and the run's name where there are several of a method. */
  label: string;
  /** Only where it was measured on the cases in view, and the run is at that step still. */
  compared: Compared | undefined;
}
export function rowsOf(runs: readonly RunRecord[], cases: number, seed: number): CompareRow[] {
  const of = runs.flatMap((run) => {
    const method = comparedMethod(run.recipe);
    return method ? [{ run, method }] : [];
  });
  return of.map(({ run, method }) => {
    const isAlone = of.filter((one) => one.method.id === method.id).length === 1;
    const { compared } = run;
    const isCurrent = compared?.cases === cases && compared.seed === seed && compared.step === run.step;
    return { run, method, label: isAlone ? method.title : run.name, compared: isCurrent ? compared : undefined };
  });
}

/** `200 steps at 0.0001`, its learning_rate: what a run was given, before anyone reads what it came to. */
export function budgetWords({ recipe, maxSteps }: RunRecord): string {
  const rate = argsOf(recipe).learning_rate;
  return `${plural(maxSteps, 'step')}${typeof rate === 'number' ? ` at ${rate}` : ''}`;
}

/** Why a run has no figures in view, or when it got them. */
export function stateWords({ run, compared }: CompareRow, when: (at: number) => string): string {
  if (compared) return `measured ${when(compared.at)}`;
  if (!run.compared) return 'not measured';
  if (run.compared.step !== run.step) return `measured at step ${run.compared.step}; the run has gone on`;
  return `measured on ${run.compared.cases} cases`;
}

export const readingOf = (compared: Compared | undefined, metric: string): Reading | undefined =>
  compared?.readings.find((one) => one.metric === metric);

export interface ChartPoint {
  id: string;
  label: string;
  isOnline: boolean;
  /** Drift in nats, and the change of quality, each with its 95 % interval. */
  x: Interval;
  y: Interval;
  decision: Decision;
}
interface Interval {
  at: number;
  low: number;
  high: number;
}
const changeOf = ({ before, now, low, high }: Reading): Interval => ({ at: now - before, low, high });
export function chartPoints(rows: readonly CompareRow[]): ChartPoint[] {
  return rows.flatMap(({ run, method, label, compared }) => {
    const [rubric, kl] = [readingOf(compared, 'rubric'), readingOf(compared, 'kl')];
    if (!rubric || !kl) return [];
    const [x, y] = [changeOf(kl), changeOf(rubric)];
    if (![...Object.values(x), ...Object.values(y)].every(Number.isFinite)) return [];
    return [{ id: run.id, label, isOnline: method.isOnline, x, y, decision: decisionOf(rubric) }];
  });
}

/** What the chart says: who is decidedly better than the start, who drifted furthest, and that the rest is open. */
export function chartWords(points: readonly ChartPoint[]): string {
  if (points.length === 0) return '';
  const names = (all: readonly ChartPoint[]) => all.map(({ label }) => label).join(', ');
  const better = points.filter(({ decision }) => decision === 'better');
  const worse = points.filter(({ decision }) => decision === 'worse');
  const open = points.filter(({ decision }) => decision === 'not decided');
  const far = points.reduce((a, b) => (b.x.at > a.x.at ? b : a));
  return [
    better.length > 0 && `Better than the start: ${names(better)}.`,
    worse.length > 0 && `Worse than the start: ${names(worse)}.`,
    open.length > 0 &&
      `Not decided: ${names(open)}; ${open.length === 1 ? 'its interval covers' : 'their intervals cover'} no change, so more cases or more steps have to say.`,
    points.length > 1 && `${far.label} has drifted furthest, ${signed(far.x.at)} nats an answer.`,
  ]
    .filter(Boolean)
    .join(' ');
}

const gainWords = ({ name, over, value, low, high, isDecided }: Gain): string =>
  `${name} over ${over}: ${signed(value)} [${signed(low)}, ${signed(high)}], ${isDecided ? 'a gain' : high < 0 ? 'worse' : 'no decided gain'}`;
/** Who gained, over whom and by how much: `DPO gained +0.09 [0.05, 0.12] of rubric quality over the start`. */
const paidWords = (gained: readonly Gain[]): string =>
  gained
    .map(({ name, over, value, low, high }, i) => `${name} gained ${signed(value)} [${number(low)}, ${number(high)}]${i === 0 ? ' of rubric quality' : ''} over ${over}`) // biome-ignore format: one sentence
    .join(', and ');
/** The rule's answer, and why, a sentence each. */
export function stageWords(
  { stage, offline, gained, online }: StageVerdict,
  needsExploration: boolean,
): { answer: string; why: string[] } {
  const answers: Record<StageVerdict['stage'], string> = {
    'measure offline': 'Train and measure an offline method first.',
    'stay offline': `Stay offline, it still pays: ${paidWords(gained)}.`,
    'one more offline': 'Train one more offline run before you decide.',
    'too few cases': `Too few cases to say: the last two offline runs bring no decided gain, but a gain above the ${signed(WORTH_HAVING)} worth having is not ruled out.`,
    'flat, stay offline':
      'Stay offline, and look at the votes: the last two offline runs bring no decided gain, and nothing asks for rollouts.',
    'go online': 'Go online: the last two offline runs bring no decided gain, and the product needs exploration.',
  };
  const lastTwo = offline.slice(-2);
  const room = Math.max(...lastTwo.map(({ high }) => high));
  const why = [
    ...(offline.length === 0 ? ['No offline run of this start has been measured.'] : []),
    // Those that gained stand in the answer.
    ...lastTwo.filter((gain) => !gained.includes(gain)).map((gain) => `${gainWords(gain)}.`),
    ...(gained.length > 0 && !gained.includes(lastTwo.at(-1)!)
      ? ['The newest run no longer gains; another such run, and offline may be flat.']
      : []),
    ...(stage === 'one more offline'
      ? ['One run without a decided gain may be its settings; two in a row are a plateau.']
      : []),
    ...(stage === 'flat, stay offline'
      ? [
          'Votes on other prompts, or better ones, reach what more steps do not. Rollouts pay where the wanted answers stand in no pair.',
        ]
      : []),
    ...(stage === 'too few cases'
      ? [`These cases leave room for a gain of ${signed(room)}. More cases narrow it.`]
      : []),
    ...(offline.length > 0
      ? [
          needsExploration
            ? 'Exploration is needed, as you say below.'
            : 'Whether the product needs answers that stand in no pair, no run can tell: tick it below if so.',
        ]
      : []),
    ...online.map((gain) => `Online, ${gainWords(gain)}.`),
  ];
  return { answer: answers[stage], why };
}

/** Width of a label's character, at most; height of its line. */
export const CHAR = 7.5;
const LINE = 13;
interface Label {
  id: string;
  left: number;
  chars: number;
  at: number;
}
/** Heights of labels, moved down where they would lie on each other. */
export function spread(all: readonly Label[]): Map<string, number> {
  const placed: Label[] = [];
  for (const label of [...all].sort((a, b) => a.at - b.at)) {
    let { at } = label;
    const beside = placed
      .filter(({ left, chars }) => left < label.left + label.chars * CHAR && label.left < left + chars * CHAR)
      .sort((a, b) => a.at - b.at);
    for (const other of beside) if (Math.abs(other.at - at) < LINE) at = other.at + LINE;
    placed.push({ ...label, at });
  }
  return new Map(placed.map(({ id, at }) => [id, at]));
}
