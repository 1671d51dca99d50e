/** Answers "what is in this box?": the tables of a netns or the live object behind a key, as they are at this moment. */
import { formatYaml, type YamlValue } from '../base/yaml/index.ts';
import { DIALECT_KINDS, enforcement, noEffect } from '../kube/policy/enforcement.ts';
import { POLICY_KINDS } from '../kube/policy/policy-kinds.ts';
import { ipvsEndpoint } from '../net/ipvs/ipvs-words.ts';
import type { NftChain } from '../net/nft/nft-records.ts';
import type { Chain, IpSet, Route } from '../net/records.ts';
import { formatRoute } from '../net/stack/format-route.ts';
import type { KubeObject, StoreView } from '../objects/types.ts';
import type { AdmittedObject } from './admit.ts';
import { explainRule } from './explain-rule.ts';
import { servicePaths } from './service-paths.ts';
import { deviceView } from './topology.ts';
import type { Inspection, LinkTarget, NetnsInspection, ObjectInspection, Phrase } from './views.ts';
import type { World } from './world.ts';

type InspectedWorld = Pick<World, 'records' | 'engine' | 'api' | 'planes' | 'topology' | 'headSeq' | 'nowNs'>;

export function inspectWorld(world: InspectedWorld, target: LinkTarget, sourceOf: (key: string) => AdmittedObject | undefined): Inspection | null {
  switch (target.kind) {
    case 'netns':
      return inspectNetns(world, target.id);
    case 'device':
    case 'chain': {
      const at = target.id.search(target.kind === 'device' ? /\/device\// : /\/(?:nft|ipvs|chain6?(?:-legacy)?)\//);
      const netns = at < 0 ? null : inspectNetns(world, target.id.slice(0, at));
      const words = target.kind === 'chain' ? ruleWords(world, target.id, target.rule) : undefined;
      return netns === null || words === undefined ? netns : { ...netns, explained: words };
    }
    case 'object':
      return inspectObject(world, target.key, sourceOf);
  }
}

function ruleWords(world: InspectedWorld, chainId: string, index: number | undefined): readonly Phrase[] | undefined {
  const chain = world.records.find(chainId);
  const rule = chain?.kind === 'chain' && index !== undefined ? chain.rules[index] : undefined;
  return rule === undefined || chain === undefined ? undefined : explainRule(rule.text, rule.origin ?? chain.origin);
}

function inspectNetns(world: InspectedWorld, id: string): NetnsInspection | null {
  const netns = world.topology().netnses.find((one) => one.id === id);
  if (netns === undefined) return null;
  const routes: Route[] = [];
  const chains: Chain[] = [];
  const nftChains: NftChain[] = [];
  const sets: IpSet[] = [];
  const devices = [];
  for (const record of world.records.values()) {
    if (record.kind === 'route' && record.netns === id) routes.push(record);
    else if (record.kind === 'chain' && record.netns === id && record.backend === undefined) chains.push(record);
    else if (record.kind === 'nft-chain' && record.netns === id) nftChains.push(record);
    else if (record.kind === 'ipset' && record.netns === id) sets.push(record);
    else if (record.kind === 'device' && record.netns === id) devices.push(record);
  }
  return {
    kind: 'netns',
    netns,
    atSeq: world.headSeq,
    devices: devices.sort((a, b) => a.index - b.index).map(deviceView),
    routes: routes.map((route) => ({ id: route.id, text: formatRoute(route), origin: route.origin.component })),
    neighbors: world.engine.neighbors(id),
    fdb: world.engine.fdb(id),
    connections: world.engine.connections(id),
    sockets: world.engine.sockets(id),
    chains: [
      ...chains.map((chain) => ({
        id: chain.id,
        table: chain.family === 'ipv6' ? `ip6 ${chain.table}` : chain.table,
        name: chain.name,
        ...(chain.policy === undefined ? {} : { policy: chain.policy }),
        rules: chain.rules.map((rule) => {
          const origin = rule.origin ?? chain.origin;
          return { text: rule.text, origin: origin.component, ...(origin.objects[0] === undefined ? {} : { objectKey: origin.objects[0] }) };
        }),
        counters: world.engine.counters(chain.id),
      })),
      ...nftChains.map((chain) => nftChainView(world, chain)),
    ],
    virtualServers: virtualServers(world, id),
    ipsets: sets.map((set) => ({
      id: set.id,
      name: set.name,
      type: set.type,
      members: world.engine
        .ipSetMembers(set.id)
        .slice(0, MAX_MEMBERS)
        .map((member) => member.element),
    })),
  };
}

const MAX_MEMBERS = 1_000;

function virtualServers(world: InspectedWorld, netns: string): NetnsInspection['virtualServers'] {
  return [...(world.engine.ipvs(netns)?.services() ?? [])].map(({ record, destinations }) => ({
    id: record.id,
    protocol: record.protocol.toUpperCase(),
    address: record.protocol === 'fwmark' ? record.address : ipvsEndpoint(record.address, record.port),
    scheduler: record.scheduler,
    servers: destinations.map((one) => ({
      address: ipvsEndpoint(one.record.address, one.port),
      weight: one.weight,
      active: one.active,
      inactive: one.inactive,
      connections: one.statistics.counts[0] ?? 0,
    })),
  }));
}

/** A chain of nftables beside those of iptables: what its rules count, where they have a counter. */
function nftChainView(world: InspectedWorld, chain: NftChain): NetnsInspection['chains'][number] {
  const live = world.engine.nft(chain.netns)?.chain(chain.id);
  return {
    id: chain.id,
    table: `${chain.family} ${chain.table}`,
    name: chain.name,
    ...(chain.hook === undefined ? {} : { policy: (chain.policy ?? 'accept').toUpperCase() }),
    rules: chain.rules.map((rule) => {
      const origin = rule.origin ?? chain.origin;
      return { text: rule.text, origin: origin.component, ...(origin.objects[0] === undefined ? {} : { objectKey: origin.objects[0] }) };
    }),
    counters: {
      policy: [live?.policyPackets ?? 0, 0],
      rules: chain.rules.map((rule, i) => {
        const numbers = / counter packets /.test(` ${rule.text}`) ? (live?.rules[i]?.numbers ?? []) : [];
        return [numbers[0] ?? 0, numbers[1] ?? 0] as const;
      }),
    },
  };
}

interface EventLike extends KubeObject {
  readonly involvedObject?: { readonly kind?: string; readonly name?: string; readonly namespace?: string };
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly lastObservedTime?: string };
}
interface ConditionLike {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** What kubectl hides as well: book-keeping that no reader asked for. */
function tidy(object: KubeObject): YamlValue {
  const { managedFields: _managed, annotations, ...metadata } = object.metadata;
  const kept = Object.entries(annotations ?? {}).filter(([key]) => key !== 'kubectl.kubernetes.io/last-applied-configuration');
  return { ...object, metadata: { ...metadata, ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }) } } as unknown as YamlValue;
}

