/** How conntrack follows an SCTP association. Linux: net/netfilter/nf_conntrack_proto_sctp.c, nf_conntrack_sctp_packet */
import { chunkFlags, chunkType, type SctpHeader } from '../wire/sctp.ts';
import { type Connection, EVENT_ASSURED, EVENT_PROTOCOL } from './connection.ts';

const NONE = 0;
const CLOSED = 1;
const ESTABLISHED = 4;
const NO_STATE = 9;
export const SCTP_STATE_NAMES = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
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
  'heartbeat_sent',
] as const;

const DATA = 0;
const INIT = 1;
const INIT_ACK = 2;
const HEARTBEAT = 4;
const HEARTBEAT_ACK = 5;
const ABORT = 6;
const SHUTDOWN_ACK = 8;
const COOKIE_ECHO = 10;
const COOKIE_ACK = 11;
const SHUTDOWN_COMPLETE = 14;

/** By chunk type: the next state for each state, a digit each, in the original direction and in the other (9: there is none). Other chunks change nothing. */
const NEXT: Readonly<Record<number, readonly [string, string]>> = {
  1: ['112341172', '912345679'],
  2: ['112345671', '922345679'],
  4: ['812345678', '912345678'],
  5: ['112345678', '912345674'],
  6: ['111111111', '911111119'],
  7: ['112355671', '912365679'],
  8: ['712347777', '912347779'],
  9: ['112345671', '912145679'],
  10: ['113345671', '913345679'],
  11: ['112445671', '912445679'],
  14: ['112345611', '912345619'],
};

/** What a direction's packets have told; a new object with each change, so that snapshots may keep it. */
export interface SctpTrack {
  /** The verification tags that packets of the original and of the reply direction must carry; 0 while unknown. */
  readonly tags: readonly [number, number];
  /** An INIT went that way and no COOKIE ACK has answered. */
  readonly begun: readonly [boolean, boolean];
  /** The direction of a heartbeat with a wrong tag, -1 if none: its answer may change the tags. */
  readonly strangeHeartbeat: number;
}

const nextState = (state: number, type: number, direction: 0 | 1): number => Number(NEXT[type]?.[direction][state] ?? state);
const at = <T>(pair: readonly [T, T], direction: 0 | 1, value: T): readonly [T, T] => (direction === 0 ? [value, pair[1]] : [pair[0], value]);
const turned = (direction: 0 | 1): 0 | 1 => (direction === 0 ? 1 : 0);

/** do_basic_checks(): chunks that must be alone are, cookies come first, and there are some. */
function isWellFormed(types: readonly number[]): boolean {
  const first = types[0];
  if (first === undefined) return false;
  const alone = types.length > 1 && types.some((type) => type === INIT || type === INIT_ACK || type === SHUTDOWN_COMPLETE);
  return !alone && types.slice(1).every((type) => type !== COOKIE_ACK && type !== COOKIE_ECHO);
}

/** sctp_new(): whether the first packet may open an entry; what only answers may not. */
function begin({ tag, chunks }: SctpHeader, types: readonly number[]): SctpTrack | undefined {
  let tags: readonly [number, number] = [0, 0];
  for (const [i, type] of types.entries()) {
    if (type === ABORT || type === SHUTDOWN_COMPLETE || type === COOKIE_ACK || nextState(NONE, type, 0) === NONE) return undefined;
    const chunk = chunks[i];
    if (chunk?.kind === 'INIT') {
      if (tag !== 0) return undefined;
      tags = at(tags, 1, chunk.offer.tag);
    } else tags = at(tags, type === HEARTBEAT ? 0 : 1, tag);
  }
  return { tags, begun: [false, false], strangeHeartbeat: -1 };
}

/** Chunks whose tag has rules of its own (RFC 9260 section 8.5.1). */
const OWN_RULE: ReadonlySet<number> = new Set([INIT, SHUTDOWN_COMPLETE, COOKIE_ECHO, ABORT, SHUTDOWN_ACK, HEARTBEAT, HEARTBEAT_ACK]);

