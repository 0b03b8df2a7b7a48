// An adapter from the first slider to the exported file: what it costs moves with the rank, a target that is not there is
// refused with the nearest, a run leaves a picture and a verdict, and a sweep outlives a reload. On WebAssembly.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { unzipSync } from 'fflate';
import { isAccessible } from './accessible';
import { expect, test } from './guarded';
import { openStudio, showPanel, WASM } from './studio';

test.describe.configure({ timeout: 300_000 });

const trainable = (page: Page) =>
  page.locator('.lora-figures > div', { hasText: 'trainable parameters' }).locator('b').innerText();

async function openLora(page: Page): Promise<void> {
  await openStudio(page, WASM, 'lora');
  await expect(page.getByRole('heading', { level: 1, name: 'LoRA' })).toBeVisible();
  await page.getByLabel('model', { exact: true }).selectOption({ label: 'nano-base' });
  // 3 layers of q, k, v, o, gate, up, down: r (128 + 96 + 96 + 128 + 3 · 240) = 8 · 1168 each.
  await expect.poll(() => trainable(page)).toBe('28,032');
}
async function shortRun(page: Page, steps: number): Promise<void> {
  await page.getByRole('button', { name: /more settings/ }).click();
  for (const [name, value] of Object.entries({
    max_steps: steps,
    per_device_train_batch_size: 2,
    eval_steps: 0,
    max_eval_samples: 4,
    generate_steps: 0,
    generation_max_new_tokens: 8,
  })) {
    const knob = page.getByLabel(name, { exact: true }).first();
    await knob.fill(String(value));
    await knob.press('Tab');
    await expect(knob).toHaveValue(String(value));
  }
  await page.getByRole('button', { name: 'Fewer settings' }).click();
}

test('an adapter: costs, a refused target, a run, its picture, the verdict and the exported files', async ({
  page,
}) => {
  await openLora(page);
  const slider = page.getByRole('slider', { name: 'r, powers of two' });
  await slider.press('ArrowLeft');
  await expect.poll(() => trainable(page)).toBe('14,016');
  await expect(page.getByLabel('r', { exact: true })).toHaveValue('4');
  await expect(page.locator('.lora-formula')).toContainText('(16 / 4)');
  const train = page.getByRole('button', { name: 'Train this adapter' });
  const rank = page.getByLabel('r', { exact: true });
  // The slider ends at the rank of the smallest matrix (k and v are 32×64); what is typed above it is refused, and stays in sight.
  await slider.press('End');
  await expect.poll(() => trainable(page)).toBe('112,128');
  await expect(rank).toHaveValue('32');
  await rank.fill('64');
  await expect(page.getByText(/above the rank of .*k_proj.*Set r to 32 or less/)).toBeVisible();
  await expect(train).toBeDisabled();
  await rank.fill('9999');
  await rank.press('Tab');
  await expect(rank).toHaveValue('9999');
  await expect(page.getByText('r must be in [1, 256], got 9999', { exact: true })).toBeVisible();
  await expect(train).toHaveAttribute('title', 'r must be in [1, 256], got 9999');
  await rank.fill('32');
  await expect.poll(() => trainable(page)).toBe('112,128');
  await slider.press('ArrowLeft');
  await slider.press('ArrowLeft');
  await slider.press('ArrowLeft');
  await expect.poll(() => trainable(page)).toBe('14,016');

  await page.getByRole('radio', { name: 'own' }).click();
  const names = page.getByLabel('Module names, or one regular expression');
  await names.fill('q_prj, up_proj');
  await expect(
    page.getByText(/targets "q_prj", which this model has not\. The nearest that it has: q_proj/),
  ).toBeVisible();
  await expect(names).toHaveAttribute('aria-invalid', 'true');
  await isAccessible(page, 'a refused target');
  await names.fill('q_proj, up_proj');
  await expect(page.getByText(/targets "q_prj"/)).toHaveCount(0);
  // 3 · 4 · (128 + 240)
  await expect.poll(() => trainable(page)).toBe('4,416');
  // Emptied, it names nothing: the former targets must not be trained in its place.
  await names.fill('');
  await expect(page.getByText('target_modules names no module.').first()).toBeVisible();
  await expect(train).toBeDisabled();
  await names.fill('q_proj, up_proj');
  await expect(train).toBeEnabled();

  // What hides in folded settings is told outside them.
  await page.getByRole('button', { name: /more settings/ }).click();
  await page.getByLabel('eval_steps', { exact: true }).fill('-3');
  await page.getByRole('button', { name: 'Add to rank_pattern' }).click();
  await page.getByLabel('rank_pattern 1: end of the module’s path').fill('q_prj');
  await expect(page.getByText(/rank_pattern has the key "q_prj".*The nearest: q_proj/)).toBeVisible();
  await isAccessible(page, 'more settings with faults');
  await page.getByRole('button', { name: 'Fewer settings' }).click();
  await expect(page.getByRole('button', { name: /more settings, 2 faults/ })).toBeVisible();
  await expect(page.getByText('eval_steps must be in [0, 1000000], got -3').first()).toBeVisible();
  await expect(train).toBeDisabled();
  await page.getByRole('button', { name: /more settings/ }).click();
  await page.getByLabel('eval_steps', { exact: true }).fill('0');
  await page.getByRole('button', { name: 'Remove rank_pattern 1' }).click();
  await page.getByRole('button', { name: 'Fewer settings' }).click();
  await expect(train).toBeEnabled();

  await page.getByRole('button', { name: '4096×4096, r = 16' }).click();
  await expect(page.locator('.lora-example')).toContainText(/131,072.*16,777,216.*128 ×/);
  await page.locator('.lora-example').getByRole('button', { name: 'Close' }).click();

  await shortRun(page, 6);
  await page.getByRole('button', { name: 'Train this adapter' }).click();
  await expect(page.getByText(/^Finished: LoRA r 4/)).toBeVisible({ timeout: 120_000 });
  // SFT has no run of its own, and says in a line whose this one is.
  await showPanel(page, '#/sft');
  await expect(page.getByText('LoRA r 4 · 1 (finished, 6 steps) is a run of LoRA.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Run', exact: true })).toBeVisible();
  await expect(page.getByText(/^Finished:/)).toHaveCount(0);
  await page.getByRole('main').getByRole('link', { name: 'LoRA' }).click();
  const spectra = page.getByRole('region', { name: 'Singular values by module' });
  await expect(spectra.getByRole('row')).toHaveCount(7); // a head, and two modules in three layers
  await expect(spectra).toContainText(/of 4/);
  await expect(page.getByRole('img', { name: /Share of the update’s energy by layer and module/ })).toBeVisible();
  await expect(page.locator('.lora-survival .note')).toContainText(/‖ΔW‖ is [\d.]+ × the error that four bits add/);
  // The picture is of the step that was read, and the run is named with its base wherever it is spoken of.
  await expect(page.locator('.lora-picture .card-note')).toContainText('At step 6. Most of');
  await expect(page.locator('.lora-survival .card-note')).toHaveText('LoRA r 4 · 1 on nano-base');
  await isAccessible(page, 'after a run');
  // What was measured is there after a reload, without being measured again.
  const changes = page.locator('.changes');
  await expect(
    changes
      .getByRole('row', { name: /^terminated/ })
      .locator('td')
      .nth(1),
  ).toHaveText(/%/, {
    timeout: 120_000,
  });
  const before = await changes.innerText();
  await page.reload();
  await showPanel(page, '#/lora');
  await expect(changes).toHaveText(/terminated/);
  expect(await changes.innerText()).toBe(before);
  await expect(page.getByRole('button', { name: 'Measure before and after' })).toHaveCount(0);

  const download = async (name: string) => {
    const started = page.waitForEvent('download');
    await page.getByRole('button', { name }).click();
    const file = await started;
    return { name: file.suggestedFilename(), files: unzipSync(readFileSync(await file.path())) };
  };
  const peft = await download('Adapter, PEFT’s files');
  expect(peft.name).toMatch(/\.peft\.zip$/);
  expect(Object.keys(peft.files).sort()).toEqual([
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
    'posttrain_studio.json', // which base by its hash
  ]);
  const config = JSON.parse(new TextDecoder().decode(peft.files['adapter_config.json'])) as Record<string, unknown>;
  expect(config).toMatchObject({ peft_type: 'LORA', r: 4, lora_alpha: 16, target_modules: ['q_proj', 'up_proj'] });
  // A header, then 4,416 numbers of four bytes.
  const weights = peft.files['adapter_model.safetensors']!;
  const header = Number(new DataView(weights.buffer, weights.byteOffset).getBigUint64(0, true));
  expect(weights.byteLength - 8 - header).toBe(4 * 4416);
  const merged = await download('Merged model, Hugging Face layout');
  expect(Object.keys(merged.files)).toEqual(expect.arrayContaining(['config.json', 'model.safetensors']));
});

