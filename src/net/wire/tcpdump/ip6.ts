/** IPv6 and its extension headers as tcpdump prints them. tcpdump: print-ip6.c, print-ip6opts.c, print-frag6.c */
import { protocolTitle } from './names.ts';
import { address6Text, inside } from './parts.ts';
import { printTransport } from './transport.ts';
import { hex, type View } from './view.ts';

/** Extension headers in a row; more are not read. */
const MAX_HEADERS = 16;

export function printIp6(view: View, at: number, length: number): void {
  view.protocol = 'ip6';
  const { link, verbosity } = view.options;
  if (length < 40) {
    view.print(`${link ? '' : 'IP6 '}truncated-ip6 ${length}`);
    return;
  }
  view.need(at, 40);
  if (!link) view.print('IP6 ');
  const payloadBytes = view.u16(at + 4);
  const total = payloadBytes + 40;
  if (total > length) view.print(`truncated-ip6 - ${total - length} bytes missing!`);
  let next = view.u8(at + 6);
  if (verbosity > 0) {
    const word = view.u32(at);
    const trafficClass = Math.floor(word / 0x100000) & 0xff;
    const label = word % 0x100000;
    view.print(`(${trafficClass === 0 ? '' : `class 0x${hex(trafficClass, 2)}, `}${label === 0 ? '' : `flowlabel 0x${hex(label, 5)}, `}`);
    view.print(`hlim ${view.u8(at + 7)}, next-header ${protocolTitle(next)} (${next}) payload length: ${payloadBytes}) `);
  }
  const outerEnd = view.end;
  view.end = Math.min(view.end, at + total);
  let body = at + 40;
  let fragmented = false;
  if (next !== 6 && next !== 17 && next !== 132) view.print(`${address6Text(view, at + 8)} > ${address6Text(view, at + 24)}: `);
  for (let headers = 0; headers < MAX_HEADERS; headers += 1) {
    if (next === 0 || next === 60) {
      view.protocol = next === 0 ? 'hbhopt' : 'dstopt';
      const bytes = (view.u8(body + 1) + 1) * 8;
      view.need(body, bytes);
      view.print(`${next === 0 ? 'HBH' : 'DSTOPT'} ${verbosity > 0 ? optionsText(view, body + 2, body + bytes) : ''}`);
      next = view.u8(body);
      body += bytes;
    } else if (next === 44) {
      view.protocol = 'frag6';
      view.need(body, 8);
      const offset = view.u16(body + 2) & 0xfff8;
      const size = total - (body - at) - 8;
      view.print(verbosity > 0 ? `frag (0x${hex(view.u32(body + 4), 8)}:${offset}|${size})` : `frag (${offset}|${size})`);
      if (offset > 0) {
        view.end = outerEnd;
        return;
      }
      view.print(' ');
      fragmented = true;
      next = view.u8(body);
      body += 8;
    } else if (next === 59) {
      view.print('no next header');
      view.end = outerEnd;
      return;
    } else break;
  }
  const left = at + total - body;
  if (next === 4) inside(view, () => view.layers.ip(view, body, left));
  else printTransport(view, next, at, body, left, fragmented);
  view.end = outerEnd;
}

function optionsText(view: View, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to; ) {
    const kind = view.u8(at);
    if (kind === 0) {
      text += '(pad1)';
      at += 1;
      continue;
    }
    const length = view.u8(at + 1);
    if (kind === 1) text += '(padn)';
    else if (kind === 5) text += `(rtalert: 0x${hex(view.u16(at + 2), 4)}) `;
    else text += `(opt_type 0x${hex(kind, 2)}: len=${length}) `;
    at += 2 + length;
  }
  return text.endsWith(' ') || text === '' ? text : `${text} `;
}
