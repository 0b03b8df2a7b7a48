// Votes by keyboard and by touch: blind until they are cast, kept over a reload, taken back, and a dataset at once.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { isAccessible } from './accessible';
import { expect, test } from './guarded';
import { openStudio, WASM } from './studio';

const title = (page: Page, i: number, of = 20) => expect(page.getByRole('heading', { name: `Pair ${i} of ${of}` })).toBeVisible(); // biome-ignore format: one line
const voted = (page: Page, n: number) => expect(page.locator('.annotate-pair .card-note')).toContainText(`${n} of 20 pairs voted on`); // biome-ignore format: one line

test('five votes by keyboard, with reveal, note, scores and undo; they survive a reload and become rows on Data', async ({
  page,
}) => {
  await openStudio(page, WASM, 'annotate');
  // The chapter's pair, without a word of which answer is which.
  await title(page, 1);
  await expect(page.getByRole('region', { name: 'Prompt' })).toContainText('cash-flow risk');
  const card = page.locator('.annotate-pair');
  await expect(card).not.toContainText('of the worked example');
  await isAccessible(page, 'Annotate before a vote');
  const answer = (name: 'A' | 'B') => page.getByRole('region', { name: `Answer ${name}` });
  const isAGood = !(await answer('A').innerText()).includes('Management should be strengthened');
  await page.keyboard.press(isAGood ? '1' : '2');
  const reveal = page.getByRole('region', { name: 'Reveal' });
  const good = isAGood ? 'A' : 'B';
  await expect(reveal).toContainText(`You chose ${good}; the rubric prefers ${good}, 1.00 to`);
  await expect(answer(good)).toContainText('first answer of the worked example');
  await expect(reveal).toContainText('The conclusion stands at the beginning.');
  await expect(reveal).toContainText('careful');
  await page.getByLabel('Annotators in the crowd').fill('100');
  await expect(reveal).toContainText(/share of [AB] [01]\.\d\d, 95 % interval/);
  await isAccessible(page, 'Annotate with a reveal');
  await voted(page, 1);
  // A second press changes nothing: the vote is revealed.
  await page.locator('h1').click();
  await page.keyboard.press('t');
  await expect(answer(good)).toContainText('your vote');

  await page.keyboard.press('ArrowRight');
  await title(page, 2);
  await page.keyboard.press('2');
  await expect(answer('B')).toContainText('your vote');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('n');
  await expect(page.getByLabel('Note on this pair')).toBeFocused();
  await page.keyboard.type('1 of them cites'); // letters and digits belong to the note
  await page.keyboard.press('Escape');
  await page.keyboard.press('t');
  await expect(reveal).toContainText('You said tie');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('s');
  await title(page, 5);
  await page.keyboard.press('ArrowLeft');
  await title(page, 4);
  await page.keyboard.press('r');
  await page.keyboard.press('5'); // conclusion, A
  await page.keyboard.press('2'); // conclusion, B
  await isAccessible(page, 'Annotate with scores');
  await expect(page.getByRole('radiogroup', { name: 'Conclusion first, answer B' }).getByRole('radio', { name: '2' })).toHaveAttribute('aria-checked', 'true'); // biome-ignore format: one claim
  await page.keyboard.press('Escape');
  await page.keyboard.press('r');
  await page.keyboard.press('1');
  await expect(answer('A')).toContainText('your vote');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('2');
  await voted(page, 5);
  // Taken back: the pair is on show again, and what was seen of it is said.
  await page.keyboard.press('u');
  await voted(page, 4);
  await title(page, 5);
  await expect(card).toContainText('You have seen which answer is which');
  await page.keyboard.press('1');
  await voted(page, 5);
  await expect(page.getByText('1 vote cast after the reveal was seen counts in none')).toBeVisible();
  await expect(page.getByRole('row', { name: /^the rubric 4 / })).toBeVisible();

  await page.reload();
  await voted(page, 5);
  await title(page, 6);
  for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowLeft');
  await title(page, 3);
  await expect(page.getByLabel('Note on this pair')).toHaveValue('1 of them cites');

  const downloading = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export votes as JSONL' }).click();
  const file = await downloading;
  expect(file.suggestedFilename()).toBe('Session-1-votes.jsonl');
  const lines = readFileSync(await file.path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line)); // biome-ignore format: one chain
  expect(lines.map(({ choice }) => choice)).toEqual([isAGood ? 'left' : 'right', 'right', 'tie', 'left', 'left']);
  expect(lines[3].scores).toEqual({ conclusion: { left: 5, right: 2 } });

  await page.getByLabel('Name of the set').fill('My five');
  await page.getByRole('button', { name: 'Make the set' }).click();
  await expect(page.getByText('4 rows in My five, 1 tie left out')).toBeVisible();
  await page.getByRole('button', { name: 'See it on Data' }).click();
  const set = page.getByRole('button', { name: /^My five 4/ });
  await expect(set).toHaveAttribute('aria-pressed', 'true');
  await expect(set).toContainText('Votes of Session 1 on Preference pairs. Ties are left out.');
  const exporting = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export as JSONL' }).click();
  const rows = readFileSync(await (await exporting).path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line)); // biome-ignore format: one chain
  expect(rows.map(({ chosen }) => chosen[0].content)).toEqual(
    lines.filter(({ choice }) => choice !== 'tie').map((line) => line[line.choice]),
  );
  expect(rows[2]).toMatchObject({ share: 1, margin: 1, chosen_scores: { conclusion: 5 }, rejected_scores: { conclusion: 2 } }); // biome-ignore format: one claim

  // Votes feed both: each page opens with the set as the data of its recipe.
  for (const [link, heading] of [
    ['Train on it in Preferences', 'Preferences'],
    ['Train a reward model on it', 'Reward model'],
  ] as const) {
    await page.getByRole('navigation').first().getByRole('link', { name: 'Annotate' }).click();
    await page.getByRole('button', { name: link }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(heading);
    await expect(page.getByLabel('data', { exact: true }).locator('option:checked')).toHaveText('My five');
  }
});

