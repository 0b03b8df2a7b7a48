// Chat templates with Hugging Face semantics (transformers' apply_chat_template), rendered with the offsets of what the
// template wrote, what the messages said, and what stands inside {% generation %}.
import { Environment, parse, tokenize } from '@huggingface/jinja';
import { StudioError, TemplateError } from '../lib/errors';
import type { Json, Message, ToolSchema } from '../protocol/chat';
import { GENERATION, LIMITS, type Marks, type Program, PythonInterpreter } from './jinjaInterpreter';
import { bool, fn, int, list, none, pyStr, str, strftime } from './jinjaPython';
import { chooseMarks, type MarkSet, markData, readMarks, type Stretch } from './marks';
import { searchContent } from './searchContent';
import { locateSyntaxError } from './templateSyntax';

export interface RenderOptions {
  tools?: ToolSchema[];
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
}
export interface CompiledTemplate {
  readonly source: string;
  /** The template has {% generation %} blocks, so assistant_only_loss is possible. */
  readonly hasGeneration: boolean;
  render(messages: readonly Message[], options?: RenderOptions): Rendered;
}

const GENERATION_TAG = /\{%([-+]?)\s*generation\s*([-+]?)%\}/g;

function preprocess(source: string): string {
  if (source.length > LIMITS.sourceBytes)
    throw new TemplateError(
      `The chat template has ${source.length.toLocaleString('en')} characters; at most ${LIMITS.sourceBytes.toLocaleString('en')} are read. Shorten it.`,
    );
  if (new RegExp(`[ \\t\\r\\n]{${LIMITS.blanks},}`).test(source))
    throw new TemplateError(`The chat template has a run of ${LIMITS.blanks} or more blanks. Remove them.`);
  // Python's lexer reads \r\n as \n; some templates continue lines with a backslash inside strings.
  return source.replace(/\r\n?/g, '\n').replace(/\\\n/g, '');
}

/** Parses a template once. Throws TemplateError with line and column for syntax errors. */
export function compileTemplate(source: string): CompiledTemplate {
  const clean = preprocess(source);
  const rewritten = clean
    .replace(GENERATION_TAG, (_, left: string, right: string) => `{%${left} call ${GENERATION}() ${right}%}`)
    .replace(
      /\{%([-+]?)\s*endgeneration\s*([-+]?)%\}/g,
      (_, left: string, right: string) => `{%${left} endcall ${right}%}`,
    );
  let program: Program;
  try {
    program = parse(tokenize(rewritten, { lstrip_blocks: true, trim_blocks: true }));
  } catch (cause) {
    locateSyntaxError(clean);
    throw new TemplateError(`The chat template cannot be read: ${(cause as Error).message}`, { cause });
  }
  const hasGeneration = new RegExp(GENERATION_TAG.source).test(clean);
  return { source, hasGeneration, render: (messages, options = {}) => render(program, source, messages, options) };
}

/** One run of the program; returns the string with whatever marks were asked for. */
function run(
  program: Program,
  messages: readonly unknown[],
  tools: unknown,
  options: RenderOptions,
  marks: Marks,
): string {
  const environment = new Environment();
  const set = (name: string, value: unknown) =>
    environment.setVariable(name, value as Parameters<Environment['setVariable']>[1]);
  for (const [names, value] of [
    [['true', 'True'], () => bool(true)],
    [['false', 'False'], () => bool(false)],
    [['none', 'None'], none],
  ] as const)
    for (const name of names) set(name, value());
  set(
    'raise_exception',
    fn(([message]) => {
      throw new TemplateError(message ? pyStr(message) : 'The chat template refused the conversation.', {
        where: 'raise_exception',
      });
    }),
  );
  set(
    'range',
    fn((args) => {
      const [a = 0, b, step = 1] = args.map((v) => Number(v.value));
      const [start, stop] = b === undefined ? [0, a] : [a, b];
      const count = Math.max(0, Math.ceil((stop - start) / step));
      if (!(count <= LIMITS.range))
        throw new TemplateError(
          `range() in the chat template asks for more than ${LIMITS.range.toLocaleString('en')} numbers.`,
        );
      return list(Array.from({ length: count }, (_, i) => int(start + i * step)));
    }),
  );
  set(
    'strftime_now',
    fn(([format]) => {
      if (!options.now)
        throw new TemplateError("The chat template prints today's date (strftime_now), and no date was given.");
      return str(strftime(options.now(), pyStr(format!)));
    }),
  );
  for (const [name, value] of Object.entries(options.kwargs ?? {})) {
    environment.variables.delete(name);
    environment.set(name, value);
  }
  const values = environment.set('messages', messages) as unknown as { value: unknown[] };
  environment.set('tools', tools ?? null);
  environment.set('documents', null);
  environment.set('add_generation_prompt', options.addGenerationPrompt ?? false);
  const interpreter = new PythonInterpreter(
    environment,
    marks,
    new Map(values.value.map((value, i) => [value, i])),
    options.expired ?? (() => false),
  );
  try {
    return (interpreter.run!(program) as { value: string }).value;
  } catch (error) {
    if (error instanceof StudioError) throw error;
    const reason =
      error instanceof RangeError ? 'it calls itself without end, or makes too much text' : (error as Error).message;
    throw new TemplateError(`The chat template failed: ${reason}.`, { cause: error });
  }
}

