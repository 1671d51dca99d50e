/** A WireGuard device: packets for a peer's allowed IPs go encrypted in UDP to where that peer was last heard. Linux: drivers/net/wireguard (device.c, send.c, receive.c, timers.c) */
import { formatEndpoint, formatIp } from '../addr/ip.ts';
import type { WireguardDevice } from '../records.ts';
import type { Core } from '../stack/core.ts';
import { DECAPSULATE_NS, ENCAPSULATE_NS } from '../stack/costs.ts';
import { EVENT_DEVICE } from '../stack/event-queue.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { finishChecksums, PACKET_HOST, type Skb, scrub } from '../stack/skb.ts';
import { emitCreated, emitDecapsulated, emitDelivered, emitDropped } from '../trace/emit.ts';
import { ipBytes } from '../wire/lengths.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV6, IP_PROTO_UDP, TUNNEL_WIREGUARD, type WireguardMessage } from '../wire/packet.ts';
import { WIREGUARD_INITIATION_BYTES, WIREGUARD_KEEPALIVE_BYTES, WIREGUARD_RESPONSE_BYTES } from '../wire/wireguard-message.ts';
import type { DeviceState } from './device-state.ts';
import { mayEnter, newOuter, outerTos, sendOuter } from './tunnel.ts';
import {
  acceptCounter,
  KEEPALIVE_TIMEOUT_NS,
  MAX_HANDSHAKES,
  MAX_STAGED,
  type PeerState,
  REJECT_AFTER_NS,
  REKEY_AFTER_NS,
  REKEY_TIMEOUT_NS,
  type Session,
  type WireguardTimer,
} from './wireguard-peer.ts';

const PADDING_BYTES = 16;
/** IP and UDP headers, and those of a transport message. */
const OVERHEAD_BYTES = 60;
const OVERHEAD6_BYTES = 80;
/** Handshakes are marked as network control, low delay (HANDSHAKE_DSCP). */
const HANDSHAKE_TOS = 0x88;
const MAX_JITTER_NS = 333_000_000;

/** What an event of a device's timers carries; plain data, for snapshots. */
export interface DeviceTimer {
  readonly peer: string;
  readonly timer: WireguardTimer;
}

/** wg_xmit(): behind the device's tap. */
export function wireguardTransmit(core: Core, device: DeviceState, packet: Skb): void {
  const { record, wireguard } = device;
  if (record.type !== 'wireguard' || wireguard === undefined || !mayEnter(core, device, packet)) return;
  core.nowNs += ENCAPSULATE_NS;
  const peer = packet.etherType === ETHERTYPE_ARP ? undefined : wireguard.peerOf(packet.dst);
  if (peer === undefined || peer.endpointIp === undefined) {
    device.txDropped += 1;
    const why = peer === undefined ? `no peer has ${formatIp(packet.dst)} among its allowed IPs` : `the peer ${peer.publicKey} has no endpoint yet`;
    core.layers.dropWithError(device.netns, packet, device.place, 'TUNNEL_NO_ROUTE', why, { type: 3, code: 1 });
    return;
  }
  if (peer.staged.length >= MAX_STAGED) {
    device.txDropped += 1;
    emitDropped(core, device.place, peer.staged.shift() as Skb, 'TUNNEL_NO_SESSION', `${MAX_STAGED} packets wait for the handshake already`);
  }
  peer.staged.push(packet);
  sendStaged(core, device, peer);
}

/** wg_packet_send_staged_packets(): with a fresh key they go, without one a handshake begins and they wait. */
function sendStaged(core: Core, device: DeviceState, peer: PeerState): void {
  const session = peer.current;
  if (session === undefined || core.nowNs >= session.bornNs + REJECT_AFTER_NS) {
    if (peer.staged.length > 0) initiate(core, device, peer, false);
    return;
  }
  const waiting = peer.staged;
  peer.staged = [];
  for (const packet of waiting) sendData(core, device, peer, session, packet);
  if (session.initiator && core.nowNs >= session.bornNs + REKEY_AFTER_NS) initiate(core, device, peer, false);
}

