/** Events about objects, repeated ones counted together. Kubernetes: client-go/tools/record. */
import { formatRfc3339 } from '../base/time.ts';
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
    readonly fieldPath?: string;
  };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly source: { readonly component?: string; readonly host?: string };
  /** Null in the newer form, which has `eventTime` and `series` instead. */
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
  readonly count?: number;
  readonly eventTime?: string | null;
  readonly action?: string;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
  readonly reportingComponent?: string;
  readonly reportingInstance?: string;
}

/** Beyond the words of an event: where it happened, or that its component speaks the newer events API. */
export interface EventPlace {
  /** The node of a kubelet. */
  readonly host?: string;
  /** Part of the object: `spec.containers{web}`. */
  readonly fieldPath?: string;
  /** What was done (`Binding`): makes it an event of events.k8s.io, whose repetitions are a series. */
  readonly action?: string;
}

export interface EventWords extends EventPlace {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly component: string;
}

export const lastSeen = (event: EventObject): string => event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? '';

/** Name of the Event in which these words about this object are counted; `more` tells apart what is not counted together. */
export function eventName(about: KubeObject, words: EventWords, more: string): string {
  const parts = [about.kind, about.metadata.uid, words.type, words.reason, words.component, words.host, words.fieldPath, more];
  return `${about.metadata.name}.${stableHex(parts.join('\n'))}`;
}

function reference(about: KubeObject, fieldPath: string | undefined): EventObject['involvedObject'] {
  const { apiVersion, kind, metadata } = about;
  const { name, namespace, uid, resourceVersion } = metadata;
  // Nearly always all is there: one literal is smaller than what spreads make.
  if (namespace !== undefined && uid !== undefined && resourceVersion !== undefined)
    return fieldPath === undefined
      ? { apiVersion, kind, name, namespace, uid, resourceVersion }
      : { apiVersion, kind, name, namespace, uid, resourceVersion, fieldPath };
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(fieldPath === undefined ? {} : { fieldPath }),
  };
}

/** A new event. `uid` and `resourceVersion` are the server's business. */
export function newEvent(name: string, about: KubeObject, words: EventWords, timestamp: string, uid: string, resourceVersion: string, count = 1): EventObject {
  const { type, reason, message, component, host } = words;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: about.metadata.namespace ?? 'default', uid, creationTimestamp: timestamp, resourceVersion },
    involvedObject: reference(about, words.fieldPath),
    type,
    reason,
    message,
    source: host === undefined ? { component } : { component, host },
    firstTimestamp: timestamp,
    lastTimestamp: timestamp,
    count,
    eventTime: null,
    reportingComponent: component,
    reportingInstance: host ?? '',
  };
}

/** An event of events.k8s.io as the core API shows it. Kubernetes: pkg/apis/events/v1/conversion.go. */
export function newSeriesEvent(name: string, about: KubeObject, words: EventWords, now: EventMoment, uid: string, resourceVersion: string): EventObject {
  const { type, reason, message, component, action = '', host } = words;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: about.metadata.namespace ?? 'default', uid, creationTimestamp: now.timestamp, resourceVersion },
    involvedObject: reference(about, undefined),
    type,
    reason,
    message,
    source: {},
    firstTimestamp: null,
    lastTimestamp: null,
    eventTime: now.microTime,
    action,
    reportingComponent: component,
    reportingInstance: host === undefined ? component : `${component}-${host}`,
  };
}

/** Now, with seconds and with microseconds. */
export interface EventMoment {
  readonly timestamp: string;
  readonly microTime: string;
}

/** The same once more, or several times at once; similar ones take the words of the latest. */
export const countedEvent = (known: EventObject, message: string, times: number, timestamp: string, resourceVersion: string): EventObject => ({
  ...known,
  metadata: { ...known.metadata, resourceVersion },
  message,
  count: (known.count ?? 1) + times,
  lastTimestamp: timestamp,
});

/** The words stay those of the first. The real recorder tells its count only now and then; here it is always up to date. */
export const continuedEvent = (known: EventObject, now: EventMoment, resourceVersion: string): EventObject => ({
  ...known,
  metadata: { ...known.metadata, resourceVersion },
  series: { count: (known.series?.count ?? 1) + 1, lastObservedTime: now.microTime },
});

/** Kubernetes: kube-apiserver --event-ttl. */
const lifetimeMs = 3_600_000;
/** More than a rollout of a thousand pods tells; a real server has no such bound. */
export const maxEvents = 10_000;

/** Events that have had their time, and the oldest beyond `maxEvents`. */
export function staleEvents(events: readonly EventObject[], nowMs: number): readonly EventObject[] {
  // Times to the second compare as texts; there are too many to read each.
  const second = (event: EventObject): string => lastSeen(event).slice(0, 19);
  const oldest = formatRfc3339(nowMs - lifetimeMs).slice(0, 19);
  const old = events.filter((event) => second(event) < oldest);
  const excess = events.length - old.length - maxEvents;
  if (excess <= 0) return old;
  const gone = new Set(old);
  const keyed = events.filter((event) => !gone.has(event)).map((event) => ({ event, at: second(event), version: Number(event.metadata.resourceVersion) }));
  keyed.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.version - b.version));
  return [...old, ...keyed.slice(0, excess).map((one) => one.event)];
}
