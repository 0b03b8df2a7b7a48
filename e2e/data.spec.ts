// Rows of one's own, in every way in which a browser gives them: picked, dropped, pasted, fetched; put right, divided, and out again.
import { readFileSync, statSync } from 'node:fs';
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { strFromU8, unzipSync } from 'fflate';
import { expect, test } from './guarded';
import { mainThreadTasks } from './mainThread';
import { chooseFile, longRow, readAndCancel, withRows } from './manyRows';
import { openStudio, showPanel } from './studio';

const WASM = '?backend=wasm';
/** CPU time of one main-thread task, ms: the promise of the design. */
const LONGEST_TASK_MS = 50;
const FIXTURES = 'test/fixtures/datasets/';

async function isAccessible(page: Page, where: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag22aa']).analyze();
  expect(
    violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
    where,
  ).toEqual([]);
}
const pick = (page: Page, name: string, text: string) =>
  page.getByLabel('Dataset file').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
/** As a person drops a file of the disk on the page. */
async function drop(page: Page, name: string, bytes: Buffer): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([fileName, base64]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], fileName));
      return data;
    },
    [name, bytes.toString('base64')] as const,
  );
  await page.locator('.drop-zone').dispatchEvent('drop', { dataTransfer: transfer });
}
const rowsList = (page: Page) => page.getByRole('listbox', { name: 'Rows' });

test('a CSV with columns of its own names: mapped, previewed, imported, split by group, exported and dropped again', async ({
  page,
}) => {
  await openStudio(page, WASM, 'data');
  const lines = Array.from(
    { length: 60 },
    (_, i) => `Question ${i % 50}?,"It is ${i % 50}, ""booked"".",team ${i % 8}`,
  );
  await pick(page, 'questions.csv', `question,answer,team\n${lines.join('\n')}\n`);
  const card = page.locator('.data-mapping');
  await expect(card).toContainText('CSV · 3 columns');
  await expect(page.getByLabel('Column for prompt')).toHaveValue('question');
  await expect(page.getByLabel('Column for completion')).toHaveValue('answer');
  await expect(card).toContainText('It is 0, "booked".');
  // Another column, and the preview follows.
  await page.getByLabel('Column for completion').selectOption('team');
  await expect(card).toContainText('team 3');
  await page.getByLabel('Form of the rows').selectOption('text');
  await expect(card).toContainText('Choose a column for text.');
  await expect(page.getByRole('button', { name: 'Import', exact: true })).toBeDisabled();
  await page.getByLabel('Form of the rows').selectOption('prompt-completion');
  await isAccessible(page, 'Data with the mapping');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(page.getByRole('button', { name: /^questions 60/ })).toHaveAttribute('aria-pressed', 'true');
  await expect(rowsList(page)).toContainText('Question 0?');

  await page.getByRole('button', { name: 'Split, deduplicate, sample' }).click();
  await page.getByRole('radio', { name: 'deduplicate' }).click();
  await expect(page.getByText('10 rows of 60 would go, 50 stay')).toBeVisible();
  await page.getByRole('radio', { name: 'split by group' }).click();
  await page.getByLabel('dev, %').fill('40');
  await expect(page.getByText(/none on both sides/)).toBeVisible();
  await isAccessible(page, 'Data with operations');
  await page.getByRole('button', { name: 'Make the set' }).click();
  const made = page.getByRole('button', { name: /^questions · split by team 60/ });
  await expect(made).toHaveAttribute('aria-pressed', 'true');
  await expect(made).toContainText('Made from questions.');

  const downloading = page.waitForEvent('download');
  await page.getByRole('button', { name: 'as Parquet' }).click();
  const file = await downloading;
  expect(file.suggestedFilename()).toBe('questions-split-by-team-train.parquet');
  await drop(page, 'again.parquet', readFileSync(await file.path()));
  await expect(page.getByRole('button', { name: /^again \d+/ })).toHaveAttribute('aria-pressed', 'true');
  await expect(page.getByRole('button', { name: /^again/ })).toContainText('Imported from again.parquet');
});

