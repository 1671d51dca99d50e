/** Small worlds of records in a few lines, for tests: hosts, pods on a bridge, flannel-like tunnels, an underlay switch. */
import type { Origin } from '../../base/origin.ts';
import { hashText } from '../../base/prng.ts';
import { RecordStore } from '../../base/record-store.ts';
import { formatIp, prefixOf } from '../addr/ip.ts';
import { cidr } from '../addr/ip4.ts';
import { formatMac } from '../addr/mac.ts';
import { connectedRoutes } from '../device/connected-routes.ts';
import type { Chain, Device, DeviceAddress, NetRecord, Rule } from '../records.ts';

const ORIGIN: Origin = { component: 'test', objects: [] };

/** A device's fields that differ from kind to kind, with what all have left out. */
type DeviceFields<D> = D extends Device
  ? Omit<D, 'kind' | 'id' | 'origin' | 'netns' | 'name' | 'index' | 'mac' | 'up' | 'addresses' | 'mtuBytes'> & Partial<Pick<D, 'mac' | 'up' | 'mtuBytes'>>
  : never;

/** `10.244.0.1/24`, or `10.244.0.0/32`. */
function addressOf(text: string, scope: DeviceAddress['scope'] = 'global'): DeviceAddress {
  const { address, prefixLength } = prefixOf(text);
  return { ip: formatIp(address), prefixLength, scope };
}

export class WorldBuilder {
  readonly records = new RecordStore<NetRecord>();
  readonly #indexes = new Map<string, number>();

  host(name: string, sysctls: Readonly<Record<string, number>> = {}, role: 'node' | 'switch' | 'router' | 'external' = 'node'): string {
    this.records.put({ kind: 'host', id: name, origin: ORIGIN, name, role });
    return this.netns(name, 'root', name, sysctls);
  }

  /** Adds lo too; returns the netns' id. IPv6 is off unless a sysctl says otherwise. */
  netns(host: string, name: string, hostname: string, sysctls: Readonly<Record<string, number>> = {}): string {
    const id = `${host}/netns/${name}`;
    this.records.put({
      kind: 'netns',
      id,
      origin: ORIGIN,
      hostId: host,
      name,
      hostname,
      sysctls: { 'net.ipv6.conf.all.disable_ipv6': 1, ...sysctls },
      files: {},
    });
    const lo = { type: 'loopback', mtuBytes: 65536, mac: '00:00:00:00:00:00' } as const;
    this.device(id, 'lo', lo, [{ ip: '127.0.0.1', prefixLength: 8, scope: 'host' }]);
    return id;
  }

