/** The fields a display filter can ask for, under Wireshark's names, read from a hop's layers; `hop.*` are ours. Wireshark: epan/dissectors/packet-{ip,tcp,dns,http}.c and so on. */
import type { Layer } from '../../../net/wire/packet.ts';
import type { HopView } from '../../../world/views.ts';

export type FieldType = 'address' | 'mac' | 'number' | 'text' | 'flag' | 'bytes' | 'protocol';

/** What is known about the run besides the hop itself. */
export interface HopContext {
  /** Number of the hop's packet in the run, from 1; undefined for rows without a packet. */
  readonly number: number | undefined;
  /** Number of its conversation in the run, from 0. */
  readonly stream: number | undefined;
  /** When the run began. */
  readonly startNs: number;
  /** The hop at the playhead, for `${ip.src}`. */
  readonly selected?: HopView | undefined;
}

export interface Field {
  readonly type: FieldType;
  readonly help: string;
  /** Whose layers have it; absent for what is no part of one. */
  readonly protocol?: Layer['protocol'];
  /** All values in the hop, outermost layer first; empty where it has no such field. */
  readonly values: (hop: HopView, context: HopContext) => readonly (string | number)[];
}

type Of<P extends Layer['protocol']> = Extract<Layer, { protocol: P }>;

function layersOf<P extends Layer['protocol']>(hop: HopView, protocol: P): Of<P>[] {
  return hop.event.layers.filter((layer): layer is Of<P> => layer.protocol === protocol);
}
const field = (type: FieldType, help: string, values: Field['values']): Field => ({ type, help, values });

/** A field of one protocol's layers; what a layer does not have is left out. */
function of<P extends Layer['protocol']>(protocol: P, type: FieldType, help: string, read: (layer: Of<P>) => string | number | undefined): Field {
  return { ...field(type, help, (hop) => layersOf(hop, protocol).flatMap((layer) => read(layer) ?? [])), protocol };
}
/** Both ends of a layer under one name. */
function ends<P extends Layer['protocol']>(protocol: P, type: FieldType, help: string, read: (layer: Of<P>) => readonly (string | number)[]): Field {
  return { ...field(type, help, (hop) => layersOf(hop, protocol).flatMap((layer) => [...read(layer)])), protocol };
}

const tcpFlag = (letter: string) => (layer: Of<'tcp'>) => (layer.flags.includes(letter) ? 1 : 0);
const ipFlag = (word: string) => (layer: Of<'ipv4'>) => (layer.flags.includes(word) ? 1 : 0);
const firstLine = (text: string): string => text.split(/\r?\n/, 1)[0] ?? '';
const header = (text: string, name: string): string | undefined => new RegExp(`^${name}: *(.*?)\\r?$`, 'im').exec(text)?.[1];
const request = (text: string, part: 1 | 2): string | undefined => /^([A-Z]+) (\S+) HTTP\//.exec(text)?.[part];
const status = (text: string): number | undefined => {
  const code = /^HTTP\/\S+ (\d{3})/.exec(text)?.[1];
  return code === undefined ? undefined : Number(code);
};

const FLAGS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, '.': 16, U: 32, E: 64, W: 128 };
const WORDS: Readonly<Record<Layer['protocol'], string>> = {
  ethernet: 'eth',
  arp: 'arp',
  ipv4: 'ip',
  ipv6: 'ipv6',
  udp: 'udp',
  sctp: 'sctp',
  tcp: 'tcp',
  icmp: 'icmp',
  icmp6: 'icmpv6',
  vlan: 'vlan',
  vxlan: 'vxlan',
  geneve: 'geneve',
  ipip: 'ipip',
  wireguard: 'wg',
  dns: 'dns',
  http: 'http',
  tls: 'tls',
  data: 'data',
};

