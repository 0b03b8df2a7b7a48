// One template for kernels that reduce a row: a thread a row (software adapters: barriers are dear there), or a workgroup a
// row with a tree in workgroup memory (hardware). Sums have a fixed order in both, so that equal input gives equal bits.
export type RowForm = 'rowPerThread' | 'rowPerWorkgroup';

const ROWS_A_GROUP = 64;
/** Threads that share a row. */
const LANES = 64;

export interface RowTemplate {
  /** Steps through a row: `for (var i = lane; i < n; i += LANES)`. */
  lanes: number;
  /** Declarations before `fn main`. */
  declarations: string;
  /** Signature of main, `row`, `lane`, and the guard against rows beyond the end. `rows` is WGSL. */
  begin(rows: string): string;
  /** WGSL statements after which `into` (a var f32) holds the reduction over the row's lanes, in every lane. */
  reduce(into: string, how: 'sum' | 'max'): string;
  /** WGSL: true in one lane of the row. */
  isFirst: string;
  /** Workgroups for `rows`. */
  groups(rows: number): number;
}

export function rowTemplate(form: RowForm): RowTemplate {
  if (form === 'rowPerThread')
    return {
      lanes: 1,
      declarations: 'const LANES = 1u;',
      begin: (rows) => `@compute @workgroup_size(${ROWS_A_GROUP})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = (wg.x + wg.y * 65535u) * ${ROWS_A_GROUP}u + thread;
  if (row >= ${rows}) { return; }
  let lane = 0u;`,
      reduce: () => '',
      isFirst: 'true',
      groups: (rows) => Math.ceil(rows / ROWS_A_GROUP),
    };
  return {
    lanes: LANES,
    declarations: `const LANES = ${LANES}u;
var<workgroup> scratch: array<f32, ${LANES}>;`,
    begin: (rows) => `@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x + wg.y * 65535u;
  if (row >= ${rows}) { return; }`,
    reduce: (into, how) => `
  scratch[lane] = ${into};
  workgroupBarrier();
  for (var step = ${LANES / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { scratch[lane] = ${how === 'sum' ? 'scratch[lane] + scratch[lane + step]' : 'max(scratch[lane], scratch[lane + step])'}; }
    workgroupBarrier();
  }
  ${into} = scratch[0];
  workgroupBarrier();`,
    isFirst: 'lane == 0u',
    groups: (rows) => rows,
  };
}
