// Preference training: a method and its recipe, curves by TRL's names, one pair opened to its tokens, pairs under another loss, and
// a run that is stopped. On WebAssembly, with the smallest model.
import type { Page } from '@playwright/test';
import { isAccessible } from './accessible';
import { expect, test } from './guarded';
import { openStudio, showPanel, WASM } from './studio';

const box = (page: Page) => page.locator('.pref-box');
const card = (page: Page, title: string) =>
  page.locator('section.card').filter({ has: page.getByRole('heading', { name: title, exact: true }) });

async function openPreferences(page: Page): Promise<void> {
  await openStudio(page, WASM);
  await showPanel(page, '#/preferences');
  await expect(page.getByRole('heading', { name: 'Preferences', level: 1 })).toBeVisible();
}
async function set(page: Page, args: Record<string, number>): Promise<void> {
  await page.getByRole('button', { name: /more settings/ }).click();
  for (const [name, value] of Object.entries(args)) {
    await page.getByLabel(name, { exact: true }).fill(String(value));
    await page.getByLabel(name, { exact: true }).press('Tab');
  }
  await page.getByRole('button', { name: 'Fewer settings' }).click();
}
const SHORT = { max_steps: 400, per_device_train_batch_size: 2, max_eval_samples: 4, eval_steps: 0, generate_steps: 0 };

test('DPO on the world’s pairs: curves, one pair to its tokens, another loss, stop', async ({ page }) => {
  await openPreferences(page);
  // Without a graphics card the smallest model is suggested, and what its base lacks is said.
  await expect(page.getByLabel('model', { exact: true })).toHaveValue('builtin:nano');
  await expect(page.getByText(/A raw base has not learnt to answer/)).toBeVisible();
  // Policy and reference agree before the first step: ln 2, and half of the pull.
  await expect(box(page)).toContainText('loss = −log σ(0.00) = 0.693', { timeout: 60_000 });
  await expect(box(page)).toContainText('Weight −dL∕dm = 0.500');
  await expect(box(page)).toContainText('a step moves chosen ↑ rejected ↓');
  // The chapter's own pair is the first row; its two answers are read side by side.
  await expect(box(page).getByRole('region', { name: 'chosen' })).toContainText(
    /\d+ tokens, log π −[\d,]+, log π_ref −/,
  );
  await expect(box(page).getByRole('listbox', { name: 'rejected answer coloured by adds to Δ' })).toBeVisible();
  await expect(card(page, 'Worked example')).toContainText('Δ = log 0.6 − log 0.2 = 1.10 = ln 3');
  await isAccessible(page, 'before a run');

  await set(page, SHORT);
  await page.getByRole('button', { name: 'Train on votes' }).click();
  await expect(page.getByRole('img', { name: /^rewards over/ })).toBeVisible({ timeout: 90_000 });
  await expect(page.getByRole('img', { name: /^loss over 400 steps: .*held-out 0\.693/ })).toBeVisible();
  await expect(page.getByLabel('beta', { exact: true })).toBeDisabled();
  await expect
    .poll(async () => Number(/step (\d+) of 400/.exec(await page.locator('.train-pace').innerText())?.[1] ?? 0), {
      timeout: 90_000,
    })
    .toBeGreaterThan(22); // warm-up is over
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await expect(page.locator('.train-pace')).toContainText(/paused at step \d+ of 400/);
  // The pair is read again, under the weights as they are: the two no longer agree.
  await expect(box(page)).toContainText(/live · step \d+, read at step \d+ beside the reference/);
  await expect(box(page)).toContainText(/Δ − Δ_ref = [+−]\d/);
  await expect(box(page)).not.toContainText('loss = −log σ(0.00) = 0.693');

  const margins = card(page, 'Loss over margin');
  await margins.getByRole('radio', { name: '8', exact: true }).click();
  await margins.getByRole('button', { name: 'Read pairs' }).click();
  await expect(margins.getByRole('img', { name: /^DPO sigmoid: .* 8 points$/ })).toBeVisible({ timeout: 60_000 });
  await expect(margins.locator('.card-note')).toHaveText(/^8 pairs of Preference pairs · dev, step \d+$/);
  // Another loss needs no further reading.
  await margins.getByLabel('Another loss').selectOption({ label: 'DPO hinge' });
  await expect(margins.getByRole('img', { name: /^DPO hinge: .* 8 points$/ })).toBeVisible();
  await expect(margins.getByRole('region', { name: 'Pairs and how they are pulled' }).getByRole('row')).toHaveCount(9);
  await margins.getByRole('button', { name: 'row 3' }).click();
  await expect(box(page).getByRole('spinbutton', { name: 'row' })).toHaveValue('3');
  await expect(box(page).getByRole('radio', { name: 'dev' })).toBeChecked();
  await isAccessible(page, 'during a run');

  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(page.getByText(/^You stopped the run at step \d+ of 400\./)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Measure before and after' })).toBeVisible();
  // SFT says in a line whose run it is.
  await showPanel(page, '#/sft');
  await expect(
    page.getByText(/DPO sigmoid, β 0\.1 · 1 \(stopped at step \d+ of 400\) is a run of Preferences\./),
  ).toBeVisible();

  // Draft and run outlive a reload; on a phone nothing lies beside the screen.
  await page.reload();
  await showPanel(page, '#/preferences');
  await expect(page.getByLabel('max_steps', { exact: true })).toHaveValue('400');
  await expect(page.getByText(/^You stopped the run at step/)).toBeVisible();
  await page.setViewportSize({ width: 390, height: 844 });
  await expect
    .poll(() => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth))
    .toBeLessThanOrEqual(0);

  // A second run takes the place of the first: the cards of that one are gone.
  await expect(card(page, 'Answers')).toHaveCount(1);
  await page.getByRole('button', { name: 'Train on votes' }).click();
  await expect(page.getByText(/^You stopped the run at step/)).toBeHidden({ timeout: 60_000 });
  await expect(page.getByRole('button', { name: 'Pause', exact: true })).toBeVisible();
  await expect(card(page, 'Answers')).toHaveCount(1);
});

