/** BIRD: a BGP speaker. Its sessions are TCP connections with OPEN, KEEPALIVE, UPDATE and NOTIFICATION as RFC 4271 has them; whoever runs it hears of sessions that go and come. BIRD 1.6: proto/bgp */
import { formatIp4, ip4, parseCidr } from '../addr/ip4.ts';
import type { Payload } from '../wire/packet.ts';
import { type AppContext, type AppEvent, defineApp, type SocketId } from './definition.ts';

export interface BirdPeer {
  readonly ip: string;
  readonly as: number;
  /** Prefixes that it is told of. */
  readonly tells: readonly { readonly prefix: string; readonly nextHop: string; readonly path: readonly number[] }[];
}

export interface BirdConfig {
  /** Router id and source of its connections. */
  readonly ip: string;
  readonly as: number;
  readonly port: number;
  readonly peers: readonly BirdPeer[];
}

type Phase = 'idle' | 'connect' | 'open-sent' | 'open-confirm' | 'established';

interface Session {
  readonly phase: Phase;
  /** -1: none. */
  readonly socket: SocketId;
  /** What has come and is no whole message yet. */
  readonly received: string;
  readonly hold: number;
  readonly keepalive: number;
  /** What the peer was told last. */
  readonly told: string;
  /** Nobody has been told that it is down. */
  readonly isUp: boolean;
}

interface State {
  readonly sessions: Readonly<Record<string, Session>>;
}

const SECOND = 1e9;
/** RFC 4271 section 10; BIRD's defaults. */
const HOLD_SECONDS = 240;
const KEEPALIVE_SECONDS = 80;
const RETRY_SECONDS = 120;
/** A connection that has not come about by then is told of. */
const CONNECT_SECONDS = 5;
const HEADER_BYTES = 19;
const MAX_MESSAGE_BYTES = 4096;
const OPEN = 1;
const UPDATE = 2;
const NOTIFICATION = 3;
const KEEPALIVE = 4;

const fresh: Session = { phase: 'idle', socket: -1, received: '', hold: -1, keepalive: -1, told: '', isUp: true };

const u8 = (value: number): string => String.fromCharCode(value & 255);
const u16 = (value: number): string => u8(value >> 8) + u8(value);
const u32 = (value: number): string => u16(Math.floor(value / 65536)) + u16(value % 65536);
const address = (ip: string): string => u32(ip4(ip) >>> 0);
const lengthed = (text: string): string => u8(text.length) + text;
const lengthed16 = (text: string): string => u16(text.length) + text;

const message = (type: number, body = ''): string => `${u8(255).repeat(16)}${u16(HEADER_BYTES + body.length)}${u8(type)}${body}`;

/** RFC 4271 section 4.2; capability 65 is the AS number in four bytes (RFC 6793), 2 route refresh. */
function openMessage(config: BirdConfig): string {
  const capabilities = `${u8(2)}${lengthed('')}${u8(65)}${lengthed(u32(config.as))}`;
  const parameters = u8(2) + lengthed(capabilities);
  return message(OPEN, `${u8(4)}${u16(config.as > 65535 ? 23456 : config.as)}${u16(HOLD_SECONDS)}${address(config.ip)}${lengthed(parameters)}`);
}

function prefixBytes(prefix: string): string {
  const range = parseCidr(prefix);
  return range === undefined ? '' : u8(range.prefixLength) + u32(range.network >>> 0).slice(0, Math.ceil(range.prefixLength / 8));
}

/** RFC 4271 section 4.3: one message for each next hop and path. */
function updateMessages(peer: BirdPeer, config: BirdConfig, before: string): string {
  const withdrawn = before
    .split(' ')
    .filter((prefix) => prefix !== '' && !peer.tells.some((one) => one.prefix === prefix))
    .map(prefixBytes)
    .join('');
  let text = withdrawn === '' ? '' : message(UPDATE, lengthed16(withdrawn) + u16(0));
  const groups = new Map<string, string>();
  for (const { prefix, nextHop, path } of peer.tells) {
    const inside = peer.as === config.as;
    const whole = inside ? path : [config.as, ...path];
    const asPath = whole.length === 0 ? '' : u8(2) + u8(whole.length) + whole.map(u32).join('');
    const attributes = `${u8(0x40)}${u8(1)}${lengthed(u8(0))}${u8(0x40)}${u8(2)}${lengthed(asPath)}${u8(0x40)}${u8(3)}${lengthed(address(nextHop))}${inside ? `${u8(0x40)}${u8(5)}${lengthed(u32(100))}` : ''}`;
    groups.set(attributes, (groups.get(attributes) ?? '') + prefixBytes(prefix));
  }
  // A longer list of prefixes would need a second message.
  for (const [attributes, prefixes] of groups)
    text += message(UPDATE, u16(0) + lengthed16(attributes) + prefixes.slice(0, MAX_MESSAGE_BYTES - HEADER_BYTES - 4 - attributes.length));
  return text;
}

const payload = (octets: string): Payload => ({ bytes: octets.length, octets });

