// What an adapter costs, in words and bars; and the formula of its update with the numbers in it. Pure.
import { count, number, percent } from '../../lib/words';
import type { LoraPlan } from '../../protocol/requests';
import { byteWords } from '../../ui/byteWords';

/** Parameters of a d × k matrix and of an adapter of rank r on it: r (d + k) against d k. */
export function workedExample(d: number, k: number, r: number): { full: number; lora: number; ratio: number } {
  const full = d * k;
  const lora = r * (d + k);
  return { full, lora, ratio: full / lora };
}
/** Complaint about the example's numbers, or undefined. */
export function exampleProblem(d: number, k: number, r: number): string | undefined {
  for (const [name, value] of Object.entries({ d, k, r }))
    if (!Number.isInteger(value) || value < 1) return `${name} must be a whole number of at least 1.`;
  return r > Math.min(d, k) ? `r must be at most ${count(Math.min(d, k))}, the rank of the matrix.` : undefined;
}

type PlanModule = LoraPlan['modules'][number];

/** `(16 / 8)`, and `(16 / √8)` with use_rslora. */
export const scaleFraction = ({ lora_alpha, r }: Pick<PlanModule, 'lora_alpha' | 'r'>, isRs: boolean): string =>
  `${trim(lora_alpha)} / ${isRs ? '√' : ''}${r}`;
const trim = (value: number): string => String(Number(value.toPrecision(4)));
export const shape = (rows: number, columns: number): string => `${rows}×${columns}`;

/** `0 · q_proj` for model.layers.0.self_attn.q_proj. */
export function moduleLabel(path: string): string {
  const layer = /\.layers\.(\d+)\./.exec(path)?.[1];
  const name = path.slice(path.lastIndexOf('.') + 1);
  return layer === undefined ? name : `${layer} · ${name}`;
}

export interface Fact {
  name: string;
  value: string;
  note: string;
}
/** The figures that move with the rank. */
export function planFacts(plan: LoraPlan): Fact[] {
  const { trainable, total, adapter_bytes, optimizer_bytes, full_optimizer_bytes } = plan;
  return [
    {
      name: 'trainable parameters',
      value: count(trainable),
      note: `${percent(trainable / total)} of ${count(total)}`,
    },
    { name: 'adapter file', value: byteWords(adapter_bytes), note: `of ${byteWords(4 * total)} for a full copy` },
    {
      name: 'gradient and AdamW moments',
      value: byteWords(optimizer_bytes),
      note: `${byteWords(full_optimizer_bytes)} for full tuning, ${number(full_optimizer_bytes / optimizer_bytes)} ×`,
    },
  ];
}

export interface BaseBar {
  id: keyof LoraPlan['base_bytes'];
  label: string;
  words: string;
  /** Of the longest. */
  share: number;
}
/** Bytes of the frozen base, each way of keeping it. */
export function baseBars({ base_bytes: bytes }: LoraPlan): BaseBar[] {
  const labels = { f32: 'f32', f16: 'f16', nf4: 'NF4', nf4_double_quant: 'NF4 + double quant' } as const;
  const longest = Math.max(...Object.values(bytes));
  return (Object.keys(labels) as BaseBar['id'][]).map((id) => ({
    id,
    label: labels[id],
    words: byteWords(bytes[id]),
    share: bytes[id] / longest,
  }));
}
