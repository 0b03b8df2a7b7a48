// The diagonal against what stands beside it, on matrices made by hand.
import { expect, test } from 'vitest';
import type { TenantMatrixView } from '../../protocol/requests';
import { cellWords, heat, matrixFinding, matrixRows } from './matrixView';

const cell = (value: number, low: number, high: number) => ({ value, low, high, n: 20 });
const matrix = (cells: TenantMatrixView['cells'], metric = 'tenant_policy_correct'): TenantMatrixView => ({
  metric,
  adapters: [
    { adapterId: 9, tenant: 'saas_C' },
    { adapterId: 17, tenant: 'bank_A' },
  ],
  tenants: ['bank_A', 'saas_C'],
  cells,
  diagonalMin: Math.min(cells[0]![1]!.value, cells[1]![0]!.value),
  offDiagonalMax: Math.max(cells[0]![0]!.value, cells[1]![1]!.value),
});
test('a matrix: own adapters on the diagonal, and whether they are clearly best', () => {
  const clear = matrix([
    [cell(0.1, 0, 0.3), cell(0.9, 0.7, 1)],
    [cell(0.8, 0.6, 0.95), cell(0.2, 0.05, 0.4)],
  ]);
  expect(matrixRows(clear).map(({ tenant, cells }) => [tenant, cells[0]!.value])).toEqual([
    ['bank_A', 0.8],
    ['saas_C', 0.1],
  ]);
  expect(matrixFinding(clear)).toMatchObject({
    tone: 'good',
    text: expect.stringContaining('clear of every interval'),
  });
  expect(matrixFinding(clear).text).toContain('Adapter 17 on saas_C’s slice would be noticed least');
  const overlapping = matrix([
    [cell(0.1, 0, 0.3), cell(0.9, 0.7, 1)],
    [cell(0.8, 0.35, 0.95), cell(0.2, 0.05, 0.4)],
  ]);
  expect(matrixFinding(overlapping).text).toContain('intervals overlap');
  const poor = matrix([
    [cell(0, 0, 0.2), cell(0, 0, 0.2)],
    [cell(0, 0, 0.2), cell(0, 0, 0.2)],
  ]);
  expect(matrixFinding(poor).tone).toBe('warn');
  expect(matrixFinding(poor).text).not.toContain('noticed least');
  // Two cases tell nothing of the adapters, so nobody is told to train them longer.
  const few = matrix(clear.cells.map((row) => row.map((one) => ({ ...one, n: 2 }))));
  expect(matrixFinding(few)).toMatchObject({
    tone: 'warn',
    text: expect.stringContaining('2 cases a slice are too few'),
  });
  expect(matrixFinding(few).text).not.toContain('Train');
  const form = matrix(
    clear.cells.map((row) => row.map(() => cell(1, 0.9, 1))),
    'schema_valid',
  );
  expect(matrixFinding(form)).toMatchObject({ tone: 'warn', text: expect.stringContaining('will not see it') });
  expect([0, 0.19, 0.2, 0.99, 1].map(heat)).toEqual([0, 0, 1, 4, 4]);
  expect(cellWords(cell(0.25, 0.1, 0.5))).toBe('25 % of 20 cases, between 10 % and 50 % with 95 % confidence');
});
