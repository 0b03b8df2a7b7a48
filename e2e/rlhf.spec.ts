// RLHF: a run that draws its own completions and is paid by rules, its objective as it was logged, a group opened to its advantages,
// estimators of the KL beside the exact one, and the worked example. On WebAssembly, with the smallest model.
import type { Page } from '@playwright/test';
import { isAccessible } from './accessible';
import { expect, test } from './guarded';
import { openStudio, showPanel, storedPoints, WASM } from './studio';

const card = (page: Page, title: string) =>
  page.locator('section.card').filter({ has: page.getByRole('heading', { name: title, exact: true }) });
const tab = (page: Page, name: string) =>
  page.getByRole('radiogroup', { name: 'Show' }).getByRole('radio', { name }).click();
async function set(page: Page, args: Record<string, number>): Promise<void> {
  for (const [name, value] of Object.entries(args)) {
    await page.getByLabel(name, { exact: true }).fill(String(value));
    await page.getByLabel(name, { exact: true }).press('Tab');
  }
}
/** As the page writes numbers: three digits, a real minus sign. */
const written = (text: string): number => Number(text.replace('−', '-').replace(/[()]/g, ''));

test('RLOO for two rules: objective, a drawn group, KL laboratory, worked example', async ({ page }) => {
  await openStudio(page, WASM);
  await showPanel(page, '#/rlhf');
  await expect(page.getByRole('heading', { name: 'RLHF', level: 1 })).toBeVisible();
  await expect(page.getByLabel('model', { exact: true })).toHaveValue('builtin:nano');
  const start = page.getByRole('button', { name: 'Start RLHF' });
  const rewards = card(page, 'Rewards');

  // What makes no sense is told before anything starts.
  await set(page, { num_generations: 1 });
  await expect(page.getByText(/num_generations must be at least 2 for rloo, got 1/)).toBeVisible();
  await expect(start).toBeDisabled();
  await set(page, { num_generations: 4, per_device_train_batch_size: 8, max_completion_length: 24, max_steps: 6 });
  for (const title of ['Length', 'Valid JSON by the schema'])
    await rewards.getByRole('button', { name: `Take out ${title}` }).click();
  await expect(page.getByText(/rloo trains on rewards, and recipe.rewards is empty/)).toBeVisible();
  await expect(start).toBeDisabled();
  const add = rewards.getByLabel('Add a reward');
  await add.selectOption({ label: 'Length' });
  await rewards.getByLabel('target', { exact: true }).fill('8');
  await add.selectOption({ label: 'Valid JSON by the schema' });
  await expect(start).toBeEnabled();
  await isAccessible(page, 'before a run');

  await start.click();
  await expect(page.getByText(/^Finished: RLOO, β 0\.02 · 1, 6 steps\./)).toBeVisible({ timeout: 60_000 });
  // The equation on screen is the last point’s own numbers.
  const [points] = Object.values(await storedPoints(page));
  const last = points!.findLast((point) => 'objective/rlhf_reward' in point)!;
  const text = await page.locator('.rlhf-equation').innerText();
  const [, r, beta, kl, , penalty, net] =
    /= ([−\d.]+) − ([\d.]+) · (\(?[−\d.]+\)?) = ([−\d.]+) − (\(?[−\d.]+\)?) = ([−\d.]+) at step 6/.exec(text)!;
  const near = (shown: string | undefined, logged: number | null | undefined) =>
    expect(Math.abs(written(shown!) - logged!)).toBeLessThanOrEqual(0.006 * Math.max(1, Math.abs(logged!)));
  near(r, last['objective/scores']);
  near(beta, last['objective/kl_coef']);
  near(kl, last['objective/kl']);
  near(penalty, -last['objective/non_score_reward']!);
  near(net, last['objective/rlhf_reward']);
  expect(last['objective/rlhf_reward']).toBeCloseTo(last.reward! - 0.02 * last['objective/kl']!, 6);
  await expect(page.getByRole('img', { name: /^objective over 6 steps: / })).toBeVisible();
  await expect(page.getByRole('img', { name: /^kl over 6 steps: kl \(k1\) .*, kl\/k2 .*, kl\/k3 / })).toBeVisible();
  await expect(card(page, 'Time of an iteration')).toContainText('mean of 6');
  await expect(card(page, 'rewards')).toContainText(/Length [\d.]+ · Valid JSON by the schema/);

  await tab(page, 'Inspect a rollout');
  await page.getByRole('button', { name: 'Draw', exact: true }).click();
  const group = card(page, 'Group');
  await expect(group).toContainText(/RLOO, β 0\.02 · 1, step 6: row 0 of 400 prompts, β 0\.02/, { timeout: 30_000 });
  const cells = await group.getByRole('row').nth(1).getByRole('cell').allInnerTexts();
  // Own less the mean of the others is what the run weighs it by.
  const [own, others, advantage] = cells.slice(-3).map(written);
  expect(Math.abs(own! - others! - advantage!)).toBeLessThan(0.012);
  await expect(group).toContainText('A = own − mean of the others =');
  await expect(page.getByRole('listbox', { name: /^Completion \d coloured by advantage$/ })).toHaveCount(4);
  await isAccessible(page, 'a drawn group');

  await tab(page, 'KL laboratory');
  await page.getByRole('radio', { name: '8', exact: true }).click();
  await page.getByRole('button', { name: 'Measure', exact: true }).click();
  const found = card(page, 'Estimates beside the exact KL');
  await expect(found.getByRole('row')).toHaveCount(6, { timeout: 60_000 });
  await expect(found).toContainText(/RLOO, β 0\.02 · 1, checkpoint · step 6: \d+ tokens of 8 completions/);
  await expect(found).toContainText(/the least noisy; as a loss k\d comes closest to the KL’s gradient/);
  await expect(card(page, 'Token by token')).toContainText(/Exact over the vocabulary: KL\(π‖ref\) [\d.]/);
  await isAccessible(page, 'KL laboratory');

  await tab(page, 'Worked example');
  const example = card(page, 'Worked example');
  await expect(example).toContainText('1.2 − 0.1 · 0.5 = 1.15');
  await expect(example).toContainText('1.2 − 3 · 0.5 = −0.3');
  await expect(example).toContainText('Break-even at β = 1.2 ∕ 0.5 = 2.4');
  await example.getByLabel('KL paid').fill('0.1');
  await expect(example).toContainText('1.2 − 3 · 0.1 = 0.9');
  await example.getByRole('button', { name: 'This run’s numbers' }).click();
  await expect(example.getByLabel('KL paid')).toHaveValue(String(Number(last['objective/kl']!.toPrecision(3))));
  await isAccessible(page, 'worked example');

  // Draft, run and tab outlive a reload; on a phone nothing lies beside the screen.
  await page.reload();
  await expect(card(page, 'Worked example')).toBeVisible();
  await page.setViewportSize({ width: 390, height: 844 });
  for (const name of ['Worked example', 'KL laboratory', 'Inspect a rollout', 'Run']) {
    await tab(page, name);
    await expect
      .poll(() => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth))
      .toBeLessThanOrEqual(0);
  }
});
