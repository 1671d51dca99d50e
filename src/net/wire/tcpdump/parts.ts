/** What several printers need: addresses, the two ends of a packet, checksums, packets inside packets. */
import { formatIp6, ip6FromBytes } from '../../addr/ip6.ts';
import { finishChecksum, sumWords } from '../checksum.ts';
import { MAX_DEPTH, Truncated, type View } from './view.ts';

/** A dotted address, or its name without -n. */
export function addressText(view: View, at: number): string {
  const { numeric, nameOf } = view.options;
  const ip = view.u32(at) | 0;
  const name = numeric || nameOf === undefined ? undefined : nameOf(ip);
  return name ?? `${(ip >>> 24) & 255}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}

export function address6Text(view: View, at: number): string {
  view.need(at, 16);
  const { numeric, nameOf } = view.options;
  const ip = ip6FromBytes(view.bytes, at);
  return (numeric ? undefined : nameOf?.(ip)) ?? formatIp6(ip);
}

/** Without ports in what was captured the addresses stand alone. */
export function needPorts(view: View, ip: number, at: number): void {
  if (view.has(at, 4)) return;
  const six = view.u8(ip) >> 4 === 6;
  view.print(six ? `${address6Text(view, ip + 8)} > ${address6Text(view, ip + 24)}:` : `${addressText(view, ip + 12)} > ${addressText(view, ip + 16)}:`);
  throw new Truncated(view.protocol, true);
}

/** Behind an IPv6 extension header tcpdump leaves the addresses out: it has said them before. */
export function printEndpoints(view: View, ip: number, protocol: number, sport: string, dport: string): void {
  const six = view.u8(ip) >> 4 === 6;
  if (view.u8(ip + (six ? 6 : 9)) !== protocol) view.print(`${sport} > ${dport}: `);
  else if (six) view.print(`${address6Text(view, ip + 8)}.${sport} > ${address6Text(view, ip + 24)}.${dport}: `);
  else view.print(`${addressText(view, ip + 12)}.${sport} > ${addressText(view, ip + 16)}.${dport}: `);
}

/** tcpdump: in_cksum_shouldbe(): what the field should hold, from what it holds and what the sum came to. */
export function shouldBe(written: number, sum: number): number {
  let value = written + sum;
  value = (value & 0xffff) + (value >> 16);
  return (value + (value >> 16)) & 0xffff;
}

/** Prints a packet that another carries. */
export function inside(view: View, print: () => void): void {
  if (view.depth >= MAX_DEPTH) return;
  view.depth += 1;
  print();
  view.depth -= 1;
}

/** The Internet checksum over transport bytes and their pseudo header; 0 where it is right. RFC 9293 section 3.1, RFC 8200 section 8.1. */
export function transportSum(view: View, ip: number, at: number, length: number, protocol: number): number {
  const addresses = view.u8(ip) >> 4 === 4 ? sumWords(view.bytes, ip + 12, ip + 20) : sumWords(view.bytes, ip + 8, ip + 40);
  return finishChecksum(sumWords(view.bytes, at, at + length, addresses + protocol + length));
}
