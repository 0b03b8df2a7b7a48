// A visit from the first look to the last: the failing Monday, a run that is paused and stepped, chat and glass box while it
// trains, and what is done with runs afterwards. On WebAssembly, where a step takes milliseconds.
import type { Page } from '@playwright/test';
import { isAccessible } from './accessible';
import { expect, test } from './guarded';
import {
  expectToFit,
  loggedStep,
  lossCurve,
  openStudio,
  runButton,
  setRecipe,
  showPanel,
  storedPoints,
  WASM,
} from './studio';

test.describe.configure({ timeout: 300_000 });

const steps = async (page: Page, id: string) => Math.max(0, ...lossCurve((await storedPoints(page))[id] ?? []).keys());

test('from the failing Monday to a compared, renamed, exported and imported run', async ({ page }) => {
  await openStudio(page, WASM);
  await page.getByRole('button', { name: 'Run the Monday' }).click();
  await expect(page.getByText('not asked yet')).toHaveCount(0, { timeout: 90_000 });
  await expect(page.getByRole('button', { name: 'Run the Monday' })).toBeEnabled({ timeout: 60_000 });
  await isAccessible(page, 'overview after the Monday');

  // A run of the default recipe, short: paused, one step, resumed.
  await setRecipe(page, {
    max_steps: 40,
    logging_steps: 1,
    eval_steps: 20,
    max_eval_samples: 8,
    generate_steps: 20,
    generation_max_new_tokens: 24,
  });
  await runButton(page).click();
  const id = await loggedStep(page, 3);
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Continue', exact: true })).toBeEnabled();
  const paused = await steps(page, id);
  await page.getByRole('button', { name: 'Step once' }).click();
  await expect.poll(() => steps(page, id)).toBe(paused + 1);

  // The glass box reads the live model; chat answers beside the paused and the running run.
  const strip = page.getByRole('main').locator('.strip').first();
  await expect(strip).toBeVisible();
  await page.getByRole('radio', { name: 'rank' }).click();
  await page.getByRole('button', { name: 'Continue', exact: true }).click();
  await showPanel(page, '#/chat');
  await page.getByLabel('max_new_tokens').fill('8');
  await page.getByRole('button', { name: 'Generate' }).click();
  await expect(page.getByRole('button', { name: 'Generate' })).toBeEnabled({ timeout: 60_000 });
  expect(await page.locator('.answer-card .answer-text').first().textContent()).not.toBe('');
  await isAccessible(page, 'chat with answers');

  await showPanel(page, '#/sft');
  await expect(runButton(page)).toBeEnabled({ timeout: 120_000 });
  const losses = [...lossCurve((await storedPoints(page))[id]!).values()];
  expect(losses).toHaveLength(40);
  expect(losses.slice(-5).reduce((a, b) => a + b)).toBeLessThan(0.6 * losses.slice(0, 5).reduce((a, b) => a + b));
  await isAccessible(page, 'SFT after a run');

  // A second run to compare with, stopped by hand.
  await runButton(page).click();
  await loggedStep(page, 3, [id]);
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(runButton(page)).toBeEnabled({ timeout: 60_000 });
  await showPanel(page, '#/runs');
  const rows = page.getByRole('row').filter({ has: page.getByRole('checkbox') });
  await expect(rows).toHaveCount(2);
  for (const box of await page.getByRole('checkbox').all()) await box.check();
  await isAccessible(page, 'two runs compared');
  await expectToFit(page, 'All runs');
  await rows.filter({ hasText: 'finished' }).getByRole('button', { name: 'Rename' }).click();
  await page.getByLabel('New name').fill('my first run');
  await page.keyboard.press('Enter');
  const mine = rows.filter({ hasText: 'my first run' });
  await expect(mine).toBeVisible();

  // A run opens in its panel.
  await mine.getByRole('link', { name: 'my first run' }).click();
  await expect(page.getByRole('main')).toContainText('Finished: my first run');
  await showPanel(page, '#/runs');

  const download = page.waitForEvent('download');
  await mine.getByRole('button', { name: 'Export' }).click();
  const file = await (await download).path();
  await mine.getByRole('button', { name: 'Delete' }).click();
  await mine.getByRole('button', { name: 'Delete for good' }).click();
  await expect(mine).toHaveCount(0);
  await page.getByLabel('Run file').setInputFiles(file);
  await expect(mine).toBeVisible();
  await expect(mine).toContainText('40 / 40');
});

