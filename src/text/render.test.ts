// Literal masks, origins and refusals of render().
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DatasetRow, Message } from '../protocol/chat';
import { SPECIAL_TOKENS, trainBpe } from './bpe';
import { BUILTIN_TEMPLATE } from './builtinTemplate';
import { compileTemplate } from './chatTemplate';
import { encodePlainPrompt, encodePrompt } from './encodePrompt';
import { asPromptCompletion } from './encodeRow';
import { blockingFinding, render, trainedTokens } from './render';
import { Tokenizer } from './tokenizer';
import { turnEnds } from './turnEnds';

// No merges: one token a byte, so that masks can be written by hand.
const tokenizer = Tokenizer.fromJson(trainBpe([], { vocabSize: 262 }));
const context = { tokenizer, template: compileTemplate(BUILTIN_TEMPLATE) };
const encode = (
  row: DatasetRow,
  mode: 'default' | 'full' | 'completion_only_loss' | 'assistant_only_loss',
  max_length = 1024,
) => render(row, 'r', { ...context, mode, max_length });
/** Characters of trained tokens. */
const trainedText = (row: ReturnType<typeof encode>) =>
  Array.from(row.ids)
    .filter((_, t) => row.mask[t])
    .map((id) => tokenizer.tokenText(id))
    .join('');

const tool: Message[] = [
  { role: 'system', content: 'S' },
  { role: 'user', content: 'U' },
  {
    role: 'assistant',
    content: '',
    tool_calls: [{ type: 'function', function: { name: 'f', arguments: { x: 'y' } } }],
  },
  { role: 'tool', name: 'f', content: 'R' },
  { role: 'assistant', content: 'A' },
];

