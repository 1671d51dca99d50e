/**
 * Policies enforced in userspace, as kindnetd does since kind v0.24 and the DaemonSet kube-network-policies does beside any CNI: nftables sends the first packet of a
 * connection to a queue, the program behind it judges. An open connection is judged again only where `open-connections-agent.ts` takes it out of the table. kube-network-policies v0.7: pkg/networkpolicy/controller.go, syncNFTablesRules
 */
import type { Origin } from '../../base/origin.ts';
import { formatIp, isIp6 } from '../../net/addr/ip.ts';
import { type NfQueue, nfQueueId, type QueueTable } from '../../net/netfilter/queue/queue-records.ts';
import { type NftElement, type NftRecord, nftChainId, nftSetId, nftTableId } from '../../net/nft/nft-records.ts';
import { parseCommands } from '../../net/nft/parse-command.ts';
import { Transaction } from '../../net/nft/transaction.ts';
import type { NetRecord } from '../../net/records.ts';
import { type Agent, type KubeObject, objectKey, type StoreView } from '../../objects/types.ts';
import { daemonsOf, isDaemon } from '../cni/daemons.ts';
import { perState } from '../node/per-state.ts';
import { rootNetnsId } from '../node/record-ids.ts';
import { parseImage } from '../pod/images.ts';
import type { Pod } from '../pod/types.ts';
import { POLICY_KINDS } from './policy-kinds.ts';
import { type PolicyModel, policiesFor, policyModel } from './policy-model.ts';
import { queueTable } from './policy-queue.ts';

export interface Enforcer {
  readonly role: 'kindnet' | 'kube-network-policies';
  readonly table: string;
  readonly program: string;
  readonly queue: number;
  /** Where nobody reads the queue, packets go on. */
  readonly failOpen: boolean;
  /** ClusterNetworkPolicy too: then every new connection is looked at, not only those of pods that a policy selects. */
  readonly all: boolean;
}

export const kindnetd: Enforcer = { role: 'kindnet', table: 'kindnet-network-policies', program: 'kindnetd', queue: 101, failOpen: true, all: false };

/** By its arguments and the flavour that its image's tag names. */
export function standalone(pod: Pod): Enforcer {
  const container = pod.spec.containers.find((one) => parseImage(one.image ?? '').repository.endsWith('/kube-network-policies')) ?? pod.spec.containers[0];
  const words = [...(container?.command ?? []), ...(container?.args ?? [])];
  const value = (name: string): string | undefined => words.find((word) => word.replace(/^--?/, '').startsWith(`${name}=`))?.split('=')[1];
  const queue = Number(value('nfqueue-id') ?? 100);
  return {
    role: 'kube-network-policies',
    table: 'kube-network-policies',
    program: 'kube-network-policies',
    queue: Number.isInteger(queue) && queue >= 0 && queue <= 65535 ? queue : 100,
    failOpen: words.some((word) => /^--?fail-open(=true)?$/.test(word)),
    all: /npa|v1alpha/.test(parseImage(container?.image ?? '').tag) || words.some((word) => /^--?(baseline-)?admin-network-policy(=true)?$/.test(word)),
  };
}

const SETS = ['podips-v4', 'podips-v6'] as const;

