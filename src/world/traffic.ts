/** Requests that flow, from the counters of the programs that ask and of those that answer. */
import type { ObjectKey } from '../base/origin.ts';
import type { LoadConfig } from '../net/app/load/config.ts';
import { OUTCOMES, quantileNs, type Tally, WINDOWS, windowsOf } from '../net/app/load/tally.ts';
import type { Process } from '../net/records.ts';
import { keyIn } from '../objects/cluster-key.ts';
import type { KubeObject } from '../objects/types.ts';
import type { TrafficSecond, TrafficShare, TrafficView } from './traffic-views.ts';
import type { World } from './world.ts';

type Counted = Pick<World, 'records' | 'engine' | 'planes' | 'nowNs'>;

export interface ServiceLike extends KubeObject {
  readonly spec?: { readonly clusterIP?: string; readonly externalName?: string; readonly selector?: Readonly<Record<string, string>> };
}

const FIRST_ERROR = OUTCOMES.indexOf('4xx');
const sum = (counts: readonly number[], from = 0): number => counts.reduce((total, one, at) => (at < from ? total : total + one), 0);
const milliseconds = (ns: number | undefined): number | undefined => (ns === undefined ? undefined : ns / 1e6);

/** Of a Service that stands for an import: the import's name. */
const DERIVED_LABEL = 'multicluster.kubernetes.io/derived-service';

/** Whether a host in a URL, as a program of `namespace` says it, is this Service. */
export function isAimed(host: string, namespace: string, { metadata, spec }: ServiceLike): boolean {
  const own = metadata.namespace ?? 'default';
  if (spec?.clusterIP !== undefined && spec.clusterIP !== 'None' && host === spec.clusterIP) return true;
  const name = host.replace(/\.$/, '');
  const imported = metadata.labels?.[DERIVED_LABEL];
  if (imported !== undefined) return name === `${imported}.${own}.svc.clusterset.local`;
  const full = `${metadata.name}.${own}.svc.cluster.local`;
  return (name === metadata.name && namespace === own) || (name.startsWith(`${metadata.name}.${own}`) && (full === name || full.startsWith(`${name}.`)));
}

export interface Counter {
  readonly key: ObjectKey;
  readonly process: Process;
  readonly tally: Tally;
}

export function counters(world: Counted): { readonly asking: readonly Counter[]; readonly answering: readonly Counter[] } {
  const asking: Counter[] = [];
  const answering: Counter[] = [];
  for (const process of world.records.values()) {
    if (process.kind !== 'process' || (process.app !== 'load' && process.app !== 'http-server')) continue;
    const [key] = process.origin.objects;
    const tally = world.engine.tally(process.id);
    if (key !== undefined && tally !== undefined) (process.app === 'load' ? asking : answering).push({ key, process, tally });
  }
  return { asking, answering };
}

/** Requests of a Pod, a Service or a Host in the last minute of virtual time; undefined where nobody counts. O(records). */
export function traffic(world: Counted, key: ObjectKey): TrafficView | undefined {
  const object = world.planes.find<ServiceLike>(key);
  if (object === undefined) return undefined;
  const { asking, answering } = counters(world);
  if (object.kind !== 'Service') {
    const mine = asking.filter((one) => one.key === key);
    return mine.length > 0
      ? view(world, 'clients', mine, [])
      : view(
          world,
          'servers',
          answering.filter((one) => one.key === key),
          [],
        );
  }
  const { name: cluster } = world.planes.resolve(key);
  const pods = podsBehind(world, cluster, object);
  const servers = answering.filter((one) => pods.has(one.key));
  const clients = asking.filter(
    (one) =>
      world.planes.resolve(one.key).name === cluster &&
      isAimed((one.process.config as LoadConfig).host, one.key.startsWith('Pod/') ? (one.key.split('/')[1] ?? '') : '', object),
  );
  return clients.length > 0 ? view(world, 'clients', clients, servers) : view(world, 'servers', servers, servers);
}

