/** Machines outside the cluster (kind Host): on the underlay's own wire, or in a network of their own behind the router. */

import type { Origin } from '../../base/origin.ts';
import { hashText } from '../../base/prng.ts';
import type { BridgeDevice, NetRecord, Process } from '../../net/records.ts';
import type { Agent, Rendering, StoreView } from '../../objects/types.ts';
import { behaviourOf } from '../pod/images.ts';
import { loadProcesses } from '../pod/load.ts';
import type { Container } from '../pod/types.ts';
import { findNode, listNodes, NETWORK_KINDS, type OutsideHost, outsideHosts, type Underlay, underlayOf } from './cluster-network.ts';
import { address6, ethernet, gatewayRoute, kernelRoutes, loopback, subnetAddress } from './devices.ts';
import { hostZone, zoneServer } from './internet.ts';
import { ip6Sysctls } from './ip6.ts';
import { macFromName } from './mac.ts';
import { deviceId, processId, ROUTER_HOST, rootNetnsId, UNDERLAY_HOST } from './record-ids.ts';

/** Linux: IFNAMSIZ without its final zero. */
const MAX_NAME_BYTES = 15;

/** Name of the port that a host's eth0 is plugged into; long names are shortened and keep a hash. */
export function portName(host: string): string {
  const plain = `p-${host}`;
  return plain.length <= MAX_NAME_BYTES ? plain : `${plain.slice(0, 7)}${hashText(host).toString(16).padStart(8, '0')}`;
}

const taken = (host: OutsideHost, view: StoreView): boolean =>
  host.name === UNDERLAY_HOST || host.name === ROUTER_HOST || findNode(host.name, view) !== undefined;

/** Hosts that are really there: with an address and a name of their own. */
export function pluggedHosts(view: StoreView): readonly OutsideHost[] {
  return outsideHosts(view).filter((host) => !taken(host, view));
}

/** Device id of the far end of a host's cable: a port of the underlay's switch, or of the router's bridge. */
const farEnd = (host: OutsideHost): string => deviceId(rootNetnsId(host.inside ? UNDERLAY_HOST : ROUTER_HOST), portName(host.name));

/** The router's side of the networks behind it: a bridge for each, with the network's first address, and a port for each host. */
export function renderBehindRouter(underlay: Underlay, view: StoreView): NetRecord[] {
  const netns = rootNetnsId(ROUTER_HOST);
  const records: NetRecord[] = [];
  const behind = pluggedHosts(view).filter((host) => !host.inside);
  const networks = [...new Set(behind.map((host) => host.network))];
  let index = 3;
  networks.forEach((network, i) => {
    const hosts = behind.filter((host) => host.network === network);
    const first = hosts[0];
    if (first === undefined) return;
    const origin: Origin = { component: 'underlay', objects: hosts.map((host) => host.key) };
    const name = i === 0 ? 'br-out' : `br-out${i + 1}`;
    const bridgeId = deviceId(netns, name);
    const bridge: BridgeDevice = {
      kind: 'device',
      id: bridgeId,
      origin,
      netns,
      name,
      index: index++,
      mac: macFromName(bridgeId),
      mtuBytes: underlay.mtuBytes,
      up: true,
      addresses: [subnetAddress(first.gateway, first.prefixLength), ...(first.six === undefined ? [] : [address6(first.six.gateway, first.six.prefixLength)])],
      type: 'bridge',
      ageingSeconds: 300,
    };
    records.push(bridge, ...kernelRoutes(bridge));
    for (const host of hosts) {
      const port = ethernet(
        netns,
        portName(host.name),
        { component: 'underlay', objects: [host.key] },
        {
          index: index++,
          mtuBytes: underlay.mtuBytes,
          peer: deviceId(rootNetnsId(host.name), 'eth0'),
          link: underlay.portLink,
        },
      );
      records.push({ ...port, master: bridgeId, bridgePort: { hairpin: false, isolated: false, learning: true } });
    }
  });
  return records;
}

/** As a container with these ports would do. */
function programs(host: OutsideHost, netns: string, origin: Origin): { readonly processes: readonly Process[]; readonly note?: string } {
  const ports = [
    ...(host.spec.ports ?? []).map((containerPort) => ({ containerPort, protocol: 'TCP' as const })),
    ...(host.spec.udpPorts ?? []).map((containerPort) => ({ containerPort, protocol: 'UDP' as const })),
  ];
  const container: Container = { name: host.name, image: host.spec.image ?? 'host', ports };
  const behaviour = behaviourOf(container, host.name);
  const processes = behaviour.programs.map((program): Process => {
    const name = program.suffix === '' || behaviour.programs.length === 1 ? 'server' : `server-${program.suffix}`;
    return { kind: 'process', id: processId(netns, name), origin, netns, app: program.app, name, config: program.config };
  });
  return { processes, ...(host.spec.image === undefined || behaviour.note === undefined ? {} : { note: behaviour.note }) };
}

