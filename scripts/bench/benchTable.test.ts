import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type BenchFigure, renderBenchmarks } from './benchTable';

const figure = (id: string, value: number, adapter: string, note = ''): BenchFigure => ({
  ...{ id, value, low: value, high: value, n: 1, unit: '', note, adapter },
  ...{ commit: 'abc', command: 'npm run bench' },
});
const software = 'google swiftshader';

test('the page is what the figures render to, and nobody wrote in it', () => {
  const figures: BenchFigure[] = JSON.parse(readFileSync('docs/benchmarks.json', 'utf8'));
  expect(readFileSync('docs/benchmarks.md', 'utf8')).toBe(renderBenchmarks(figures));
});

test('a missed aim is told with what bounds it, a met one is not', () => {
  const js = figure('bench/js_ms_per_step', 2.1, software, 'until everything is sent, 85 submits');
  const few = figure('bench/js_ms_per_step/few_submits', 1.2, software, 'until everything is sent, 3 submits');
  const page = renderBenchmarks([js, few, figure('bench/first_step_s', 7.1, software)]);
  expect(page).toContain('cut into 85 submits');
  expect(page).toContain('2.10 ms, and 1.20 ms in 3 submits');
  expect(page).toMatch(/first step, all pipelines compiled \| ≤ 8.00 \| 7.10 {2}\| met/);
  expect(page).not.toContain('one pipeline at a time');
  const slow = renderBenchmarks([figure('bench/first_step_s', 9, software, 'compiling and running')]);
  expect(slow).toContain('| **missed** | `bench/first_step_s`');
  expect(slow).toContain('one pipeline at a time');
});

test('hardware has aims of its own, and without any that is said', () => {
  const here = [figure('bench/sft_step/vs_tfjs', 8, software), figure('bench/gemm/large_peak_share', 0.3, software)];
  const alone = renderBenchmarks(here);
  expect(alone).toMatch(/SFT step against plain tfjs \| ≥ 7.00 \| 8.00 {2}\| met/);
  expect(alone).toContain('No hardware GPU was at hand');
  // Its share of the peak is an aim for hardware alone.
  expect(alone).not.toContain('products of 2048³ as a share of the peak |');
  const both = renderBenchmarks([
    ...here,
    figure('bench/sft_step/vs_tfjs', 8, 'a card'),
    figure('bench/gemm/large_peak_share', 0.5, 'a card'),
  ]);
  expect(both).toMatch(/SFT step against plain tfjs \| ≥ 10.0 \| 8.00 {2}\| \*\*missed\*\*/);
  expect(both).toMatch(/products of 2048³ as a share of the peak \| ≥ 0.400 \| 0.500 {2}\| met/);
  expect(both).not.toContain('No hardware GPU was at hand');
});

test('each adapter has a section with its own figures, hardware first, and no reason of the other kind', () => {
  const of = (adapter: string, js: number) => [
    figure('bench/js_ms_per_step', js, adapter, 'until everything is sent, 3 submits'),
    figure('bench/sft_step/vs_jaxjs', js + 1, adapter),
  ];
  const page = renderBenchmarks([...of(software, 2.1), ...of('nvidia a card', 1.5)]);
  const sections = page.split('\n## ');
  expect(sections.map((section) => section.split('\n')[0])).toEqual([
    '# Benchmarks',
    'On nvidia a card',
    `On ${software}`,
    'Beside the figures',
    'Where they come from',
  ]);
  const [, card, swift, , sources] = sections as [string, string, string, string, string];
  expect(card).toMatch(/JavaScript a step \| 1.50 /);
  expect(card).not.toContain('2.10');
  expect(card).toMatch(/SFT step against jax-js \| ≥ 3.00 \| 2.50 {2}\| \*\*missed/);
  expect(swift).toMatch(/SFT step against jax-js \| ≥ 2.00 \| 3.10 {2}\| met/);
  // Both miss 1 ms, and only the software adapter for being slow.
  expect(card).toContain('(`bench/js_ms_per_step`): sent in 3 submits, cut so that a page stays smooth.');
  expect(card).not.toContain('a software adapter is so slow');
  expect(swift).toContain('a software adapter is so slow');
  expect(sources.match(/bench\/js_ms_per_step/g)).toHaveLength(2);
});

test('bases are not trained again while WebAssembly is faster', () => {
  const beside = (value: number) => renderBenchmarks([figure('bench/sft_step/vs_wasm', value, software)]);
  expect(beside(0.25)).toContain('WebAssembly takes a step 4.00 times as fast');
  expect(beside(1.5)).not.toContain('not trained again');
});
