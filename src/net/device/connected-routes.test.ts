import { describe, expect, it } from 'vitest';
import type { BridgeDevice } from '../records.ts';
import { connectedRoutes } from './connected-routes.ts';

const cni0: BridgeDevice = {
  kind: 'device',
  id: 'n/netns/root/device/cni0',
  origin: { component: 'flannel', objects: ['Node/n'] },
  netns: 'n/netns/root',
  name: 'cni0',
  index: 4,
  mac: '02:00:00:00:00:01',
  mtuBytes: 1450,
  up: true,
  addresses: [{ ip: '10.244.1.1', prefixLength: 24, scope: 'global' }],
  type: 'bridge',
  ageingSeconds: 300,
};

describe('connected routes', () => {
  it('lead to the subnet of an address, preferring that address as source', () => {
    const [route] = connectedRoutes(cni0);
    expect(route).toMatchObject({
      id: 'n/netns/root/route/254/10.244.1.0/24',
      destination: '10.244.1.0/24',
      device: 'cni0',
      source: '10.244.1.1',
      scope: 'link',
    });
    expect(route?.origin).toEqual({ component: 'kernel', objects: [] });
  });

  it('are not made for host addresses, secondary addresses or a device that is down', () => {
    expect(connectedRoutes({ ...cni0, addresses: [{ ip: '10.244.1.0', prefixLength: 32, scope: 'global' }] })).toEqual([]);
    expect(connectedRoutes({ ...cni0, up: false })).toEqual([]);
    const two = connectedRoutes({ ...cni0, addresses: [...cni0.addresses, { ip: '10.244.1.9', prefixLength: 24, scope: 'global' }] });
    expect(two.map((route) => route.source)).toEqual(['10.244.1.1']);
  });
});
