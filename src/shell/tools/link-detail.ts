/** What `ip -d link` adds: bounds, the kind with its settings, bridge port, queues. iproute2: ip/ipaddress.c, ip/iplink_*.c, ip/iplink_bridge_slave.c */
import type { Device, OrInherit } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { mtuBounds } from './device-change.ts';
import { deviceById, devicesOf } from './net-view.ts';

const onOff = (value: boolean | undefined): string => (value === true ? 'on' : 'off');
const notOff = (value: boolean | undefined): string => (value === false ? 'off' : 'on');
const QUEUES = 'addrgenmode eui64 numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 tso_max_size 524280 tso_max_segs 65535 gro_max_size 65536 ';

/** Behind the link line, without a newline at its beginning. */
export function detailText(invocation: Invocation, device: Device): string {
  const [minimum, maximum] = mtuBounds(device);
  const port = device.master !== undefined;
  const promiscuity = (port ? 1 : 0) + (device.promiscuous === true ? 1 : 0);
  const bounds = ` promiscuity ${promiscuity}  allmulti ${port ? 1 : 0} minmtu ${minimum} maxmtu ${maximum} `;
  const kind = kindText(invocation, device);
  return `${bounds}${kind === '' ? '' : `\n    ${kind}`}${bridgePortText(invocation, device)}${QUEUES}`;
}

const deviceName = (invocation: Invocation, id: string): string => deviceById(invocation.host, id)?.name ?? '?';
const tosText = (tos: OrInherit | undefined): string => (tos === undefined || tos === 0 ? '' : `tos ${tos === 'inherit' ? tos : `0x${tos.toString(16)}`} `);
const ttlText = (ttl: OrInherit | undefined): string => `ttl ${ttl === undefined || ttl === 0 ? 'auto' : ttl} `;

function kindText(invocation: Invocation, device: Device): string {
  switch (device.type) {
    case 'loopback':
    case 'ethernet':
      return '';
    case 'veth':
      return 'veth ';
    case 'dummy':
      return 'dummy ';
    case 'bridge':
      return bridgeText(invocation, device);
    case 'vxlan': {
      const remote = device.remoteIp === undefined ? '' : `remote ${device.remoteIp} `;
      const local = device.localIp === '' ? '' : `local ${device.localIp} `;
      const underlay = device.underlay === '' ? '' : `dev ${deviceName(invocation, device.underlay)} `;
      const ports = device.sourcePorts ?? { low: 0, high: 0 };
      const misses = `${device.l2miss === true ? 'l2miss ' : ''}${device.l3miss === true ? 'l3miss ' : ''}`;
      const fragment = device.dontFragment === undefined ? '' : `df ${device.dontFragment} `;
      const which = device.external === true ? 'external id 0' : `id ${device.vni}`;
      return `vxlan ${which} ${remote}${local}${underlay}srcport ${ports.low} ${ports.high} dstport ${device.destinationPort} ${device.learning ? '' : 'nolearning '}${misses}${tosText(device.tos)}${ttlText(device.ttl)}${fragment}ageing ${device.ageingSeconds ?? 300} ${device.udpChecksum === false ? 'no' : ''}udpcsum noudp6zerocsumtx noudp6zerocsumrx `;
    }
    case 'geneve': {
      const fragment = device.dontFragment === undefined ? '' : `df ${device.dontFragment} `;
      if (device.external === true)
        return `geneve id 0 ${ttlText(device.ttl)}${tosText(device.tos)}${fragment}dstport ${device.destinationPort} external udp6zerocsumrx `;
      return `geneve id ${device.vni} remote ${device.remoteIp} ${ttlText(device.ttl)}${tosText(device.tos)}${fragment}dstport ${device.destinationPort} noudpcsum noudp6zerocsumtx udp6zerocsumrx `;
    }
    case 'vlan':
      return `vlan protocol 802.1Q id ${device.vlanId} <REORDER_HDR> `;
    case 'ipip': {
      const underlay = device.underlay === undefined ? '' : `dev ${deviceName(invocation, device.underlay)} `;
      const ttl = device.ttl === 0 ? 'inherit' : device.ttl;
      return `ipip ipip remote ${device.remoteIp ?? 'any'} local ${device.localIp ?? 'any'} ${underlay}ttl ${ttl} ${tosText(device.tos)}${device.pathMtuDiscovery ? '' : 'no'}pmtudisc `;
    }
    case 'wireguard':
      return 'wireguard ';
    case 'tun':
      return `tun type ${device.mode} pi off vnet_hdr off persist on `;
  }
}

