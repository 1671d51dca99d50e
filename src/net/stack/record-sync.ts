/** Records into running state: what came, changed or went between two events, applied in an order that does not depend on who wrote first. */
import type { Change } from '../../base/record-store.ts';
import { ipOf } from '../addr/ip.ts';
import { mac } from '../addr/mac.ts';
import { attachPrograms, loadBpf, unloadBpf } from '../bpf/load.ts';
import { DeviceState } from '../device/device-state.ts';
import { wireguardDown, wireguardUp } from '../device/wireguard.ts';
import { IpSetState } from '../netfilter/ipset/state.ts';
import type { NftRecord } from '../nft/nft-records.ts';
import type { Chain, Device, FdbEntry, Host, IpSet, Neighbor, Netns, NetRecord, Route, RoutingRule } from '../records.ts';
import { announceAddresses } from './arp-send.ts';
import type { Core } from './core.ts';
import { checkNewAddresses } from './duplicate-address.ts';
import { forget, settled } from './neighbor-machine.ts';
import { NetnsState } from './netns-state.ts';

/** Everything the engine runs, by record id. */
export interface RunningState {
  /** Those that differ from today's usual machine. */
  readonly hosts: Map<string, Host>;
  readonly netns: Map<string, NetnsState>;
  readonly devices: Map<string, DeviceState>;
}

type Kind = NetRecord['kind'];
const ORDER: readonly Kind[] = [
  'host',
  'netns',
  'device',
  'route',
  'rule',
  'ipset',
  'chain',
  'nft-table',
  'nft-set',
  'nft-object',
  'nft-chain',
  'ipvs-service',
  'bpf-config',
  'bpf-endpoint',
  'bpf-ipcache',
  'bpf-policy',
  'bpf-service',
  'bpf-program',
  'neighbor',
  'proxy-neighbor',
  'fdb',
  'nfqueue',
  'process',
];

const kindOf = (change: Change<NetRecord>): Kind => (change.after ?? change.before)?.kind ?? 'host';

/** Applies changes (one a record). Removals go from the last kind to the first, additions the other way, so that nobody ever sees a device without its netns. */
export function applyChanges(core: Core, state: RunningState, changes: readonly Change<NetRecord>[]): void {
  const sorted = [...changes].sort((a, b) => ORDER.indexOf(kindOf(a)) - ORDER.indexOf(kindOf(b)));
  let devicesChanged = false;
  for (let i = sorted.length - 1; i >= 0; i -= 1) {
    const change = sorted[i] as Change<NetRecord>;
    if (change.after === undefined && change.before !== undefined) devicesChanged = remove(core, state, change.before) || devicesChanged;
  }
  for (const change of sorted) if (change.after !== undefined) devicesChanged = put(core, state, change.after, change.before) || devicesChanged;
  if (devicesChanged) connect(state, sorted);
  for (const { before, after } of sorted) {
    if (after?.kind !== 'device' || !after.up || (before?.kind === 'device' && before.up && before.mac === after.mac)) continue;
    const device = state.devices.get(after.id);
    if (device !== undefined) announceAddresses(core, device);
  }
}

function remove(core: Core, state: RunningState, record: NetRecord): boolean {
  if (record.kind === 'process') return false;
  if (record.kind === 'host') {
    state.hosts.delete(record.id);
    return false;
  }
  if (record.kind === 'netns') {
    const netns = state.netns.get(record.id);
    if (netns !== undefined) netns.gone = true;
    state.netns.delete(record.id);
    return false;
  }
  const netns = state.netns.get(record.netns);
  switch (record.kind) {
    case 'device': {
      const device = state.devices.get(record.id);
      if (device !== undefined) {
        device.gone = true;
        wireguardDown(core, device);
        for (const entry of [...device.neighbors.values()]) forget(core, entry);
      }
      state.devices.delete(record.id);
      netns?.devices.delete(record.id);
      netns?.routingChanged();
      return true;
    }
    case 'route':
      netns?.routes.delete(record.id);
      netns?.routingChanged();
      return false;
    case 'rule':
      netns?.rules.delete(record.id);
      netns?.routingChanged();
      return false;
    case 'proxy-neighbor':
      netns?.proxyNeighbors.delete(record.id);
      return false;
    case 'nft-table':
    case 'nft-chain':
    case 'nft-set':
    case 'nft-object':
      netns?.nftRecords.delete(record.id);
      netns?.nftChanged();
      return false;
    case 'nfqueue':
      netns?.queues.delete(record.queue);
      return false;
    case 'ipvs-service':
      netns?.ipvs.remove(record.id);
      netns?.ipvsChanged();
      return false;
    case 'chain':
      netns?.chains.delete(record.id);
      netns?.chainsChanged();
      return false;
    case 'ipset':
      netns?.ipsets.delete(record.name);
      return false;
    case 'bpf-program':
    case 'bpf-config':
    case 'bpf-service':
    case 'bpf-endpoint':
    case 'bpf-ipcache':
    case 'bpf-policy':
      if (netns !== undefined) unloadBpf(core, netns, record);
      return false;
    case 'neighbor': {
      netns?.neighborRecords.delete(record.id);
      const entry = netns?.deviceByName(record.device)?.neighbors.get(ipOf(record.ip));
      if (entry !== undefined) forget(core, entry);
      return false;
    }
    case 'fdb':
      netns?.fdbRecords.delete(record.id);
      netns?.tunnelsChanged();
      return true;
  }
}

