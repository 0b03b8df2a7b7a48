// Chat templates with Hugging Face semantics (transformers' apply_chat_template), rendered with the offsets of what the
// template wrote, what the messages said, and what stands inside {% generation %}.
import { StudioError, TemplateError } from '../lib/errors';
import type { Json, Message, ToolSchema } from '../protocol/chat';
import type { Program } from './jinja/ast';
import { makeGlobals } from './jinja/globals';
import { Interpreter, type Marks } from './jinja/interpreter';
import { LIMITS, limited, TooLong } from './jinja/limits';
import { strip } from './jinja/strings';
import { fromJson } from './jinja/values';
import { chooseMarks, MARK_COUNT, type MarkSet, markData, readMarks, type Stretch, type TemplateData } from './marks';
import { type RenderOther, searchContent } from './searchContent';
import { parseTemplate } from './templateSyntax';

export interface RenderOptions {
  tools?: ToolSchema[];
  /** What retrieval found, for templates that print it: usually title and text. */
  documents?: { [key: string]: Json }[];
  addGenerationPrompt?: boolean;
  /** The last message is left open, to be continued. */
  continueFinalMessage?: boolean;
  /** `chat_template_kwargs` of a row, and special tokens such as bos_token. */
  kwargs?: { [key: string]: Json };
  /** Today, for strftime_now. */
  now?: () => Date;
  /** True once the render must be given up; asked every 1024 steps. */
  expired?: () => boolean;
}
export interface Rendered {
  text: string;
  /** Stretches inside {% generation %}, in order. */
  generation: Stretch[];
  /** Text that messages and tools brought, in order; `message` is −1 for tool schemas. */
  content: (Stretch & { message: number })[];
  /** What the template wrote while at a message; in order. Empty when that could not be told. */
  turns: (Stretch & { message: number })[];
  /** How content was found: exact marks, or a search that may miss. */
  located: 'marks' | 'search';
  /** Of the template that printed it. */
  source: string;
}
export interface CompiledTemplate {
  readonly source: string;
  /** The template has {% generation %} blocks, so assistant_only_loss is possible. */
  readonly hasGeneration: boolean;
  render(messages: readonly Message[], options?: RenderOptions): Rendered;
}

/** Parses a template once. Throws TemplateError with line and column for syntax errors. */
export function compileTemplate(source: string): CompiledTemplate {
  if (source.length > LIMITS.sourceBytes)
    throw new TemplateError(
      `The chat template has ${source.length.toLocaleString('en')} characters; at most ${LIMITS.sourceBytes.toLocaleString('en')} are read. Shorten it.`,
    );
  const program = parseTemplate(source);
  return {
    source,
    hasGeneration: program.hasGeneration,
    render: (messages, options = {}) => render(program, source, messages, options),
  };
}

/** One run of the program; returns the string with whatever marks were asked for. */
function run(program: Program, data: TemplateData, options: RenderOptions, marks: Marks, set: MarkSet): string {
  const messages = data.messages.map(fromJson);
  const context = makeGlobals(options.now);
  for (const [name, value] of Object.entries(options.kwargs ?? {})) context.set(name, fromJson(value));
  context.set('messages', messages);
  context.set('tools', fromJson(data.tools ?? null));
  context.set('documents', fromJson(data.documents ?? null));
  context.set('add_generation_prompt', options.addGenerationPrompt ?? false);
  const places = new Map(messages.map((message, i) => [message, i]));
  try {
    return limited(options.expired ?? (() => false), { base: set.base, count: MARK_COUNT }, () =>
      new Interpreter(context, marks, places).run(program),
    );
  } catch (error) {
    if (error instanceof TooLong) throw rowTooLong(data) ?? error;
    if (error instanceof StudioError) throw error;
    const reason =
      error instanceof RangeError ? 'it calls itself without end, or makes too much text' : (error as Error).message;
    throw new TemplateError(`The chat template failed: ${reason}.`, { cause: error });
  }
}

