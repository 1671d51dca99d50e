/** Small words for telling a packet's way: labels for capsules, addresses, protocol families; pure functions of decoded layers. */
import { isIpLayer, type Layer } from '../net/wire/packet.ts';
import type { HopView } from './views.ts';

type Family = HopView['family'];

export interface Face {
  readonly protocol: string;
  readonly family: Family;
  readonly source: string;
  readonly destination: string;
  readonly lengthBytes: number;
  /** For the capsule: at most about 20 characters. */
  readonly label: string;
}

function find<P extends Layer['protocol']>(layers: readonly Layer[], protocol: P, from = 0): Extract<Layer, { protocol: P }> | undefined {
  for (let i = from; i < layers.length; i += 1) {
    const layer = layers[i];
    if (layer?.protocol === protocol) return layer as Extract<Layer, { protocol: P }>;
  }
  return undefined;
}

const shorten = (text: string, limit: number) => (text.length <= limit ? text : `${text.slice(0, limit - 1)}…`);

/** `S` → `SYN`, `S.` → `SYN-ACK`, `P.` → `PSH`, as people say them. */
export function tcpFlagsWord(flags: string): string {
  const has = (letter: string) => flags.includes(letter);
  if (has('R')) return 'RST';
  if (has('S')) return has('.') ? 'SYN-ACK' : 'SYN';
  if (has('F')) return 'FIN';
  if (has('P')) return 'data';
  return 'ACK';
}

/** First line of an HTTP message without the version: `GET /`, `200 OK`. */
export function httpStartLine(text: string): string {
  const line = text.split('\r\n', 1)[0]?.split('\n', 1)[0] ?? '';
  return line.replace(/^HTTP\/\d(?:\.\d)?\s+/, '').replace(/\s+HTTP\/\d(?:\.\d)?$/, '');
}

/** A header behind which another packet begins. */
export function isTunnelLayer(layer: Layer | undefined): boolean {
  return layer?.protocol === 'vxlan' || layer?.protocol === 'geneve' || layer?.protocol === 'ipip' || (layer?.protocol === 'wireguard' && layer.sealed);
}

const TUNNEL_WORDS: Readonly<Record<string, string>> = { vxlan: 'VXLAN', geneve: 'Geneve', ipip: 'IPIP', wireguard: 'WireGuard' };

/** How people write a tunnel protocol's name. */
export const tunnelWord = (protocol: string): string => TUNNEL_WORDS[protocol] ?? protocol;

function innermostStart(layers: readonly Layer[]): number {
  for (let i = layers.length - 1; i >= 0; i -= 1) if (isTunnelLayer(layers[i])) return i + 1;
  return 0;
}

/** Length of the outermost frame in bytes, Ethernet header included, FCS not. */
export function frameBytes(layers: readonly Layer[]): number {
  const ethernet = layers[0]?.protocol === 'ethernet' ? 14 : 0;
  let at = ethernet === 0 ? 0 : 1;
  let tags = 0;
  for (; layers[at]?.protocol === 'vlan'; at += 1) tags += 4;
  const second = layers[at];
  if (isIpLayer(second)) return ethernet + tags + second.totalBytes;
  if (second?.protocol === 'arp') return ethernet + tags + 28;
  return ethernet;
}

/** `A? web-service.default.svc.cluster.local.` → `A? web-service`; answers → their first data. */
function dnsLabel(dns: Extract<Layer, { protocol: 'dns' }>): string {
  const words = dns.text.split(/\s+/).filter((word) => word !== '');
  if (!dns.response) {
    const at = words.findIndex((word) => word.endsWith('?'));
    const name = (words[at + 1] ?? '').replace(/\.$/, '');
    // The name as people typed it says more than the middle of a search domain.
    const shown = name.replace(/\.svc\.[a-z0-9.-]+$/, '').replace(/\.default$/, '');
    return shorten(`${words[at] ?? '?'} ${shown}${shown === name ? '' : '…'}`, 26);
  }
  if (/NXDOMAIN|NXDomain/i.test(dns.text)) return 'NXDOMAIN';
  if (/SERVFAIL|ServFail/i.test(dns.text)) return 'SERVFAIL';
  if (/REFUSED/i.test(dns.text)) return 'REFUSED';
  const a = words.findIndex((word) => /^(A|AAAA|CNAME|SRV|PTR)$/.test(word));
  return a >= 0 ? shorten(`${words[a]} ${(words[a + 1] ?? '').replace(/,$/, '')}`, 22) : 'no such record';
}

/** `neighbor solicitation, who has X` → `who has X?`; anything else by its first words. */
function icmp6Label(text: string): string {
  const words = text.replace(/^ICMP6,\s+/, '');
  const asked = /^neighbor solicitation, who has (.+)$/.exec(words);
  if (asked !== null) return `who has ${asked[1]}?`;
  const told = /^neighbor advertisement, tgt is (.+)$/.exec(words);
  if (told !== null) return `${told[1]} is at …`;
  return shorten(words.split(',')[0] ?? 'ICMPv6', 24);
}