/** Keys of the pods that a Service selects; of an import the pods of all clusters that export it. */
function podsBehind({ planes }: Counted, cluster: string, { metadata, spec }: ServiceLike): ReadonlySet<ObjectKey> {
  const namespace = metadata.namespace ?? 'default';
  const imported = metadata.labels?.[DERIVED_LABEL];
  const found = new Set<ObjectKey>();
  for (const { name, api } of planes.all) {
    if (imported === undefined && name !== cluster) continue;
    const isExported = imported !== undefined && api.view.find(`ServiceExport/${namespace}/${imported}`) !== undefined;
    const own = imported === undefined ? spec : isExported ? api.view.find<ServiceLike>(`Service/${namespace}/${imported}`)?.spec : undefined;
    if (own?.selector === undefined || Object.keys(own.selector).length === 0) continue;
    for (const pod of api.view.select('Pod', namespace, own.selector)) found.add(keyIn(name, `Pod/${namespace}/${pod.metadata.name}`));
  }
  return found;
}

function view(world: Counted, countedBy: TrafficView['countedBy'], counted: readonly Counter[], servers: readonly Counter[]): TrafficView | undefined {
  if (counted.length === 0) return undefined;
  const lastSecond = Math.floor(world.nowNs / 1e9) - 1;
  const first = lastSecond - WINDOWS + 1;
  const latencies = Array.from({ length: WINDOWS }, (): number[] => []);
  const all: number[] = [];
  const counts = Array.from({ length: WINDOWS }, () => [0, 0]);
  const totals = OUTCOMES.map(() => 0);
  for (const { tally } of counted) {
    tally.totals.forEach((one, at) => {
      totals[at] = (totals[at] ?? 0) + one;
    });
    for (const window of windowsOf(tally)) {
      const at = window.second - first;
      const here = counts[at];
      const slow = latencies[at];
      if (here === undefined || slow === undefined) continue;
      here[0] = (here[0] ?? 0) + sum(window.counts);
      here[1] = (here[1] ?? 0) + sum(window.counts, FIRST_ERROR);
      for (let i = 0; i + 1 < window.latencies.length; i += 2) {
        const bucket = window.latencies[i] ?? 0;
        const many = window.latencies[i + 1] ?? 0;
        slow[bucket] = (slow[bucket] ?? 0) + many;
        all[bucket] = (all[bucket] ?? 0) + many;
      }
    }
  }
  return {
    countedBy,
    streams: countedBy === 'clients' ? counted.map(({ key, process }) => ({ key, target: (process.config as LoadConfig).target })) : [],
    lastSecond,
    seconds: counts.map(([requests = 0, errors = 0], at): TrafficSecond => ({ requests, errors, ...quantiles(latencies[at] ?? []) })),
    totals: OUTCOMES.flatMap((outcome, at) => ((totals[at] ?? 0) > 0 ? [{ outcome, requests: totals[at] ?? 0 }] : [])),
    ...quantiles(all),
    endpoints: shares(servers, first, lastSecond),
  };
}

function quantiles(latencies: readonly (number | undefined)[]): Pick<TrafficSecond, 'p50Ms' | 'p95Ms' | 'p99Ms'> {
  const p50Ms = milliseconds(quantileNs(latencies, 0.5));
  const p95Ms = milliseconds(quantileNs(latencies, 0.95));
  const p99Ms = milliseconds(quantileNs(latencies, 0.99));
  return p50Ms === undefined || p95Ms === undefined || p99Ms === undefined ? {} : { p50Ms, p95Ms, p99Ms };
}

function shares(servers: readonly Counter[], first: number, last: number): readonly TrafficShare[] {
  const byKey = new Map<ObjectKey, { requests: number; errors: number }>();
  for (const { key, tally } of servers) {
    const known = byKey.get(key) ?? { requests: 0, errors: 0 };
    byKey.set(key, known);
    for (const { second, counts } of windowsOf(tally)) {
      if (second < first || second > last) continue;
      known.requests += sum(counts);
      known.errors += sum(counts, FIRST_ERROR);
    }
  }
  const all = [...byKey.values()].reduce((total, one) => total + one.requests, 0);
  return [...byKey]
    .map(([key, one]) => ({ key, name: key.slice(key.lastIndexOf('/') + 1), ...one, share: all === 0 ? 0 : one.requests / all }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
