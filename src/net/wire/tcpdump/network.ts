/** Ethernet, VLAN and ARP as tcpdump prints them. tcpdump: print-ether.c, print-arp.c */
import { hexdump } from '../hexdump.ts';
import { printIp } from './ip.ts';
import { printIp6 } from './ip6.ts';
import { etherTypeName } from './names.ts';
import { addressText } from './parts.ts';
import { hex, MAX_DEPTH, Truncated, type View } from './view.ts';

/** `wireBytes` counts from `at`: the frame as it was on the wire. */
export function printEthernet(view: View, at: number, wireBytes: number): void {
  view.protocol = 'ether';
  if (view.end - at < 14) throw new Truncated('ether');
  const { link, quiet } = view.options;
  let etherType = view.u16(at + 12);
  let body = at + 14;
  if (link) view.print(`${view.mac(at + 6)} > ${view.mac(at)}, ${typeText(etherType, quiet)}, length ${wireBytes}: `);
  for (let tags = 0; (etherType === 0x8100 || etherType === 0x88a8 || etherType === 0x9100) && tags < MAX_DEPTH; tags += 1) {
    const tag = view.u16(body);
    etherType = view.u16(body + 2);
    body += 4;
    if (!link) continue;
    view.print(`vlan ${tag & 0xfff}, p ${tag >> 13}${(tag & 0x1000) !== 0 ? ', DEI' : ''}, `);
    view.print(etherType > 1500 ? `${typeText(etherType, quiet)}, ` : '');
  }
  if (etherType > 1500 && printNetwork(view, etherType, body, wireBytes - (body - at))) return;
  if (!link) view.print(`${view.mac(at + 6)} > ${view.mac(at)}, ${typeText(etherType, quiet)}, length ${wireBytes}: `);
  view.print(hexdump(view.bytes.subarray(body, view.end), true));
}

function typeText(etherType: number, quiet: boolean | undefined): string {
  if (etherType <= 1500) return '802.3';
  if (quiet === true) return etherTypeName(etherType) ?? `Unknown Ethertype (0x${hex(etherType, 4)})`;
  return `ethertype ${etherTypeName(etherType) ?? 'Unknown'} (0x${hex(etherType, 4)})`;
}

/** False for an EtherType nobody here can read. `length` is what the wire carried from `at` on. */
export function printNetwork(view: View, etherType: number, at: number, length: number): boolean {
  switch (etherType) {
    case 0x0800:
      printIp(view, at, length);
      return true;
    case 0x0806:
      printArp(view, at, length);
      return true;
    case 0x86dd:
      printIp6(view, at, length);
      return true;
    default:
      return false;
  }
}

const ARP_OPERATIONS: Readonly<Record<number, string>> = { 1: 'Request', 2: 'Reply', 3: 'Reverse Request', 4: 'Reverse Reply' };

function printArp(view: View, at: number, length: number): void {
  view.protocol = 'arp';
  const { link, verbosity } = view.options;
  view.need(at, 8);
  const hardware = view.u16(at);
  const protocol = view.u16(at + 2);
  const hardwareBytes = view.u8(at + 4);
  const protocolBytes = view.u8(at + 5);
  if (!view.has(at, 8 + 2 * (hardwareBytes + protocolBytes))) throw new Truncated('arp', true);
  if (!link) view.print('ARP, ');
  const known = protocol === 0x0800 && protocolBytes === 4 && hardwareBytes > 0;
  if (!known || verbosity > 0) {
    const hardwareText = hardware === 1 ? 'Ethernet' : `Unknown Hardware (${hardware})`;
    view.print(`${hardwareText} (len ${hardwareBytes}), ${etherTypeName(protocol) ?? `Unknown Protocol (0x${hex(protocol, 4)})`} (len ${protocolBytes})`);
    if (!known || hardwareBytes !== 6) {
      view.print(`, length ${length}`);
      return;
    }
    view.print(', ');
  }
  view.need(at, 28);
  const operation = view.u16(at + 6);
  view.print(`${ARP_OPERATIONS[operation] ?? `Unknown (${operation})`} `);
  const sender = addressText(view, at + 14);
  const target = addressText(view, at + 24);
  if (operation === 1) {
    const asked = view.mac(at + 18);
    view.print(`who-has ${target}${asked === '00:00:00:00:00:00' ? '' : ` (${asked})`} tell ${sender}`);
  } else if (operation === 2) view.print(`${sender} is-at ${view.mac(at + 8)}`);
  view.print(`, length ${length}`);
}
