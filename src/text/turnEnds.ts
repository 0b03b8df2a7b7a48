// The ids at which a turn ends: where generation stops, and what a model must be trained on to stop.
import { StudioError } from '../lib/errors';
import type { Json, Message, ToolSchema } from '../protocol/chat';
import { deriveAssistantSpans } from './assistantSpans';
import type { CompiledTemplate } from './chatTemplate';
import { eosOf } from './encodeText';
import type { Tokenizer } from './tokenizer';

/** The part of a render context that decides. */
export interface TurnContext {
  tokenizer: Tokenizer;
  template: CompiledTemplate;
  eosToken?: string;
  templateVariables?: { [key: string]: Json };
  now?: () => Date;
  expired?: () => boolean;
}

const TOOL: ToolSchema = {
  type: 'function',
  function: {
    name: 'look_up',
    description: 'Looks up.',
    parameters: { type: 'object', properties: { key: { type: 'string', description: 'A key.' } }, required: ['key'] },
  },
};
const ASK: Message = { role: 'user', content: 'question' };
const ANSWER = 'answer';
const CALL: Message = {
  role: 'assistant',
  content: '',
  tool_calls: [{ id: 'call00001', type: 'function', function: { name: 'look_up', arguments: { key: 'value' } } }],
};
/** An answer and a call; templates that are made for tools refuse a conversation without them. */
const PROBES: { messages: Message[]; tools: (ToolSchema[] | undefined)[] }[] = [
  { messages: [ASK, { role: 'assistant', content: ANSWER }], tools: [undefined, [TOOL]] },
  { messages: [ASK, CALL], tools: [[TOOL]] },
];

/** EOS, what the template prints right after an answer, and what it ends an answer and a tool call with. */
function probed(context: TurnContext): Set<number> {
  const { tokenizer, template } = context;
  const ids = new Set<number>();
  const add = (id: number | undefined) => id !== undefined && tokenizer.specialIds.has(id) && ids.add(id);
  const eos = tokenizer.idOf(eosOf(context));
  if (eos !== undefined) ids.add(eos);
  const specials = tokenizer.addedTokens.filter((token) => token.special).map((token) => token.content);
  for (const { messages, tools } of PROBES)
    for (const offered of tools) {
      const print = (part: readonly Message[], addGenerationPrompt: boolean) =>
        template.render(part, {
          tools: offered,
          addGenerationPrompt,
          kwargs: context.templateVariables,
          now: context.now,
          expired: context.expired,
        });
      try {
        const full = print(messages, false);
        const span = deriveAssistantSpans(messages, full, (part, prompt) => print(part, prompt).text, specials).at(-1);
        if (span?.endRule === 'eot') add(tokenizer.idOf(full.text.slice(span.contentEnd, span.end)));
        const said = full.text.lastIndexOf(ANSWER);
        if (said >= 0) {
          const tail = tokenizer.encode(full.text.slice(said + ANSWER.length), { allowSpecial: true }).ids;
          add(tail.find((id) => tokenizer.specialIds.has(id)));
        }
        break;
      } catch (error) {
        if (!(error instanceof StudioError)) throw error; // the template refuses the probe
      }
    }
  return ids;
}

const cache = new WeakMap<CompiledTemplate, { tokenizer: Tokenizer; eos: string; stops: ReadonlySet<number> }>();
/** Ids that end a turn; made once for a template, tokenizer and EOS. */
export function turnEnds(context: TurnContext): ReadonlySet<number> {
  const { template, tokenizer } = context;
  const eos = eosOf(context);
  const known = cache.get(template);
  if (known?.tokenizer === tokenizer && known.eos === eos) return known.stops;
  const stops = probed(context);
  cache.set(template, { tokenizer, eos, stops });
  return stops;
}

/** Contents of the tokens that end turns, and of all special tokens. */
export function turnTokens(context: TurnContext): { ends: string[]; specials: string[] } {
  const ids = turnEnds(context);
  const specials = context.tokenizer.addedTokens.filter((token) => token.special);
  return {
    ends: specials.filter(({ id }) => ids.has(id)).map(({ content }) => content),
    specials: specials.map(({ content }) => content),
  };
}
