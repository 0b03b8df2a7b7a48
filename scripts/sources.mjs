// One hash over everything the built site is made from. Node builtins only.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = ['src', 'public', 'scripts/vite', 'index.html', 'vite.config.ts', 'tsconfig.json', 'package-lock.json'];

/** Files under `path`, sorted, as paths relative to `root` with forward slashes. */
export function filesUnder(root, path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full)
    .sort()
    .flatMap((name) => filesUnder(root, path === '' ? name : `${path}/${name}`));
}

/** Hex sha256 over names and contents; tests do not go into the site, so they do not count. */
export function sourceHash(root) {
  const hash = createHash('sha256').update(process.versions.node);
  for (const path of SOURCES.flatMap((source) => filesUnder(root, source)))
    if (!/\.test(Worker)?\.tsx?$/.test(path)) hash.update(`\n${path}\n`).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}
