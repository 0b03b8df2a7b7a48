// A drawn group in numbers: RLOO's leave-one-out baseline and PPO's GAE taken apart, and how a token is coloured. Pure.
import { numbers } from '../../lib/algebra';
import { number, signed } from '../../lib/words';
import type { DrawnCompletion, DrawnGroup } from '../../protocol/drawnGroup';
import { type KlEstimatorId, klEstimators } from '../../protocol/klEstimators';

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** d = log π − log π_ref of token t; undefined without a reference. */
export const logRatio = ({ logps, refLogps }: DrawnCompletion, t: number): number | undefined =>
  refLogps && logps[t]! - refLogps[t]!;

/** Σ of the estimate over a completion, nats; 0 without a reference. */
export const klOf = (row: DrawnCompletion, id: KlEstimatorId): number =>
  row.refLogps ? sum(row.logps.map((_, t) => klEstimators[id].of(numbers, logRatio(row, t)!))) : 0;

/** A completion as RLOO counts it. */
export interface LeaveOneOut {
  score: number | null;
  /** That is taken: 0 of a masked one. */
  kl: number;
  /** score − β · KL; null where nothing could score it. */
  final: number | null;
  /** Those of the others, and their mean; undefined where there is no other. */
  others: number[];
  baseline?: number;
  /** final − baseline: what the worker gave, unless the recipe shifts and scales. */
  advantage?: number;
}
/** Each completion's baseline is the mean of the others (Ahmadian et al. 2024, eq. 8). `range`: reward_clip_range. */
export function leaveOneOut(
  { rows, klCoef, klEstimator }: Pick<DrawnGroup, 'rows' | 'klCoef' | 'klEstimator'>,
  [low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY]: readonly number[] = [],
): LeaveOneOut[] {
  const counted = rows.map((row) => {
    const { score, isMasked } = row;
    const kl = isMasked ? 0 : klOf(row, klEstimator); // as TRL masks the KL with the completion
    return { score, kl, final: score === null ? null : Math.min(Math.max(score, low), high) - klCoef * kl };
  });
  return counted.map((one, i): LeaveOneOut => {
    const others = counted.flatMap(({ final }, j) => (j === i || final === null ? [] : [final]));
    if (one.final === null || others.length === 0) return { ...one, others };
    const baseline = sum(others) / others.length;
    return { ...one, others, baseline, advantage: one.final - baseline };
  });
}
/** `0.544 − (0.21 + 0.40 + 0.33) ∕ 3 = 0.544 − 0.313 = +0.231`. */
export function leaveOneOutFormula({ final, others, baseline, advantage }: LeaveOneOut): string | undefined {
  if (final === null || baseline === undefined || advantage === undefined) return undefined;
  const terms = others.map((x) => (x < 0 ? `(${number(x)})` : number(x))).join(' + ');
  return `${number(final)} − (${terms}) ∕ ${others.length} = ${number(final)} − ${baseline < 0 ? `(${number(baseline)})` : number(baseline)} = ${signed(Math.abs(advantage) < 1e-12 ? 0 : advantage)}`;
}

/** A token as GAE counts it. `reward` is −β·k of the token; the score is counted at the place after the last, or at the last. */
export interface GaeToken {
  reward: number;
  value: number;
  nextValue: number;
  /** reward + γ·V_{t+1} − V_t. */
  delta: number;
  /** return − V_t: before the rollout is shifted and scaled. */
  raw: number;
  return: number;
  /** As the loss takes it. */
  advantage: number;
}
/** Undefined where the method has no value model. `T`: max_completion_length, at which a row is full. */
export function gaeTokens(
  row: DrawnCompletion,
  { klCoef, klEstimator }: Pick<DrawnGroup, 'klCoef' | 'klEstimator'>,
  { gamma, T, penalty }: { gamma: number; T: number; penalty: number },
): GaeToken[] | undefined {
  const { values, returns, advantages, score, logps, terminated } = row;
  if (!values || !returns || typeof advantages === 'number' || score === null) return undefined;
  const final = terminated ? score : score - penalty;
  const isFull = logps.length >= T;
  return logps.map((_, t): GaeToken => {
    const d = logRatio(row, t);
    const isLast = t === logps.length - 1;
    const kl = d === undefined ? 0 : klEstimators[klEstimator].of(numbers, d);
    const reward = 0 - klCoef * kl + (isLast && isFull ? final : 0);
    const [value, nextValue] = [values[t]!, isLast && isFull ? 0 : values[t + 1]!];
    return {
      ...{ reward, value, nextValue },
      delta: reward + gamma * nextValue - value,
      raw: returns[t]! - value,
      return: returns[t]!,
      advantage: advantages[t]!,
    };
  });
}

/** What a token is trained by: nothing where its completion is masked. */
export const advantageAt = ({ advantages, isMasked }: DrawnCompletion, t: number): number =>
  isMasked ? 0 : typeof advantages === 'number' ? advantages : (advantages[t] ?? 0);

export const ROLLOUT_HEATS = ['advantage', 'log π − log π_ref', '−log π'] as const;
export type RolloutHeat = (typeof ROLLOUT_HEATS)[number];
const RATIO_STEPS = [0.02, 0.15, 0.5, 1.5] as const;
const NATS_STEPS = [0.05, 0.4, 1.2, 2.5] as const;
const levelOf = (value: number, steps: readonly number[]): number => steps.filter((step) => value >= step).length;

/** Class of a token's block, and its number in words. Green: made likelier, or likelier than under the reference. */
export function rolloutHeat(
  mode: RolloutHeat,
  row: DrawnCompletion,
  t: number,
  largest: number,
): { className: string; words: string } {
  const block = (level: number) => (level < 0 ? `g${-level}` : `h${level}`);
  if (mode === '−log π') {
    const value = 0 - row.logps[t]!;
    return { className: block(levelOf(value, NATS_STEPS)), words: `−log π ${number(value)} nats` };
  }
  if (mode === 'advantage') {
    const value = advantageAt(row, t);
    const level = largest === 0 ? 0 : Math.min(4, Math.ceil((4 * Math.abs(value)) / largest - 1e-9));
    return { className: block(value > 0 ? -level : level), words: `advantage ${signed(value)}` };
  }
  const d = logRatio(row, t);
  if (d === undefined) return { className: 'x', words: 'no reference is read' };
  const level = levelOf(Math.abs(d), RATIO_STEPS);
  return { className: block(d > 0 ? -level : level), words: `log π − log π_ref ${signed(d)} nats` };
}
/** Largest |advantage| of a group: what colours are measured by. */
export const largestAdvantage = ({ rows }: Pick<DrawnGroup, 'rows'>): number =>
  Math.max(0, ...rows.flatMap(({ advantages, isMasked }) => (isMasked ? [] : advantages)).map(Math.abs));