function put(core: Core, state: RunningState, record: NetRecord, before: NetRecord | undefined): boolean {
  switch (record.kind) {
    case 'host':
      putHost(state, record);
      return false;
    case 'netns':
      putNetns(core, state, record);
      return false;
    case 'device':
      putDevice(core, state, record);
      return true;
    case 'route':
      return putRoute(state, record);
    case 'rule':
      return putRule(state, record);
    case 'proxy-neighbor':
      netnsOf(state, record).proxyNeighbors.set(record.id, record);
      return false;
    case 'ipset':
      putIpSet(core, state, record);
      return false;
    case 'chain':
      return putChain(state, record);
    case 'nft-table':
    case 'nft-chain':
    case 'nft-set':
    case 'nft-object':
      return putNft(state, record);
    case 'nfqueue':
      netnsOf(state, record).queues.set(record.queue, record);
      return false;
    case 'ipvs-service': {
      const netns = netnsOf(state, record);
      netns.ipvs.put(record);
      netns.ipvsChanged();
      return false;
    }
    case 'bpf-program':
    case 'bpf-config':
    case 'bpf-service':
    case 'bpf-endpoint':
    case 'bpf-ipcache':
    case 'bpf-policy':
      loadBpf(core, netnsOf(state, record), record);
      return false;
    case 'neighbor':
      return putNeighbor(core, state, record, before);
    case 'fdb':
      return putFdb(state, record);
    default:
      return false;
  }
}

function putNetns(core: Core, state: RunningState, record: Netns): void {
  const known = state.netns.get(record.id);
  if (known !== undefined) {
    known.compileSettings(record);
    // Sysctls decide about addresses that the kernel gives itself.
    for (const device of known.devices.values()) recompile(core, device, device.record);
    known.routingChanged();
    return;
  }
  const netns = new NetnsState(record, core.log.place(record.hostId, record.id, ''));
  const host = state.hosts.get(record.hostId);
  if (host !== undefined) netns.compileMachine(host);
  state.netns.set(record.id, netns);
}

/** All network namespaces of a machine share its kernel and CPUs. */
function putHost(state: RunningState, record: Host): void {
  const usual = record.kernel === undefined && record.secondCpuRatio === undefined;
  if (usual && !state.hosts.has(record.id)) return;
  if (usual) state.hosts.delete(record.id);
  else state.hosts.set(record.id, record);
  for (const netns of state.netns.values()) if (netns.hostId === record.id) netns.compileMachine(record);
}

/** @throws {Error} when a record names a netns that has none: our own mistake, never the user's. */
function netnsOf(state: RunningState, record: { readonly id: string; readonly netns: string }): NetnsState {
  const netns = state.netns.get(record.netns);
  if (netns === undefined) throw new Error(`record ${record.id} is in netns ${record.netns}, which does not exist`);
  return netns;
}

function putDevice(core: Core, state: RunningState, record: Device): void {
  const netns = netnsOf(state, record);
  netns.routingChanged();
  const known = state.devices.get(record.id);
  if (known !== undefined && known.record.type === record.type) {
    const wasUp = known.up;
    recompile(core, known, record);
    if (wasUp && !record.up) {
      forgetNeighbors(core, netns, known);
      wireguardDown(core, known);
    }
    if (record.up) wireguardUp(core, known);
    return;
  }
  if (known !== undefined) {
    known.gone = true;
    for (const entry of [...known.neighbors.values()]) forget(core, entry);
  }
  const device = new DeviceState(record, netns, core.log.place(netns.hostId, netns.id, record.name));
  state.devices.set(record.id, device);
  netns.devices.set(record.id, device);
  attachPrograms(core, device);
  if (record.up) wireguardUp(core, device);
  for (const neighbor of netns.neighborRecords.values()) if (neighbor.device === record.name) netns.applyNeighbor(neighbor);
}

/** Takes a new version of a device's record; IPv6 addresses that are new on it are asked about. */
function recompile(core: Core, device: DeviceState, record: Device): void {
  const before = device.addresses.map((a) => a.ip);
  const wasUp = device.up;
  device.compile(record);
  checkNewAddresses(core, device, wasUp ? before : []);
}

/** neigh_ifdown(): a device that goes down forgets whom it knew. */
function forgetNeighbors(core: Core, netns: NetnsState, device: DeviceState): void {
  for (const entry of [...device.neighbors.values()]) forget(core, entry);
  for (const neighbor of netns.neighborRecords.values()) if (neighbor.device === device.name) netns.applyNeighbor(neighbor);
}

function putRoute(state: RunningState, record: Route): boolean {
  const netns = netnsOf(state, record);
  netns.routes.set(record.id, record);
  netns.routingChanged();
  return false;
}

