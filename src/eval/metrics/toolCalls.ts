// Tool calls: the right one, with the right arguments, and only where one is due.
import type { Metric } from '../metric';

export const toolNameCorrect: Metric = {
  id: 'tool_name_correct',
  unit: 'share',
  direction: 'higher',
  meaning: 'Of the turns that need a tool, those that call the right one.',
  valueOf: ({ verdicts }) => verdicts.tool_name,
};
export const toolCallCorrect: Metric = {
  id: 'tool_call_correct',
  unit: 'share',
  direction: 'higher',
  meaning: 'Of the turns that need a tool, those that call the right one with exactly the right arguments.',
  valueOf: ({ verdicts }) => verdicts.tool_call,
};
export const needlessCallRate: Metric = {
  id: 'needless_call_rate',
  unit: 'share',
  direction: 'lower',
  meaning: 'Of the turns that need no tool, those that call one.',
  valueOf: ({ case: c, verdicts }) => (c.truth.expect === 'call' ? null : verdicts.needless_call),
};
