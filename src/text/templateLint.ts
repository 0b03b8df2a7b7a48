// What is likely to go wrong with a chat template, found by asking it: a conversation of the person's own, and small probes.
import { StudioError } from '../lib/errors';
import type { DatasetRow, EncodedRow, LintFinding, Message, ToolSchema } from '../protocol/chat';
import { doubleEncoded } from './callArguments';
import type { RenderOptions } from './chatTemplate';
import { render } from './render';
import type { RenderContext } from './renderContext';
import { checkPrefixes } from './rowChecks';
import { firstToken } from './tokensInText';
import { turnEnds, turnTokens } from './turnEnds';
import { typedSpecial } from './typedSpecials';

const UNCUT = Number.MAX_SAFE_INTEGER;
/** Text that no template writes by itself. */
const WORD = 'zyxprobe';
const ANSWER = 'zyxanswer';
const TOOL: ToolSchema = {
  type: 'function',
  function: {
    name: 'zyxtool',
    description: 'A probe.',
    parameters: { type: 'object', properties: { key: { type: 'string' } }, required: ['key'] },
  },
};
const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });

/** Findings in the order of their weight; empty for a template and conversation with nothing to tell. */
export function lintTemplate(
  context: RenderContext,
  conversation: { messages: readonly Message[]; tools?: ToolSchema[] },
): LintFinding[] {
  const found: LintFinding[] = [];
  const add = (finding: LintFinding) => found.push(finding);
  const { template, tokenizer } = context;
  const print = (messages: readonly Message[], options: RenderOptions = {}) =>
    template.render(messages, {
      kwargs: context.templateVariables,
      now: context.now,
      expired: context.expired,
      ...options,
    });
  const text = (messages: readonly Message[], options?: RenderOptions): string => print(messages, options).text;
  /** Undefined when the template refuses the conversation. */
  const tryText: typeof text | ((...args: Parameters<typeof text>) => string | undefined) = (messages, options) => {
    try {
      return text(messages, options);
    } catch (error) {
      if (error instanceof StudioError) return undefined;
      throw error;
    }
  };

  const bare = tryText([user(WORD)]);
  generationPrompt();
  const bos = context.bosToken;
  if (bos && bare?.startsWith(bos) && tokenizer.prefixIds.includes(tokenizer.idOf(bos) ?? -1))
    add({
      kind: 'double_bos',
      severity: 'warning',
      message: `The template prints ${bos} and the tokenizer adds it too: text that is rendered first and tokenized afterwards begins with it twice. Tokenize rendered chats with add_special_tokens=False, or take it out of the template.`,
    });
  if (!template.hasGeneration)
    add({
      kind: 'no_generation_markers',
      severity: 'warning',
      message:
        'There is no {% generation %} block: assistant_only_loss in TRL trains nothing with this template, without a word. Insert markers, or choose derived spans in Mask.',
    });
  stopTrained();
  trimmed();
  dropped();
  own();
  const later = tryText([user(WORD)], { now: () => new Date(Date.UTC(2031, 1, 3)) });
  const earlier = tryText([user(WORD)], { now: () => new Date(Date.UTC(2001, 10, 21)) });
  if (later !== undefined && later !== earlier)
    add({
      kind: 'uses_date',
      severity: 'note',
      message:
        'The template prints today’s date: the same conversation gives other tokens tomorrow. Give the date as a variable, or pin the clock where renders are compared.',
    });
  const weight = { error: 0, warning: 1, note: 2 };
  return found.sort((a, b) => weight[a.severity] - weight[b.severity]);

  /** What stands between a question and its answer, and what of it add_generation_prompt gives. */
  function generationPrompt(): void {
    if (bare === undefined || bare !== tryText([user(WORD)], { addGenerationPrompt: true })) return;
    const answered = tryText([user(WORD), assistant(ANSWER)]);
    const before = answered?.indexOf(ANSWER) ?? -1;
    if (answered === undefined || before < 0) return;
    const asked = bare.slice(bare.lastIndexOf(WORD) + WORD.length);
    const between = answered.slice(answered.lastIndexOf(WORD, before) + WORD.length, before);
    const after = answered.slice(before + ANSWER.length);
    // A template that prints the header in any case prints it behind an answer too.
    const { specials } = turnTokens(context);
    const end = firstToken(asked, specials);
    const header = end?.start === 0 ? asked.slice(end.end).trim() : asked.trim();
    if (header !== '' && after.trim().length > header.length && after.trimEnd().endsWith(header))
      add({
        kind: 'generation_prompt_always',
        severity: 'warning',
        message:
          'The generation prompt is printed whatever add_generation_prompt says: a finished conversation ends with the header of an answer that never comes, and training shows it. Print it only when add_generation_prompt is true.',
      });
    // In formats without a header the answer follows the question as it is printed.
    else if (between.trim() !== asked.trim())
      add({
        kind: 'missing_generation_prompt',
        severity: 'warning',
        message:
          'add_generation_prompt changes nothing: in serving the model has to write the header of its turn itself, and may write another role. Print the header at the end when add_generation_prompt is true.',
      });
  }

  /** Under the markers, or derived spans where there are none. */
  function stopTrained(): void {
    const row: DatasetRow = { messages: [user(WORD), assistant(WORD), user(WORD), assistant(WORD)] };
    let encoded: EncodedRow;
    try {
      encoded = render(row, 'probe', {
        ...context,
        mode: 'assistant_only_loss',
        max_length: UNCUT,
        mask: { assistant_spans: template.hasGeneration ? 'generation' : 'derived' },
      });
    } catch (error) {
      if (error instanceof StudioError) return; // what it refuses is told by the render of the person's own conversation
      throw error;
    }
    const stop = encoded.findings?.find(({ kind }) => kind === 'stop_not_trained');
    if (stop) add({ kind: 'stop_not_trained', severity: 'error', message: stop.message });
    else if (turnEnds(context).size === 0)
      add({
        kind: 'stop_not_trained',
        severity: 'error',
        message:
          'After what the assistant says stands no special token that ends its turn, so nothing tells the model to stop. Print eos_token, or another end-of-turn token, after each answer.',
      });
  }

  /** Blanks around contents. */
  function trimmed(): void {
    const padded = `  ${WORD}\n\n`;
    const shown = tryText([user(padded), assistant(padded), user(WORD)]);
    if (shown?.includes(WORD) && shown.split(padded).length < 3)
      add({
        kind: 'content_trimmed',
        severity: 'note',
        message:
          'The template takes away blanks around contents. Training rows and served answers must both be trimmed, or the tokens at the edges differ.',
      });
  }

  /** Parts of a conversation that leave no trace. */
  function dropped(): void {
    const ask = user(WORD);
    const plain = tryText([ask], { addGenerationPrompt: true });
    const withTools = tryText([ask], { addGenerationPrompt: true, tools: [TOOL] });
    if (plain !== undefined && withTools !== undefined && !withTools.includes(TOOL.function.name))
      add({
        kind: 'tools_ignored',
        severity: 'note',
        message: 'The template does not print the tools that are offered: the model cannot know them.',
      });
    const call: Message = {
      role: 'assistant',
      content: '',
      tool_calls: [
        { id: 'call00001', type: 'function', function: { name: 'zyxtool', arguments: { key: 'zyxvalue' } } },
      ],
    };
    const result: Message = { role: 'tool', name: 'zyxtool', tool_call_id: 'call00001', content: '"zyxresult"' };
    const trajectory = tryText([ask, call, result, assistant(WORD)], { tools: [TOOL] });
    if (trajectory !== undefined && !trajectory.includes('zyxvalue'))
      add({
        kind: 'tool_calls_ignored',
        severity: 'warning',
        message:
          'The template does not print tool_calls: rows with calls train an empty turn. Print them, or write the calls into content.',
      });
    if (trajectory !== undefined && !trajectory.includes('zyxresult'))
      add({
        kind: 'tool_result_ignored',
        severity: 'warning',
        message: 'The template does not print tool messages: the model answers without what the tool said.',
      });
    const system = tryText([{ role: 'system', content: 'zyxsystem' }, ask]);
    if (system !== undefined && !system.includes('zyxsystem'))
      add({
        kind: 'system_ignored',
        severity: 'warning',
        message: 'The template does not print the system message: what it says never reaches the model.',
      });
  }

  /** The person's own conversation. */
  function own(): void {
    const { messages, tools } = conversation;
    if (messages.length === 0) return;
    const options = { tools };
    const shown = tryText(messages, options);
    if (shown === undefined) return;
    messages.forEach(({ content, role }, index) => {
      const said = content ?? '';
      const special = typedSpecial(said, tokenizer);
      if (special)
        add({
          kind: 'special_in_content',
          severity: 'warning',
          message_index: index,
          message: `Message ${index + 1} (${role}) holds ${special}. The studio keeps it as plain characters; transformers and most servers read the rendered text as a whole and would make it the real token, so a user could end a turn or open another role. Clean contents before they are rendered.`,
        });
      const core = said.trim();
      if (core !== '' && !shown.includes(core))
        add({
          kind: 'content_altered',
          severity: 'warning',
          message_index: index,
          message: `Message ${index + 1} (${role}) is not printed as it is: the template changes or leaves out what it says.`,
        });
    });
    const twice = doubleEncoded(messages, shown);
    if (twice)
      add({
        kind: 'arguments_double_encoded',
        severity: 'warning',
        message_index: twice.index,
        message: twice.message,
      });
    const finding = checkPrefixes(messages, shown, (part) => print(part, options), turnTokens(context));
    if (finding) add({ kind: 'earlier_turn_changed', severity: 'warning', message: finding.message });
  }
}
