/** How tcpdump words the parts of a packet that need no context: TCP flags and options, ICMP messages, DNS messages, HTTP. Linux: tcpdump print-tcp.c, print-icmp.c, print-domain.c. */
import { formatEndpoint, formatIp } from '../addr/ip.ts';
import type { DnsMessage, DnsResourceRecord } from './dns-message.ts';
import { icmp6Text } from './icmp6.ts';
import {
  type IcmpMessage,
  IP_PROTO_ICMP6,
  IP_PROTO_TCP,
  IP_PROTO_UDP,
  type Ip,
  type Packet,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  type TcpOptions,
  TUNNEL_GENEVE,
  TUNNEL_IPIP,
} from './packet.ts';
import { sctpChunksText } from './sctp.ts';
import { wireguardText } from './wireguard-message.ts';

/** `S`, `S.`, `P.`, `F.`, `.`, `R.` in tcpdump's order; `none` without flags. */
export function tcpFlagsText(flags: number): string {
  let text = '';
  if (flags & TCP_FIN) text += 'F';
  if (flags & TCP_SYN) text += 'S';
  if (flags & TCP_RST) text += 'R';
  if (flags & TCP_PSH) text += 'P';
  if (flags & TCP_ACK) text += '.';
  return text === '' ? 'none' : text;
}

/** `mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7`, in the order and with the padding Linux writes; SACK blocks are shown relative to `sackBase`. */
export function tcpOptionsText(options: TcpOptions, sackBase = 0): string {
  const parts: string[] = [];
  if (options.mss !== undefined) parts.push(`mss ${options.mss}`);
  if (options.timestamps !== undefined) {
    if (options.sackPermitted === true) parts.push('sackOK');
    else parts.push('nop', 'nop');
    parts.push(`TS val ${options.timestamps.value} ecr ${options.timestamps.echo}`);
  } else if (options.sackPermitted === true) parts.push('nop', 'nop', 'sackOK');
  if (options.windowScale !== undefined) parts.push('nop', `wscale ${options.windowScale}`);
  if (options.sack !== undefined)
    parts.push(
      'nop',
      'nop',
      `sack ${options.sack.length} ${options.sack.map(([from, to]) => `{${(from - sackBase) >>> 0}:${(to - sackBase) >>> 0}}`).join('')}`,
    );
  return parts.join(',');
}

const UNREACHABLE: readonly string[] = [
  'net % unreachable',
  'host % unreachable',
  '',
  '',
  '',
  '% unreachable - source route failed',
  'net % unreachable - unknown',
  'host % unreachable - unknown',
  '% unreachable - source host isolated',
  'net % unreachable - admin prohibited',
  'host % unreachable - admin prohibited',
  'net % unreachable - tos prohibited',
  'host % unreachable - tos prohibited',
  'host % unreachable - admin prohibited filter',
  'host % unreachable - host precedence violation',
  'host % unreachable - precedence cutoff',
];

const REDIRECT: readonly string[] = ['redirect % to net', 'redirect % to host', 'redirect-tos % to net', 'redirect-tos % to host'];

