// npm run screenshots: the pictures of the README, from the built app during a real training run.
// Needs `npm run build` first. Options: --out docs/images, --theme light|dark, --width 1280, --height 800
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';
import { CHROMIUM_ARGS, chromiumPath } from './chromium.mjs';
import { serve } from './serve.mjs';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'docs/images' },
    theme: { type: 'string', default: 'light' },
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '800' },
    steps: { type: 'string', default: '120' },
  },
});
if (!existsSync('dist/index.html')) {
  console.error('There is no build to take pictures of. Run `npm run build` first.');
  process.exit(1);
}
mkdirSync(values.out, { recursive: true });
const { server, url } = await serve({ root: 'dist', port: 0 });
const browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_ARGS });
const page = await browser.newPage({
  viewport: { width: Number(values.width), height: Number(values.height) },
  colorScheme: values.theme === 'dark' ? 'dark' : 'light',
  deviceScaleFactor: 2,
});
page.on('pageerror', (error) => console.error(error.message));

async function shot(name: string): Promise<void> {
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.screenshot({ path: join(values.out, `${name}.png`) });
  console.log(join(values.out, `${name}.png`));
}
async function open(panel: string): Promise<void> {
  await page.goto(`${url}#/${panel}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.skeleton-block').length === 0);
}

try {
  // In front of a real run: half of it done, so that curves and answers are on the screen.
  await open('sft');
  await page.getByRole('radio', { name: 'nano' }).click(); // trains in a minute or two on any machine
  await page.getByLabel('max_steps').fill(values.steps);
  await page.getByLabel('max_steps').press('Tab');
  await page.getByRole('button', { name: /^Run( again)?$/ }).click();
  const half = Math.floor(Number(values.steps) / 2);
  await page.waitForFunction(
    (step) => [...document.body.innerText.matchAll(/step (\d+) of/g)].some(([, at]) => Number(at) >= step),
    half,
    { timeout: 600_000 },
  );
  await shot('sft');
  // An adapter that has learnt something, so that its update can be seen.
  await open('lora');
  await page.getByLabel('model', { exact: true }).selectOption({ label: 'nano-base' });
  await page.getByLabel('max_steps').first().fill(values.steps);
  await page.getByLabel('max_steps').first().press('Tab');
  await page.getByRole('button', { name: 'Train this adapter' }).click();
  await page.getByText(/^Finished: LoRA/).waitFor({ timeout: 600_000 });
  await page.locator('.lora-picture canvas').first().waitFor();
  await shot('lora');
  for (const panel of ['overview', 'data', 'template', 'mask', 'chat', 'runs']) {
    await open(panel);
    await shot(panel);
  }
} finally {
  await browser.close();
  server.close();
}
