/** The line (or lines) tcpdump 4.99 prints for a frame. Sequence numbers become relative through a state that the caller keeps. */
import { compareIp, formatIp, formatPrefix } from '../addr/ip.ts';
import { formatMac } from '../addr/mac.ts';
import { calendarTime, formatClock, formatDay } from './calendar.ts';
import { encodeDatagram } from './encode.ts';
import { icmp6Text, ND_NEIGHBOR_ADVERTISEMENT } from './icmp6.ts';
import { datagramBytes, frameBytes, ICMP_QUOTE_LIMIT_BYTES, IPV6_HEADER_BYTES, ipBytes, isFragment, tcpOptionsBytes, transportBytes } from './lengths.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV6,
  ETHERTYPE_VLAN,
  IP_PROTO_FRAGMENT6,
  IP_PROTO_ICMP,
  IP_PROTO_ICMP6,
  IP_PROTO_IPIP,
  IP_PROTO_TCP,
  IP_PROTO_UDP,
  type Ip,
  type Packet,
  type RouterAdvertisement,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
  type TcpHeader,
  TUNNEL_GENEVE,
  TUNNEL_IPIP,
  TUNNEL_WIREGUARD,
} from './packet.ts';
import { dnsText, icmpText, isHttpPort, startsHttpMessage, tcpFlagsText, tcpOptionsText } from './words.ts';

export interface TcpdumpOptions {
  /** -n: no names for addresses and ports. */
  readonly numeric: boolean;
  /** Number of -v. */
  readonly verbosity: number;
  /** -e: the link-level header. */
  readonly link: boolean;
  /** `-i any`: interface and direction before each line, the cooked link header with -e. */
  readonly any: boolean;
  /** -S: absolute sequence numbers. */
  readonly absoluteSequence?: boolean;
  /** -q: less protocol information. */
  readonly quiet?: boolean;
  /** `clock` 22:51:53.040175 · `none` -t · `epoch` -tt · `delta` -ttt · `date` -tttt · `since-first` -ttttt. */
  readonly time?: 'clock' | 'none' | 'epoch' | 'delta' | 'date' | 'since-first';
  /** Virtual time 0 as Unix milliseconds. */
  readonly epochMs: number;
  /** Without -n: a name for an address, if there is one. */
  readonly nameOf?: (ip: Ip) => string | undefined;
}

export interface TcpdumpFrame {
  readonly timeNs: number;
  readonly device: string;
  /** ifindex, for `-i any -e`. */
  readonly deviceIndex?: number;
  readonly direction: 'in' | 'out' | 'broadcast' | 'multicast' | 'otherhost';
  readonly packet: Packet;
}

/** Changed in place by `tcpdumpLines`. */
export interface TcpdumpState {
  /** Base sequence numbers of both directions, by `ip:port>ip:port` with the smaller port first. */
  readonly flows: Map<string, { seq: number; ack: number }>;
  firstNs: number;
  lastNs: number;
}

/** So many flows are remembered; the oldest is forgotten first. */
const MAX_FLOWS = 4096;

export function newTcpdumpState(): TcpdumpState {
  return { flows: new Map(), firstNs: -1, lastNs: -1 };
}

export function copyTcpdumpState(state: TcpdumpState): TcpdumpState {
  return { flows: new Map([...state.flows].map(([key, flow]) => [key, { ...flow }])), firstNs: state.firstNs, lastNs: state.lastNs };
}

/** Everything tcpdump writes for the frame, with its final newline. */
export function tcpdumpLines(frame: TcpdumpFrame, options: TcpdumpOptions, state: TcpdumpState): string {
  let head = timeText(frame.timeNs, options, state);
  if (options.any) {
    head += `${frame.device.padEnd(5)} ${DIRECTIONS[frame.direction]} `;
    return `${head}${cookedText(frame, options, state)}\n`;
  }
  return `${head}${ethernetText(frame.packet, options, state)}\n`;
}

const DIRECTIONS: Readonly<Record<TcpdumpFrame['direction'], string>> = { in: 'In ', out: 'Out', broadcast: 'B  ', multicast: 'M  ', otherhost: 'P  ' };