/** What follows `ICMP ` up to the length: `echo request, id 1, seq 1`, `10.0.0.1 udp port 53 unreachable`. `portName` and `address` as the reader wants them. */
export function icmpText(
  icmp: IcmpMessage,
  address: (ip: Ip) => string = formatIp,
  portName: (port: number, protocol: 'tcp' | 'udp') => string = String,
): string {
  if (icmp.type === 8) return `echo request, id ${icmp.id}, seq ${icmp.sequence}`;
  if (icmp.type === 0) return `echo reply, id ${icmp.id}, seq ${icmp.sequence}`;
  const quoted = icmp.quoted;
  const to = quoted === undefined ? '' : address(quoted.dst);
  if (icmp.type === 3) {
    if (icmp.code === 2) return `${to} protocol ${quoted?.protocol ?? 0} unreachable`;
    if (icmp.code === 3) {
      if (quoted?.protocol === IP_PROTO_TCP) return `${to} tcp port ${portName(quoted.dport, 'tcp')} unreachable`;
      if (quoted?.protocol === IP_PROTO_UDP) return `${to} udp port ${portName(quoted.dport, 'udp')} unreachable`;
      return `${to} protocol ${quoted?.protocol ?? 0} port ${quoted?.dport ?? 0} unreachable`;
    }
    if (icmp.code === 4) return icmp.mtu ? `${to} unreachable - need to frag (mtu ${icmp.mtu})` : `${to} unreachable - need to frag`;
    const format = UNREACHABLE[icmp.code];
    return format === undefined ? `#${icmp.code} ${to} unreachable` : format.replace('%', to);
  }
  if (icmp.type === 5) {
    const format = REDIRECT[icmp.code] ?? `redirect-#${icmp.code} % to net`;
    return `${format.replace('%', to)} ${address(icmp.id)}`;
  }
  if (icmp.type === 11) {
    if (icmp.code === 0) return 'time exceeded in-transit';
    if (icmp.code === 1) return 'ip reassembly time exceeded';
    return `time exceeded-#${icmp.code}`;
  }
  if (icmp.type === 4) return 'source quench';
  return `type-#${icmp.type}`;
}

const RCODES: Readonly<Record<DnsMessage['rcode'], string>> = {
  NOERROR: '',
  FORMERR: ' FormErr',
  SERVFAIL: ' ServFail',
  NXDOMAIN: ' NXDomain',
  NOTIMP: ' NotImp',
  REFUSED: ' Refused',
};

/** `57138+ A? web.default.svc.cluster.local.` and `57138*- 1/0/0 A 10.96.0.10`; the length in brackets is the caller's. `verbosity` counts -v. */
export function dnsText(message: DnsMessage, verbosity = 0): string {
  const extras = message.additionals.length + (message.edns === undefined ? 0 : 1);
  if (!message.response) {
    const extra = (message.authorities.length > 0 ? ` [${message.authorities.length}n]` : '') + (extras > 0 ? ` [${extras}au]` : '');
    return `${message.id}${message.recursionDesired ? '+' : ''}${message.checkingDisabled === true ? '%' : ''}${extra} ${message.question.type}? ${message.question.name}`;
  }
  const flags = `${message.authoritative ? '*' : ''}${message.recursionAvailable ? '' : '-'}${message.truncated ? '|' : ''}${message.authenticData === true ? '$' : ''}`;
  const question = verbosity > 1 ? ` q: ${message.question.type}? ${message.question.name}` : '';
  const counts = ` ${message.answers.length}/${message.authorities.length}/${extras}`;
  const section = (records: readonly DnsResourceRecord[]) => records.map((record) => resourceText(record, verbosity)).join(',');
  let text = `${message.id}${RCODES[message.rcode]}${flags}${question}${counts}${section(message.answers)}`;
  if (verbosity > 1 && message.authorities.length > 0) text += ` ns:${section(message.authorities)}`;
  if (verbosity > 1 && extras > 0) text += ` ar:${section(message.additionals)}${optText(message)}`;
  return text;
}

const cookieText = (cookie: string | undefined): string =>
  cookie === undefined ? '' : ` [COOKIE ${cookie.slice(0, 16)}${cookie.length > 16 ? ` ${cookie.slice(16)}` : ''}]`;

function optText(message: DnsMessage): string {
  const { edns } = message;
  return edns === undefined
    ? ''
    : `${message.additionals.length > 0 ? ',' : ''} . OPT UDPsize=${edns.udpBytes}${edns.dnssecOk === true ? ' DO' : ''}${cookieText(edns.cookie)}`;
}

function resourceText(record: DnsResourceRecord, verbosity: number): string {
  const owner = verbosity > 0 ? ` ${record.name} [${relativeSeconds(record.ttlSeconds)}]` : '';
  return `${owner} ${record.type}${dataText(record, verbosity)}`;
}

