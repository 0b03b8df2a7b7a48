// What the mask panel says about a row and about a dataset. Pure: encoded rows and reports in, words and numbers out.
import { count, percent, plural } from '../../lib/words';
import { type EncodedRow, ORIGIN_NAMES, ROLE_NAMES } from '../../protocol/chat';
import type { MaskReport, MaskRowReport } from '../../protocol/requests';

/** A token as the panels print it: index in the row, id, text with visible white space. */
export interface TokenRef {
  index: number;
  id: number;
  text: string;
}
export interface Boundaries {
  /** The token just before the first trained one: what the first prediction is made from. */
  lastPrompt?: TokenRef;
  firstTrained?: TokenRef;
  lastTrained?: TokenRef;
  /** The first token that is no longer trained. */
  after?: TokenRef;
}

/** White space as it can be read: newline, tab and outer spaces become signs. */
export const visible = (text: string): string =>
  text
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replace(/^ +| +$/g, (spaces) => '␣'.repeat(spaces.length));

/** Where training starts and ends in a row. All undefined when nothing is trained. Position 0 is never a target. */
export function boundaries(row: EncodedRow, tokens: readonly string[]): Boundaries {
  const ref = (index: number): TokenRef | undefined =>
    index >= 0 && index < row.ids.length
      ? { index, id: row.ids[index]!, text: visible(tokens[index] ?? '') }
      : undefined;
  const first = row.mask.findIndex((m, t) => m === 1 && t > 0);
  if (first < 0) return {};
  const last = row.mask.lastIndexOf(1);
  return { lastPrompt: ref(first - 1), firstTrained: ref(first), lastTrained: ref(last), after: ref(last + 1) };
}

/** The inspector's lines for token t. */
export function tokenFacts(row: EncodedRow, tokens: readonly string[], t: number): [label: string, value: string][] {
  const role = ROLE_NAMES[row.role[t]!] ?? 'none';
  const origin = ORIGIN_NAMES[row.origin[t]!] ?? 'content';
  const from = t === 0 ? 'nothing: first token' : `${t - 1} · ${visible(tokens[t - 1] ?? '')}`;
  return [
    ['id', String(row.ids[t])],
    ['text', visible(tokens[t] ?? '')],
    ['role', role],
    [
      'written by',
      origin === 'content' ? 'the row' : origin === 'special' ? 'the template, special token' : 'the template',
    ],
    ['predicted from', from],
    ['rule', row.rules[row.rule[t]!] ?? '–'],
  ];
}

/** Trained tokens of a row: m_t = 1, position 0 left out because nothing predicts it. */
export const trainedCount = (row: EncodedRow): number => row.mask.reduce((sum, m, t) => sum + (t > 0 ? m : 0), 0);

/** Fewest trained tokens first, so that rows with a fault stand on top; equal ones in dataset order. */
export const byTrained = (rows: readonly MaskRowReport[]): MaskRowReport[] =>
  rows.toSorted((a, b) => a.trained - b.trained || a.index - b.index);

/** One sentence on the whole split: how many tokens teach. */
export function reportSentence({ rows, totalTokens, trainedTokens }: MaskReport, total = rows.length): string {
  if (rows.length === 0) return 'No rows: choose a split that has some, or import a file in Data.';
  const share = totalTokens === 0 ? 0 : trainedTokens / totalTokens;
  return `${count(trainedTokens)} of ${plural(totalTokens, 'token')} train (${percent(share)}), in ${rows.length < total ? `the first ${count(rows.length)} of ${plural(total, 'row')}` : plural(rows.length, 'row')}.`;
}

/** Rows that train nothing; undefined when all train something. */
export function silentRows(report: MaskReport): MaskRowReport[] {
  return report.rows.filter((row) => row.trained === 0);
}

/** What max_length does to the split, in one sentence. */
export function lengthSentence({ rows }: MaskReport, maxLength: number): string {
  const longest = rows.reduce((most, row) => Math.max(most, row.tokens + row.truncated), 0);
  const cut = rows.filter((row) => row.truncated > 0);
  if (cut.length === 0)
    return `No row is cut: the longest has ${plural(longest, 'token')}, the limit is ${count(maxLength)}.`;
  const lost = cut.reduce((sum, row) => sum + row.truncated, 0);
  return `${plural(cut.length, 'row')} cut at ${count(maxLength)}: ${plural(lost, 'token')} and the end of the answer are lost.`;
}

export interface LengthBin {
  /** Tokens before cutting, [from, to). */
  from: number;
  to: number;
  kept: number;
  cut: number;
}
/** Row lengths before cutting in `binCount` equal bins from 0 to the longest row; each split by whether max_length cuts it. */
export function lengthBins(rows: readonly MaskRowReport[], binCount: number): LengthBin[] {
  const longest = rows.reduce((most, row) => Math.max(most, row.tokens + row.truncated), 0);
  if (longest === 0) return [];
  const width = niceWidth((longest + 1) / binCount);
  const bins: LengthBin[] = Array.from({ length: Math.ceil((longest + 1) / width) }, (_, i) => ({
    from: i * width,
    to: (i + 1) * width,
    kept: 0,
    cut: 0,
  }));
  for (const row of rows) {
    const bin = bins[Math.floor((row.tokens + row.truncated) / width)]!;
    if (row.truncated > 0) bin.cut++;
    else bin.kept++;
  }
  return bins;
}

/** The next of 1, 2, 4, 8, 16, 20, 32, 40, 50, 64, 100 × powers that holds `width`. */
function niceWidth(width: number): number {
  for (const step of [1, 2, 4, 8, 10, 16, 20, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512])
    if (step >= width) return step;
  return 2 ** Math.ceil(Math.log2(width));
}
