/** Events about objects, repeated ones counted together. Kubernetes: client-go/tools/record. */
import { parseRfc3339 } from '../base/time.ts';
import { stableHex } from './identity.ts';
import type { KubeObject } from './types.ts';

export interface EventObject extends KubeObject {
  readonly involvedObject: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly source: { readonly component: string; readonly host?: string };
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
  readonly count: number;
}

/** Key of the Event that these words about this object are counted in. */
export function eventName(about: KubeObject, type: string, reason: string, message: string, component: string): string {
  return `${about.metadata.name}.${stableHex([about.kind, about.metadata.uid, type, reason, message, component].join('\n'))}`;
}

interface EventWords {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly component: string;
}

/** A new event. `uid` and `resourceVersion` are the server's business. */
export function newEvent(name: string, about: KubeObject, words: EventWords, timestamp: string, uid: string, resourceVersion: string): EventObject {
  const { apiVersion, kind, metadata } = about;
  const { namespace, uid: aboutUid, resourceVersion: version } = metadata;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: namespace ?? 'default', uid, creationTimestamp: timestamp, resourceVersion },
    // Nearly always all is there: one literal is smaller than what spreads make.
    involvedObject:
      namespace !== undefined && aboutUid !== undefined && version !== undefined
        ? { apiVersion, kind, name: metadata.name, namespace, uid: aboutUid, resourceVersion: version }
        : {
            apiVersion,
            kind,
            name: metadata.name,
            ...(namespace === undefined ? {} : { namespace }),
            ...(aboutUid === undefined ? {} : { uid: aboutUid }),
            ...(version === undefined ? {} : { resourceVersion: version }),
          },
    type: words.type,
    reason: words.reason,
    message: words.message,
    source: { component: words.component },
    firstTimestamp: timestamp,
    lastTimestamp: timestamp,
    count: 1,
  };
}

/** The same words about the same object once more. */
export const countedEvent = (known: EventObject, timestamp: string, resourceVersion: string): EventObject => ({
  ...known,
  metadata: { ...known.metadata, resourceVersion },
  count: known.count + 1,
  lastTimestamp: timestamp,
});

/** Kubernetes: kube-apiserver --event-ttl. */
const lifetimeMs = 3_600_000;
/** More than a rollout of a thousand pods tells; a real server has no such bound. */
export const maxEvents = 10_000;

/** Events that have had their time, and the oldest beyond `maxEvents`. */
export function staleEvents(events: readonly EventObject[], nowMs: number): readonly EventObject[] {
  const lastMs = (event: EventObject): number => parseRfc3339(event.lastTimestamp) ?? 0;
  const old = events.filter((event) => nowMs - lastMs(event) > lifetimeMs);
  const excess = events.length - old.length - maxEvents;
  if (excess <= 0) return old;
  const gone = new Set(old);
  const byAge = events
    .filter((event) => !gone.has(event))
    .sort((a, b) => lastMs(a) - lastMs(b) || Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion));
  return [...old, ...byAge.slice(0, excess)];
}