/** LINKTYPE_LINUX_SLL2: 20 bytes stand where the Ethernet header was. */
function cookedText(frame: TcpdumpFrame, options: TcpdumpOptions, state: TcpdumpState): string {
  const { packet } = frame;
  const length = packet.etherType === ETHERTYPE_ARP ? 28 : ipBytes(packet);
  const link = options.link
    ? `ifindex ${frame.deviceIndex ?? 0} ${formatMac(packet.ethSrc)} ${options.quiet === true ? '' : `ethertype ${etherTypeText(packet.etherType)}`}, length ${length + 20}: `
    : '';
  return link + networkText(packet, options, state);
}

function ethernetText(packet: Packet, options: TcpdumpOptions, state: TcpdumpState): string {
  // DLT_RAW: the packet begins with its IP header, and -e has little to show.
  if (packet.raw === true) return `${options.link ? 'ip: ' : ''}${networkText(packet, options, state)}`;
  const vlan = packet.vlan ?? 0;
  const etherType = vlan === 0 ? packet.etherType : ETHERTYPE_VLAN;
  const type = options.quiet === true ? protocolName(etherType) : `ethertype ${etherTypeText(etherType)}`;
  const link = options.link
    ? `${formatMac(packet.ethSrc)} > ${formatMac(packet.ethDst)}, ${type}, length ${frameBytes(packet)}: ${tagsText(vlan, packet.etherType, options.quiet === true)}`
    : '';
  return link + networkText(packet, options, state);
}

/** tcpdump print-ether.c, ether_print: each tag, then the type that follows it. */
function tagsText(vlan: number, etherType: number, quiet: boolean): string {
  let text = '';
  for (let tags = vlan; tags !== 0; tags >>>= 16) {
    const next = tags > 0xffff ? ETHERTYPE_VLAN : etherType;
    const dropEligible = (tags & 0x1000) !== 0 ? ', DEI' : '';
    text += `vlan ${tags & 0xfff}, p ${(tags >>> 13) & 7}${dropEligible}, ${quiet ? protocolName(next) : `ethertype ${etherTypeText(next)}`}, `;
  }
  return text;
}

const protocolName = (etherType: number) =>
  etherType === ETHERTYPE_ARP ? 'ARP' : etherType === ETHERTYPE_IPV6 ? 'IPv6' : etherType === ETHERTYPE_VLAN ? '802.1Q' : 'IPv4';
const etherTypeText = (etherType: number) => `${protocolName(etherType)} (0x${etherType.toString(16).padStart(4, '0')})`;

function networkText(packet: Packet, options: TcpdumpOptions, state: TcpdumpState): string {
  if (packet.etherType === ETHERTYPE_ARP) return arpText(packet, options);
  if (packet.etherType === ETHERTYPE_IPV6) return ip6Text(packet, options, state);
  return ipText(packet, options, state, ipBytes(packet));
}

function arpText(packet: Packet, options: TcpdumpOptions): string {
  const arp = packet.arp;
  if (arp === undefined) return '[|arp]';
  const name = hostNames(options);
  const head = `${options.link ? '' : 'ARP, '}${options.verbosity > 0 ? 'Ethernet (len 6), IPv4 (len 4), ' : ''}`;
  if (arp.operation === 1) {
    const asked = arp.targetMac === 0 || arp.targetMac === 0xffffffffffff ? '' : ` (${formatMac(arp.targetMac)})`;
    return `${head}Request who-has ${name(arp.targetIp)}${asked} tell ${name(arp.senderIp)}, length 28`;
  }
  return `${head}Reply ${name(arp.senderIp)} is-at ${formatMac(arp.senderMac)}, length 28`;
}

const PROTOCOLS: Readonly<Record<number, string>> = { [IP_PROTO_ICMP]: 'ICMP', [IP_PROTO_IPIP]: 'IPIP', [IP_PROTO_TCP]: 'TCP', [IP_PROTO_UDP]: 'UDP' };