describe('masks', () => {
  test('ten tokens, six of context, three of answer and EOS: only the answer is trained', () => {
    const row = encode({ prompt: 'ab: cd', completion: 'efg' }, 'default');
    expect(Array.from(row.ids, (id) => tokenizer.tokenText(id))).toEqual([...'ab: cdefg', '<|endoftext|>']);
    expect([...row.mask]).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    expect(row.promptLength).toBe(6);
    expect([...row.rule].map((rule) => row.rules[rule])).toEqual([
      'first token: nothing stands before it to predict it from',
      ...Array(5).fill('prompt: given, not trained'),
      ...Array(4).fill('completion: trained'),
    ]);
  });
  test('a completion that stands first has a token that is counted and not trained', () => {
    const row = { prompt: 'ab: cd', completion: 'efg' };
    const cut = (max_length: number, truncation_mode: 'keep_end' | 'keep_start', of: DatasetRow = row) => {
      const { mask, unscored } = render(of, 'r', { ...context, mode: 'default', max_length, truncation_mode });
      return [[...mask], unscored];
    };
    expect(cut(4, 'keep_end')).toEqual([[0, 1, 1, 1], 1]);
    expect(cut(2, 'keep_end')).toEqual([[0, 1], 1]);
    // One token of the prompt is left, and predicts it.
    expect(cut(5, 'keep_end')).toEqual([[0, 1, 1, 1, 1], undefined]);
    expect(cut(8, 'keep_start')).toEqual([[0, 0, 0, 0, 0, 0, 1, 1], undefined]);
    const bare = { prompt: '', completion: 'efg' };
    expect(cut(9, 'keep_start', bare)).toEqual([[0, 1, 1, 1], 1]);
    expect(encode(bare, 'full').unscored).toBeUndefined();
    expect(encode({ text: 'efg' }, 'default').unscored).toBeUndefined();
    // Of messages a cut may begin with what nobody would train.
    const context_ = { ...context, mode: 'assistant_only_loss', truncation_mode: 'keep_end' } as const;
    const chat = { prompt: tool.slice(0, 2), completion: tool.slice(2) };
    const whole = render(chat, 'r', { ...context_, max_length: 1024 });
    for (let keep = 1; keep < whole.ids.length - whole.promptLength!; keep++) {
      const found = render(chat, 'r', { ...context_, max_length: keep });
      expect(found.unscored ?? 0).toBe(whole.mask.at(-keep));
    }
  });
  test('full sequence: everything but the first token, which nothing predicts', () => {
    const row = encode({ prompt: 'ab', completion: 'c' }, 'full');
    expect([...row.mask]).toEqual([0, 1, 1, 1]);
  });
  test('assistant only: tool call, final answer and their end of turn; no header, no tool result', () => {
    const row = encode({ messages: tool }, 'assistant_only_loss');
    expect(trainedText(row)).toBe('<tool_call>{"name":"f","arguments":{"x":"y"}}</tool_call><|im_end|>A<|im_end|>');
    const result = row.text.indexOf('R');
    const at = row.spanStart.indexOf(result);
    expect(row.rules[row.rule[at]!]).toBe('outside {% generation %}: tool result, not trained');
  });
  test('both masks at once: a token is trained only if both allow it', () => {
    const row = encode({ prompt: tool.slice(0, 3), completion: tool.slice(3) }, 'assistant_only_loss');
    expect(trainedText(row)).toBe('A<|im_end|>');
    const completion = encode({ prompt: tool.slice(0, 3), completion: tool.slice(3) }, 'default');
    // The prompt alone ends with an assistant header where the full render has the tool's: TRL cuts where they part.
    expect(trainedText(completion).endsWith('A<|im_end|>\n')).toBe(true);
    // The tool's answer is in the completion, so TRL trains it too.
    expect(completion.findings?.map((f) => f.kind)).toEqual(['prompt_not_prefix', 'tool_result_trained']);
  });
  test('the four combinations of the two switches on a prompt that holds an assistant turn, as TRL has them', () => {
    const row = { prompt: [...tool.slice(0, 3), tool[3]!], completion: tool.slice(4) };
    const trained = (mode: 'full' | 'completion_only_loss' | 'assistant_only_loss', completion_only_loss?: boolean) =>
      trainedText(render(row, 'r', { ...context, mode, completion_only_loss, max_length: 1024 }));
    const call = '<tool_call>{"name":"f","arguments":{"x":"y"}}</tool_call><|im_end|>';
    expect(trained('assistant_only_loss', false)).toBe(`${call}A<|im_end|>`);
    expect(trained('assistant_only_loss', true)).toBe('A<|im_end|>');
    expect(trained('assistant_only_loss')).toBe('A<|im_end|>');
    expect(trained('completion_only_loss')).toBe('A<|im_end|>\n');
    expect(trained('full')).toContain('system');
  });
  test('completion_only_loss on messages: the last assistant turn is the completion', () => {
    const row = encode({ messages: tool }, 'completion_only_loss');
    expect(trainedText(row)).toBe('A<|im_end|>\n');
    expect(row.findings).toEqual([]);
    expect(asPromptCompletion({ messages: tool }).prompt).toHaveLength(4);
    expect(() => asPromptCompletion({ messages: tool.slice(0, 2) })).toThrow(/no assistant message/);
  });
  test('default for messages is the full sequence, as in TRL', () => {
    const row = encode({ messages: tool }, 'default');
    expect(trainedTokens(row)).toBe(row.ids.length - 1);
  });
});