const isPolicy = (kind: string): boolean => ([...POLICY_KINDS, ...DIALECT_KINDS] as readonly string[]).includes(kind);

function enforcedBy(kind: string, view: StoreView): NonNullable<ObjectInspection['policy']> {
  const { sentence, openConnections } = enforcement(view);
  const nothing = noEffect(kind, view);
  return nothing === undefined ? { sentence, openConnections } : { sentence: `${nothing}.`, openConnections: [] };
}

function inspectObject(world: InspectedWorld, key: string, sourceOf: (key: string) => AdmittedObject | undefined): ObjectInspection | null {
  const plane = world.planes.resolve(key);
  const { view, kinds } = plane.api;
  const object = view.find(plane.key);
  if (object === undefined) return null;
  const kind = kinds.find((one) => one.kind === object.kind && one.apiVersion === object.apiVersion);
  const described = kind?.describe(object);
  const admitted = sourceOf(key);
  const namespace = object.metadata.namespace;
  const events = view
    .list<EventLike>('Event', namespace ?? 'default')
    .filter((event) => event.involvedObject?.kind === object.kind && event.involvedObject.name === object.metadata.name)
    .map((event) => ({
      type: event.type ?? '',
      reason: event.reason ?? '',
      message: event.message ?? '',
      age: event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? '',
    }));
  const status = object.status as { readonly conditions?: readonly ConditionLike[] } | undefined;
  const netns =
    object.kind === 'Pod'
      ? world.topology().netnses.find((one) => one.objectKey === key)?.id
      : object.kind === 'Node'
        ? `${object.metadata.name}/netns/root`
        : undefined;
  return {
    kind: 'object',
    key,
    atSeq: world.headSeq,
    yaml: formatYaml(tidy(object)),
    title: described?.title ?? object.metadata.name,
    subtitle: described?.subtitle ?? object.kind,
    events,
    conditions: (status?.conditions ?? []).map((condition) => ({
      type: condition.type ?? '',
      status: condition.status ?? '',
      reason: condition.reason ?? '',
      message: condition.message ?? '',
    })),
    ...(admitted === undefined ? {} : { source: { file: admitted.source.file, span: admitted.source.span } }),
    ...(netns === undefined ? {} : { netns }),
    ...(object.kind === 'Service' ? { paths: servicePaths(world, key) } : {}),
    ...(isPolicy(object.kind) ? { policy: enforcedBy(object.kind, world.api.view) } : {}),
  };
}
