/**
 * The network between the nodes: one switch with a port for each, and the router at its edge. Beyond the router there are the Hosts whose addresses are
 * not the underlay's and an internet in small (`internet.ts`); other addresses are unreachable.
 */

import type { Origin } from '../../base/origin.ts';
import type { BridgeDevice, Netns, NetRecord } from '../../net/records.ts';
import type { Agent, Rendering, StoreView } from '../../objects/types.ts';
import type { Underlay } from './cluster-network.ts';
import { listNodes, NETWORK_KINDS, underlayOf } from './cluster-network.ts';
import { address6, ethernet, gatewayRoute, kernelRoutes, loopback, subnetAddress } from './devices.ts';
import { renderInternet } from './internet.ts';
import { FORWARDING6, ip6Sysctls } from './ip6.ts';
import { macFromName } from './mac.ts';
import { pluggedHosts, portName, renderBehindRouter, underlayMembers } from './outside-host-agent.ts';
import { deviceId, ROUTER_HOST, rootNetnsId, UNDERLAY_HOST } from './record-ids.ts';

/** Device id of the switch port that a host's eth0 is plugged into. */
export const underlayPort = (host: string): string => deviceId(rootNetnsId(UNDERLAY_HOST), portName(host));

function netnsOf(host: string, origin: Origin, sysctls: Netns['sysctls'], files: Netns['files']): Netns {
  return { kind: 'netns', id: rootNetnsId(host), origin, hostId: host, name: 'root', hostname: host, sysctls, files };
}

function renderSwitch(underlay: Underlay, origin: Origin, view: StoreView): NetRecord[] {
  const netns = rootNetnsId(UNDERLAY_HOST);
  const bridgeId = deviceId(netns, 'sw0');
  const sw0: BridgeDevice = {
    kind: 'device',
    id: bridgeId,
    origin,
    netns,
    name: 'sw0',
    index: 2,
    mac: macFromName(bridgeId),
    mtuBytes: underlay.mtuBytes,
    up: true,
    addresses: [],
    type: 'bridge',
    ageingSeconds: 300,
  };
  const ports = underlayMembers(view).map((host, i) => ({
    ...ethernet(netns, portName(host), origin, {
      index: 3 + i,
      mtuBytes: underlay.mtuBytes,
      peer: deviceId(rootNetnsId(host), 'eth0'),
      link: underlay.portLink,
    }),
    master: bridgeId,
    bridgePort: { hairpin: false, isolated: false, learning: true },
  }));
  return [
    { kind: 'host', id: UNDERLAY_HOST, origin, name: UNDERLAY_HOST, role: 'switch' },
    // A switch looks at no IP header.
    netnsOf(UNDERLAY_HOST, origin, { ...ip6Sysctls(false), 'net.bridge.bridge-nf-call-iptables': 0, 'net.ipv4.ip_forward': 0 }, {}),
    loopback(netns, origin),
    sw0,
    ...ports,
  ];
}

function renderRouter(underlay: Underlay, origin: Origin, view: StoreView): NetRecord[] {
  const netns = rootNetnsId(ROUTER_HOST);
  const eth0 = ethernet(netns, 'eth0', origin, {
    index: 2,
    mtuBytes: underlay.mtuBytes,
    addresses: [
      subnetAddress(underlay.gateway, underlay.prefixLength),
      ...(underlay.six === undefined ? [] : [address6(underlay.six.gateway, underlay.six.prefix.prefixLength)]),
    ],
    peer: underlayPort(ROUTER_HOST),
    link: underlay.hostLink,
  });
  return [
    { kind: 'host', id: ROUTER_HOST, origin, name: ROUTER_HOST, role: 'router' },
    netnsOf(
      ROUTER_HOST,
      origin,
      {
        'net.ipv4.ip_forward': 1,
        'net.bridge.bridge-nf-call-iptables': 0,
        ...(underlay.six === undefined ? ip6Sysctls(false) : { ...FORWARDING6, 'net.bridge.bridge-nf-call-ip6tables': 0 }),
      },
      { '/etc/hosts': '127.0.0.1 localhost\n', '/etc/resolv.conf': 'nameserver 127.0.0.1\n' },
    ),
    loopback(netns, origin),
    eth0,
    ...kernelRoutes(eth0),
    ...renderBehindRouter(underlay, view),
    // No default route: what the router does not know it answers with "network unreachable".
    ...underlay.routes.map((route) => gatewayRoute(netns, route.destination, route.gateway, 'eth0', origin, 'static')),
    ...renderInternet(netns, underlay, origin, view),
  ];
}

function renderUnderlay(key: string, view: StoreView): Rendering<NetRecord> {
  const networks = view.list('Network');
  if (listNodes(view).length === 0 && networks.length === 0) return { records: [] };
  const underlay = underlayOf(view);
  const origin: Origin = { component: 'underlay', objects: underlay.key === undefined ? [] : [underlay.key] };
  if (key === ROUTER_HOST) {
    const records = renderRouter(underlay, origin, view);
    if (underlay.key === undefined || pluggedHosts(view).length > 0) return { records };
    const message = `beyond the router ${underlay.gateway} ${underlay.internet ? 'a few well-known names answer' : 'nothing is modelled'}: other addresses are unreachable and other names do not exist`;
    return { records, diagnostics: [{ key: underlay.key, path: 'spec', diagnostic: { severity: 'info', code: 'not-simulated', message } }] };
  }
  const diagnostics = networks.slice(1).map((network) => ({
    key: `Network/${network.metadata.name}`,
    path: 'spec',
    diagnostic: { severity: 'warning' as const, code: 'not-simulated', message: `only one Network joins the nodes; "${network.metadata.name}" has no effect` },
  }));
  return { records: renderSwitch(underlay, origin, view), diagnostics };
}

const KEYS = [UNDERLAY_HOST, ROUTER_HOST] as const;

/** Keys: `underlay` and `router`. */
export const underlayAgent: Agent<NetRecord> = {
  name: 'underlay',
  watches: ['Host', ...NETWORK_KINDS],
  keysFor: () => KEYS,
  keys: () => KEYS,
  render: renderUnderlay,
};