/** Undefined: a wrong tag. `quiet`: the packet passes and moves nothing. */
function heartbeat(
  track: SctpTrack,
  type: number,
  tag: number,
  direction: 0 | 1,
  mayBeStrange: boolean,
): { readonly track: SctpTrack; readonly quiet: boolean } | undefined {
  const own = track.tags[direction];
  if (own === 0) return { track: { ...track, tags: at(track.tags, direction, tag) }, quiet: false };
  if (tag === own) return { track: { ...track, strangeHeartbeat: -1 }, quiet: false };
  if (!mayBeStrange) return undefined;
  if (type === HEARTBEAT) return { track: { ...track, strangeHeartbeat: direction }, quiet: true };
  if (track.strangeHeartbeat < 0 || track.strangeHeartbeat === direction) return undefined;
  return { track: { ...track, tags: direction === 0 ? [tag, 0] : [0, tag], strangeHeartbeat: -1 }, quiet: false };
}

/** False: the packet opens no association, or does not belong to this one; it is INVALID then. Time-outs are by state number, in ns. */
export function followSctp(timeoutsNs: readonly number[], connection: Connection, sctp: SctpHeader, reply: boolean, nowNs: number): boolean {
  const types = sctp.chunks.map(chunkType);
  if (!isWellFormed(types)) return false;
  const direction = reply ? 1 : 0;
  let track: SctpTrack | undefined = connection.confirmed ? connection.sctp : begin(sctp, types);
  if (track === undefined) return false;
  connection.sctp = track;
  const { tag } = sctp;
  if (tag !== track.tags[direction] && !types.some((type) => OWN_RULE.has(type))) return false;
  let quiet = false;
  let state = connection.tcpState;
  for (const [i, type] of types.entries()) {
    const chunk = sctp.chunks[i];
    const tags: SctpTrack['tags'] = track.tags;
    if (type === INIT) {
      if (tag !== 0) return false;
    } else if (type === ABORT || type === SHUTDOWN_COMPLETE) {
      const reflected = chunk !== undefined && (chunkFlags(chunk) & 1) !== 0;
      if (tag !== tags[reflected ? turned(direction) : direction]) return false;
    } else if (type === COOKIE_ECHO) {
      if (tag !== tags[direction]) return false;
    } else if (type === COOKIE_ACK) track = { ...track, begun: [false, false] };
    else if (type === HEARTBEAT || type === HEARTBEAT_ACK) {
      const heard = heartbeat(track, type, tag, direction, !types.includes(DATA) && !quiet);
      if (heard === undefined) return false;
      track = heard.track;
      connection.sctp = track;
      if (heard.quiet) {
        quiet = true;
        continue;
      }
    }
    const next = nextState(state, type, direction);
    if (next === NO_STATE) return false;
    if (chunk?.kind === 'INIT') {
      const begun: SctpTrack['begun'] = track.begun;
      track = {
        ...track,
        tags: at(track.tags, turned(direction), chunk.offer.tag),
        begun: direction === 0 ? [true, begun[1] && !begun[0]] : [begun[0] && !begun[1], true],
      };
      // An INIT that is sent again does not keep the entry alive.
      if (next === CLOSED && state === CLOSED && connection.confirmed) quiet = true;
    } else if (chunk?.kind === 'INIT ACK') {
      const other = turned(direction);
      const strange = tags[other] !== chunk.offer.tag;
      if (strange && ((!track.begun[other] && tags[other] !== 0) || (track.begun[0] && track.begun[1]))) return false;
      track = { ...track, tags: at(track.tags, other, chunk.offer.tag) };
    }
    connection.sctp = track;
    if (next !== state) {
      connection.pendingEvents |= EVENT_PROTOCOL;
      if (next === ESTABLISHED && !connection.assured) {
        connection.assured = true;
        connection.pendingEvents |= EVENT_ASSURED;
      }
    }
    state = next;
    connection.tcpState = state;
  }
  if (!quiet) connection.expiresNs = nowNs + (timeoutsNs[state] ?? 0);
  return true;
}
