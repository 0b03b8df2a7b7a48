// Distillation on a chunk of supervised rows: the generalised Jensen–Shannon divergence between a teacher's and the student's
// next-token distributions (Agarwal et al. 2024, arXiv:2306.13649; TRL GKDTrainer.generalized_jsd_loss), and its gradient.
// β = 0: KL(T‖S); β = 1: KL(S‖T); between: β·KL(T‖M) + (1 − β)·KL(S‖M), M = βT + (1 − β)S.
import { foldedGrid, type Kernel, makeKernel } from '../kernel';
import { logitStride } from './head';
import { type RowForm, rowTemplate } from './rowForm';

export type DivergenceParam = 'rows' | 'first' | 'beta' | 'inverseTemperature';

/**
 * Rows [first, first + rows). mode value: out[m] = divergence, nats. mode gradient: dD/d(student's raw logits) · d[index[m]] in
 * place of the teacher's logits: ∂D/∂z = S∘(f − Σ S∘f)/τ with f = −T/S (β = 0), s − t (β = 1), (1 − β)(s − log M) else.
 * Buffers: student and teacher logits (rows `logitStride` apart), then value: out [M] | gradient: index [M] u32, d [N].
 */
export function divergenceRows(spec: {
  vocabulary: number;
  form: RowForm;
  mode: 'value' | 'gradient';
}): Kernel<DivergenceParam> {
  const { vocabulary: V, form, mode } = spec;
  const stride = logitStride(V);
  const row = rowTemplate(form);
  const over = (body: string) => `for (var c = lane; c < ${V}u; c += LANES) { ${body} }`;
  const normaliser = (name: string, from: string) => `
  var ${name}Top = -3.0e38; var ${name}Mass = 0.0;
  ${over(`${name}Top = max(${name}Top, ${from}[at + c] * p.inverseTemperature);`)}
  ${row.reduce(`${name}Top`, 'max')}
  ${over(`${name}Mass += exp(${from}[at + c] * p.inverseTemperature - ${name}Top);`)}
  ${row.reduce(`${name}Mass`, 'sum')}
  let ${name}Lse = ${name}Top + log(${name}Mass);`;
  const both = `let s = student[at + c] * p.inverseTemperature - sLse; let t = teacher[at + c] * p.inverseTemperature - tLse;
    let ps = exp(s); let pt = exp(t);`;
  const term = `var term = 0.0;
    if (p.beta == 0.0) { term = pt * (t - s); } else if (p.beta == 1.0) { term = ps * (s - t); }
    else { let m = log(p.beta * pt + (1.0 - p.beta) * ps); term = p.beta * pt * (t - m) + (1.0 - p.beta) * ps * (s - m); }`;
  // S∘f, without dividing by S.
  const slope = `var sf = 0.0;
    if (p.beta == 0.0) { sf = -pt; } else if (p.beta == 1.0) { sf = ps * (s - t); }
    else { sf = (1.0 - p.beta) * ps * (s - log(p.beta * pt + (1.0 - p.beta) * ps)); }`;
  const value = `var total = 0.0;
  ${over(`${both} ${term} total += term;`)}
  ${row.reduce('total', 'sum')}
  if (${row.isFirst}) { out[p.first + row] = total; }`;
  const gradient = `var mean = 0.0;
  ${over(`${both} ${slope} mean += sf;`)}
  ${row.reduce('mean', 'sum')}
  let g = d[index[p.first + row]] * p.inverseTemperature;
  ${over(`${both} ${slope} teacher[at + c] = g * (sf - ps * mean);`)}
  for (var c = ${V}u + lane; c < ${stride}u; c += LANES) { teacher[at + c] = 0.0; }`;
  return makeKernel({
    name: `divergence ${mode} ${form}`,
    params: [
      ['rows', 'u32'],
      ['first', 'u32'],
      ['beta', 'f32'],
      ['inverseTemperature', 'f32'],
    ],
    buffers: [
      { name: 'student', type: 'array<f32>', access: 'read' },
      { name: 'teacher', type: 'array<f32>', access: mode === 'value' ? 'read' : 'write' },
      ...(mode === 'value'
        ? [{ name: 'out', type: 'array<f32>', access: 'write' } as const]
        : [
            { name: 'index', type: 'array<u32>', access: 'read' } as const,
            { name: 'd', type: 'array<f32>', access: 'read' } as const,
          ]),
    ],
    code: `${row.declarations}
${row.begin('p.rows')}
  let at = row * ${stride}u;
  ${normaliser('s', 'student')}
  ${normaliser('t', 'teacher')}
  ${mode === 'value' ? value : gradient}
}`,
    grid: ({ rows }) => foldedGrid(row.groups(rows)),
  });
}