test('a template that cannot be read is told with its line, and the render before it stays', async ({ page }) => {
  await openStudio(page, WASM, 'template');
  await expect(page.getByRole('heading', { level: 1, name: 'Template' })).toBeVisible();
  await page.getByRole('radio', { name: 'source' }).click();
  await expect(page.locator('.cm-content')).toBeVisible(); // before its chunk is there, a text area stands in
  const source = page.getByRole('textbox', { name: 'Jinja source of the chat template' });
  await source.fill('{% for m in messages %}\n{{ m.content }\n{% endfor %}');
  await expect(page.getByText(/line 2/i).first()).toBeVisible();
  await expect(page.locator('.cm-lint-marker-error')).toHaveCount(1);
  await expect(source).toHaveAttribute('aria-invalid', 'true');

  // One click goes to the place; what is typed there is undone with the keyboard.
  await source.press('ControlOrMeta+Home');
  await page.getByRole('button', { name: /Go to line 2, column/ }).click();
  await expect(source).toBeFocused();
  await expect(page.locator('.cm-activeLine')).toHaveText('{{ m.content }');
  await page.keyboard.press('End');
  await page.keyboard.type('}');
  await expect(page.getByText('The template does not render.')).toHaveCount(0);
  await expect(page.locator('.cm-lint-marker-error')).toHaveCount(0);
  await page.keyboard.press('ControlOrMeta+z');
  await expect(page.getByText('The template does not render.')).toBeVisible();

  // Tab indents, Escape and Tab leaves: the keyboard is not trapped.
  await page.keyboard.press('Tab');
  await expect(page.locator('.cm-activeLine')).toContainText('  ');
  await expect(source).toBeFocused();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  await expect(source).not.toBeFocused();

  await source.fill('{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}');
  await expect(page.getByText(/did not end within|ran out of time/i).first()).toBeVisible({ timeout: 60_000 });
  await source.fill('{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}');
  await expect(page.getByText(/did not end within|ran out of time/i)).toHaveCount(0);
  await isAccessible(page, 'template source');

  // Another template is set from outside; the source on the way back is one's own again.
  await page.getByRole('button', { name: 'Undo all edits' }).click();
  await expect(source).toContainText('endmacro');
  await source.press('ControlOrMeta+z');
  await expect(source).toHaveText(/\[\{\{ m\.role \}\}\]/);
  await source.press('ControlOrMeta+f');
  await expect(page.getByRole('textbox', { name: 'Find' })).toBeFocused();
  await isAccessible(page, 'template source with its search');
});

test('what is typed before the code editor has loaded stays, with the cursor in its place', async ({ page }) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(/CodeEditorView/, async (route) => {
    await held;
    await route.continue();
  });
  await openStudio(page, WASM, 'template');
  await page.getByRole('radio', { name: 'source' }).click();
  const area = page.locator('textarea.code-area');
  await area.fill('{% for m in messages %}{{ m.content }}{% endfor %}');
  const { width, height } = (await area.boundingBox())!;
  await area.press('Home');
  await area.pressSequentially('ab');
  release();
  await expect(page.locator('.cm-content')).toBeVisible();
  await page.keyboard.type('c');
  await expect(page.locator('.cm-line').first()).toHaveText('abc{% for m in messages %}{{ m.content }}{% endfor %}');
  expect(await page.locator('.cm-editor').boundingBox()).toMatchObject({ width, height });
});

test('own rows: imported, checked before the run, and trained on', async ({ page }) => {
  await openStudio(page, WASM, 'data');
  await expect(page.getByRole('heading', { level: 1, name: 'Data' })).toBeVisible();
  const chat = (...messages: object[]) => JSON.stringify({ messages });
  const rows = [
    ...Array.from({ length: 5 }, (_, i) =>
      chat({ role: 'user', content: `What is ${i} and ${i}?` }, { role: 'assistant', content: `It is ${2 * i}.` }),
    ),
    chat({ role: 'user', content: 'Nobody answers this.' }),
  ];
  await page.getByLabel('Dataset file').setInputFiles({
    name: 'sums.jsonl',
    mimeType: 'application/jsonl',
    buffer: Buffer.from(rows.join('\n')),
  });
  await expect(page.getByRole('main')).toContainText('sums');
  await setRecipe(page, { max_steps: 4, logging_steps: 1, generate_steps: 0, generation_max_new_tokens: 4 });
  await page.getByLabel('data', { exact: true }).selectOption({ label: 'sums' });
  await expect(page.getByText(/no eval_loss/)).toBeVisible();
  await runButton(page).click();
  // One row teaches nothing: the gate stops the run and names it.
  const gate = page.getByRole('alert', { name: 'Pre-flight check' });
  await expect(gate).toContainText('1 row: nothing is trained');
  await expect(gate).toContainText('Rows line 6');
  await isAccessible(page, 'SFT with the gate');
  expect(Object.keys(await storedPoints(page).catch(() => ({})))).toHaveLength(0);
  await gate.getByRole('button', { name: 'Train all the same' }).click();
  const id = await loggedStep(page, 4);
  await expect(runButton(page)).toBeEnabled({ timeout: 60_000 });
  expect(lossCurve((await storedPoints(page))[id]!).size).toBe(4);
});
