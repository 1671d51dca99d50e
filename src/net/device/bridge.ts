/** A Linux bridge: learning, flooding, hairpin and isolated ports, delivery to the host. Linux: net/bridge/br_input.c, br_forward.c, br_fdb.c */
import { BROADCAST_MAC, isGroupMac } from '../addr/mac.ts';
import type { Core } from '../stack/core.ts';
import { BRIDGE_NS } from '../stack/costs.ts';
import { cloneSkb, PACKET_HOST, type Skb } from '../stack/skb.ts';
import { emitBridged, emitDropped, emitFlooded } from '../trace/emit.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, type Mac } from '../wire/packet.ts';
import { bridgePrerouting, forwardHooks } from './bridge-netfilter.ts';
import { answersArp } from './bridge-suppress.ts';
import type { DeviceState } from './device-state.ts';
import { tooBig, untaggedBytes } from './mtu.ts';

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
  if (!spend(core, bridge, packet)) return;
  if (packet.ethDst === bridge.mac) packet.packetType = PACKET_HOST;
  if (packet.vlan === 0 && isFiltered(bridge, packet)) {
    const filtered = bridgePrerouting(core, port, bridge, packet);
    if (filtered === undefined) return;
    bridgeFrame(core, port, filtered);
    return;
  }
  bridgeFrame(core, port, packet);
}

/** br_netfilter hands the frame to this family's hooks, and there are rules. */
function isFiltered(bridge: DeviceState, packet: Skb): boolean {
  const { netns } = bridge;
  if (packet.etherType === ETHERTYPE_IPV4) return netns.bridgeNetfilter && netns.ruleset !== undefined;
  return packet.etherType === ETHERTYPE_IPV6 && netns.bridgeNetfilter6 && netns.ruleset6 !== undefined;
}

/** Bridges have no TTL: in a ring without spanning tree a frame goes round until the simulator stops it. */
function spend(core: Core, bridge: DeviceState, packet: Skb): boolean {
  packet.bridgeBudget -= 1;
  if (packet.bridgeBudget > 0) return true;
  const why = `bridges form a loop and spanning tree is off: the frame came to ${bridge.name} once too often`;
  emitDropped(core, bridge.place, packet, 'HOP_LIMIT', why);
  return false;
}

/** br_handle_frame_finish(): learns the sender and decides where the frame goes. */
export function bridgeFrame(core: Core, port: DeviceState, packet: Skb): void {
  const bridge = port.master;
  if (bridge === undefined) {
    emitDropped(core, port.place, packet, 'DEV_READY', `${port.name} is no bridge port any more`);
    return;
  }
  if (port.record.bridgePort?.learning !== false) learnSource(core, bridge, port, packet.ethSrc);
  const suppressed = packet.etherType === ETHERTYPE_ARP && answersArp(core, bridge, port, packet, (mac) => findLearnt(core, bridge, mac));
  if (isGroupMac(packet.ethDst)) {
    flood(core, bridge, port, packet, true, suppressed);
    return;
  }
  if (bridge.localMacs.has(packet.ethDst)) {
    passUp(core, bridge, port, packet);
    return;
  }
  // A promiscuous bridge (tcpdump on it) takes a copy of everything, once the frame is on its way.
  const copy = bridge.promiscuous > 0 || bridge.takesAll ? cloneSkb(packet) : undefined;
  forwardKnown(core, bridge, port, packet, suppressed);
  if (copy !== undefined) passUp(core, bridge, port, copy);
}

function forwardKnown(core: Core, bridge: DeviceState, port: DeviceState, packet: Skb, suppressed: boolean): void {
  const to = findLearnt(core, bridge, packet.ethDst);
  if (to === undefined) {
    flood(core, bridge, port, packet, false, suppressed);
    return;
  }
  if (!mayLeave(port, to)) {
    const why =
      to === port
        ? `${to.name} is where it came from, and hairpin is off there`
        : isIsolated(port, to)
          ? `${to.name} and ${port.name} are isolated from each other`
          : `${to.name} is down`;
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
    flood(core, bridge, bridge, packet, false, false);
    return;
  }
  const to = findLearnt(core, bridge, packet.ethDst);
  if (to === undefined) {
    flood(core, bridge, bridge, packet, false, false);
    return;
  }
  emitBridged(core, bridge, bridge, to, packet);
  send(core, to, packet);
}

/** br_fdb_update(): what somebody wrote, and the bridge's own MACs, no frame moves. */
function learnSource(core: Core, bridge: DeviceState, port: DeviceState, source: Mac): void {
  if (bridge.fixedMacs.has(source) || isGroupMac(source)) return;
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

const isIsolated = (from: DeviceState, to: DeviceState): boolean =>
  from !== to && from.record.bridgePort?.isolated === true && to.record.bridgePort?.isolated === true;

/** should_deliver(); a port without carrier is in state disabled. */
function mayLeave(from: DeviceState, to: DeviceState): boolean {
  if (!to.up || !to.carrier) return false;
  if (from === to && to.record.bridgePort?.hairpin !== true) return false;
  return !isIsolated(from, to);
}

/** br_flood(): a port may be closed for unknown unicast, for multicast and for broadcast; the last two do not hold for what the host itself sends. */
function mayFlood(bridge: DeviceState, from: DeviceState, to: DeviceState, destination: Mac, suppressed: boolean): boolean {
  const flags = to.record.bridgePort;
  if (flags === undefined) return true;
  if (suppressed && flags.neighborSuppress === true) return false;
  if (!isGroupMac(destination)) return flags.flood !== false;
  if (from === bridge) return true;
  return destination === BROADCAST_MAC ? flags.broadcastFlood !== false : flags.multicastFlood !== false;
}

function flood(core: Core, bridge: DeviceState, from: DeviceState, packet: Skb, up: boolean, suppressed: boolean): void {
  const ports = bridge.ports.filter((to) => mayLeave(from, to) && mayFlood(bridge, from, to, packet.ethDst, suppressed));
  const names = ports.map((p) => p.name);
  if (up) names.push(bridge.name);
  if (names.length === 0) {
    emitDropped(core, bridge.place, packet, 'BRIDGE_NO_EGRESS_PORT', `${bridge.name} has no other port to flood it to`);
    return;
  }
  emitFlooded(core, bridge, from, names, packet);
  // The copies share what may still be spent, so that a storm ends however many ways it takes.
  if (ports.length > 1) packet.bridgeBudget = Math.ceil(packet.bridgeBudget / ports.length);
  for (let i = 0; i < ports.length; i += 1) {
    const to = ports[i] as DeviceState;
    const copy = !up && i === ports.length - 1 ? packet : cloneSkb(packet);
    if (from === bridge) send(core, to, copy);
    else forward(core, bridge, to, copy);
  }
  if (up) core.layers.receive(bridge, packet);
}

function forward(core: Core, bridge: DeviceState, to: DeviceState, packet: Skb): void {
  if (packet.physIn === undefined || (packet.etherType !== ETHERTYPE_IPV4 && packet.etherType !== ETHERTYPE_IPV6)) {
    send(core, to, packet);
    return;
  }
  for (const frame of forwardHooks(core, bridge, to, packet)) send(core, to, frame);
}

function send(core: Core, to: DeviceState, packet: Skb): void {
  if (tooBig(to, untaggedBytes(packet))) {
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
