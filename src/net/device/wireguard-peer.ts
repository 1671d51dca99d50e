/** What a WireGuard device remembers of a peer: sessions, counters, packets that wait for a key. All plain data but the packets. WireGuard protocol, section 6 */
import { formatEndpoint, inPrefix, parseIp, parseIpPrefix } from '../addr/ip.ts';
import type { WireguardPeerView } from '../engine.ts';
import type { WireguardDevice, WireguardPeer } from '../records.ts';
import type { Skb } from '../stack/skb.ts';
import type { Ip } from '../wire/packet.ts';

const NS = 1e9;
/** drivers/net/wireguard/messages.h */
export const REKEY_AFTER_NS = 120 * NS;
export const REJECT_AFTER_NS = 180 * NS;
export const REKEY_TIMEOUT_NS = 5 * NS;
export const KEEPALIVE_TIMEOUT_NS = 10 * NS;
export const MAX_HANDSHAKES = 18;
export const MAX_STAGED = 128;
/** Counters below the highest that are still remembered one by one against replays. */
export const REPLAY_WINDOW = 2048;

/** Two keys that fit each other, by the indexes both ends chose. */
export interface Session {
  readonly localIndex: number;
  readonly remoteIndex: number;
  readonly bornNs: number;
  /** We began the handshake: it is on us to begin the next one. */
  readonly initiator: boolean;
  sent: number;
  highest: number;
  /** Counters received within the window. */
  readonly received: Set<number>;
}

export const WIREGUARD_TIMERS = ['retransmit', 'keepalive', 'handshake', 'persistent'] as const;
export type WireguardTimer = (typeof WIREGUARD_TIMERS)[number];

export interface PeerState {
  readonly publicKey: string;
  endpointIp: Ip | undefined;
  endpointPort: number;
  current: Session | undefined;
  previous: Session | undefined;
  /** A responder's new session: not used for sending before the initiator has used it. */
  next: Session | undefined;
  /** Index of the handshake that waits for its response, 0 for none. */
  handshakeIndex: number;
  lastInitiationNs: number;
  attempts: number;
  lastHandshakeNs: number;
  /** Data went out or came in since a keepalive was due last. */
  keepaliveWanted: boolean;
  rxBytes: number;
  txBytes: number;
  staged: Skb[];
  /** Event numbers of running timers, -1 for none. */
  readonly timers: Record<WireguardTimer, number>;
}

export function newPeerState(peer: WireguardPeer): PeerState {
  const state: PeerState = {
    publicKey: peer.publicKey,
    endpointIp: undefined,
    endpointPort: 0,
    current: undefined,
    previous: undefined,
    next: undefined,
    handshakeIndex: 0,
    lastInitiationNs: -REKEY_TIMEOUT_NS,
    attempts: 0,
    lastHandshakeNs: -1,
    keepaliveWanted: false,
    rxBytes: 0,
    txBytes: 0,
    staged: [],
    timers: { retransmit: -1, keepalive: -1, handshake: -1, persistent: -1 },
  };
  setEndpoint(state, peer);
  return state;
}

/** `ip:port` or `[ip]:port` of a record. */
function setEndpoint(state: PeerState, peer: WireguardPeer): void {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(peer.endpoint ?? '');
  const ip = match === null ? undefined : parseIp(match[1] ?? match[2] ?? '');
  if (match === null || ip === undefined) return;
  state.endpointIp = ip;
  state.endpointPort = Number(match[3]);
}

interface AllowedIp {
  readonly network: Ip;
  readonly prefixLength: number;
  readonly peer: string;
}

/** The peers of one device by key, and whose address is whose; longer prefixes first. */
export class WireguardState {
  readonly peers = new Map<string, PeerState>();
  #allowed: readonly AllowedIp[] = [];
  #record: WireguardDevice | undefined;

  /** Takes a new version of the record: peers keep their sessions, a changed endpoint is believed anew. */
  compile(record: WireguardDevice): void {
    const before = this.#record;
    if (before === record) return;
    this.#record = record;
    const wanted = new Set(record.peers.map((peer) => peer.publicKey));
    for (const key of [...this.peers.keys()]) if (!wanted.has(key)) this.peers.delete(key);
    const allowed: AllowedIp[] = [];
    for (const peer of record.peers) {
      const state = this.peers.get(peer.publicKey);
      if (state === undefined) this.peers.set(peer.publicKey, newPeerState(peer));
      else if (before?.peers.find((one) => one.publicKey === peer.publicKey)?.endpoint !== peer.endpoint) setEndpoint(state, peer);
      for (const text of peer.allowedIps) {
        const prefix = parseIpPrefix(text);
        if (prefix !== undefined) allowed.push({ network: prefix.network, prefixLength: prefix.prefixLength, peer: peer.publicKey });
      }
    }
    this.#allowed = allowed.sort((a, b) => b.prefixLength - a.prefixLength);
  }

  /** Cryptokey routing: the peer whose allowed IPs have the longest prefix of an address. */
  peerOf(ip: Ip): PeerState | undefined {
    for (const entry of this.#allowed) if (inPrefix(entry.network, entry.prefixLength, ip)) return this.peers.get(entry.peer);
    return undefined;
  }
}

/** The first use of a counter; older than the window is as bad as seen before. */
export function acceptCounter(session: Session, counter: number): boolean {
  if (counter <= session.highest - REPLAY_WINDOW || session.received.has(counter)) return false;
  session.received.add(counter);
  if (counter > session.highest) session.highest = counter;
  if (session.received.size > REPLAY_WINDOW) for (const old of session.received) if (old <= session.highest - REPLAY_WINDOW) session.received.delete(old);
  return true;
}

export function peerView(peer: PeerState): WireguardPeerView {
  return {
    publicKey: peer.publicKey,
    ...(peer.endpointIp === undefined ? {} : { endpoint: formatEndpoint(peer.endpointIp, peer.endpointPort) }),
    ...(peer.lastHandshakeNs < 0 ? {} : { latestHandshakeNs: peer.lastHandshakeNs }),
    receivedBytes: peer.rxBytes,
    sentBytes: peer.txBytes,
  };
}

export function copySession(session: Session | undefined): Session | undefined {
  return session === undefined ? undefined : { ...session, received: new Set(session.received) };
}
