// The Engine panel in the built site: a step taken apart on the real device, a sweep, the peers under the content security
// policy, and a plain word where there is no WebGPU.
import { expect, test } from './guarded';
import { openStudio, WASM } from './studio';

test('a step is taken apart, and what makes it slower is measured', async ({ page }) => {
  await openStudio(page, '?backend=webgpu', 'engine');
  await page.getByRole('spinbutton', { name: 'rows (B)' }).fill('2');
  await page.getByRole('spinbutton', { name: 'tokens a row (T)' }).fill('32');
  await page.getByRole('button', { name: 'Take it apart' }).click();
  const kernels = page.getByRole('region', { name: 'Kernels' });
  await expect(kernels).toBeVisible({ timeout: 90_000 });
  const calls = await kernels.locator('tbody td:nth-child(3)').allInnerTexts();
  const fact = async (label: string) => page.locator('.engine-facts div', { hasText: label }).locator('dd').innerText();
  expect(calls.reduce((sum, n) => sum + Number(n), 0)).toBe(Number(await fact('dispatches')));
  expect(await fact('readbacks')).toBe('1');
  await page.getByRole('radio', { name: 'LoRA rank (r)' }).click();
  await page.getByRole('button', { name: 'Measure' }).click();
  const ranks = page.locator('table', { hasText: 'beside the slowest' }).locator('tbody tr');
  await expect(ranks).toHaveCount(3, { timeout: 90_000 });
  // Adapters need fewer moments, and more of them at a higher rank.
  const moments = (await ranks.locator('td:last-child').allInnerTexts()).map((text) => Number.parseFloat(text));
  expect(moments[1]!).toBeLessThan(moments[0]!);
  expect(moments[2]!).toBeGreaterThan(moments[1]!);
  // Results carry the sizes they were measured with, through another panel and beside other sizes.
  await page.getByRole('link', { name: 'Runs' }).click();
  await page.getByRole('link', { name: 'Engine' }).click();
  await expect(page.getByRole('spinbutton', { name: 'tokens a row (T)' })).toHaveValue('32');
  await expect(page.getByText('Measured with nano, 2 × 32 tokens, vocabulary 1,024, all weights.')).toHaveCount(2);
  await page.getByRole('spinbutton', { name: 'tokens a row (T)' }).fill('16');
  await expect(page.getByText(/2 × 32 tokens.*; the fields say something else now/)).toHaveCount(2);
  await page.getByRole('spinbutton', { name: 'tokens a row (T)' }).fill('32');
  await expect(page.getByText('the fields say something else now')).toHaveCount(0);
  await page.getByRole('button', { name: 'Compare' }).click();
  await expect(page.getByText(/^plain tfjs ops: \d+ of 16/)).toBeVisible({ timeout: 60_000 });
  const libraries = page.locator('table', { hasText: 'ours is faster by' }).locator('tbody tr');
  await expect(libraries).toHaveCount(4, { timeout: 110_000 });
  for (const words of await libraries.allInnerTexts()) expect(words).toMatch(/\d (ms|s)\b/);
  // The whole step, here and on WebAssembly, is what the banner tells from now on.
  await expect(page.getByText(/is [\d.]+ times as fast as .* a step \(nano, 2 × 32 tokens\)/)).toBeVisible();
});

test('an impossible size is refused by name, and a measurement can be stopped', async ({ page }) => {
  await openStudio(page, '?backend=webgpu', 'engine');
  const rank = page.getByRole('spinbutton', { name: 'LoRA rank' });
  const start = page.getByRole('button', { name: 'Take it apart' });
  await rank.fill('100');
  await expect(page.getByRole('alert')).toHaveText('LoRA rank (r) must be in [0, 32], got 100');
  await expect(start).toBeDisabled();
  await rank.fill('');
  await expect(page.getByRole('alert')).toHaveText('LoRA rank (r) must be a number, got nothing');
  await rank.fill('0');
  await expect(page.getByText(/Takes \d+ MiB on the GPU/)).toBeVisible();
  // Before anything is allocated: a step that no browser would get memory for.
  await page.getByRole('radio', { name: 'mini' }).click();
  await page.getByRole('spinbutton', { name: 'rows (B)' }).fill('256');
  await page.getByRole('spinbutton', { name: 'tokens a row (T)' }).fill('2048');
  await expect(page.getByRole('alert')).toContainText(
    /This would not fit\. (One tensor|This step needs).* Set rows \(B\) to \d+/,
  );
  await expect(start).toBeDisabled();
  await page.getByRole('radio', { name: 'nano' }).click();
  await page.getByRole('spinbutton', { name: 'tokens a row (T)' }).fill('64');
  await page.getByRole('spinbutton', { name: 'rows (B)' }).fill('16');
  await start.click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByText('You stopped it before it ended.')).toBeVisible({ timeout: 60_000 });
  await expect(start).toBeEnabled();
  await expect(page.getByRole('alert')).toHaveCount(0);
});

test('a software GPU is timed beside WebAssembly, and the figure is there again when the studio opens', async ({
  page,
}) => {
  await openStudio(page, '?backend=webgpu', 'engine');
  await page.getByRole('button', { name: 'Time it beside WebAssembly' }).click();
  const measured = page.getByText(/multiplies [\d.]+ times as fast as .*1,024 × 704 × 128/);
  await expect(measured).toBeVisible({ timeout: 30_000 });
  const words = await measured.innerText();
  await page.reload();
  await expect(measured).toHaveText(words);
  // The other backend is one click away, on the same screen.
  const other = page.getByRole('link', { name: 'Go on with WebAssembly' });
  if (/WebAssembly multiplies/.test(words)) {
    await other.click();
    await expect(page).toHaveURL(/backend=wasm#\/engine/);
  }
});

test('#/bench is the comparison, and a row is read layer by layer without WebGPU too', async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 450 });
  await openStudio(page, WASM, 'bench');
  await expect(page.getByRole('heading', { name: 'Beside other libraries' })).toBeInViewport();
  await expect(page.getByRole('heading', { level: 1, name: 'Engine' })).toBeAttached();
  await page.setViewportSize({ width: 1280, height: 800 });
  await expect(page.getByRole('link', { name: 'Engine' })).toHaveAttribute('aria-current', 'page');
  await page.getByRole('textbox', { name: 'text' }).fill('The balance is');
  await page.getByRole('button', { name: 'Read the row' }).click();
  const picture = page.getByRole('region', { name: 'Norms by layer and token' });
  await expect(picture.getByRole('rowheader', { name: 'embedding' })).toBeVisible({ timeout: 30_000 });
  const columns = await picture.locator('thead th').count();
  const cells = await picture.locator('tbody td').allInnerTexts();
  // Nano has three layers: the embedding and what each of them gives.
  expect(cells).toHaveLength(4 * (columns - 1));
  for (const cell of cells) expect(Number(cell.replace(',', ''))).toBeGreaterThan(0);
  await page.getByRole('radio', { name: 'gate and up' }).click();
  await expect(picture.locator('tbody tr')).toHaveCount(3);
});

test('on WebAssembly the panel says why there is nothing to take apart', async ({ page }) => {
  await openStudio(page, WASM, 'engine');
  await expect(page.getByText('There is nothing to take apart here.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Take it apart' })).toBeDisabled();
  await expect(page.getByRole('spinbutton', { name: 'rows (B)' })).toBeDisabled();
  await expect(page.getByText('Not measured yet')).toHaveCount(0);
});
