// What goes wrong on the person's side is told in a sentence that names the place and the remedy.
import { expect, test } from './guarded';
import { loggedStep, openStudio, runButton, setRecipe, showPanel, WASM } from './studio';

test.describe.configure({ timeout: 240_000 });

test('malformed JSONL: the message names the line, and the rows that were there stay', async ({ page }) => {
  await openStudio(page);
  await showPanel(page, '#/data');
  const good = JSON.stringify({
    messages: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ],
  });
  const give = (name: string, text: string) =>
    page.getByLabel('Dataset file').setInputFiles({ name, mimeType: 'application/jsonl', buffer: Buffer.from(text) });
  await give('broken.jsonl', `${good}\n{"messages": [}\n`);
  await expect(page.getByRole('alert')).toContainText(/line 2/i);
  await give('role.jsonl', `${good}\n${good.replace('"user"', '"robot"')}\n`);
  await expect(page.getByRole('alert')).toContainText(/line 2.*role|role.*line 2/i);
  await give('empty.jsonl', '');
  await expect(page.getByRole('alert')).toContainText(/empty|no rows/i);
  await give('good.jsonl', `${good}\n`);
  await expect(page.getByRole('button', { name: /^good/ })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('button', { name: /^good/ })).toBeVisible();
});

test('a full disk: training goes on and the message says what is kept', async ({ page, context, baseURL }) => {
  await openStudio(page, WASM);
  await setRecipe(page, { per_device_train_batch_size: 2, max_steps: 60, save_steps: 20, logging_steps: 1 });
  await runButton(page).click();
  await loggedStep(page, 3);
  const session = await context.newCDPSession(page);
  // Less than the site's own cache holds already: nothing more can be written.
  await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(baseURL!).origin, quotaSize: 100_000 });
  await expect(page.getByText(/no room to save/i).first()).toBeVisible({ timeout: 90_000 });
  await expect(page.getByText(/training goes on; the last good checkpoint is kept/i).first()).toBeVisible();
  await expect(runButton(page)).toBeEnabled({ timeout: 120_000 });
  await expect(page.getByText('finished', { exact: false }).first()).toBeVisible();
});

test('a number that does not fit stays in its field with the reason, and nothing runs meanwhile', async ({ page }) => {
  await openStudio(page, WASM, 'sft');
  await expect(runButton(page)).toBeEnabled();
  const rows = page.getByLabel('per_device_train_batch_size', { exact: true });
  await rows.fill('4096');
  await rows.press('Tab');
  await expect(rows).toHaveValue('4096');
  await expect(page.getByRole('alert')).toHaveText('per_device_train_batch_size must be in [1, 256], got 4096');
  await expect(runButton(page)).toBeDisabled();
  await expect(runButton(page)).toHaveAccessibleDescription(/must be in \[1, 256\]/);
  // It is still there after a visit elsewhere.
  await showPanel(page, '#/chat');
  const temperature = page.getByLabel('temperature');
  await temperature.fill('99');
  await temperature.press('Tab');
  await expect(temperature).toHaveValue('99');
  await expect(page.getByRole('alert')).toHaveText('temperature must be in [0, 2], got 99');
  await expect(page.getByRole('button', { name: 'Generate' })).toBeDisabled();
  await temperature.fill('0.7');
  await expect(page.getByRole('button', { name: 'Generate' })).toBeEnabled();
  await showPanel(page, '#/sft');
  await expect(rows).toHaveValue('4096');
  await rows.fill('4');
  await rows.press('Tab');
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect(runButton(page)).toBeEnabled();
});

test('a run that WebAssembly has no memory for is refused before it starts, on a phone with the recipe folded too', async ({
  page,
}) => {
  await openStudio(page, WASM);
  await page.setViewportSize({ width: 390, height: 844 });
  await showPanel(page, '#/sft');
  await expect(page.getByText(/^Up to \d+ MiB of WebAssembly’s 4 GiB/)).toBeInViewport();
  await page.getByRole('button', { name: 'Change' }).click();
  await page.getByRole('button', { name: /more settings/ }).click();
  await page.getByLabel('per_device_train_batch_size', { exact: true }).fill('256');
  await page.getByLabel('max_length', { exact: true }).fill('1024');
  const refusal = page.getByRole('alert').filter({ hasText: 'WebAssembly has 4 GiB' });
  await expect(refusal).toContainText(/Set per_device_train_batch_size to \d+, or max_length to \d+\./);
  const above = (await refusal.boundingBox())!.y;
  expect(above).toBeLessThan((await page.getByLabel('max_length', { exact: true }).boundingBox())!.y);
  await expect(runButton(page)).toBeDisabled();
  await expect(runButton(page)).toHaveAccessibleDescription(/WebAssembly has 4 GiB/);
  await page.reload();
  await expect(refusal).toBeInViewport(); // the recipe is folded again
  await expect(runButton(page)).toBeDisabled();
});
