// The gate before a run: what the encoded rows say is wrong, counted by kind and naming rows. It refuses the run, because
// warnings are overlooked; a person who knows better overrides a kind, and the recipe (so the run's record) says so.
import { PreflightError } from '../lib/errors';
import { plural } from '../lib/words';
import { type EncodedRow, FINDING_KINDS, type FindingKind } from '../protocol/chat';
import type { Recipe } from '../protocol/recipe';
import type { GateFinding } from '../protocol/requests';
import { maskKindOf } from '../text/masks';
import { blockingFinding } from '../text/render';

/** Row ids that a finding names at most. */
const NAMED_ROWS = 20;

/** What each kind is called where there is room for a few words. */
export const GATE_TITLES: Record<FindingKind, string> = {
  nothing_trained: 'nothing is trained',
  stop_not_trained: 'no end-of-turn token is trained',
  target_cut: 'trained tokens are cut away',
  prompt_not_prefix: 'the prompt is not a prefix of prompt + completion',
  not_prefix_preserving: 'earlier turns change when later ones are added',
  tool_result_trained: 'tool results are trained',
  train_spans_lost: 'parts of a message that are not to be trained cannot be found',
  arguments_double_encoded: 'arguments of tool calls are strings that the template encodes once more',
  straddles_boundary: 'a token straddles the border of the trained part',
  double_bos: 'the row begins with two BOS tokens',
  pad_in_text: 'the padding token stands inside the text',
  pad_is_eos: 'the padding token is the end-of-text token',
  chosen_is_rejected: 'chosen and rejected are the same',
  empty_completion: 'an answer is empty',
  prompt_not_shared: 'chosen and rejected do not answer one prompt',
  label_missing: 'an answer has no label',
  eval_masked_otherwise: 'held-out rows are masked unlike training rows',
  too_long: 'the row is longer than max_length',
  truncated: 'the row is cut at max_length',
  special_in_text: 'special tokens stand in plain text',
};

/** What the rows of one part say, kind by kind, and by which kinds of mask their tokens are trained. */
export interface PartFindings {
  findings: GateFinding[];
  rules: string[];
}
export function partFindings(part: 'train' | 'eval', rows: readonly EncodedRow[]): PartFindings {
  const byKind = new Map<FindingKind, GateFinding>();
  const masks = new Set<string>();
  for (const row of rows) {
    for (const { kind, gate, message } of row.findings ?? []) {
      if (!gate) continue;
      const found = byKind.get(kind) ?? { kind, title: GATE_TITLES[kind], rows: 0, rowIds: [], part, first: message };
      byKind.set(kind, found);
      found.rows++;
      if (found.rowIds.length < NAMED_ROWS) found.rowIds.push(row.rowId);
    }
    // Of a row that is left out nothing is trained.
    if (blockingFinding(row)) continue;
    for (const [r, sentence] of row.rules.entries()) {
      const mask = maskKindOf(sentence);
      if (mask === undefined || masks.has(mask)) continue;
      if (row.rule.some((rule, t) => rule === r && row.mask[t] === 1)) masks.add(mask);
    }
  }
  return { findings: FINDING_KINDS.flatMap((kind) => byKind.get(kind) ?? []), rules: [...masks] };
}

/** Both parts together; the gravest first. Held-out rows only add what the training rows do not have. */
export function gateFindings(train: PartFindings, held: PartFindings): GateFinding[] {
  const kinds = new Set(train.findings.map(({ kind }) => kind));
  const found = [...train.findings, ...held.findings.filter(({ kind }) => !kinds.has(kind))];
  const unlike = held.rules.find((mask) => !train.rules.includes(mask));
  if (train.rules.length && unlike)
    found.push({
      kind: 'eval_masked_otherwise',
      title: GATE_TITLES.eval_masked_otherwise,
      rows: 0,
      rowIds: [],
      part: 'eval',
      first: `Held-out rows are masked as no training row is: "${unlike}", where training rows have "${train.rules.join('" and "')}". Their eval_loss would measure something else. Use rows of one type in both splits.`,
    });
  return FINDING_KINDS.flatMap((kind) => found.filter((finding) => finding.kind === kind));
}

/** Throws PreflightError unless every finding is overridden by the recipe. `details` are the findings that stop it. */
export function passGate(recipe: Recipe, findings: readonly GateFinding[]): void {
  const known = new Set<string>(recipe.overrides ?? []);
  const open = findings.filter(({ kind }) => !known.has(kind));
  if (open.length === 0) return;
  const list = open.map(
    ({ title, rows, rowIds, first }) =>
      `${rows ? `${plural(rows, 'row')}: ` : ''}${title}${rowIds[0] ? ` (first ${rowIds[0]})` : ''}. ${first}`,
  );
  const kinds = open.map(({ kind }) => kind);
  throw new PreflightError(
    `The pre-flight check stops this run. ${list.join(' ')} To train all the same, add ${JSON.stringify(kinds)} to overrides in the recipe.`,
    { where: open[0]!.rowIds[0], details: open },
  );
}
