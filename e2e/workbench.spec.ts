// The template and mask workbench as an engineer uses it: a mask of zeros found and cured, a cut target found and cured, golden
// samples that see one blank, a tokenizer from elsewhere, a file of 100,000 rows.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { isAccessible } from './accessible';
import { expect, test } from './guarded';
import { mainThreadTasks } from './mainThread';
import { chooseFile, longRow, withRows } from './manyRows';
import { loggedStep, openStudio, runButton, setRecipe, showPanel, WASM } from './studio';

/** A task that holds the page longer is felt. */
const LONGEST_TASK_MS = 50;
test.describe.configure({ timeout: 180_000 });

const inHand = (page: Page) => page.getByLabel('Template in hand');
/** A run of three steps with nano, from the recipe as it is: nothing stops it, and it logs a loss at each step. */
async function trainAFew(page: Page): Promise<void> {
  await setRecipe(page, {
    per_device_train_batch_size: 2,
    max_steps: 3,
    warmup_ratio: 0,
    logging_steps: 1,
    eval_steps: 0,
    max_eval_samples: 2,
    generate_steps: 0,
    generation_max_new_tokens: 4,
  });
  await runButton(page).click();
  await loggedStep(page, 3);
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect(page.getByRole('main')).toContainText('Finished', { timeout: 60_000 });
}
async function toSft(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Use these settings in SFT' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Supervised fine-tuning' })).toBeVisible();
}
const verdict = (page: Page) => page.locator('.mask-verdict');

test('a mask of zeros is found, and cured twice: by derived spans, and by markers with their proof', async ({
  page,
}) => {
  await openStudio(page, WASM, 'template');
  await inHand(page).selectOption({ label: 'ChatML without markers, as most are published' });
  await expect(page.getByText(/no \{% generation %\} markers/)).toBeVisible();
  await expect(page.getByText('no generation markers', { exact: true })).toBeVisible(); // lint
  await isAccessible(page, 'template with lint');

  await showPanel(page, '#/mask');
  await expect(verdict(page)).toContainText('Training is blocked: 4,000 rows: nothing supervised');
  await isAccessible(page, 'mask of zeros');
  await page.getByRole('button', { name: 'Derive the assistant spans' }).click();
  await expect(verdict(page)).toContainText(/tokens train \(\d+ %\), in 4,000 rows/);
  const derived = await verdict(page).textContent();
  await page.locator('.strip .t.m').first().click();
  await expect(page.locator('.facts').first()).toContainText('starts after the generation prompt');

  // The cure reaches the recipe, template and all, and the gate lets the run start.
  await toSft(page);
  const note = page.getByRole('region', { name: 'Settings from Mask' });
  await expect(note).toContainText('assistant_spans generation → derived');
  await expect(note).toContainText('template ChatML (built-in) → ChatML without markers, as most are published');
  await expect(page.getByLabel('template', { exact: true }).locator('option:checked')).toHaveText(
    'ChatML without markers, as most are published',
  );
  await isAccessible(page, 'SFT with settings from Mask');
  await trainAFew(page);
  await showPanel(page, '#/mask');
  await expect(page.getByText('trains with these settings')).toBeVisible();

  await page.getByLabel('assistant spans').selectOption('generation');
  await expect(verdict(page)).toContainText('nothing supervised');
  await verdict(page).getByRole('link', { name: 'Insert markers into the template' }).click();
  await page.getByRole('button', { name: 'Insert markers' }).click();
  await expect(page.getByText(/Proven on \d+ renders/)).toBeVisible();
  await showPanel(page, '#/mask');
  // The same tokens are trained as with derived spans.
  await expect(verdict(page)).toContainText(/tokens train \(\d+ %\), in 4,000 rows/);
  const counts = /[\d,]+ of [\d,]+ tokens/;
  expect(counts.exec((await verdict(page).textContent())!)![0]).toBe(counts.exec(derived!)![0]);
});