const CONTINUE_TAG = 'CONTINUE_FINAL_MESSAGE_TAG ';

/** Cuts a render where the final message's content ends, as transformers does. */
function cutAtFinal(text: string): number {
  const at = text.lastIndexOf(CONTINUE_TAG.trim());
  if (at < 0)
    throw new TemplateError('The chat template does not print the final message as it is, so it cannot be continued.');
  return text.startsWith(CONTINUE_TAG, at) ? at : text.slice(0, at).trimEnd().length;
}

/** The message as the row had it: null where it had null, without the studio's own keys. */
function asGiven(message: Message): Message {
  if (!message.content_is_null && message.train === undefined && !message.train_spans) return message;
  const { content_is_null, train: _train, train_spans: _spans, ...rest } = message;
  return content_is_null ? { ...rest, content: null as unknown as string } : rest;
}

function render(program: Program, source: string, messages: readonly Message[], options: RenderOptions): Rendered {
  // Llama's templates print tool boilerplate for an empty list.
  const tools = options.tools?.length ? options.tools : undefined;
  let input: readonly Message[] = messages.map(asGiven);
  if (options.continueFinalMessage) {
    if (options.addGenerationPrompt)
      throw new TemplateError('continue_final_message and add_generation_prompt exclude each other. Set one of them.');
    const last = messages.at(-1);
    if (typeof last?.content !== 'string') throw new TemplateError('There is no final message to continue.');
    input = [...input.slice(0, -1), { ...last, content: last.content + CONTINUE_TAG }];
  }
  const set = chooseMarks(source + JSON.stringify([messages, options.tools, options.kwargs]));
  const cut = (rendered: Rendered): Rendered =>
    options.continueFinalMessage ? clip(rendered, cutAtFinal(rendered.text)) : rendered;

  const plain = readMarks(run(program, input, tools, options, { generation: set.generation }), set);
  for (const level of ['all', 'calls', 'content'] as const) {
    const marked = markData(input, tools, set, level);
    const found = tryRun(program, marked.messages, marked.tools, options, set);
    if (found?.text === plain.text)
      return cut({
        text: plain.text,
        generation: plain.generation,
        content: found.content,
        turns: found.turns,
        located: 'marks',
      });
  }
  // The template looks into the content (trims, splits, tests it): marks change what it prints.
  const turnsOnly = tryRun(program, input, tools, options, set);
  const turns = turnsOnly?.text === plain.text ? turnsOnly.turns : [];
  return cut({
    text: plain.text,
    generation: plain.generation,
    content: searchContent(plain.text, input, turns),
    turns,
    located: 'search',
  });
}

function tryRun(program: Program, messages: readonly unknown[], tools: unknown, options: RenderOptions, set: MarkSet) {
  try {
    return readMarks(run(program, messages, tools, options, { generation: set.generation, turn: set.turn }), set);
  } catch (error) {
    if (error instanceof TemplateError) return undefined;
    throw error;
  }
}

function clip({ text, generation, content, turns, located }: Rendered, end: number): Rendered {
  const shorten = <S extends Stretch>(stretches: S[]) =>
    stretches.filter((s) => s.start < end).map((s) => ({ ...s, end: Math.min(s.end, end) }));
  return {
    text: text.slice(0, end),
    generation: shorten(generation),
    content: shorten(content),
    turns: shorten(turns),
    located,
  };
}
