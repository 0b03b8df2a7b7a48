// Rows of one's own, in every way in which a browser gives them: picked, dropped, pasted, fetched; put right, divided, and out again.
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from './guarded';
import { mainThreadTasks } from './mainThread';
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
  await page.getByLabel('with problems (2)').uncheck();
  await page.getByLabel('edited (1)').check();
  await expect(page.locator('.data-row')).toContainText('Edited, not saved yet.');
  await page.reload();
  await page.getByRole('button', { name: /^mine 3/ }).click();
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
  const folder = mkdtempSync(join(tmpdir(), 'rows-'));
  const path = join(folder, 'big.jsonl');
  const stream = createWriteStream(path);
  for (let i = 0; i < 100_000; i++)
    stream.write(
      `{"messages":[{"role":"user","content":"Question ${i}? ${'why '.repeat(90)}"},{"role":"assistant","content":"Answer ${i}: ${'word '.repeat(12)}"}]}\n`,
    );
  stream.end();
  await finished(stream);
  await openStudio(page, WASM, 'data');
  await page.getByLabel('Dataset file').setInputFiles(path);
  await expect(page.getByText(/Reading big\.jsonl: [1-9][\d,]* rows/)).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByText(/Drop a file here/)).toBeVisible();
  const reading = await mainThreadTasks(browser, page, async () => {
    await page.getByLabel('Dataset file').setInputFiles(path);
    await expect(page.getByRole('button', { name: /^big 100,000/ })).toBeVisible({ timeout: 60_000 });
  });
  expect(reading.longest[0], `while reading: ${reading.longest.join(', ')}`).toBeLessThan(LONGEST_TASK_MS);
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
  rmSync(folder, { recursive: true });
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
  await file.setInputFiles({ name: 'bad.jsonl', mimeType: 'text/plain', buffer: Buffer.from('{"loss":1}\n') });
  await expect(page.getByRole('alert')).toContainText('bad.jsonl, line 1 has no step');
  await page.reload();
  await showPanel(page, '#/runs');
  await expect(page.getByText('imported log')).toHaveCount(2);
});
