// A person's own model: its folder through the browser's picker and by drop, its card, an answer from it, out again as a folder.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Page, TestInfo } from '@playwright/test';
import { unzipSync } from 'fflate';
import { writeAdapter } from '../src/interop/peft';
import { initLora, targetModules } from '../src/nn/lora';
import { PRESETS } from '../src/nn/presets';
import { readSafetensors, writeSafetensors } from '../src/storage/safetensors';
import { expect, test } from './guarded';
import { folder, largeFolder } from './modelFolder';
import { expectToFit, openStudio, showPanel, WASM } from './studio';

test.describe.configure({ timeout: 180_000 });

/** What a person does with a folder of the desktop: a drag whose data are real files. */
async function drop(page: Page, path: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const box = (await page.locator('.models-import .drop-zone').boundingBox())!;
  const at = { x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2) };
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, ...at, data });
}

test('a tokenizer that a model reads with stays; a saved template goes after a question', async ({ page }, info) => {
  await openStudio(page, WASM);
  await showPanel(page, '#/models');
  await page.getByLabel('Folder of a model to import').setInputFiles(folder(info, 'my-nano'));
  await expect(page.getByRole('heading', { name: 'my-nano' })).toBeVisible();
  await expect(page.locator('.models-storage').getByRole('button', { name: 'Delete my-nano, tokenizer' })).toBeDisabled(); // biome-ignore format: one call
  await showPanel(page, '#/template');
  const inHand = page.getByLabel('Tokenizer in hand');
  await inHand.selectOption({ label: await inHand.locator('option', { hasText: 'my-nano' }).innerText() });
  await page.getByRole('button', { name: 'Delete my-nano' }).click();
  await expect(page.locator('.kit-bar').getByRole('alert')).toHaveText(/The model my-nano reads with this tokenizer/);
  await expect(inHand).toHaveValue(/^sha256:/);
  await page.getByRole('button', { name: 'Close my-nano' }).click();
  const template = page.getByLabel('Template in hand');
  await template.selectOption({ index: 3 });
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByLabel('Name of the template').fill('Mine');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('button', { name: 'Delete the saved one' }).click();
  await page.getByRole('button', { name: 'Keep Mine' }).click();
  await page.getByRole('button', { name: 'Delete the saved one' }).click();
  await page.getByRole('button', { name: 'Delete for good: Mine' }).click();
  await expect(template.locator('option', { hasText: 'Mine' })).toHaveCount(0);
});

test('a model’s folder comes in by picker, answers, and goes out with the same weights', async ({ page }, info) => {
  await openStudio(page, WASM);
  await showPanel(page, '#/models');
  await page.getByLabel('Folder of a model to import').setInputFiles(folder(info, 'my-nano'));
  await expect(page.getByRole('heading', { name: 'my-nano' })).toBeVisible();
  const card = page.locator('.models-card');
  await expect(card).toContainText('imported');
  await expect(card).toContainText('3 × 64');
  await expect(card).toContainText('model.safetensors');
  await expect(card.getByRole('row', { name: /QLoRA/ })).toContainText('runs');
  await expect(page.locator('.models-storage')).toContainText('my-nano');
  await expectToFit(page, 'Stored items');
  // Out again, byte for byte.
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export as a folder (.zip)' }).click(),
  ]);
  const files = unzipSync(new Uint8Array(await readFile((await download.path())!)));
  expect(Buffer.compare(Buffer.from(files['model.safetensors']!), await readFile('public/models/nano/model.safetensors'))).toBe(0); // biome-ignore format: one comparison
  expect(new TextDecoder().decode(files['README.md'])).toContain('# my-nano');
  // It is there after a reload, and answers under its own template.
  await page.reload();
  await showPanel(page, '#/models');
  await page
    .getByRole('button', { name: /my-nano/ })
    .first()
    .click();
  await page.getByRole('button', { name: 'Chat with it' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Chat');
  await expect(page.getByLabel('Right model')).toHaveValue(/^sha256:/);
  await page.getByRole('radio', { name: 'string' }).click();
  await expect(page.locator('.raw-prompt')).toContainText('[user] Q3 spending');
  await page.getByLabel('max_new_tokens').fill('8');
  await page.getByRole('button', { name: 'Generate' }).click();
  await expect(page.getByRole('button', { name: 'Generate' })).toBeEnabled({ timeout: 60_000 });
  await expect(page.locator('.answers .answer-text').last()).not.toHaveText('');
  // An adapter is trained on this model, not on what LoRA had before.
  await showPanel(page, '#/models');
  await page
    .getByRole('button', { name: /my-nano/ })
    .first()
    .click();
  await page.getByRole('button', { name: 'Train an adapter' }).click();
  await expect(page.getByLabel('model', { exact: true })).toHaveValue(/^sha256:/);
  // Gone after it is deleted, tokenizer and all.
  await showPanel(page, '#/models');
  await page.locator('.models-storage').getByRole('button', { name: 'Delete my-nano' }).first().click();
  await expect(page.getByRole('alert')).toContainText('Delete the model my-nano? Nothing else needs it.');
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await expect(page.getByText(/Deleted my-nano: .* freed/)).toBeVisible();
});

