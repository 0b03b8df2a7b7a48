// Texts for a reward model, encoded as its training encodes them: prompt and answer as one row of tokens.
import { DataError, StudioError } from '../lib/errors';
import type { DatasetRow, MaskOptions } from '../protocol/chat';
import { asPromptCompletion, encodeParts } from '../text/encodeRow';
import { isEmptyAnswer } from '../text/render';
import type { RenderContext } from '../text/renderContext';

export interface ScoredRow {
  ids: Int32Array;
  /** Tokens before the answer; 0 for a plain text. */
  promptLength: number;
}

/** Throws DataError naming the row (by its place unless `nameOf` says otherwise): one without an answer, with an empty one, or of no known type. */
export function encodeScored(
  rows: readonly DatasetRow[],
  context: RenderContext & { mask?: MaskOptions },
  nameOf: (i: number) => string = (i) => `Row ${i + 1}`,
): ScoredRow[] {
  return rows.map((given, i) => {
    try {
      const row = asPromptCompletion(given);
      if (row.completion !== undefined && isEmptyAnswer(row))
        throw new DataError('the completion is empty, so there is nothing to give a reward for. Write an answer.');
      const { encoded, promptLength = 0 } = encodeParts(row, context);
      if (encoded.ids.length <= promptLength)
        throw new DataError('nothing follows the prompt, so there is nothing to give a reward for. Write an answer.');
      return { ids: encoded.ids, promptLength };
    } catch (cause) {
      if (!(cause instanceof StudioError)) throw cause;
      throw new DataError(`${nameOf(i)}: ${cause.message}`, { cause, where: `rows[${i}]` });
    }
  });
}
