/** A shell on a router with two links, whose engine is the real one: the very host that the golden text of routing tools was recorded on. */

import { createNetwork } from '../../net/create-network.ts';
import { connectedRoutes } from '../../net/device/connected-routes.ts';
import type { Network } from '../../net/network.ts';
import type { Device } from '../../net/records.ts';
import { FakeWorld } from './fake-host.ts';

const ORIGIN = { component: 'test', objects: [] };
const ROOT = 'controlplane/netns/root';

export interface RouterHost {
  readonly world: FakeWorld;
  readonly network: Network;
  /** What a line prints, both streams, and its exit code where it is not 0. */
  run(line: string): string;
}

/** r0 10.1.0.1/24 (to `left` 10.1.0.2), r1 10.2.0.1/24 (to `right` 10.2.0.2), both with broadcast addresses. */
export function routerHost(): RouterHost {
  const world = new FakeWorld();
  const device = (netns: string, fields: Pick<Device, 'name' | 'index' | 'type'> & Partial<Device>): void => {
    const record = {
      kind: 'device',
      id: `${netns}/device/${fields.name}`,
      origin: ORIGIN,
      netns,
      mac: '00:00:00:00:00:00',
      mtuBytes: 1500,
      up: true,
      addresses: [],
      ...fields,
    } as unknown as Device;
    world.records.put(record);
    for (const route of connectedRoutes(record)) world.records.put(route);
  };
  const address = (ip: string) => [{ ip, prefixLength: 24, broadcast: ip.replace(/\d+$/, '255'), scope: 'global' as const }];
  device(ROOT, { name: 'lo', index: 1, type: 'loopback', mtuBytes: 65536, addresses: [{ ip: '127.0.0.1', prefixLength: 8, scope: 'host' }] });
  for (const [name, near, far, index] of [
    ['left', '10.1.0.1', '10.1.0.2', 0],
    ['right', '10.2.0.1', '10.2.0.2', 1],
  ] as const) {
    const other = `${name}/netns/root`;
    world.records.put({ kind: 'host', id: name, origin: ORIGIN, name, role: 'external' });
    world.records.put({ kind: 'netns', id: other, origin: ORIGIN, hostId: name, name: 'root', hostname: name, sysctls: {}, files: {} });
    device(other, { name: 'lo', index: 1, type: 'loopback', mtuBytes: 65536, addresses: [{ ip: '127.0.0.1', prefixLength: 8, scope: 'host' }] });
    const ends = { type: 'veth' as const };
    device(ROOT, {
      ...ends,
      name: `r${index}`,
      index: index + 2,
      mac: `02:00:00:00:0${index}:01`,
      addresses: address(near),
      peer: `${other}/device/e0`,
    } as never);
    device(other, { ...ends, name: 'e0', index: 2, mac: `02:00:00:00:0${index}:02`, addresses: address(far), peer: `${ROOT}/device/r${index}` } as never);
  }
  const network = createNetwork({ seed: 1, records: world.records });
  world.engineParts = {
    routeGet: (netns, to, query) => network.routeGet(netns, to, query),
    derivedRoutes: (netns) => network.derivedRoutes(netns),
    linkdownDevices: (netns) => network.linkdownDevices(netns),
    flushRouteCache: (netns) => network.flushRouteCache(netns),
    neighbors: (netns) => network.neighbors(netns),
    setNeighbor: (netns, dev, ip, mac, state) => network.setNeighbor(netns, dev, ip, mac, state),
    deleteNeighbors: (netns, filter) => network.deleteNeighbors(netns, filter),
    deviceCounters: (id) => network.deviceCounters(id),
  };
  return {
    world,
    network,
    run: (line) => {
      const text = world.run(line);
      const status = world.shell.exitCode('main');
      return status === 0 ? text : `${text}[${status}]`;
    },
  };
}
