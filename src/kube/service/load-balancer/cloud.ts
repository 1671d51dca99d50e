/** A cloud's load balancers, in the underlay's router: one that passes packets on, or one that ends connections and says in the PROXY protocol whose they are. */
import type { Origin } from '../../../base/origin.ts';
import type { StreamProxyConfig } from '../../../net/app/proxy/stream-proxy.ts';
import type { Chain, DummyDevice, NetRecord, Process, Rule } from '../../../net/records.ts';
import type { StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { findNode } from '../../node/cluster-network.ts';
import { kernelRoutes, subnetAddress } from '../../node/devices.ts';
import { macFromName } from '../../node/mac.ts';
import { chainId, deviceId, processId, ROUTER_HOST, rootNetnsId } from '../../node/record-ids.ts';
import { probability } from '../kube-proxy-names.ts';
import { kubeProxyOn } from '../kube-proxy-presence.ts';
import { portsOf } from '../kube-proxy-shared.ts';
import type { Service } from '../types.ts';
import { speakers } from './announcements.ts';
import type { CloudProvider } from './kinds.ts';
import { poolHolds } from './pools.ts';

/** Holds the addresses of balancers that end connections. */
const DEVICE = 'lb0';
/** Behind all that the router's cards take. */
const DEVICE_INDEX = 0x7fffff0;
const MAX_NAME = 60;

/** Nodes that a cloud's health check passes: kube-proxy's own, or for policy Local the Service's health check node port. */
function healthyNodes(service: Service, view: StoreView): readonly string[] {
  const proxied = speakers(view).filter((node) => kubeProxyOn(node.metadata.name, view) !== undefined);
  const local = service.spec.externalTrafficPolicy === 'Local';
  const endpoints = local ? portsOf(service, 'IPv4', view).flatMap((port) => port.endpoints.filter((endpoint) => endpoint.ready)) : [];
  const found = proxied.filter((node) => !local || endpoints.some((endpoint) => endpoint.nodeName === node.metadata.name));
  return found.flatMap((node) => findNode(node.metadata.name, view)?.ip ?? []);
}

/**
 * Which version of the PROXY protocol the Service's annotations ask of its balancer, in the words of three clouds: AWS (its classic balancers speak the
 * first version, network balancers the second), Oracle's OCI, DigitalOcean. Undefined: none.
 */
export function proxyProtocolOf(service: Service): 1 | 2 | undefined {
  const word = (name: string): string => service.metadata.annotations?.[`service.beta.kubernetes.io/${name}`] ?? '';
  if (word('aws-load-balancer-proxy-protocol') === '*') return /^(nlb|nlb-ip|external)$/.test(word('aws-load-balancer-type')) ? 2 : 1;
  const version = word('oci-load-balancer-connection-proxy-protocol-version');
  if (version === '1' || version === '2') return version === '1' ? 1 : 2;
  return word('do-loadbalancer-enable-proxy-protocol') === 'true' ? 1 : undefined;
}

/** The destination becomes a node's port, the source stays, and answers come back through the router. */
function passOn(service: Service, ip: string, nodes: readonly string[], origin: Origin): { readonly nat: readonly Rule[]; readonly mangle: readonly Rule[] } {
  const nat: Rule[] = [];
  const mangle: Rule[] = [];
  for (const port of service.spec.ports ?? []) {
    const protocol = (port.protocol ?? 'TCP').toLowerCase();
    const match = `-d ${ip}/32 -p ${protocol} -m ${protocol} --dport ${port.port}`;
    const targets = (port.nodePort ?? 0) === 0 ? [] : nodes;
    if (targets.length === 0) mangle.push({ text: `${match} -j DROP`, origin });
    targets.forEach((node, i) => {
      const left = targets.length - i;
      const chance = left > 1 ? ` -m statistic --mode random --probability ${probability(left)}` : '';
      nat.push({ text: `${match}${chance} -j DNAT --to-destination ${node}:${port.nodePort}`, origin });
    });
  }
  return { nat, mangle };
}

/** A program for each port, that connects to node ports from the router's own address. */
function endHere(service: Service, ip: string, nodes: readonly string[], version: 1 | 2, netns: string, origin: Origin): Process[] {
  const { name = '', namespace = '' } = service.metadata;
  return (service.spec.ports ?? []).flatMap((port): Process[] => {
    if ((port.protocol ?? 'TCP') !== 'TCP' || (port.nodePort ?? 0) === 0) return [];
    const endpoints = nodes.map((node) => ({ ip: node, port: port.nodePort as number }));
    const owner = objectKey(service);
    const config: StreamProxyConfig = {
      port: port.port,
      address: ip,
      byName: false,
      routes: [{ owner, name: '', ends: false, backends: [{ name: owner, weight: 1, endpoints }] }],
      sendsProxyProtocol: version,
    };
    const process = `lb-${namespace}-${name}`.slice(0, MAX_NAME);
    return [{ kind: 'process', id: processId(netns, `${process}-${port.port}`), origin, netns, app: 'stream-proxy', name: process, config }];
  });
}

function addressDevice(ips: readonly string[], netns: string, origin: Origin): NetRecord[] {
  if (ips.length === 0) return [];
  const id = deviceId(netns, DEVICE);
  const device: DummyDevice = {
    kind: 'device',
    id,
    origin,
    netns,
    name: DEVICE,
    index: DEVICE_INDEX,
    mac: macFromName(id),
    mtuBytes: 1500,
    up: true,
    addresses: ips.map((ip) => subnetAddress(ip, 32)),
    type: 'dummy',
  };
  return [device, ...kernelRoutes(device)];
}

export function renderCloud(view: StoreView): NetRecord[] {
  const [cloud] = view.list<CloudProvider>('CloudProvider');
  if (cloud === undefined) return [];
  const netns = rootNetnsId(ROUTER_HOST);
  const nat: Rule[] = [];
  const mangle: Rule[] = [];
  const processes: Process[] = [];
  const ended: string[] = [];
  for (const service of view.list<Service>('Service')) {
    const ips = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip !== undefined && poolHolds(cloud.spec?.addresses ?? [], ip) ? [ip] : []));
    if (ips.length === 0) continue;
    const origin: Origin = { component: 'cloud', objects: [objectKey(service), objectKey(cloud)] };
    const nodes = healthyNodes(service, view);
    const version = proxyProtocolOf(service);
    for (const ip of ips) {
      if (version !== undefined) {
        ended.push(ip);
        processes.push(...endHere(service, ip, nodes, version, netns, origin));
        continue;
      }
      const rules = passOn(service, ip, nodes, origin);
      nat.push(...rules.nat);
      mangle.push(...rules.mangle);
    }
  }
  const origin: Origin = { component: 'cloud', objects: [objectKey(cloud)] };
  const chain = (table: 'nat' | 'mangle', rules: readonly Rule[]): Chain => ({
    kind: 'chain',
    id: chainId(netns, table, 'PREROUTING'),
    origin,
    netns,
    table,
    name: 'PREROUTING',
    policy: 'ACCEPT',
    rules,
  });
  return [...addressDevice(ended, netns, origin), ...processes, chain('mangle', mangle), chain('nat', nat)];
}
