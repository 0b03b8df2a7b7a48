// Conversations and templates that text.py renders with transformers and TRL; the studio must give the same.
import type { DatasetRow, Message, ToolSchema } from '../../src/protocol/chat';

/** The tokenizer of the fixtures learns from this. */
export const LITERAL = [
  'The sales department spent 1,200,000 in Q3. The sales budget was 1,300,000. The balance of the account is 120,000.',
  'The marketing budget of East China was 340,000; the marketing budget of North China was 280,000.',
  '{"answer":"The balance of the account is 120,000.","sources":["get_balance"],"action":null,"status":"ok"}',
  'I cannot transfer funds without approval. I can draft the approval request for the treasurer.',
  'Zahlungsziel über 30 Tage; 预算 预算 预算; 😀 😀 😀',
];

const tools: ToolSchema[] = [
  {
    type: 'function',
    function: {
      name: 'get_balance',
      description: 'Balance of an account on a day.',
      parameters: {
        type: 'object',
        properties: { account_id: { type: 'string' }, date: { type: 'string' } },
        required: ['account_id', 'date'],
      },
    },
  },
  {
    type: 'function',
    function: {
      name: 'query_erp',
      description: 'Spend of a department in a quarter.',
      parameters: {
        type: 'object',
        properties: { department: { type: 'string' }, quarter: { type: 'string' }, region: { type: 'string' } },
        required: ['department', 'quarter'],
      },
    },
  },
  {
    type: 'function',
    function: { name: 'today', description: 'The date.', parameters: { type: 'object', properties: {} } },
  },
];
const call = (name: string, args: Record<string, string | number | null | string[]>): Message => ({
  role: 'assistant',
  content: '',
  tool_calls: [{ type: 'function', function: { name, arguments: args } }],
});

const multi: Message[] = [
  { role: 'system', content: 'You are the finance assistant of bank_A. Answer in JSON.' },
  { role: 'user', content: 'What was the marketing budget last quarter?' },
  { role: 'assistant', content: '{"answer":"340,000","status":"ok"}' },
  { role: 'user', content: 'And East China?' },
  { role: 'assistant', content: '{"answer":"280,000","status":"ok"}' },
];
const tool: Message[] = [
  { role: 'system', content: 'Use the tools.' },
  { role: 'user', content: 'Balance of account 4410 today?' },
  call('get_balance', { account_id: '4410', date: '2026-11-23' }),
  { role: 'tool', name: 'get_balance', content: '{"balance":120000,"currency":"CNY"}' },
  { role: 'assistant', content: '{"answer":"The balance is 120,000.","sources":["get_balance"]}' },
];

/** name → row; every type that SFT takes. */
export const CASES: Record<string, DatasetRow> = {
  single: { messages: [multi[0]!, multi[1]!, multi[2]!] },
  multi: { messages: multi },
  tool: { messages: tool, tools },
  tool_no_system: { messages: tool.slice(1), tools },
  two_calls: {
    messages: [
      { role: 'user', content: 'Spend of sales and marketing?' },
      {
        role: 'assistant',
        content: 'Looking.',
        tool_calls: [
          {
            type: 'function',
            function: { name: 'query_erp', arguments: { department: 'sales', quarter: 'Q3', region: null } },
          },
          {
            type: 'function',
            function: {
              name: 'query_erp',
              arguments: { department: 'mar"keting\n', quarter: 'Q3', list: ['é', '预算'], n: 1.5, k: -3 },
            },
          },
        ],
      },
      { role: 'tool', name: 'query_erp', content: '1' },
      { role: 'tool', name: 'query_erp', content: '2' },
      { role: 'assistant', content: 'Done.' },
    ],
    tools,
  },
  unicode: {
    messages: [
      { role: 'user', content: 'Wie hoch ist das Budget? 预算是多少?👩‍👩‍👧 e\u0301' },
      { role: 'assistant', content: '😀 340,000 € — 预算 \u0085\u00a0ok' },
    ],
  },
  spaces: {
    messages: [
      { role: 'user', content: '  two  blanks \n\n and lines\n' },
      { role: 'assistant', content: '\n\tanswer  \n' },
    ],
  },
  empty_content: {
    messages: [
      { role: 'system', content: '' },
      { role: 'user', content: '' },
      { role: 'assistant', content: '' },
    ],
  },
  prompt_completion: { prompt: multi.slice(0, 2), completion: [multi[2]!] },
  prompt_completion_tools: { prompt: tool.slice(0, 2), completion: tool.slice(2), tools },
  prompt_completion_turns: { prompt: multi.slice(0, 4), completion: [multi[4]!] },
  strings: { prompt: 'Question: the sales budget?\nAnswer:', completion: ' The sales budget was 1,300,000.' },
  strings_merge: { prompt: 'The sal', completion: 'es department spent 1,200,000.' },
  strings_eos: { prompt: 'Budget?', completion: ' 340,000<|endoftext|>' },
  text: { text: 'The sales department spent 1,200,000 in Q3. 😀' },
};

const chat: Message[] = [
  { role: 'system', content: ' Be brief. ' },
  { role: 'user', content: "It's 5 o'clock" },
  { role: 'assistant', content: '<think>\nhm\n</think>\n\nYes "5" é 😀' },
  { role: 'user', content: 'a-b-c' },
];
const all = (template: string) => ({ template, messages: chat, tools });

