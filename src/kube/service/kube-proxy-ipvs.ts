/** kube-proxy in IPVS mode: virtual services in the kernel, their addresses on kube-ipvs0, ipsets and a few rules around them. Kubernetes v1.35: pkg/proxy/ipvs/proxier.go. */
import type { Origin } from '../../base/origin.ts';
import type { IpvsDestination, IpvsService } from '../../net/ipvs/ipvs-records.ts';
import { ipvsServiceId } from '../../net/ipvs/ipvs-records.ts';
import type { Chain, DummyDevice, IpSet, NetRecord } from '../../net/records.ts';
import type { StoreView } from '../../objects/types.ts';
import type { IpFamily } from '../node/cluster-config.ts';
import { macFromName } from '../node/mac.ts';
import { chainId, DEVICE_INDEX, deviceId } from '../node/record-ids.ts';
import { ipvsChains } from './kube-proxy-ipvs-rules.ts';
import { IPVS_SET_NAMES, IPVS_SETS, ipvsEntries, servedNodeIps, setNameOf } from './kube-proxy-ipvs-sets.ts';
import type { Endpoint, ServicePort } from './kube-proxy-model.ts';
import type { ProxyNode } from './kube-proxy-shared.ts';
import { portsOf } from './kube-proxy-shared.ts';
import { chooseEndpoints } from './kube-proxy-topology.ts';
import type { Service } from './types.ts';

export const IPVS_DEVICE = 'kube-ipvs0';

function* allPorts(view: StoreView, family: IpFamily): Generator<ServicePort> {
  for (const service of view.list<Service>('Service')) yield* portsOf(service, family, view);
}

/** What all Services share: kube-ipvs0 (of all families), ipsets and chains. Cost: O(Services). */
export function renderIpvsBase(netns: string, proxies: readonly ProxyNode[], origin: Origin, view: StoreView): NetRecord[] {
  const records: NetRecord[] = [];
  const addresses: { ip: string; prefixLength: number; scope: 'global' }[] = [];
  for (const proxy of proxies) {
    const { family } = proxy.config;
    const entries = ipvsEntries(allPorts(view, family), proxy);
    for (const ip of entries.bound) addresses.push({ ip, prefixLength: family === 'IPv6' ? 128 : 32, scope: 'global' });
    for (const name of IPVS_SET_NAMES) {
      const [type] = IPVS_SETS[name];
      // Sorted, since kube-proxy adds what is missing in this order.
      const members = [...entries.sets[name]].sort().map((element) => ({ element }));
      const set: IpSet = {
        kind: 'ipset',
        id: `${netns}/ipset/${setNameOf(name, family)}`,
        origin,
        netns,
        name: setNameOf(name, family),
        type,
        family: family === 'IPv6' && type !== 'bitmap:port' ? 'inet6' : 'inet',
        ...(type === 'bitmap:port' ? { range: '0-65535' } : { hashsize: 1024, maxelem: 65536 }),
        entries: members,
      };
      records.push(set);
    }
    for (const { table, name, rules } of ipvsChains(entries, proxy)) {
      const chain: Chain = { kind: 'chain', id: chainId(netns, table, name, family === 'IPv6' ? 'ipv6' : 'ipv4'), origin, netns, table, name, rules };
      records.push(family === 'IPv6' ? { ...chain, family: 'ipv6' } : chain);
    }
  }
  const id = deviceId(netns, IPVS_DEVICE);
  // Its addresses are local though it is down; nothing is ever sent through it.
  const device: DummyDevice = {
    kind: 'device',
    id,
    origin,
    netns,
    name: IPVS_DEVICE,
    index: DEVICE_INDEX[IPVS_DEVICE],
    mac: macFromName(id),
    mtuBytes: 1500,
    up: false,
    neverUp: true,
    addresses,
    type: 'dummy',
  };
  return [device, ...records];
}

function destinationsOf(port: ServicePort, endpoints: readonly Endpoint[]): readonly IpvsDestination[] {
  return endpoints.map((endpoint) => ({
    address: endpoint.ip,
    port: endpoint.port,
    forwarding: 'masq',
    weight: 1,
    upperThreshold: 0,
    lowerThreshold: 0,
    origin: { component: 'kube-proxy', objects: endpoint.pod === undefined ? [port.service] : [port.service, endpoint.pod] },
  }));
}

/** The virtual services of one Service: its ClusterIP, further addresses, and its node port on each address of the node. */
export function renderIpvsService(netns: string, proxy: ProxyNode, service: Service, view: StoreView): IpvsService[] {
  const { config, place } = proxy;
  const records: IpvsService[] = [];
  for (const port of portsOf(service, config.family, view)) {
    const { cluster, local } = chooseEndpoints(port, place);
    // Without endpoints here the others are used also where the policy is Local: pods of this node may go there, and nobody else gets an answer.
    const chosen = (localOnly: boolean) => destinationsOf(port, localOnly && local.length > 0 ? local : cluster);
    const inside = chosen(port.internalLocal);
    const outside = port.internalLocal === port.externalLocal ? inside : chosen(port.externalLocal);
    const add = (address: string, number: number, destinations: readonly IpvsDestination[]) =>
      records.push({
        kind: 'ipvs-service',
        id: ipvsServiceId(netns, port.protocol, address, number),
        origin: { component: 'kube-proxy', objects: [port.service] },
        netns,
        protocol: port.protocol,
        address,
        port: number,
        scheduler: config.ipvsScheduler,
        ...(config.ipvsScheduler === 'mh' ? { schedulerFlags: ['mh-port'] } : {}),
        ...(port.affinitySeconds > 0 ? { persistentSeconds: port.affinitySeconds } : {}),
        destinations,
      });
    add(port.clusterIp, port.port, inside);
    for (const ip of [...port.externalIps, ...port.loadBalancerIps]) add(ip, port.port, outside);
    if (port.nodePort !== 0) for (const ip of servedNodeIps(proxy)) add(ip, port.nodePort, outside);
  }
  return records;
}
