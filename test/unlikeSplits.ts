// Sets whose splits differ in columns and types: what load_dataset stops at unless every exported file says the same types. Used by
// scripts/parity/datasetFolders.ts, whose folders `datasets` reads, and by the tests of exports.

type Rows = { [column: string]: unknown }[];
export interface SplitSet {
  name: string;
  splits: { train: Rows; validation: Rows; test: Rows };
}
const pair = (i: number, more: object = {}) => ({ prompt: `Question ${i}?`, completion: ` ${i} €`, ...more });
const asked = (content: string) => ({ role: 'user', content });
const said = (content: string) => ({ role: 'assistant', content });
const call = { type: 'function', function: { name: 'get_balance', arguments: { account: 'DE12', limit: 2.5 } } };
const tools = [{ type: 'function', function: { name: 'get_balance', parameters: { type: 'object', properties: {} } } }];
const withCall = [
  asked('Balance?'),
  { role: 'assistant', content: '', tool_calls: [call] },
  { role: 'tool', content: '7' },
  said('It is 7.'),
];

export const UNLIKE_SPLITS: readonly SplitSet[] = [
  {
    name: 'a column in one split only',
    splits: { train: [pair(0), pair(1)], validation: [pair(2)], test: [pair(3, { only: 'here', list: ['a', 'b'] })] },
  },
  {
    name: 'whole numbers in one split, fractions in another',
    splits: {
      train: [pair(0, { score: 1 }), pair(1, { score: 2 })],
      validation: [pair(2, { score: null })],
      test: [pair(3, { score: 0.5 })],
    },
  },
  {
    name: 'tools and calls in one split only',
    splits: {
      train: [{ messages: [asked('Hi'), said('Hello')], score: 1, nothing: null }],
      validation: [{ messages: [asked('Bye'), said('Good bye')], score: 2 }],
      test: [{ messages: withCall, tools, score: 0.5, only: 'here' }],
    },
  },
  {
    name: 'values of all kinds in one column',
    splits: {
      train: [pair(0, { mixed: 1, list: [], 'a: [name]': true }), pair(1, { mixed: 'text', list: ['a'] })],
      validation: [pair(2, { mixed: { a: [1, null] }, list: null })],
      test: [pair(3, { mixed: [1, 'a'], list: ['b', 'c'], 'a: [name]': false })],
    },
  },
];
