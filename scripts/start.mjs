// npm start: installs what is missing, builds once per state of the sources, serves the site and opens it.
// Options: --port 4321, --no-open
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { provisionDependencies } from './provision.mjs';
import { serve } from './serve.mjs';
import { sourceHash } from './sources.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: { port: { type: 'string', default: '4321' }, 'no-open': { type: 'boolean', default: false } },
});
const port = Number(values.port);
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error(`--port must be a number from 0 to 65535, got ${values.port}.`);
  process.exit(2);
}

provisionDependencies();

function isBuilt() {
  const stamp = join(root, 'dist/build.json');
  return existsSync(stamp) && JSON.parse(readFileSync(stamp, 'utf8')).sources === sourceHash(root);
}
if (!isBuilt()) {
  console.log('Building the studio (once)…');
  const vite = join(root, 'node_modules/vite/bin/vite.js');
  const { status } = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error('The build failed, for the reason above.');
    process.exit(1);
  }
}

const { server, url, isOtherPort } = await serve({ root: join(root, 'dist'), port });
if (isOtherPort && port !== 0)
  console.log(
    `Port ${port} is busy, so another one is used. Runs belong to an address: those made at port ${port} are seen only there.`,
  );
console.log(`\n  Posttrain Studio   ${url}\n\n  Stop with Ctrl-C.`);

/** Opens the address where a person sits in front of a desktop. */
function openBrowser() {
  const { env, platform } = process;
  if (values['no-open'] || env.CI || env.SSH_CONNECTION || !process.stdout.isTTY) return;
  const isDesktop = platform !== 'linux' || env.DISPLAY || env.WAYLAND_DISPLAY;
  if (!isDesktop) return;
  const [command, ...args] =
    platform === 'darwin' ? ['open', url] : platform === 'win32' ? ['cmd', '/c', 'start', '', url] : ['xdg-open', url];
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined); // no opener installed: the address is printed above
  child.unref();
}
openBrowser();

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    server.closeAllConnections();
    server.close(() => process.exit(0));
  });
