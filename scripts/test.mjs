// npm test: provisions, then runs every check in order, goes on after a failure, and ends with `N passed, N failed`.
// `npm test -- <filter>` runs only the test files whose name contains the filter; --full (or STUDIO_FULL=1) adds slow tests.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provisionChromium, provisionDependencies } from './provision.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const isFull = Boolean(process.env.STUDIO_FULL) || process.argv.includes('--full');
/** A hung stage must not hang the whole: no stage starts with more time than is left of this. */
const TOTAL_MS = (isFull ? 120 : 38) * 60_000;
const startedAt = Date.now();

provisionDependencies();
const chromium = provisionChromium();

const reports = join(root, 'node_modules/.cache/studio-test', String(process.pid));
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
const bin = (path) => [process.execPath, join(root, 'node_modules', path)];

let passed = 0;
let failed = 0;
const summary = [];
/** What failed, told again at the very end: a log cut in the middle still names it. */
const failures = [];

/** Runs a command in its own process group, ended as a whole when it takes too long. Resolves to its exit code. */
function run(command, { minutes, env = {} }) {
  const limitMs = Math.max(1000, Math.min(minutes * 60_000, TOTAL_MS - (Date.now() - startedAt)));
  return new Promise((done) => {
    const isPosix = process.platform !== 'win32';
    const child = spawn(command[0], command.slice(1), {
      cwd: root,
      stdio: 'inherit',
      detached: isPosix,
      env: { ...process.env, STUDIO_CHROMIUM: chromium, ...(isFull && { STUDIO_FULL: '1' }), ...env },
    });
    const end = (signal) => {
      try {
        if (isPosix) process.kill(-child.pid, signal);
        else child.kill(signal);
      } catch {
        // gone already
      }
    };
    const onInterrupt = () => {
      end('SIGTERM');
      process.exit(130);
    };
    process.once('SIGINT', onInterrupt);
    process.once('SIGTERM', onInterrupt);
    const timer = setTimeout(() => {
      console.error(`Stopped after ${Math.round(limitMs / 1000)} s: this stage takes too long or hangs.`);
      end('SIGTERM');
      setTimeout(() => end('SIGKILL'), 5000).unref();
    }, limitMs);
    child.on('error', (error) => console.error(error.message));
    child.on('close', (code) => {
      clearTimeout(timer);
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onInterrupt);
      end('SIGKILL'); // servers and browsers that a killed stage left behind
      done(code ?? 1);
    });
  });
}

async function stage(name, work) {
  console.log(`\n━━ ${name}`);
  const before = Date.now();
  const counts = await work();
  passed += counts.passed;
  failed += counts.failed;
  const skipped = counts.skipped ? `, ${counts.skipped} skipped` : '';
  const seconds = ((Date.now() - before) / 1000).toFixed(1);
  const line = `${name.padEnd(14)} ${seconds.padStart(6)} s   ${counts.passed} passed, ${counts.failed} failed${skipped}`;
  summary.push(line);
  console.log(`━━ ${line}`);
}

/** A check that passes or fails as a whole. */
const check = (name, command, minutes) =>
  stage(name, async () => {
    const isGood = (await run(command, { minutes })) === 0;
    if (!isGood) failures.push(name);
    return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1 };
  });

const readJson = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined);

function printTimes(times) {
  const lines = times
    .sort((a, b) => b.ms - a.ms)
    .map(({ file, ms }) => `${(ms / 1000).toFixed(1).padStart(7)} s  ${file}`);
  if (lines.length) console.log(`Time per file:\n${lines.join('\n')}`);
}

/** An exit code that no counted failure explains (a crash, an unhandled rejection, a time-out) is one failure more. */
function withExit(name, counts, code) {
  if (code === 0 || counts.failed > 0) return counts;
  failures.push(`${name}: exit code ${code} though no test failed`);
  return { ...counts, failed: 1 };
}

/** `file > test: first lines of the message`. */
function noteFailure(file, name, message = '') {
  const told = message.split('\n').slice(0, 3).join(' | ').slice(0, 400);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of the terminal
  failures.push(`${file} > ${name}: ${told.replace(/\u001b\[[0-9;]*m/g, '')}`);
}