const list: readonly (readonly [string, Field])[] = [
  ['frame.number', field('number', 'number of the packet in this run', (_, context) => (context.number === undefined ? [] : [context.number]))],
  ['frame.time_relative', field('number', 'seconds since the run began', (hop, context) => [(hop.event.timeNs - context.startNs) / 1e9])],
  ['frame.time_epoch', field('number', 'seconds of virtual time', (hop) => [hop.event.timeNs / 1e9])],
  [
    'frame.protocols',
    field('text', 'layers, outermost first: eth:ip:udp:vxlan:eth:ip:tcp', (hop) =>
      hop.event.layers.length === 0 ? [] : [hop.event.layers.map((layer) => WORDS[layer.protocol]).join(':')],
    ),
  ],
  ['frame.len', field('number', 'bytes of the outermost frame', (hop) => (hop.lengthBytes > 0 ? [hop.lengthBytes] : []))],
  ['eth.src', of('ethernet', 'mac', 'source MAC', (layer) => layer.src)],
  ['eth.dst', of('ethernet', 'mac', 'destination MAC', (layer) => layer.dst)],
  ['eth.addr', ends('ethernet', 'mac', 'source or destination MAC', (layer) => [layer.src, layer.dst])],
  ['eth.type', of('ethernet', 'number', 'EtherType, e.g. 0x0800', (layer) => layer.etherType)],
  ['vlan.id', of('vlan', 'number', '802.1Q VLAN', (layer) => layer.id)],
  ['arp.opcode', of('arp', 'number', '1 request, 2 reply', (layer) => (layer.operation === 'request' ? 1 : 2))],
  ['arp.src.proto_ipv4', of('arp', 'address', "sender's address", (layer) => layer.senderIp)],
  ['arp.dst.proto_ipv4', of('arp', 'address', "target's address", (layer) => layer.targetIp)],
  ['arp.src.hw_mac', of('arp', 'mac', "sender's MAC", (layer) => layer.senderMac)],
  ['ip.src', of('ipv4', 'address', 'source address', (layer) => layer.src)],
  ['ip.dst', of('ipv4', 'address', 'destination address', (layer) => layer.dst)],
  ['ip.addr', ends('ipv4', 'address', 'source or destination address', (layer) => [layer.src, layer.dst])],
  ['ip.ttl', of('ipv4', 'number', 'time to live', (layer) => layer.ttl)],
  ['ip.id', of('ipv4', 'number', 'identification', (layer) => layer.id)],
  ['ip.len', of('ipv4', 'number', 'total length in bytes', (layer) => layer.totalBytes)],
  ['ip.version', of('ipv4', 'number', '4', () => 4)],
  ['ip.hdr_len', of('ipv4', 'number', 'header in bytes', () => 20)],
  ['ip.dsfield', of('ipv4', 'number', 'DSCP and ECN', (layer) => layer.tos)],
  ['ip.dsfield.dscp', of('ipv4', 'number', 'differentiated services', (layer) => layer.tos >> 2)],
  ['ip.dsfield.ecn', of('ipv4', 'number', 'explicit congestion notification', (layer) => layer.tos & 3)],
  ['ip.proto', of('ipv4', 'number', '6 TCP, 17 UDP, 1 ICMP', (layer) => layer.ipProtocol)],
  ['ip.flags.df', of('ipv4', 'flag', "don't fragment", ipFlag('DF'))],
  ['ip.flags.mf', of('ipv4', 'flag', 'more fragments', ipFlag('+'))],
  ['ip.frag_offset', of('ipv4', 'number', 'fragment offset in bytes', (layer) => layer.fragmentOffset)],
  ['ipv6.src', of('ipv6', 'address', 'source address', (layer) => layer.src)],
  ['ipv6.dst', of('ipv6', 'address', 'destination address', (layer) => layer.dst)],
  ['ipv6.addr', ends('ipv6', 'address', 'source or destination address', (layer) => [layer.src, layer.dst])],
  ['ipv6.version', of('ipv6', 'number', '6', () => 6)],
  ['ipv6.nxt', of('ipv6', 'number', '6 TCP, 17 UDP, 58 ICMPv6', (layer) => (layer.fragment === undefined ? layer.ipProtocol : 44))],
  ['ipv6.plen', of('ipv6', 'number', 'bytes behind the header', (layer) => layer.totalBytes - 40)],
  ['ipv6.flow', of('ipv6', 'number', 'flow label', (layer) => layer.flowLabel)],
  ['ipv6.hlim', of('ipv6', 'number', 'hop limit', (layer) => layer.ttl)],
  ['tcp.srcport', of('tcp', 'number', 'source port', (layer) => layer.sport)],
  ['tcp.dstport', of('tcp', 'number', 'destination port', (layer) => layer.dport)],
  ['tcp.port', ends('tcp', 'number', 'source or destination port', (layer) => [layer.sport, layer.dport])],
  ['tcp.flags.syn', of('tcp', 'flag', 'SYN', tcpFlag('S'))],
  ['tcp.flags.ack', of('tcp', 'flag', 'ACK', tcpFlag('.'))],
  ['tcp.flags.fin', of('tcp', 'flag', 'FIN', tcpFlag('F'))],
  ['tcp.flags.reset', of('tcp', 'flag', 'RST', tcpFlag('R'))],
  ['tcp.flags.push', of('tcp', 'flag', 'PSH', tcpFlag('P'))],
  ['tcp.flags', of('tcp', 'number', 'all flags, e.g. 0x012', (layer) => [...layer.flags].reduce((sum, letter) => sum | (FLAGS[letter] ?? 0), 0))],
  ['tcp.seq_raw', of('tcp', 'number', 'sequence number as sent', (layer) => layer.seq)],
  ['tcp.ack_raw', of('tcp', 'number', 'acknowledgement number as sent', (layer) => layer.ack)],
  ['tcp.seq', of('tcp', 'number', 'as sent: Wireshark counts its own from 0', (layer) => layer.seq)],
  ['tcp.ack', of('tcp', 'number', 'as sent: Wireshark counts its own from 0', (layer) => layer.ack)],
  ['tcp.window_size_value', of('tcp', 'number', 'window as written in the header', (layer) => layer.window)],
  ['tcp.len', of('tcp', 'number', 'payload in bytes', (layer) => layer.payloadBytes)],
  [
    'tcp.stream',
    field('number', 'conversation, also through NAT', (hop, context) => (has(hop, 'tcp') && context.stream !== undefined ? [context.stream] : [])),
  ],
  ['udp.srcport', of('udp', 'number', 'source port', (layer) => layer.sport)],
  ['udp.dstport', of('udp', 'number', 'destination port', (layer) => layer.dport)],
  ['udp.port', ends('udp', 'number', 'source or destination port', (layer) => [layer.sport, layer.dport])],
  ['udp.length', of('udp', 'number', 'length in bytes', (layer) => layer.lengthBytes)],
  [
    'udp.stream',
    field('number', 'conversation, also through NAT', (hop, context) => (has(hop, 'udp') && context.stream !== undefined ? [context.stream] : [])),
  ],
  ['sctp.srcport', of('sctp', 'number', 'source port', (layer) => layer.sport)],
  ['sctp.dstport', of('sctp', 'number', 'destination port', (layer) => layer.dport)],
  ['sctp.port', ends('sctp', 'number', 'source or destination port', (layer) => [layer.sport, layer.dport])],
  ['sctp.verification_tag', of('sctp', 'number', 'tag of the association', (layer) => layer.tag)],
  [
    'sctp.assoc_index',
    field('number', 'association, also through NAT', (hop, context) => (has(hop, 'sctp') && context.stream !== undefined ? [context.stream] : [])),
  ],
  ['sctp.chunk_type', ends('sctp', 'number', '0 DATA, 1 INIT, 3 SACK, 6 ABORT, 7 SHUTDOWN', (layer) => layer.types)],
  ['icmp.type', of('icmp', 'number', '8 echo, 0 reply, 3 unreachable, 11 time exceeded', (layer) => layer.type)],
  ['icmp.code', of('icmp', 'number', 'code', (layer) => layer.code)],
  ['icmp.ident', of('icmp', 'number', 'identifier of an echo', (layer) => layer.id)],
  ['icmp.seq', of('icmp', 'number', 'sequence number of an echo', (layer) => layer.sequence)],
  ['icmpv6.type', of('icmp6', 'number', '128 echo, 135 neighbour solicitation', (layer) => layer.type)],
  ['icmpv6.code', of('icmp6', 'number', 'code', (layer) => layer.code)],
  ['vxlan.vni', of('vxlan', 'number', 'network identifier', (layer) => layer.vni)],
  ['geneve.vni', of('geneve', 'number', 'network identifier', (layer) => layer.vni)],
  ['dns.id', of('dns', 'number', 'transaction', (layer) => layer.id)],
  ['dns.flags.response', of('dns', 'flag', '1 in answers', (layer) => (layer.response ? 1 : 0))],
  ['dns.qry.name', of('dns', 'text', 'name that is asked for, also in answers', (layer) => layer.name)],
  ['http.request', of('http', 'flag', 'it is a request', (layer) => (request(layer.text, 1) === undefined ? undefined : 1))],
  ['http.response', of('http', 'flag', 'it is a response', (layer) => (status(layer.text) === undefined ? undefined : 1))],
  ['http.response.line', of('http', 'text', 'first line of a response', (layer) => (status(layer.text) === undefined ? undefined : firstLine(layer.text)))],
  ['http.request.method', of('http', 'text', 'GET, POST …', (layer) => request(layer.text, 1))],
  ['http.request.uri', of('http', 'text', 'path of the request', (layer) => request(layer.text, 2))],
  ['http.host', of('http', 'text', 'Host header', (layer) => header(layer.text, 'host'))],
  ['http.user_agent', of('http', 'text', 'User-Agent header', (layer) => header(layer.text, 'user-agent'))],
  ['http.response.code', of('http', 'number', '200, 404, 503 …', (layer) => status(layer.text))],
  ['http.request.line', of('http', 'text', 'first line of a request', (layer) => (request(layer.text, 1) === undefined ? undefined : firstLine(layer.text)))],
  ['hop.host', field('text', 'node01, controlplane …', (hop) => [hop.event.hostId])],
  ['hop.netns', field('text', 'id of the network namespace', (hop) => [hop.event.netns])],
  ['hop.device', field('text', 'cni0, flannel.1, eth0 …', (hop) => (hop.event.device === '' ? [] : [hop.event.device]))],
  ['hop.step', field('text', 'created, routed, matched, translated, encapsulated, delivered, dropped …', (hop) => [hop.event.step.kind])],
  ['hop.drop', field('text', 'reason of a drop, e.g. NETFILTER_DROP', (hop) => (hop.event.step.kind === 'dropped' ? [hop.event.step.reason] : []))],
  ['hop.rule', field('text', 'text of a rule that matched', (hop) => hop.rules.map((rule) => `${rule.chain} ${rule.text}`))],
  ['hop.state', field('text', 'NEW, ESTABLISHED, RELATED, INVALID', (hop) => (hop.event.connectionState === undefined ? [] : [hop.event.connectionState]))],
  ['hop.mark', field('number', 'skb mark, e.g. 0x4000', (hop) => [hop.event.mark])],
].map(([name, one]) => [name as string, one as Field]);

