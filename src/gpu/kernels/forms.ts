// Which form of each kernel an adapter gets: the safe table, before anything was timed on it.
import type { AttentionSpec } from './attentionParts';
import type { GemmForm, GemmLayout } from './gemm';
import { SOFTWARE_FORM } from './gemm';
import type { RowForm } from './rowForm';

export interface KernelForms {
  gemm: Record<GemmLayout, GemmForm>;
  row: RowForm;
  attention: AttentionSpec['form'];
}

/** The table for an adapter before anything was timed on it. */
export const KERNEL_FORMS = (isSoftware: boolean): KernelForms => (isSoftware ? SOFTWARE_FORMS : HARDWARE_FORMS);

/** Software adapters run invocations one after the other on CPU cores: registers, no barriers. */
export const SOFTWARE_FORMS: KernelForms = { gemm: SOFTWARE_FORM, row: 'rowPerThread', attention: 'rowsPerThread' };

const TILE: GemmForm = { kind: 'tiled', bm: 64, bn: 64, bk: 16, tm: 4, tn: 8 };
/** A portable setting for hardware: 64 × 64 tiles, 32 results a thread. Autotuning may find better ones. */
export const HARDWARE_FORMS: KernelForms = {
  gemm: { NT: TILE, NN: TILE, TN: TILE },
  row: 'rowPerWorkgroup',
  attention: 'tiled',
};
