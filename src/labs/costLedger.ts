// What a method costs along the whole chain: votes, the reward model, rollouts, updates, and the cases that guard against regressions.
// Amounts are counted from the runs in hand; prices are the person's own.
import type { RunRecord } from '../protocol/run';
import { runCounts } from './methodCounts';
import { rewardRefs } from './rewardRefs';

/** In one currency, the person's own. */
export interface UnitPrices {
  /** A vote that compares two answers, quality control included. */
  comparison: number;
  /** A label of one answer. */
  label: number;
  /** An hour of the device. */
  hour: number;
  /** One held-out case looked after: written, run and judged. */
  case: number;
}
export const COST_PARTS = ['labels', 'reward model', 'rollouts', 'updates', 'regression'] as const;
export type CostPart = (typeof COST_PARTS)[number];
export interface CostLine {
  part: CostPart;
  /** People's share: votes or cases. */
  amount: number;
  unit: 'comparisons' | 'labels' | 'cases' | '';
  /** The device's share. */
  seconds: number;
  cost: number;
  /** A run that is not in this browser any more was to be counted here. */
  isUnknown?: true;
}

/** What a run is paid by; `missing`: reward models that no run in hand has made. */
export interface RewardRuns {
  runs: readonly RunRecord[];
  missing: number;
}
/** The runs that made the reward models a run names, each once. */
export function rewardRunsOf({ recipe }: Pick<RunRecord, 'recipe'>, all: readonly RunRecord[]): RewardRuns {
  const found = rewardRefs(recipe).map((ref) =>
    all.find(({ id, outputs }) => ref.split(/[@#]/)[0] === `run:${id}` || Object.values(outputs).includes(ref)),
  );
  return { runs: [...new Set(found.flatMap((run) => run ?? []))], missing: found.filter((run) => !run).length };
}

/** In the order of COST_PARTS. A reward model is charged whole to each run that it pays: alone, that run would have needed it too. */
export function costLedger(run: RunRecord, rewards: RewardRuns, prices: UnitPrices): CostLine[] {
  const own = runCounts(run);
  const judges = rewards.runs.map(runCounts);
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const unknown = rewards.missing > 0 ? { isUnknown: true as const } : {};
  const line = (part: CostPart, seconds: number, amount = 0, unit: CostLine['unit'] = '', price = 0): CostLine => ({
    ...{ part, amount, unit, seconds },
    cost: (seconds / 3600) * prices.hour + amount * price,
  });
  const votes = own.votes + sum(judges.map((judge) => judge.votes));
  return [
    {
      ...line(
        'labels',
        0,
        votes,
        own.areSingle ? 'labels' : 'comparisons',
        own.areSingle ? prices.label : prices.comparison,
      ),
      ...unknown,
    },
    { ...line('reward model', sum(judges.map(({ seconds }) => seconds.update))), ...unknown },
    line('rollouts', own.seconds.rollout + own.seconds.scoring),
    line('updates', own.seconds.update),
    line('regression', own.caseSeconds, own.cases, 'cases', prices.case),
  ];
}
export const totalCost = (lines: readonly CostLine[]): number => lines.reduce((sum, { cost }) => sum + cost, 0);