/** An adapter of nano in PEFT's files, with numbers that change every answer. */
function adapter(info: TestInfo, base: string, width = 64): string {
  const path = info.outputPath('finance');
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  const lora = { r: 2, lora_alpha: 8, use_rslora: true, target_modules: ['q_proj', 'down_proj'] };
  const config = { ...PRESETS.nano, hidden_size: width };
  const tensors = initLora(targetModules(config, lora), lora, config, 1, () => new Float32Array());
  for (const [name, { data }] of Object.entries(tensors)) if (name.includes('lora_B')) data.fill(0.3);
  for (const [name, bytes] of Object.entries(writeAdapter(config, lora, tensors, base)))
    writeFileSync(`${path}/${name}`, bytes);
  return path;
}

test('an adapter is dropped beside an imported model: checked, added, held against its base in Chat, exported, deleted', async ({
  page,
}, info) => {
  await openStudio(page, WASM);
  await showPanel(page, '#/models');
  await page.getByLabel('Folder of a model to import').setInputFiles(folder(info, 'my-nano'));
  await expect(page.getByRole('heading', { name: 'my-nano' })).toBeVisible();
  const adding = page.locator('.models-adapter');
  // One of another width says so; it is chosen on the card.
  await page.getByRole('button', { name: /^Add an adapter to/ }).click();
  await page.getByLabel('Folder of an adapter to add').setInputFiles(adapter(info, 'org/wide', 128));
  await expect(adding.getByRole('alert')).toContainText(/its config names org\/wide\): there .* gives 128 numbers, and in my-nano 64/); // biome-ignore format: one call
  await adding.getByRole('button', { name: 'Close' }).click();
  // One that names another base waits for a word.
  await drop(page, adapter(info, 'org/other-7b'));
  await expect(adding).toContainText('finance: r 2, lora_alpha 8, rsLoRA, on 6 modules');
  await expect(adding.getByRole('button', { name: 'Add the adapter' })).toBeDisabled();
  await adding.getByLabel('It was trained on my-nano').check();
  await adding.getByRole('button', { name: 'Add the adapter' }).click();
  const card = page.locator('.models-card');
  await expect(card.getByRole('heading', { name: 'finance' })).toBeVisible();
  await expect(card).toContainText('adapter of my-nano');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: /^Export in PEFT’s files/ }).click(),
  ]);
  const zip = info.outputPath('finance.peft.zip');
  await download.saveAs(zip);
  const files = unzipSync(new Uint8Array(await readFile(zip)));
  expect(Object.keys(files).sort()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'posttrain_studio.json']); // biome-ignore format: one call
  // Its own zip is recognised by the hash of its base.
  await drop(page, zip);
  await expect(adding).toContainText('the hashes of the base’s files agree');
  await adding.getByRole('button', { name: 'Close' }).click();
  // Base left, adapter right, whatever Chat had before.
  await page.getByRole('button', { name: 'Compare with its base in Chat' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Chat');
  await expect(page.getByLabel('Left model').locator('option:checked')).toHaveText('my-nano');
  await expect(page.getByLabel('Right model').locator('option:checked')).toHaveText('finance');
  await page.getByRole('radio', { name: 'string' }).click();
  await expect(page.locator('.raw-prompt')).toContainText('[user] Q3 spending');
  await page.getByLabel('max_new_tokens').fill('8');
  await page.getByRole('button', { name: 'Generate' }).click();
  await expect(page.getByRole('button', { name: 'Generate' })).toBeEnabled({ timeout: 60_000 });
  const answers = await page.locator('.answers .answer-text').allTextContents();
  expect(answers).toHaveLength(2);
  expect(answers[0]).not.toBe(answers[1]);
  await showPanel(page, '#/models');
  await page.getByRole('button', { name: /finance/ }).first().click(); // biome-ignore format: one line
  await card.getByRole('button', { name: /^Delete/ }).click();
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await expect(page.getByRole('list', { name: 'Models' })).not.toContainText('finance');
});

