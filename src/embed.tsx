/** The embed's entry: a small classic script that draws; the simulation is fetched by a worker once the frame is seen. Runs without an origin, too. */
import './ui/embed/embed.css';
import worldAddress from './embed-world.ts?worker&url';
import { startEmbed } from './ui/embed/embed-page.ts';
import { createPlaygroundClient, type TransportFactory, workerTransport } from './worker/client.ts';
import type { ToWorker } from './worker/protocol.ts';

const POLICY = 'kubehop-embed';

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown };
}

/** Addresses under `require-trusted-types-for 'script'`: our own script, and the blob that fetches it. */
function trusting(allowed: (url: string) => boolean): (url: string) => string {
  const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
  if (trustedTypes === undefined) return (url) => url;
  const policy = trustedTypes.createPolicy(POLICY, { createScriptURL: (url) => (allowed(url) ? url : '') });
  return (url) => policy.createScriptURL(url) as string;
}

const world = new URL(worldAddress, document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : location.href).href;
const trusted = trusting((url) => url === world || url.startsWith('blob:'));

/** A frame without an origin may start workers from blobs only; the blob fetches the simulation, which needs no CORS that way. */
function startWorker(): Worker {
  const source = `const u=${JSON.stringify(world)};importScripts(self.trustedTypes?trustedTypes.createPolicy(${JSON.stringify(POLICY)},{createScriptURL:x=>x}).createScriptURL(u):u)`;
  const blob = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  return new Worker(trusted(blob), { name: 'kubehop' });
}

/** Where no worker starts the same script runs on this thread. */
const onThisThread: TransportFactory = (events) => {
  const waiting: ToWorker[] = [];
  let send = (message: ToWorker): void => {
    waiting.push(message);
  };
  let close = (): void => undefined;
  let closed = false;
  const script = document.createElement('script');
  script.src = trusted(world);
  script.onload = () => {
    const { kubehopMainThread } = globalThis as { readonly kubehopMainThread?: TransportFactory };
    if (closed) return;
    if (kubehopMainThread === undefined) {
      events.failed('The simulation could not be started.');
      return;
    }
    const transport = kubehopMainThread(events);
    send = (message) => transport.send(message);
    close = () => transport.close();
    for (const message of waiting.splice(0)) transport.send(message);
  };
  script.onerror = () => events.failed('The simulation could not be loaded.');
  document.head.append(script);
  return {
    send: (message) => send(message),
    close: () => {
      closed = true;
      close();
    },
  };
};

const root = document.getElementById('root');
if (root !== null) void startEmbed(root, () => createPlaygroundClient({ transports: [workerTransport(startWorker), onThisThread] }));
