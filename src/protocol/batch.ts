// A micro-batch on its way from the collator to an engine.

/**
 * A micro-batch in row-major order, all arrays of length B·T except rowAdapter [B].
 * targets[b,t] is the token that position t predicts (ids[b,t+1] within a sample) and mask[b,t] says whether that
 * prediction is trained: both are already shifted, so a loss never shifts again. Where mask is 0, targets is 0.
 */
export interface Batch {
  B: number;
  T: number;
  ids: Int32Array;
  /** RoPE positions; restart at 0 in each packed sample; count from the first real token under left padding. */
  positions: Int32Array;
  /** Sample number within a row, ≥ 1; 0 = padding. Attention never crosses segments. */
  segmentIds: Int32Array;
  targets: Int32Array;
  /** Weight of each prediction; 0 or 1 for SFT. */
  mask: Float32Array;
  /** Adapter slot per row; −1 = base. */
  rowAdapter: Int32Array;
  /** What a method knows of each row beside its tokens, each [B]: `label`, `margin`, … No engine reads them. */
  rowValues?: { [name: string]: Float32Array };
  /** The same of each prediction, each [B·T] and shifted as `mask` is: `refLogps`, `completion`, `advantages`, … */
  tokenValues?: { [name: string]: Float32Array };
}
