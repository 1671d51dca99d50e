/** The last resort where no worker starts (some sandboxes): the same server on the page's own thread, in slices. */
import type { TransportFactory } from './client.ts';
import { fullEquipment } from './full-equipment.ts';
import { PlaygroundServer } from './server.ts';

export const mainThreadTransport: TransportFactory = (events) => {
  let open = true;
  const server = new PlaygroundServer({
    equipment: fullEquipment,
    loadLanguage: () => import('../world/language/language.ts').then(({ createLanguage }) => createLanguage),
    // Cloned and delivered later, as a worker's messages are.
    post: (message) => {
      const copy = structuredClone(message);
      setTimeout(() => {
        if (open) events.message(copy);
      }, 0);
    },
    now: () => performance.now(),
    later: (task, delayMs) => setTimeout(task, delayMs) as unknown as number,
    cancel: (handle) => clearTimeout(handle),
  });
  return {
    send: (message) => {
      const copy = structuredClone(message);
      setTimeout(() => {
        if (open) void server.receive(copy);
      }, 0);
    },
    close: () => {
      open = false;
    },
  };
};
