import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../objects/types.ts';
import { objectView } from '../../node/testing/object-view.ts';
import { node, pod } from '../../node/testing/small-cluster.ts';
import { bgpSpeakers, learnedRoutes, TOR } from './bgp.ts';
import { REFLECTOR_ID } from './settings.ts';

const v3 = 'projectcalico.org/v3';
const names = ['a', 'b', 'c', 'd'] as const;
const ipOf = (name: string): string => `172.30.0.${10 + names.indexOf(name as 'a')}`;

function cluster(more: readonly KubeObject[], annotations: Readonly<Record<string, Readonly<Record<string, string>>>> = {}) {
  const objects: KubeObject[] = [{ apiVersion: v3, kind: 'IPPool', metadata: { name: 'p' }, spec: { cidr: '10.0.0.0/16' } }, ...more];
  names.forEach((name, i) => {
    const plain = node(name, ipOf(name), `10.9.${i}.0/24`);
    objects.push({
      ...plain,
      metadata: {
        ...plain.metadata,
        labels: { rack: i < 2 ? 'one' : 'two', ...(annotations[name] === undefined ? {} : { reflector: 'true' }) },
        annotations: annotations[name] ?? {},
      },
    });
    objects.push(
      pod(`calico-${name}`, 'kube-system', name, ipOf(name), {
        hostNetwork: true,
        containers: [{ name: 'calico-node', image: 'quay.io/calico/node:v3.30.3' }],
      }),
    );
    const spec = { cidr: `10.0.${i}.0/26`, affinity: `host:${name}`, strictAffinity: false, allocations: [], unallocated: [], attributes: [] };
    objects.push({ apiVersion: 'crd.projectcalico.org/v1', kind: 'IPAMBlock', metadata: { name: `10-0-${i}-0-26` }, spec });
  });
  return objectView(objects);
}
const noMesh: KubeObject = { apiVersion: v3, kind: 'BGPConfiguration', metadata: { name: 'default' }, spec: { nodeToNodeMeshEnabled: false } };
const peer = (name: string, spec: object): KubeObject => ({ apiVersion: v3, kind: 'BGPPeer.projectcalico.org', metadata: { name }, spec });
const learned = (view: ReturnType<typeof cluster>, name: string): string[] =>
  learnedRoutes(name, view)
    .map((route) => `${route.destination} via ${route.nextHop} from ${route.from}${route.path.length === 0 ? '' : ` AS ${route.path.join(' ')}`}`)
    .sort();

describe('BGP', () => {
  it('of a full mesh gives every node the others’ blocks from themselves', () => {
    const view = cluster([]);
    expect(learned(view, 'a')).toEqual(['b', 'c', 'd'].map((name, i) => `10.0.${i + 1}.0/26 via ${ipOf(name)} from ${ipOf(name)}`));
    expect(
      bgpSpeakers(view)
        .get('a')
        ?.sessions.map((one) => one.name),
    ).toEqual(['Mesh_172_30_0_11', 'Mesh_172_30_0_12', 'Mesh_172_30_0_13']);
  });

  it('without mesh and peers gives nothing', () => {
    expect(learned(cluster([noMesh]), 'a')).toEqual([]);
  });

  it('by a route reflector gives nodes what they never hear from each other', () => {
    const view = cluster([noMesh, peer('to-reflectors', { nodeSelector: 'all()', peerSelector: "reflector == 'true'" })], {
      d: { [REFLECTOR_ID]: '244.0.0.1' },
    });
    expect(learned(view, 'a')).toEqual(['b', 'c', 'd'].map((name, i) => `10.0.${i + 1}.0/26 via ${ipOf(name)} from ${ipOf('d')}`));
    expect(learned(view, 'd')).toHaveLength(3);
  });

  it('inside an AS is not handed on by who is no reflector', () => {
    const view = cluster([noMesh, peer('to-d', { nodeSelector: 'all()', peerSelector: "rack == 'two'" })]);
    expect(learned(view, 'a')).toEqual([`10.0.2.0/26 via ${ipOf('c')} from ${ipOf('c')}`, `10.0.3.0/26 via ${ipOf('d')} from ${ipOf('d')}`]);
  });

  it('with the top of the rack teaches it all blocks, and nodes of one AS nothing of their own AS by it', () => {
    const view = cluster([noMesh, peer('tor', { peerIP: '172.30.0.1', asNumber: 65001 })]);
    expect(learned(view, TOR)).toHaveLength(4);
    expect(learned(view, TOR)[0]).toBe(`10.0.0.0/26 via ${ipOf('a')} from ${ipOf('a')} AS 64512`);
    expect(learned(view, 'a')).toEqual([]);
  });

  it('between racks with an AS each goes by the top of the rack', () => {
    const as = (number: string) => ({ 'projectcalico.org/ASNumber': number });
    const view = cluster([noMesh, peer('tor', { peerIP: '172.30.0.1', asNumber: 65001 })], { a: as('65010'), b: as('65011'), c: as('65012'), d: as('65013') });
    expect(learned(view, 'a')).toContain(`10.0.1.0/26 via ${ipOf('b')} from 172.30.0.1 AS 65001 65011`);
  });

  it('ends where a BIRD says so', () => {
    const status = {
      apiVersion: 'kubehop.dev/v1alpha1',
      kind: 'BgpStatus',
      metadata: { name: 'a' },
      spec: { sessions: { [ipOf('b')]: { state: 'start', info: 'Connect', since: '' } } },
    };
    expect(learned(cluster([status]), 'a')).toHaveLength(2);
  });
});