test('Parquet and UTF-16 files that Python wrote, dropped; files that are damaged or of another kind are named', async ({
  page,
}) => {
  await openStudio(page, WASM, 'data');
  const zstd = readFileSync(`${FIXTURES}messages-zstd.parquet`);
  await drop(page, 'messages.parquet', zstd);
  await expect(page.getByRole('button', { name: /^messages 24/ })).toContainText('beyond 2^53 are kept as text');
  await expect(rowsList(page)).toContainText('São Paulo');
  await drop(page, 'calls.parquet', readFileSync(`${FIXTURES}calls.parquet`));
  await page.getByRole('button', { name: /^calls 2/ }).click();
  await page.getByLabel('Role', { exact: true }).selectOption('tool');
  await expect(page.getByText('2 of 2 match')).toBeVisible();
  await drop(page, 'utf16.tsv', readFileSync(`${FIXTURES}messages-utf16.tsv`));
  await expect(page.getByRole('button', { name: /^utf16 24/ })).toBeVisible();
  const alert = page.getByRole('alert');
  await drop(page, 'cut.parquet', zstd.subarray(0, -40));
  await expect(alert).toContainText(/cut\.parquet: It does not end with PAR1.*cut off/);
  await drop(page, 'rows.jsonl.gz', Buffer.from([0x1f, 0x8b, 8, 0, 0]));
  await expect(alert).toContainText('rows.jsonl.gz is a gzip file');
  await drop(page, 'latin.csv', Buffer.from('prompt,completion\na,M\xfcnchen\n', 'latin1'));
  await expect(alert).toContainText(/latin\.csv, line 2: not UTF-8 text at byte 21/);
});

test('faulty rows: refused or kept; one is corrected in place, saved and undone', async ({ page }) => {
  await openStudio(page, WASM, 'data');
  await pick(page, 'mine.jsonl', '{"prompt":"a","completion":"b"}\n{"prompt":"c"}\nnot json\n');
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('mine.jsonl, line 2: completion is missing in this row.');
  await page.getByRole('button', { name: 'Import the 1 good row and keep the faulty to correct' }).click();
  await page.getByLabel('with problems (2)').check();
  await expect(page.getByText('2 of 3 match')).toBeVisible();
  await expect(page.locator('.data-row')).toContainText('Left out of training. completion is missing');
  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  const editor = page.getByLabel('Row as JSON');
  await expect(page.locator('.data-row .cm-editor')).toBeVisible();
  await editor.fill('{"prompt":"c","completion":3}');
  await page.getByRole('button', { name: 'Keep the edit' }).click();
  await expect(alert).toContainText('completion must be a list of messages, got 3');
  await isAccessible(page, 'Data with the editor');
  await editor.fill('{"prompt":"c","completion":"d"}');
  await page.getByRole('button', { name: 'Keep the edit' }).click();
  await expect(page.getByText('1 edited row not saved')).toBeVisible();
  // It stays in the list of rows with problems, and on show, until that filter is applied anew.
  await expect(page.getByText('2 of 3 match')).toBeVisible();
  await expect(page.locator('.data-row')).toContainText('Edited, not saved yet.');
  await expect(rowsList(page).getByRole('option').first()).toContainText('edited');
  await page.getByLabel('with problems (2)').uncheck();
  await page.getByLabel('with problems (2)').check();
  await expect(page.getByText('1 of 3 match')).toBeVisible();
  await page.getByLabel('with problems (2)').uncheck();
  await page.getByLabel('edited (1)').check();
  await expect(page.locator('.data-row')).toContainText('Edited, not saved yet.');
  await page.reload();
  await expect(page.getByRole('button', { name: /^mine 3/ })).toHaveAttribute('aria-pressed', 'true');
  await page.getByRole('button', { name: 'Save as a new set' }).click();
  await expect(page.getByRole('button', { name: /^mine · edited 3/ })).toHaveAttribute('aria-pressed', 'true');
  await page.getByLabel('edited (1)').check();
  await expect(page.locator('.data-row')).toContainText('an earlier version of the set has it otherwise');
});

