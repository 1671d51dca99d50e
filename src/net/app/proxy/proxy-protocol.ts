/** The PROXY protocol: a line, or a few bytes, in front of a connection that say who the client behind the load balancer is. HAProxy: doc/proxy-protocol.txt; nginx: src/core/ngx_proxy_protocol.c */
import { formatIp, parseIp } from '../../addr/ip.ts';
import { bytesToText, textToBytes } from '../../wire/binary-text.ts';
import type { Ip, Payload } from '../../wire/packet.ts';
import type { Endpoint } from '../definition.ts';

/** The second version begins with twelve bytes that no other protocol begins with. */
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
/** The first version's longest line, with its end. */
const MAX_LINE = 107;
/** Version 2, command PROXY. */
const VERSION_COMMAND = 0x21;
const FAMILY_TCP4 = 0x11;
const FAMILY_TCP6 = 0x21;

const u16 = (value: number): number[] => [(value >>> 8) & 255, value & 255];

function bytesOf(ip: Ip): number[] {
  if (typeof ip === 'number') return [24, 16, 8, 0].map((shift) => (ip >>> shift) & 255);
  return Array.from({ length: 16 }, (_, i) => Number((ip >> BigInt(120 - 8 * i)) & 255n));
}

/** What a load balancer writes before the first byte of the client's. `to`: the address that the client called. */
export function proxyPreamble(version: 1 | 2, from: Endpoint, to: Endpoint): Payload {
  const six = typeof from.ip === 'bigint';
  if (version === 1) {
    const text = `PROXY TCP${six ? 6 : 4} ${formatIp(from.ip)} ${formatIp(to.ip)} ${from.port} ${to.port}\r\n`;
    return { bytes: text.length, text };
  }
  const addresses = [...bytesOf(from.ip), ...bytesOf(to.ip), ...u16(from.port), ...u16(to.port)];
  const octets = SIGNATURE + bytesToText(Uint8Array.from([VERSION_COMMAND, six ? FAMILY_TCP6 : FAMILY_TCP4, ...u16(addresses.length), ...addresses]));
  return { bytes: octets.length, octets };
}

/** `from`: the client, undefined where the sender speaks of nobody (UNKNOWN, LOCAL); `length`: bytes of the preamble. */
export interface Preamble {
  readonly from: Endpoint | undefined;
  readonly length: number;
}

const portOf = (text: string | undefined): number => (/^\d{1,5}$/.test(text ?? '') && Number(text) < 65_536 ? Number(text) : -1);

function readLine(bytes: string): Preamble | undefined {
  const end = bytes.slice(0, MAX_LINE).indexOf('\r\n');
  if (end < 0) return undefined;
  const words = bytes.slice('PROXY '.length, end).split(' ');
  const length = end + 2;
  if (words[0] === 'UNKNOWN') return { from: undefined, length };
  const [family, source, destination, sourcePort, destinationPort, ...more] = words;
  const ip = parseIp(source ?? '');
  const port = portOf(sourcePort);
  const six = typeof ip === 'bigint';
  const right = (family === 'TCP4' && !six) || (family === 'TCP6' && six);
  if (ip === undefined || !right || parseIp(destination ?? '') === undefined || port < 0 || portOf(destinationPort) < 0 || more.length > 0) return undefined;
  return { from: { ip, port }, length };
}

function readBinary(bytes: string): Preamble | undefined {
  const at = SIGNATURE.length;
  const head = textToBytes(bytes.slice(0, at + 4 + 36));
  if (head === undefined || head.length < at + 4 || (head[at] as number) >> 4 !== 2) return undefined;
  const number = (i: number): number => ((head[i] as number) << 8) | (head[i + 1] as number);
  const size = number(at + 2);
  const length = at + 4 + size;
  if (bytes.length < length) return undefined;
  // LOCAL: a health check of the load balancer itself.
  if (((head[at] as number) & 15) !== 1) return { from: undefined, length };
  const family = head[at + 1];
  const start = at + 4;
  if (family === FAMILY_TCP4 && size >= 12) {
    const ip = parseIp(head.slice(start, start + 4).join('.'));
    return ip === undefined ? undefined : { from: { ip, port: number(start + 8) }, length };
  }
  if (family === FAMILY_TCP6 && size >= 36) {
    let ip = 0n;
    for (const byte of head.slice(start, start + 16)) ip = (ip << 8n) | BigInt(byte);
    return { from: { ip, port: number(start + 32) }, length };
  }
  return { from: undefined, length };
}

/** Reads what has come first on a connection, a character a byte; undefined for what is no whole preamble: nginx waits for no more of it. */
export function readPreamble(bytes: string): Preamble | undefined {
  return bytes.startsWith(SIGNATURE) ? readBinary(bytes) : bytes.startsWith('PROXY ') ? readLine(bytes) : undefined;
}

/** What nginx quotes of it: the first line; what is no text looks in a terminal as it does here. */
export function brokenHeaderText(bytes: string): string {
  const [line = ''] = bytes.split(/[\r\n]/, 1);
  return [...line].map((c) => (c >= ' ' && c <= '~' ? c : '\ufffd')).join('');
}
