// What goes wrong on the person's side is told in a sentence that names the place and the remedy.
import { expect, test } from './guarded';
import { loggedStep, openStudio, runButton, setRecipe, showPanel } from './studio';

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
    page.getByLabel('JSONL file').setInputFiles({ name, mimeType: 'application/jsonl', buffer: Buffer.from(text) });
  await give('broken.jsonl', `${good}\n{"messages": [}\n`);
  await expect(page.getByRole('alert')).toContainText(/line 2/i);
  await give('role.jsonl', `${good}\n${good.replace('"user"', '"robot"')}\n`);
  await expect(page.getByRole('alert')).toContainText(/line 2.*role|role.*line 2/i);
  await give('empty.jsonl', '');
  await expect(page.getByRole('alert')).toContainText(/empty|no rows/i);
  await give('good.jsonl', `${good}\n`);
  await expect(page.getByRole('button', { name: /good/ })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('button', { name: /good/ })).toBeVisible();
});

test('a full disk: training goes on and the message says what is kept', async ({ page, context, baseURL }) => {
  await openStudio(page, '?backend=wasm');
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