test.describe('addresses', () => {
  // The service worker would fetch past the stand-in for a file on the server.
  test.use({ serviceWorkers: 'block' });
  test('rows pasted, and files of the studio’s own site; other sites are not asked', async ({ page }) => {
    await openStudio(page, WASM, 'data');
    await page.getByRole('button', { name: 'paste rows' }).click();
    await page.getByLabel('Rows to read').fill('instruction\tinput\toutput\nAdd\t1 and 2\t3\n');
    await page.getByRole('button', { name: 'Read them' }).click();
    await expect(page.getByRole('button', { name: /^pasted rows 1/ })).toContainText('Alpaca’s instruction');
    await page.getByRole('button', { name: 'give an address' }).click();
    await page.getByLabel('Address of a file on this site').fill('https://huggingface.co/datasets/x/rows.jsonl');
    await page.getByRole('button', { name: 'Fetch it' }).click();
    await expect(page.getByRole('alert')).toContainText('The studio cannot ask huggingface.co: its security policy');
    await page.getByLabel('Address of a file on this site').fill('manifest-of-nothing.jsonl');
    await page.route('**/manifest-of-nothing.jsonl', (route) => route.fulfill({ body: '{"text":"from this site"}\n' }));
    await page.getByRole('button', { name: 'Fetch it' }).click();
    await expect(page.getByRole('button', { name: /^manifest-of-nothing 1/ })).toBeVisible();
    await expect(rowsList(page)).toContainText('from this site');
  });
});

test('50 MB of JSONL: cancelled, read again, searched and scrolled; the page stays free all the while', async ({
  page,
  browser,
}) => {
  await openStudio(page, WASM, 'data');
  await withRows(100_000, longRow, async (path) => {
    expect(statSync(path).size).toBeGreaterThan(45e6);
    await readAndCancel(page, path);
    const reading = await mainThreadTasks(browser, page, async () => {
      await chooseFile(page, path);
      await expect(page.getByRole('button', { name: /^big 100,000/ })).toBeVisible({ timeout: 60_000 });
    });
    expect(reading.longest[0], `while reading: ${reading.longest.join(', ')}`).toBeLessThan(LONGEST_TASK_MS);
  });
  await expect(rowsList(page)).toContainText('Question 0?');
  const looking = await mainThreadTasks(browser, page, async () => {
    for (let i = 1; i <= 20; i++) {
      await rowsList(page).evaluate((element, to) => element.scrollTo(0, to), i * 190_000);
      await page.waitForTimeout(30);
    }
    await expect(page.getByText(/Question 959\d\d\?/).first()).toBeVisible();
    await page.getByLabel('Search the rows').fill('answer 4321:');
    await expect(page.getByText('1 of 90,000 match')).toBeVisible({ timeout: 30_000 });
  });
  expect(looking.longest[0], `while looking: ${looking.longest.join(', ')}`).toBeLessThan(LONGEST_TASK_MS);
  expect(await page.locator('.rows-item').count()).toBeLessThan(60);

  // A search and the saving of edits say how far they are and can be cancelled; rows are locked while edits are saved.
  await page.getByLabel('Search the rows').fill('answer 77777:');
  await expect(page.getByText(/Looking at the rows: \d+/)).toBeVisible();
  await page.getByRole('button', { name: 'Cancel the search' }).click();
  await expect(page.getByLabel('Search the rows')).toHaveValue('');
  await expect(page.getByText('90,000 rows', { exact: true })).toBeVisible();
  const row = page.locator('.data-row');
  await row.getByRole('button', { name: 'Edit' }).click();
  // The plain text area gives way to the editor as soon as that is loaded: what is put into it at that moment would be lost.
  await expect(row.locator('.cm-editor')).toBeVisible();
  await row.getByLabel('Row as JSON').fill('{"messages":[{"role":"user","content":"Changed?"},{"role":"assistant","content":"Yes"}]}'); // biome-ignore format: one row
  await row.getByRole('button', { name: 'Keep the edit' }).click();
  const drafts = page.locator('.note', { hasText: '1 edited row not saved' });
  const save = drafts.getByRole('button', { name: 'Save as a new set' });
  await row.getByRole('button', { name: 'Edit', exact: true }).click();
  await expect(save).toBeDisabled();
  await row.getByRole('button', { name: 'Cancel' }).click();
  await save.click();
  await expect(drafts.getByRole('status')).toHaveText(/(Writing|Keeping): \d+/);
  await expect(row.getByRole('button', { name: 'Edit', exact: true })).toBeDisabled();
  await drafts.getByRole('button', { name: 'Cancel' }).click();
  await expect(save).toBeEnabled();
  await expect(page.getByRole('button', { name: /^big · edited/ })).toHaveCount(0);
  await save.click();
  await expect(page.getByRole('button', { name: /^big · edited 100,000/ })).toBeVisible({ timeout: 30_000 });
});