test('a sweep is paused and outlives a reload; its figure is made from its runs', async ({ page }) => {
  await openLora(page);
  await shortRun(page, 40);
  const sweep = page.locator('.lora-sweep');
  await sweep.getByLabel('8', { exact: true }).uncheck();
  await sweep.getByLabel('attention', { exact: true }).uncheck();
  await sweep.getByRole('button', { name: 'Train 2 runs' }).click();
  // At once: the first run is still being prepared.
  await sweep.getByRole('button', { name: 'Pause all' }).click();
  await expect(sweep.getByText(/paused, 1 of 2 runs begun/)).toBeVisible();
  await expect(sweep.getByText(/^(paused|queued)/).last()).toBeVisible();
  await expect(sweep.getByText('finished, 40 steps')).toHaveCount(0);
  await page.reload();
  await showPanel(page, '#/lora');
  await expect(sweep.getByText(/paused, 1 of 2 runs begun/)).toBeVisible();
  await sweep.getByRole('button', { name: 'Continue all' }).click();
  await expect(sweep.getByText('finished, 40 steps')).toHaveCount(2, { timeout: 120_000 });
  await expect(sweep.getByRole('button', { name: /^Train 5 runs|^Train \d run/ })).toBeEnabled();
  const table = sweep.getByRole('region', { name: 'Runs of the sweep' });
  await expect(table.getByRole('row', { name: /attention \+ MLP 2 7,008/ })).toBeVisible();
  await expect(table.getByRole('row', { name: /all weights – 204,224/ })).toBeVisible();
  await expect(sweep.getByRole('img', { name: /^eval_loss over trainable parameters/ })).toBeVisible();
  await isAccessible(page, 'after a sweep');
  await page.reload();
  await showPanel(page, '#/lora');
  await expect(sweep.getByRole('img', { name: /full tuning all: 204,224/ })).toBeVisible();
});