/** Small templates, one trait of Jinja or Python each. */
export const JINJA_CASES: Record<string, { template: string; messages: Message[]; tools?: ToolSchema[] }> = {
  trim: all('{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}{{ eos_token }}{% endfor %}'),
  blocks: all(
    '{% for m in messages %}\n  {% if loop.first %}\n    first\n  {% elif loop.last %}\n    last {{ loop.index }}/{{ loop.length }}\n  {% else %}\n  {{- m.role -}}\n  {% endif %}\n{% endfor %}\nend\n',
  ),
  namespace: all(
    '{% set ns = namespace(n=0, last=none) %}{% for m in messages %}{% if m.role == "user" %}{% set ns.n = ns.n + 1 %}{% set ns.last = m.content %}{% endif %}{% endfor %}{{ ns.n }} {{ ns.last }}',
  ),
  scope: all('{% set x = 1 %}{% for m in messages %}{{ x }}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}'),
  constants: all(
    '{{ true }} {{ False }} {{ none }} {{ 1.0 }} {{ 0.0000001 }} {{ 3 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 5 }}|{{ undefined_name }}|',
  ),
  repr: all("{{ ['a', 1, 2.5, none, true, {'k': \"it's\"}] }} {{ messages[1] }} {{ (1, 'x') }}"),
  equality: all(
    '{{ [1] == [1] }} {{ 1 == "1" }} {{ {"a": 1} == {"a": 1} }} {{ 1 == true }} {{ none == false }} {{ "a" in ["a"] }} {{ "x" not in "xyz" }} {{ {"a": [1]}["a"] == [1] }} {{ "b" > "a" }}',
  ),
  strings: all(
    "{{ '-' * 5 }}{{ 'xxaxx'.strip('x') }}|{{ ' a '.lstrip() }}|{{ 'a.b.c'.rsplit('.', 1) }}|{{ 'banana'.count('an') }}|{{ 'banana'.find('n') }}|{{ 'a\\nb\\n'.splitlines() }}|{{ 'heLLo'.capitalize() }}|{{ 'a-b'.split('-')[-1] }}|{{ 'abc'[::-1] }}|{{ 'ab'.upper() }}|{{ 'Hello World'.title() }}|{{ 'abcabc'.replace('b', 'x', 1) }}|{{ 'ab'.startswith(('x', 'a')) }}",
  ),
  think: all(
    "{% for m in messages %}{% set c = m.content %}{% if '</think>' in c %}{% set c = c.split('</think>')[-1].lstrip('\\n') %}{% endif %}{{ m.role }}: {{ c }}\n{% endfor %}",
  ),
  tojson: all(
    "{{ tools | tojson }}\n{{ tools[0] | tojson(indent=2) }}\n{{ messages[2] | tojson(ensure_ascii=True) }}\n{{ {'b': 1, 'a': [1.5, none, true]} | tojson(separators=(',', ':'), sort_keys=true) }}",
  ),
  macro: all(
    "{% macro turn(role, text='none') %}<{{ role }}>{{ text }}</{{ role }}>{% endmacro %}{{ turn('user', messages[1].content) }}{{ turn('x') }}",
  ),
  loops: all(
    '{% for m in messages if m.role == "user" %}{{ loop.index0 }}{{ m.content }}{% else %}none{% endfor %}{% for x in undefined_name %}x{% endfor %}{% for c in "ab" %}{{ c }}.{% endfor %}{% for i in range(5) %}a{{ i }}{% if i == 2 %}b{% break %}{% endif %}c{% endfor %}{% for i in range(3) %}{{ i }}{% if i == 1 %}!{% continue %}{% endif %};{% endfor %}',
  ),
  filters: all(
    "{{ messages | length }} {{ 'é😀' | length }} {{ [3, 1, 2] | sort | join(',') }} {{ messages | map(attribute='role') | join('/') }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ missing | default('d') }} {{ '' | default('e', true) }} {{ [1, 2] | last }} {{ 'abc' | first }} {{ 'a b' | upper }} {{ {'x': 1} | items | list }} {{ '5' | int + 1 }} {{ ['a', 'b'] | reverse | list }} {{ 'x' | string }} {{ [1, none] | string }} {{ 'a' if false }}|",
  ),
  dicts: all(
    "{% for k, v in tools[0].function.parameters.properties.items() %}{{ k }}={{ v.type }};{% endfor %}{{ tools[0].function.get('missing', 'no') }} {{ 'name' in tools[0].function }} {{ tools[0]['function']['name'] }} {{ tools[0].nothing is defined }} {{ tools is not none }} {{ messages[0].tool_calls is defined }}",
  ),
  slices: all(
    "{% for m in messages[1:] %}{{ m.role[0] }}{% endfor %} {{ messages[-1].content }} {{ messages[::2] | length }} {{ 'abcdef'[1:4] }} {{ messages[:-1] | length }}",
  ),
  comment: all('a{# note #}\nb\n{#- trimmed -#}\n c {%- set q = 1 -%}  d{{ q }}\n\n'),
  set_block: all('{% set x %}A{{ messages | length }}B{% endset %}{{ x | lower }}{{ x ~ none ~ 1 ~ 1.5 }}'),
  tests: all(
    "{{ 'a' is string }} {{ messages is iterable }} {{ messages[0] is mapping }} {{ 3 is odd }} {{ none is none }} {{ 1 is number }} {{ true is boolean }} {{ messages is sequence }} {{ x is undefined }} {{ 2 is not even }}",
  ),
};
