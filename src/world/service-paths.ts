/** How each node's rules spread one Service's connections over its endpoints: what was planned, and what was counted so far. */
import type { ObjectKey } from '../base/origin.ts';
import { ip4 } from '../net/addr/ip4.ts';
import type { BpfService } from '../net/bpf/bpf-records.ts';
import type { IpvsService } from '../net/ipvs/ipvs-records.ts';
import { ipvsEndpoint } from '../net/ipvs/ipvs-words.ts';
import type { NftChain } from '../net/nft/nft-records.ts';
import type { Chain, NetRecord } from '../net/records.ts';
import type { ServicePathView, ServiceShareView } from './views.ts';
import type { World } from './world.ts';

type Counted = Pick<World, 'records' | 'engine'>;

const BALANCING_CHAIN = /^KUBE-SV[CL]-/;
const hostOf = (netns: string): string => netns.slice(0, netns.indexOf('/'));
const podOf = (objects: readonly ObjectKey[]): { pod: ObjectKey } | Record<string, never> => {
  const pod = objects.find((one) => one.startsWith('Pod/'));
  return pod === undefined ? {} : { pod };
};

/** Every balancing step that was written for the Service `key`, node by node; O(records). */
export function servicePaths(world: Counted, key: ObjectKey): ServicePathView[] {
  const mine: NetRecord[] = [];
  for (const record of world.records.values()) {
    const { kind } = record;
    if ((kind === 'chain' || kind === 'nft-chain' || kind === 'ipvs-service' || kind === 'bpf-service') && record.origin.objects[0] === key) mine.push(record);
  }
  const paths: ServicePathView[] = [];
  for (const record of mine) {
    const path =
      record.kind === 'chain'
        ? iptablesPath(world, record)
        : record.kind === 'nft-chain'
          ? nftablesPath(world, record, mine)
          : record.kind === 'ipvs-service'
            ? ipvsPath(world, record)
            : record.kind === 'bpf-service' && record.type === 'ClusterIP'
              ? bpfPath(world, record)
              : undefined;
    if (path !== undefined) paths.push(path);
  }
  return paths.sort((a, b) => (a.node < b.node ? -1 : a.node > b.node ? 1 : 0));
}

/** `-m statistic --probability` of each rule counts only for what earlier rules let by. */
function iptablesPath(world: Counted, chain: Chain): ServicePathView | undefined {
  if (!BALANCING_CHAIN.test(chain.name)) return undefined;
  const counters = world.engine.counters(chain.id);
  const prefix = chain.id.slice(0, chain.id.length - chain.name.length);
  const shares = new Map<string, { -readonly [K in keyof ServiceShareView]: ServiceShareView[K] }>();
  let left = 1;
  chain.rules.forEach((rule, index) => {
    const target = /-j (KUBE-SEP-\S+)/.exec(rule.text)?.[1];
    if (target === undefined) return;
    const seen = counters.rules[index]?.[0] ?? 0;
    const sticky = rule.text.includes(' --rcheck ');
    const chance = Number(/--probability (\S+)/.exec(rule.text)?.[1] ?? 1);
    const planned = sticky ? 0 : left * chance;
    if (!sticky) left -= planned;
    const known = shares.get(target);
    if (known !== undefined) {
      known.planned += planned;
      known.seen += seen;
      return;
    }
    const endpoint = world.records.find(`${prefix}${target}`);
    const address =
      endpoint?.kind === 'chain' ? endpoint.rules.map((one) => /--to-destination (\S+)/.exec(one.text)?.[1]).find((one) => one !== undefined) : undefined;
    shares.set(target, {
      address: address ?? target,
      planned,
      seen,
      link: { kind: 'chain', id: chain.id, rule: index },
      ...podOf(rule.origin?.objects ?? []),
    });
  });
  if (shares.size === 0) return undefined;
  return {
    node: hostOf(chain.netns),
    mode: chain.family === 'ipv6' ? 'ip6tables' : 'iptables',
    name: chain.name,
    link: { kind: 'chain', id: chain.id },
    measuredBy: 'rule counters',
    shares: [...shares.values()],
  };
}

/** kube-proxy's nftables rules have no counters: what conntrack remembers is counted instead. */
function nftablesPath(world: Counted, chain: NftChain, mine: readonly NetRecord[]): ServicePathView | undefined {
  const rule = chain.rules.find((one) => one.text.includes('numgen random mod'));
  if (rule === undefined) return undefined;
  const targets = [...rule.text.matchAll(/\d+ : goto ([^\s,}]+)/g)].map((match) => match[1] as string);
  const connections = world.engine.connections(chain.netns);
  const shares = targets.map((target): ServiceShareView => {
    const endpoint = mine.find(
      (one): one is NftChain => one.kind === 'nft-chain' && one.netns === chain.netns && one.table === chain.table && one.name === target,
    );
    const address = endpoint?.rules.map((one) => /dnat to (\S+)/.exec(one.text)?.[1]).find((one) => one !== undefined);
    const seen = connections.filter((one) => one.nat.includes('DNAT') && ipvsEndpoint(one.reply.src, one.reply.sport) === address).length;
    return {
      address: address ?? target,
      planned: 1 / targets.length,
      seen,
      link: { kind: 'chain', id: endpoint?.id ?? chain.id },
      ...podOf(endpoint?.origin.objects ?? []),
    };
  });
  return { node: hostOf(chain.netns), mode: 'nftables', name: chain.name, link: { kind: 'chain', id: chain.id }, measuredBy: 'conntrack entries', shares };
}

function ipvsPath(world: Counted, service: IpvsService): ServicePathView {
  const live = world.engine.ipvs(service.netns)?.service(service.id);
  const weights = service.destinations.reduce((sum, one) => sum + one.weight, 0);
  return {
    node: hostOf(service.netns),
    mode: `ipvs ${service.scheduler}`,
    name: ipvsEndpoint(service.address, service.port),
    link: { kind: 'netns', id: service.netns },
    measuredBy: 'ipvsadm --stats',
    shares: service.destinations.map((destination): ServiceShareView => {
      const state = live?.destinations.find((one) => one.record.address === destination.address && one.port === destination.port);
      return {
        address: ipvsEndpoint(destination.address, destination.port),
        planned: weights === 0 ? 0 : destination.weight / weights,
        seen: state?.statistics.counts[0] ?? 0,
        ...podOf(destination.origin?.objects ?? []),
      };
    }),
  };
}

/** A frontend's slots are drawn evenly. What sockets were told instead of a backend's address is remembered by the node, and counted. */
function bpfPath(world: Counted, service: BpfService): ServicePathView {
  const state = world.engine.bpf(hostOf(service.netns));
  const told = state === undefined ? [] : [...state.reverse].filter(([, entry]) => entry.service === service.id).map(([socket]) => socket);
  return {
    node: hostOf(service.netns),
    mode: 'eBPF',
    name: ipvsEndpoint(service.ip, service.port),
    link: { kind: 'netns', id: service.netns },
    measuredBy: 'cilium_lb4_reverse_sk entries',
    shares: service.backends.map((backend): ServiceShareView => {
      const end = ` ${ip4(backend.ip)} ${backend.port}`;
      return {
        address: ipvsEndpoint(backend.ip, backend.port),
        planned: 1 / service.backends.length,
        seen: told.filter((socket) => socket.endsWith(end)).length,
        ...podOf(backend.origin?.objects ?? []),
      };
    }),
  };
}
