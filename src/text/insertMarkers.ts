// Puts {% generation %} into a template that has none, so that assistant_only_loss trains in TRL what the derived spans say.
// The template is run with every place at which it prints marked; places that print only the assistant's part are wrapped.
// What comes out is proven on conversations: the same bytes, and the derived spans, but for white space at their edges.
import { StudioError, TemplateError } from '../lib/errors';
import type { Message, ToolSchema } from '../protocol/chat';
import type { MarkerInsertion } from '../protocol/requests';
import { type AssistantSpan, deriveAssistantSpans } from './assistantSpans';
import { compileTemplate, type RenderOptions, renderText } from './chatTemplate';
import type { Program } from './jinja/ast';
import { PROBES } from './markerProbes';
import type { Stretch } from './marks';
import { conditionOf, depthsOf, operandsOf, type PrintItem, printItems } from './templateItems';

export interface ProofConversation {
  messages: readonly Message[];
  tools?: ToolSchema[];
}
export interface InsertOptions {
  /** Rows of the person's own: the proof covers them too. */
  conversations?: readonly ProofConversation[];
  /** Contents of the tokenizer's special tokens. */
  specials: readonly string[];
  /** Of all its added tokens, which no border cuts in two; the special ones unless given. */
  tokens?: readonly string[];
  variables?: RenderOptions['kwargs'];
  now?: () => Date;
}

/** First code point of the marks; plane 15 is for private use. */
const MARK = 0xf0000;
/** Each splits what the one before left: operands, then constants. */
const PASSES = 8;
const NOT_POSSIBLE =
  'Choose derived spans in Mask instead: they train the same tokens here, and need no markers. For TRL, put the markers by hand around what the assistant writes, its end-of-turn token included.';

/**
 * Throws TemplateError when the template has markers already, or none can be put so that the render stays the same and the
 * markers hold exactly the derived spans.
 */
export function insertGenerationMarkers(given: string, options: InsertOptions): MarkerInsertion {
  const normal = given.replace(/\r\n?/g, '\n');
  if (compileTemplate(normal).hasGeneration)
    throw new TemplateError('The template has {% generation %} already. Look at Mask for what it trains.');
  const cases = proofCases(normal, options);
  if (cases.length === 0)
    throw new TemplateError(`The template refuses every conversation that was tried. ${NOT_POSSIBLE}`);
  try {
    return attempt(normal, cases, false);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return attempt(normal, cases, true);
  }
}

/** `isLenient`: blanks before what the assistant says may be inside of the markers or not. */
function attempt(normal: string, cases: readonly ProofCase[], isLenient: boolean): MarkerInsertion {
  let source = normal;
  for (let pass = 0; pass < PASSES; pass++) {
    const seen = observe(source, cases, isLenient);
    const finer = refine(source, seen);
    if (finer === undefined) return prove(normal, wrap(source, seen), cases, isLenient);
    source = finer;
  }
  throw new TemplateError(`The prints of the template could not be taken apart far enough. ${NOT_POSSIBLE}`);
}

interface ProofCase extends ProofConversation {
  options: RenderOptions;
  text: string;
  /** What the assistant wrote; undefined where the render ends with a generation prompt, which is compared as text alone. */
  spans?: AssistantSpan[];
}

/** Conversations that the template renders, with the text and the derived spans of each. */
function proofCases(
  source: string,
  { conversations = [], specials, tokens, variables, now }: InsertOptions,
): ProofCase[] {
  const template = compileTemplate(source);
  const out: ProofCase[] = [];
  for (const { messages, tools } of [...PROBES, ...conversations])
    for (const addGenerationPrompt of [false, true]) {
      const base: RenderOptions = { tools, kwargs: variables, now };
      try {
        const full = template.render(messages, { ...base, addGenerationPrompt });
        const renderText = (part: readonly Message[], prompt: boolean) =>
          template.render(part, { ...base, addGenerationPrompt: prompt }).text;
        const spans = addGenerationPrompt
          ? undefined
          : deriveAssistantSpans(messages, full, renderText, specials, tokens);
        out.push({ messages, tools, options: { ...base, addGenerationPrompt }, text: full.text, spans });
      } catch (error) {
        if (!(error instanceof StudioError)) throw error; // a conversation that the template refuses
      }
    }
  return out;
}

/** What one place printed: [from, to) of it lies inside of an assistant span. */
interface Emission {
  length: number;
  from: number;
  to: number;
  /** What counts of it, [first, last): without the white space behind, which may go either way. */
  first: number;
  last: number;
  /** Code points from the span's start in it to its end, and of the content of the span's message, trimmed or not. */
  tail: number;
  said: { [measure in Measure]: number };
}
/** How a template may measure a content that it prints. */
type Measure = 'trimmed' | 'whole';
interface Seen {
  items: PrintItem[];
  byItem: Emission[][];
}

