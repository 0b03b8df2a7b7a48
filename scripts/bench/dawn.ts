// WebGPU in Node: Dawn, on the first Vulkan driver it finds. Where there is none, SwiftShader beside the installed Chromium.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chromiumPath } from '../chromium.mjs';

/** Environment that makes Dawn find SwiftShader; to be set before Node starts. Undefined when a driver is named already. */
export function softwareDriver(): Record<string, string> | undefined {
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES) return undefined;
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
