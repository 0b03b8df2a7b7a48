// Trains the tokenizer of all built-in models on corpus text and on chats, as they will be rendered.
// Usage: npm run tokenizer -- --out public/models/tokenizer.json
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Message, ToolSchema } from '../src/protocol/chat';
import { SPECIAL_TOKENS, TOOL_CALL_TOKENS, trainBpe } from '../src/text/bpe';
import { generateCorpus } from '../src/world/corpus';
import { generateItems } from '../src/world/sft';
import { createWorld } from '../src/world/state';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'public/models/tokenizer.json' },
    vocab: { type: 'string', default: '1024' },
  },
});
const world = createWorld(1);

/** The words of a chat, in the order and spelling of the built-in template; added tokens are cut out in training. */
function* chatTexts(messages: Message[], tools: ToolSchema[] = []): Generator<string> {
  for (const { function: f } of tools)
    yield `${f.name}(${Object.keys(f.parameters.properties as object).join(', ')})\n`;
  for (const m of messages) {
    yield `${m.role}\n${m.content}`;
    for (const call of m.tool_calls ?? [])
      yield JSON.stringify({ name: call.function.name, arguments: call.function.arguments });
  }
}
function* texts(): Generator<string> {
  yield* generateCorpus(world, { seed: 11, chars: 1_500_000 });
  const items = generateItems(world, {
    rows: 2500,
    seed: 11,
    split: 'train',
    weights: { single: 1, multi: 1, tool: 1, safety: 1 },
  });
  for (const { row } of items) yield* chatTexts(row.messages, row.tools);
}
const json = trainBpe(texts(), {
  vocabSize: Number(values.vocab),
  specialTokens: SPECIAL_TOKENS,
  addedTokens: TOOL_CALL_TOKENS,
  splitDigits: true,
});
writeFileSync(values.out, `${JSON.stringify(json, null, 1)}\n`);
console.log(`${values.out}: ${Object.keys(json.model.vocab).length} tokens, ${json.model.merges.length} merges`);
