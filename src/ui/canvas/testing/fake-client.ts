/** A client with the hand-made world of article.ts behind it, for looking at the embed and for testing playback without a worker. */

import type { PlaygroundClient, RequestName } from '../../../worker/protocol.ts';
import type { HopView, WorldUpdate } from '../../../world/views.ts';
import { articleTopology } from './article.ts';

export function fakeClient(hops: readonly HopView[], replicas = 3): PlaygroundClient {
  const listeners = new Set<(update: WorldUpdate) => void>();
  const last = hops[hops.length - 1]?.event.seq ?? -1;
  const first = hops[0]?.event.seq ?? 0;
  const answers: Partial<Record<RequestName, (...args: readonly unknown[]) => unknown>> = {
    open: () => {
      for (const listener of listeners) {
        listener({
          revision: 1,
          nowNs: 0,
          headSeq: last + 1,
          topology: articleTopology(replicas),
          terminal: [{ session: 'main', timeNs: 0, seq: first, kind: 'command', text: 'kubectl exec client -- curl -s web-service' }],
        });
      }
      return { diagnostics: [] };
    },
    run: () => ({ exitCode: 0, firstSeq: first, lastSeq: last + 1 }),
    hops: (from, to) => hops.filter((hop) => hop.event.seq >= Number(from) && hop.event.seq < Number(to)),
    hold: () => null,
  };
  return {
    call: (name, ...args) => {
      const answer = answers[name];
      return answer === undefined ? Promise.reject(new Error(`${name} is not faked`)) : (Promise.resolve(answer(...args)) as never);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    lastDocument: () => undefined,
    onCrash: () => () => undefined,
    close: () => undefined,
  };
}
