/** `kubehop serve`: the world's API server over HTTP on the loopback address, for people's own kubectl. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { humanAge } from '../shell/kubectl/age.ts';
import { KUBERNETES_VERSION } from '../shell/kubectl/versions.ts';
import { type ApiResponse, answer, Watcher } from '../world/http-api.ts';
import type { World } from '../world/world.ts';
import { CliSession } from './session.ts';

/** Virtual time passes as real time does, in steps of so many milliseconds. */
const TICK_MS = 50;
/** Bytes of a request's body that are read; etcd takes 1.5 MB. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;
const MAX_WATCHES = 200;

export interface Serving {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface ServeOptions {
  /** `still`: virtual time stands while nobody asks, so that a test sees one moment. Default: it passes as real time does. */
  readonly clock?: 'running' | 'still';
}

/** @throws {Error} when the port is taken. `port` 0: any free one. */
export async function serve(world: World, port: number, serveOptions: ServeOptions = {}): Promise<Serving> {
  const watchers = new Map<ServerResponse, { readonly watcher: Watcher; readonly endsMs: number }>();
  let sessions = 0;
  const logs = (namespace: string, pod: string, query: ReadonlyMap<string, string>): { ok: true; text: string } | { ok: false; message: string } => {
    sessions += 1;
    const id = `log-${sessions}`;
    let text = '';
    let error = '';
    world.openSession(id, { host: world.topology().hosts.find((host) => host.role === 'node')?.id ?? '' });
    const session = new CliSession(world, id, {
      out: (part) => {
        text += part;
      },
      err: (part) => {
        error += part;
      },
    });
    const words = ['kubectl', 'logs', '-n', quote(namespace), quote(pod)];
    const container = query.get('container');
    if (container !== undefined) words.push('-c', quote(container));
    const lines = query.get('tailLines');
    if (lines !== undefined && /^\d+$/.test(lines)) words.push(`--tail=${lines}`);
    if (query.get('previous') === 'true') words.push('--previous');
    if (query.get('timestamps') === 'true') words.push('--timestamps');
    const code = world.command(id, words.join(' '));
    session.flush();
    world.closeSession(id);
    return code === 0 ? { ok: true, text } : { ok: false, message: error.trim().replace(/^Error from server \(\w+\): |^error: /, '') };
  };
  const options = { version: KUBERNETES_VERSION, logs, age: (timestamp: string | undefined) => humanAge(world.epochMs + world.nowNs / 1e6, timestamp) };

  const respond = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    // A page in a browser must not reach the world by a name that points here.
    const host = (incoming.headers.host ?? '').replace(/:\d+$/, '');
    if (host !== '127.0.0.1' && host !== 'localhost') {
      outgoing.writeHead(403).end('this server answers on the loopback address only\n');
      return;
    }
    const url = new URL(incoming.url ?? '/', 'http://127.0.0.1');
    const body = await bodyOf(incoming);
    if (body === undefined) {
      outgoing.writeHead(413).end(`more than ${MAX_BODY_BYTES} bytes\n`);
      return;
    }
    let path: string;
    try {
      path = decodeURIComponent(url.pathname);
    } catch {
      outgoing.writeHead(400).end('the path is not encoded rightly\n');
      return;
    }
    const response = answer(world, options, {
      method: incoming.method ?? 'GET',
      path,
      query: new Map(url.searchParams),
      accept: incoming.headers.accept ?? '',
      contentType: incoming.headers['content-type'] ?? '',
      body,
    });
    send(outgoing, response);
    tellWatchers();
  };

  const send = (outgoing: ServerResponse, response: ApiResponse): void => {
    if (response.kind === 'whole') {
      // RFC 7234 section 5.5: how the API server says what was ignored.
      const warnings = response.warnings.map((text) => `299 - ${JSON.stringify(text)}`);
      outgoing.setHeader('content-type', response.contentType);
      if (warnings.length > 0) outgoing.setHeader('warning', warnings);
      outgoing.writeHead(response.code).end(response.text);
      return;
    }
    if (watchers.size >= MAX_WATCHES) {
      outgoing.writeHead(429).end(`more than ${MAX_WATCHES} watches\n`);
      return;
    }
    outgoing.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
    outgoing.flushHeaders();
    watchers.set(outgoing, { watcher: new Watcher(world, response.watch), endsMs: performance.now() + response.watch.seconds * 1000 });
    outgoing.on('close', () => watchers.delete(outgoing));
  };

  const tellWatchers = (): void => {
    for (const [outgoing, { watcher, endsMs }] of watchers) {
      for (const event of watcher.news()) outgoing.write(`${JSON.stringify(event)}\n`);
      if (performance.now() < endsMs) continue;
      watchers.delete(outgoing);
      outgoing.end();
    }
  };

  const server: Server = createServer((incoming, outgoing) => {
    respond(incoming, outgoing).catch((error: unknown) => {
      if (!outgoing.headersSent) outgoing.writeHead(500);
      outgoing.end(`${error instanceof Error ? error.message : String(error)}\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  let lastMs = performance.now();
  const ticks = setInterval(() => {
    const nowMs = performance.now();
    if (serveOptions.clock !== 'still') world.elapse(nowMs - lastMs);
    lastMs = nowMs;
    tellWatchers();
  }, TICK_MS);
  const address = server.address();
  const chosen = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://127.0.0.1:${chosen}`,
    port: chosen,
    close: () =>
      new Promise((resolve) => {
        clearInterval(ticks);
        for (const outgoing of watchers.keys()) outgoing.end();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** Undefined when it is too long. */
async function bodyOf(incoming: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    parts.push(part);
  }
  // Protobuf is no text: a character a byte.
  return Buffer.concat(parts).toString(incoming.headers['content-type']?.includes('protobuf') === true ? 'latin1' : 'utf8');
}
