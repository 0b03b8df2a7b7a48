// A static web server for the built site. Node builtins only.
// Usage: node scripts/serve.mjs [--root dist] [--port 4173] [--base /]
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.jsonl': 'application/jsonl; charset=utf-8',
  '.jinja': 'text/plain; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

function stat(path) {
  return statSync(path, { throwIfNoEntry: false });
}

/** The file that a request path means, or undefined; never one outside `root`. */
function fileFor(root, base, requestUrl) {
  let path;
  try {
    path = decodeURIComponent(new URL(requestUrl, 'http://host').pathname);
  } catch {
    return undefined; // malformed escapes
  }
  if (!path.startsWith(base) || path.includes('\0')) return undefined;
  const file = resolve(join(root, path.slice(base.length)));
  if (file !== root && !file.startsWith(root + sep)) return undefined;
  if (stat(file)?.isFile()) return file;
  const index = join(file, 'index.html');
  return path.endsWith('/') && stat(index)?.isFile() ? index : undefined;
}

/**
 * Serves `root` under `base` on this machine only. A busy port is passed over for a free one, unless `isPortFixed`.
 * Resolves to the server and its address.
 */
export function serve({ root, port, base = '/', isPortFixed = false }) {
  const top = resolve(root);
  const server = createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const file = fileFor(top, base, request.url ?? '/');
    if (!file) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('Not found\n');
      return;
    }
    // Names under assets/ carry a content hash; everything else is asked for again each time.
    const isHashed = file.startsWith(join(top, 'assets') + sep);
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-length': stat(file).size,
      'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      'x-content-type-options': 'nosniff',
    });
    if (request.method === 'HEAD') response.end();
    else
      createReadStream(file)
        .on('error', () => response.destroy())
        .pipe(response);
  });
  return new Promise((done, failed) => {
    server.once('error', (error) => {
      if (error.code !== 'EADDRINUSE' || isPortFixed) return failed(error);
      server.once('error', failed);
      server.listen(0, '127.0.0.1');
    });
    server.once('listening', () => {
      const used = server.address().port;
      done({ server, port: used, isOtherPort: used !== port, url: `http://localhost:${used}${base}` });
    });
    server.listen(port, '127.0.0.1');
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      root: { type: 'string', default: 'dist' },
      port: { type: 'string', default: '4173' },
      base: { type: 'string', default: '/' },
    },
  });
  const { url } = await serve({ root: values.root, port: Number(values.port), base: values.base, isPortFixed: true });
  console.log(`Serving ${values.root} at ${url}`);
}