function outerFor(core: Core, device: DeviceState, peer: PeerState, message: WireguardMessage, bytes: number, inner: Skb | undefined): Skb {
  const record = device.record as WireguardDevice;
  const outer = inner === undefined ? core.newSkb() : newOuter(core, inner, TUNNEL_WIREGUARD, IP_PROTO_UDP);
  outer.protocol = IP_PROTO_UDP;
  outer.tunnel = TUNNEL_WIREGUARD;
  // The device's own mark replaces the packet's (fwmark).
  outer.mark = record.mark ?? 0;
  if (peer.endpointIp !== undefined) outer.dst = peer.endpointIp;
  if (typeof outer.dst === 'bigint') outer.etherType = ETHERTYPE_IPV6;
  outer.ttl = device.netns.defaultTtl;
  outer.sport = record.listenPort;
  outer.dport = peer.endpointPort;
  outer.payload = { bytes, wireguard: message };
  outer.checksumPartial = true;
  peer.txBytes += bytes;
  return outer;
}

/** One transport message. What is inside is padded to 16 bytes, but not beyond the device's MTU (calculate_skb_padding). */
function sendData(core: Core, device: DeviceState, peer: PeerState, session: Session, packet: Skb): void {
  const inside = ipBytes(packet);
  const last = inside > device.mtuBytes ? inside % device.mtuBytes : inside;
  const padded = inside - last + Math.min(device.mtuBytes, Math.ceil(last / PADDING_BYTES) * PADDING_BYTES);
  scrub(packet);
  const message: WireguardMessage = { type: 4, sender: 0, receiver: session.remoteIndex, counter: session.sent };
  session.sent += 1;
  // What is encrypted cannot be completed by a card: skb_checksum_help() comes first (drivers/net/wireguard/send.c).
  finishChecksums(packet);
  const outer = outerFor(core, device, peer, message, WIREGUARD_KEEPALIVE_BYTES + padded, packet);
  outer.tos = outerTos(0, packet);
  const six = typeof outer.dst === 'bigint';
  const remoteIp = peer.endpointIp === undefined ? '' : formatIp(peer.endpointIp);
  sendOuter(core, device, outer, { localIp: '', remoteIp, overheadBytes: six ? OVERHEAD6_BYTES : OVERHEAD_BYTES, fdbOrigin: device.record.origin }, -1);
  sentAnything(core, device, peer);
  // Nothing heard within so long after data: the session is dead.
  if (peer.timers.handshake < 0) setTimer(core, device, peer, 'handshake', KEEPALIVE_TIMEOUT_NS + REKEY_TIMEOUT_NS + jitter(core, device));
}

function sendKeepalive(core: Core, device: DeviceState, peer: PeerState): void {
  const session = peer.current;
  if (peer.staged.length > 0 || session === undefined || core.nowNs >= session.bornNs + REJECT_AFTER_NS) {
    if (session === undefined || core.nowNs >= session.bornNs + REJECT_AFTER_NS) initiate(core, device, peer, false);
    else sendStaged(core, device, peer);
    return;
  }
  const outer = outerFor(
    core,
    device,
    peer,
    { type: 4, sender: 0, receiver: session.remoteIndex, counter: session.sent },
    WIREGUARD_KEEPALIVE_BYTES,
    undefined,
  );
  session.sent += 1;
  send(core, device, outer);
  sentAnything(core, device, peer);
}

function send(core: Core, device: DeviceState, outer: Skb): void {
  emitCreated(core, device.netns, outer, 'kernel: WireGuard');
  core.depth += 1;
  core.layers.localOut(device.netns, outer);
  core.depth -= 1;
}

