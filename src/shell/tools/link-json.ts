/** `ip -j`: the same facts as JSON, in iproute2's names and order. */
import type { Device } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { mtuBounds } from './device-change.ts';
import { deviceState, flagList, type IpOptions, qdiscName, queueLength } from './link-words.ts';
import { deviceById, netnsNumber, peerSuffix } from './net-view.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** One line, or (-p) as iproute2's json_writer indents. */
export const printJson = (value: Json, pretty: boolean): string => `${pretty ? prettyText(value, 0) : JSON.stringify(value)}\n`;

function prettyText(value: Json, depth: number): string {
  const indent = '    '.repeat(depth);
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => prettyText(item, depth + 1));
    return items.length === 0 ? '[ ]' : `[ ${items.join(',')} ]`;
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const lines = Object.entries(value).map(([key, item]) => `${indent}    ${JSON.stringify(key)}: ${prettyText(item, depth + 1)}`);
  return `{\n${lines.join(',\n')}\n${indent}}`;
}

const LINK_TYPES: Partial<Record<Device['type'], string>> = { loopback: 'loopback', ipip: 'ipip', wireguard: 'none' };

export function linkJson(invocation: Invocation, device: Device, options: IpOptions, mode: boolean): { readonly [key: string]: Json } {
  const { host } = invocation;
  const peer = peerSuffix(host, device);
  const across = peer !== undefined && peer.peerNetns !== device.netns;
  const lower = device.type === 'vlan' ? deviceById(host, device.lower)?.name : peer !== undefined && !across ? peer.name.slice(1) : undefined;
  const linkType = device.type === 'tun' && device.mode === 'tun' ? 'none' : (LINK_TYPES[device.type] ?? 'ether');
  const master = device.master === undefined ? undefined : deviceById(host, device.master)?.name;
  const [minimum, maximum] = mtuBounds(device);
  return {
    ifindex: device.index,
    ...(across ? { link_index: Number(peer.name.replace('@if', '')) } : {}),
    ...(lower === undefined ? {} : { link: lower }),
    ifname: device.name,
    flags: flagList(invocation, device),
    mtu: device.mtuBytes,
    qdisc: qdiscName(device),
    ...(master === undefined ? {} : { master }),
    operstate: deviceState(invocation, device),
    ...(mode ? { linkmode: 'DEFAULT' } : {}),
    group: 'default',
    txqlen: queueLength(device),
    link_type: linkType,
    ...(linkType === 'none' ? {} : { address: device.mac, broadcast: linkType === 'loopback' ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff' }),
    ...(across ? { link_netnsid: netnsNumber(host, invocation.place.hostId, device.netns, peer.peerNetns) } : {}),
    ...(options.details
      ? {
          promiscuity: device.promiscuous === true ? 1 : 0,
          allmulti: 0,
          min_mtu: minimum,
          max_mtu: maximum,
          ...(device.type === 'loopback' || device.type === 'ethernet' ? {} : { linkinfo: { info_kind: device.type, ...infoData(device) } }),
          inet6_addr_gen_mode: 'eui64',
          num_tx_queues: 1,
          num_rx_queues: 1,
          gso_max_size: 65536,
          gso_max_segs: 65535,
        }
      : {}),
    ...(options.statistics ? { stats64: statistics(invocation, device) } : {}),
  };
}

function infoData(device: Device): { readonly [key: string]: Json } {
  switch (device.type) {
    case 'bridge':
      return { info_data: { forward_delay: 1500, hello_time: 200, max_age: 2000, ageing_time: device.ageingSeconds * 100, stp_state: 0, priority: 32768 } };
    case 'vxlan':
      return {
        info_data: {
          id: device.vni,
          ...(device.remoteIp === undefined ? {} : { remote: device.remoteIp }),
          ...(device.localIp === '' ? {} : { local: device.localIp }),
          port_range: { low: device.sourcePorts?.low ?? 0, high: device.sourcePorts?.high ?? 0 },
          port: device.destinationPort,
          learning: device.learning,
          ttl: typeof device.ttl === 'number' ? device.ttl : 0,
          ageing: device.ageingSeconds ?? 300,
          udp_csum: device.udpChecksum !== false,
        },
      };
    case 'geneve':
      return {
        info_data: {
          id: device.vni,
          remote: device.remoteIp,
          ttl: typeof device.ttl === 'number' ? device.ttl : 0,
          port: device.destinationPort,
          udp_csum: false,
        },
      };
    case 'vlan':
      return { info_data: { protocol: '802.1Q', id: device.vlanId, flags: ['REORDER_HDR'] } };
    default:
      return {};
  }
}

function statistics(invocation: Invocation, device: Device): { readonly [key: string]: Json } {
  const [rxPackets, rxBytes, txPackets, txBytes, rxDropped, txDropped] = invocation.host.engine.deviceCounters(device.id);
  return {
    rx: { bytes: rxBytes, packets: rxPackets, errors: 0, dropped: rxDropped, over_errors: 0, multicast: 0 },
    tx: { bytes: txBytes, packets: txPackets, errors: 0, dropped: txDropped, carrier_errors: 0, collisions: 0 },
  };
}
