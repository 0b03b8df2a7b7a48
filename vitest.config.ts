import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { CHROMIUM_ARGS, chromiumPath } from './scripts/chromium.mjs';
import { tfjsWasm } from './scripts/vite/siteFiles';

// Named beforehand: a dependency that Vite finds in the middle of a test reloads the page under it.
const OPTIMIZED = [
  '@tensorflow/tfjs-backend-cpu',
  '@tensorflow/tfjs-backend-wasm',
  '@tensorflow/tfjs-backend-webgpu',
  '@tensorflow/tfjs-core',
  '@tensorflow/tfjs-core/dist/register_all_gradients',
  'fflate',
  'hyparquet',
  'hyparquet-compressors',
  'hyparquet-writer',
  'idb',
  'papaparse',
];

// Two projects: `node` (WASM and CPU backends) and `gpu` (*.gpu.test.ts: real WebGPU in Chromium on SwiftShader).
export default defineConfig({
  test: {
    projects: [
      {
        resolve: { mainFields: ['module', 'main'] },
        test: {
          name: 'node',
          include: ['src/**/*.test.{ts,tsx}', 'test/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: ['**/*.gpu.test.ts'],
          environment: 'node',
          setupFiles: ['test/propertySeed.ts'],
          testTimeout: 60_000,
          server: { deps: { inline: [/@tensorflow/] } },
        },
      },
      {
        plugins: [tfjsWasm()],
        // What the slow tests ask for: a browser has no process.env.
        define: { 'import.meta.env.STUDIO_FULL': JSON.stringify(process.env.STUDIO_FULL ?? '') },
        optimizeDeps: { include: OPTIMIZED },
        test: {
          name: 'gpu',
          include: ['src/**/*.gpu.test.ts', 'test/**/*.gpu.test.ts'],
          testTimeout: 120_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            instances: [{ browser: 'chromium' }],
            provider: playwright({ launchOptions: { executablePath: chromiumPath(), args: CHROMIUM_ARGS } }),
          },
        },
      },
    ],
  },
});