test('a new session by name, without reveals; the share of a pair by many; renamed and deleted', async ({ page }) => {
  await openStudio(page, WASM, 'annotate');
  await title(page, 1);
  await expect(page.locator('.annotate-share')).toContainText('0.80, 95 % interval 0.49–0.94');
  await page.getByLabel('Votes for A').fill('3');
  await expect(page.locator('.annotate-share')).toContainText('0.30, 95 % interval 0.11–0.60');
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByLabel('Name of the new session').fill('Quick');
  await page.getByLabel('pairs', { exact: true }).fill('3');
  await isAccessible(page, 'Annotate with a new session');
  await page.getByRole('button', { name: 'Begin' }).click();
  await title(page, 1, 3);
  await page.getByLabel('reveal after each vote').uncheck();
  await page.locator('h1').click();
  await page.keyboard.press('1');
  await page.keyboard.press('2');
  await page.keyboard.press('0');
  await expect(page.locator('.annotate-pair .card-note')).toContainText('3 of 3 pairs voted on');
  await expect(page.getByRole('region', { name: 'Reveal' })).toBeHidden();
  await page.getByRole('button', { name: 'Show the reveal' }).click();
  await expect(page.getByRole('region', { name: 'Reveal' })).toBeVisible();
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByLabel('Name of the session').fill('Session 1');
  await page.getByRole('button', { name: 'Save the name' }).click();
  await expect(page.getByRole('alert')).toContainText('There is already a session “Session 1”.');
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete 3 votes of Quick' }).click();
  await title(page, 1);
  await expect(page.getByLabel('Session', { exact: true }).getByRole('option')).toHaveCount(1);
});

test.describe('a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true });
  test('two answers of the model for each prompt come one by one and can be voted on by touch', async ({ page }) => {
    await page.goto(`./${WASM}#/annotate`);
    await title(page, 1);
    const bar = page.getByRole('toolbar', { name: 'Vote' });
    await expect(bar).toBeInViewport();
    for (const name of ['A is better', 'Tie', 'B is better'])
      expect((await bar.getByRole('button', { name }).boundingBox())!.height).toBeGreaterThanOrEqual(44);
    await bar.getByRole('button', { name: 'B is better' }).tap();
    await expect(page.getByRole('region', { name: 'Reveal' })).toBeVisible();
    await isAccessible(page, 'Annotate on a phone');
    expect(await page.locator('main').evaluate((it) => it.scrollWidth - it.clientWidth)).toBeLessThanOrEqual(0);
    await page.getByRole('button', { name: 'New session' }).tap();
    await page.getByLabel('Pairs from').selectOption('samples of a model');
    await page.getByLabel('Sample from the model').selectOption({ label: 'micro-sft' });
    await page.getByLabel('pairs', { exact: true }).fill('2');
    await page.getByRole('button', { name: 'Begin' }).tap();
    await expect(page.getByText('sampled', { exact: false }).first()).toBeVisible();
    await title(page, 1, 2);
    await bar.getByRole('button', { name: 'A is better' }).tap();
    await expect(page.getByRole('region', { name: 'Reveal' })).toContainText(/(first|second) sample of micro-sft/);
  });
});
