import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { builtinModelIds } from './nodeModels';
import { type Figure, renderResults } from './resultsTable';

const figure: Figure = {
  id: 'sft/base/schema_valid',
  value: 0.125,
  low: 0.05,
  high: 0.2,
  n: 160,
  seeds: [1, 2],
  unit: 'share',
  backend: 'wasm',
  model: `sha256:${'ab'.repeat(32)}`,
  commit: 'abc1234',
  command: 'npm run results -- --only sft/base',
};

test('a figure becomes a row with its interval, its seeds and its command', () => {
  const page = renderResults([figure], [figure.model]);
  expect(page).toContain('| 13 % | 5 % – 20 % | 160 | 1, 2 | `sft/base/schema_valid` |');
  expect(page).toContain('`sha256:abababababab` | abc1234 | `npm run results -- --only sft/base` |');
});

test('a figure of an older base is marked as stale', () => {
  expect(renderResults([figure], ['sha256:other'])).toContain('schema-valid turns (stale: an older base) |');
  expect(renderResults([figure], [figure.model])).not.toContain('stale:');
});

test('the page is what the measured figures render to', async () => {
  if (!existsSync('docs/results.json')) return; // nothing was measured yet
  const figures = JSON.parse(readFileSync('docs/results.json', 'utf8')) as Figure[];
  expect(readFileSync('docs/results.md', 'utf8')).toBe(renderResults(figures, await builtinModelIds()));
  for (const { id, value, low, high, n } of figures) {
    expect(low, id).toBeLessThanOrEqual(value);
    expect(high, id).toBeGreaterThanOrEqual(value);
    expect(n, id).toBeGreaterThan(0);
  }
});

test('methods on preferences stand side by side, and what does not exclude 0 is inconclusive', () => {
  const of = (what: string, value: number, low: number, high: number, unit = 'share'): Figure => ({ ...figure, id: `pref/dpo/${what}`, value, low, high, unit }); // biome-ignore format: one figure
  const page = renderResults(
    [
      of('rubric', 0.7, 0.6, 0.8),
      of('rubric_gain', 0.1, 0.05, 0.15),
      of('win_rate', 0.6, 0.55, 0.65),
      of('kl', 3.91, 3.3, 4.6, 'nats'),
      of('refusal_recall_gain', -0.1, -0.2, -0.01),
      of('schema_valid_gain', 0.01, -0.02, 0.03),
    ],
    [figure.model],
  );
  expect(page).toContain('| DPO | 70 % | +10 % [5 %, 15 %], better | – | 60 % [55 %, 65 %] | 3.91 [3.30, 4.60] |');
  expect(page).toContain('| −10 % [−20 %, −1 %], worse | +1 % [−2 %, 3 %], inconclusive |');
});
