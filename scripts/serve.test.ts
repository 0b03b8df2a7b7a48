import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serve } from './serve.mjs';

const folder = mkdtempSync(join(tmpdir(), 'studio-serve-'));
const site = join(folder, 'site');
const servers: Server[] = [];
let port = 0;

beforeAll(async () => {
  mkdirSync(join(site, 'assets'), { recursive: true });
  mkdirSync(join(folder, 'site-private'));
  writeFileSync(join(site, 'index.html'), '<title>studio</title>');
  writeFileSync(join(site, 'engine.wasm'), new Uint8Array([0, 97, 115, 109]));
  writeFileSync(join(site, 'assets/app-1234.js'), 'export {};');
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'site-private/secret.txt'), 'secret');
  const started = await serve({ root: site, port: 0, base: '/sub/' });
  servers.push(started.server);
  port = started.port;
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

/** Not fetch: that would normalise `..` away before sending. */
const get = (path: string, method = 'GET') =>
  new Promise<{ status: number; type?: string; cache?: string; body: string }>((done, failed) => {
    request({ host: '127.0.0.1', port, path, method }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      const { statusCode: status = 0, headers } = response;
      response.on('end', () => done({ status, type: headers['content-type'], cache: headers['cache-control'], body }));
    })
      .on('error', failed)
      .end();
  });

test('serves the site under its sub-path with the types that browsers insist on', async () => {
  expect(await get('/sub/')).toMatchObject({ status: 200, type: 'text/html; charset=utf-8', cache: 'no-cache' });
  expect(await get('/sub/engine.wasm')).toMatchObject({ status: 200, type: 'application/wasm' });
  expect(await get('/sub/assets/app-1234.js?v=1')).toMatchObject({
    type: 'text/javascript; charset=utf-8',
    cache: 'public, max-age=31536000, immutable',
  });
  expect((await get('/sub/none.js')).status).toBe(404);
  expect((await get('/')).status).toBe(404);
  expect((await get('/sub/', 'POST')).status).toBe(405);
});

test.each([
  '/sub/../secret.txt',
  '/sub/%2e%2e/secret.txt',
  '/sub/..%2fsecret.txt',
  '/sub/../site-private/secret.txt',
  '/sub/%2e%2e%2fsite-private%2fsecret.txt',
  '/sub/%00',
  '/sub/%zz',
])('%s does not leave the site', async (path) => {
  expect((await get(path)).status).toBe(404);
});

test('a busy port is passed over, and is an error where the port is fixed', async () => {
  const other = await serve({ root: site, port });
  servers.push(other.server);
  expect(other).toMatchObject({ isOtherPort: true });
  expect(other.port).not.toBe(port);
  await expect(serve({ root: site, port, isPortFixed: true })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
