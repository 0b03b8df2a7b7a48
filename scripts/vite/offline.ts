// Writes sw.js: the service worker with the list of all files of the build and one version over their contents.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { filesUnder } from '../sources.mjs';

const template = join(dirname(fileURLToPath(import.meta.url)), 'serviceWorker.js');

export function offline(root: string): Plugin {
  let outDir = '';
  let isWritten = false;
  return {
    name: 'studio-offline',
    apply: 'build',
    configResolved(config) {
      outDir = resolve(root, config.build.outDir);
    },
    writeBundle() {
      isWritten = true; // not reached by a build that failed, while closeBundle is
    },
    closeBundle: {
      order: 'post',
      sequential: true,
      handler() {
        if (!isWritten) return;
        const files = filesUnder(outDir, '').filter((path) => path !== 'sw.js' && path !== 'build.json');
        const hash = createHash('sha256').update(readFileSync(template));
        for (const path of files) hash.update(`\n${path}\n`).update(readFileSync(join(outDir, path)));
        const source = readFileSync(template, 'utf8')
          .replace("'__VERSION__'", JSON.stringify(hash.digest('hex').slice(0, 16)))
          .replace("'__FILES__'", JSON.stringify(files));
        writeFileSync(join(outDir, 'sw.js'), source);
      },
    },
  };
}
