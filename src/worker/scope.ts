/** A server on this worker's own message port. */
import type { FromWorker, ToWorker } from './protocol.ts';
import { PlaygroundServer, type ServerEnvironment } from './server.ts';

interface WorkerScope {
  postMessage(message: FromWorker): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

export function serveScope(supply: Pick<ServerEnvironment, 'equipment' | 'isApart' | 'loadRest' | 'loadLanguage'>): void {
  const scope = globalThis as unknown as WorkerScope;
  const server = new PlaygroundServer({
    ...supply,
    post: (message) => scope.postMessage(message),
    now: () => performance.now(),
    later: (task, delayMs) => setTimeout(task, delayMs) as unknown as number,
    cancel: (handle) => clearTimeout(handle),
  });
  scope.onmessage = (event) => {
    void server.receive(event.data);
  };
}
