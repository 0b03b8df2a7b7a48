// Why a row that compares or marks answers teaches nothing, told from the row alone: as the start tells it once the row is encoded.
import type { DatasetRow, Finding } from '../protocol/chat';
import { isPromptGiven, sidesOf } from './preferences';
import { isEmptyAnswer, pairFault } from './render';

/** Of an answer with a label. */
export const EMPTY_LABELLED: Finding = {
  kind: 'empty_completion',
  blocking: true,
  gate: true,
  message:
    'Its completion is empty: it says nothing that could be good or bad. Write the answer, or leave the row out.',
};

/** Undefined for rows of other types, and where nothing is wrong but what a tokenizer, a template or max_length may do. */
export function answerFault(row: DatasetRow): Finding | undefined {
  if (row.chosen !== undefined && row.rejected !== undefined) {
    const { prompt, chosen, rejected } = row;
    const isSame = JSON.stringify(chosen) === JSON.stringify(rejected);
    const fault = pairFault(sidesOf(row), isSame ? 'whole' : undefined, isPromptGiven({ prompt, chosen }));
    return fault && { blocking: true, ...fault, gate: true };
  }
  return row.label !== undefined && row.completion !== undefined && isEmptyAnswer(row) ? EMPTY_LABELLED : undefined;
}