/** Of two speakers the one with the higher address calls, as in Calico's mesh. */
const calls = (config: BirdConfig, peer: BirdPeer): boolean => ip4(config.ip) >>> 0 > ip4(peer.ip) >>> 0;

const peerOf = (config: BirdConfig, ip: string): BirdPeer | undefined => config.peers.find((peer) => peer.ip === ip);
const withSession = (state: State, ip: string, session: Session): State => ({ sessions: { ...state.sessions, [ip]: session } });
const sessionOf = (state: State, ip: string): Session => (Object.hasOwn(state.sessions, ip) ? (state.sessions[ip] ?? fresh) : fresh);

function connect(context: AppContext, state: State, peer: BirdPeer, config: BirdConfig): State {
  const socket = context.tcpConnect({ ip: ip4(peer.ip), port: config.port }, { ip: ip4(config.ip) });
  context.setTimer(CONNECT_SECONDS * SECOND, 'connecting', peer.ip, true);
  const session = sessionOf(state, peer.ip);
  if (typeof socket !== 'string') return withSession(state, peer.ip, { ...session, phase: 'connect', socket, received: '' });
  return down(context, state, peer.ip, 'Active        Socket: No route to host', true);
}

/** The session is no more: its timers too; another try comes later. */
function down(context: AppContext, state: State, ip: string, why: string, callsAgain: boolean): State {
  const session = sessionOf(state, ip);
  if (session.hold >= 0) context.cancelTimer(session.hold);
  if (session.keepalive >= 0) context.cancelTimer(session.keepalive);
  if (session.isUp || why !== '') context.out(`${ip} start ${why}\n`);
  if (callsAgain) context.setTimer(RETRY_SECONDS * SECOND, 'retry', ip, true);
  return withSession(state, ip, { ...fresh, isUp: false });
}

function established(context: AppContext, state: State, peer: BirdPeer, config: BirdConfig): State {
  const session = sessionOf(state, peer.ip);
  if (!session.isUp) context.out(`${peer.ip} up Established\n`);
  return tell(context, withSession(state, peer.ip, { ...arm(context, session, peer.ip), phase: 'established', isUp: true, told: '' }), peer, config);
}

const toldText = (peer: BirdPeer): string => peer.tells.map((one) => one.prefix).join(' ');

function tell(context: AppContext, state: State, peer: BirdPeer, config: BirdConfig): State {
  const session = sessionOf(state, peer.ip);
  const told = toldText(peer);
  if (told === session.told) return state;
  const text = updateMessages(peer, config, session.told);
  if (text !== '') context.tcpSend(session.socket, payload(text));
  return withSession(state, peer.ip, { ...session, told });
}

/** Both timers from now on. */
function arm(context: AppContext, session: Session, ip: string): Session {
  if (session.hold >= 0) context.cancelTimer(session.hold);
  const keepalive = session.keepalive >= 0 ? session.keepalive : context.setTimer(KEEPALIVE_SECONDS * SECOND, 'keepalive', ip, true);
  return { ...session, keepalive, hold: context.setTimer(HOLD_SECONDS * SECOND, 'hold', ip, true) };
}

function refuse(context: AppContext, state: State, ip: string, code: number, subcode: number, why: string, again: boolean): State {
  const { socket } = sessionOf(state, ip);
  if (socket >= 0) {
    context.tcpSend(socket, payload(message(NOTIFICATION, u8(code) + u8(subcode))));
    context.close(socket);
  }
  return down(context, state, ip, why, again);
}

const number16 = (text: string, at: number): number => text.charCodeAt(at) * 256 + text.charCodeAt(at + 1);

/** AS number of an OPEN: that of the capability where there is one. */
function openAs(body: string): number {
  const at = body.indexOf(`${u8(65)}${u8(4)}`, 9);
  return at < 0 ? number16(body, 1) : number16(body, at + 2) * 65536 + number16(body, at + 4);
}

function take(context: AppContext, state: State, peer: BirdPeer, config: BirdConfig, type: number, body: string): State {
  const session = sessionOf(state, peer.ip);
  switch (type) {
    case OPEN: {
      if (openAs(body) !== peer.as) return refuse(context, state, peer.ip, 2, 2, `Idle          Error: Bad peer AS: ${openAs(body)}`, calls(config, peer));
      // Who was called speaks second.
      if (session.phase === 'idle') context.tcpSend(session.socket, payload(openMessage(config)));
      context.tcpSend(session.socket, payload(message(KEEPALIVE)));
      return withSession(state, peer.ip, { ...session, phase: 'open-confirm' });
    }
    case KEEPALIVE:
      if (session.phase === 'open-confirm') return established(context, state, peer, config);
      return session.phase === 'established' ? withSession(state, peer.ip, arm(context, session, peer.ip)) : state;
    case UPDATE:
      return session.phase === 'established' ? withSession(state, peer.ip, arm(context, session, peer.ip)) : state;
    case NOTIFICATION:
      context.close(session.socket);
      return down(
        context,
        state,
        peer.ip,
        body.startsWith(`${u8(2)}${u8(2)}`) ? 'Active        Received: Bad peer AS' : 'Active        Received: Hold timer expired',
        calls(config, peer),
      );
    default:
      return refuse(context, state, peer.ip, 1, 3, 'Idle          Error: Bad message type', calls(config, peer));
  }
}

