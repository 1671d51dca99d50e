/** UDP and the tunnels over it as tcpdump prints them. tcpdump: print-udp.c, print-otv.c, print-vxlan.c, print-geneve.c */
import { printDns } from './dns.ts';
import { etherTypeName } from './names.ts';
import { inside, needPorts, printEndpoints, shouldBe, transportSum } from './parts.ts';
import { bitNames, hex, type View } from './view.ts';

const DNS = 53;
const MDNS = 5353;
const VXLAN = 4789;
/** flannel's port is OTV's to tcpdump. */
const OTV = 8472;
const GENEVE = 6081;

export function printUdp(view: View, ip: number, at: number, length: number, fragmented: boolean): void {
  view.protocol = 'udp';
  const { verbosity, quiet, noChecksums } = view.options;
  needPorts(view, ip, at);
  const sport = view.u16(at);
  const dport = view.u16(at + 2);
  printEndpoints(view, ip, 17, view.ports.udp(sport), view.ports.udp(dport));
  if (length < 8) {
    view.print(`truncated-udp ${length}`);
    return;
  }
  view.need(at, 8);
  const udpBytes = view.u16(at + 4);
  if (udpBytes < 8) {
    view.print(`truncated-udplength ${udpBytes}`);
    return;
  }
  const announced = udpBytes - 8;
  const dataBytes = Math.min(announced, length - 8);
  const body = at + 8;
  if (quiet === true) {
    printLength(view, announced, length - 8, fragmented);
    return;
  }
  // Over IPv4, where the checksum may be left out, one -v is not enough.
  if (verbosity > (view.u8(ip) >> 4 === 6 ? 0 : 1) && noChecksums !== true && !fragmented) {
    const written = view.u16(at + 6);
    if (written === 0) view.print('[no cksum] ');
    else if (view.has(body, dataBytes)) {
      const sum = transportSum(view, ip, at, dataBytes + 8, 17);
      view.print(sum === 0 ? '[udp sum ok] ' : `[bad udp cksum 0x${hex(written, 4)} -> 0x${hex(shouldBe(written, sum), 4)}!] `);
    }
  }
  if (sport === DNS || dport === DNS || sport === MDNS || dport === MDNS) printDns(view, body, dataBytes, false);
  else if (sport === OTV || dport === OTV) printOtv(view, body, dataBytes);
  else if (sport === VXLAN || dport === VXLAN) printVxlan(view, body, dataBytes);
  else if (sport === GENEVE || dport === GENEVE) printGeneve(view, body, dataBytes);
  else printLength(view, announced, length - 8, fragmented);
}

function printLength(view: View, announced: number, available: number, fragmented: boolean): void {
  view.print(announced > available && !fragmented ? `UDP, bad length ${announced} > ${available}` : `UDP, length ${announced}`);
}

const flagText = (flags: number): string => `flags [${(flags & 8) !== 0 ? 'I' : '.'}] (0x${hex(flags, 2)})`;

function printOtv(view: View, at: number, length: number): void {
  view.protocol = 'otv';
  view.print('OTV, ');
  view.need(at, 8);
  view.print(`${flagText(view.u8(at))}, overlay ${view.u24(at + 1)}, instance ${view.u24(at + 4)}\n`);
  inside(view, () => view.layers.ethernet(view, at + 8, length - 8));
}

/** RFC 7348 section 5. */
function printVxlan(view: View, at: number, length: number): void {
  view.protocol = 'vxlan';
  view.print('VXLAN, ');
  view.need(at, 8);
  view.print(`${flagText(view.u8(at))}, vni ${view.u24(at + 4)}\n`);
  inside(view, () => view.layers.ethernet(view, at + 8, length - 8));
}

const GENEVE_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, 'O'],
  [0x40, 'C'],
];

/** RFC 8926 section 3. */
function printGeneve(view: View, at: number, length: number): void {
  view.protocol = 'geneve';
  view.print('Geneve');
  view.need(at, 8);
  const first = view.u8(at);
  if (first >> 6 !== 0) {
    view.print(` ERROR: unknown-version ${first >> 6}`);
    return;
  }
  const optionBytes = (first & 0x3f) * 4;
  const protocol = view.u16(at + 2);
  view.print(`, Flags [${bitNames(GENEVE_FLAGS, view.u8(at + 1), '')}], vni 0x${view.u24(at + 4).toString(16)}`);
  if (view.options.link) view.print(`, proto ${etherTypeName(protocol) ?? 'unknown'} (0x${hex(protocol, 4)})`);
  if (optionBytes > 0) view.print(`, options [${optionBytes} bytes]`);
  view.print(view.options.verbosity > 0 ? '\n\t' : ': ');
  const body = at + 8 + optionBytes;
  inside(view, () => {
    if (protocol === 0x6558) view.layers.ethernet(view, body, length - 8 - optionBytes);
    else if (!view.layers.network(view, protocol, body, length - 8 - optionBytes)) view.print(`geneve-proto-0x${protocol.toString(16)}`);
  });
}
