// Runs a TypeScript script in Node: bundles it first, because tfjs' ES modules do not resolve in Node by themselves.
// Usage: node scripts/run.mjs <script.ts> [arguments…]
import { mkdirSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [script, ...rest] = process.argv.slice(2);
if (!script) {
  console.error('Name a script: node scripts/run.mjs scripts/lab.ts recipe.json');
  process.exit(2);
}
const cache = resolve(root, 'node_modules/.cache/studio-scripts');
mkdirSync(cache, { recursive: true });
// One file per process: two suites may run at once while the source changes.
const outfile = resolve(cache, `${basename(script, '.ts')}-${process.pid}.mjs`);
await build({
  entryPoints: [resolve(script)],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  mainFields: ['module', 'main'],
  external: ['@playwright/test', 'vite', 'webgpu'],
  // tfjs-backend-wasm's emscripten glue asks for require and __dirname.
  banner: {
    js: "import{createRequire as __cr}from'node:module';import{fileURLToPath as __fu}from'node:url';import{dirname as __dn}from'node:path';const require=__cr(import.meta.url);const __filename=__fu(import.meta.url);const __dirname=__dn(__filename);",
  },
  sourcemap: 'inline',
  logLevel: 'error',
});
process.argv = [process.argv[0], resolve(script), ...rest];
await import(pathToFileURL(outfile).href);