function putRule(state: RunningState, record: RoutingRule): boolean {
  const netns = netnsOf(state, record);
  netns.rules.set(record.id, record);
  netns.routingChanged();
  return false;
}

function putIpSet(core: Core, state: RunningState, record: IpSet): void {
  const netns = netnsOf(state, record);
  const known = netns.ipsets.get(record.name);
  if (known !== undefined && known.record.type === record.type && known.record.family === record.family) known.apply(record, core.nowNs);
  else netns.ipsets.set(record.name, new IpSetState(record, core.nowNs));
}

function putChain(state: RunningState, record: Chain): boolean {
  const netns = netnsOf(state, record);
  netns.chains.set(record.id, record);
  netns.chainsChanged();
  return false;
}

function putNft(state: RunningState, record: NftRecord): boolean {
  const netns = netnsOf(state, record);
  netns.nftRecords.set(record.id, record);
  netns.nftChanged();
  return false;
}

function putNeighbor(core: Core, state: RunningState, record: Neighbor, before: NetRecord | undefined): boolean {
  const netns = netnsOf(state, record);
  if (before?.kind === 'neighbor' && (before.ip !== record.ip || before.device !== record.device)) {
    const old = netns.deviceByName(before.device)?.neighbors.get(ipOf(before.ip));
    if (old !== undefined) forget(core, old);
  }
  netns.neighborRecords.set(record.id, record);
  const entry = netns.applyNeighbor(record);
  if (entry !== undefined) settled(core, entry);
  return false;
}

function putFdb(state: RunningState, record: FdbEntry): boolean {
  const netns = netnsOf(state, record);
  netns.fdbRecords.set(record.id, record);
  netns.tunnelsChanged();
  return true;
}

/** Cables, masters and ports anew, for the netns that changed and those at the other end of their cables. */
function connect(state: RunningState, changes: readonly Change<NetRecord>[]): void {
  const touched = new Set<NetnsState>();
  for (const change of changes) {
    for (const record of [change.before, change.after]) {
      if (record?.kind !== 'device' && record?.kind !== 'fdb') continue;
      const netns = state.netns.get(record.netns);
      if (netns !== undefined) touched.add(netns);
      const peer = record.kind === 'device' && 'peer' in record && record.peer !== undefined ? state.devices.get(record.peer) : undefined;
      if (peer !== undefined && !peer.gone) touched.add(peer.netns);
    }
  }
  for (const netns of touched) {
    connectNetns(state, netns);
    // Carriers may have come or gone.
    netns.routingChanged();
  }
}

/** Devices stacked deeper than this have no carrier. */
const MAX_STACK = 8;

/** Is there something at the other end? A pair or cable: the other end is up; a bridge: some port has carrier; a VLAN: the device below; a tun: a program holds it open. */
function hasCarrier(device: DeviceState, depth: number): boolean {
  const { record } = device;
  switch (record.type) {
    case 'veth':
    case 'ethernet':
      return device.peer?.up === true && !device.peer.gone;
    case 'vlan':
      return device.lower?.up === true && depth < MAX_STACK && hasCarrier(device.lower, depth + 1);
    case 'bridge':
      return depth < MAX_STACK && device.ports.some((port) => port.up && hasCarrier(port, depth + 1));
    case 'tun':
      return record.reader !== undefined;
    default:
      return true;
  }
}

function connectNetns(state: RunningState, netns: NetnsState): void {
  for (const device of netns.devices.values()) {
    const record = device.record;
    const peerId = 'peer' in record ? record.peer : undefined;
    const peer = peerId === undefined ? undefined : state.devices.get(peerId);
    if (peer !== device.peer) device.peerText = -1;
    device.peer = peer;
    device.master = record.master === undefined ? undefined : state.devices.get(record.master);
    device.lower = record.type === 'vlan' ? state.devices.get(record.lower) : undefined;
    device.vlans = undefined;
  }
  for (const device of netns.devices.values()) {
    const { record, lower } = device;
    if (record.type !== 'vlan' || lower === undefined) continue;
    lower.vlans ??= new Map();
    lower.vlans.set(record.vlanId, device);
  }
  for (const device of netns.devices.values()) {
    if (device.record.type !== 'bridge') continue;
    const ports = [...netns.devices.values()].filter((p) => p.master === device).sort((a, b) => b.record.index - a.record.index);
    device.ports = ports;
    device.fixedMacs.clear();
    device.localMacs.clear();
    device.localMacs.add(device.mac);
    for (const port of ports) device.localMacs.add(port.mac);
    device.fixedMacs.set(device.mac, device);
    for (const port of ports) device.fixedMacs.set(port.mac, device);
    for (const [learntMac, entry] of device.learnt) if (entry.port.gone || entry.port.master !== device) device.learnt.delete(learntMac);
  }
  for (const device of netns.devices.values()) device.carrier = hasCarrier(device, 0);
  for (const record of netns.fdbRecords.values()) {
    if (record.dst !== undefined) continue;
    const port = netns.deviceByName(record.device);
    const bridge = port?.master;
    if (port !== undefined && bridge !== undefined) bridge.fixedMacs.set(mac(record.mac), port);
  }
}
