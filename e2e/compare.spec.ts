// Two methods from one start on one budget: queued, trained, measured beside the start, and all of it there after a reload.
import { isAccessible } from './accessible';
import { expect, test } from './guarded';
import { openStudio, WASM } from './studio';

test('methods are queued on one budget, measured on the same cases, and priced', async ({ page }) => {
  test.slow(); // each run is measured at both ends, for the two metrics
  await openStudio(page, WASM, 'compare');
  await expect(page.getByRole('heading', { level: 1, name: 'Compare methods' })).toBeVisible();
  await expect(page.getByLabel('start model')).toHaveValue('builtin:nano');
  for (const other of ['KTO', 'SimPO', 'RLOO', 'PPO']) await page.getByLabel(other, { exact: true }).uncheck();
  await page.getByLabel('optimizer steps each').fill('3');
  await page.getByLabel('optimizer steps each').press('Tab');
  await page.getByRole('button', { name: 'Train 2 runs' }).click();
  const measure = page.getByRole('button', { name: 'Measure 2 runs' });
  await expect(measure).toBeEnabled({ timeout: 180_000 });
  await expect(page.getByText(/^3 steps at 0\.0+1, not measured$/)).toHaveCount(2);
  await measure.click();
  await expect(page.getByText(/: \d+ of 70 answers$/)).toBeVisible();
  const chart = page.getByRole('img', {
    name: /^Change of quality over drift.* DPO: quality .* ORPO: quality .* nats$/,
  });
  await expect(chart).toBeVisible({ timeout: 60_000 });

  // The budget is one; each has its method's rate, and the page says so.
  const unlike = page.getByRole('region', { name: 'Settings that differ' });
  await expect(unlike.getByRole('row')).toHaveCount(2);
  await expect(unlike.getByRole('row', { name: /^args\.learning_rate 0\.0001 0\.001/ })).toBeVisible();
  const quality = page.getByRole('region', { name: 'Quality and guardrails of the methods' });
  await expect(quality.getByRole('row', { name: /^DPO/ })).toContainText(/moved|not decided/);
  await expect(page.getByText('Train one more offline run before you decide.')).toBeHidden(); // there are two
  const compute = page.getByRole('region', { name: 'Compute and memory of the methods' });
  await expect(compute.getByRole('row', { name: /^DPO 3 / })).toContainText(/reference \d+ MiB/);
  await expect(compute.getByRole('row', { name: /^ORPO 3 / })).not.toContainText(/reference \d/);
  // 3 steps of 4 pairs at 100 each; the device and the cases cost nothing.
  for (const [label, price] of Object.entries({
    'a vote between two answers': 100,
    'an hour of the device': 0,
    'a held-out case': 0,
  })) {
    await page.getByLabel(label).fill(String(price));
    await page.getByLabel(label).press('Enter');
  }
  await expect(page.getByRole('img', { name: /^DPO: 1,200 in all; labels 1,200/ })).toBeVisible();
  await isAccessible(page, 'two methods compared');
  await page.setViewportSize({ width: 390, height: 844 });
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);

  await page.reload();
  await expect(chart).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText(/^3 steps at 0\.0+1, measured today, /)).toHaveCount(2);
  await expect(page.getByRole('img', { name: /^DPO: 1,200 in all/ })).toBeVisible();
});