/** The error of a conversation that is too long by itself; undefined where the template is at fault. */
function rowTooLong({ messages }: TemplateData): TemplateError | undefined {
  const lengths = messages.map(({ content }) =>
    typeof content === 'string' ? content.length : JSON.stringify(content ?? null).length,
  );
  const total = lengths.reduce((a, b) => a + b, 0);
  if (total <= LIMITS.length / 2) return undefined;
  const longest = lengths.indexOf(Math.max(...lengths));
  return new TemplateError(
    `The conversation is too long: its contents have ${total.toLocaleString('en')} characters, and at most ${LIMITS.length.toLocaleString('en')} are rendered. The longest is message ${longest + 1}. Split or shorten the row; the template is not at fault.`,
  );
}

/** One render without marks, for who needs the string alone: several times as fast as CompiledTemplate.render. */
export function renderText(program: Program, messages: readonly Message[], options: RenderOptions = {}): string {
  const data = { messages: messages.map(asGiven), tools: options.tools?.length ? options.tools : undefined };
  const none = { base: -1 } as MarkSet;
  return run(program, { ...data, documents: documentsOf(options) }, options, { generation: ['', ''] }, none);
}

/** As for apply_chat_template, `documents` among the kwargs are the documents. */
const documentsOf = ({ documents, kwargs }: RenderOptions): TemplateData['documents'] =>
  documents ?? ((kwargs?.documents ?? undefined) as TemplateData['documents']);

const CONTINUE_TAG = 'CONTINUE_FINAL_MESSAGE_TAG ';

/** Where the text to be continued ends in a render with the tag behind it, as transformers cuts. */
function cutAtFinal(text: string, final: string): number {
  const at = text.lastIndexOf(CONTINUE_TAG.trim());
  if (at < 0 || !text.includes(strip(final)))
    throw new TemplateError('The chat template does not print the final message as it is, so it cannot be continued.');
  return text.startsWith(CONTINUE_TAG, at) ? at : strip(text.slice(0, at), undefined, 'right').length;
}

/** The conversation with the tag behind the text of its last message, and that text. */
function tagFinal(messages: readonly GivenMessage[]): { messages: GivenMessage[]; final: string } {
  const last = messages.at(-1);
  const tagged = (content: unknown): { messages: GivenMessage[] } => ({
    messages: [...messages.slice(0, -1), { ...last, content } as GivenMessage],
  });
  if (typeof last?.content === 'string') return { ...tagged(last.content + CONTINUE_TAG), final: last.content };
  const at = last?.content?.findLastIndex((part) => typeof part.text === 'string') ?? -1;
  const part = last?.content?.[at] as { text: string } | undefined;
  if (!part) throw new TemplateError('There is no final message to continue.');
  const parts = (last!.content as TextPart[]).map((p, i) => (i === at ? { ...p, text: part.text + CONTINUE_TAG } : p));
  return { ...tagged(parts), final: part.text };
}

type TextPart = { text?: Json };
/** A message as templates see it: content may be null or, for multimodal formats, a list of parts. */
type GivenMessage = Omit<Message, 'content'> & { content: string | TextPart[] | null };
const REASONING = ['reasoning_content', 'thinking', 'reasoning'] as const;

/**
 * The message as apply_chat_template hands it on: without keys that are None, and reasoning under both names that templates
 * read. The studio's own keys are left out.
 */
function asGiven(message: Message): GivenMessage {
  const { content_is_null, content_parts, train: _train, train_spans: _spans, ...rest } = message;
  if (content_parts) Object.assign(rest, { content: content_parts });
  const given = Object.fromEntries(
    Object.entries(rest).filter(([key, value]) => value !== null && !(key === 'content' && content_is_null)),
  ) as GivenMessage & { [key: string]: unknown };
  const reasoning = REASONING.map((key) => given[key]).find((value) => value !== undefined);
  if (reasoning === undefined) return given;
  return { thinking: reasoning, ...given, reasoning_content: reasoning as string } as GivenMessage;
}