describe('spans, roles, origins', () => {
  test('every token knows its characters, its message and who wrote it', () => {
    const row = encode({ messages: [{ role: 'user', content: 'é' }] }, 'full');
    expect(row.text).toBe('<|im_start|>user\né<|im_end|>\n');
    expect([...row.spanStart]).toEqual([0, 12, 13, 14, 15, 16, 17, 17, 18, 28]);
    expect([...row.spanEnd]).toEqual([12, 13, 14, 15, 16, 17, 18, 18, 28, 29]);
    // 0 scaffold, 1 content, 2 special
    expect([...row.origin]).toEqual([2, 0, 0, 0, 0, 0, 1, 1, 2, 0]);
    expect([...row.role]).toEqual(Array(10).fill(2));
    expect([...row.message]).toEqual(Array(10).fill(0));
  });
  test('a special token in the name of a tool is refused; in a description it is plain text', () => {
    const tools = (name: string, description: string) => [
      { type: 'function' as const, function: { name, description, parameters: {} } },
    ];
    const messages: Message[] = [{ role: 'user', content: 'Q' }];
    expect(() => encode({ messages, tools: tools('f<|im_end|>', 'd') }, 'full')).toThrow(/tools .*hold <\|im_end\|>/);
    const row = encode({ messages, tools: tools('f', 'd<|im_end|>') }, 'full');
    expect(Array.from(row.ids).filter((id) => id < 4)).toEqual([1, 2, 1, 2]);
  });
  test('special tokens typed inside any content never become special ids', () => {
    const typed = fc
      .array(fc.constantFrom(...SPECIAL_TOKENS, '<tool_call>', 'x', ' ', '<|im_', 'end|>'))
      .map((p) => p.join(''));
    fc.assert(
      fc.property(typed, typed, typed, (a, b, c) => {
        const messages: Message[] = [
          { role: 'user', content: a },
          {
            role: 'assistant',
            content: '',
            tool_calls: [{ type: 'function', function: { name: 'f', arguments: { x: b } } }],
          },
          { role: 'tool', content: c },
        ];
        const row = encode({ messages }, 'full');
        const special = Array.from(row.ids).filter((id) => id < 4);
        expect(special).toEqual([1, 2, 1, 2, 1, 2]);
        expect(tokenizer.decode(row.ids)).toBe(row.text);
      }),
      { numRuns: 150 },
    );
  });
  test('what an assistant wrote may hold <tool_call>, never <|im_end|>', () => {
    const row = encode({ messages: [{ role: 'assistant', content: '<tool_call><|im_end|>' }] }, 'full');
    const ids = Array.from(row.ids);
    expect(ids.filter((id) => id === 4)).toHaveLength(1);
    expect(ids.filter((id) => id === 2)).toHaveLength(1);
  });
  test('added tokens that are not special: the words of a model’s vocabulary are, the template’s own signs are not', () => {
    const json = trainBpe([], { vocabSize: 262 });
    const add = (content: string, i: number) => ({ ...json.added_tokens[0]!, id: 300 + i, content, special: false });
    const own = Tokenizer.fromJson({ ...json, added_tokens: [...json.added_tokens, ...['<b>', '<call>'].map(add)] });
    const template = compileTemplate(
      "{% for m in messages %}{{ m.role[0] ~ ':' ~ m.content ~ ('<call>' if m.role == 'tool') ~ '\n' }}{% endfor %}",
    );
    const ids = (role: Message['role']) => {
      const messages: Message[] = [
        { role, content: '<b>x<call>' },
        { role: 'assistant', content: 'A' },
      ];
      const row = render({ messages }, 'r', { tokenizer: own, template, mode: 'full', max_length: 99 });
      return Array.from(row.ids).filter((id) => id >= 300);
    };
    expect(ids('user')).toEqual([300]);
    expect(ids('tool')).toEqual([300, 301]); // the second is the template's
    expect(ids('assistant')).toEqual([300, 301]);
  });
  test('a special token typed in a message is told, with what TRL would make of it; it stops no run', () => {
    const typed: Message[] = [
      { role: 'user', content: 'Hi.' },
      { role: 'assistant', content: `a${SPECIAL_TOKENS[2]}b` },
    ];
    const found = encode({ messages: typed }, 'full').findings ?? [];
    expect(found.map(({ kind, gate, blocking }) => [kind, gate, blocking])).toContainEqual([
      'special_in_text',
      undefined,
      false,
    ]);
    expect(found.find(({ kind }) => kind === 'special_in_text')!.message).toContain(
      `messages[1].content holds ${SPECIAL_TOKENS[2]}, which is read as plain characters here`,
    );
    const plain = typed.map((m) => ({ ...m, content: 'a' }));
    expect(encode({ messages: plain }, 'full').findings?.map(({ kind }) => kind) ?? []).not.toContain(
      'special_in_text',
    );
  });
  test('what a template prints of a content that it splits is content too: its special tokens stay characters', () => {
    const template = compileTemplate(
      "{% for m in messages %}<|im_start|>{{ m.content.split('</think>')[-1] }}<|im_end|>{% endfor %}",
    );
    const encoded = (content: string) =>
      render({ messages: [{ role: 'assistant', content }] }, 'r', {
        ...context,
        template,
        mode: 'full',
        max_length: 99,
      });
    expect([...encoded('<think>x</think>a<|im_end|>b').ids.filter((id) => id < 4)]).toEqual([1, 2]);
    const tail = [...encoded('<think>x</think>ab').origin];
    expect(tail).toEqual([2, 1, 1, 2]);
  });
  test('content that a template rewrites and that holds special tokens is refused', () => {
    const template = compileTemplate(
      '{% for m in messages %}{{ m.content | length }}{{ m.content | upper }}{% endfor %}',
    );
    const row = { messages: [{ role: 'user' as const, content: 'a<|im_end|>' }] };
    expect(() => render(row, 'r', { tokenizer, template, mode: 'full', max_length: 99 })).toThrow(
      /messages\[0\]\.content holds <\|im_end\|>/,
    );
  });
  test('EOS is appended to text once, and is a special id', () => {
    for (const text of ['ab', 'ab<|endoftext|>']) {
      const row = encode({ text }, 'default');
      expect(row.text).toBe('ab<|endoftext|>');
      expect(row.ids.at(-1)).toBe(0);
      expect(row.ids).toHaveLength(3);
    }
  });
  test('strings are encoded as the library does: special and other added tokens, what the tokenizer puts around them', () => {
    const json = trainBpe([], { vocabSize: 262 });
    const token = (content: string, id: number, special = true) => ({ ...json.added_tokens[0]!, id, content, special });
    const around = (content: string, id: number) => ({ id: content, ids: [id], tokens: [content] });
    const own = Tokenizer.fromJson({
      ...json,
      added_tokens: [...json.added_tokens, token('<s>', 300), token('</s>', 301), token('\n\n', 302, false)],
      post_processor: {
        type: 'TemplateProcessing',
        single: [
          { SpecialToken: { id: '<s>', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '</s>', type_id: 0 } },
        ],
        pair: [],
        special_tokens: { '<s>': around('<s>', 300), '</s>': around('</s>', 301) },
      },
    });
    const given = { ...context, tokenizer: own, mode: 'default', max_length: 99, bosToken: '<s>' } as const;
    const text = render({ text: '<s><|im_start|>a\n\nb' }, 'r', given);
    const spelled = (ids: Int32Array) => Array.from(ids, (id) => own.tokenText(id));
    expect(spelled(text.ids)).toEqual(['<s>', '<s>', '<|im_start|>', 'a', '\n\n', 'b', '<|endoftext|>', '</s>']);
    expect([...text.ids.filter((id) => id >= 300)]).toEqual([300, 300, 302, 301]);
    expect([...text.spanStart]).toEqual([0, 0, 3, 15, 16, 18, 19, 32]);
    const kinds = text.findings!.map(({ kind, gate }) => [kind, gate]);
    expect(kinds).toContainEqual(['double_bos', true]);
    expect(kinds).toContainEqual(['special_in_text', undefined]);
    // The prompt alone ends with what stands behind every text: the completion follows no prompt that the model will see.
    const pair = render({ prompt: 'a', completion: 'b' }, 'r', given);
    expect(pair.promptLength).toBe(2);
    expect(pair.findings!.map(({ kind }) => kind)).toContain('prompt_not_prefix');
    expect(encodePlainPrompt('a<s>', { ...context, tokenizer: own }).ids).toHaveLength(5); // from outside: four characters
  });
  test('a text that spells a special token is told; an ordinary added token is not', () => {
    const found = encode({ text: 'a<|im_end|>b' }, 'default');
    expect(found.findings?.[0]?.message).toMatch(/^text holds <\|im_end\|>, which becomes the token itself/);
    expect([...found.ids].map((id) => tokenizer.tokenText(id))).toEqual(['a', '<|im_end|>', 'b', '<|endoftext|>']);
    expect(encode({ text: '<tool_call>' }, 'default').findings).toEqual([]);
  });
});

