// Chat templates in 33 published formats: text, ids and masks equal transformers' (fixtures by scripts/parity/templates.py),
// and the assistant's turns that are derived without {% generation %} hold what the assistant wrote and nothing else.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TemplateError } from '../src/lib/errors';
import type { DatasetRow, Json, MaskOptions, Message, ToolSchema } from '../src/protocol/chat';
import { deriveAssistantSpans } from '../src/text/assistantSpans';
import { type CompiledTemplate, compileTemplate, type RenderOptions } from '../src/text/chatTemplate';
import { encodeRendered } from '../src/text/encodeRendered';
import { render } from '../src/text/render';
import { Tokenizer } from '../src/text/tokenizer';

type Given = Omit<Message, 'content'> & { content: Json };
interface Chat {
  messages: Given[];
  tools?: string;
  documents?: { [key: string]: Json }[];
  add_generation_prompt?: boolean;
  continue_final_message?: boolean;
}
interface Case {
  chat: string;
  kwargs?: { [key: string]: Json };
  error?: string;
  text?: string;
  ids?: number[];
  mask?: string;
}
interface Style {
  specials: string[];
  names: { [key: string]: string };
  /** The source with markers put by hand (scripts/parity/templateMarks.py), for styles that have none. */
  marked?: string;
  cases: Case[];
}
const folder = new URL('fixtures/templates/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const {
  chats,
  tools,
  now: clock,
}: { chats: Record<string, Chat>; tools: ToolSchema[]; now: string } = JSON.parse(read('chats.json'));
const base = JSON.parse(readFileSync(new URL('../public/models/tokenizer.json', import.meta.url), 'utf8'));
const now = () => new Date(`${clock}Z`);
/** As parseRow brings null into the studio's shape. */
const given = (messages: Given[]): Message[] =>
  messages.map((m) => (m.content === null ? { ...m, content: '', content_is_null: true } : m) as Message);

function tokenizerWith(specials: string[]): Tokenizer {
  const first = Object.keys(base.model.vocab).length;
  const added = specials.map((content, i) => ({ ...base.added_tokens[0], id: first + i, content }));
  return Tokenizer.fromJson({ ...base, added_tokens: [...base.added_tokens, ...added] });
}
const MARKER = /\{%-?\s*(?:end)?generation\s*-?%\}/g;
const names = readdirSync(new URL('styles/', folder)).flatMap((file) =>
  file.endsWith('.jinja') ? [file.slice(0, -6)] : [],
);

/** Blanks at the end of an answer that no token ends: where they stop being the answer's nothing tells. */
const NO_END = new Set(['solar unicode']);

/** Characters of the text that are inside one of the stretches. */
const covered = (length: number, stretches: readonly { start: number; end: number }[]): Uint8Array => {
  const out = new Uint8Array(length);
  for (const { start, end } of stretches) out.fill(1, start, end);
  return out;
};

/** Calls that were looked for inside the spans. */
let calls = 0;

describe.each(names)('%s', (name) => {
  const source = read(`styles/${name}.jinja`);
  const style: Style = JSON.parse(read(`styles/${name}.json`));
  const template = compileTemplate(source.replace(MARKER, ''));
  const marked = compileTemplate(style.marked ?? source);
  const tokenizer = tokenizerWith(style.specials);
  const specials = tokenizer.addedTokens.flatMap((token) => (token.special ? [token.content] : []));

  test.each(style.cases.map((c) => [c.chat + (c.kwargs ? ` ${JSON.stringify(c.kwargs)}` : ''), c] as const))(
    '%s',
    (_, theirs) => {
      const chat = chats[theirs.chat]!;
      const messages = given(chat.messages);
      const options: RenderOptions = {
        tools: chat.tools ? tools : undefined,
        documents: chat.documents,
        addGenerationPrompt: chat.add_generation_prompt,
        continueFinalMessage: chat.continue_final_message,
        kwargs: { ...style.names, ...theirs.kwargs },
        now,
      };
      if (theirs.error !== undefined) {
        expect(() => template.render(messages, options)).toThrow(TemplateError);
        return;
      }
      const rendered = template.render(messages, options);
      expect(rendered.text).toBe(theirs.text);
      expect([...encodeRendered(rendered, messages, tokenizer).ids]).toEqual(theirs.ids);
      if (chat.continue_final_message || chat.messages.some((m) => Array.isArray(m.content))) return;
      checkTurns(template, messages, options);
      if (theirs.mask === undefined || chat.add_generation_prompt || chat.documents) return;
      const maskOf = (which: CompiledTemplate, assistant_spans: MaskOptions['assistant_spans']) => {
        const row: DatasetRow = { messages, ...(chat.tools && { tools }), chat_template_kwargs: theirs.kwargs };
        return render(row, theirs.chat, {
          tokenizer,
          template: which,
          templateVariables: style.names,
          eosToken: style.names.eos_token,
          now,
          mode: 'assistant_only_loss',
          max_length: 4096,
          mask: { assistant_spans },
        }).mask.join('');
      };
      expect(maskOf(marked, 'generation')).toBe(theirs.mask);
      const derived = maskOf(template, 'derived');
      if (NO_END.has(`${name} ${theirs.chat}`)) {
        const differs = [...derived].flatMap((m, t) => (m === theirs.mask![t] ? [] : [theirs.ids![t]!]));
        expect(tokenizer.decode(differs).trim()).toBe('');
      } else if (theirs.kwargs?.enable_thinking === false) {
        // The generation prompt holds the empty thought then, so it is given, while the markers of these templates hold it too.
        for (let t = 0; t < derived.length; t++) expect(derived[t]! <= theirs.mask[t]!).toBe(true);
        expect(derived).toContain('1');
      } else expect(derived).toBe(theirs.mask);
    },
  );

  /** What each assistant wrote is inside a derived span; what others wrote is in none. */
  function checkTurns(which: CompiledTemplate, messages: Message[], options: RenderOptions): void {
    const full = which.render(messages, { ...options, addGenerationPrompt: false });
    const spans = deriveAssistantSpans(
      messages,
      full,
      (part, addGenerationPrompt) => which.render(part, { ...options, addGenerationPrompt }).text,
      specials,
    );
    const inside = covered(full.text.length, spans);
    messages.forEach((message, i) => {
      if (message.role === 'assistant') {
        const said = message.content.split('</think>').at(-1)!.trim();
        const own = spans.filter((span) => span.message === i).map(({ start, end }) => full.text.slice(start, end));
        if (said && full.text.includes(said)) expect(own.join('')).toContain(said);
        const written = full.turns.find((turn) => turn.message === i);
        const turn = written ? full.text.slice(written.start, written.end) : '';
        for (const { function: call } of message.tool_calls ?? [])
          if (turn.includes(call.name)) {
            calls++;
            expect(own.join('')).toContain(call.name);
          }
      } else
        for (const part of full.content)
          if (part.message === i) expect(inside.subarray(part.start, part.end)).not.toContain(1);
    });
  }
});

test('every style has masks to be held to, and tool calls were looked for', () => {
  const cases = names.flatMap((name) =>
    (JSON.parse(read(`styles/${name}.json`)) as Style).cases.map((c) => [name, c] as const),
  );
  const masked = cases.filter(([, { mask }]) => mask?.includes('1'));
  expect(new Set(masked.map(([name]) => name)).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(33);
  expect(masked.length).toBeGreaterThan(350);
  expect(calls).toBeGreaterThan(60);
});
