// The request klLab: two models beside each other, completions of one of them, and what src/trainers/online/klLab.ts finds.
import { ConfigError, DataError } from '../lib/errors';
import { generate } from '../nn/generate';
import { DECODED_TOGETHER } from '../nn/sampling';
import type { ModelEngine } from '../nn/seam';
import type { ComputeRequests } from '../protocol/requests';
import { encodePrompt } from '../text/encodePrompt';
import { CHUNK, klLab, READ_TOGETHER } from '../trainers/online/klLab';
import type { DeviceQueue } from './deviceQueue';
import type { PairCheck } from './memoryBudget';
import type { Models } from './models';
import { modelText } from './modelText';
import type { RenderContexts } from './renderContexts';

interface KlLabEnvironment {
  /** Throws ConfigError for what the device has no room for. */
  checkPair: (check: PairCheck) => Promise<void>;
  models: Models;
  contexts: RenderContexts;
  queue: DeviceQueue;
  /** Runs a task on the device when nothing else has memory there that can be freed. */
  alone: <T>(task: () => Promise<T>, signal?: AbortSignal) => Promise<T>;
}

/** Throws ConfigError for models of two vocabularies or without room on the device, DataError without a prompt. */
export async function klLabRequest(
  { model, reference, prompts, completions, max_new_tokens, seed, tensor }: ComputeRequests['klLab']['params'],
  { models, contexts, queue, alone, checkPair }: KlLabEnvironment,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (done: number, total: number) => void },
): Promise<ComputeRequests['klLab']['reply']> {
  if (prompts.length === 0)
    throw new DataError('There is no prompt to answer. Give one at least.', { where: 'prompts' });
  const [shape, other] = [await models.about(model), await models.about(reference)];
  if (shape.config.vocab_size !== other.config.vocab_size)
    throw new ConfigError(
      `The reference ${other.name} has ${other.config.vocab_size} tokens and ${shape.name} has ${shape.config.vocab_size}: their distributions cannot be compared. Choose a reference with the same tokenizer.`,
      { where: 'reference' },
    );
  const render = await contexts.served(model);
  const encoded = prompts.map(({ messages, tools }) => encodePrompt(messages, { ...render, tools }));
  const rowsOf = (each: number) => Math.min(DECODED_TOGETHER, each * encoded.length);
  await checkPair({
    what: `The laboratory of ${shape.name} beside ${other.name}`,
    task: {
      models: [shape.config, other.config],
      rows: rowsOf(completions),
      promptTokens: Math.max(...encoded.map(({ ids }) => ids.length)),
      newTokens: max_new_tokens,
      read: READ_TOGETHER,
      gradientsOver: CHUNK,
    },
    smaller: [
      { setting: 'max_new_tokens', value: max_new_tokens, at: (newTokens) => ({ newTokens }) },
      { setting: 'completions', value: completions, at: (each) => ({ rows: rowsOf(each) }) },
    ],
    otherwise: 'Choose smaller models.',
  });
  const [policySource, frozenSource] = [await models.whole(model, signal), await models.whole(reference, signal)];
  const of = encoded.flatMap((_, i) => new Array<number>(completions).fill(i));
  const text = modelText(render.tokenizer);
  return alone(async () => {
    const engines: ModelEngine[] = [];
    try {
      for (const source of [policySource, frozenSource]) engines.push(await models.newEngine(source));
      const [policy, frozen] = engines as [ModelEngine, ModelEngine];
      const yieldToOthers = () => queue.giveWay();
      const drawn = await generate(policy, {
        prompts: of.map((i) => encoded[i]!.ids),
        stopIds: encoded[0]!.stopIds,
        sampling: { temperature: 1, top_k: 0, top_p: 1, max_new_tokens, seed },
        signal,
        yieldToOthers,
      });
      const rows = drawn.map(({ ids }, r) => {
        const prompt = encoded[of[r]!]!.ids;
        return { ids: Int32Array.from([...prompt, ...ids]), promptLength: prompt.length };
      });
      const found = await klLab(policy, frozen, rows, { tensor, signal, yieldToOthers, onProgress });
      const answers = drawn.map(({ ids }, r) => ({ prompt: of[r]!, tokens: ids.map(text.token) }));
      return { ...found, answers };
    } finally {
      for (const engine of engines) engine.dispose();
    }
  }, signal);
}
