/** A packet in a queue: the program behind it looks at both ends and at the lists of rules that restrict them. Linux: net/netfilter/nf_queue.c; kube-network-policies: pkg/networkpolicy */
import type { Origin } from '../../../base/origin.ts';
import { formatIp, type IpPrefix, inPrefix, parseIp, parseIpPrefix } from '../../addr/ip.ts';
import type { NetnsState } from '../../stack/netns-state.ts';
import type { Skb } from '../../stack/skb.ts';
import type { Ip } from '../../wire/packet.ts';
import type { NfQueue, QueueEnd, QueueList, QueuePorts, QueueRule, QueueTable } from './queue-records.ts';

/** What of a packet is judged; `dport` is the pod's, after DNAT. */
export type QueuedFlow = Pick<Skb, 'src' | 'dst' | 'protocol' | 'dport'>;

export interface QueueAnswer {
  readonly accept: boolean;
  /** A program reads the queue; else the kernel itself decided. */
  readonly heard: boolean;
  readonly reason: string;
  /** The list of rules that decided. */
  readonly origin?: Origin;
}

interface CompiledSet {
  readonly addresses: ReadonlySet<Ip>;
  readonly ranges: readonly { readonly range: IpPrefix; readonly except: readonly IpPrefix[] }[];
}
interface CompiledTable {
  readonly ends: ReadonlyMap<Ip, QueueEnd>;
  readonly sets: readonly CompiledSet[];
  readonly lists: readonly QueueList[];
}

const compiled = new WeakMap<QueueTable, CompiledTable>();
const prefixes = (texts: readonly string[]): readonly IpPrefix[] => texts.map(parseIpPrefix).filter((one) => one !== undefined);

function compile(table: QueueTable): CompiledTable {
  const known = compiled.get(table);
  if (known !== undefined) return known;
  const ends = new Map<Ip, QueueEnd>();
  for (const [text, end] of Object.entries(table.ends)) {
    const ip = parseIp(text);
    if (ip !== undefined) ends.set(ip, end);
  }
  const sets = table.sets.map(({ addresses = [], ranges = [] }) => ({
    addresses: new Set(addresses.map(parseIp).filter((ip) => ip !== undefined)),
    ranges: prefixes(ranges.map((one) => one.range)).map((range, index) => ({ range, except: prefixes(ranges[index]?.except ?? []) })),
  }));
  const made = { ends, sets, lists: table.lists };
  compiled.set(table, made);
  return made;
}

const TCP = 6;
const UDP = 17;
const SCTP = 132;

function inSet(set: CompiledSet | undefined, ip: Ip): boolean {
  if (set === undefined) return false;
  if (set.addresses.has(ip)) return true;
  for (const { range, except } of set.ranges) {
    if (inPrefix(range.network, range.prefixLength, ip) && !except.some((one) => inPrefix(one.network, one.prefixLength, ip))) return true;
  }
  return false;
}

function portsMatch(ports: QueuePorts, skb: QueuedFlow, destination: QueueEnd | undefined): boolean {
  const { protocol, dport } = skb;
  if (ports.protocol !== undefined && ports.protocol !== protocol) return false;
  if (ports.name !== undefined) return destination?.ports?.some((one) => one.name === ports.name && one.port === dport && one.protocol === protocol) ?? false;
  return (protocol === TCP || protocol === UDP || protocol === SCTP) && dport >= ports.first && dport <= ports.last;
}

function ruleMatches(table: CompiledTable, rule: QueueRule, skb: QueuedFlow, other: Ip, destination: QueueEnd | undefined): boolean {
  if (rule.ports?.some((ports) => portsMatch(ports, skb, destination)) === false) return false;
  return rule.who === undefined || rule.who.some((index) => inSet(table.sets[index], other));
}

interface Decision {
  readonly accept: boolean;
  readonly reason: string;
  readonly list?: QueueList;
}

/** What restricts one end in one direction. Undefined: nothing does. */
function decide(
  table: CompiledTable,
  lists: readonly number[],
  skb: QueuedFlow,
  direction: 'ingress' | 'egress',
  destination: QueueEnd | undefined,
): Decision | undefined {
  const other = direction === 'egress' ? skb.dst : skb.src;
  let passed = -1;
  const isolating: QueueList[] = [];
  for (const index of lists) {
    const list = table.lists[index];
    if (list === undefined || list.stage === passed) continue;
    if (isolating.length > 0 && list.stage === 2) break;
    if (list.stage === 1) isolating.push(list);
    for (const rule of list.rules) {
      if (!ruleMatches(table, rule, skb, other, destination)) continue;
      if (rule.action === 'pass') {
        passed = list.stage;
        break;
      }
      const accept = rule.action === 'accept';
      return { accept, reason: `${list.name} ${accept ? 'allows' : 'denies'} it: ${rule.path}`, list };
    }
  }
  const [first] = isolating;
  if (first === undefined) return undefined;
  const names = isolating.map((one) => one.name).join(', ');
  return { accept: false, reason: `${names} ${isolating.length === 1 ? 'allows' : 'allow'} no such ${direction}`, list: first };
}

/** What the program would say of a packet of this flow. */
export function judge(reader: Pick<NfQueue, 'table' | 'program'>, skb: QueuedFlow): QueueAnswer {
  const table = compile(reader.table);
  const from = table.ends.get(skb.src);
  const to = table.ends.get(skb.dst);
  const what = `${from?.name ?? formatIp(skb.src)} to ${to?.name ?? formatIp(skb.dst)}${skb.dport === 0 ? '' : ` port ${skb.dport}`}`;
  const said = (decision: Decision): QueueAnswer => ({
    accept: decision.accept,
    heard: true,
    reason: `${reader.program}: ${what}: ${decision.reason}`,
    ...(decision.list === undefined ? {} : { origin: { component: reader.program, objects: [decision.list.object] } }),
  });
  const out = from === undefined ? undefined : decide(table, from.egress, skb, 'egress', to);
  if (out?.accept === false) return said(out);
  const into = to === undefined ? undefined : decide(table, to.ingress, skb, 'ingress', to);
  return said(into ?? out ?? { accept: true, reason: 'nothing restricts it' });
}

/** Nobody reads the queue: with `bypass` the packet goes on, without it is dropped. */
export function askQueue(netns: NetnsState, queue: number, bypass: boolean, skb: Skb): QueueAnswer {
  const reader = netns.queues.get(queue);
  if (reader !== undefined) return judge(reader, skb);
  return { accept: bypass, heard: false, reason: `nobody reads queue ${queue}${bypass ? ', which may then be bypassed' : ''}` };
}
