// Conversations on which inserted markers are proven: every kind of turn that templates know, one after the other.
import type { Message, ToolSchema } from '../protocol/chat';

const tools: ToolSchema[] = [
  {
    type: 'function',
    function: {
      name: 'query_erp',
      description: 'Spending of a department.',
      parameters: {
        type: 'object',
        properties: { department: { type: 'string', description: 'Which one.' }, year: { type: 'integer' } },
        required: ['department'],
      },
    },
  },
];
const system: Message = { role: 'system', content: 'Be brief.' };
const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const call = (content: string, ...departments: string[]): Message => ({
  role: 'assistant',
  content,
  tool_calls: departments.map((department, i) => ({
    id: `call0000${i}`,
    type: 'function',
    function: { name: 'query_erp', arguments: { department, year: 2026 } },
  })),
});
const result = (content: string, i = 0): Message => ({
  role: 'tool',
  name: 'query_erp',
  tool_call_id: `call0000${i}`,
  content,
});

/** As a row with null has it: templates can tell that from an empty string. */
const nothing = (message: Message): Message => ({ ...message, content_is_null: true });
const thought = (message: Message): Message => ({ ...message, reasoning_content: 'Let me think.' });

export const PROBES: readonly { messages: Message[]; tools?: ToolSchema[] }[] = [
  { messages: [user('One?'), assistant('First.')] },
  { messages: [system, user('One?'), assistant('First.')] },
  { messages: [user('One?'), assistant('First.'), user('Two?'), assistant('Second,\nin two lines.')] },
  { messages: [system, user('One?'), assistant('First.'), user('Two?'), assistant('Second.'), user('Three?')] },
  { messages: [user('x'), assistant('a'), user('y'), assistant('b'), user('z'), assistant('c')] },
  { messages: [user('  blanks around \n'), assistant(' and here \n'), user('next'), assistant('last')] },
  { messages: [user('Hard?'), { ...assistant('Yes.'), reasoning_content: 'Let me think.' }] },
  {
    messages: [
      user('Hard?'),
      { ...assistant('Yes.'), reasoning_content: 'Let me think.' },
      user('And this?'),
      { ...assistant('No.'), reasoning_content: 'Once more.' },
    ],
  },
  { messages: [user('Hard?'), assistant('<think>\nLet me think.\n</think>\n\nYes.')] },
  { messages: [user('Sales?'), call('', 'sales'), result('{"amount":12}'), assistant('12.')], tools },
  { messages: [system, user('Sales?'), call('', 'sales'), result('{"amount":12}'), assistant('12.')], tools },
  { messages: [user('Sales?'), call('I look it up.', 'sales'), result('12'), assistant('12.')], tools },
  {
    messages: [user('Both?'), call('', 'sales', 'it'), result('1', 0), result('2', 1), assistant('1 and 2.')],
    tools,
  },
  {
    messages: [
      system,
      user('Sales?'),
      call('', 'sales'),
      result('1'),
      assistant('1.'),
      user('IT?'),
      call('', 'it'),
      result('2'),
      assistant('2.'),
    ],
    tools,
  },
  { messages: [user('Sales?'), call('', 'sales')], tools },
  { messages: [user('Sales?'), nothing(call('', 'sales')), result('{"amount":12}'), assistant('12.')], tools },
  { messages: [user('Sales?'), thought(call('', 'sales')), result('{"amount":12}'), thought(assistant('12.'))], tools },
  {
    messages: [
      system,
      user('Sales?'),
      thought(call('I look it up.', 'sales')),
      result('1'),
      thought(assistant('1.')),
      user('IT?'),
      thought(nothing(call('', 'it'))),
      result('2'),
      assistant('2.'),
    ],
    tools,
  },
];