/** Runs the template with a mark before and after every place at which it prints itself. */
function observe(source: string, cases: readonly ProofCase[], isLenient: boolean): Seen {
  const { program, items } = printItems(source);
  const open = (i: number) => String.fromCodePoint(MARK + 2 * i);
  const close = (i: number) => String.fromCodePoint(MARK + 2 * i + 1);
  // From the last on, so that places before stay where they are.
  for (const { body, at, index, isDirect } of items.toReversed())
    if (isDirect)
      body.splice(at, 1, { type: 'Text', text: open(index) }, body[at]!, { type: 'Text', text: close(index) });
  const byItem: Emission[][] = items.map(() => []);
  for (const { messages, options, spans, text } of cases) {
    const marked = spans && tryRender(program, messages, options);
    if (!spans || marked === undefined) continue;
    const found = readEmissions(marked);
    if (found.text !== text) continue; // the text of a finer template may differ where it fails; the proof tells
    for (const { item, start, end } of found.emissions) {
      if (end === start) continue;
      const span = spans.find((s) => s.start < end && start < s.end);
      const from = span ? Math.max(span.start, start) - start : 0;
      const to = span ? Math.min(span.end, end) - start : 0;
      const part = text.slice(start, end);
      const first = isLenient ? part.length - part.trimStart().length : 0;
      const content = span ? messages[span.message]!.content : '';
      byItem[item]!.push({
        ...{ length: end - start, from, to, first, last: part.trimEnd().length },
        tail: codePoints(part.slice(from)),
        said: { trimmed: codePoints(content.trim()), whole: codePoints(content) },
      });
    }
  }
  return { items, byItem };
}
function tryRender(program: Program, messages: readonly Message[], options: RenderOptions): string | undefined {
  try {
    return renderText(program, messages, options);
  } catch (error) {
    if (error instanceof StudioError) return undefined;
    throw error;
  }
}
function readEmissions(marked: string): { text: string; emissions: (Stretch & { item: number })[] } {
  const emissions: (Stretch & { item: number })[] = [];
  const open: number[] = [];
  let text = '';
  for (const char of marked) {
    const mark = char.codePointAt(0)! - MARK;
    if (mark < 0) text += char;
    else if (mark % 2 === 0) open.push(text.length);
    else emissions.push({ item: (mark - 1) / 2, start: open.pop()!, end: text.length });
  }
  return { text, emissions };
}

const codePoints = (text: string): number => [...text].length;
const isBlank = ({ first, last }: Emission) => last <= first;
const isInside = (e: Emission) => e.to > 0 && (isBlank(e) || (e.from <= e.first && e.to >= e.last));
const isOutside = (e: Emission) => e.to === 0 || (!isBlank(e) && (e.to <= e.first || e.from >= e.last));

/**
 * Splits every place that prints inside and outside at once; undefined when none is left. Throws TemplateError for one that
 * cannot be split.
 */
function refine(source: string, { items, byItem }: Seen): string | undefined {
  let out = source;
  for (const item of items.toReversed()) {
    const torn = byItem[item.index]!.filter((e) => !isInside(e) && !isOutside(e));
    if (torn.length === 0) continue;
    const finer = item.kind === 'text' ? cutText(item, source, torn) : splitPrint(item, source, torn);
    if (finer === undefined) {
      const line = source.slice(0, item.start).split('\n').length;
      throw new TemplateError(
        `Line ${line} prints the assistant's part together with other text, and cannot be taken apart. ${NOT_POSSIBLE}`,
      );
    }
    out = out.slice(0, item.start) + finer + out.slice(item.end);
  }
  return out === source ? undefined : out;
}
/** Cutting a text needs no change, the marker goes into it: an empty print keeps the place. */
function cutText(item: PrintItem, source: string, torn: readonly Emission[]): string | undefined {
  const cut = cutOf(torn);
  if (cut === undefined) return undefined;
  const at = item.start + cut;
  return `${source.slice(item.start, at)}{{ '' }}${source.slice(at, item.end)}`;
}
/** Where all torn emissions part, counted from their start. */
function cutOf(torn: readonly Emission[]): number | undefined {
  const cuts = new Set(torn.map(({ from, to }) => (from > 0 ? from : to)));
  return cuts.size === 1 ? [...cuts][0]! : undefined;
}