function render(program: Program, source: string, messages: readonly Message[], options: RenderOptions): Rendered {
  let given: readonly GivenMessage[] = messages.map(asGiven);
  let final: string | undefined;
  if (options.continueFinalMessage) {
    if (options.addGenerationPrompt)
      throw new TemplateError('continue_final_message and add_generation_prompt exclude each other. Set one of them.');
    ({ messages: given, final } = tagFinal(given));
  }
  const data: TemplateData = {
    messages: given,
    // Llama's templates print tool boilerplate for an empty list.
    tools: options.tools?.length ? options.tools : undefined,
    documents: documentsOf(options),
  };
  const set = chooseMarks(source, JSON.stringify([data, options.kwargs]));
  const cut = (rendered: Rendered): Rendered =>
    final === undefined ? rendered : clip(rendered, cutAtFinal(rendered.text, final));

  const plain = readMarks(run(program, data, options, { generation: set.generation }, set), set);
  const other: RenderOther = (index, content) => {
    const changed = given.map((message, i) => (i === index ? { ...message, content } : message));
    return tryRun(program, { ...data, messages: changed }, options, set)?.text;
  };
  for (const level of ['all', 'calls', 'content'] as const) {
    const found = tryRun(program, markData(data, set, level), options, set);
    if (found?.text === plain.text)
      return cut({
        text: plain.text,
        generation: plain.generation,
        content: withLost(plain.text, found, given, other),
        turns: found.turns,
        located: 'marks',
        source,
      });
  }
  // The template looks into the content (trims, splits, tests it): marks change what it prints.
  const turnsOnly = tryRun(program, data, options, set);
  const turns = turnsOnly?.text === plain.text ? turnsOnly.turns : [];
  return cut({
    text: plain.text,
    generation: plain.generation,
    content: searchContent(plain.text, given.map(joined), turns, other),
    turns,
    located: 'search',
    source,
  });
}

/**
 * The content that marks found, and of messages whose marks the template cut off (it prints what stands behind a thought) what
 * a search in their turn finds.
 */
function withLost(
  text: string,
  { content, turns }: Pick<Rendered, 'content' | 'turns'>,
  messages: readonly GivenMessage[],
  other: RenderOther,
): Rendered['content'] {
  const known = new Set(content.map(({ message }) => message));
  const printed = new Set(turns.map(({ message }) => message));
  const lost = messages.map((message, i) => (known.has(i) || !printed.has(i) ? { content: null } : message));
  if (lost.every((message) => typeof message.content !== 'string' || message.content.trim() === '')) return content;
  const found = searchContent(text, lost, turns, other).filter(
    (part) => !content.some(({ start, end }) => start < part.end && part.start < end),
  );
  return [...content, ...found].sort((a, b) => a.start - b.start || b.end - a.end);
}

/** A run with marks; undefined when the template fails over them. */
function tryRun(program: Program, data: TemplateData, options: RenderOptions, set: MarkSet) {
  try {
    return readMarks(run(program, data, options, { generation: set.generation, turn: set.turn }, set), set);
  } catch (error) {
    if (error instanceof TemplateError) return undefined;
    throw error;
  }
}

/** A message with the texts of its parts as one. */
const joined = ({ content }: GivenMessage): { content: unknown } => ({
  content: Array.isArray(content) ? content.map(({ text }) => text ?? '').join('') : content,
});

function clip({ text, generation, content, turns, located, source }: Rendered, end: number): Rendered {
  const shorten = <S extends Stretch>(stretches: S[]) =>
    stretches.filter((s) => s.start < end).map((s) => ({ ...s, end: Math.min(s.end, end) }));
  return {
    text: text.slice(0, end),
    generation: shorten(generation),
    content: shorten(content),
    turns: shorten(turns),
    located,
    source,
  };
}
