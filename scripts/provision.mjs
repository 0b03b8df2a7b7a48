// Makes a fresh checkout runnable: checks Node, installs the locked dependencies, finds or installs a Chromium.
// Node builtins only. Usage: node scripts/provision.mjs [--browser]
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromiumPath } from './chromium.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const LEAST_NODE = [20, 19];

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Runs npm: the one that runs us, else the one on the path. NODE_ENV=production would leave out what builds the app. */
function npm(args) {
  const env = { ...process.env, NODE_ENV: '' };
  const cli = process.env.npm_execpath;
  const options = { cwd: root, env, stdio: 'inherit' };
  if (cli?.endsWith('js')) return spawnSync(process.execPath, [cli, ...args], options).status === 0;
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' }).status === 0;
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const isOld = major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1]);
  if (isOld) fail(`Node ${LEAST_NODE.join('.')} or newer is needed, this is ${process.versions.node}. See nodejs.org.`);
}

/** Whether what npm last installed here is what the lock file asks for; so a plain `npm install` counts as well. */
function isInstalled(lockText) {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const has = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(JSON.parse(lockText).packages).every(
    ([path, { version, optional }]) => path === '' || optional || has[path]?.version === version,
  );
}

/** Installs the dependencies once per lock file. */
export function provisionDependencies() {
  checkNode();
  const lockText = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const wanted = createHash('sha256').update(`${process.platform} ${process.arch}\n${lockText}`).digest('hex');
  const stamp = join(root, 'node_modules/.studio-stamp');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  if (!isInstalled(lockText)) {
    console.log('Installing dependencies (once)…');
    const quiet = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
    if (!npm(['ci', ...quiet])) {
      console.error('`npm ci` failed, for the reason above. Trying `npm install` without changing the lock file.');
      if (!npm(['install', '--no-save', '--no-package-lock', ...quiet]))
        fail('Dependencies could not be installed. Check the network and the npm settings, then try again.');
    }
  }
  writeFileSync(stamp, wanted);
}

/** Finds a browser for the tests, or installs one. Returns its path. */
export function provisionChromium() {
  const found = chromiumPath();
  if (found) return found;
  const isRoot = process.getuid?.() === 0;
  if (isRoot && existsSync('/usr/bin/apt-get')) {
    console.log('Installing Chromium with apt-get (once)…');
    const apt = (...args) =>
      spawnSync('apt-get', args, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
    apt('update', '-qq');
    apt('install', '-y', '-qq', '--no-install-recommends', 'chromium');
    const installed = chromiumPath();
    if (installed) return installed;
  }
  console.log("Installing Playwright's Chromium (once)…");
  npm(['exec', '--no', '--', 'playwright', 'install', 'chromium']);
  const own = chromiumPath();
  if (own) return own;
  return fail(
    'No Chromium, Chrome or Edge was found or could be installed. Install one, or name it: STUDIO_CHROMIUM=/path/to/chrome npm test',
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  provisionDependencies();
  if (process.argv.includes('--browser')) console.log(provisionChromium());
}