const signs = (item: PrintItem, source: string) => ({
  left: source[item.start + 2] === '-' ? '-' : '',
  right: source[item.end - 3] === '-' ? '-' : '',
});

/** The same output as several prints: operands of + and ~, branches of a condition, parts of a constant. */
function splitPrint(item: PrintItem, source: string, torn: readonly Emission[]): string | undefined {
  const { left, right } = signs(item, source);
  const operands = operandsOf(item, source);
  if (operands)
    return operands
      .map(({ start, end }, i) => {
        const open = i === 0 ? `{{${left}` : '{{';
        const close = i === operands.length - 1 ? `${right}}}` : '}}';
        return `${open} ${source.slice(start, end).trim()} ${close}`;
      })
      .join('');
  const condition = conditionOf(item, source);
  if (condition) {
    const { value, test, otherwise } = condition;
    const rest = otherwise === undefined ? '' : `{%+ else +%}{{ ${otherwise} }}`;
    return `{%${left || '+'} if ${test} +%}{{ ${value} }}${rest}{%+ endif ${right || '+'}%}`;
  }
  return splitConstant(item, source, torn) ?? sliced(item, source, torn);
}
function splitConstant(item: PrintItem, source: string, torn: readonly Emission[]): string | undefined {
  const { left, right } = signs(item, source);
  const [token] = item.tokens;
  const inner = item.tokens.length === 3 && token!.type === '(' ? item.tokens[1] : token;
  if ((item.tokens.length === 1 || inner !== token) && inner?.type === 'string') {
    const cut = cutOf(torn);
    if (cut === undefined) return undefined;
    return `{{${left} ${quote(inner.text.slice(0, cut))} }}{{ ${quote(inner.text.slice(cut))} ${right}}}`;
  }
  if (token?.type === '(' && item.tokens.at(-1)?.type === ')' && closes(item)) {
    const [from, to] = [token.start + 1, item.tokens.at(-1)!.start];
    return `{{${left} ${source.slice(from, to).trim()} ${right}}}`;
  }
  return undefined;
}
/**
 * A value that was put together before, when it is an assistant's: cut at a fixed distance from its end, and from its start,
 * or, where what stands before varies (BOS before the first turn), at the content's length from its end.
 */
function sliced(item: PrintItem, source: string, torn: readonly Emission[]): string | undefined {
  const [end, otherEnd] = new Set(torn.map(({ length, to }) => length - to));
  if (end === undefined || otherEnd !== undefined) return undefined;
  const { left, right } = signs(item, source);
  const value = source.slice(item.tokens[0]!.start, item.end - (right ? 3 : 2)).trim();
  const start = startOfSlice(item, torn);
  if (start === undefined) return undefined;
  const parts = [
    ...(start === '0' ? [] : [`{{ (${value})[:${start}] }}`]),
    `{{ (${value})[${start}:${end > 0 ? -end : ''}] }}`,
    ...(end > 0 ? [`{{ (${value})[-${end}:] }}`] : []),
  ];
  return `{%${left || '+'} if ${messageOf(item)}.role == 'assistant' +%}${parts.join('')}{%+ else +%}{{ ${value} }}{%+ endif ${right || '+'}%}`;
}
function startOfSlice(item: PrintItem, torn: readonly Emission[]): string | undefined {
  const starts = new Set(torn.map(({ from }) => from));
  if (starts.size === 1) return String([...starts][0]!);
  for (const measure of ['trimmed', 'whole'] as const) {
    const [behind, other] = new Set(torn.map(({ tail, said }) => tail - said[measure]));
    // Of nothing behind the content a slice from −0 would be everything.
    if (behind === undefined || other !== undefined || behind <= 0) continue;
    const content = `${messageOf(item)}.content`;
    return `-((${content} ${measure === 'trimmed' ? '| trim' : "~ ''"}) | length + ${behind})`;
  }
  return undefined;
}
/** What stands behind a loop over the messages belongs to the last of them. */
const messageOf = ({ loops }: PrintItem): string => loops[0] ?? 'messages[-1]';

/** The first bracket is closed by the last token. */
const closes = ({ tokens }: PrintItem): boolean =>
  depthsOf(tokens).every((depth, i) => depth > 0 || i === tokens.length - 1);
const quote = (text: string): string =>
  `'${text.replace(/[\\'\n\r\t]/g, (c) => ({ '\\': '\\\\', "'": "\\'", '\n': '\\n', '\r': '\\r', '\t': '\\t' })[c]!)}'`;

type Verdict = 'inside' | 'outside' | 'mixed' | 'silent';