test('files that pandas and pyarrow wrote, through the browser’s picker', async ({ page }) => {
  await openStudio(page, WASM, 'data');
  for (const [name, rows, words] of [
    ['messages-pandas.csv', 24, 'München'],
    ['preference-pandas.csv', 6, 'Question 0?'],
    ['messages-snappy.parquet', 24, '总部'],
    ['preference-columns.json', 6, 'Question 0?'],
  ] as const) {
    await chooseFile(page, `${FIXTURES}${name}`);
    const set = page.getByRole('button', { name: new RegExp(`^${name.split('.')[0]} ${rows}`) });
    await expect(set).toHaveAttribute('aria-pressed', 'true');
    await expect(page.getByRole('heading', { level: 2, name: `Rows of ${name.split('.')[0]}` })).toBeVisible();
    await expect(rowsList(page)).toContainText(words);
  }
  await expect(page.getByRole('button', { name: /^preference-columns 6/ })).toContainText('orient="columns"');
  // The latest first.
  await expect(page.locator('.dataset-list').first().locator('b')).toHaveText(['preference-columns', 'messages-snappy', 'preference-pandas', 'messages-pandas']); // biome-ignore format: one list
});

test('rows that two of TRL’s types fit: the reason is shown, another form can be chosen, and all columns come out', async ({
  page,
}) => {
  const turn = (role: string, content: string) => ({ role, content });
  const rows = Array.from({ length: 30 }, (_, i) => {
    const asked = turn('user', `Question ${i}?`);
    const chosen = [asked, turn('assistant', `Yes ${i}.`)];
    return { prompt: `Question ${i}?`, chosen, rejected: [asked, turn('assistant', `No ${i}.`)], messages: chosen, score_chosen: i + 0.5 }; // biome-ignore format: one row
  });
  await openStudio(page, WASM, 'data');
  await pick(page, 'ultra.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
  const card = page.locator('.data-mapping');
  await expect(card).toContainText('messages would fit too; TRL reads chosen, rejected first.');
  await expect(card).toContainText('Kept beside the row: messages, score_chosen.');
  await expect(page.getByLabel('Form of the rows')).toHaveValue('preference');
  await isAccessible(page, 'Data with a choice of forms');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  const set = page.getByRole('button', { name: /^ultra 30/ });
  await expect(set).toContainText('as prompt, chosen and rejected');
  await expect(page.locator('.data-row .turn-role')).toHaveText(['user · chosen', 'assistant · chosen', 'user · rejected', 'assistant · rejected']); // biome-ignore format: four turns
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByLabel('Name of the set').fill('Preferences of May');
  await page.getByRole('button', { name: 'Save the name' }).click();
  await expect(page.getByRole('heading', { level: 2, name: 'Rows of Preferences of May' })).toBeVisible();
  const downloading = page.waitForEvent('download');
  await page.getByLabel('What to export').selectOption('every split');
  await page.getByRole('button', { name: 'Export as JSONL' }).click();
  const file = await downloading;
  expect(file.suggestedFilename()).toBe('Preferences-of-May-jsonl.zip');
  const files = unzipSync(new Uint8Array(readFileSync(await file.path())));
  const { 'README.md': readme, ...splits } = files;
  expect(strFromU8(readme!)).toContain('dataset_info:');
  const out = Object.fromEntries(Object.entries(splits).map(([name, bytes]) => [name, strFromU8(bytes).trim().split('\n').map((line) => JSON.parse(line))])); // biome-ignore format: one chain
  expect(out['train.jsonl']).toEqual(rows.filter((_, i) => i % 10 !== 9));
  expect(out['validation.jsonl']).toEqual(rows.filter((_, i) => i % 10 === 9));
  await pick(page, 'again.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
  await page.getByLabel('Form of the rows').selectOption('messages');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(page.getByRole('button', { name: /^again 30/ })).toContainText('as messages');
  await expect(page.locator('.data-row .turn-role')).toHaveText(['user', 'assistant']);
});

test('a row that is typed in waits for its person; columns beside and labels are shown; other pages’ files are sent there', async ({
  page,
}) => {
  await openStudio(page, WASM, 'data');
  const kto = Array.from({ length: 6 }, (_, i) => ({ prompt: `Q${i}?`, completion: `A${i}`, label: i % 2 === 1, source: `desk ${i}` })); // biome-ignore format: one list
  await pick(page, 'kto.jsonl', kto.map((row) => JSON.stringify(row)).join('\n'));
  await expect(page.getByRole('heading', { name: 'Rows of kto' })).toBeVisible();
  const card = page.locator('.data-row');
  await expect(card).toContainText('false: a bad completion');
  await expect(card.getByLabel('Columns beside the row')).toContainText('desk 0');
  await page.getByRole('button', { name: 'Edit' }).click();
  const editor = page.getByRole('textbox', { name: 'Row as JSON' });
  await editor.fill('{"prompt": "Typed?", "completion": "A", "label": true}');
  await rowsList(page).getByRole('option').nth(3).click();
  await expect(card).toContainText('desk 3');
  await expect(page.getByText('Open in the editor: row 0 of train.')).toBeVisible();
  await showPanel(page, '#/runs');
  await showPanel(page, '#/data');
  await rowsList(page).getByRole('option').nth(0).click();
  await expect(editor).toContainText('Typed?');
  await isAccessible(page, 'Data with a row that is typed in');
  await page.getByRole('button', { name: 'Keep the edit' }).click();
  await expect(page.getByText('1 edited row not saved')).toBeVisible();
  await expect(page.getByText(/^Open in the editor/)).toHaveCount(0);
  await rowsList(page).getByRole('option').nth(1).click();
  await page.getByRole('button', { name: 'See its mask' }).click();
  await expect(page.getByText('SFT does not train on these rows')).toBeVisible();
  await showPanel(page, '#/data');
  await pick(page, 'trainer_state.json', '{"log_history": [{"step": 1, "loss": 2}]}');
  const alert = page.locator('.drop-zone').getByRole('alert');
  await expect(alert).toContainText('trainer_state.json is the log of a run. Runs reads runs and logs.');
  await drop(page, 'model.safetensors', Buffer.from('x'));
  await expect(alert).toContainText('model.safetensors holds the weights of a model.');
  await alert.getByRole('link', { name: 'Models' }).click();
  await page.getByLabel('Files of a model to import').setInputFiles({ name: 'rows.jsonl', mimeType: 'text/plain', buffer: Buffer.from('{}') }); // biome-ignore format: one call
  await expect(page.getByRole('alert')).toContainText('rows.jsonl holds rows. Data reads datasets.');
  await page.getByRole('button', { name: /^nano-base/ }).click();
  await expect(page.getByRole('alert')).toHaveCount(0);
});

test('rows of prompt and completion bring TRL’s default loss to Mask, SFT and LoRA, and say so', async ({ page }) => {
  await openStudio(page, WASM, 'data');
  const line = (i: number) => JSON.stringify({ prompt: `What is ${i} and ${i}?`, completion: ` ${2 * i}` });
  await pick(page, 'sums.jsonl', Array.from({ length: 30 }, (_, i) => line(i)).join('\n'));
  await expect(page.getByRole('button', { name: /^sums 30/ })).toHaveAttribute('aria-pressed', 'true');
  await expect(page.locator('.data-row .turn-role')).toHaveText(['prompt', 'completion']);
  await showPanel(page, '#/mask');
  const mode = page.getByRole('radiogroup', { name: 'Train on' });
  await expect(mode.getByRole('radio', { name: 'Completion' })).toBeChecked();
  await expect(page.getByText('loss on the completion (completion_only_loss), TRL’s default')).toBeVisible();
  await expect(page.locator('.mask-verdict')).toContainText(/tokens train/);
  // The mode that such rows cannot take: told once for all of them, with the way out.
  await mode.getByRole('radio', { name: 'Assistant' }).click();
  await expect(page.locator('.mask-verdict')).toContainText('None of the 27 rows becomes tokens');
  await isAccessible(page, 'Mask without a row');
  await page.getByRole('button', { name: 'Take completion_only_loss, the default for such rows' }).click();
  await expect(page.locator('.mask-verdict')).toContainText(/tokens train/);
  for (const panel of ['sft', 'lora']) {
    await showPanel(page, `#/${panel}`);
    await page.getByLabel('data', { exact: true }).selectOption({ label: 'sums' });
    await expect(page.getByText('loss on the completion (completion_only_loss), TRL’s default')).toBeVisible();
  }
  const args = await page.evaluate(() =>
    ['studio-sft-recipe', 'studio-lora-recipe'].map((key) => JSON.parse(localStorage.getItem(key)!).args),
  );
  for (const one of args) expect(one).toMatchObject({ completion_only_loss: true, assistant_only_loss: false });
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 } });
  test('a set that is chosen or brought is in sight with its rows, and nothing is wider than the screen', async ({
    page,
  }) => {
    await page.goto(`./${WASM}#/data`);
    const heading = page.getByRole('heading', { level: 2, name: /^Rows of/ });
    await page.locator('.dataset').nth(1).click();
    await expect(heading).toBeFocused();
    await expect(heading).toBeInViewport();
    await chooseFile(page, `${FIXTURES}messages-pandas.csv`);
    await expect(heading).toHaveText('Rows of messages-pandas');
    await expect(heading).toBeFocused();
    await expect(heading).toBeInViewport();
    const row = rowsList(page).getByRole('option').nth(1);
    await expect(row).toContainText('München');
    const { width } = (await row.locator('.rows-text').boundingBox())!;
    expect(width, 'text of a row, px').toBeGreaterThan(200);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await isAccessible(page, 'Data on a phone');
  });
});

