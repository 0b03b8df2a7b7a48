// Files of many rows, written for one journey, and files chosen through the browser's own picker.
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { expect, type Page } from '@playwright/test';

/** Runs `during` with the path of big.jsonl, a file of `count` lines that is taken away afterwards. */
export async function withRows(
  count: number,
  line: (i: number) => string,
  during: (path: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'rows-'));
  try {
    const path = join(folder, 'big.jsonl');
    const stream = createWriteStream(path);
    for (let i = 0; i < count; i++) if (!stream.write(`${line(i)}\n`)) await once(stream, 'drain');
    stream.end();
    await finished(stream);
    await during(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A conversation of half a kilobyte: 100,000 of them are 50 MB. */
export const longRow = (i: number): string =>
  `{"messages":[{"role":"user","content":"Question ${i}? ${'why '.repeat(90)}"},{"role":"assistant","content":"Answer ${i}: ${'word '.repeat(12)}"}]}`;

/** On the Data page: the button opens the picker, and the file is chosen there. */
export async function chooseFile(page: Page, path: string): Promise<void> {
  const choosing = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'choose one', exact: true }).click();
  await (await choosing).setFiles(path);
}

/** Begins to read big.jsonl, sees that it goes on, and cancels: nothing of it is kept. */
export async function readAndCancel(page: Page, path: string): Promise<void> {
  await chooseFile(page, path);
  await expect(page.getByText(/Reading big\.jsonl: [1-9][\d,]* rows/)).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByText(/Drop a file here/)).toBeVisible();
  await expect(page.getByRole('button', { name: /^big / })).toHaveCount(0);
}
