/** A Linux bridge: learning, flooding, hairpin and isolated ports, delivery to the host. Linux: net/bridge/br_input.c, br_forward.c, br_fdb.c */
import { isGroupMac } from '../addr/mac.ts';
import type { Core } from '../stack/core.ts';
import { BRIDGE_NS } from '../stack/costs.ts';
import { cloneSkb, PACKET_HOST, type Skb } from '../stack/skb.ts';
import { emitBridged, emitDropped, emitFlooded } from '../trace/emit.ts';
import { frameBytes } from '../wire/lengths.ts';
import { ETHERTYPE_IPV4, type Mac } from '../wire/packet.ts';
import { bridgePrerouting, forwardHooks } from './bridge-netfilter.ts';
import type { DeviceState } from './device-state.ts';
import { tooBig } from './mtu.ts';

/** Entries one bridge learns; the kernel has no limit by default, a simulation needs one. */
const FDB_LIMIT = 65536;

/** br_handle_frame(): a frame came in by a port, behind the port's own tap. */
export function bridgeReceive(core: Core, port: DeviceState, packet: Skb): void {
  const bridge = port.master as DeviceState;
  core.nowNs += BRIDGE_NS;
  if (!bridge.up) {
    emitDropped(core, port.place, packet, 'DEV_READY', `${bridge.name} is down`);
    return;
  }
  if (packet.ethDst === bridge.mac) packet.packetType = PACKET_HOST;
  if (packet.etherType === ETHERTYPE_IPV4 && bridge.netns.bridgeNetfilter && bridge.netns.ruleset !== undefined) {
    const filtered = bridgePrerouting(core, port, bridge, packet);
    if (filtered === undefined) return;
    bridgeFrame(core, port, filtered);
    return;
  }
  bridgeFrame(core, port, packet);
}

/** br_handle_frame_finish(): learns the sender and decides where the frame goes. */
export function bridgeFrame(core: Core, port: DeviceState, packet: Skb): void {
  const bridge = port.master;
  if (bridge === undefined) {
    emitDropped(core, port.place, packet, 'DEV_READY', `${port.name} is no bridge port any more`);
    return;
  }
  if (port.record.bridgePort?.learning !== false) learnSource(core, bridge, port, packet.ethSrc);
  if (isGroupMac(packet.ethDst)) {
    flood(core, bridge, port, packet, true);
    return;
  }
  const own = bridge.fixedMacs.get(packet.ethDst);
  if (own === bridge) {
    passUp(core, bridge, port, packet);
    return;
  }
  // A promiscuous bridge (tcpdump on it) takes a copy of everything.
  if (bridge.promiscuous > 0) passUp(core, bridge, port, cloneSkb(packet));
  const to = own ?? findLearnt(core, bridge, packet.ethDst);
  if (to === undefined) {
    flood(core, bridge, port, packet, false);
    return;
  }
  if (!mayLeave(port, to)) {
    const why = to === port ? `${to.name} is where it came from, and hairpin is off there` : `${to.name} is isolated from ${port.name}, or down`;
    emitDropped(core, bridge.place, packet, 'BRIDGE_NO_EGRESS_PORT', why);
    return;
  }
  emitBridged(core, bridge, port, to, packet);
  forward(core, bridge, to, packet);
}

/** br_dev_xmit(): the host itself sends by the bridge, behind the bridge's own tap. */
export function bridgeTransmit(core: Core, bridge: DeviceState, packet: Skb): void {
  core.nowNs += BRIDGE_NS;
  const cameIn = packet.physIn;
  if (packet.bridgedDnat && cameIn !== undefined) {
    // br_netfilter only borrowed the way out to learn the MAC: the frame goes on being bridged from its port.
    packet.bridgedDnat = false;
    bridgeFrame(core, cameIn, packet);
    return;
  }
  packet.physIn = undefined;
  packet.physOut = undefined;
  if (isGroupMac(packet.ethDst)) {
    flood(core, bridge, bridge, packet, false);
    return;
  }
  const to = findLearnt(core, bridge, packet.ethDst);
  if (to === undefined) {
    flood(core, bridge, bridge, packet, false);
    return;
  }
  emitBridged(core, bridge, bridge, to, packet);
  send(core, to, packet);
}

function learnSource(core: Core, bridge: DeviceState, port: DeviceState, source: Mac): void {
  // A frame that claims a MAC of the bridge itself teaches nothing.
  if (bridge.fixedMacs.has(source)) return;
  const known = bridge.learnt.get(source);
  if (known !== undefined && known.port === port) {
    known.updatedNs = core.nowNs;
    return;
  }
  if (known === undefined && bridge.learnt.size >= FDB_LIMIT) return;
  bridge.learnt.set(source, { port, remote: 0, updatedNs: core.nowNs });
}

function findLearnt(core: Core, bridge: DeviceState, mac: Mac): DeviceState | undefined {
  const pinned = bridge.fixedMacs.get(mac);
  if (pinned !== undefined && pinned !== bridge) return pinned;
  const known = bridge.learnt.get(mac);
  if (known === undefined) return undefined;
  if (core.nowNs > known.updatedNs + bridge.ageingNs || known.port.gone || known.port.master !== bridge) {
    bridge.learnt.delete(mac);
    return undefined;
  }
  return known.port;
}

/** should_deliver() */
function mayLeave(from: DeviceState, to: DeviceState): boolean {
  if (!to.up) return false;
  if (from === to && to.record.bridgePort?.hairpin !== true) return false;
  return !(from !== to && from.record.bridgePort?.isolated === true && to.record.bridgePort?.isolated === true);
}

function flood(core: Core, bridge: DeviceState, from: DeviceState, packet: Skb, up: boolean): void {
  const ports = bridge.ports.filter((to) => mayLeave(from, to));
  const names = ports.map((p) => p.name);
  if (up) names.push(bridge.name);
  if (names.length === 0) {
    emitDropped(core, bridge.place, packet, 'BRIDGE_NO_EGRESS_PORT', `${bridge.name} has no other port to flood it to`);
    return;
  }
  emitFlooded(core, bridge, from, names, packet);
  for (let i = 0; i < ports.length; i += 1) {
    const to = ports[i] as DeviceState;
    const copy = !up && i === ports.length - 1 ? packet : cloneSkb(packet);
    if (from === bridge) send(core, to, copy);
    else forward(core, bridge, to, copy);
  }
  if (up) core.layers.receive(bridge, packet);
}

function forward(core: Core, bridge: DeviceState, to: DeviceState, packet: Skb): void {
  if (packet.physIn === undefined || packet.etherType !== ETHERTYPE_IPV4) {
    send(core, to, packet);
    return;
  }
  for (const frame of forwardHooks(core, bridge, to, packet)) send(core, to, frame);
}

function send(core: Core, to: DeviceState, packet: Skb): void {
  if (tooBig(to, frameBytes(packet))) {
    emitDropped(core, to.place, packet, 'PKT_TOO_BIG', `the frame is larger than the MTU of ${to.name} (${to.mtuBytes}); a bridge drops it without a word`);
    to.txDropped += 1;
    return;
  }
  core.layers.transmit(to, packet);
}

/** br_pass_frame_up() */
function passUp(core: Core, bridge: DeviceState, port: DeviceState, packet: Skb): void {
  emitBridged(core, bridge, port, undefined, packet);
  core.layers.receive(bridge, packet);
}