/** wg_packet_send_handshake_initiation(); not more often than every five seconds. */
function initiate(core: Core, device: DeviceState, peer: PeerState, retry: boolean): void {
  if (!retry) peer.attempts = 0;
  if (peer.endpointIp === undefined || core.nowNs < peer.lastInitiationNs + REKEY_TIMEOUT_NS) return;
  peer.lastInitiationNs = core.nowNs;
  peer.handshakeIndex = newIndex(core, device);
  const record = device.record as WireguardDevice;
  const message: WireguardMessage = { type: 1, sender: peer.handshakeIndex, receiver: 0, counter: 0, from: record.publicKey, to: peer.publicKey };
  const outer = outerFor(core, device, peer, message, WIREGUARD_INITIATION_BYTES, undefined);
  outer.tos = HANDSHAKE_TOS;
  send(core, device, outer);
  setTimer(core, device, peer, 'retransmit', REKEY_TIMEOUT_NS + jitter(core, device), false);
  sentAnything(core, device, peer);
}

const jitter = (core: Core, device: DeviceState): number => core.prng(`${device.id} wireguard`).below(MAX_JITTER_NS);
const newIndex = (core: Core, device: DeviceState): number => Math.max(1, core.prng(`${device.id} wireguard`).uint32());

/** wg_receive(): UDP for a WireGuard device's port. True when there is one, whatever becomes of the packet. */
export function wireguardReceive(core: Core, netns: NetnsState, outer: Skb): boolean {
  let owner: DeviceState | undefined;
  for (const device of netns.tunnelDevices) if (device.record.type === 'wireguard' && device.record.listenPort === outer.dport && device.up) owner = device;
  if (owner === undefined || owner.wireguard === undefined) return false;
  core.nowNs += DECAPSULATE_NS;
  const message = outer.payload?.wireguard;
  if (message === undefined) refuse(core, owner, outer, 'no WireGuard message');
  else if (message.type === 1) receiveInitiation(core, owner, outer, message);
  else if (message.type === 2) receiveResponse(core, owner, outer, message);
  else receiveData(core, owner, outer, message);
  return true;
}

function refuse(core: Core, device: DeviceState, packet: Skb, why: string): void {
  device.rxDropped += 1;
  emitDropped(core, device.place, packet, 'TUNNEL_NO_SESSION', why);
}

function receiveInitiation(core: Core, device: DeviceState, outer: Skb, message: WireguardMessage): void {
  const record = device.record as WireguardDevice;
  const peer = message.from === undefined ? undefined : device.wireguard?.peers.get(message.from);
  if (message.to !== record.publicKey) {
    refuse(core, device, outer, `the handshake is for another public key than ${device.name}'s`);
    return;
  }
  if (peer === undefined) {
    refuse(core, device, outer, `no peer of ${device.name} has the public key that calls`);
    return;
  }
  const seq = emitDelivered(core, device.place, outer, `${device.name}: WireGuard handshake`, undefined);
  roam(peer, outer);
  peer.rxBytes += outer.payload?.bytes ?? 0;
  const index = newIndex(core, device);
  peer.next = newSession(index, message.sender, core.nowNs, false);
  const answer: WireguardMessage = { type: 2, sender: index, receiver: message.sender, counter: 0 };
  const response = outerFor(core, device, peer, answer, WIREGUARD_RESPONSE_BYTES, undefined);
  response.causeSeq = seq;
  response.tos = HANDSHAKE_TOS;
  peer.lastHandshakeNs = core.nowNs;
  send(core, device, response);
  sentAnything(core, device, peer);
}

function newSession(localIndex: number, remoteIndex: number, bornNs: number, initiator: boolean): Session {
  return { localIndex, remoteIndex, bornNs, initiator, sent: 0, highest: -1, received: new Set() };
}

