// Many tenants over one base: who may not be served is refused, one request gets three answers, a wrong routing is caught, slices
// are measured, a trace is replayed, and the log shows what was changed. Then versions: trained, activated, rolled back. On
// WebAssembly.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { isAccessible } from './accessible';
import { expect, test } from './guarded';
import { openStudio, WASM } from './studio';

test.describe.configure({ timeout: 180_000 });

const show = (page: Page, view: string) => page.getByRole('radio', { name: view, exact: true }).click();
async function openAdapters(page: Page): Promise<void> {
  await openStudio(page, WASM, 'adapters');
  await expect(page.getByRole('heading', { level: 2, name: 'i = g(z)' })).toBeVisible();
}
const done = (page: Page) =>
  expect(page.getByRole('button', { name: 'Stop', exact: true })).toHaveCount(0, { timeout: 60_000 });

test('a request routed, answered thrice, misrouted, measured, replayed, and all of it in a log that shows tampering', async ({
  page,
}) => {
  await openAdapters(page);

  // Live, before anything is sent; then sent, refused and logged.
  const decision = page.locator('.ad-decision');
  await expect(decision).toContainText('No rule serves the tenant "bank_D"');
  await page.getByLabel('tenant_id').fill('bank_A');
  await expect(decision).toContainText('g(bank_A, policy_v3, banking) = 17');
  await page.getByLabel('policy_version').fill('policy_v2'); // the one that retail_B has now
  await expect(decision).toContainText('outdated');
  await page.getByRole('button', { name: 'unknown tenant' }).click();
  await page.getByRole('button', { name: 'Send it' }).click();
  await expect(page.getByText('Sent and refused; the refusal is in the log.')).toBeVisible();

  await page.getByRole('button', { name: 'Answer under all three' }).click();
  const answer = (tenant: string) => page.getByRole('region', { name: `Answer for ${tenant}` });
  await expect(answer('bank_A')).toContainText('cannot be skipped', { timeout: 60_000 });
  await expect(answer('retail_B')).toContainText('can be skipped');
  await expect(answer('saas_C')).toContainText('Next step:');
  for (const tenant of ['bank_A', 'retail_B']) await expect(answer(tenant)).toContainText('passed its tenant’s check');
  // It decides rightly, and sends the person to a counterparty that the context does not have.
  await expect(answer('saas_C')).toContainText('a name made up');
  await expect(answer('saas_C')).toContainText('failed its tenant’s check');

  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await expect(page.getByText(/^Caught\. The answer reads like any other: it is valid JSON/)).toBeVisible();
  await expect(page.getByText('bank_A policy_v3 → adapter 42 version 1.').last()).toContainText(
    'but decides otherwise',
  );
  await isAccessible(page, 'routing');

  await show(page, 'Slices');
  await page.getByLabel('cases').fill('2');
  await page.getByRole('button', { name: 'Measure' }).click();
  await expect(page.locator('.ad-matrix td')).toHaveCount(9, { timeout: 60_000 });
  await expect(page.locator('.ad-matrix td').first()).toContainText(/, n.2/);
  await isAccessible(page, 'slices');

  await show(page, 'Serving');
  await page.getByLabel('requests', { exact: true }).fill('12');
  await page.getByLabel('max_new_tokens').fill('6');
  const budget = page.getByLabel('LRU budget, KiB');
  await budget.fill('3');
  await expect(page.getByRole('alert')).toContainText('smaller than one adapter');
  await expect(page.getByRole('button', { name: 'Replay' })).toBeDisabled();
  await page.getByRole('checkbox', { name: /^hot, LRU budget/ }).uncheck();
  await page.getByRole('checkbox', { name: /^merged/ }).uncheck();
  await page.getByRole('button', { name: 'Replay' }).click();
  const timeline = page.getByRole('slider', { name: 'Requests, batched by adapter id' });
  await timeline.press('ArrowDown', { timeout: 60_000 });
  await expect(timeline).toHaveAttribute('aria-valuetext', /adapter \d+ version 1: waited|refused/);
  await expect(page.getByRole('row', { name: /^refused/ })).toContainText('2');
  await isAccessible(page, 'serving');

  // 3 first versions that serve, 1 refused, 3 + 1 answers routed and checked, the last of them sent elsewhere by hand, and two replays of 12: 2 refused, 10 routed and checked each.
  await show(page, 'Log');
  await expect(page).toHaveURL(/#\/adapters\/log$/);
  const entries = 3 + 1 + 4 * 2 + 1 + 2 * (2 + 10 * 2);
  await page.getByRole('button', { name: 'Verify' }).click();
  await expect(page.getByText(`The log holds: ${entries} entries`)).toBeVisible();
  await page.getByLabel('decision').selectOption('refused');
  await expect(page.getByText('1 entry, newest first')).toBeVisible(); // replays stand aside
  await page.getByLabel('with replays').check();
  await expect(page.getByText('5 entries, newest first')).toBeVisible();
  await page.getByLabel('replay', { exact: true }).fill('replay-');
  await expect(page.getByText('4 entries, newest first')).toBeVisible();
  await page
    .locator('.ad-log')
    .getByRole('button', { name: /^replay-/ })
    .first()
    .click();
  await expect(page.getByLabel('replay', { exact: true })).toHaveValue(/^replay-.{8}$/);
  await page.getByLabel('replay', { exact: true }).fill('');
  await page.getByLabel('text', { exact: true }).fill('page-');
  await expect(page.locator('.ad-log tbody tr')).toHaveCount(1);
  await expect(page.locator('.ad-log tbody tr')).toContainText('bank_D');
  await isAccessible(page, 'log');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export JSONL' }).click();
  const log = readFileSync(await (await download).path(), 'utf8');
  expect(log.trim().split('\n')).toHaveLength(entries + 1); // and the head
  const verify = async (text: string) =>
    page
      .getByLabel('Exported log')
      .setInputFiles({ name: 'day.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(text) });
  await verify(log);
  await expect(page.getByText(`day.jsonl holds: ${entries} entries`)).toBeVisible();
  // The misrouting made to look as if the right adapter had answered.
  const lines = log.split('\n');
  const at = lines.findIndex((line) => line.includes('"adapterId":42') && line.includes('bank_A'));
  lines[at] = lines[at]!.replace('"adapterId":42', '"adapterId":17');
  await verify(lines.join('\n'));
  await expect(page.getByText(`day.jsonl is broken at entry ${at + 1}`)).toBeVisible();
  await expect(page.locator('.ad-broken')).toHaveText(lines[at]!);

  // All that was answered and measured, in the other theme and on a phone.
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  for (const view of ['Routing', 'Slices', 'Serving', 'Log']) {
    await show(page, view);
    await isAccessible(page, `${view}, dark`);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  for (const view of ['Routing', 'Registry', 'Combine', 'Slices', 'Serving', 'Log']) {
    await show(page, view);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect.soft(width, `${view} at 390 px`).toBeLessThanOrEqual(390);
  }

  // Figures outlive the page, with when and on what they were measured.
  await page.reload();
  await show(page, 'Slices');
  await expect(page.locator('.ad-matrix td')).toHaveCount(9);
  await expect(page.getByText(/^Measured .* on WebAssembly SIMD; kept until another version serves/)).toBeVisible();
  await show(page, 'Serving');
  await expect(page.getByRole('button', { name: 'Replay again' })).toBeVisible();
  await expect(page.getByText(/^Measured .* until another version serves or a routing rule changes/)).toBeVisible();
});

test('a PEFT folder from elsewhere becomes an adapter; a rule leads to it, a sum has it, and the log keeps the rule', async ({
  page,
}) => {
  await openAdapters(page);
  await show(page, 'Registry');
  const card = page.locator('.card', { hasText: 'Import an adapter' });
  await page.getByLabel('Adapter files').setInputFiles('public/models/micro-sft/config.json');
  await expect(card.getByRole('alert')).toContainText('config.json is here. Choose its folder');
  // Dropped, one of the two files; then the folder, picked.
  const config = readFileSync('test/fixtures/peft-folder/adapter_config.json', 'utf8');
  const dataTransfer = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], 'adapter_config.json'));
    return transfer;
  }, config);
  await card.locator('.drop-zone').dispatchEvent('drop', { dataTransfer });
  await expect(card.getByRole('alert')).toContainText('adapter_config.json came without adapter_model.safetensors');
  await page.getByLabel('Adapter folder').setInputFiles('test/fixtures/peft-folder');
  await expect(card).toContainText('r 2, lora_alpha 4, on 8 modules; 3,584 parameters');
  await expect(card).toContainText('names somebody/finance-assistant, and the base here is micro-sft-base');
  await expect(card).toContainText('alpha_pattern has the key "up_prj"');
  const registerIt = card.getByRole('button', { name: 'Register the import' });
  await expect(registerIt).toBeDisabled();
  await card.getByLabel('It was trained on micro-sft-base').check();
  await card.getByLabel('id', { exact: true }).fill('77');
  await isAccessible(page, 'import');
  await registerIt.click();
  await expect(card).toContainText('Registered as version 1 of adapter 77');
  const entry = page.locator('.ad-registry tbody', { hasText: 'peft-folder' });
  await expect(entry).toContainText('base confirmed by hand, the file names somebody/finance-assistant');
  // It answers no tenant's cases that a check could count: where the registry asks why it serves, it is told.
  await entry.getByRole('button', { name: /^Activate/ }).click();
  if (await entry.getByLabel('Reason').isVisible()) {
    await entry.getByLabel('Reason').fill('a rehearsal');
    await entry.getByRole('button', { name: 'Activate all the same' }).click();
  }
  await expect(entry).toContainText('version 1 serves');

  await show(page, 'Routing');
  await page.getByRole('button', { name: 'Add a rule' }).click();
  const form = page.getByRole('form', { name: 'A new rule' });
  await form.getByLabel('tenant_id').fill('bank_D');
  await form.getByLabel('policy_version').fill('policy_v3');
  await form.getByLabel('adapter').selectOption('17');
  await form.getByRole('button', { name: 'Save the rule' }).click();
  await expect(page.getByText('Adapter 17 (bank_A) is registered for bank_A')).toBeVisible();
  await form.getByLabel('adapter').selectOption('77');
  await isAccessible(page, 'a rule');
  await form.getByRole('button', { name: 'Save the rule' }).click();
  await expect(page.locator('.ad-decision')).toContainText('g(bank_D, policy_v3, banking) = 77');

  await show(page, 'Combine');
  for (const adapter of ['42 retail_B', '77 peft-folder']) await page.getByRole('checkbox', { name: adapter }).click();
  for (const row of [5, 4, 2]) await page.getByRole('button', { name: `Remove sum ${row}` }).click();
  await page.getByRole('button', { name: 'Answer under each' }).click();
  await expect(page.getByRole('region', { name: 'Answer under 1 × 17' })).toContainText('decides as bank_A', {
    timeout: 30_000,
  });
  await expect(page.getByRole('region', { name: 'Answer under 0.5 × 17 + 0.5 × 77' })).toBeVisible();
  await page.getByRole('button', { name: 'Combine', exact: true }).click();
  await expect(page.getByText(/Registered as version 1 of adapter 78 \(cat: 0.5 × adapter 17 version 1 \+ 0.5 × adapter 77/)).toBeVisible(); // biome-ignore format: one sentence
  await isAccessible(page, 'combine');

  await show(page, 'Log');
  await page.getByLabel('decision').selectOption('rules');
  await expect(page.locator('.ad-log tbody tr')).toHaveCount(1);
  await expect(page.locator('.ad-log tbody tr')).toContainText('Rule added: bank_D policy_v3 → 77. 4 rules in force');
  await page.getByText('In force from here on').click();
  await expect(page.locator('.ad-log li').last()).toHaveText('bank_D policy_v3 any industry → 77');
  await isAccessible(page, 'a change of rules in the log');
});

