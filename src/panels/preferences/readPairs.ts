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
/** Both sides under the recipe's template and settings. Throws what makes the row unfit. */
export async function encodePair(
  { index, row, rowId }: Pick<DatasetRowView, 'index' | 'row' | 'rowId'>,
  settings: TemplateSettings,
  signal: AbortSignal,
): Promise<EncodedPair> {
  const encode = async (side: Side) => {
    const { encoded, tokens } = await studioClient().text.request(
      'encodeRow',
      { row, rowId, settings: { ...settings, side } },
      { signal },
    );
    return { encoded, tokens };
  };
  return { index, sides: { chosen: await encode('chosen'), rejected: await encode('rejected') } };
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
