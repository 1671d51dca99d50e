/** Clusters beside the first one: how what their agents write is told apart, and what clusters tell each other. */
import { deepEqual } from '../../base/equal.ts';
import type { Origin } from '../../base/origin.ts';
import type { NetRecord } from '../../net/records.ts';
import type { Api } from '../../objects/api.ts';
import { keyIn } from '../../objects/cluster-key.ts';
import type { Agent, KubeObject, Rendering, StoreView } from '../../objects/types.ts';
import type { Network } from '../node/cluster-kinds.ts';
import { listNodes, outsideHosts, underlayOf } from '../node/cluster-network.ts';
import { macFromName } from '../node/mac.ts';
import { ROUTER_HOST, UNDERLAY_HOST } from '../node/record-ids.ts';
import { type EndpointSlice, type Service, serviceNameLabel } from '../service/types.ts';
import { throughGateway } from './east-west.ts';
import type { ClusterPeer, ExportedService, ServiceExport } from './kinds.ts';
import { WAN_AGENT } from './wan-agent.ts';

/** A cluster of the world. `name`: '' for the first one; `title` is what it is called. */
export interface Member {
  readonly name: string;
  readonly title: string;
  readonly api: Api;
}

/** What worlds of more than one cluster need. */
export interface FurtherClusters {
  agentsOf(cluster: string, agents: readonly Agent<NetRecord>[]): readonly Agent<NetRecord>[];
  exchange(members: readonly Member[]): boolean;
}

/** Host names of the machines that every cluster has between its nodes. */
const ownHost = (cluster: string, host: string): string => (cluster === '' ? host : `${cluster}-${host}`);

const SHARED = [UNDERLAY_HOST, ROUTER_HOST] as const;
const PATHS = ['id', 'hostId', 'hostname', 'netns', 'peer', 'master', 'name'] as const;

/** `router/netns/root` of the cluster west is `west-router/netns/root`. */
function renamed(cluster: string, text: string): string {
  for (const host of SHARED) if (text === host || text.startsWith(`${host}/`)) return `${cluster}-${text}`;
  return text;
}

function originIn(cluster: string, origin: Origin): Origin {
  return { component: origin.component, objects: origin.objects.map((key) => keyIn(cluster, key)) };
}

/** A record as the cluster's own: machines between its nodes have its name, and the objects behind it are its objects. */
function recordIn(cluster: string, record: NetRecord, renames: boolean): NetRecord {
  const fields: Record<string, unknown> = { ...record, origin: originIn(cluster, record.origin) };
  if (renames) for (const path of PATHS) if (typeof fields[path] === 'string') fields[path] = renamed(cluster, fields[path]);
  // No two cards have the same address, wherever they are.
  if (record.kind === 'device' && fields.id !== record.id && record.type !== 'loopback') fields.mac = macFromName(String(fields.id));
  if (record.kind === 'chain' || record.kind === 'nft-chain')
    fields.rules = record.rules.map((rule: { readonly origin?: Origin }) =>
      rule.origin === undefined ? rule : { ...rule, origin: originIn(cluster, rule.origin) },
    );
  // Only names and origins have changed.
  return fields as unknown as NetRecord;
}

function agentIn(cluster: string, agent: Agent<NetRecord>): Agent<NetRecord> {
  // Lines between clusters know whose routers they join.
  const mine = (record: NetRecord): NetRecord => recordIn(cluster, record, agent.name !== WAN_AGENT);
  return {
    name: agent.name,
    watches: agent.watches,
    keysFor: (changed, view) => agent.keysFor(changed, view),
    keys: (view) => agent.keys(view),
    render: (key, view, before): Rendering<NetRecord> => {
      const rendering = agent.render(key, view, before);
      return { ...rendering, records: rendering.records.map(mine) };
    },
    rewrites: (key, view) => agent.rewrites?.(key, view) ?? 'differences',
    get repairs() {
      return agent.repairs?.map((one) => ({
        seconds: one.seconds,
        repair: (rendered: readonly NetRecord[], find: (id: string) => NetRecord | undefined, key: string, view: StoreView) =>
          one.repair(rendered, find, key, view).map(mine),
      }));
    },
  } as Agent<NetRecord>;
}

/** Up to here lines have addresses. */
const MAX_MEMBERS = 8;

function exportsOf(view: StoreView): readonly ExportedService[] {
  return view.list<ServiceExport>('ServiceExport').flatMap((one): ExportedService[] => {
    const namespace = one.metadata.namespace ?? 'default';
    const { name } = one.metadata;
    const service = view.find<Service>(`Service/${namespace}/${name}`);
    return service === undefined || one.metadata.deletionTimestamp !== undefined ? [] : exportedService(one, service, view);
  });
}

