// Pairs of a set as the models read them: both sides encoded by the text worker, then read by the compute worker.
import type { EncodedRow } from '../../protocol/chat';
import type { DatasetRowView, ModelRef, RowReading, TemplateSettings } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { rowToRead, SIDES, type Side } from './pairView';

export interface EncodedSide {
  encoded: EncodedRow;
  tokens: string[];
}
export interface EncodedPair {
  index: number;
  sides: Record<Side, EncodedSide>;
}
type View = Pick<DatasetRowView, 'index' | 'row' | 'rowId'>;
async function encodeSide(
  { row, rowId }: View,
  side: Side,
  settings: TemplateSettings,
  signal: AbortSignal,
): Promise<EncodedSide> {
  const { encoded, tokens } = await studioClient().text.request(
    'encodeRow',
    { row, rowId, settings: { ...settings, side } },
    { signal },
  );
  return { encoded, tokens };
}
/** Both sides under the recipe's template and settings. Throws what makes the row unfit. */
export const encodePair = async (view: View, settings: TemplateSettings, signal: AbortSignal): Promise<EncodedPair> => ({
  index: view.index,
  sides: {
    chosen: await encodeSide(view, 'chosen', settings, signal),
    rejected: await encodeSide(view, 'rejected', settings, signal),
  },
}); // biome-ignore format: one object
/** The answers of a row: both of a pair; of an answer with a label the one that it has, good ones as chosen. */
export async function encodeAnswers(
  view: View,
  settings: TemplateSettings,
  signal: AbortSignal,
): Promise<Partial<EncodedPair['sides']>> {
  if (view.row.chosen !== undefined) return (await encodePair(view, settings, signal)).sides;
  const side: Side = view.row.label === false ? 'rejected' : 'chosen';
  return { [side]: await encodeSide(view, side, settings, signal) };
}
/** The same answers under one state of a model. */
export async function readAnswers(
  ref: ModelRef,
  answers: Partial<EncodedPair['sides']>,
  signal: AbortSignal,
): Promise<{ sides: Partial<Record<Side, RowReading>>; step?: number }> {
  const sides = SIDES.filter((side) => answers[side]);
  const rows = sides.map((side) => rowToRead(answers[side]!.encoded));
  const { rows: read, step } = await studioClient().compute.request('readRows', { ref, rows }, { signal });
  return {
    sides: Object.fromEntries(sides.map((side, i) => [side, read[i]!])),
    ...(step !== undefined && { step }),
  };
}

/** Both sides of each pair under one state of a model. */
export async function readUnder(
  ref: ModelRef,
  pairs: readonly EncodedPair[],
  signal: AbortSignal,
): Promise<{ sides: Record<Side, RowReading>[]; step?: number }> {
  const rows = pairs.flatMap(({ sides }) => SIDES.map((side) => rowToRead(sides[side].encoded)));
  const { rows: read, step } = await studioClient().compute.request('readRows', { ref, rows }, { signal });
  return {
    sides: pairs.map((_, i) => ({ chosen: read[2 * i]!, rejected: read[2 * i + 1]! })),
    ...(step !== undefined && { step }),
  };
}