/** `available`: bytes that are there; fewer than the packet's length inside an ICMP error. */
function ipText(packet: Packet, options: TcpdumpOptions, state: TcpdumpState, available: number): string {
  const name = hostNames(options);
  const length = ipBytes(packet);
  let text = options.link ? '' : 'IP ';
  if (available < length) text += `truncated-ip - ${length - available} bytes missing! `;
  if (options.verbosity > 0) {
    const flags = [packet.moreFragments ? '+' : '', packet.dontFragment ? 'DF' : ''].filter((flag) => flag !== '').join(', ') || 'none';
    const proto = `${PROTOCOLS[packet.protocol] ?? 'unknown'} (${packet.protocol})`;
    text += `(tos 0x${packet.tos.toString(16)}, ttl ${packet.ttl}, id ${packet.ipId}, offset ${packet.fragmentOffset}, flags [${flags}], proto ${proto}, length ${length})\n    `;
  }
  if (packet.fragmentOffset > 0) return `${text}${name(packet.src)} > ${name(packet.dst)}: ${protocolWord(packet.protocol, options)}`;
  if (packet.tcp !== undefined) return text + tcpText(packet, packet.tcp, options, state);
  if (packet.icmp !== undefined) return `${text}${name(packet.src)} > ${name(packet.dst)}: ${icmpLine(packet, options, state)}`;
  if (packet.inner !== undefined && packet.tunnel === TUNNEL_IPIP)
    return `${text}${name(packet.src)} > ${name(packet.dst)}: ${networkText(packet.inner, options, state)}`;
  if (packet.protocol === IP_PROTO_UDP) return text + udpText(packet, options, state);
  return `${text}${name(packet.src)} > ${name(packet.dst)}: ${protocolWord(packet.protocol, options)} ${transportBytes(packet)}`;
}

const NEXT_HEADERS: Readonly<Record<number, string>> = {
  [IP_PROTO_ICMP6]: 'ICMPv6',
  [IP_PROTO_TCP]: 'TCP',
  [IP_PROTO_UDP]: 'UDP',
  [IP_PROTO_FRAGMENT6]: 'Fragment',
};

/** print-ip6.c and print-frag6.c */
function ip6Text(packet: Packet, options: TcpdumpOptions, state: TcpdumpState): string {
  const name = hostNames(options);
  const fragment = isFragment(packet);
  let text = options.link ? '' : 'IP6 ';
  if (options.verbosity > 0) {
    const next = fragment ? IP_PROTO_FRAGMENT6 : packet.protocol;
    if (packet.tos !== 0) text += `(class 0x${packet.tos.toString(16).padStart(2, '0')}, `;
    else text += '(';
    if ((packet.flowLabel ?? 0) !== 0) text += `flowlabel 0x${(packet.flowLabel ?? 0).toString(16).padStart(5, '0')}, `;
    text += `hlim ${packet.ttl}, next-header ${NEXT_HEADERS[next] ?? 'unknown'} (${next}) payload length: ${ipBytes(packet) - IPV6_HEADER_BYTES}) `;
  }
  const ends = `${name(packet.src)} > ${name(packet.dst)}: `;
  if (fragment) {
    const id = options.verbosity > 0 ? `0x${packet.ipId.toString(16).padStart(8, '0')}:` : '';
    text += `${ends}frag (${id}${packet.fragmentOffset}|${transportBytes(packet)})`;
    if (packet.fragmentOffset > 0) return text;
    // The ports stand in front of the addresses' places where they would, the fragment's words before them.
    if (packet.tcp !== undefined) return `${text} ${withoutHosts(tcpText(packet, packet.tcp, options, state), packet, options)}`;
    if (packet.icmp !== undefined) return `${text} ${icmp6Line(packet, options)}`;
    if (packet.protocol === IP_PROTO_UDP) return `${text} ${withoutHosts(udpText(packet, options, state), packet, options)}`;
    return text;
  }
  if (packet.tcp !== undefined) return text + tcpText(packet, packet.tcp, options, state);
  if (packet.icmp !== undefined) return text + ends + icmp6Line(packet, options);
  if (packet.protocol === IP_PROTO_UDP) return text + udpText(packet, options, state);
  return `${text}${ends}ip-proto-${packet.protocol} ${transportBytes(packet)}`;
}

/** Behind a fragment header tcpdump writes the ports alone: `40000 > 53: …`. */
function withoutHosts(text: string, packet: Packet, options: TcpdumpOptions): string {
  const name = hostNames(options);
  return text.replace(`${name(packet.src)}.`, '').replace(` > ${name(packet.dst)}.`, ' > ');
}

