// A browser without WebGPU: the studio says why, and trains on WebAssembly.
import { CHROMIUM_ARGS, chromiumPath } from '../scripts/chromium.mjs';
import { expect, test } from './guarded';
import { openStudio, runButton, setRecipe } from './studio';

test.use({
  launchOptions: {
    executablePath: chromiumPath(),
    args: [...CHROMIUM_ARGS.filter((arg) => !/webgpu/.test(arg)), '--disable-features=WebGPU,WebGPUService'],
  },
});

test('WebGPU was asked for and is absent: the page says why, and WebAssembly trains', async ({ page }) => {
  await openStudio(page, '?backend=webgpu');
  await expect(page.getByText(/no webgpu/i).first()).toBeVisible();
  await expect(page.getByRole('banner')).toContainText(/webassembly|wasm/i);
  await setRecipe(page, { per_device_train_batch_size: 2, max_steps: 4 });
  await runButton(page).click();
  await expect(page.getByText(/finished/i).first()).toBeVisible({ timeout: 60_000 });
});