function dataText(record: DnsResourceRecord, verbosity: number): string {
  const words = record.data.split(' ');
  if (record.type === 'SOA') return verbosity > 0 ? ` ${record.data}` : '';
  if (record.type === 'SRV') return ` ${words[3] ?? ''}:${words[2] ?? ''} ${words[0] ?? ''} ${words[1] ?? ''}`;
  if (record.type === 'MX') return ` ${words[1] ?? ''} ${words[0] ?? ''}`;
  return ` ${record.data}`;
}

/** `1h2m3s`; units that are zero are left out. */
export function relativeSeconds(seconds: number): string {
  let text = '';
  let left = seconds;
  for (const [unit, size] of [
    ['w', 604800],
    ['d', 86400],
    ['h', 3600],
    ['m', 60],
  ] as const) {
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return left > 0 || text === '' ? `${text}${left}s` : text;
}

const HTTP_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'PUT',
  'COPY',
  'HEAD',
  'LOCK',
  'MOVE',
  'POLL',
  'POST',
  'BCOPY',
  'BMOVE',
  'MKCOL',
  'TRACE',
  'LABEL',
  'MERGE',
  'DELETE',
  'SEARCH',
  'UNLOCK',
  'REPORT',
  'UPDATE',
  'NOTIFY',
  'BDELETE',
  'CONNECT',
  'OPTIONS',
  'CHECKIN',
  'PROPFIND',
  'CHECKOUT',
  'CCM_POST',
  'SUBSCRIBE',
  'PROPPATCH',
  'BPROPFIND',
  'BPROPPATCH',
  'UNCHECKOUT',
  'MKACTIVITY',
  'MKWORKSPACE',
  'UNSUBSCRIBE',
  'RPC_CONNECT',
  'VERSION-CONTROL',
  'BASELINE-CONTROL',
]);

/** Whether a segment begins an HTTP message, as tcpdump decides: a method, or a three-digit code as second word. */
export function startsHttpMessage(text: string): boolean {
  const end = text.indexOf('\n');
  const line = end < 0 ? text : text.slice(0, end);
  const first = line.indexOf(' ');
  if (first <= 0) return false;
  if (HTTP_METHODS.has(line.slice(0, first).toUpperCase())) return true;
  return /^\d{3}(?:[\s]|$)/.test(line.slice(first + 1, first + 5));
}

/** `tcp 10.244.0.3:40000 → 10.97.253.216:80 [S]` and the like: one line for `created` rows and logs. */
export function packetSummary(packet: Packet): string {
  if (packet.arp !== undefined) {
    return packet.arp.operation === 1
      ? `ARP who-has ${formatIp(packet.arp.targetIp)} tell ${formatIp(packet.arp.senderIp)}`
      : `ARP ${formatIp(packet.arp.senderIp)} is-at`;
  }
  const from = formatIp(packet.src);
  const to = formatIp(packet.dst);
  const ends = `${formatEndpoint(packet.src, packet.sport)} > ${formatEndpoint(packet.dst, packet.dport)}`;
  if (packet.tcp !== undefined) return `TCP ${ends} [${tcpFlagsText(packet.tcp.flags)}]`;
  if (packet.icmp !== undefined && packet.protocol === IP_PROTO_ICMP6) return `ICMPv6 ${from} > ${to} ${icmp6Text(packet.icmp)}`;
  if (packet.icmp !== undefined) return `ICMP ${from} > ${to} ${icmpText(packet.icmp)}`;
  if (packet.payload?.wireguard !== undefined) return `WireGuard ${from} > ${to} ${wireguardText(packet.payload.wireguard, packet.payload.bytes)}`;
  if (packet.inner !== undefined) {
    if (packet.tunnel === TUNNEL_IPIP) return `IPIP ${from} > ${to}`;
    return `${packet.tunnel === TUNNEL_GENEVE ? 'Geneve' : 'VXLAN'} ${packet.vni} ${from} > ${to}`;
  }
  if (packet.payload?.dns !== undefined) return `DNS ${ends} ${dnsText(packet.payload.dns)}`;
  if (packet.sctp !== undefined) return `SCTP ${ends} ${sctpChunksText(packet.sctp)}`;
  return `UDP ${ends}`;
}
