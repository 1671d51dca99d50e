/** The embed's simulation, a classic script of its own: served in a worker, or handed to a page where no worker starts. */
import { serveClassicWorker } from './worker/classic-worker.ts';
import { mainThreadTransport } from './worker/main-thread.ts';

if (typeof document === 'undefined') serveClassicWorker();
else Object.assign(globalThis, { kubehopMainThread: mainThreadTransport });