test('a cut target is found and cured: the limit is dragged, raised, or the long rows are dropped', async ({
  page,
}) => {
  await openStudio(page, WASM, 'mask');
  await expect(verdict(page)).toContainText('in 4,000 rows');
  const limit = page.getByRole('spinbutton', { name: 'max_length' });
  await limit.fill('120');
  await expect(verdict(page)).toContainText('Training is blocked');
  await expect(page.locator('.mask-lower')).toContainText(
    /rows lost, [\d,]+ trained tokens lost, [\d,]+ end-of-turn tokens lost/,
  );
  await page.getByLabel('Show rows with').selectOption('cut');
  await page.locator('.mask-rows-item').first().click();
  await expect(page.locator('.strip .t.cut').first()).toBeVisible();
  await isAccessible(page, 'mask with a cut');

  // By keyboard and by pointer.
  const handle = page.getByRole('slider', { name: 'max_length' });
  await handle.focus();
  await page.keyboard.press('ArrowLeft');
  await expect(limit).toHaveValue('119');
  const box = (await handle.boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 60, box.y + 20, { steps: 5 });
  await page.mouse.up();
  expect(Number(await limit.inputValue())).toBeGreaterThan(125);

  await verdict(page)
    .getByRole('button', { name: /^Drop the/ })
    .click();
  await expect(page.locator('.mask-lower')).toContainText('left out');
  await expect(page.getByLabel('longer rows')).toHaveValue('drop');
  await verdict(page)
    .getByRole('button', { name: /^Raise max_length to/ })
    .click();
  await expect(verdict(page)).toContainText(/tokens train \(\d+ %\), in 4,000 rows/);
  await expect(page.locator('.mask-lower')).toContainText('No row is cut');

  // With a model: what each token costs.
  await page.getByLabel('Read the row with a model').selectOption('builtin:nano');
  await expect(page.locator('.facts').first()).toContainText('entropy', { timeout: 60_000 });
  await page.getByRole('button', { name: 'The idea in ten tokens' }).click();
  await expect(page.getByText('6 of context, 4 of answer: Σ m = 4')).toBeVisible();
  await isAccessible(page, 'mask with ten tokens');
});

test('a cut target is cured by leaving the long rows out, and the run trains on the others', async ({ page }) => {
  await openStudio(page, WASM, 'mask');
  await expect(verdict(page)).toContainText('in 4,000 rows');
  await page.getByRole('spinbutton', { name: 'max_length' }).fill('120');
  await expect(verdict(page)).toContainText('Training is blocked');
  // Carried as they are, the settings are stopped by the gate, as Mask said.
  await toSft(page);
  const note = page.getByRole('region', { name: 'Settings from Mask' });
  await note.getByRole('button', { name: /^Train on/ }).click();
  await setRecipe(page, { max_steps: 3 });
  await runButton(page).click();
  const gate = page.getByRole('alert', { name: 'Pre-flight check' });
  await expect(gate).toContainText('trained tokens are cut away', { timeout: 60_000 });
  await gate.getByRole('button', { name: 'Open in Mask' }).click();
  await expect(page.getByRole('spinbutton', { name: 'max_length' })).toHaveValue('120');
  await page.getByLabel('longer rows').selectOption('drop');
  await toSft(page);
  await expect(note).toContainText('truncation_mode keep_start → drop');
  await trainAFew(page);
});

