/** The embed's simulation, a classic script of its own: served in a worker, or handed to a page where no worker starts. */
import { mainThreadTransport } from './worker/main-thread.ts';
import type { FromWorker, ToWorker } from './worker/protocol.ts';
import { PlaygroundServer } from './worker/server.ts';

interface WorkerScope {
  postMessage(message: FromWorker): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

if (typeof document === 'undefined') {
  const scope = globalThis as unknown as WorkerScope;
  const server = new PlaygroundServer({
    post: (message) => scope.postMessage(message),
    now: () => performance.now(),
    later: (task, delayMs) => setTimeout(task, delayMs) as unknown as number,
    cancel: (handle) => clearTimeout(handle),
  });
  scope.onmessage = (event) => {
    void server.receive(event.data);
  };
} else {
  Object.assign(globalThis, { kubehopMainThread: mainThreadTransport });
}
