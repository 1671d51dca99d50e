/** The app's entry, as small as it can be: takes or starts the simulation's worker and fetches the app and what reads a link, all at once. */
import type { StartedWorker } from './start-worker.ts';
import { createScriptAddress } from './ui/trusted-types.ts';
import { type TransportFactory, workerTransport } from './worker/client.ts';
import type { ToWorker } from './worker/protocol.ts';
import workerUrl from './worker/simulation.worker.ts?worker&url';

/** The page itself has started the first worker (start-worker.ts); whether it failed meanwhile is asked when the app is here. */
function startedWorker(): () => Worker {
  const { kubehopWorker: started } = globalThis as { readonly kubehopWorker?: StartedWorker };
  if (started === undefined) {
    const address = createScriptAddress('kubehop-worker');
    return () => new Worker(address(workerUrl), { type: 'module', name: 'kubehop' });
  }
  return () => {
    const worker = started.first;
    started.first = undefined;
    return worker === undefined || started.failed ? started.start() : worker;
  };
}

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

reloadOnStaleDeploy();
const transports = [workerTransport(startedWorker()), lateMainThread];
if (location.hash.length > 1) void import('./ui/state/share-link.ts').catch(() => undefined);
import('./ui/start-app.tsx').then(
  ({ startApp }) => startApp(transports),
  () => {
    const root = document.getElementById('root');
    if (root !== null) root.textContent = 'Kubehop could not be loaded. Your work is kept; reload the page when you are connected.';
  },
);