test('a folder of shards comes in by picker, goes out as a zip, and the zip comes in as the same model', async ({
  page,
}, info) => {
  const path = folder(info, 'sharded');
  const tensors = Object.entries(readSafetensors(new Uint8Array(readFileSync(`${path}/model.safetensors`))));
  rmSync(`${path}/model.safetensors`);
  const [a, b] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const half = Math.ceil(tensors.length / 2);
  writeFileSync(`${path}/${a}`, writeSafetensors(Object.fromEntries(tensors.slice(0, half))));
  writeFileSync(`${path}/${b}`, writeSafetensors(Object.fromEntries(tensors.slice(half))));
  const weight_map = Object.fromEntries(tensors.map(([name], i) => [name, i < half ? a : b]));
  writeFileSync(`${path}/model.safetensors.index.json`, JSON.stringify({ metadata: { total_size: 1 }, weight_map }));
  await openStudio(page, WASM);
  await showPanel(page, '#/models');
  await page.getByLabel('Folder of a model to import').setInputFiles(path);
  await expect(page.getByRole('heading', { name: 'sharded' })).toBeVisible();
  const card = page.locator('.models-card');
  await expect(card).toContainText(a);
  await expect(card).toContainText(b);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export as a folder (.zip)' }).click(),
  ]);
  const zip = info.outputPath('back.zip');
  await download.saveAs(zip);
  await page.getByLabel('Files of a model to import').setInputFiles(zip);
  // The same files are the same artifact, under the name that it had.
  await expect(page.getByText(/is being looked through|Reading and hashing|Copying/)).toHaveCount(0);
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect(page.getByRole('list', { name: 'Models' }).getByText('imported')).toHaveCount(1);
});

test('a folder dropped on the page comes in; another architecture is refused by its name', async ({ page }, info) => {
  await openStudio(page, WASM);
  await showPanel(page, '#/models');
  await drop(page, folder(info, 'a-qwen', { model_type: 'qwen2' }));
  await expect(page.getByRole('alert')).toContainText(
    /"qwen2".*would need biases in the query, key and value projections/,
  );
  await drop(page, folder(info, 'dropped'));
  await expect(page.getByRole('heading', { name: 'dropped' })).toBeVisible();
  await expect(page.getByRole('alert')).toHaveCount(0);
});

test('a tab that is closed in the middle of an import: given again, the folder goes on; discarded, nothing is left', async ({
  page,
}, info) => {
  const path = largeFolder(info, 'large');
  await openStudio(page, WASM);
  await showPanel(page, '#/models');
  const picker = page.getByLabel('Folder of a model to import');
  const cutOff = page.getByText(/The import of large was cut off\./);
  const cut = async () => {
    await picker.setInputFiles(path);
    await page.getByText(/Copying into this browser/).waitFor();
    await page.reload();
    await showPanel(page, '#/models');
    await expect(cutOff).toBeVisible();
  };
  await cut();
  await page.getByRole('button', { name: 'Discard' }).click();
  await expect(cutOff).toHaveCount(0);
  await expect(page.locator('.models-storage')).toContainText('Nothing is stored yet');
  await cut();
  await picker.setInputFiles(path);
  await expect(page.getByRole('heading', { name: 'large' })).toBeVisible({ timeout: 60_000 });
  await expect(cutOff).toHaveCount(0);
});
