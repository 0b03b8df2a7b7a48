// Finds a Chromium-family browser. Node builtins only, so that provisioning can use it before `npm ci`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

const CANDIDATES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/microsoft-edge',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

/** Playwright's own browser, when `npx playwright install chromium` has put it there. */
function playwrightOwn() {
  try {
    return createRequire(import.meta.url)('playwright-core').chromium.executablePath();
  } catch {
    return undefined; // before the first `npm ci` there is no Playwright to ask
  }
}

/** Whether the file is a browser that starts: some distributions ship a launcher without the browser. */
function starts(path) {
  if (!path || !existsSync(path)) return false;
  if (process.platform === 'win32') return true; // --version opens a window there
  return spawnSync(path, ['--version'], { stdio: 'ignore', timeout: 30_000 }).status === 0;
}

/** Path of the first browser that answers `--version`; undefined when there is none. */
export function chromiumPath() {
  return [process.env.STUDIO_CHROMIUM, process.env.CHROME_PATH, ...CANDIDATES, playwrightOwn()].find(starts);
}

/** WebGPU on the CPU, and no traffic of the browser's own. */
export const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
