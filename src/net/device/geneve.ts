/** A Geneve tunnel device: Ethernet frames in UDP, to one remote or, in external mode, wherever each packet says (RFC 8926). Linux: drivers/net/geneve.c */
import type { Core } from '../stack/core.ts';
import { DECAPSULATE_NS, ENCAPSULATE_NS } from '../stack/costs.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import type { Skb } from '../stack/skb.ts';
import { emitDecapsulated, emitDropped } from '../trace/emit.ts';
import { IP_PROTO_UDP, TUNNEL_GENEVE } from '../wire/packet.ts';
import type { DeviceState } from './device-state.ts';
import { addressText, classify, flowSourcePort, mayEnter, newOuter, outerDontFragment, outerTos, outerTtl, release, sendOuter } from './tunnel.ts';

/** Outer Ethernet is the wire's own; IP, UDP, Geneve without options and the inner Ethernet header are added. */
export const GENEVE_OVERHEAD_BYTES = 50;
const OVERHEAD6_BYTES = 70;
/** Unlike VXLAN's, its source ports are the whole range. */
const SOURCE_PORT_MIN = 1;
const SOURCE_PORT_MAX = 65535;
/** Who gives tunnel keys. */
const BPF = { component: 'bpf', objects: [] } as const;

/** geneve_xmit(): behind the device's tap. */
export function geneveTransmit(core: Core, device: DeviceState, packet: Skb): void {
  const record = device.record;
  if (record.type !== 'geneve' || !mayEnter(core, device, packet)) return;
  core.nowNs += ENCAPSULATE_NS;
  const key = packet.tunnelKey;
  packet.tunnelKey = undefined;
  if (record.external === true && key === undefined) {
    emitDropped(core, device.place, packet, 'GENEVE_VNI_NOT_FOUND', `${device.name} is external, and nobody gave this packet a tunnel key`);
    device.txDropped += 1;
    return;
  }
  const given = record.external === true ? key : undefined;
  const outer = newOuter(core, packet, TUNNEL_GENEVE, IP_PROTO_UDP);
  outer.dst = given?.remote ?? device.tunnelRemote;
  if (given !== undefined) outer.src = given.local;
  const six = typeof outer.dst === 'bigint';
  if (six) outer.etherType = 0x86dd;
  outer.ttl = outerTtl(device, record.ttl, packet);
  outer.tos = outerTos(record.tos, packet);
  outer.dontFragment = outerDontFragment(record.dontFragment, packet);
  outer.sport = flowSourcePort(core, packet, SOURCE_PORT_MIN, SOURCE_PORT_MAX);
  outer.dport = record.destinationPort;
  outer.vni = given?.id ?? record.vni;
  outer.checksumPartial = six;
  const text = {
    localIp: addressText(given?.local),
    remoteIp: given === undefined ? record.remoteIp : addressText(given.remote),
    overheadBytes: six ? OVERHEAD6_BYTES : GENEVE_OVERHEAD_BYTES,
    fdbOrigin: given === undefined ? record.origin : BPF,
  };
  if (given !== undefined) sendOuter(core, device, outer, text, -1);
  else device.tunnelText = sendOuter(core, device, outer, text, device.tunnelText);
}

/** geneve_rx(): a device is found by VNI and by who sent it. True when some Geneve device owns the port. */
export function geneveReceive(core: Core, netns: NetnsState, outer: Skb): boolean {
  let someone: DeviceState | undefined;
  let owner: DeviceState | undefined;
  for (const device of netns.tunnelDevices) {
    const record = device.record;
    if (record.type !== 'geneve' || record.destinationPort !== outer.dport || !device.up) continue;
    someone = device;
    if (record.external === true || (record.vni === outer.vni && device.tunnelRemote === outer.src)) owner = device;
  }
  if (someone === undefined) return false;
  core.nowNs += DECAPSULATE_NS;
  const inner = outer.tunnel === TUNNEL_GENEVE ? outer.inner : undefined;
  if (owner === undefined || inner === undefined) {
    const why = inner === undefined ? 'no Geneve header in it' : `no Geneve device with VNI ${outer.vni} and remote ${addressText(outer.src)}`;
    emitDropped(core, someone.place, outer, 'GENEVE_VNI_NOT_FOUND', why);
    return true;
  }
  if (inner.ethSrc === owner.mac) {
    emitDropped(core, owner.place, outer, 'GENEVE_VNI_NOT_FOUND', 'the inner frame is from this very device');
    return true;
  }
  release(outer, inner);
  if (owner.record.type === 'geneve' && owner.record.external === true) inner.tunnelKey = { local: outer.dst, remote: outer.src, id: outer.vni };
  classify(owner, inner);
  emitDecapsulated(core, owner, TUNNEL_GENEVE, outer.vni, inner);
  core.layers.receive(owner, inner);
  return true;
}
