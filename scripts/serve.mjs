/** Builds what is stale, serves dist/ on the loopback address and prints where. Port from PORT or the first free one from 4173. */
import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.ttf': 'font/ttf',
  '.map': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
};

/** Serves a folder of files; `headers` are added to each answer. Directory paths without a final slash are redirected, as static hosts do. */
export function createStaticServer(folder, headers = {}) {
  return createServer((request, response) => {
    let path;
    try {
      path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    } catch {
      response.writeHead(400).end();
      return;
    }
    const file = normalize(join(folder, path));
    if (file !== folder && !file.startsWith(folder + sep)) {
      response.writeHead(403).end();
      return;
    }
    let target = file;
    if (existsSync(target) && statSync(target).isDirectory()) {
      if (!path.endsWith('/')) {
        response.writeHead(301, { Location: `${path}/` }).end();
        return;
      }
      target = join(target, 'index.html');
    }
    if (!existsSync(target)) {
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('Not found\n');
      return;
    }
    response.writeHead(200, {
      'Content-Type': types[extname(target)] ?? 'application/octet-stream',
      'Cache-Control': 'no-cache',
      'X-Content-Type-Options': 'nosniff',
      ...headers,
    });
    if (request.method === 'HEAD') response.end();
    else createReadStream(target).pipe(response);
  });
}

/** Listens on the first free port from `port`; resolves with it. */
export function listen(server, port) {
  return new Promise((resolve, reject) => {
    let candidate = port;
    server.on('error', (error) => {
      if (error.code === 'EADDRINUSE' && candidate < port + 50) server.listen(++candidate, '127.0.0.1');
      else reject(error);
    });
    server.on('listening', () => resolve(candidate));
    server.listen(candidate, '127.0.0.1');
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const built = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs'), '--if-stale'], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) process.exit(built.status ?? 1);
  const port = await listen(createStaticServer(dist), Number(process.env.PORT ?? 4173));
  console.log(`\n  Kubehop is running at  http://127.0.0.1:${port}/\n\n  Ctrl-C stops it.\n`);
}