function receiveResponse(core: Core, device: DeviceState, outer: Skb, message: WireguardMessage): void {
  let peer: PeerState | undefined;
  for (const one of device.wireguard?.peers.values() ?? []) if (one.handshakeIndex !== 0 && one.handshakeIndex === message.receiver) peer = one;
  if (peer === undefined) {
    refuse(core, device, outer, 'no handshake waits for this response');
    return;
  }
  emitDelivered(core, device.place, outer, `${device.name}: WireGuard handshake`, undefined);
  roam(peer, outer);
  peer.rxBytes += outer.payload?.bytes ?? 0;
  peer.previous = peer.current;
  peer.current = newSession(message.receiver, message.sender, core.nowNs, true);
  peer.next = undefined;
  peer.handshakeIndex = 0;
  peer.attempts = 0;
  peer.lastHandshakeNs = core.nowNs;
  stopTimer(core, peer, 'retransmit');
  receivedAnything(core, device, peer);
  // The responder may not speak before it has heard the new key: an empty packet will do.
  sendKeepalive(core, device, peer);
}

/** wg_packet_consume_data() */
function receiveData(core: Core, device: DeviceState, outer: Skb, message: WireguardMessage): void {
  let peer: PeerState | undefined;
  let session: Session | undefined;
  for (const one of device.wireguard?.peers.values() ?? []) {
    for (const candidate of [one.current, one.previous, one.next]) {
      if (candidate?.localIndex !== message.receiver) continue;
      peer = one;
      session = candidate;
    }
  }
  if (peer === undefined || session === undefined) {
    refuse(core, device, outer, 'no session has this receiver index: the key is forgotten or never was');
    return;
  }
  if (core.nowNs >= session.bornNs + REJECT_AFTER_NS) {
    refuse(core, device, outer, 'the key is older than 180 seconds');
    return;
  }
  if (!acceptCounter(session, message.counter)) {
    refuse(core, device, outer, `counter ${message.counter} was used before: a copy, or a replay`);
    return;
  }
  roam(peer, outer);
  peer.rxBytes += outer.payload?.bytes ?? 0;
  if (session === peer.next) {
    peer.previous = peer.current;
    peer.current = session;
    peer.next = undefined;
  }
  receivedAnything(core, device, peer);
  const inner = outer.inner;
  if (inner === undefined) emitDelivered(core, device.place, outer, `${device.name}: WireGuard keepalive`, undefined);
  else deliverInner(core, device, peer, outer, inner);
  sendStaged(core, device, peer);
  const age = core.nowNs - session.bornNs;
  if (session.initiator && age >= REJECT_AFTER_NS - KEEPALIVE_TIMEOUT_NS - REKEY_TIMEOUT_NS) initiate(core, device, peer, false);
}

function deliverInner(core: Core, device: DeviceState, peer: PeerState, outer: Skb, inner: Skb): void {
  // Data wants an answer: if nothing goes back within ten seconds, a keepalive does.
  if (peer.timers.keepalive < 0) setTimer(core, device, peer, 'keepalive', KEEPALIVE_TIMEOUT_NS);
  else peer.keepaliveWanted = true;
  if (device.wireguard?.peerOf(inner.src) !== peer) {
    device.rxDropped += 1;
    emitDropped(
      core,
      device.place,
      outer,
      'TUNNEL_SOURCE_REFUSED',
      `${formatIp(inner.src)} is none of the allowed IPs of the peer at ${formatEndpoint(outer.src, outer.sport)}`,
    );
    return;
  }
  scrub(inner);
  inner.id = outer.id;
  inner.causeSeq = outer.causeSeq;
  inner.flowHash = 0;
  inner.packetType = PACKET_HOST;
  emitDecapsulated(core, device, TUNNEL_WIREGUARD, 0, inner);
  core.layers.receive(device, inner);
}

/** The peer is where it was last heard from. */
function roam(peer: PeerState, outer: Skb): void {
  peer.endpointIp = outer.src;
  peer.endpointPort = outer.sport;
}

/** wg_timers_any_authenticated_packet_sent() and _traversal() */
function sentAnything(core: Core, device: DeviceState, peer: PeerState): void {
  stopTimer(core, peer, 'keepalive');
  persist(core, device, peer);
}