test('golden samples see one blank in the template, at the level of ids; comparing says how many rows it touches', async ({
  page,
}) => {
  await openStudio(page, WASM, 'template');
  await page.getByRole('button', { name: 'Pin this conversation' }).click();
  await page.getByRole('button', { name: 'Pin', exact: true }).click();
  await expect(page.getByText('1 sample, all as they were pinned')).toBeVisible();
  await page.getByRole('radio', { name: 'source' }).click();
  const source = page.getByLabel('Jinja source of the chat template');
  await source.click();
  await page.keyboard.press('ControlOrMeta+f');
  await page.keyboard.press('Escape');
  const text = readFileSync('src/text/builtinTemplate.ts', 'utf8');
  expect(text).toContain("{{ '<|im_start|>assistant\\\\n' -}}");
  // One blank behind the header of the assistant's turn.
  const { template } = await page.evaluate(() => ({
    template: document.querySelector('.cm-content')?.textContent ?? '',
  }));
  expect(template).toContain('<|im_start|>');
  await page.keyboard.press('ControlOrMeta+Home');
  for (let i = 0; i < 200; i++) {
    const line = await page.evaluate(() => document.querySelector('.cm-activeLine')?.textContent ?? '');
    if (line.startsWith("{{ '<|im_start|>assistant")) break;
    await page.keyboard.press('ArrowDown');
  }
  await page.keyboard.press('Home');
  for (let i = 0; i < "{{ '<|im_start|>assistant".length; i++) await page.keyboard.press('ArrowRight');
  await page.keyboard.type(' ');
  await expect(page.getByText('1 of 1 changed')).toBeVisible();
  const golden = page.locator('.goldens tbody tr');
  await expect(golden).toContainText(/token \d+: id \d+ became \d+/);
  await page.getByRole('button', { name: /^Compare/ }).click();
  await expect(page.getByText(/differ as strings/)).toContainText(
    'Of 4,000 rows: 4,000 (100 %) differ as strings, 4,000 (100 %) as ids',
    {
      timeout: 60_000,
    },
  );
  await expect(page.locator('.mismatch')).toContainText(/The prompts part at token \d+|Both give the same/);
  await isAccessible(page, 'template with goldens and comparison');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export', exact: true }).click();
  const path = await (await download).path();
  const file = JSON.parse(readFileSync(path, 'utf8'));
  expect(file).toMatchObject({ format: 'posttrain-studio/goldens', version: 1 });
  // The same name, another sample: pinning and importing ask first.
  await page.getByRole('button', { name: 'Pin this conversation' }).click();
  await page.getByLabel('Name of the golden sample').fill(file.goldens[0].name);
  await expect(page.getByText('A sample of that name is there already.')).toBeVisible();
  await page.getByRole('button', { name: 'Replace', exact: true }).click();
  await expect(page.getByText('1 sample, all as they were pinned')).toBeVisible();
  await page.getByLabel('Golden samples file').setInputFiles(path);
  await expect(page.getByText('1 name of that file is taken by other samples:')).toBeVisible();
  await isAccessible(page, 'goldens with names that are taken');
  await page.getByRole('button', { name: 'Import under new names' }).click();
  await expect(page.getByText('1 of 2 changed')).toBeVisible();
  await page.getByRole('button', { name: 'Undo all edits' }).click();
  // The one that was pinned with the blank is changed now.
  await expect(page.getByText('1 of 2 changed')).toBeVisible();
});

test('documents and variables reach the template; a comparison can be stopped, and says how far it came', async ({
  page,
}) => {
  await openStudio(page, WASM, 'template');
  await page.getByLabel('Load an example').selectOption({ label: 'Retrieval: two documents' });
  await page.getByRole('radio', { name: 'string' }).click();
  const text = page.locator('.rendered-text');
  await expect(text).toContainText('[2] P2: Above that, the treasurer approves.');
  await page.getByRole('radio', { name: 'kwargs' }).click();
  await page.getByLabel('Documents as JSON').fill('[{ "title": "P3", "text": "Only this one." }, 7]');
  await expect(page.getByText('Document 2 is no object')).toBeVisible();
  await page.getByLabel('Documents as JSON').fill('[{ "title": "P3", "text": "Only this one." }]');
  await expect(text).toContainText('[1] P3: Only this one.');
  await page
    .getByLabel('chat_template_kwargs as JSON')
    .fill('{ "documents": [{ "title": "Q", "text": "of all rows" }] }');
  await page.getByRole('radio', { name: 'messages' }).click();
  await page.getByRole('button', { name: 'Give none' }).click();
  await expect(text).toContainText('[1] Q: of all rows');
  await isAccessible(page, 'template with documents');
  await page.getByRole('button', { name: /^Compare/ }).click();
  await expect(page.getByText(/Of the first [\d,]+ rows/)).toBeVisible();
  await page.getByRole('button', { name: /^Stop at/ }).click();
  await expect(page.getByText(/You stopped there; the split has 4,000\./)).toBeVisible();
});