test('methods change what the recipe asks for; faults are told, and rows that do not fit are not offered', async ({
  page,
}) => {
  await openPreferences(page);
  const data = page.getByLabel('data', { exact: true });
  await expect(data.getByRole('option')).toHaveText(['Preference pairs', 'Preference pairs, biased votes']);
  await page.getByRole('radio', { name: 'KTO' }).click();
  await expect(data).toHaveValue('builtin:pref'); // pairs are two answers with a label
  await expect(data.getByRole('option')).toHaveCount(3);
  await expect(box(page)).toContainText(/KTO takes each answer alone/, { timeout: 60_000 });
  // Answers with a label are opened as they are trained on: one by one.
  await data.selectOption('builtin:unpaired');
  const labelled = page.locator('.card', {
    has: page.getByRole('heading', { name: 'Glass box of a labelled answer' }),
  });
  await expect(labelled).toContainText(/KTO takes each answer alone, by its label/, { timeout: 60_000 });
  await expect(labelled.getByRole('region', { name: /^(good|bad)$/ })).toHaveCount(1);
  await expect(labelled).toContainText(/(good|bad): r = 0\.1 · [+−]?0\.00 = /); // policy and reference are one model still
  await data.selectOption('builtin:pref');
  await page.getByRole('radio', { name: 'SimPO' }).click();
  await expect(page.getByLabel('simpo_gamma', { exact: true })).toHaveValue('0.5');
  await expect(page.getByText('none in this loss', { exact: true })).toBeVisible();
  await expect(box(page)).toContainText(/CPO simpo: .*−log σ\(m − γ\)/);
  await page.getByRole('radio', { name: 'DPO' }).click();
  await page.getByLabel('beta', { exact: true }).fill('-1');
  await expect(page.getByText('beta must be in [0, 100], got -1').first()).toBeVisible();
  await expect(page.getByRole('button', { name: 'Train on votes' })).toBeDisabled();
  await page.getByLabel('beta', { exact: true }).fill('0.1');
  await expect(page.getByRole('button', { name: 'Train on votes' })).toBeEnabled();
  // robust needs to know how many votes are wrong to say anything else than sigmoid; its limit is the worker's to tell.
  await page.getByRole('radio', { name: 'flipped votes' }).click();
  await expect(page.getByRole('button', { name: 'Train 5 runs' })).toBeEnabled(); // 3 shares, and 2 for robust
});