test('derived spans keep whole an added token that is not special, and nothing straddles their border', () => {
  const json = trainBpe([], { vocabSize: 262 });
  const token = (content: string, i: number) => ({ ...json.added_tokens[0]!, id: 300 + i, content, special: false });
  const own = Tokenizer.fromJson({
    ...json,
    added_tokens: [...json.added_tokens, ...['<think>', '</think>'].map(token)],
  });
  const template = compileTemplate(
    "{% for m in messages %}<{{ m.role[0] }}>{{ '</think>' if m.role == 'assistant' }}{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<a><think>{% endif %}",
  );
  const messages: Message[] = [
    { role: 'user', content: 'x' },
    { role: 'assistant', content: 'y' },
  ];
  const row = render({ messages }, 'r', {
    tokenizer: own,
    template,
    mode: 'assistant_only_loss',
    max_length: 99,
    mask: { assistant_spans: 'derived' },
  });
  expect(Array.from(row.ids.filter((_, t) => row.mask[t]))).toEqual([301, own.idOf('y'), own.idOf('<|im_end|>')]);
  expect(row.findings).toEqual([]);
});

describe('refusals', () => {
  test('a row longer than max_length is cut at its end, and says so', () => {
    const row = encode({ messages: tool }, 'assistant_only_loss', 60);
    expect(row.ids).toHaveLength(60);
    expect(row.truncated).toBeGreaterThan(0);
    expect(row.findings?.[0]?.message).toMatch(/The row has \d+ tokens, \d+ more than max_length 60: its end is cut/);
    expect(blockingFinding(row)).toBeUndefined();
  });
  test('nothing trained: beyond max_length, no assistant, no generation block', () => {
    expect(blockingFinding(encode({ messages: tool }, 'assistant_only_loss', 20))).toMatch(
      /stand beyond max_length 20/,
    );
    expect(blockingFinding(encode({ messages: tool.slice(0, 2) }, 'assistant_only_loss'))).toMatch(
      /no assistant message/,
    );
    const template = compileTemplate('{% for m in messages %}{{ m.content }}{% endfor %}');
    const row = render({ messages: tool }, 'r', { tokenizer, template, mode: 'assistant_only_loss', max_length: 99 });
    expect(blockingFinding(row)).toMatch(/no \{% generation %\} block/);
  });
  test('modes that do not fit the row', () => {
    expect(() => encode({ text: 'a' }, 'assistant_only_loss')).toThrow(/needs conversations/);
    expect(() => encode({ text: 'a' }, 'completion_only_loss')).toThrow(/needs prompt and completion/);
    expect(() => encode({}, 'full')).toThrow(/none of messages/);
    expect(() => encode({ text: 'a' }, 'full', 0)).toThrow(/max_length must be/);
  });
});

