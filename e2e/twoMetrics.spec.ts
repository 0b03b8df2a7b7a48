// The two-metric method on a run: the start, the map, the verdict in words, a guardrail that stops the run, and all of it after a reload; stale pairs; the page of reward hacking.
import type { Page } from '@playwright/test';
import { isAccessible } from './accessible';
import { expect, test } from './guarded';
import { openStudio, showPanel, WASM } from './studio';

const card = (page: Page) =>
  page.locator('section.card').filter({ has: page.getByRole('heading', { name: 'Two metrics', exact: true }) });

test('a run lies among the outcomes, and a guardrail that is surely worse stops it', async ({ page }) => {
  await openStudio(page, WASM);
  await showPanel(page, '#/preferences');
  await expect(page.getByLabel('model', { exact: true })).toHaveValue('builtin:nano');
  await page.getByRole('button', { name: /more settings/ }).click();
  const args = {
    learning_rate: 0.001,
    max_steps: 40,
    per_device_train_batch_size: 2,
    eval_steps: 0,
    generate_steps: 0,
    max_eval_samples: 4,
  };
  for (const [name, value] of Object.entries(args)) {
    await page.getByLabel(name, { exact: true }).fill(String(value));
    await page.getByLabel(name, { exact: true }).press('Tab');
  }
  // What is measured is chosen, not typed.
  await card(page).getByText('Settings of the next run').click();
  await expect(card(page).getByText(/enough to say that untouched guardrails hold/)).toBeVisible();
  await card(page)
    .getByRole('radiogroup', { name: 'Steps between measurements' })
    .getByText('10', { exact: true })
    .click();
  await card(page).getByRole('radiogroup', { name: 'Cases' }).getByText('16', { exact: true }).click();
  await expect(card(page).getByText(/too few to say that untouched guardrails hold/)).toBeVisible();
  await card(page)
    .getByRole('checkbox', { name: /Stop the run once a guardrail/ })
    .check();
  await card(page).getByRole('combobox', { name: 'kl: bound' }).selectOption('1');
  await expect(card(page).getByText(/every 10 steps, 16 cases and 20 about refusals, stops itself/)).toBeVisible();
  await isAccessible(page, 'settings of two metrics');

  await page.getByRole('button', { name: 'Train on votes' }).click();
  await expect(card(page).getByText('the start', { exact: true })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText(/A guardrail stopped the run at step [1-4]0 of 40/)).toBeVisible({ timeout: 90_000 });
  await expect(page.getByText(/kl \+[\d.]+ \[[\d.]+, [\d.]+\] nats, above the \+1\.00 allowed/).first()).toBeVisible();
  const map = card(page).getByRole('img', { name: /^Two metrics, [2-5] measurements, step [1-4]0: / });
  await expect(map).toBeVisible();
  await expect(card(page).getByRole('row', { name: /^kl worse \+/ })).toBeVisible();
  // The same KL stands among the curves, at the steps at which answers were drawn.
  await expect(page.getByRole('img', { name: /^KL of drawn answers over 40 steps: kl [1-9]/ })).toBeVisible();
  // Pairs that the run decides by now are counted under both of its ends.
  const staleness = page.locator('.pref-staleness');
  await staleness.getByRole('radio', { name: '16', exact: true }).click();
  await staleness.getByRole('button', { name: 'Count decided pairs' }).click();
  await expect(staleness.getByText(/^\d+ of 16 pairs are decided now, \d+ were before the update/)).toBeVisible({
    timeout: 30_000,
  });
  await isAccessible(page, 'a stopped run');

  await page.reload();
  await expect(map).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText(/A guardrail stopped the run/)).toBeVisible();
  await page.getByRole('button', { name: /Continue from step/ }).click();
  await expect(page.getByText(/A guardrail stopped the run/)).toBeHidden({ timeout: 30_000 });
  await showPanel(page, '#/hacking');
  await expect(page.getByRole('listitem').filter({ hasText: 'biased policy' })).toContainText('to come');
  await expect(page.getByText(/^Two reward models of 200 steps/)).toBeVisible();
  await page.getByRole('radio', { name: 'short' }).click();
  await expect(page.getByText(/^Two reward models of 60 steps .* two policies of 20 rollouts/)).toBeVisible();
  await isAccessible(page, 'reward hacking before it is trained');
  // A chain that was stopped is taken up where it was, also after a reload.
  await page.getByRole('button', { name: 'Train the four runs' }).click();
  const first = page.getByRole('listitem').filter({ hasText: 'biased reward' });
  await expect(first).toContainText(/step \d+ of 60/, { timeout: 90_000 });
  await page.getByRole('button', { name: 'Stop all' }).click();
  const goOn = page.getByRole('button', { name: 'Continue with biased reward, then 3 more' });
  await expect(goOn).toBeVisible({ timeout: 60_000 });
  await page.reload();
  await goOn.click({ timeout: 60_000 });
  await expect(first).toContainText(/step \d+ of 60/, { timeout: 90_000 });
  await expect(page.getByText('1 of 4 runs begun')).toBeVisible();
  await page.getByRole('button', { name: 'Stop all' }).click();
  await expect(goOn).toBeVisible({ timeout: 60_000 });
});
