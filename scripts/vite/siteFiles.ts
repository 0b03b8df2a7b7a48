// What the built site has beyond Vite's own output: a strict CSP, tfjs' WASM binaries, and the stamp `npm start` reads.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import type { Plugin } from 'vite';
import { sourceHash } from '../sources.mjs';

/** `connect-src 'self'` is what keeps the promise of no outbound requests, whatever a dependency tries. */
const CSP = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "connect-src 'self' data: blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Only in the build: the dev server injects an inline script. */
export function contentSecurityPolicy(): Plugin {
  return {
    name: 'studio-csp',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: () => [
        { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: CSP }, injectTo: 'head-prepend' },
      ],
    },
  };
}

/** Serves and emits `wasm/tfjs-backend-wasm*.wasm` beside index.html. */
export function tfjsWasm(): Plugin {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json')),
    'wasm-out',
  );
  // The threaded build needs cross-origin isolation, which the site does not ask for.
  const names = ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm'];
  return {
    name: 'studio-tfjs-wasm',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const name = names.find((n) => request.url?.split('?')[0]?.endsWith(`/wasm/${n}`));
        if (!name) return next();
        response.setHeader('content-type', 'application/wasm');
        response.end(readFileSync(join(folder, name)));
      });
    },
    generateBundle() {
      for (const name of names)
        this.emitFile({ type: 'asset', fileName: `wasm/${name}`, source: readFileSync(join(folder, name)) });
    },
  };
}

/** Writes build.json last, so that a build that was cut off is made again. */
export function buildStamp(root: string): Plugin {
  let sources = '';
  let outDir = '';
  let isWritten = false;
  return {
    name: 'studio-build-stamp',
    apply: 'build',
    configResolved(config) {
      outDir = config.build.outDir;
    },
    buildStart() {
      sources = sourceHash(root); // at the start: a file saved during the build is then built again
    },
    writeBundle() {
      isWritten = true; // not reached by a build that failed, while closeBundle is
    },
    closeBundle: {
      order: 'post',
      sequential: true,
      handler() {
        if (isWritten) writeFileSync(resolve(root, outDir, 'build.json'), `${JSON.stringify({ sources })}\n`);
      },
    },
  };
}