  /** Addresses as `ip/length`; their connected routes are added. Returns the device's id. */
  device(netns: string, name: string, fields: DeviceFields<Device>, addresses: readonly (string | DeviceAddress)[] = []): string {
    const id = `${netns}/device/${name}`;
    const index = (this.#indexes.get(netns) ?? 0) + 1;
    this.#indexes.set(netns, index);
    const device = {
      mtuBytes: 1500,
      up: true,
      mac: macFor(id),
      ...fields,
      kind: 'device',
      id,
      origin: ORIGIN,
      netns,
      name,
      index,
      addresses: addresses.map((a) => (typeof a === 'string' ? addressOf(a) : a)),
    } as Device;
    this.records.put(device);
    for (const route of connectedRoutes(device)) this.records.put(route);
    return id;
  }

  route(netns: string, destination: string, via: { readonly gateway?: string; readonly device: string; readonly onlink?: boolean }): void {
    this.records.put({
      kind: 'route',
      id: `${netns}/route/254/${destination}`,
      origin: ORIGIN,
      netns,
      table: 254,
      destination,
      type: 'unicast',
      ...(via.gateway === undefined ? {} : { gateway: via.gateway }),
      device: via.device,
      protocol: 'boot',
      scope: via.gateway === undefined ? 'link' : 'global',
      metric: 0,
      onlink: via.onlink === true,
    });
  }

  neighbor(netns: string, device: string, ip: string, mac: string): void {
    this.records.put({ kind: 'neighbor', id: `${netns}/neighbor/${device}/${ip}`, origin: ORIGIN, netns, device, ip, mac, state: 'PERMANENT' });
  }

  fdb(netns: string, device: string, mac: string, dst: string): void {
    this.records.put({ kind: 'fdb', id: `${netns}/fdb/${device}/${mac}/${dst}`, origin: ORIGIN, netns, device, mac, dst, state: 'permanent' });
  }

  chain(netns: string, table: Chain['table'], name: string, rules: readonly (string | Rule)[], policy?: 'ACCEPT' | 'DROP'): void {
    this.records.put({
      kind: 'chain',
      id: `${netns}/chain/${table}/${name}`,
      origin: ORIGIN,
      netns,
      table,
      name,
      ...(policy === undefined ? {} : { policy }),
      rules: rules.map((r) => (typeof r === 'string' ? { text: r } : r)),
    });
  }

  /** Two devices joined by a cable (`ethernet`) or as a veth pair. Options apply to the second end. */
  cable(
    type: 'veth' | 'ethernet',
    a: { readonly netns: string; readonly name: string },
    b: { readonly netns: string; readonly name: string },
    ends: CableEnds = {},
  ): void {
    const idA = `${a.netns}/device/${a.name}`;
    const idB = `${b.netns}/device/${b.name}`;
    this.device(
      a.netns,
      a.name,
      { type, peer: idB, ...(ends.mtuA === undefined ? {} : { mtuBytes: ends.mtuA }), ...master(ends.masterA, ends.hairpinA) } as DeviceFields<Device>,
      ends.addressesA ?? [],
    );
    this.device(
      b.netns,
      b.name,
      { type, peer: idA, ...(ends.mtuB === undefined ? {} : { mtuBytes: ends.mtuB }), ...master(ends.masterB, ends.hairpinB) } as DeviceFields<Device>,
      ends.addressesB ?? [],
    );
  }
}

export interface CableEnds {
  readonly addressesA?: readonly string[];
  readonly addressesB?: readonly string[];
  readonly mtuA?: number;
  readonly mtuB?: number;
  /** Bridge device id the end is a port of. */
  readonly masterA?: string;
  readonly masterB?: string;
  readonly hairpinA?: boolean;
  readonly hairpinB?: boolean;
}

function master(bridge: string | undefined, hairpin: boolean | undefined): object {
  return bridge === undefined ? {} : { master: bridge, bridgePort: { hairpin: hairpin === true, isolated: false, learning: true } };
}

/** A locally administered MAC from a name. */
export function macFor(name: string): string {
  return formatMac(0x020000000000 + hashText(name));
}

export interface FlannelNode {
  readonly name: string;
  readonly ip: string;
  /** /24; the bridge has its .1 */
  readonly podCidr: string;
  readonly mtu?: number;
}

export interface FlannelOptions {
  readonly nodes: readonly FlannelNode[];
  readonly mode?: 'vxlan' | 'host-gw';
  /** Of pods and bridge. */
  readonly podMtu?: number;
  readonly vxlanMtu?: number;
  readonly hairpin?: boolean;
  readonly bridgeNetfilter?: boolean;
  /** Default gateway of the nodes. */
  readonly gateway?: string;
  readonly underlayPrefix?: number;
}

const flannelMac = (node: string): string => macFor(`${node} flannel.1`);
const baseOf = (podCidr: string): string => formatIp(cidr(podCidr).network);
const bridgeIp = (podCidr: string): string => formatIp(cidr(podCidr).network + 1);

/** An underlay switch `underlay` (bridge sw0), the nodes on it, and what flannel and its CNI plugin set up on each. */
export function addFlannel(b: WorldBuilder, options: FlannelOptions): void {
  const mode = options.mode ?? 'vxlan';
  const podMtu = options.podMtu ?? (mode === 'vxlan' ? 1450 : 1500);
  const switchNetns = b.host('underlay', { 'net.bridge.bridge-nf-call-iptables': 0 }, 'switch');
  const sw0 = b.device(switchNetns, 'sw0', { type: 'bridge', ageingSeconds: 300 });
  for (const node of options.nodes) {
    const netns = b.host(node.name, {
      'net.ipv4.ip_forward': 1,
      'net.bridge.bridge-nf-call-iptables': options.bridgeNetfilter === false ? 0 : 1,
    });
    b.cable(
      'ethernet',
      { netns: switchNetns, name: `p-${node.name}` },
      { netns, name: 'eth0' },
      {
        masterA: sw0,
        addressesB: [`${node.ip}/${options.underlayPrefix ?? 24}`],
        ...(node.mtu === undefined ? {} : { mtuB: node.mtu }),
      },
    );
    if (options.gateway !== undefined) b.route(netns, '0.0.0.0/0', { gateway: options.gateway, device: 'eth0' });
    b.device(netns, 'cni0', { type: 'bridge', ageingSeconds: 300, mtuBytes: podMtu }, [`${bridgeIp(node.podCidr)}/24`]);
    if (mode === 'vxlan') {
      b.device(
        netns,
        'flannel.1',
        {
          type: 'vxlan',
          vni: 1,
          localIp: node.ip,
          underlay: `${netns}/device/eth0`,
          destinationPort: 8472,
          learning: false,
          mtuBytes: options.vxlanMtu ?? 1450,
          mac: flannelMac(node.name),
        },
        [`${baseOf(node.podCidr)}/32`],
      );
    }
  }
  for (const node of options.nodes) {
    const netns = `${node.name}/netns/root`;
    for (const other of options.nodes) {
      if (other === node) continue;
      if (mode === 'host-gw') {
        b.route(netns, other.podCidr, { gateway: other.ip, device: 'eth0' });
        continue;
      }
      b.route(netns, other.podCidr, { gateway: baseOf(other.podCidr), device: 'flannel.1', onlink: true });
      b.neighbor(netns, 'flannel.1', baseOf(other.podCidr), flannelMac(other.name));
      b.fdb(netns, 'flannel.1', flannelMac(other.name), other.ip);
    }
  }
}

/** A pod's sandbox with its veth pair into the node's cni0. Returns its netns' id. */
export function addPod(b: WorldBuilder, node: string, name: string, ip: string, options: { readonly mtu?: number; readonly hairpin?: boolean } = {}): string {
  const root = `${node}/netns/root`;
  const netns = b.netns(node, `${name}.default`, name);
  const mtu = options.mtu ?? 1450;
  b.cable(
    'veth',
    { netns: root, name: vethName(name) },
    { netns, name: 'eth0' },
    {
      masterA: `${root}/device/cni0`,
      hairpinA: options.hairpin !== false,
      addressesB: [`${ip}/24`],
      mtuA: mtu,
      mtuB: mtu,
    },
  );
  b.route(netns, '0.0.0.0/0', { gateway: formatIp(cidr(`${ip}/24`).network + 1), device: 'eth0' });
  return netns;
}

export const vethName = (pod: string): string => `veth${hashText(pod).toString(16).padStart(8, '0')}`;

/** Takes away everything of a pod, both ends of its pair included. */
export function removePod(b: WorldBuilder, node: string, name: string): void {
  const netns = `${node}/netns/${name}.default`;
  for (const record of [...b.records.values()]) {
    if ('netns' in record && record.netns === netns) b.records.remove(record.id);
  }
  b.records.remove(`${node}/netns/root/device/${vethName(name)}`);
  b.records.remove(netns);
}