/** print-icmp6.c: with -v the length of neighbour discovery stands behind the type and its options below. */
function icmp6Line(packet: Packet, options: TcpdumpOptions): string {
  const icmp = packet.icmp;
  if (icmp === undefined) return '';
  const words = icmp6Text(icmp, hostNames(options), (port, protocol) => portText(port, protocol, options));
  const length = transportBytes(packet);
  if (options.verbosity === 0) return `ICMP6, ${words}, length ${length}`;
  const head = isFragment(packet) ? '' : '[icmp6 sum ok] ';
  const { neighbor } = icmp;
  if (neighbor === undefined) return `${head}ICMP6, ${words}`;
  const comma = words.indexOf(', ');
  const type = comma < 0 ? words : words.slice(0, comma);
  const flags = [neighbor.fromRouter === true ? 'router' : '', neighbor.solicited === true ? 'solicited' : '', neighbor.override === true ? 'override' : '']
    .filter((flag) => flag !== '')
    .join(', ');
  let text = `${head}ICMP6, ${type}, length ${length}${comma < 0 ? '' : words.slice(comma)}`;
  if (icmp.type === ND_NEIGHBOR_ADVERTISEMENT) text += `, Flags [${flags || 'none'}]`;
  if (neighbor.router !== undefined) text += routerText(neighbor.router);
  if (neighbor.sourceMac !== undefined) text += `\n\t  source link-address option (1), length 8 (1): ${formatMac(neighbor.sourceMac)}`;
  if (neighbor.targetMac !== undefined) text += `\n\t  destination link-address option (2), length 8 (1): ${formatMac(neighbor.targetMac)}`;
  if (neighbor.router?.mtuBytes !== undefined) text += `\n\t  mtu option (5), length 8 (1):  ${neighbor.router.mtuBytes}`;
  for (const prefix of neighbor.router?.prefixes ?? []) {
    const bits = [prefix.onLink ? 'onlink' : '', prefix.autonomous ? 'auto' : ''].filter((flag) => flag !== '').join(', ') || 'none';
    text += `\n\t  prefix info option (3), length 32 (4): ${formatPrefix(prefix.network, prefix.prefixLength)}, Flags [${bits}], valid time ${lifetime(prefix.validSeconds)}, pref. time ${lifetime(prefix.preferredSeconds)}`;
  }
  return text;
}

const lifetime = (seconds: number): string => (seconds === 0xffffffff ? 'infinity' : `${seconds}s`);

function routerText(router: RouterAdvertisement): string {
  const flags = [router.managed ? 'managed' : '', router.other ? 'other stateful' : ''].filter((flag) => flag !== '').join(', ') || 'none';
  return `\n\thop limit ${router.hopLimit}, Flags [${flags}], pref medium, router lifetime ${router.lifetimeSeconds}s, reachable time ${router.reachableMs}ms, retrans timer ${router.retransMs}ms`;
}

function protocolWord(protocol: number, options: TcpdumpOptions): string {
  const known = options.numeric ? undefined : PROTOCOLS[protocol]?.toLowerCase();
  return known ?? `ip-proto-${protocol}`;
}

function udpText(packet: Packet, options: TcpdumpOptions, state: TcpdumpState): string {
  const name = hostNames(options);
  let text = `${name(packet.src)}.${portText(packet.sport, 'udp', options)} > ${name(packet.dst)}.${portText(packet.dport, 'udp', options)}: `;
  const { payload, inner } = packet;
  if (options.quiet === true) return `${text}UDP, length ${datagramBytes(packet) - 8}`;
  if (options.verbosity > (typeof packet.dst === 'bigint' ? 0 : 1) && !isFragment(packet)) text += '[udp sum ok] ';
  if (inner !== undefined && packet.tunnel === TUNNEL_GENEVE) {
    const head = `Geneve, Flags [none], vni 0x${packet.vni.toString(16)}${options.link ? ', proto TEB (0x6558)' : ''}`;
    return `${text}${head}${options.verbosity > 0 ? '\n\t' : ': '}${ethernetText(inner, options, state)}`;
  }
  if (inner !== undefined && packet.tunnel !== TUNNEL_WIREGUARD) {
    const head = packet.dport === 4789 ? `VXLAN, flags [I] (0x08), vni ${packet.vni}` : `OTV, flags [I] (0x08), overlay 0, instance ${packet.vni}`;
    return `${text}${head}\n${ethernetText(inner, options, state)}`;
  }
  if (payload?.dns !== undefined) return `${text}${dnsText(payload.dns, options.verbosity)} (${payload.bytes})`;
  return `${text}UDP, length ${datagramBytes(packet) - 8}`;
}

