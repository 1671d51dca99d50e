/** The worker's entry: one server on this thread's message port. */
import type { FromWorker, ToWorker } from './protocol.ts';
import { PlaygroundServer } from './server.ts';

interface WorkerScope {
  postMessage(message: FromWorker): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}
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
