// WebGPU in Node: Dawn, on a graphics card where its Vulkan loader finds one; else on SwiftShader beside the installed Chromium.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chromiumPath } from '../chromium.mjs';

/** Says whether the drivers of this machine offer Dawn an adapter that is no CPU. In a process of its own: a driver may crash. */
const PROBE = `import('webgpu').then(async ({ create }) => {
  const adapter = await create([]).requestAdapter({ powerPreference: 'high-performance' });
  const { isFallbackAdapter, vendor, architecture, device, description } = adapter?.info ?? {};
  const isSoftware = !adapter || isFallbackAdapter || /swiftshader|llvmpipe|lavapipe/i.test([vendor, architecture, device, description].join(' '));
  process.exit(isSoftware ? 3 : 0);
});`;
function hasGraphicsCard(): boolean {
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', PROBE], {
    stdio: 'ignore',
    timeout: 60_000,
  });
  return status === 0;
}

/**
 * Environment that makes Dawn find SwiftShader; to be set before Node starts. Undefined when a driver is named already, or when
 * there is a graphics card to run on.
 */
export function softwareDriver(hasCard = hasGraphicsCard): Record<string, string> | undefined {
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES) return undefined;
  if (hasCard()) return undefined;
  const chromium = chromiumPath();
  if (!chromium) return undefined;
  for (const folder of [dirname(chromium), '/usr/lib/chromium', '/opt/google/chrome']) {
    const icd = join(folder, 'vk_swiftshader_icd.json');
    if (existsSync(icd)) return { VK_ICD_FILENAMES: icd, LD_LIBRARY_PATH: folder };
  }
  return undefined;
}

let keep: GPU | undefined;
/** Starts Dawn and defines WebGPU's globals and navigator.gpu. Call before tfjs-backend-webgpu is imported. */
export async function startDawn(flags: string[] = []): Promise<GPU> {
  if (keep) return keep;
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  keep = create(flags);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: keep, userAgent: 'node' }, configurable: true });
  return keep;
}