const bridgeId = (mac: string): string => `8000.${mac}`;

function bridgeText(invocation: Invocation, device: Extract<Device, { type: 'bridge' }>): string {
  const id = bridgeId(device.mac);
  const netns = invocation.host.engine.records.find(device.netns);
  const netfilter = netns?.kind === 'netns' ? netns.sysctls : {};
  const call = (leaf: string): number => (Object.hasOwn(netfilter, `net.bridge.${leaf}`) ? (netfilter[`net.bridge.${leaf}`] ?? 0) : 0);
  // Per bridge these are off; the sysctl of the netns turns them on for all.
  const calls = `nf_call_iptables ${call('bridge-nf-call-iptables') > 1 ? 1 : 0} nf_call_ip6tables 0 nf_call_arptables 0`;
  return `bridge forward_delay 1500 hello_time 200 max_age 2000 ageing_time ${device.ageingSeconds * 100} stp_state 0 priority 32768 vlan_filtering 0 bridge_id ${id} designated_root ${id} root_port 0 root_path_cost 0 topology_change 0 topology_change_detected 0 hello_timer    0.00 tcn_timer    0.00 topology_change_timer    0.00 gc_timer    0.00 group_fwd_mask 0 group_address 01:80:c2:00:00:00 mcast_snooping 0 no_linklocal_learn 0 mcast_vlan_snooping 0 mcast_router 1 mcast_query_use_ifaddr 0 mcast_querier 0 mcast_hash_elasticity 16 mcast_hash_max 4096 mcast_last_member_count 2 mcast_startup_query_count 2 mcast_last_member_interval 100 mcast_membership_interval 26000 mcast_querier_interval 25500 mcast_query_interval 12500 mcast_query_response_interval 1000 mcast_startup_query_interval 3125 mcast_stats_enabled 0 mcast_igmp_version 2 mcast_mld_version 1 ${calls} `;
}

/** `forwarding` while the port is up with carrier, else `disabled`; spanning tree is off. */
export const portState = (carrier: boolean): string => (carrier ? 'forwarding' : 'disabled');

function bridgePortText(invocation: Invocation, device: Device): string {
  if (device.master === undefined) return '';
  const master = deviceById(invocation.host, device.master);
  const ports = devicesOf(invocation.host, device.netns).filter((one) => one.master === device.master);
  const number = ports.findIndex((one) => one.id === device.id) + 1;
  const id = bridgeId((master?.mac ?? device.mac).replace(/(^|:)0/g, '$1'));
  const port = device.bridgePort;
  return `\n    bridge_slave state ${portState(device.up)} priority 32 cost 2 hairpin ${onOff(port?.hairpin)} guard off root_block off fastleave off learning ${notOff(port?.learning)} flood ${notOff(port?.flood)} port_id 0x8${number.toString(16).padStart(3, '0')} port_no 0x${number.toString(16)} designated_port ${32768 + number} designated_cost 0 designated_bridge ${id} designated_root ${id} hold_timer    0.00 message_age_timer    0.00 forward_delay_timer    0.00 topology_change_ack 0 config_pending 0 proxy_arp off proxy_arp_wifi off mcast_router 1 mcast_fast_leave off mcast_flood ${notOff(port?.multicastFlood)} bcast_flood ${notOff(port?.broadcastFlood)} mcast_to_unicast off neigh_suppress ${onOff(port?.neighborSuppress)} group_fwd_mask 0 group_fwd_mask_str 0x0 vlan_tunnel off isolated ${onOff(port?.isolated)} locked off `;
}
