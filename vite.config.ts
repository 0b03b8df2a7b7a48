import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { offline } from './scripts/vite/offline.ts';
import { buildStamp, contentSecurityPolicy, tfjsWasm } from './scripts/vite/siteFiles.ts';

const root = dirname(fileURLToPath(import.meta.url));

/**
 * What a build would tell whoever types `npm start`, and that is meant: the SFT trainer is read by the benchmark and the
 * conformance vectors too, so it stands in the compute worker's first chunk; and the worker is most of the build's time.
 */
const rolldownOptions = { checks: { ineffectiveDynamicImport: false, bundlerTimings: false } };

// base './' lets the built site run from any sub-path.
export default defineConfig({
  base: './',
  plugins: [react(), contentSecurityPolicy(), tfjsWasm(), offline(root), buildStamp(root)],
  worker: { format: 'es', rolldownOptions },
  // Data URLs would be fine for the CSP's img-src but not for its font-src.
  build: { target: 'es2023', assetsInlineLimit: 0, chunkSizeWarningLimit: 1500, rolldownOptions },
});
