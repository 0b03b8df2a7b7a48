// The adapter × slice matrix in words: values with intervals, and what the diagonal says about the rest.
import { count, percent, plural } from '../../lib/words';
import type { TenantMatrixView } from '../../protocol/requests';

/** Metrics that say of each case whether it passes; the first is what a slice is about. */
export const METRICS = ['tenant_policy_correct', 'turn_correct', 'tenant_style', 'schema_valid'] as const;
export type MetricId = (typeof METRICS)[number];
export const METRIC_WORDS: Record<MetricId, string> = {
  tenant_policy_correct: 'decides as the tenant’s policy does',
  turn_correct: 'everything about the answer is right',
  tenant_style: 'has the tenant’s form: length, opening, reason and next step',
  schema_valid: 'is valid JSON by the schema, whoever’s policy it follows',
};

/** Step of the ramp, 0 to 4: white to full green. */
export const heat = (value: number): number => Math.min(4, Math.floor(Math.max(0, value) * 5));

export const cellWords = ({ value, low, high, n }: TenantMatrixView['cells'][number][number]): string =>
  `${percent(value)} of ${plural(n, 'case')}, between ${percent(low)} and ${percent(high)} with 95 % confidence`;

/** Rows in the order of the columns, so that a tenant’s own adapter stands on the diagonal. */
export const matrixRows = ({ adapters, tenants, cells }: TenantMatrixView) =>
  adapters
    .map((adapter, a) => ({ ...adapter, cells: cells[a]! }))
    .sort((a, b) => tenants.indexOf(a.tenant) - tenants.indexOf(b.tenant));

/** Cases a slice below which shares say nothing. */
const FEW = 10;

/** Finding first: is the diagonal clearly best? Clearly: no interval on it overlaps one beside it. */
export function matrixFinding(matrix: TenantMatrixView): { tone: 'good' | 'warn'; text: string } {
  const { adapters, tenants, cells, diagonalMin, offDiagonalMax, metric } = matrix;
  const all = cells.flatMap((row, a) =>
    row.map((cell, s) => ({
      ...cell,
      adapter: adapters[a]!,
      tenant: tenants[s]!,
      isOwn: adapters[a]!.tenant === tenants[s],
    })),
  );
  const own = all.filter((cell) => cell.isOwn);
  const others = all.filter((cell) => !cell.isOwn);
  const bounds = `The diagonal’s least is ${percent(diagonalMin)}, the most beside it ${percent(offDiagonalMax)}.`;
  if (metric === 'schema_valid' && offDiagonalMax >= 0.5)
    return {
      tone: 'warn',
      text: `${bounds} A misrouted answer is valid JSON as often as not: who checks the form alone will not see it. Measure tenant_policy_correct.`,
    };
  if (others.length === 0)
    return { tone: 'warn', text: `${bounds} There is only one adapter, so nothing can be misrouted.` };
  const worst = others.reduce((a, b) => (b.value > a.value ? b : a));
  const leak =
    worst.value > 0 ? ` Adapter ${worst.adapter.adapterId} on ${worst.tenant}’s slice would be noticed least.` : '';
  const fewest = Math.min(...all.map(({ n }) => n));
  if (fewest < FEW)
    return {
      tone: 'warn',
      text: `${plural(fewest, 'case')} a slice are too few to tell adapters apart: one more or less moves a share by ${percent(1 / fewest)}. ${bounds} Measure ${FEW} or more.`,
    };
  const isClear = Math.min(...own.map(({ low }) => low)) > Math.max(...others.map(({ high }) => high));
  if (isClear)
    return {
      tone: 'good',
      text: `Each tenant is served best by its own adapter, clear of every interval. ${bounds}${leak}`,
    };
  return diagonalMin > offDiagonalMax
    ? {
        tone: 'good',
        text: `Each tenant is served best by its own adapter, though intervals overlap: more cases would tell. ${bounds}${leak}`,
      }
    : {
        tone: 'warn',
        text: `Some adapter does as well on another tenant’s slice as on its own. ${bounds}${leak} Train the adapters longer, or look at their rows.`,
      };
}

/** 24 → `24 cases a slice, 216 answers`. */
export const sizeOfMatrix = (cases: number, adapters: number, slices: number): string =>
  `${plural(cases, 'case')} a slice, ${count(cases * adapters * slices)} answers`;
