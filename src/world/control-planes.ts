/** The API servers of a world: one for each cluster, all on the same network, with what they tell each other. */
import type { Diagnostic } from '../base/diagnostic.ts';
import type { FurtherClusters } from '../kube/multicluster/further.ts';
import type { ClusterConfiguration, KindCluster } from '../kube/node/cluster-kinds.ts';
import type { NetRecord } from '../net/records.ts';
import type { Delivery } from '../objects/api.ts';
import type { ApiServer, ApiSnapshot } from '../objects/api-server.ts';
import { clusterOf, keyIn, withoutCluster } from '../objects/cluster-key.ts';
import type { KubeObject, ObjectKey, StoreView } from '../objects/types.ts';

type Server = ApiServer<NetRecord>;

/** A cluster; `name` is '' for the first one, whose objects have their plain keys. */
export interface ControlPlane {
  readonly name: string;
  readonly api: Server;
}

export interface TitledPlane extends ControlPlane {
  readonly title: string;
}

export interface PlanesSnapshot {
  readonly first: ApiSnapshot;
  readonly further: readonly (readonly [name: string, snapshot: ApiSnapshot])[];
}

/** Clusters hear of each other, and may then have something to do; so often at one instant. */
const MAX_EXCHANGES = 16;

/** What a cluster calls itself, as kind's or kubeadm's description has it. */
export const titleOf = (view: StoreView): string =>
  view.list<KindCluster>('Cluster')[0]?.name ??
  view.list<ClusterConfiguration & { readonly clusterName?: string }>('ClusterConfiguration')[0]?.clusterName ??
  'kubernetes';

export class ControlPlanes {
  readonly first: Server;
  readonly #open: (name: string) => Server;
  readonly #exchange: () => FurtherClusters;
  /** In the order in which they came. `birth`: as each was before anything was written to it. */
  readonly #further = new Map<string, { readonly api: Server; readonly birth: ApiSnapshot }>();
  #isStarted = false;

  constructor(open: (name: string) => Server, further: () => FurtherClusters) {
    this.#open = open;
    this.#exchange = further;
    this.first = open('');
  }

  /** The first one alone is what most worlds have. */
  get areMany(): boolean {
    return this.#further.size > 0;
  }

  get all(): readonly ControlPlane[] {
    return [{ name: '', api: this.first }, ...[...this.#further].map(([name, { api }]) => ({ name, api }))];
  }

  /** By what they are called. */
  get titled(): readonly TitledPlane[] {
    return this.all.map((one) => ({ ...one, title: one.name === '' ? titleOf(one.api.view) : one.name }));
  }

  /** Made when it is first asked for; it stays, empty, when nothing of it is left in the texts. */
  get(name: string): Server {
    if (name === '') return this.first;
    const known = this.#further.get(name);
    if (known !== undefined) return known.api;
    const api = this.#open(name);
    if (this.#isStarted) api.startClock();
    this.#further.set(name, { api, birth: api.snapshot() });
    return api;
  }

  /** Whose object a key means, and its key there. */
  resolve(key: ObjectKey): ControlPlane & { readonly key: ObjectKey } {
    const name = this.#further.size === 0 ? '' : clusterOf(key);
    const found = name === '' ? undefined : this.#further.get(name);
    return found === undefined ? { name: '', api: this.first, key } : { name, api: found.api, key: withoutCluster(name, key) };
  }

  find<T extends KubeObject = KubeObject>(key: ObjectKey): T | undefined {
    const found = this.resolve(key);
    return found.api.view.find<T>(found.key);
  }

  /** Whose machine a host is; those that are nobody's are the first one's. */
  ofHost(host: string): string {
    for (const [name, { api }] of this.#further)
      if (
        api.view.find(`Node/${host}`) !== undefined ||
        api.view.find(`Host/${host}`) !== undefined ||
        host === `${name}-underlay` ||
        host === `${name}-router`
      )
        return name;
    return '';
  }

  startClock(): void {
    this.#isStarted = true;
    for (const { api } of this.all) api.startClock();
  }

  settle(meanwhile: () => void): readonly Diagnostic[] {
    const diagnostics = [...this.first.settle(meanwhile).diagnostics];
    if (!this.areMany) return diagnostics;
    for (let round = 0; round < MAX_EXCHANGES; round += 1) {
      for (const [name, { api }] of this.#further)
        diagnostics.push(...api.settle(meanwhile).diagnostics.map((one) => ({ ...one, message: `${name}: ${one.message}` })));
      if (!this.#exchange().exchange(this.titled)) return diagnostics;
      diagnostics.push(...this.first.settle(meanwhile).diagnostics);
    }
    diagnostics.push({ severity: 'error', code: 'not-settled', message: `the clusters did not come to rest within ${MAX_EXCHANGES} exchanges` });
    return diagnostics;
  }

  get nextDueNs(): number | undefined {
    let next = this.first.nextDueNs;
    for (const { api } of this.#further.values()) {
      const due = api.nextDueNs;
      if (due !== undefined && (next === undefined || due < next)) next = due;
    }
    return next;
  }

  deliveries(): readonly Delivery[] {
    if (!this.areMany) return this.first.deliveries();
    return this.all
      .flatMap(({ name, api }) => api.deliveries().map((one) => ({ ...one, object: keyIn(name, one.object) })))
      .sort((a, b) => a.sentNs - b.sentNs);
  }

  snapshot(): PlanesSnapshot {
    return { first: this.first.snapshot(), further: [...this.#further].map(([name, { api }]) => [name, api.snapshot()]) };
  }

  restore(snapshot: PlanesSnapshot): void {
    this.first.restore(snapshot.first);
    const known = new Map(snapshot.further);
    for (const [name, { api, birth }] of this.#further) api.restore(known.get(name) ?? birth);
  }
}