/** The source with markers around the places that print the assistant's part. */
function wrap(source: string, { items, byItem }: Seen): { source: string; inserted: number[] } {
  const verdict = (item: PrintItem): Verdict => {
    const emissions = byItem[item.index]!;
    if (!item.isDirect || emissions.length === 0) return 'silent';
    if (emissions.every(isInside)) return 'inside';
    if (emissions.every(isOutside)) return 'outside';
    // White space that some turns end with and others do not: left to the template.
    return emissions.every(isBlank) ? 'outside' : 'mixed';
  };
  const verdicts = items.map(verdict);
  // Runs of neighbours of one kind; places that never printed join a run between two of its members.
  const runs: { kind: 'inside' | 'mixed'; first: PrintItem; last: PrintItem }[] = [];
  for (const item of items) {
    const kind = verdicts[item.index]!;
    if (kind !== 'inside' && kind !== 'mixed') continue;
    const run = runs.at(-1);
    const isNext =
      run?.kind === kind &&
      run.last.body === item.body &&
      item.at - run.last.at === item.index - run.last.index &&
      items.slice(run.last.index + 1, item.index).every((between) => verdicts[between.index] === 'silent');
    if (isNext) run.last = item;
    else runs.push({ kind, first: item, last: item });
  }
  let out = source;
  const inserted: number[] = [];
  for (const { kind, first, last } of runs.toReversed()) {
    const open = before(first, source);
    const close = after(last, source);
    const inner = out.slice(first.start, last.rawEnd > last.end && close.at === last.rawEnd ? last.rawEnd : last.end);
    const generation = `{%${open} generation +%}${inner}{%${close.left} endgeneration ${close.right}%}`;
    const text =
      kind === 'inside'
        ? generation
        : `{%${open} if ${messageOf(first)}.role == 'assistant' +%}{%+ generation +%}${inner}{%${close.left} endgeneration +%}{%+ else +%}${inner}{%${close.left} endif ${close.right}%}`;
    out = out.slice(0, first.start) + text + out.slice(first.start + inner.length);
    inserted.push(first.start);
  }
  return { source: out.replaceAll("{{ '' }}", ''), inserted: inserted.toReversed() };
}

/** Left sign of a tag that stands before an item: it strips what the item stripped, and nothing else. */
const before = (item: PrintItem, source: string): string =>
  item.kind === 'print' && source[item.start + 2] === '-' ? '-' : '+';
/** Signs of a tag that stands behind an item, and where it stands. */
function after(item: PrintItem, source: string): { left: string; right: string; at: number } {
  if (item.kind === 'print') return { left: '+', right: source[item.end - 3] === '-' ? '-' : '+', at: item.end };
  if (item.rawEnd === item.end || source[item.rawEnd + 2] === '-') return { left: '+', right: '+', at: item.end };
  // lstrip_blocks takes blanks before the next tag away; ours comes between, so it must do so.
  return { left: '', right: '+', at: item.rawEnd };
}

/** Stretches in order, those that only white space parts as one, without the white space at their ends. */
function trimmed(text: string, stretches: readonly Stretch[], isLenient: boolean): Stretch[] {
  const out: Stretch[] = [];
  for (const { start, end } of stretches.toSorted((a, b) => a.start - b.start)) {
    const part = text.slice(start, end);
    const lead = isLenient ? part.length - part.trimStart().length : 0;
    const next = { start: start + lead, end: start + part.trimEnd().length };
    if (next.end <= next.start) continue;
    const last = out.at(-1);
    if (last && text.slice(last.end, next.start).trim() === '') last.end = Math.max(last.end, next.end);
    else out.push(next);
  }
  return out;
}

function prove(
  original: string,
  { source, inserted }: { source: string; inserted: number[] },
  cases: readonly ProofCase[],
  isLenient: boolean,
): MarkerInsertion {
  const marked = compileTemplate(source);
  let bytesCompared = 0;
  for (const { messages, options, text, spans } of cases) {
    const rendered = marked.render(messages, options);
    bytesCompared += new TextEncoder().encode(text).length;
    const shape = (stretches: readonly Stretch[]) => JSON.stringify(trimmed(text, stretches, isLenient));
    const isSame = spans === undefined || shape(rendered.generation) === shape(spans);
    if (rendered.text !== text || !isSame)
      throw new TemplateError(
        `No place was found for the markers at which ${rendered.text === text ? 'they hold exactly what the assistant writes' : 'the render stays the same'}. ${NOT_POSSIBLE}`,
      );
  }
  const lines = inserted.map((offset) => original.slice(0, offset).split('\n').length);
  return { source, lines: [...new Set(lines)], proof: { conversations: cases.length, bytesCompared } };
}
