// Periods of rotary positions (RoPE): plain, and with the two ways of scaling that keep attention as it is. As
// transformers' modeling_rope_utils.py: _compute_linear_scaling_rope_parameters, _compute_llama3_parameters.
import type { LlamaConfig } from '../protocol/model';

/** Positions that a table on the device has at least. */
const LEAST_POSITIONS = 4096;
/**
 * Positions of a table that serves rows of `length` tokens: a power of two, so that few tables are ever made. A model may say that
 * it reads 131,072 tokens; a table of all of them would be tens of megabytes that nobody uses.
 */
export function tablePositions(config: LlamaConfig, length: number): number {
  let positions = LEAST_POSITIONS;
  while (positions < length) positions *= 2;
  return Math.min(positions, config.max_position_embeddings);
}
/** Bytes of that table: cos and sin, [positions, head_dim / 2] each. */
export const tableBytes = (config: LlamaConfig, length: number): number =>
  4 * tablePositions(config, length) * config.head_dim;

/** Positions a radian of each pair of a head's numbers, [head_dim / 2]: an angle is position / period. */
export function ropePeriods({ head_dim: hd, rope_theta, rope_scaling }: LlamaConfig): Float64Array {
  const plain = Float64Array.from({ length: hd / 2 }, (_, i) => rope_theta ** ((2 * i) / hd));
  if (!rope_scaling) return plain;
  const { factor } = rope_scaling;
  if (rope_scaling.rope_type === 'linear') return plain.map((period) => period * factor);
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = rope_scaling;
  return plain.map((period) => {
    // Turns in the context that the model was first trained with.
    const turns = context / (2 * Math.PI * period);
    if (turns < low) return period * factor;
    if (turns > high) return period;
    const share = (turns - low) / (high - low);
    return period / ((1 - share) / factor + share);
  });
}
