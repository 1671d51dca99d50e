/** The embed's entry: one classic script that is the page, and, started again in a worker, the simulation; where no worker starts it is both. */
import './ui/embed/embed.css';
import { startEmbed } from './ui/embed/embed-page.ts';
import { createPlaygroundClient, workerTransport } from './worker/client.ts';
import { mainThreadTransport } from './worker/main-thread.ts';
import type { FromWorker, ToWorker } from './worker/protocol.ts';
import { PlaygroundServer } from './worker/server.ts';

const POLICY = 'kubehop-embed';

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown };
}

/** A frame without an origin may start workers from blobs only; the blob fetches this very script again, from the cache. */
function startWorker(script: string): Worker {
  const source = `const url=${JSON.stringify(script)};importScripts(self.trustedTypes?trustedTypes.createPolicy(${JSON.stringify(POLICY)},{createScriptURL:u=>u}).createScriptURL(url):url)`;
  const blob = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
  const address =
    trustedTypes === undefined
      ? blob
      : (trustedTypes.createPolicy(POLICY, { createScriptURL: (url) => (url === blob ? url : '') }).createScriptURL(blob) as string);
  return new Worker(address, { name: 'kubehop' });
}

function serve(): void {
  const scope = globalThis as unknown as { postMessage(message: FromWorker): void; onmessage: ((event: MessageEvent<ToWorker>) => void) | null };
  const server = new PlaygroundServer({
    post: (message) => scope.postMessage(message),
    now: () => performance.now(),
    later: (task, delayMs) => setTimeout(task, delayMs) as unknown as number,
    cancel: (handle) => clearTimeout(handle),
  });
  scope.onmessage = (event) => {
    void server.receive(event.data);
  };
}

if (typeof document === 'undefined') {
  serve();
} else {
  const root = document.getElementById('root');
  const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : '';
  const transports = [...(script === '' ? [] : [workerTransport(() => startWorker(script))]), mainThreadTransport];
  if (root !== null) void startEmbed(root, () => createPlaygroundClient({ transports }));
}
