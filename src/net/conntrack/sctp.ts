/** How conntrack follows an SCTP association. Linux: net/netfilter/nf_conntrack_proto_sctp.c, nf_conntrack_sctp_packet */
import type { SctpChunk, SctpHeader, SctpKind } from '../wire/sctp.ts';
import { type Connection, EVENT_ASSURED, EVENT_PROTOCOL } from './connection.ts';

const NONE = 0;
const CLOSED = 1;
const COOKIE_WAIT = 2;
const COOKIE_ECHOED = 3;
const ESTABLISHED = 4;
const SHUTDOWN_SENT = 5;
const SHUTDOWN_RECD = 6;
const SHUTDOWN_ACK_SENT = 7;
export const SCTP_STATE_NAMES = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
] as const;
/** The sysctl behind each state, `nf_conntrack_sctp_timeout_…`. */
export const SCTP_TIMEOUT_LEAVES = [
  'closed',
  'closed',
  'cookie_wait',
  'cookie_echoed',
  'established',
  'shutdown_sent',
  'shutdown_recd',
  'shutdown_ack_sent',
] as const;

/** The verification tags that packets of the original and of the reply direction must carry; 0 while unknown. */
export interface SctpTrack {
  tags: readonly [number, number];
}

/** A state moves on by few chunks; what is not here leaves it as it is. HEARTBEAT on a path of its own is not modelled: nobody here sends one. */
function nextState(state: number, kind: SctpKind, reply: boolean): number | undefined {
  // An answer cannot open anything.
  if (reply && state === NONE) return undefined;
  switch (kind) {
    case 'INIT':
      if (state === NONE) return CLOSED;
      return !reply && (state === SHUTDOWN_SENT || state === SHUTDOWN_RECD) ? CLOSED : state;
    case 'INIT ACK':
      return reply && state === CLOSED ? COOKIE_WAIT : state === NONE ? CLOSED : state;
    case 'ABORT':
      return CLOSED;
    case 'COOKIE ECHO':
      return state === COOKIE_WAIT ? COOKIE_ECHOED : state === NONE ? CLOSED : state;
    case 'COOKIE ACK':
      return state === COOKIE_ECHOED ? ESTABLISHED : state === NONE ? CLOSED : state;
    case 'SHUTDOWN':
      return state === ESTABLISHED ? (reply ? SHUTDOWN_RECD : SHUTDOWN_SENT) : state === NONE ? CLOSED : state;
    case 'SHUTDOWN ACK':
      if (state === NONE) return SHUTDOWN_ACK_SENT;
      return state === SHUTDOWN_SENT || state === SHUTDOWN_RECD ? SHUTDOWN_ACK_SENT : state;
    case 'SHUTDOWN COMPLETE':
      return state === SHUTDOWN_ACK_SENT || state === NONE ? CLOSED : state;
    default:
      return state;
  }
}

/** Chunks whose tag has rules of its own (RFC 9260 section 8.5.1). */
const OWN_RULE: ReadonlySet<SctpKind> = new Set(['INIT', 'SHUTDOWN COMPLETE', 'COOKIE ECHO', 'ABORT', 'SHUTDOWN ACK']);

function hasRightTag({ tag }: SctpHeader, chunk: SctpChunk, { tags }: SctpTrack, reply: boolean): boolean {
  const own = tags[reply ? 1 : 0];
  switch (chunk.kind) {
    case 'INIT':
      return tag === 0;
    case 'ABORT':
    case 'SHUTDOWN COMPLETE':
      return tag === (chunk.reflected ? tags[reply ? 0 : 1] : own);
    case 'COOKIE ECHO':
      return tag === own;
    default:
      return true;
  }
}

const withTag = (tags: readonly [number, number], reply: boolean, tag: number): readonly [number, number] => (reply ? [tags[0], tag] : [tag, tags[1]]);

/** sctp_new(): whether the first packet may open an entry; what only answers may not. */
export function startSctp(connection: Connection, sctp: SctpHeader): boolean {
  let tags: readonly [number, number] = [0, 0];
  for (const chunk of sctp.chunks) {
    if (chunk.kind === 'ABORT' || chunk.kind === 'SHUTDOWN COMPLETE' || chunk.kind === 'COOKIE ACK') return false;
    if (nextState(NONE, chunk.kind, false) === NONE) return false;
    if (chunk.kind === 'INIT') {
      if (sctp.tag !== 0) return false;
      tags = [0, chunk.offer.tag];
    } else if (chunk.kind === 'SHUTDOWN ACK') tags = [0, sctp.tag];
  }
  connection.sctp = { tags };
  return sctp.chunks.length > 0;
}

/** False: the packet does not belong to the association. Time-outs are by state number, in ns. */
export function followSctp(timeoutsNs: readonly number[], connection: Connection, sctp: SctpHeader, reply: boolean, nowNs: number): boolean {
  const track = connection.sctp;
  if (track === undefined) return false;
  const own = track.tags[reply ? 1 : 0];
  if (!sctp.chunks.some(({ kind }) => OWN_RULE.has(kind)) && sctp.tag !== own) return false;
  let state = connection.tcpState;
  let repeated = false;
  for (const chunk of sctp.chunks) {
    if (!hasRightTag(sctp, chunk, track, reply)) return false;
    const next = nextState(state, chunk.kind, reply);
    if (next === undefined) return false;
    if (chunk.kind === 'INIT' || chunk.kind === 'INIT ACK') {
      const other = track.tags[reply ? 0 : 1];
      if (chunk.kind === 'INIT ACK' && other !== 0 && other !== chunk.offer.tag) return false;
      track.tags = withTag(track.tags, !reply, chunk.offer.tag);
    }
    // An INIT that is sent again does not keep the entry alive.
    if (chunk.kind === 'INIT' && state === CLOSED && next === CLOSED && connection.confirmed) repeated = true;
    if (next !== state) {
      connection.pendingEvents |= EVENT_PROTOCOL;
      if (next === ESTABLISHED && !connection.assured) {
        connection.assured = true;
        connection.pendingEvents |= EVENT_ASSURED;
      }
    }
    state = next;
  }
  connection.tcpState = state;
  if (!repeated) connection.expiresNs = nowNs + (timeoutsNs[state] ?? 0);
  return true;
}
