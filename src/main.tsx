/** The app's entry: starts the worker, finds out what to open, and draws. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Root } from './ui/Root.tsx';
import { Playground } from './ui/state/playground.ts';
import { readPreferences } from './ui/state/session.ts';
import { decideStart } from './ui/state/start.ts';
import { openStorage } from './ui/state/storage.ts';
import { createScriptAddress } from './ui/trusted-types.ts';
import { createPlaygroundClient, type TransportFactory, workerTransport } from './worker/client.ts';
import type { ToWorker } from './worker/protocol.ts';
import workerUrl from './worker/simulation.worker.ts?worker&url';

const scriptAddress = createScriptAddress('kubehop-worker');

/** Where no worker starts the world runs on this thread; its code is fetched only then. */
const lateMainThread: TransportFactory = (events) => {
  const waiting: ToWorker[] = [];
  let send: ((message: ToWorker) => void) | undefined;
  let close = () => {};
  let closed = false;
  import('./worker/main-thread.ts').then(
    ({ mainThreadTransport }) => {
      if (closed) return;
      const transport = mainThreadTransport(events);
      send = (message) => transport.send(message);
      close = () => transport.close();
      for (const message of waiting.splice(0)) transport.send(message);
    },
    () => events.failed('The simulation could not be loaded.'),
  );
  return {
    send: (message) => {
      if (send === undefined) waiting.push(message);
      else send(message);
    },
    close: () => {
      closed = true;
      close();
    },
  };
};

/** A new version was deployed while this page was open: its old chunks are gone. One reload, guarded, and never while offline. */
function reloadOnStaleDeploy(): void {
  window.addEventListener('vite:preloadError', (event) => {
    if (!navigator.onLine || history.state?.kubehopReloaded === true) return;
    event.preventDefault();
    history.replaceState({ ...history.state, kubehopReloaded: true }, '');
    location.reload();
  });
}

async function start(): Promise<void> {
  reloadOnStaleDeploy();
  const createClient = () =>
    createPlaygroundClient({
      transports: [workerTransport(() => new Worker(scriptAddress(workerUrl), { type: 'module', name: 'kubehop' })), lateMainThread],
    });
  const client = createClient();
  const storage = await openStorage();
  const preferences = readPreferences(await storage.get('preferences').catch(() => undefined));
  const playground = new Playground({
    client,
    createClient,
    storage,
    preferences,
    now: () => Date.now(),
    onOwned: () => history.replaceState(history.state, '', location.pathname + location.search),
  });
  const decided = await decideStart(location.hash, storage, () => crypto.randomUUID());
  const root = document.getElementById('root');
  if (root === null) throw new Error('the page has no #root');
  createRoot(root).render(
    <StrictMode>
      <Root playground={playground} start={decided} />
    </StrictMode>,
  );
  if (decided.kind === 'open') void playground.open(decided.opening);
  // Another link pasted into the same tab is another world.
  window.addEventListener('hashchange', () => location.reload());
}

void start();
