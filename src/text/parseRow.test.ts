// Rows as published datasets write them: the shapes that TRL reads are read, what is none of them is refused by its path.
import { expect, test } from 'vitest';
import { trainBpe } from './bpe';
import { compileTemplate } from './chatTemplate';
import { parseRow } from './parseRow';
import { render } from './render';
import { Tokenizer } from './tokenizer';

const user = { role: 'user', content: 'Hi' };
const says = (content: string) => ({ role: 'assistant', content });

test('UltraFeedback: a string prompt beside conversational sides is ignored, as TRL does; the sides hold it themselves', () => {
  const row = parseRow({ prompt: 'Hi', chosen: [user, says('good')], rejected: [user, says('bad')] });
  expect(row).toEqual({ chosen: [user, says('good')], rejected: [user, says('bad')] });
  expect(() => parseRow({ prompt: [user], chosen: 'a', rejected: 'b' })).toThrow(
    /^prompt and chosen must both be strings/,
  );
  expect(() => parseRow({ prompt: 'Hi', chosen: [says('a')], rejected: 'b' })).toThrow(
    /^rejected and chosen must both be strings/,
  );
});

test('columns that are null are not there, whatever stands beside them', () => {
  expect(parseRow({ messages: null, conversations: null, prompt: null, text: 'x' })).toEqual({ text: 'x' });
  expect(parseRow({ messages: [user], text: null, tools: null, chat_template_kwargs: null, documents: null })).toEqual({
    messages: [user],
  });
  expect(parseRow({ chosen: null, rejected: null, prompt: 'a', completion: 'b' })).toEqual({
    prompt: 'a',
    completion: 'b',
  });
  expect(() => parseRow({ messages: null, text: null })).toThrow(/none of the columns/);
});

const parts = [
  { type: 'text', text: 'Which one: ' },
  { type: 'text', text: 'this?' },
];
test('a content in parts reaches the template as parts, and is a string elsewhere', () => {
  const row = parseRow({ messages: [{ role: 'user', content: parts }, says('A')] });
  expect(row.messages![0]).toMatchObject({ content: 'Which one: this?', content_parts: parts });
  const settings = {
    tokenizer: Tokenizer.fromJson(trainBpe([], { vocabSize: 262 })),
    mode: 'full' as const,
    max_length: 1000,
  };
  const source =
    "{% for m in messages %}{{ m.role }}:{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content if p.type == 'text' %}{{ p.text }}|{% endfor %}{% endif %};{% endfor %}";
  const encoded = render(row, 'r', { ...settings, template: compileTemplate(source) });
  expect(encoded.text).toBe('user:Which one: |this?|;assistant:A;');
  const content = Array.from(encoded.ids).filter((_, t) => encoded.origin[t] === 1 && encoded.message[t] === 0);
  // A blank at the edge of a content counts as the template's, as everywhere.
  expect(settings.tokenizer.decode(content)).toBe('Which one:this?');
  // transformers hands the list on: a template that expects a string fails, and says so.
  const plus = compileTemplate("{% for m in messages %}{{ m.role + ':' + m.content }}{% endfor %}");
  expect(() => render(row, 'r', { ...settings, template: plus })).toThrow(/can only concatenate str/);
});
test.each([
  [[{ type: 'image_url', image_url: { url: 'x' } }], 'messages[0].content[0] is a part of type "image_url"'],
  [[{ type: 'text' }], 'messages[0].content[0].text must be a string, got nothing'],
  [['loose'], 'messages[0].content[0] must be a part { type: "text", text }, got "loose"'],
  [[], 'messages[0].content is an empty list'],
])('parts that are no text are refused by their path: %j', (content, message) => {
  expect(() => parseRow({ messages: [{ role: 'user', content }] })).toThrow(message);
});

test('a documents column reaches the template, as apply_chat_template(documents=…) would bring it', () => {
  const documents = [{ title: 'Budget', text: '12 M' }];
  const template = compileTemplate(
    '{% for d in documents or [] %}{{ d.title }}={{ d.text }};{% endfor %}{{ messages[0].content }}',
  );
  const text = (row: unknown) =>
    render(parseRow(row), 'r', {
      tokenizer: Tokenizer.fromJson(trainBpe([], { vocabSize: 262 })),
      template,
      mode: 'full',
      max_length: 1000,
    }).text;
  expect(text({ messages: [user], documents })).toBe('Budget=12 M;Hi');
  expect(text({ messages: [user], documents: JSON.stringify(documents) })).toBe('Budget=12 M;Hi');
  expect(text({ messages: [user], chat_template_kwargs: { documents } })).toBe('Budget=12 M;Hi');
  expect(text({ messages: [user] })).toBe('Hi');
  expect(() => parseRow({ messages: [user], documents: 'Budget' })).toThrow(/^documents is a string that is not JSON/);
  expect(() => parseRow({ messages: [user], documents: ['Budget'] })).toThrow(/^documents\[0\] must be an object/);
  expect(() => parseRow({ messages: [user], chat_template_kwargs: 3 })).toThrow(
    /^chat_template_kwargs must be an object, got 3/,
  );
});

test('the margin of a preference is read where it is a number, and is a column beside the row otherwise', () => {
  const pair = { prompt: 'Pay?', chosen: 'Yes.', rejected: 'No.' };
  expect(parseRow({ ...pair, margin: 0.6 })).toEqual({ ...pair, margin: 0.6 });
  expect(parseRow({ ...pair, margin: 'wide' })).toEqual(pair);
  expect(parseRow({ messages: [user], margin: 0.6 })).toEqual({ messages: [user] });
});