describe('prompts', () => {
  test('what the model reads before it answers, and where it stops', () => {
    const prompt = encodePrompt(tool.slice(0, 2), context);
    expect(prompt.text).toBe('<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n');
    expect(prompt.stopIds).toEqual([0, 2]);
    expect(prompt.tokens.join('')).toBe(prompt.text);
    const row = encode({ messages: tool }, 'full');
    expect([...row.ids.slice(0, prompt.ids.length)]).toEqual([...prompt.ids]);
  });
  test('an assistant message at the end is continued', () => {
    expect(
      encodePrompt([...tool.slice(0, 2), { role: 'assistant', content: 'Par' }], context).text.endsWith(
        'assistant\nPar',
      ),
    ).toBe(true);
  });
  test('a plain prompt gets neither template nor EOS', () => {
    const prompt = encodePlainPrompt('ab', context);
    expect([...prompt.ids].map((id) => tokenizer.tokenText(id))).toEqual(['a', 'b']);
    expect([...turnEnds(context)]).toEqual(prompt.stopIds);
    expect(() => encodePrompt([], context)).toThrow(/conversation is empty/);
  });
});

test('a conversation of 2,000 tokens is rendered again, with derived spans, in less than 100 ms of CPU time', () => {
  const own = Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8'));
  const bare = BUILTIN_TEMPLATE.replace(/\{%-?\s*(end)?generation\s*-?%\}/g, '');
  const messages: Message[] = Array.from({ length: 24 }, (_, i) => ({
    role: i % 2 ? 'assistant' : 'user',
    content:
      `Turn ${i}: the budget of the department is spent on travel, training and repairs, and what is left goes back. `.repeat(
        2,
      ),
  }));
  const costs = Array.from({ length: 6 }, (_, i) => {
    // Each keystroke gives a template that was never compiled before.
    const before = process.cpuUsage();
    const row = render({ messages }, 'r', {
      tokenizer: own,
      template: compileTemplate(`${bare}{# ${i} #}`),
      mode: 'assistant_only_loss',
      max_length: 9999,
      mask: { assistant_spans: 'derived' },
    });
    const { user, system } = process.cpuUsage(before);
    expect(row.ids.length).toBeGreaterThan(2000);
    return (user + system) / 1000;
  });
  // The first runs pay for compiling the code itself; CPU time of other threads of the process counts too, so the least tells.
  expect(Math.min(...costs)).toBeLessThan(100);
});