test('a trainer_state.json and a log of JSON lines open beside each other in Runs, marked, on one chart', async ({
  page,
}) => {
  await openStudio(page, WASM, 'runs');
  const file = page.getByLabel('Run file');
  await file.setInputFiles('test/fixtures/runs/trainer_state.json');
  await expect(
    page.getByText('Imported the log “trainer_state, step 6”: 4 steps of curves, no weights.'),
  ).toBeVisible();
  const log = Array.from({ length: 5 }, (_, i) => JSON.stringify({ step: i + 1, 'train/loss': 3 - i / 2 })).join('\n');
  await file.setInputFiles({ name: 'metrics.jsonl', mimeType: 'text/plain', buffer: Buffer.from(log) });
  await expect(page.getByText(/“metrics”: 5 steps of curves, no weights\. wandb’s train\/loss/)).toBeVisible();
  for (const name of ['trainer_state, step 6', 'metrics']) await page.getByLabel(`Compare ${name}`).check();
  await page.getByLabel('Metric', { exact: true }).selectOption('loss');
  await expect(page.getByText('2 runs', { exact: true })).toBeVisible();
  await expect(page.getByText('imported log')).toHaveCount(2);
  await expect(page.getByRole('button', { name: 'Continue' })).toHaveCount(0);
  await isAccessible(page, 'Runs with imported logs');
  await file.setInputFiles('test/fixtures/runs/trainer_state.json');
  await expect(page.getByText('Nothing new was stored: this is the log “trainer_state, step 6”')).toBeVisible();
  await expect(page.getByText('imported log')).toHaveCount(2);
  await page.getByRole('button', { name: 'metrics', exact: true }).click();
  await expect(page.getByLabel('Compare trainer_state, step 6')).not.toBeChecked();
  await expect(page.getByRole('heading', { name: 'Lineage' })).toBeVisible();
  await file.setInputFiles({ name: 'bad.jsonl', mimeType: 'text/plain', buffer: Buffer.from('{"loss":1}\n') });
  await expect(page.getByRole('alert')).toContainText('bad.jsonl, line 1 has no step');
  await page.reload();
  await showPanel(page, '#/runs');
  await expect(page.getByText('imported log')).toHaveCount(2);
});