const has = (hop: HopView, protocol: Layer['protocol']): boolean => hop.event.layers.some((layer) => layer.protocol === protocol);

export const fields: ReadonlyMap<string, Field> = new Map(list);

/** What a protocol carries, as text, its own layer included: what `tcp contains "GET"` looks in. */
export function protocolText(hop: HopView, name: string): readonly string[] {
  const { layers } = hop.event;
  const start = name === 'frame' ? 0 : layers.findIndex((layer) => WORDS[layer.protocol] === name);
  if (start < 0 || layers.length === 0) return [];
  return [
    layers
      .slice(start)
      .flatMap((layer) => (layer.protocol === 'dns' ? [layer.name] : layer.protocol === 'http' || layer.protocol === 'data' ? [layer.text ?? ''] : []))
      .join('\n'),
  ];
}

/** A protocol's name alone asks whether the hop has such a layer. */
export const protocols: ReadonlyMap<string, (hop: HopView) => boolean> = new Map([
  ['frame', () => true],
  ['eth', (hop: HopView) => has(hop, 'ethernet')],
  ['vlan', (hop: HopView) => has(hop, 'vlan')],
  ['arp', (hop: HopView) => has(hop, 'arp')],
  ['ip', (hop: HopView) => has(hop, 'ipv4')],
  ['ipv6', (hop: HopView) => has(hop, 'ipv6')],
  ['tcp', (hop: HopView) => has(hop, 'tcp')],
  ['udp', (hop: HopView) => has(hop, 'udp')],
  ['sctp', (hop: HopView) => has(hop, 'sctp')],
  ['icmp', (hop: HopView) => has(hop, 'icmp')],
  ['icmpv6', (hop: HopView) => has(hop, 'icmp6')],
  ['vxlan', (hop: HopView) => has(hop, 'vxlan')],
  ['geneve', (hop: HopView) => has(hop, 'geneve')],
  ['wg', (hop: HopView) => has(hop, 'wireguard')],
  ['dns', (hop: HopView) => has(hop, 'dns')],
  ['http', (hop: HopView) => has(hop, 'http')],
  // Steps of handshakes are rows without a packet.
  ['tls', (hop: HopView) => has(hop, 'tls') || hop.event.step.kind === 'tls'],
  ['drop', (hop: HopView) => hop.event.step.kind === 'dropped'],
]);

/** Steps from one word to the other: letters put in, taken out, exchanged (Levenshtein 1966). Words are short. */
function stepsBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[other.length] as number;
}

const MAX_WORD = 40;

/** The field or protocol that was most likely meant by a word that is none; undefined where nothing is near. */
export function meant(word: string): string | undefined {
  const lower = word.toLowerCase();
  if (lower.length < 3 || lower.length > MAX_WORD) return undefined;
  let best: string | undefined;
  let least = lower.length < 6 ? 1 : 2;
  for (const name of [...fields.keys(), ...protocols.keys()]) {
    if (Math.abs(name.length - lower.length) > least) continue;
    const steps = stepsBetween(lower, name);
    if (steps < least || (steps === least && best === undefined)) {
      best = name;
      least = steps;
    }
  }
  // `tcp.dport` for `tcp.dstport`: the end of a longer name.
  const [protocol, last] = lower.split(/\.(?=[^.]*$)/);
  return (
    best ?? (last === undefined || last.length < 3 ? undefined : [...fields.keys()].find((name) => name.startsWith(`${protocol}.`) && name.endsWith(last)))
  );
}
