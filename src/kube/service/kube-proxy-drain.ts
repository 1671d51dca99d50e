/**
 * How kube-proxy in IPVS mode lets real servers go: one that has TCP connections stays with weight 0 until they are over, looked at once a minute; UDP's go at once.
 * Kubernetes v1.35: pkg/proxy/ipvs/graceful_termination.go, proxier.go (syncEndpoint).
 */
import type { RecordStore } from '../../base/record-store.ts';
import type { Engine } from '../../net/engine.ts';
import type { IpvsDestination, IpvsService } from '../../net/ipvs/ipvs-records.ts';
import type { NetRecord } from '../../net/records.ts';

/** Virtual time between two looks. */
const CHECK_NS = 60e9;

const same = (a: IpvsDestination, b: IpvsDestination): boolean => a.address === b.address && a.port === b.port;

/** Has the real server connections, active or not? Those that only remember a client do not count. */
function isBusy(service: IpvsService, server: IpvsDestination, engine: Engine): boolean {
  const state = engine.ipvs(service.netns);
  const running = state?.service(service.id)?.destinations.find((one) => same(one.record, server));
  return running !== undefined && state?.list(engine.nowNs).some((c) => c.destination === running && !c.template) === true;
}

/**
 * The virtual service as kube-proxy leaves it when it renders `rendered`, where it rendered `before` last time (undefined: the same). A real server that it
 * has nothing new to say about keeps the weight that somebody gave it.
 */
export function mergeVirtualService(before: NetRecord | undefined, rendered: IpvsService, present: NetRecord | undefined, engine: Engine): IpvsService {
  if (present?.kind !== 'ipvs-service') return rendered;
  const old = before?.kind === 'ipvs-service' ? before.destinations : rendered.destinations;
  const kept = rendered.destinations.map((server) => {
    const there = present.destinations.find((one) => same(one, server));
    if (there === undefined || there.draining === true || !old.some((one) => same(one, server))) return server;
    return there.weight === server.weight ? server : { ...server, weight: there.weight };
  });
  const leaving = present.destinations.filter(
    (server) => rendered.protocol !== 'udp' && !rendered.destinations.some((one) => same(one, server)) && isBusy(present, server, engine),
  );
  if (leaving.length === 0 && kept.every((server, i) => server === rendered.destinations[i])) return rendered;
  return {
    ...rendered,
    destinations: [...kept, ...leaving.map((server) => (server.draining === true ? server : { ...server, weight: 0, draining: true as const }))],
  };
}

/** Since when each virtual service with real servers that leave has not been looked at. */
export type DrainSnapshot = ReadonlyMap<string, number>;

/** The once-a-minute look of all nodes' kube-proxies. */
export class RealServerDrain {
  readonly #records: RecordStore<NetRecord>;
  readonly #engine: Engine;
  #since = new Map<string, number>();

  constructor(records: RecordStore<NetRecord>, engine: Engine) {
    this.#records = records;
    this.#engine = engine;
    records.listen(({ id, before, after }) => {
      if (after?.kind !== 'ipvs-service' && before?.kind !== 'ipvs-service') return;
      const drains = after?.kind === 'ipvs-service' && after.destinations.some((server) => server.draining === true);
      if (!drains) this.#since.delete(id);
      else if (!this.#since.has(id)) this.#since.set(id, engine.nowNs);
    });
  }

  get nextDueNs(): number | undefined {
    let due: number | undefined;
    for (const since of this.#since.values()) {
      const next = (Math.floor(since / CHECK_NS) + 1) * CHECK_NS;
      if (due === undefined || next < due) due = next;
    }
    return due;
  }

  /** Takes out those whose connections are over, where a minute has passed. */
  run(): void {
    const now = this.#engine.nowNs;
    for (const [id, since] of [...this.#since]) {
      if (Math.floor(now / CHECK_NS) === Math.floor(since / CHECK_NS)) continue;
      this.#since.set(id, now);
      const service = this.#records.find(id);
      if (service?.kind !== 'ipvs-service') continue;
      const destinations = service.destinations.filter((server) => server.draining !== true || isBusy(service, server, this.#engine));
      if (destinations.length < service.destinations.length) this.#records.put({ ...service, destinations });
    }
  }

  snapshot(): DrainSnapshot {
    return new Map(this.#since);
  }

  /** After the records were restored. */
  restore(snapshot: DrainSnapshot): void {
    this.#since = new Map(snapshot);
  }
}