function innerFace(layers: readonly Layer[], from: number): Pick<Face, 'protocol' | 'family' | 'label'> {
  const dns = find(layers, 'dns', from);
  if (dns !== undefined) return { protocol: 'DNS', family: 'l7', label: dnsLabel(dns) };
  const tcp = find(layers, 'tcp', from);
  const http = find(layers, 'http', from);
  if (http !== undefined) return { protocol: 'HTTP', family: 'l7', label: shorten(httpStartLine(http.text) || 'HTTP', 22) };
  const tls = find(layers, 'tls', from);
  if (tls !== undefined) return { protocol: 'TLS', family: 'l7', label: shorten(tls.text.replace(/^TLS /, ''), 26) };
  if (tcp !== undefined) {
    const word = tcpFlagsWord(tcp.flags);
    return { protocol: 'TCP', family: 'l4', label: word === 'SYN' ? `SYN :${tcp.dport}` : word };
  }
  const icmp = find(layers, 'icmp', from);
  if (icmp !== undefined) return { protocol: 'ICMP', family: 'l3', label: shorten(icmp.text.replace(/^ICMP\s+/, '').split(',')[0] ?? 'ICMP', 24) };
  const wireguard = find(layers, 'wireguard', from);
  if (wireguard !== undefined) return { protocol: 'WireGuard', family: 'tunnel', label: shorten(wireguard.text.split(',')[0] ?? 'WireGuard', 24) };
  const icmp6 = find(layers, 'icmp6', from);
  if (icmp6 !== undefined) return { protocol: 'ICMPv6', family: 'l3', label: icmp6Label(icmp6.text) };
  const sctp = find(layers, 'sctp', from);
  if (sctp !== undefined) return { protocol: 'SCTP', family: 'l4', label: shorten(sctp.types[0] === 1 ? `INIT :${sctp.dport}` : sctp.text.slice(1, -1), 24) };
  const udp = find(layers, 'udp', from);
  if (udp !== undefined) return { protocol: 'UDP', family: 'l4', label: `UDP :${udp.dport}` };
  const arp = find(layers, 'arp', from);
  if (arp !== undefined) return { protocol: 'ARP', family: 'l2', label: arp.operation === 'request' ? `who has ${arp.targetIp}?` : `${arp.senderIp} is at …` };
  return { protocol: 'IP', family: 'l3', label: 'IP' };
}

function endpoints(layers: readonly Layer[]): { source: string; destination: string } {
  const arp = find(layers, 'arp');
  if (arp !== undefined) return { source: arp.senderIp, destination: arp.targetIp };
  const ip = layers.find(isIpLayer);
  if (ip === undefined) {
    const ethernet = find(layers, 'ethernet');
    return { source: ethernet?.src ?? '', destination: ethernet?.dst ?? '' };
  }
  const at = layers.indexOf(ip);
  const next = layers[at + 1];
  const end = (address: string, port: number): string => (ip.protocol === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`);
  if (next?.protocol === 'tcp' || next?.protocol === 'udp' || next?.protocol === 'sctp')
    return { source: end(ip.src, next.sport), destination: end(ip.dst, next.dport) };
  return { source: ip.src, destination: ip.dst };
}

/** What a row and a capsule show of a packet in this state. */
export function faceOf(layers: readonly Layer[]): Face {
  const innerFrom = innermostStart(layers);
  const inner = innerFace(layers, innerFrom);
  const { source, destination } = endpoints(layers);
  const tunnelled = innerFrom > 0;
  return {
    protocol: tunnelled ? tunnelWord(layers[innerFrom - 1]?.protocol ?? '') : inner.protocol,
    family: tunnelled ? 'tunnel' : inner.family,
    source,
    destination,
    lengthBytes: frameBytes(layers),
    label: inner.label,
  };
}

/** `1.5 ms`, `212 µs`, `900 ns`: a duration in the largest unit that keeps a digit before the point. */
export function formatDuration(ns: number): string {
  if (ns < 1_000) return `${Math.round(ns)} ns`;
  if (ns < 1_000_000) return `${trim(ns / 1_000)} µs`;
  if (ns < 1_000_000_000) return `${trim(ns / 1_000_000)} ms`;
  return `${trim(ns / 1_000_000_000)} s`;
}

function trim(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

/** The probability of a `statistic --mode random` match, if the rule has one. */
export function ruleProbability(text: string): number | undefined {
  const match = /--probability\s+([0-9.]{1,20})/.exec(text);
  if (match !== null) return Number(match[1]);
  const spread = /numgen random mod (\d{1,9})/.exec(text);
  return spread === null ? undefined : 1 / Number(spread[1]);
}

/** The value of one option of a rule's text, `-j` or `--to-destination` and the like. */
export function ruleOption(text: string, option: string): string | undefined {
  const words = text.split(' ');
  const at = words.indexOf(option);
  return at < 0 ? undefined : words[at + 1];
}

/** The comment of a rule, without quotes. */
export function ruleComment(text: string): string | undefined {
  const nft = /(?:^| )comment "([^"]{0,256})"$/.exec(text);
  if (nft !== null) return nft[1];
  const match = /--comment (?:"((?:[^"\\]|\\.){0,256})"|(\S{1,256}))/.exec(text);
  return match?.[1] ?? match?.[2];
}
