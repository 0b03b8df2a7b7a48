// A person's own model without {% generation %} markers and their own rows, on their way from Models to Mask, SFT and Chat.
import type { Page, TestInfo } from '@playwright/test';
import { expect, test } from './guarded';
import { folder } from './modelFolder';
import { openStudio, showPanel, WASM } from './studio';

test.describe.configure({ timeout: 180_000 });

async function importBoth(page: Page, info: TestInfo): Promise<void> {
  await openStudio(page, WASM);
  await showPanel(page, '#/models');
  await page.getByLabel('Folder of a model to import').setInputFiles(folder(info, 'tiny'));
  await expect(page.getByRole('heading', { name: 'tiny' })).toBeVisible();
  await showPanel(page, '#/data');
  const rows = Array.from({ length: 40 }, (_, i) => ({ messages: [{ role: 'user', content: `Capital of land ${i}?` }, { role: 'assistant', content: `Town ${i}.` }] })); // biome-ignore format: one row
  const buffer = Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'));
  await page.getByLabel('Dataset file').setInputFiles({ name: 'capitals.jsonl', mimeType: 'application/jsonl', buffer }); // biome-ignore format: one file
  await expect(page.getByText('Capital of land 0?').first()).toBeVisible();
}

test('imported model and rows train with the defaults; Mask reads as SFT does; answers are to the held-out rows', async ({
  page,
}, info) => {
  await importBoth(page, info);
  await page.getByRole('button', { name: 'Train on the set in SFT' }).click();
  await expect(page.getByLabel('data', { exact: true }).locator('option:checked')).toHaveText('capitals');
  await page.getByLabel('Imported or trained model').selectOption({ label: 'tiny (imported)' });
  await expect(page.getByText(/markers are missing in the template of tiny: .* derived from what it prints/)).toBeVisible(); // biome-ignore format: one call
  // Back at markers the refusal has the way out.
  await page.getByRole('button', { name: /more settings$/ }).click();
  await page.getByLabel('assistant_spans').selectOption('generation');
  await page.getByLabel('max_steps').fill('2');
  await page.getByRole('button', { name: 'Fewer settings' }).click();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const refusal = page.getByRole('alert').filter({ hasText: 'None of the 36 rows can be trained on' });
  await expect(refusal).toBeVisible();
  await refusal.getByRole('button', { name: 'Open in Mask' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Mask');
  await expect(page.getByLabel('Tokenizer that Mask reads with').locator('option:checked')).toContainText('tiny');
  await expect(page.getByLabel('Template that Mask reads with').locator('option:checked')).toHaveText('the tokenizer’s own'); // biome-ignore format: one call
  await expect(page.getByLabel('Read the row with a model')).toContainText('tiny');
  await page.setViewportSize({ width: 390, height: 844 });
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByLabel('Tokenizer that Mask reads with').selectOption('');
  await page.getByRole('button', { name: 'Read as SFT does' }).click();
  await expect(page.getByLabel('Tokenizer that Mask reads with').locator('option:checked')).toContainText('tiny');
  await showPanel(page, '#/sft');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await refusal.getByRole('button', { name: 'Derive the assistant spans' }).click();
  // This template prints no end of a turn, which the gate tells.
  const gate = page.getByRole('alert', { name: 'Pre-flight check' });
  await gate.getByRole('button', { name: 'Train all the same' }).click();
  await expect(page.getByText(/^Finished/)).toBeVisible({ timeout: 120_000 });
  await expect(page.getByText(/your held-out row: “Capital of land \d+\?”/)).toBeVisible();
  await expect(page.getByText(/the studio’s own finance cases: 40/)).toBeVisible();
  // It is there to train on, at once.
  await showPanel(page, '#/lora');
  await expect(page.getByLabel('model', { exact: true })).toContainText('(all weights)');
});

test('rows of plain prompt and completion: trained in LoRA from Data, and Chat opens as a plain continuation', async ({
  page,
}) => {
  await openStudio(page, WASM);
  await showPanel(page, '#/data');
  const rows = Array.from({ length: 40 }, (_, i) => JSON.stringify({ prompt: `Capital of land ${i}: `, completion: `Town ${i}` })); // biome-ignore format: one row
  const bring = async (name: string, text: string, count: number) => {
    await page.getByLabel('Dataset file').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
    await expect(page.getByRole('button', { name: new RegExp(`^pairs\\W*${count}`), pressed: true })).toBeVisible();
  };
  await bring('pairs.jsonl', rows.slice(0, 30).join('\n'), 30);
  await bring('pairs.json', `[${rows.join(',')}]`, 40);
  await page.getByRole('button', { name: 'in LoRA' }).click();
  // Two sets of one name are told apart.
  const data = page.getByLabel('data', { exact: true });
  await expect(data.locator('option:checked')).toHaveText('pairs · 40 rows · .json');
  await expect(data).toContainText('pairs · 30 rows · .jsonl');
  await page.getByLabel('model', { exact: true }).selectOption('builtin:nano');
  await page.getByRole('group', { name: 'Adapter settings' }).getByLabel('max_steps').fill('2');
  await page.getByRole('button', { name: /more settings/ }).click();
  await page.getByRole('button', { name: 'Train this adapter' }).click();
  const gate = page.getByRole('alert', { name: 'Pre-flight check' });
  const finished = page.getByText(/^Finished/);
  await expect(gate.or(finished)).toBeVisible({ timeout: 60_000 });
  if (await gate.isVisible()) await gate.getByRole('button', { name: 'Train all the same' }).click();
  await expect(finished).toBeVisible({ timeout: 60_000 });
  // The folded settings are folded again, and say so.
  await expect(page.getByRole('button', { name: /\d+ more settings/ })).toBeVisible();
  await expect(page.getByText(/your held-out row: “Capital of land/)).toBeVisible();
  await page.getByRole('button', { name: 'compare it with its base in Chat' }).click();
  await expect(page.getByRole('radio', { name: 'Plain continuation' })).toBeChecked();
  await expect(page.getByLabel('Text to continue')).toHaveValue(/^Capital of land \d+: $/);
  await page.getByRole('radio', { name: 'Chat', exact: true }).click();
  await expect(page.getByText(/trained on rows of plain text, without a template/)).toBeVisible();
  await expect(page.getByLabel('Serve with the template').locator('option').first()).toHaveText('that of its recipe');
});