const vitest = (project, minutes) =>
  stage(`vitest ${project}`, async () => {
    const out = join(reports, `vitest-${project}.json`);
    const command = [...bin('vitest/vitest.mjs'), 'run', '--project', project, '--passWithNoTests'];
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${out}`];
    const code = await run([...command, ...reporters, ...filters], { minutes });
    const report = readJson(out);
    if (!report) {
      failures.push(`vitest ${project}: exit code ${code} and no report`);
      return { passed: 0, failed: 1 };
    }
    for (const { name, assertionResults, message } of report.testResults) {
      const wrong = assertionResults.filter((a) => a.status === 'failed');
      for (const { fullName, failureMessages } of wrong)
        noteFailure(relative(root, name), fullName, failureMessages[0]);
      if (wrong.length === 0 && message) noteFailure(relative(root, name), 'the file', message);
    }
    printTimes(report.testResults.map((r) => ({ file: relative(root, r.name), ms: r.endTime - r.startTime })));
    // A file that does not load has failed without a failed test.
    const broken = report.testResults.filter(
      (r) => r.status === 'failed' && !r.assertionResults.some((a) => a.status === 'failed'),
    ).length;
    const counts = {
      passed: report.numPassedTests,
      failed: report.numFailedTests + broken,
      skipped: report.numPendingTests + report.numTodoTests,
    };
    return withExit(`vitest ${project}`, counts, code);
  });

/** A port that nothing listens on. */
const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(String(port)));
    });
  });

const playwright = (minutes) =>
  stage('e2e', async () => {
    const out = join(reports, 'e2e.json');
    const command = [...bin('@playwright/test/cli.js'), 'test', '--reporter=list,json', '--pass-with-no-tests'];
    const env = { PLAYWRIGHT_JSON_OUTPUT_NAME: out, STUDIO_E2E_PORT: await freePort() };
    const code = await run([...command, ...filters], { minutes, env });
    const report = readJson(out);
    if (!report) {
      failures.push(`e2e: exit code ${code} and no report`);
      return { passed: 0, failed: 1 };
    }
    const times = new Map();
    const walk = (suite) => {
      for (const spec of suite.specs ?? [])
        for (const { results, status } of spec.tests) {
          for (const { duration } of results) times.set(spec.file, (times.get(spec.file) ?? 0) + duration);
          const error = results.find((result) => result.error)?.error.message;
          if (status === 'unexpected' || status === 'flaky') noteFailure(`e2e/${spec.file}`, spec.title, error);
        }
      for (const inner of suite.suites ?? []) walk(inner);
    };
    for (const suite of report.suites) walk(suite);
    printTimes([...times].map(([file, ms]) => ({ file: `e2e/${file}`, ms })));
    const { expected, unexpected, flaky, skipped } = report.stats;
    return withExit('e2e', { passed: expected, failed: unexpected + flaky, skipped }, code);
  });

function filesIn(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });
}
const isWanted = (pattern, folder) =>
  filters.length === 0 ||
  filesIn(join(root, folder)).some(
    (path) => pattern.test(path) && filters.some((f) => relative(root, path).includes(f)),
  );

if (filters.length === 0) {
  await check('types', [...bin('typescript/bin/tsc'), '--noEmit', '-p', 'tsconfig.json'], 6);
  await check('lint', [...bin('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.'], 3);
  const cruiser = bin('dependency-cruiser/bin/dependency-cruise.mjs');
  await check('layers', [...cruiser, '--config', '.dependency-cruiser.cjs', 'src'], 3);
  await check('unused code', [...bin('knip/bin/knip.js'), '--no-progress'], 3);
}
await vitest('node', isFull ? 80 : 18);
if (['src', 'test'].some((folder) => isWanted(/\.gpu\.test\.ts$/, folder))) await vitest('gpu', isFull ? 30 : 10);
if (isWanted(/\.spec\.ts$/, 'e2e')) {
  await check('build', [...bin('vite/bin/vite.js'), 'build', '--logLevel', 'warn'], 5);
  await playwright(isFull ? 30 : 20);
}

rmSync(reports, { recursive: true, force: true });
if (failures.length > 0) console.log(`\nFailed:\n${failures.map((line) => `  ${line}`).join('\n')}`);
console.log(`\n${summary.join('\n')}\nTotal ${((Date.now() - startedAt) / 1000).toFixed(0)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