function renderHost(name: string, view: StoreView): Rendering<NetRecord> {
  const host = outsideHosts(view).find((one) => one.name === name);
  const key = `Host/${name}` as const;
  if (host === undefined) {
    if (view.find(key) === undefined) return { records: [] };
    const message = `host "${name}" has no IPv4 address in spec.address: its network card is not connected`;
    return { records: [], diagnostics: [{ key, path: 'spec', diagnostic: { severity: 'warning', code: 'host-without-address', message } }] };
  }
  if (taken(host, view)) {
    const message = `a host cannot be called "${name}": there is another machine of that name`;
    return { records: [], diagnostics: [{ key, path: 'metadata.name', diagnostic: { severity: 'error', code: 'reserved-name', message } }] };
  }
  const underlay = underlayOf(view);
  const origin: Origin = { component: 'host', objects: [host.key] };
  const netns = rootNetnsId(name);
  const eth0 = ethernet(netns, 'eth0', origin, {
    index: 2,
    mtuBytes: underlay.mtuBytes,
    addresses: [subnetAddress(host.ip, host.prefixLength), ...(host.six === undefined ? [] : [address6(host.six.ip, host.six.prefixLength)])],
    peer: farEnd(host),
    link: underlay.hostLink,
  });
  const { processes, note } = programs(host, netns, origin);
  const zones = (host.spec.dns?.zones ?? []).map((zone) => hostZone(host, zone.name, zone.records ?? ''));
  const served = zones.flatMap((zone) => (zone.ok ? [zone.zone] : []));
  const broken = zones.find((zone) => !zone.ok);
  const dns: Process[] =
    served.length === 0
      ? []
      : [{ kind: 'process', id: processId(netns, 'dns'), origin, netns, app: 'dns-server', name: 'dns', config: zoneServer(undefined, served) }];
  const records: NetRecord[] = [
    { kind: 'host', id: name, origin, name, role: 'external' },
    {
      kind: 'netns',
      id: netns,
      origin,
      hostId: name,
      name: 'root',
      hostname: name,
      sysctls: ip6Sysctls(host.six !== undefined),
      files: {
        '/etc/hosts': `127.0.0.1 localhost\n${host.ip} ${name}\n${host.six === undefined ? '' : `${host.six.ip} ${name}\n`}`,
        '/etc/resolv.conf': `nameserver ${underlay.gateway}\n`,
        '/etc/hostname': `${name}\n`,
      },
    },
    loopback(netns, origin),
    eth0,
    ...kernelRoutes(eth0),
    gatewayRoute(netns, '0.0.0.0/0', host.gateway, 'eth0', origin, 'static'),
    ...(host.six === undefined ? [] : [gatewayRoute(netns, '::/0', host.six.gateway, 'eth0', origin, 'static')]),
    ...processes,
    ...loadProcesses(view.find(key)?.metadata.annotations, netns, origin, 'kubehop-load', 0),
    ...dns,
  ];
  if (broken !== undefined && !broken.ok)
    return { records, diagnostics: [{ key, path: 'spec.dns.zones', diagnostic: { severity: 'error', code: 'zone-file', message: broken.error } }] };
  if (note === undefined) return { records };
  return { records, diagnostics: [{ key, path: 'spec.image', diagnostic: { severity: 'info', code: 'simulated-image', message: note } }] };
}

const names = (view: StoreView) => view.list('Host').map((host) => host.metadata.name);

/** Keys are the names of Hosts. */
export const outsideHostAgent: Agent<NetRecord> = {
  name: 'outside-host',
  watches: ['Host', ...NETWORK_KINDS],
  keysFor: (changed, view) => (changed.kind === 'Host' ? [changed.metadata.name] : names(view)),
  keys: names,
  render: renderHost,
};

/** Who is plugged into the underlay's switch, in the order of its ports. */
export function underlayMembers(view: StoreView): readonly string[] {
  return [
    ROUTER_HOST,
    ...listNodes(view).flatMap((node) => (node.ip === undefined && node.ip6 === undefined ? [] : [node.name])),
    ...pluggedHosts(view).flatMap((host) => (host.inside ? [host.name] : [])),
  ];
}