test.describe('a copy of the studio without adapters', () => {
  test.use({ serviceWorkers: 'block' }); // it would answer from its cache

  test('the three tenants are trained and serve; a next version needs a reason or a check, and one click takes it back', async ({
    page,
    guards,
  }) => {
    await page.route('**/models/adapters/**', (route) => route.fulfill({ status: 404 }));
    await openAdapters(page);
    await expect(page.getByRole('heading', { level: 2, name: 'No adapter serves yet' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Answer under all three' })).toBeDisabled();
    await isAccessible(page, 'empty');
    const train = async (seed: number) => {
      for (const [name, value] of Object.entries({ max_steps: 3, per_device_train_batch_size: 3, rows: 30, seed }))
        await page.locator('.ad-training').getByLabel(name, { exact: true }).fill(String(value));
      await page.getByRole('button', { name: 'Train the three tenants' }).click();
    };
    await train(1);
    await show(page, 'Registry');
    // Three steps teach nobody a policy: each first version waits, and serves for a reason alone.
    const needsReason = page.getByRole('button', { name: 'Activate …' });
    await expect(page.locator('.ad-registry').getByText('It does not pass.')).toHaveCount(3, { timeout: 120_000 });
    await expect(page.getByText(/have versions that have not passed the check/)).toBeVisible();
    for (let left = 3; left > 0; left--) {
      await expect(needsReason).toHaveCount(left);
      await needsReason.first().click();
      await page.getByLabel('Reason').fill('three steps for a test');
      await page.getByRole('button', { name: 'Activate all the same' }).click();
    }
    await expect(page.locator('.ad-registry .verdict', { hasText: 'active' })).toHaveCount(3);

    await train(2);
    const newest = page
      .locator('.ad-registry tbody', { hasText: 'bank_A policy_v3' })
      .getByRole('row', { name: /^version 2/ });
    await expect(newest).toContainText('not compared with version 1', { timeout: 60_000 });
    await newest.getByRole('button', { name: 'Activate …' }).click();
    await newest.getByLabel('Reason').fill('a rehearsal');
    await newest.getByRole('button', { name: 'Activate all the same' }).click();
    const bank = page.locator('.ad-registry tbody', { hasText: 'bank_A policy_v3' });
    await expect(bank).toContainText('version 2 serves');
    await bank.getByRole('button', { name: 'Roll back to version 1' }).click();
    await expect(bank).toContainText('version 1 serves');
    await bank.getByText('3 changes').click();
    await expect(newest).toContainText('Served for a reason, not by its check: a rehearsal');
    await expect(bank).toContainText('Version 2 activated in place of 1. Reason: a rehearsal');

    await page.locator('.card', { hasText: 'Before a version serves' }).getByLabel('cases').fill('2');
    await newest.getByRole('button', { name: 'Check' }).click();
    await expect(newest).toContainText(/\d of 2 cases got worse/, { timeout: 60_000 });
    await newest.getByText('Which').click();
    await newest.locator('.ad-case summary').first().click();
    await expect(newest.locator('.ad-case').first()).toContainText('right by the policy');
    await page.getByRole('button', { name: /^Compare adapter/ }).click();
    await done(page);
    await expect(page.getByText(/no logit differs by more than/)).toBeVisible();
    await page.getByRole('button', { name: /^Merge adapter \d+ and take it out again/ }).click();
    await done(page);
    await expect(page.getByText(/merged and taken out again: no weight of/)).toBeVisible();
    await expect(page.getByText(/Beside four bits it is not offered/)).toBeVisible();
    await isAccessible(page, 'registry');
    await show(page, 'Log');
    await page.getByLabel('decision').selectOption('registry');
    await expect(page.locator('.ad-log tbody tr')).toHaveCount(5);
    await expect(page.locator('.ad-log tbody tr').nth(1)).toContainText('the reason given: a rehearsal');
    await page.reload();
    await expect(page.getByRole('heading', { level: 2, name: 'Routing log' })).toBeVisible();
    guards.forgive(/404/);
  });
});

test('a run of the tenants that a reload interrupted becomes versions all the same, once it is continued elsewhere', async ({
  page,
  context,
}) => {
  await openStudio(page, WASM, 'adapters/registry');
  const card = page.locator('.ad-training');
  for (const [name, value] of Object.entries({ max_steps: 12, per_device_train_batch_size: 3, rows: 30, seed: 5 }))
    await card.getByLabel(name, { exact: true }).fill(String(value));
  await page.getByRole('button', { name: 'Train the three tenants' }).click();
  await expect(page.getByRole('button', { name: 'Stop the run' })).toBeVisible({ timeout: 30_000 });
  // Another tab sees the run and cannot stop it: it says so in the card.
  const other = await context.newPage();
  await openStudio(other, WASM, 'adapters/registry');
  await other.getByRole('button', { name: 'Stop the run' }).click();
  await expect(other.locator('.ad-training').getByRole('alert')).toContainText('was not stopped');
  await other.close();

  await page.reload();
  await page.goto(`./${WASM}#/runs`);
  await page.getByRole('table').getByRole('button', { name: 'Continue' }).click();
  await page.goto(`./${WASM}#/adapters/registry`);
  const bank = page.locator('.ad-registry tbody', { hasText: 'bank_A policy_v3' });
  await expect(bank.getByRole('row', { name: /^version 2/ })).toContainText('· bank_A', { timeout: 60_000 });
  await expect(card.getByText(/has finished and left version 2 of 9 \(saas_C\)/)).toBeVisible();
});