function icmpLine(packet: Packet, options: TcpdumpOptions, state: TcpdumpState): string {
  const icmp = packet.icmp;
  if (icmp === undefined) return '';
  let text = `ICMP ${icmpText(icmp, hostNames(options), (port, protocol) => portText(port, protocol, options))}, length ${transportBytes(packet)}`;
  const quoted = icmp.quoted;
  if (quoted !== undefined && options.verbosity > 0 && !isFragment(packet)) {
    text += `\n\t${ipText(quoted, options, state, Math.min(ICMP_QUOTE_LIMIT_BYTES, ipBytes(quoted)))}`;
  }
  return text;
}

function tcpText(packet: Packet, tcp: TcpHeader, options: TcpdumpOptions, state: TcpdumpState): string {
  const name = hostNames(options);
  const length = packet.payload === undefined ? 0 : packet.payload.bytes;
  let text = `${name(packet.src)}.${portText(packet.sport, 'tcp', options)} > ${name(packet.dst)}.${portText(packet.dport, 'tcp', options)}: `;
  if (options.quiet === true) return `${text}tcp ${length}`;
  text += `Flags [${tcpFlagsText(tcp.flags)}]`;
  if (options.verbosity > 0 && !isFragment(packet)) {
    const bytes = encodeDatagram(packet);
    text += `, cksum 0x${(((bytes[16] as number) << 8) | (bytes[17] as number)).toString(16).padStart(4, '0')} (correct)`;
  }
  let seq = tcp.seq;
  let ack = tcp.ack;
  if (options.absoluteSequence !== true && (tcp.flags & TCP_ACK) !== 0) {
    const relative = relativeNumbers(packet, tcp, state);
    seq = relative.seq;
    ack = relative.ack;
  }
  if (options.verbosity > 1 || length > 0 || (tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST)) !== 0) {
    text += `, seq ${seq}`;
    if (length > 0) text += `:${(seq + length) % 0x100000000}`;
  }
  if ((tcp.flags & TCP_ACK) !== 0) text += `, ack ${ack}`;
  text += `, win ${tcp.window}`;
  if (tcpOptionsBytes(tcp.options) > 0) text += `, options [${tcpOptionsText(tcp.options, (tcp.ack - ack) >>> 0)}]`;
  text += `, length ${length}`;
  if (length > 0 && (tcp.flags & TCP_RST) === 0 && (isHttpPort(packet.sport) || isHttpPort(packet.dport))) {
    text += `: ${httpText(packet.payload?.text ?? '', length, options)}`;
  }
  return text;
}

/** One entry serves both directions, as in tcpdump: the side with the smaller port comes first. */
function relativeNumbers(packet: Packet, tcp: TcpHeader, state: TcpdumpState): { seq: number; ack: number } {
  const reversed = packet.sport > packet.dport || (packet.sport === packet.dport && compareIp(packet.src, packet.dst) > 0);
  const key = reversed ? `${packet.dst}:${packet.dport}>${packet.src}:${packet.sport}` : `${packet.src}:${packet.sport}>${packet.dst}:${packet.dport}`;
  const flow = state.flows.get(key);
  if (flow === undefined || (tcp.flags & TCP_SYN) !== 0) {
    const ackBase = (tcp.ack - 1) >>> 0;
    state.flows.set(key, reversed ? { seq: ackBase, ack: tcp.seq } : { seq: tcp.seq, ack: ackBase });
    const oldest = state.flows.size > MAX_FLOWS ? state.flows.keys().next().value : undefined;
    if (oldest !== undefined) state.flows.delete(oldest);
    return { seq: tcp.seq, ack: tcp.ack };
  }
  return reversed ? { seq: (tcp.seq - flow.ack) >>> 0, ack: (tcp.ack - flow.seq) >>> 0 } : { seq: (tcp.seq - flow.seq) >>> 0, ack: (tcp.ack - flow.ack) >>> 0 };
}

