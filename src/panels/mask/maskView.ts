// What the mask panel says about a row and about a dataset. Pure: encoded rows and reports in, words and numbers out.
import { count, percent, plural } from '../../lib/words';
import { type EncodedRow, ORIGIN_NAMES, ROLE_NAMES } from '../../protocol/chat';
import type { MaskRowKind } from '../../protocol/requests';
import type { WorkbenchSettings } from '../../stores/workbench';
import type { Cut, CutSummary } from './report';

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
  const at = (i: number) => `${i} · ${visible(tokens[i] ?? '')}`;
  return [
    ['id', String(row.ids[t])],
    ['text', visible(tokens[t] ?? '')],
    ['role', role],
    [
      'written by',
      origin === 'content' ? 'the row' : origin === 'special' ? 'the template, special token' : 'the template',
    ],
    ['predicted from', t === 0 ? 'nothing: first token' : at(t - 1)],
    ['predicts', t + 1 < row.ids.length ? at(t + 1) : 'nothing: last token'],
    ['rule', row.rules[row.rule[t]!] ?? '–'],
  ];
}

/** Trained tokens of a row: m_t = 1, position 0 left out because nothing predicts it. */
export const trainedCount = (row: EncodedRow): number => row.mask.reduce((sum, m, t) => sum + (t > 0 ? m : 0), 0);

/** An uncut row with the mask of the cut one: what is cut away is still there to be seen, and trained nowhere. */
export function underCut(
  whole: EncodedRow,
  cut: EncodedRow,
  mode: Cut['truncation_mode'],
): { row: EncodedRow; isCut: (t: number) => boolean } {
  const total = whole.ids.length;
  const kept = cut.ids.length;
  if (cut.truncated === 0) return { row: cut, isCut: () => false };
  // A row that is left out is encoded to show why; nothing of it is kept.
  const isOut = mode === 'drop' || mode === 'refuse';
  const from = isOut ? total : cut.cutLeft ? total - kept : 0;
  const to = isOut ? total : from + kept;
  const mask = new Uint8Array(total);
  const rule = new Uint8Array(total);
  const words = isOut
    ? 'the row is longer than max_length and is left out'
    : cut.cutLeft
      ? 'cut away at the left: not even context'
      : 'cut away beyond max_length: neither trained nor context';
  const rules = [...cut.rules, words];
  rule.fill(rules.length - 1);
  if (!isOut) {
    mask.set(cut.mask, from);
    rule.set(cut.rule, from);
  }
  return { row: { ...whole, mask, rule, rules }, isCut: (t) => t < from || t >= to };
}

/** A kind in a table cell. */
export const KIND_WORDS: Record<MaskRowKind, string> = {
  none: '–',
  unreadable: 'cannot be rendered',
  nothing_trained: 'nothing supervised',
  stop_not_trained: 'stop token not trained',
  target_cut: 'target cut',
  prompt_not_prefix: 'prompt is no prefix',
  not_prefix_preserving: 'earlier turns change',
  tool_result_trained: 'tool result supervised',
  train_spans_lost: 'parts not found',
  arguments_double_encoded: 'arguments encoded twice',
  straddles_boundary: 'straddles a boundary',
  double_bos: 'double BOS',
  pad_in_text: 'padding token in text',
  pad_is_eos: 'pad = eos',
  chosen_is_rejected: 'chosen = rejected',
  empty_completion: 'empty answer',
  prompt_not_shared: 'not one prompt',
  label_missing: 'no label',
  eval_masked_otherwise: 'masked unlike training rows',
  too_long: 'too long, left out',
  truncated: 'context cut',
  special_in_text: 'special token as text',
};
/** One sentence on the whole split: how many tokens teach. */
export function reportSentence({ rows, tokens, trained }: CutSummary, total = rows): string {
  if (rows === 0) return 'No rows: choose a split that has some, or import a file in Data.';
  const share = tokens === 0 ? 0 : trained / tokens;
  return `${count(trained)} of ${plural(tokens, 'token')} train (${percent(share)}), in ${rows < total ? `the first ${count(rows)} of ${plural(total, 'row')}` : plural(rows, 'row')}.`;
}

/** What max_length does to the split, in one sentence. */
export function lengthSentence(summary: CutSummary, { max_length, truncation_mode }: Cut): string {
  const { cut, rowsLost, trainedLost, stopsLost, rowsWithoutStop, longest } = summary;
  if (cut === 0)
    return `No row is cut: the longest has ${plural(longest, 'token')}, the limit is ${count(max_length)}.`;
  if (truncation_mode === 'drop')
    return `${plural(cut, 'row')} left out, and ${plural(trainedLost, 'trained token')} with them. No other row is cut.`;
  if (truncation_mode === 'refuse')
    return `${plural(cut, 'row')} ${cut === 1 ? 'is' : 'are'} longer than ${plural(max_length, 'token')}, so a run would be refused.`;
  const where = truncation_mode === 'keep_start' ? 'end' : 'start';
  const stops = rowsWithoutStop
    ? ` ${count(rowsWithoutStop)} of them lose their end of turn: the model would not learn to stop.`
    : '';
  return `${plural(cut, 'row')} cut at the ${where}: ${plural(rowsLost, 'row')} lost, ${plural(trainedLost, 'trained token')} lost, ${plural(stopsLost, 'end-of-turn token')} lost.${stops}`;
}

/** max_length at which nothing trained is lost any more: the longest row. */
export const enough = ({ longest }: CutSummary): number => Math.max(16, longest);

/** What a click on the Mask page can mend. */
export type Cure = 'derive' | 'markers' | 'last_turn' | 'raise' | 'drop';
/** The cures of all faults, whichever is told first. `told`: the first sentence of each kind. */
export function curesOf(
  faults: readonly (readonly [kind: MaskRowKind, { byCut: boolean }])[],
  { mode, truncation_mode, mask }: Pick<WorkbenchSettings, 'mode' | 'truncation_mode' | 'mask'>,
  told: readonly { kind: MaskRowKind; message: string }[],
): Cure[] {
  const has = (wanted: MaskRowKind) => faults.some(([kind]) => kind === wanted);
  const underives =
    has('nothing_trained') &&
    mode === 'assistant_only_loss' &&
    mask.assistant_spans === 'generation' &&
    told.some(({ kind, message }) => kind === 'nothing_trained' && /no \{% generation %\}/.test(message));
  const isTooLong = faults.some(([kind, { byCut }]) => byCut || kind === 'too_long');
  return [
    ...(underives ? (['derive', 'markers'] as const) : []),
    ...(has('not_prefix_preserving') ? (['last_turn'] as const) : []),
    ...(isTooLong ? (['raise'] as const) : []),
    ...(isTooLong && truncation_mode !== 'drop' ? (['drop'] as const) : []),
  ];
}
