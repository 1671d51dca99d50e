/** ICMP as tcpdump prints it. tcpdump: print-icmp.c */
import { finishChecksum, sumWords } from '../checksum.ts';
import { addressText, inside, shouldBe } from './parts.ts';
import type { View } from './view.ts';

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

const REDIRECTS: readonly string[] = ['redirect % to net', 'redirect % to host', 'redirect-tos % to net', 'redirect-tos % to host'];
const OTHERS: Readonly<Record<number, string>> = { 4: 'source quench', 9: 'router advertisement', 10: 'router solicitation', 17: 'address mask request' };

export function printIcmp(view: View, at: number, length: number, fragmented: boolean): void {
  view.protocol = 'icmp';
  const type = view.u8(at);
  const code = view.u8(at + 1);
  view.print(`ICMP ${messageText(view, at, type, code)}, length ${length}`);
  if (view.options.verbosity === 0) return;
  if (!fragmented && view.has(at, length)) {
    const sum = finishChecksum(sumWords(view.bytes, at, at + length));
    const written = view.u16(at + 2);
    if (sum !== 0) view.print(` (wrong icmp cksum ${written.toString(16)} (->${shouldBe(written, sum).toString(16)})!)`);
  }
  if (type !== 3 && type !== 4 && type !== 5 && type !== 11 && type !== 12) return;
  view.print('\n\t');
  const total = view.u16(at + 10);
  const { end } = view;
  inside(view, () => view.layers.ip(view, at + 8, total));
  view.end = end;
}

function messageText(view: View, at: number, type: number, code: number): string {
  if (type === 8 || type === 0) return `echo ${type === 8 ? 'request' : 'reply'}, id ${view.u16(at + 4)}, seq ${view.u16(at + 6)}`;
  const to = (): string => addressText(view, at + 24);
  if (type === 3) {
    const protocol = (): number => view.u8(at + 17);
    if (code === 2) return `${to()} protocol ${protocol()} unreachable`;
    if (code === 3) {
      const dport = view.u16(at + 8 + (view.u8(at + 8) & 15) * 4 + 2);
      if (protocol() === 6) return `${to()} tcp port ${view.ports.tcp(dport)} unreachable`;
      if (protocol() === 17) return `${to()} udp port ${view.ports.udp(dport)} unreachable`;
      return `${to()} protocol ${protocol()} port ${dport} unreachable`;
    }
    if (code === 4) {
      const mtuBytes = view.u16(at + 6);
      return `${to()} unreachable - need to frag${mtuBytes === 0 ? '' : ` (mtu ${mtuBytes})`}`;
    }
    return UNREACHABLE[code]?.replace('%', to()) ?? `${to()} unreachable - #${code}`;
  }
  if (type === 5) return `${(REDIRECTS[code] ?? `redirect-#${code} % to net`).replace('%', to())} ${addressText(view, at + 4)}`;
  if (type === 11) return code === 0 ? 'time exceeded in-transit' : code === 1 ? 'ip reassembly time exceeded' : `time exceeded-#${code}`;
  if (type === 12) return code === 0 ? `parameter problem - octet ${view.u8(at + 4)}` : `parameter problem - code ${code}`;
  return OTHERS[type] ?? `type-#${type}`;
}
