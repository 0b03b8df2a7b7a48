// Whether a value of unknown origin is a kept report of a reward model (protocol/rewardReport), in all that the page reads of it.
import { parseRow } from '../text/parseRow';

/** The path of the first part that is missing or wrong; undefined where all is right. */
type Shape = (value: unknown, at: string) => string | undefined;

const is =
  (test: (value: unknown) => boolean): Shape =>
  (value, at) =>
    test(value) ? undefined : at;
const text = is((value) => typeof value === 'string');
const yesOrNo = is((value) => typeof value === 'boolean');
const count = is((value) => Number.isInteger(value) && (value as number) >= 0);
/** NaN, a figure of nothing, is null in JSON. */
const figure = is((value) => typeof value === 'number' || value === null);
const optional =
  (shape: Shape): Shape =>
  (value, at) =>
    value === undefined ? undefined : shape(value, at);
const list =
  (item: Shape): Shape =>
  (value, at) => {
    if (!Array.isArray(value)) return at;
    for (const [i, one] of value.entries()) {
      const wrong = item(one, `${at}[${i}]`);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };
const record =
  (members: { [name: string]: Shape }): Shape =>
  (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return at;
    for (const [name, shape] of Object.entries(members)) {
      const wrong = shape((value as { [name: string]: unknown })[name], at ? `${at}.${name}` : name);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };
const pair: Shape = (value, at) => {
  try {
    return parseRow(value, at, 'preference').chosen === undefined ? at : undefined;
  } catch {
    return at;
  }
};

const interval = { low: figure, high: figure };
const accuracy = record({ value: figure, n: count, ...interval });
const groups = list(record({ name: text, accuracy, meanMargin: figure }));
const bin = record({ from: figure, to: figure, n: count, predicted: figure, won: figure, ...interval });
const effect = record({
  id: text,
  title: text,
  isSurface: yesOrNo,
  n: count,
  change: figure,
  raised: figure,
  ...interval,
  quality: optional(record({ change: figure, ...interval })),
});
const kept = record({
  of: text,
  dataset: text,
  pairs: count,
  seed: count,
  version: text,
  report: record({
    pairs: record({
      accuracy,
      truth: optional(accuracy),
      ties: count,
      rewards: list(record({ chosen: figure, rejected: figure })),
      margins: list(figure),
      margin: record({ mean: figure, ...interval }),
      histogram: record({ edges: list(figure), counts: list(count) }),
      loss: figure,
      calibration: record({ bins: list(bin), ece: figure }),
      byKind: groups,
      byDimension: groups,
    }),
    judged: list(
      record({
        row: pair,
        kind: optional(text),
        dimension: optional(text),
        share: optional(figure),
        quality: optional(record({ chosen: figure, rejected: figure })),
      }),
    ),
    paidFor: record({ effects: list(effect), spread: figure }),
  }),
});
interface Lengths {
  report: {
    pairs: { rewards: unknown[]; margins: unknown[]; histogram: { edges: unknown[]; counts: unknown[] } };
    judged: unknown[];
  };
}

/** The path of what is missing or wrong, `report.pairs.margin.mean`, or nothing of a value that is no record; undefined = sound. */
export function wrongInReport(value: unknown): string | undefined {
  const wrong = kept(value, '');
  if (wrong !== undefined) return wrong;
  // Pairs are told by their place, and a bar stands between two edges.
  const { pairs, judged } = (value as Lengths).report;
  if (pairs.rewards.length !== pairs.margins.length) return 'report.pairs.rewards';
  if (judged.length !== pairs.margins.length) return 'report.judged';
  if (pairs.histogram.edges.length !== pairs.histogram.counts.length + 1) return 'report.pairs.histogram.edges';
  return undefined;
}