/** Empty where a Service is none that can be exported. KEP-1645: ExternalName Services are not. */
export function exportedService(one: ServiceExport, service: Service, view: StoreView): [ExportedService] | [] {
  const { spec } = service;
  if (spec.type === 'ExternalName') return [];
  const namespace = one.metadata.namespace ?? 'default';
  const slices = view.select<EndpointSlice>('EndpointSlice', namespace, { [serviceNameLabel]: service.metadata.name });
  return [
    {
      namespace,
      name: one.metadata.name,
      created: one.metadata.creationTimestamp ?? '',
      type: spec.clusterIP === 'None' ? 'Headless' : 'ClusterSetIP',
      ports: (spec.ports ?? []).map(({ name, port, protocol, appProtocol }) => ({
        ...(name === undefined ? {} : { name }),
        port,
        protocol: protocol ?? 'TCP',
        ...(appProtocol === undefined ? {} : { appProtocol }),
      })),
      sessionAffinity: spec.sessionAffinity ?? 'None',
      ...(spec.sessionAffinityConfig === undefined ? {} : { sessionAffinityConfig: spec.sessionAffinityConfig }),
      slices: slices.map(({ addressType, endpoints, ports }) => ({
        addressType,
        // Which pod and which node is the other cluster's business.
        endpoints: (endpoints ?? []).map(({ addresses, conditions, hostname, zone }) => ({
          addresses,
          ...(conditions === undefined ? {} : { conditions }),
          ...(hostname === undefined ? {} : { hostname }),
          ...(zone === undefined ? {} : { zone }),
        })),
        ports: ports ?? [],
      })),
    },
  ];
}

/** What is reached behind a cluster's router: its machines, hosts beyond, and its pods where the router has routes to them. */
function rangesOf(view: StoreView): readonly string[] {
  const underlay = underlayOf(view);
  const pods = view.list<Network>('Network')[0]?.spec?.podRoutes === true ? listNodes(view).flatMap(({ podCidr }) => podCidr ?? []) : [];
  return [...new Set([underlay.cidr, ...outsideHosts(view).flatMap((host) => (host.inside ? [] : [host.network])), ...pods])];
}

/** Of the line between the members number `a` and `b`: RFC 5737's first network in pieces of four addresses. */
function lineAddress(a: number, b: number, own: number): string {
  const [low, high] = a < b ? [a, b] : [b, a];
  return `192.0.2.${4 * (low * MAX_MEMBERS - (low * (low + 1)) / 2 + (high - low - 1)) + (own === low ? 1 : 2)}`;
}

function peerOf(own: Member, other: Member, numbers: readonly [number, number], exports: readonly ExportedService[]): ClusterPeer {
  const [mine, its] = numbers;
  return {
    apiVersion: 'kubehop.dev/v1alpha1',
    kind: 'ClusterPeer',
    metadata: { name: other.title },
    spec: {
      own: own.title,
      ownRouter: ownHost(own.name, ROUTER_HOST),
      router: ownHost(other.name, ROUTER_HOST),
      ownAddress: lineAddress(mine, its, mine),
      address: lineAddress(mine, its, its),
      ranges: rangesOf(other.api.view),
      exports,
    },
  };
}

/** Each cluster hears what the others export, as by a broker that all of them read and write. True when one of them heard something new. */
function exchange(all: readonly Member[]): boolean {
  const members = all.filter(({ api }) => api.view.list('Node').length > 0).slice(0, MAX_MEMBERS);
  const exported = members.map(({ api }) => throughGateway(exportsOf(api.view), api.view));
  let changed = false;
  for (const own of all) {
    const mine = members.indexOf(own);
    const wanted = mine < 0 ? [] : members.flatMap((other, i) => (other === own ? [] : [peerOf(own, other, [mine, i], exported[i] ?? [])]));
    const names = new Set(wanted.map((one) => one.metadata.name));
    for (const peer of own.api.view.list<ClusterPeer>('ClusterPeer')) {
      if (names.has(peer.metadata.name)) continue;
      own.api.remove(`ClusterPeer/${peer.metadata.name}`);
      changed = true;
    }
    for (const peer of wanted) if (write(own.api, peer)) changed = true;
  }
  return changed;
}

function write(api: Api, peer: ClusterPeer): boolean {
  const live = api.view.find<ClusterPeer>(`ClusterPeer/${peer.metadata.name}`);
  if (live === undefined) return api.create(peer).ok;
  if (deepEqual(live.spec, peer.spec)) return false;
  return api.update({ ...live, spec: peer.spec } as KubeObject).ok;
}

export const furtherClusters: FurtherClusters = { agentsOf: (cluster, agents) => agents.map((agent) => agentIn(cluster, agent)), exchange };
