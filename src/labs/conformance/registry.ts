// All conformance vectors. A method adds its own with one line here.
import { StudioError } from '../../lib/errors';
import type { ConformanceResult } from '../../protocol/requests';
import { modelVectors } from './model';
import { sftVectors } from './sft';
import { failed, judge, type Vector, type VectorContext } from './vector';

export const VECTORS: readonly Vector[] = [...sftVectors, ...modelVectors];

/** Runs one vector. A fault of the engine is a result; only a lost device or a missing file is thrown. */
export async function runVector(vector: Vector, context: VectorContext): Promise<ConformanceResult> {
  try {
    const { expected, found } = await vector.run(context);
    return judge(vector, expected, found);
  } catch (error) {
    if (error instanceof StudioError) throw error;
    return failed(vector, (error as Error).message);
  }
}
