// Where the reward of a text is read, for training, scores, RLHF and export alike.

/**
 * The last token whose id is not the model's pad_token_id, as transformers pools a sequence classifier (5.23,
 * modeling_layers.py, GenericForSequenceClassification): where padding is the EOS that closes a text, the token before it. Of a text of
 * padding alone its first place, as their argmax; of a model without a pad_token_id the last token, which they allow a text alone. TRL's
 * RewardTrainer and RLOOTrainer write the tokenizer's padding into the config, its EOS where it has none.
 */
export function rewardPosition(ids: ArrayLike<number>, padTokenId: number | null): number {
  let at = ids.length - 1;
  if (padTokenId !== null) while (at > 0 && ids[at] === padTokenId) at--;
  return Math.max(at, 0);
}