function receivedAnything(core: Core, device: DeviceState, peer: PeerState): void {
  stopTimer(core, peer, 'handshake');
  persist(core, device, peer);
}

function persist(core: Core, device: DeviceState, peer: PeerState): void {
  const seconds = (device.record as WireguardDevice).peers.find((one) => one.publicKey === peer.publicKey)?.keepaliveSeconds ?? 0;
  if (seconds > 0) setTimer(core, device, peer, 'persistent', seconds * 1e9);
}

function setTimer(core: Core, device: DeviceState, peer: PeerState, timer: WireguardTimer, delayNs: number, housekeeping = true): void {
  stopTimer(core, peer, timer);
  const token: DeviceTimer = { peer: peer.publicKey, timer };
  peer.timers[timer] = core.queue.push(core.nowNs + delayNs, EVENT_DEVICE, device.id, token, housekeeping, true);
}

function stopTimer(core: Core, peer: PeerState, timer: WireguardTimer): void {
  if (peer.timers[timer] >= 0) core.queue.cancel(peer.timers[timer]);
  peer.timers[timer] = -1;
}

/** An event of a device's timer; `seq` tells whether it is still the one that was set. */
export function wireguardTimer(core: Core, device: DeviceState, token: DeviceTimer, seq: number): void {
  const peer = device.wireguard?.peers.get(token.peer);
  if (peer === undefined || peer.timers[token.timer] !== seq) return;
  peer.timers[token.timer] = -1;
  if (!device.up || device.gone) return;
  switch (token.timer) {
    case 'retransmit':
      retransmit(core, device, peer);
      return;
    case 'keepalive':
      sendKeepalive(core, device, peer);
      if (peer.keepaliveWanted) {
        peer.keepaliveWanted = false;
        setTimer(core, device, peer, 'keepalive', KEEPALIVE_TIMEOUT_NS);
      }
      return;
    case 'handshake':
      initiate(core, device, peer, false);
      return;
    case 'persistent':
      sendKeepalive(core, device, peer);
      persist(core, device, peer);
  }
}

/** wg_expired_retransmit_handshake() */
function retransmit(core: Core, device: DeviceState, peer: PeerState): void {
  if (peer.handshakeIndex === 0) return;
  if (peer.attempts >= MAX_HANDSHAKES) {
    peer.handshakeIndex = 0;
    const waiting = peer.staged;
    peer.staged = [];
    for (const packet of waiting) emitDropped(core, device.place, packet, 'TUNNEL_NO_SESSION', `the peer did not answer ${MAX_HANDSHAKES + 2} handshakes`);
    return;
  }
  peer.attempts += 1;
  initiate(core, device, peer, true);
}

/** wg_open(): peers with a persistent keepalive call at once. */
export function wireguardUp(core: Core, device: DeviceState): void {
  if (device.record.type !== 'wireguard') return;
  for (const peer of device.wireguard?.peers.values() ?? []) {
    const wanted = device.record.peers.find((one) => one.publicKey === peer.publicKey)?.keepaliveSeconds ?? 0;
    if (wanted > 0 && peer.timers.persistent < 0) setTimer(core, device, peer, 'persistent', 0);
  }
}

/** wg_stop(): keys and waiting packets are forgotten. */
export function wireguardDown(core: Core, device: DeviceState): void {
  for (const peer of device.wireguard?.peers.values() ?? []) {
    for (const timer of ['retransmit', 'keepalive', 'handshake', 'persistent'] as const) stopTimer(core, peer, timer);
    for (const packet of peer.staged)
      emitDropped(core, device.place, packet, 'DEV_READY', `${device.name} went down while the packet waited for the handshake`);
    peer.staged = [];
    peer.current = undefined;
    peer.previous = undefined;
    peer.next = undefined;
    peer.handshakeIndex = 0;
    peer.attempts = 0;
    peer.lastInitiationNs = -REKEY_TIMEOUT_NS;
  }
}