/** As kindnetd writes it by netlink. */
function tableText({ table, queue, failOpen, all }: Enforcer): string {
  const to = `queue ${failOpen ? 'flags bypass ' : ''}to ${queue}`;
  const divert = all ? [to] : [`ip saddr @podips-v4 ${to}`, `ip daddr @podips-v4 ${to}`, `ip6 saddr @podips-v6 ${to}`, `ip6 daddr @podips-v6 ${to}`];
  const chains: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'postrouting',
      'srcnat - 5',
      ['udp dport 53 accept', 'meta l4proto ipv6-icmp accept', 'meta skuid 0 accept', 'ct state established,related accept', ...divert],
    ],
    // Questions for names are looked at before conntrack could lose one of two that race.
    ['prerouting', 'dstnat + 5', ['meta l4proto != udp accept', 'udp dport != 53 accept', ...divert]],
    // From pods to their own node: since v1, whose flavours for all policies these are.
    ...(all ? ([['input', '101', ['iifname "lo" accept', `ct state new ${to}`]]] as const) : []),
  ];
  const lines = [`add table inet ${table}`];
  if (!all) lines.push(`add set inet ${table} podips-v4 { type ipv4_addr ; }`, `add set inet ${table} podips-v6 { type ipv6_addr ; }`);
  for (const [hook, priority, rules] of chains) {
    lines.push(`add chain inet ${table} ${hook} { type filter hook ${hook} priority ${priority} ; policy accept ; }`);
    for (const rule of rules) lines.push(`add rule inet ${table} ${hook} ${rule}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** Records in a netns that does not exist, by the text that makes them. */
const bases = new Map<string, readonly NftRecord[]>();

function baseOf(text: string): readonly NftRecord[] {
  const known = bases.get(text);
  if (known !== undefined) return known;
  const context = { netns: '', origin: { component: '', objects: [] }, nowNs: 0, device: () => undefined, hasDynamic: () => false };
  const records = new Transaction([], context).run(parseCommands(text)).put;
  if (bases.size >= 16) bases.clear();
  bases.set(text, records);
  return records;
}

/** Addresses of pods that a NetworkPolicy selects, by node. */
export function selectedPods(model: PolicyModel): ReadonlyMap<string, readonly NftElement[][]> {
  const found = new Map<string, NftElement[][]>();
  if (model.policies.length === 0) return found;
  for (const { pod, ips } of model.endpoints) {
    if (pod === undefined) continue;
    const selected = (['ingress', 'egress'] as const).some((direction) => policiesFor(model, pod, direction).some((policy) => policy.tier === 'NetworkPolicy'));
    if (!selected) continue;
    let lists = found.get(pod.node);
    if (lists === undefined) {
      lists = [[], []];
      found.set(pod.node, lists);
    }
    for (const ip of ips) lists[isIp6(ip) ? 1 : 0]?.push({ text: formatIp(ip) });
  }
  return found;
}

const selectedByNode = perState(['Pod', 'Namespace', 'Node', ...POLICY_KINDS], (view) => selectedPods(policyModel(view)));

function nftRecords(enforcer: Enforcer, netns: string, origin: Origin, selected: readonly NftElement[][] | undefined): NetRecord[] {
  const { table } = enforcer;
  return baseOf(tableText(enforcer)).map((record): NetRecord => {
    if (record.kind === 'nft-table') return { ...record, id: nftTableId(netns, 'inet', table), netns, origin };
    if (record.kind === 'nft-chain') return { ...record, id: nftChainId(netns, 'inet', table, record.name), netns, origin };
    const id = nftSetId(netns, 'inet', table, record.name);
    if (record.kind !== 'nft-set') return { ...record, id, netns, origin };
    return { ...record, id, netns, origin, elements: selected?.[SETS.indexOf(record.name as 'podips-v4')] ?? [] };
  });
}

/** All that an enforcer has on one machine. `selected`: addresses of pods there that a NetworkPolicy selects, IPv4 and IPv6. */
export function enforcerRecords(
  enforcer: Enforcer,
  netns: string,
  origin: Origin,
  table: QueueTable,
  selected: readonly NftElement[][] | undefined,
): NetRecord[] {
  const { queue, program } = enforcer;
  const reader: NfQueue = { kind: 'nfqueue', id: nfQueueId(netns, queue), origin, netns, queue, program, table };
  return [...nftRecords(enforcer, netns, origin, selected), reader];
}

function render(node: string, view: StoreView, before: readonly NetRecord[] = []): { readonly records: readonly NetRecord[] } {
  const records: NetRecord[] = [];
  for (const role of ['kindnet', 'kube-network-policies'] as const) {
    const daemon = daemonsOf(role, view).get(node);
    if (daemon === undefined) continue;
    const enforcer = role === 'kindnet' ? kindnetd : standalone(daemon.pod);
    if (!daemon.running) {
      // One that has crashed leaves its rules behind, and nobody at the queue.
      records.push(...before.filter((record) => record.kind !== 'nfqueue' && 'table' in record && record.table === enforcer.table));
      records.push(...before.filter((record) => record.kind === 'nft-table' && record.name === enforcer.table));
      continue;
    }
    const netns = rootNetnsId(node);
    const origin: Origin = { component: enforcer.program, objects: [objectKey(daemon.pod)] };
    records.push(...enforcerRecords(enforcer, netns, origin, queueTable(view, enforcer.all), selectedByNode(view).get(node)));
  }
  return { records };
}

const enforcingNodes = (view: StoreView): readonly string[] =>
  [...new Set([...daemonsOf('kindnet', view).keys(), ...daemonsOf('kube-network-policies', view).keys()])].sort();

function keysFor(changed: KubeObject, view: StoreView): readonly string[] {
  if (changed.kind === 'Pod') {
    const pod = changed as Pod;
    if (isDaemon(pod, 'kindnet') || isDaemon(pod, 'kube-network-policies')) return pod.spec.nodeName === undefined ? [] : [pod.spec.nodeName];
    if (POLICY_KINDS.every((kind) => view.list(kind).length === 0)) return [];
  }
  return enforcingNodes(view);
}

/** Keys: names of nodes. */
export const policyQueueAgent: Agent<NetRecord> = {
  name: 'policy-queue',
  watches: ['Pod', 'Namespace', 'Node', ...POLICY_KINDS],
  keysFor,
  keys: enforcingNodes,
  render,
};
