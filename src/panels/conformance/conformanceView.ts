// The conformance page's words. Pure.
import { count, plural } from '../../lib/words';
import type { BackendInfo } from '../../protocol/model';
import type { ConformanceResult } from '../../protocol/requests';

export const numberWords = (value: number | undefined): string =>
  value === undefined ? '–' : Number.isInteger(value) ? String(value) : value.toPrecision(6);

/** `0`, `3.1e-7`, `not a number`. */
export const errorWords = (error: number): string =>
  error === 0 ? '0' : Number.isFinite(error) ? error.toExponential(1) : 'not a number';

/** `All 11 hold on WebGPU, Apple M3.` */
export function verdictWords(results: readonly ConformanceResult[], backend?: BackendInfo): string {
  const failed = results.filter(({ passes }) => !passes).length;
  const where = backend ? ` on ${backend.backend}, ${backend.adapter}` : '';
  return failed === 0
    ? `all ${count(results.length)} hold${where}`
    : `${plural(failed, 'vector')} of ${count(results.length)} failed${where}`;
}
