// A reward model: trained on votes, measured on held-out pairs, what it pays for, and its reward token by token. On WebAssembly, with the
// smallest model.
import type { Page } from '@playwright/test';
import { isAccessible } from './accessible';
import { expect, test } from './guarded';
import { openStudio, showPanel, WASM } from './studio';

const card = (page: Page, title: string) =>
  page.locator('section.card').filter({ has: page.getByRole('heading', { name: title, exact: true }) });

test('train on votes, measure, look into the worst pair, score texts of one’s own', async ({ page }) => {
  await openStudio(page, WASM);
  await showPanel(page, '#/reward');
  await expect(page.getByRole('heading', { name: 'Reward model', level: 1 })).toBeVisible();
  await expect(page.getByLabel('model', { exact: true })).toHaveValue('builtin:nano');
  await expect(card(page, 'Judge')).toContainText('Train one above, or bring one');
  await isAccessible(page, 'before a run');

  // With an adapter the head is trained beside it.
  await page.getByRole('radio', { name: 'LoRA' }).click();
  await expect(page.getByText('modules_to_save ["score"]')).toBeVisible();
  await page.getByRole('button', { name: /more settings/ }).click();
  const short = {
    max_steps: 12,
    per_device_train_batch_size: 2,
    learning_rate: 0.01,
    eval_steps: 0,
    max_eval_samples: 8,
  };
  for (const [name, value] of Object.entries(short)) {
    await page.getByLabel(name, { exact: true }).fill(String(value));
    await page.getByLabel(name, { exact: true }).press('Tab');
  }
  await page.getByRole('button', { name: 'Fewer settings' }).click();
  await page.getByRole('button', { name: 'Train on votes' }).click();
  await expect(page.getByText(/^Finished: Reward on pref, LoRA · 1, 12 steps\./)).toBeVisible({ timeout: 90_000 });
  await expect(page.getByRole('img', { name: /^loss over 12 steps: train \d/ })).toBeVisible();
  await expect(page.getByRole('img', { name: /^reward over 12 steps: max_reward/ })).toBeVisible();

  const judge = card(page, 'Judge');
  await judge.getByRole('radio', { name: '32' }).click();
  await judge.getByRole('button', { name: 'Measure', exact: true }).click();
  const held = card(page, 'Held-out pairs');
  await expect(held.locator('.card-note')).toHaveText('32 pairs of Preference pairs, 95 % intervals', {
    timeout: 60_000,
  });
  await expect(held.getByRole('row', { name: /^accuracy chosen answers with the larger reward.*\d+ % .* to .*n 32/ })).toBeVisible(); // biome-ignore format: one row
  await expect(held.getByRole('row', { name: /^by true quality/ })).toBeVisible();
  await expect(held.getByRole('img', { name: /^Reliability of .* stated: / })).toBeVisible();
  await expect(held.getByRole('img', { name: /^Margins under .* pairs: 32 values$/ })).toBeVisible();
  await expect(held.locator('.reward-groups')).toContainText('several at once');
  const paid = card(page, 'What it pays for');
  await expect(paid.getByRole('row', { name: /^Flattery added n 24/ })).toContainText('none'); // in true quality
  await expect(paid.getByRole('row', { name: /^Evidence removed/ })).toContainText(/−0\.\d+/);

  // The worst pair is opened below, under the model that was measured.
  const tokens = card(page, 'Reward by token');
  await held
    .getByRole('region', { name: /loses by most/ })
    .getByRole('button')
    .first()
    .click();
  await expect(tokens.locator('.card-note')).toHaveText(/^held-out pair \d+: A was chosen, B rejected$/);
  await expect(tokens.getByText(/^It prefers [AB] by [\d.]+: σ\([\d.]+\) = \d+\.\d %\./)).toBeVisible();
  await expect(tokens.getByRole('img', { name: /^reward of the beginning over \d+ tokens: A .*, B / })).toBeVisible();
  // Texts of one's own; a token is looked at by the keyboard.
  await tokens.getByLabel('prompt').fill('What is the budget?');
  await tokens.getByRole('textbox', { name: 'Answer A' }).fill('It is 12,000 euros.');
  await tokens.getByRole('textbox', { name: 'Answer B' }).fill('');
  await expect(tokens.locator('.card-note')).toHaveText('your own texts');
  await expect(tokens.getByRole('listbox')).toHaveCount(1);
  const strip = tokens.getByRole('listbox', { name: /^Answer A coloured/ });
  await expect(strip).toContainText('euros');
  await strip.focus();
  await strip.press('Home');
  await expect(tokens.getByText(/^token 1: reward −?[\d.e−]+ up to here, [+−]?[\d.e−]+ by this token$/)).toBeVisible();
  await isAccessible(page, 'after measuring');
  await page.setViewportSize({ width: 390, height: 844 });
  await expect
    .poll(() => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth))
    .toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1280, height: 800 });

  // Other pages say whose run it is.
  await showPanel(page, '#/sft');
  await expect(
    page.getByText(/Reward on pref, LoRA · 1 \(finished, 12 steps\) is a run of Reward model\./),
  ).toBeVisible();

  // The report lies beside its run: a reload shows it, with the number of pairs that was asked.
  await showPanel(page, '#/reward');
  await page.reload();
  await expect(held.locator('.card-note')).toHaveText('32 pairs of Preference pairs, 95 % intervals');
  await expect(judge.getByRole('button', { name: 'Measure again' })).toBeVisible();
  await expect(paid.getByRole('row', { name: /^Evidence removed/ })).toContainText(/−0\.\d+/);
});