/** tcpdump print.c, txtproto_print: the first line, or with -v every line up to one that is not text. */
function httpText(text: string, length: number, options: TcpdumpOptions): string {
  if (!startsHttpMessage(text)) return 'HTTP';
  if (options.verbosity === 0) return `HTTP${textLine(': ', text, 0).out}`;
  let out = `HTTP, length: ${length}`;
  for (let at = 0; at < text.length; ) {
    const line = textLine('\n\t', text, at);
    out += line.out;
    if (line.next === 0) break;
    at = line.next;
  }
  return out;
}

function textLine(prefix: string, text: string, start: number): { out: string; next: number } {
  for (let i = start; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 10) return { out: prefix + text.slice(start, i), next: i + 1 };
    if (code === 13) return text.charCodeAt(i + 1) === 10 ? { out: prefix + text.slice(start, i), next: i + 2 } : { out: '', next: 0 };
    if ((code < 32 || code > 126) && code !== 9) return { out: '', next: 0 };
  }
  return { out: `${prefix}${text.slice(start)} [|http]`, next: 0 };
}

function hostNames(options: TcpdumpOptions): (ip: Ip) => string {
  const nameOf = options.nameOf;
  return options.numeric || nameOf === undefined ? formatIp : (ip) => nameOf(ip) ?? formatIp(ip);
}

/** The names of /etc/services that a cluster's packets meet. */
const SERVICES: Readonly<Record<number, string>> = {
  22: 'ssh',
  25: 'smtp',
  53: 'domain',
  67: 'bootps',
  68: 'bootpc',
  80: 'http',
  123: 'ntp',
  179: 'bgp',
  443: 'https',
  3306: 'mysql',
  5432: 'postgresql',
  6379: 'redis',
  8080: 'http-alt',
};

const ONLY_TCP: ReadonlySet<number> = new Set([22, 25, 80, 179, 3306, 5432, 6379]);

/** `http` for 80; undefined where /etc/services has no name for this protocol. */
export function serviceName(port: number, protocol: 'tcp' | 'udp'): string | undefined {
  return protocol === 'udp' && ONLY_TCP.has(port) ? undefined : SERVICES[port];
}

/** The port of a service's name, or undefined. */
export function servicePort(name: string): number | undefined {
  for (const [port, service] of Object.entries(SERVICES)) if (service === name) return Number(port);
  return undefined;
}

function portText(port: number, protocol: 'tcp' | 'udp', options: TcpdumpOptions): string {
  return options.numeric ? String(port) : (serviceName(port, protocol) ?? String(port));
}

function timeText(timeNs: number, options: TcpdumpOptions, state: TcpdumpState): string {
  const previousNs = state.lastNs < 0 ? timeNs : state.lastNs;
  if (state.firstNs < 0) state.firstNs = timeNs;
  state.lastNs = timeNs;
  const unixMs = options.epochMs + Math.floor(timeNs / 1e6);
  switch (options.time ?? 'clock') {
    case 'none':
      return '';
    case 'epoch':
      return `${Math.floor(unixMs / 1000)}.${microseconds(options.epochMs, timeNs)} `;
    case 'delta':
      return ` ${formatClock(calendarTime(Math.floor((timeNs - previousNs) / 1e6)))}.${microseconds(0, timeNs - previousNs)} `;
    case 'since-first':
      return ` ${formatClock(calendarTime(Math.floor((timeNs - state.firstNs) / 1e6)))}.${microseconds(0, timeNs - state.firstNs)} `;
    case 'date':
      return `${formatDay(calendarTime(unixMs))} ${formatClock(calendarTime(unixMs))}.${microseconds(options.epochMs, timeNs)} `;
    case 'clock':
      return `${formatClock(calendarTime(unixMs))}.${microseconds(options.epochMs, timeNs)} `;
  }
}

function microseconds(epochMs: number, timeNs: number): string {
  return String(((epochMs % 1000) * 1000 + Math.floor(timeNs / 1000)) % 1_000_000).padStart(6, '0');
}