test("another model's tokenizer and template: a folder is read, masked, kept over a reload; what cannot be read is told", async ({
  page,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'tiny-llama-'));
  writeFileSync(join(folder, 'tokenizer.json'), readFileSync('test/fixtures/tokenizers/llama3.json'));
  writeFileSync(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ bos_token: '<s>', eos_token: '</s>', pad_token: '</s>', add_bos_token: true }),
  );
  writeFileSync(
    join(folder, 'chat_template.jinja'),
    "{{ bos_token }}{% for m in messages %}{{ '[' ~ m.role ~ ']' ~ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}",
  );
  await openStudio(page, WASM, 'template');
  await page.getByLabel('Folder of a model').setInputFiles(folder);
  await expect(page.getByText('bos_token <s> · eos_token </s> · pad_token </s>')).toBeVisible();
  await expect(page.getByText(/ends turns with <\/s>/)).toBeVisible();
  await expect(page.getByText('double bos', { exact: true })).toBeVisible();
  await isAccessible(page, 'template of another model');
  await showPanel(page, '#/mask');
  await expect(verdict(page)).toContainText('nothing supervised');
  await page.getByRole('button', { name: 'Derive the assistant spans' }).click();
  await expect(verdict(page)).toContainText('Cut into the tokens of tiny-llama-');
  await expect(page.locator('.boundaries')).toContainText('</s> · 2'); // last trained: the stop token

  await page.reload();
  await showPanel(page, '#/template');
  await expect(page.getByLabel('Tokenizer in hand').locator('option')).toHaveCount(2);
  await page.getByLabel('Tokenizer and template files').setInputFiles({
    name: 'tokenizer.json',
    mimeType: 'application/json',
    buffer: Buffer.from(readFileSync('test/fixtures/tokenizers/llama3.json').subarray(0, 5000)),
  });
  await expect(page.getByText(/tokenizer\.json is not complete JSON/)).toBeVisible();
  await page.getByLabel('Tokenizer and template files').setInputFiles({
    name: 'tokenizer.model',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from([1, 2, 3]),
  });
  await expect(page.getByText(/SentencePiece.*save_pretrained/)).toBeVisible();
  rmSync(folder, { recursive: true });
});

