/** What a topology knows for the telling: whose address is whose, and what a netns is called. */
import type { Origin } from '../base/origin.ts';
import type { TellContext } from './tell-phrases.ts';
import type { Topology } from './views.ts';

type Owner = NonNullable<ReturnType<TellContext['ownerOf']>>;

export function tellContext(topology: Topology, sourceOf: TellContext['sourceOf']): TellContext {
  const hostNames = new Map(topology.hosts.map((host) => [host.id, host.name]));
  const netnses = new Map<string, ReturnType<TellContext['netns']>>();
  const owners = new Map<string, Owner>();
  for (const netns of topology.netnses) {
    netnses.set(netns.id, {
      title: netns.title,
      host: hostNames.get(netns.hostId) ?? netns.hostId,
      ...(netns.type === 'pod' && netns.objectKey !== undefined ? { pod: netns.objectKey } : {}),
    });
    if (netns.ip !== '') owners.set(netns.ip, { title: netns.title, kind: netns.type === 'pod' ? 'pod' : 'node' });
  }
  for (const device of topology.devices) {
    const title = netnses.get(device.netns)?.title ?? device.netns;
    for (const address of device.addresses) {
      const ip = address.split('/')[0] ?? '';
      if (!owners.has(ip) && device.type !== 'loopback') owners.set(ip, { title: `${title} ${device.name}`, kind: 'node' });
    }
  }
  for (const service of topology.services)
    if (service.clusterIp !== '' && service.clusterIp !== 'None') owners.set(service.clusterIp, { title: service.name, kind: 'service' });
  return {
    netns: (id) => netnses.get(id) ?? { title: id, host: id.split('/')[0] ?? id },
    ownerOf: (ip) => owners.get(ip),
    sourceOf: (origin: Origin) => sourceOf(origin),
  };
}
