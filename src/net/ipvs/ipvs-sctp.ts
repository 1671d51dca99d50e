/** How IPVS follows an SCTP association, by the first chunk of each packet. Linux: net/netfilter/ipvs/ip_vs_proto_sctp.c */
import type { SctpHeader, SctpKind } from '../wire/sctp.ts';
import type { Direction } from './ipvs-connection.ts';

export const SCTP_STATES = [
  'NONE',
  'INIT1',
  'INIT',
  'C-SENT',
  'C-REPLIED',
  'C-WAIT',
  'COOKIE',
  'C-ECHOED',
  'ESTABLISHED',
  'S-SENT',
  'S-RECEIVED',
  'S-ACK-SENT',
  'REJECTED',
  'CLOSED',
] as const;
export const SCTP_ESTABLISHED = 8;
export const SCTP_CLOSED = 13;
/** Seconds of each state. */
export const SCTP_TIMEOUTS: readonly number[] = [2, 4, 61, 61, 61, 61, 61, 61, 900, 61, 61, 61, 4, 61];

/** Rows of NEXT; everything else counts as data. */
const EVENTS: Partial<Record<SctpKind, number>> = {
  INIT: 1,
  'INIT ACK': 2,
  'COOKIE ECHO': 3,
  'COOKIE ACK': 4,
  SHUTDOWN: 5,
  'SHUTDOWN ACK': 6,
  'SHUTDOWN COMPLETE': 7,
  ABORT: 9,
};
const ERROR_CHUNK = 9;
const ERROR_EVENT = 8;

/** By direction (in, out, in only), event and state: the next state, as a hexadecimal digit. */
const NEXT: readonly (readonly string[])[] = [
  '8123456789abcd 1223456789ab22 5553466789abcd 4224456789abcd 8123456889abcd a1234567a9abcd d22345678dadcd ddd3456789adcd d123456d89abcd dddddcdddddddd',
  '8123456789abcd 55555555855555 3333456789abcd 7777777789abcd 8888888889abcd 9999999999abcd bbbbb5678bbbcd d123456789abcd ddddd56789abcd dcdddddddddddd',
  '8123486789abcd 1222226789ab22 7777776789abcd 8888886789abcd 8128858889abcd a1234567a9abcd d2234567ddadcd ddddd56789ddcd d123456789abcd dddddcdddddddd',
].map((rows) => rows.split(' '));

/** `oneWay`: the answers do not come by here. */
export function nextSctpState(state: number, { chunks: [first, second] }: SctpHeader, direction: Direction, oneWay: boolean): number {
  const decides = second?.kind === 'ABORT' && (first?.kind === 'COOKIE ECHO' || first?.kind === 'COOKIE ACK') ? second : first;
  if (decides === undefined) return state;
  const event = decides.kind === 'OTHER' && decides.type === ERROR_CHUNK ? ERROR_EVENT : (EVENTS[decides.kind] ?? 0);
  return Number.parseInt(NEXT[oneWay && direction === 0 ? 2 : direction]?.[event]?.[state] ?? '0', 16);
}