test('a link reproduces template, conversation, settings and, when asked, a row; a tampered one is told', async ({
  page,
  context,
}) => {
  await openStudio(page, WASM, 'template');
  await inHand(page).selectOption({ label: 'Textbook: [assistant] instead' });
  await page.getByLabel('Text of message 2, user').fill('Grüße 预算 🙂');
  await page.getByLabel('add_generation_prompt').check();
  await showPanel(page, '#/mask');
  await page.getByRole('spinbutton', { name: 'max_length' }).fill('200');
  await page.getByRole('button', { name: 'Next row' }).click();
  await expect(page.getByRole('heading', { name: 'Row 1', exact: true })).toBeVisible();
  // Alone, as the other page has it: once the report is read, the row stands here with the padding of its batch.
  const said = (await page.locator('.strip').first().textContent())!.replaceAll('<|pad|>', '');
  await page.getByRole('button', { name: 'Share' }).click();
  const link = page.getByLabel('Link to this state');
  await expect(link).toHaveValue(/#\/open\/1\./);
  const bare = await link.inputValue();
  await page.getByLabel('include row 1 (your data)').check();
  await expect(link).not.toHaveValue(bare);
  const full = await link.inputValue();
  await isAccessible(page, 'mask with a link');

  const other = await context.newPage();
  await other.goto(full.replace('#', `${WASM}#`));
  await expect(other.getByRole('heading', { name: 'Shared row' })).toBeVisible();
  await expect(other.locator('.strip').first()).toHaveText(said);
  await expect(other.getByRole('spinbutton', { name: 'max_length' })).toHaveValue('200');
  await showPanel(other, '#/template');
  await expect(inHand(other).locator('option:checked')).toHaveText('Textbook: [assistant] instead');
  await expect(other.getByLabel('Text of message 2, user')).toHaveValue('Grüße 预算 🙂');
  await expect(other.getByLabel('add_generation_prompt')).toBeChecked();

  const at = bare.length - 40;
  const tampered = bare.slice(0, at) + (bare[at] === 'A' ? 'B' : 'A') + bare.slice(at + 1);
  for (const [wrong, words] of [
    [tampered, /was changed on its way/],
    [bare.slice(0, -10), /is cut off: 10 of its/],
  ] as const) {
    await other.goto('about:blank');
    await other.goto(wrong.replace('#', `${WASM}#`));
    await expect(other.getByRole('alert')).toContainText(words);
  }
  await other.close();
});

test('100,000 rows: the mask report can be stopped and scrolled', async ({ page }) => {
  await openStudio(page, WASM, 'data');
  await withRows(100_000, longRow, async (path) => {
    await chooseFile(page, path);
    await expect(page.getByRole('button', { name: /^big 100,000/ })).toBeVisible({ timeout: 60_000 });
  });
  await showPanel(page, '#/mask');
  await expect(verdict(page)).toContainText(/of 90,000 rows read/, { timeout: 60_000 });
  // While rows are read the page answers: another row is shown, the table scrolls.
  await page.getByRole('button', { name: 'Next row' }).click();
  await expect(page.getByRole('heading', { name: 'Row 1', exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Stop reading' }).click();
  await expect(verdict(page)).toContainText('Reading was stopped');
  const rows = page.getByLabel('Rows of the split');
  await rows.evaluate((element) => element.scrollTo(0, 10_000));
  await expect(page.locator('.mask-rows-item').first()).toBeVisible();
  expect(await page.locator('.mask-rows-item').count()).toBeLessThan(60);
});

test('100,000 rows in the table: scrolling, sorting and filtering them blocks the page no longer than 50 ms at a time', async ({
  page,
  browser,
}) => {
  // Of two shapes, some without an answer: filters and sorting have something to do.
  const line = (i: number) =>
    `{"messages":[{"role":"user","content":"${'q'.repeat(1 + (i % 17))}"}${i % 5 ? `,{"role":"assistant","content":"${'a'.repeat(1 + (i % 29))}"}` : ''}]}`;
  await openStudio(page, WASM, 'data');
  await withRows(112_000, line, async (path) => {
    await chooseFile(page, path);
    await expect(page.getByRole('button', { name: /^big 112,000/ })).toBeVisible({ timeout: 60_000 });
  });
  await showPanel(page, '#/mask');
  // While rows come in, the counts and the order are made anew again and again: the dearest are the last ones.
  await expect(verdict(page)).toContainText(/[678]\d,\d{3} of 100,800 rows read/, { timeout: 150_000 });
  const reading = await mainThreadTasks(browser, page, async () => {
    await page.waitForTimeout(3000);
  });
  expect(reading.longest[0], `while reading: ${reading.longest.join(', ')}`).toBeLessThan(LONGEST_TASK_MS);
  await expect(page.locator('.mask-lower')).toContainText('100,800', { timeout: 150_000 });
  await expect(verdict(page)).toContainText('22,400 rows: nothing supervised');

  const rows = page.getByLabel('Rows of the split');
  const first = rows.locator('.mask-rows-item').first();
  const tasks = await mainThreadTasks(browser, page, async () => {
    for (let i = 0; i < 20; i++) {
      await rows.evaluate((element, to) => element.scrollTo(0, to), i * 137_000);
      await page.waitForTimeout(30);
    }
    await page.getByLabel('Show rows with').selectOption('faulty');
    await expect(page.locator('.mask-lower')).toContainText('22,400 of');
    await page.getByLabel('Show rows with').selectOption('all');
    await page.getByTitle('Sort by tokens').click();
    await page.getByTitle('Sort by tokens').click();
    await rows.evaluate((element) => element.scrollTo(0, 0));
    await expect(page.locator('.mask-lower')).toContainText('100,800');
    await expect(first).toBeVisible();
    await page.getByRole('spinbutton', { name: 'max_length' }).fill('40');
    await expect(page.locator('.mask-lower')).toContainText('cut at the end');
  });
  expect(tasks.longest[0], `longest tasks, ms of CPU: ${tasks.longest.join(', ')}`).toBeLessThan(LONGEST_TASK_MS);
});

test('conformance: the published numbers hold on this device, and the page says which', async ({ page }) => {
  await openStudio(page, WASM, 'conformance');
  await expect(page.getByText('not run yet')).toBeVisible();
  await page.getByRole('button', { name: 'Run all' }).click();
  await expect(page.getByText(/all \d+ hold on wasm/)).toBeVisible({ timeout: 60_000 });
  await expect(page.locator('.conformance tbody tr')).toHaveCount(11);
  await page.getByRole('button', { name: 'All gradients of that loss' }).click();
  await expect(page.getByText(/numbers compared/)).toBeVisible();
  await isAccessible(page, 'conformance');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save as JSON' }).click();
  const file = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
  expect(file.results.every(({ passes }: { passes: boolean }) => passes)).toBe(true);
});
