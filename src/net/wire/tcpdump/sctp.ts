/** SCTP as tcpdump prints it. tcpdump: print-sctp.c */
import { hexdump } from '../hexdump.ts';
import { printEndpoints } from './parts.ts';
import type { View } from './view.ts';

const NAMES: Readonly<Record<number, string>> = {
  0: 'DATA',
  1: 'INIT',
  2: 'INIT ACK',
  3: 'SACK',
  4: 'HB REQ',
  5: 'HB ACK',
  6: 'ABORT',
  7: 'SHUTDOWN',
  8: 'SHUTDOWN ACK',
  9: 'OP ERR',
  10: 'COOKIE ECHO',
  11: 'COOKIE ACK',
  12: 'ECN ECHO',
  13: 'CWR',
  14: 'SHUTDOWN COMPLETE',
};
/** By payload protocol identifier, from 1 on. */
const PAYLOADS: readonly (string | undefined)[] =
  ',ISDN Q.921,M2UA,M3UA,SUA,M2PA,V5.2,H.248,BICC,TALI,DUA,ASAP,ENRP,H.323,Q.IPC,SIMCO,DDPSC,DDPSSC,S1AP,RUA,HNBAP,ForCES HP,ForCES MP,ForCES LP,SBc-AP,NBAP,,X2AP'
    .split(',')
    .map((name) => (name === '' ? undefined : name));
/** Payloads are dumped from here on. */
const DUMP_VERBOSITY = 2;

export function printSctp(view: View, ip: number, at: number, length: number): void {
  view.protocol = 'sctp';
  view.need(at, 12);
  printEndpoints(view, ip, 132, String(view.u16(at)), String(view.u16(at + 2)));
  view.print('sctp');
  const dumps = view.options.verbosity >= DUMP_VERBOSITY;
  let count = 0;
  for (let chunk = at + 12; chunk + 4 <= at + length; ) {
    const type = view.u8(chunk);
    const bytes = view.u16(chunk + 2);
    view.need(chunk, bytes);
    count += 1;
    view.print(dumps ? `\n\t${count}) ` : `${count === 1 ? ' ' : ', '}(${count}) `);
    view.print(`[${NAMES[type] ?? `Unknown chunk type: 0x${type.toString(16)}`}] `);
    if (bytes < 4) return;
    printChunk(view, type, chunk, bytes, dumps);
    chunk += (bytes + 3) & ~3;
  }
}

function printChunk(view: View, type: number, at: number, bytes: number, dumps: boolean): void {
  const flags = view.u8(at + 1);
  switch (type) {
    case 0:
      view.print(`${(flags & 4) !== 0 ? '(U)' : ''}${(flags & 2) !== 0 ? '(B)' : ''}${(flags & 1) !== 0 ? '(E)' : ''} `);
      view.print(
        `[TSN: ${view.u32(at + 4)}] [SID: ${view.u16(at + 8)}] [SSEQ ${view.u16(at + 10)}] [PPID ${PAYLOADS[view.u32(at + 12)] ?? `0x${view.u32(at + 12).toString(16)}`}] `,
      );
      if (dumps && bytes > 16) {
        view.need(at, bytes);
        view.print(`[Payload:${hexdump(view.bytes.subarray(at + 16, at + bytes), true)}]`);
      }
      return;
    case 1:
    case 2:
      view.print(
        `[init tag: ${view.u32(at + 4)}] [rwnd: ${view.u32(at + 8)}] [OS: ${view.u16(at + 12)}] [MIS: ${view.u16(at + 14)}] [init TSN: ${view.u32(at + 16)}] `,
      );
      return;
    case 3:
      view.print(`[cum ack ${view.u32(at + 4)}] [a_rwnd ${view.u32(at + 8)}] [#gap acks ${view.u16(at + 12)}] [#dup tsns ${view.u16(at + 14)}] `);
  }
}