function receive(context: AppContext, state: State, ip: string, config: BirdConfig, text: string): State {
  const peer = peerOf(config, ip);
  if (peer === undefined) return state;
  let rest = sessionOf(state, ip).received + text;
  let now = state;
  // As many as can be in what has come.
  for (let count = 0; count < 512 && rest.length >= HEADER_BYTES; count += 1) {
    const length = number16(rest, 16);
    if (length < HEADER_BYTES || length > MAX_MESSAGE_BYTES)
      return refuse(context, now, ip, 1, 2, 'Idle          Error: Bad message length', calls(config, peer));
    if (rest.length < length) break;
    now = take(context, now, peer, config, rest.charCodeAt(18), rest.slice(HEADER_BYTES, length));
    rest = rest.slice(length);
    if (sessionOf(now, ip).socket < 0) return now;
  }
  return withSession(now, ip, { ...sessionOf(now, ip), received: rest });
}

function onTimer(context: AppContext, state: State, tag: string, ip: string, config: BirdConfig): State {
  const peer = peerOf(config, ip);
  const session = sessionOf(state, ip);
  if (peer === undefined) return state;
  if (tag === 'retry') return session.phase === 'idle' && session.socket < 0 ? connect(context, state, peer, config) : state;
  if (tag === 'connecting') {
    if (session.phase !== 'connect' || !session.isUp) return state;
    context.out(`${ip} start Connect\n`);
    return withSession(state, ip, { ...session, isUp: false });
  }
  if (session.phase !== 'established') return state;
  if (tag === 'hold')
    return refuse(context, withSession(state, ip, { ...session, hold: -1 }), ip, 4, 0, 'Active        Error: Hold timer expired', calls(config, peer));
  context.tcpSend(session.socket, payload(message(KEEPALIVE)));
  const again = { ...session, keepalive: context.setTimer(KEEPALIVE_SECONDS * SECOND, 'keepalive', ip, true) };
  // What has changed since is told with it.
  return tell(context, withSession(state, ip, again), peer, config);
}

function onSocket(context: AppContext, state: State, event: Extract<AppEvent, { readonly socket: SocketId }>, config: BirdConfig): State {
  if (event.kind === 'accepted') {
    const ip = typeof event.from.ip === 'number' ? formatIp4(event.from.ip) : '';
    const peer = peerOf(config, ip);
    const session = sessionOf(state, ip);
    if (peer === undefined || calls(config, peer)) {
      context.abort(event.socket);
      return state;
    }
    // A new call while the old connection is thought to be there: the peer knows better.
    if (session.socket >= 0) context.abort(session.socket);
    if (session.hold >= 0) context.cancelTimer(session.hold);
    if (session.keepalive >= 0) context.cancelTimer(session.keepalive);
    return withSession(state, ip, { ...fresh, isUp: session.isUp, socket: event.socket });
  }
  const ip = Object.keys(state.sessions).find((one) => sessionOf(state, one).socket === event.socket);
  const peer = ip === undefined ? undefined : peerOf(config, ip);
  if (ip === undefined || peer === undefined) return state;
  switch (event.kind) {
    case 'connected':
      context.tcpSend(event.socket, payload(openMessage(config)));
      return withSession(state, ip, { ...sessionOf(state, ip), phase: 'open-sent' });
    case 'data':
      return receive(context, state, ip, config, event.payload.octets ?? '');
    case 'connect-failed':
      return down(
        context,
        state,
        ip,
        `Active        Socket: ${event.errno === 'ECONNREFUSED' ? 'Connection refused' : 'Connection timed out'}`,
        calls(config, peer),
      );
    case 'peer-closed':
      context.close(event.socket);
      return down(context, state, ip, 'Active        Socket: Connection closed', calls(config, peer));
    case 'aborted':
      return down(context, state, ip, `Active        Socket: Connection ${event.errno === 'ETIMEDOUT' ? 'timed out' : 'reset by peer'}`, calls(config, peer));
    default:
      return state;
  }
}

/** Peers that have come with a change of the configuration are called at the next event. */
function callNew(context: AppContext, state: State, config: BirdConfig): State {
  let now = state;
  for (const peer of config.peers)
    if (!Object.hasOwn(now.sessions, peer.ip)) now = calls(config, peer) ? connect(context, now, peer, config) : withSession(now, peer.ip, fresh);
  return now;
}

export const bird = defineApp<State, BirdConfig>({
  name: 'bird',
  start(context, config) {
    const listener = context.tcpListen(0, config.port, 8);
    if (typeof listener === 'string') context.err(`bird: Socket error: bind: Address already in use\n`);
    return callNew(context, { sessions: {} }, config);
  },
  handle(context, state, event, config) {
    const now = callNew(context, state, config);
    if (event.kind === 'timer') return onTimer(context, now, event.tag, String(event.data), config);
    return 'socket' in event ? onSocket(context, now, event, config) : now;
  },
});
