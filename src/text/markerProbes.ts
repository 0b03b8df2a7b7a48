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
/** Arguments as OpenAI's API has them; some templates print nothing else, others have a branch of its own for them. */
const asStrings = (message: Message): Message => ({
  ...message,
  tool_calls: message.tool_calls?.map((call) => ({
    ...call,
    function: { ...call.function, arguments: JSON.stringify(call.function.arguments) },
  })),
});
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
  // The assistant begins: what a template prints first, such as BOS, stands before its header.
  { messages: [assistant('Welcome.'), user('One?'), assistant('First.')] },
  { messages: [system, assistant('Welcome.'), user('One?'), assistant('The first one.')] },
  { messages: [assistant('Alone.')] },
  { messages: [user('One?'), assistant(''), user('Two?'), assistant('Second.')] },
  { messages: [user('Sales?'), asStrings(call('', 'sales')), result('{"amount":12}'), assistant('12.')], tools },
  { messages: [user('Sales?'), asStrings(call('', 'sales')), result('12'), assistant('12.')] },
  {
    messages: [system, user('Sales?'), asStrings(call('I look it up.', 'sales')), result('12'), assistant('12.')],
    tools,
  },
  {
    messages: [user('Sales?'), nothing(asStrings(call('', 'sales', 'it'))), result('1', 0), result('2', 1)],
    tools,
  },
  {
    messages: [
      user('Both?'),
      asStrings(call('', 'sales', 'it')),
      result('1', 0),
      result('2', 1),
      assistant('1 and 2.'),
      user('IT?'),
      thought(asStrings(call('', 'it'))),
      result('2'),
      thought(assistant('2.')),
    ],
    tools,
  },
  { messages: [user('Sales?'), nothing(thought(call('', 'sales'))), result('12'), thought(assistant('12.'))], tools },
  { messages: [user('Both?'), thought(asStrings(call('Both.', 'sales', 'it')))], tools },
];
