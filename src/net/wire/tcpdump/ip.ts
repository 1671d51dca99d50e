/** IPv4 as tcpdump prints it. tcpdump: print-ip.c */
import { finishChecksum, sumWords } from '../checksum.ts';
import { protocolTitle, protocolWord } from './names.ts';
import { addressText, shouldBe } from './parts.ts';
import { printTransport } from './transport.ts';
import { bitNames, type View } from './view.ts';

const FRAGMENT_FLAGS: readonly (readonly [number, string])[] = [
  [0x2000, '+'],
  [0x4000, 'DF'],
  [0x8000, 'rsvd'],
];
const ECN: readonly string[] = ['', ',ECT(1)', ',ECT(0)', ',CE'];

/** An IPv4 packet of which the layer below says it has `length` bytes. */
export function printIp(view: View, at: number, length: number): void {
  view.protocol = 'ip';
  const version = view.u8(at) >> 4;
  if (version !== 4) {
    view.print(version === 6 ? 'IP6, wrong link-layer encapsulation' : `IP${version}`);
    view.print(' (invalid)');
    return;
  }
  const { link, verbosity } = view.options;
  if (!link) view.print('IP ');
  view.need(at, 20);
  if (length < 20) {
    view.print(`truncated-ip ${length}`);
    return;
  }
  const headerBytes = (view.u8(at) & 15) * 4;
  if (headerBytes < 20) {
    view.print(`bad-hlen ${headerBytes}`);
    return;
  }
  let total = view.u16(at + 2);
  if (length < total) view.print(`truncated-ip - ${total - length} bytes missing! `);
  if (total < headerBytes) {
    if (total !== 0) {
      view.print(`bad-len ${total}`);
      return;
    }
    // What segmentation offload leaves: the length is not written yet.
    total = length;
  }
  const outerEnd = view.end;
  view.end = Math.min(view.end, at + total);
  const flagsAndOffset = view.u16(at + 6);
  const offset = (flagsAndOffset & 0x1fff) * 8;
  const protocol = view.u8(at + 9);
  if (verbosity > 0) {
    const tos = view.u8(at + 1);
    const ttl = view.u8(at + 8);
    view.print(`(tos 0x${tos.toString(16)}${ECN[tos & 3] ?? ''}${ttl > 0 ? `, ttl ${ttl}` : ''}, id ${view.u16(at + 4)}, offset ${offset}`);
    view.print(`, flags [${bitNames(FRAGMENT_FLAGS, flagsAndOffset, ', ')}], proto ${protocolTitle(protocol)} (${protocol}), length ${view.u16(at + 2)}`);
    if (headerBytes > 20) view.print(`, options (${optionsText(view, at + 20, at + headerBytes)})`);
    if (view.options.noChecksums !== true && view.has(at, headerBytes)) {
      const sum = finishChecksum(sumWords(view.bytes, at, at + headerBytes));
      const written = view.u16(at + 10);
      if (sum !== 0) view.print(`, bad cksum ${written.toString(16)} (->${shouldBe(written, sum).toString(16)})!`);
    }
    view.print(')\n    ');
  }
  const body = at + headerBytes;
  if (offset > 0) view.print(`${addressText(view, at + 12)} > ${addressText(view, at + 16)}: ${protocolWord(protocol, view.options.numeric)}`);
  else {
    if (protocol !== 6 && protocol !== 17 && protocol !== 132) view.print(`${addressText(view, at + 12)} > ${addressText(view, at + 16)}: `);
    printTransport(view, protocol, at, body, total - headerBytes, (flagsAndOffset & 0x2000) !== 0);
  }
  view.end = outerEnd;
}

const OPTION_NAMES: Readonly<Record<number, string>> = { 0: 'EOL', 1: 'NOP', 7: 'RR', 68: 'timestamp', 131: 'LSRR', 137: 'SSRR', 148: 'RA' };

function optionsText(view: View, from: number, to: number): string {
  const names: string[] = [];
  for (let at = from; at < to; ) {
    const kind = view.u8(at);
    names.push(OPTION_NAMES[kind] ?? `unknown ${kind}`);
    if (kind === 0) break;
    at += kind === 1 ? 1 : Math.max(2, view.u8(at + 1));
  }
  return names.join(',');
}
