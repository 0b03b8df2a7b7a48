// What a reward model says of texts, and what is measured of it: rows are encoded as its run encodes them, and scored on the device.
import { settingsOf } from '../labs/recipeSettings';
import { rewardReport } from '../labs/rewardReport';
import { encodeScored, type ScoredRow } from '../labs/scoredRows';
import { type RowScores, scoreRows } from '../nn/scoreRows';
import type { DatasetRow } from '../protocol/chat';
import type { ComputeRequests, ModelRef, ScoredText } from '../protocol/requests';
import type { RewardReport } from '../protocol/rewardReport';
import type { RunStore } from '../storage/runs';
import type { DeviceQueue, Priority } from './deviceQueue';
import { trainedBy } from './modelKit';
import type { Models } from './models';
import { type ModelText, modelText } from './modelText';
import type { RenderContexts } from './renderContexts';

interface RewardsEnvironment {
  models: Models;
  contexts: RenderContexts;
  runs: RunStore;
  queue: DeviceQueue;
}
interface ScoringOptions {
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

export class Rewards {
  constructor(private readonly env: RewardsEnvironment) {}

  /**
   * Throws DataError naming the row: without an answer, empty or longer than the model reads; ConfigError where the ref is no reward
   * model.
   */
  async scoreTexts(
    { ref, rows, perPrefix = false, template }: ComputeRequests['scoreTexts']['params'],
    options: ScoringOptions = {},
  ): Promise<{ rows: ScoredText[] }> {
    const { encode, text } = await this.encoder(ref, template);
    const encoded = encode(rows);
    const scores = await this.score(ref, encoded, 'interactive', options);
    return { rows: encoded.map((row, i) => scoredText(row, scores[i]!, perPrefix ? text : undefined)) };
  }

  /** Throws as scoreTexts does, and DataError for a set without preferences. */
  async report(
    { ref, template, ...options }: ComputeRequests['rewardReport']['params'],
    { signal, onProgress }: ScoringOptions = {},
  ): Promise<RewardReport> {
    const { encode } = await this.encoder(ref, template);
    let before = 0;
    return rewardReport(async (rows) => {
      // Pairs, then edits: the second list is not known while the first is read.
      const told = (done: number, total: number) => onProgress?.(before + done, before + total);
      const nameOf = (i: number) => `Pair ${Math.floor(i / 2) + 1}, its ${i % 2 ? 'rejected' : 'chosen'} answer`;
      const encoded = encode(rows, before === 0 ? nameOf : undefined);
      const scores = await this.score(ref, encoded, 'training', { signal, onProgress: told });
      before += rows.length;
      return scores.map(({ reward }) => reward);
    }, options);
  }

  /** As the run that trained the model encodes its rows; `template` in place of that run's. */
  private async encoder(ref: ModelRef, template?: string) {
    const recipe = (await trainedBy(ref, this.env.runs))?.recipe;
    const context = await this.env.contexts.served(ref, template);
    const settings = { ...context, ...(recipe && { mask: settingsOf(recipe).mask }) };
    return {
      encode: (rows: readonly DatasetRow[], nameOf?: (i: number) => string) => encodeScored(rows, settings, nameOf),
      text: modelText(context.tokenizer),
    };
  }
  private score(
    ref: ModelRef,
    rows: readonly ScoredRow[],
    priority: Priority,
    options: ScoringOptions,
  ): Promise<RowScores[]> {
    const { models, queue } = this.env;
    const ids = rows.map((row) => row.ids);
    const given = { ...options, yieldToOthers: () => queue.giveWay() };
    return models.use(ref, (engine) => scoreRows(engine, ids, given), options.signal, priority, 'score');
  }
}

/** `text`: reads the tokens of every beginning of the answer as well. */
function scoredText({ ids, promptLength }: ScoredRow, { scores, at, reward }: RowScores, text?: ModelText): ScoredText {
  const answer = ids.slice(promptLength);
  return {
    reward,
    tokens: ids.length,
    promptTokens: promptLength,
    ...(text && {
      prefixes: {
        ...(promptLength > 0 && { prompt: scores[promptLength - 1]! }),
        ids: answer,
        texts: Array.from(answer, text.token),
        rewards: scores.slice(promptLength),
        at: at - promptLength,
      },
    }),
  };
}
