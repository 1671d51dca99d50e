import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../objects/types.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { findNode } from '../node/cluster-network.ts';
import { objectView } from '../node/testing/object-view.ts';
import { diagnosticsOf, flannelOn, netConf, node, pod, renderAll } from '../node/testing/small-cluster.ts';
import type { Pod } from '../pod/types.ts';
import { cniAgent } from './cni-agent.ts';
import { flannelFailure } from './flannel.ts';

const nodes = [node('controlplane', '172.30.1.2', '10.244.0.0/24'), node('node01', '172.30.2.2', '10.244.1.0/24')];
const both = [
  ['controlplane', '172.30.1.2'],
  ['node01', '172.30.2.2'],
] as const;
const web = pod('web', 'default', 'node01', '10.244.1.3', { containers: [{ name: 'c', image: 'nginx' }] });
const world = (conf: string, more: readonly KubeObject[] = []) => objectView([...nodes, ...flannelOn(both, conf), web, ...more]);
const device = (records: ReadonlyMap<string, unknown>, name: string) => records.get(`node01/netns/root/device/${name}`);
const route = (records: ReadonlyMap<string, unknown>, to: string) => records.get(`node01/netns/root/route/254/${to}`);

describe('flannel with VXLAN', () => {
  const records = renderAll(cniAgent, world(netConf({ Type: 'vxlan' })));

  it('gives each node a tunnel end with the network address of its range, 50 bytes smaller than the wire', () => {
    expect(device(records, 'flannel.1')).toMatchObject({
      type: 'vxlan',
      vni: 1,
      destinationPort: 8472,
      mtuBytes: 1450,
      learning: false,
      localIp: '172.30.2.2',
      addresses: [{ ip: '10.244.1.0', prefixLength: 32 }],
    });
  });

  it('tells each node the way to the others by route, neighbor and FDB entry', () => {
    expect(route(records, '10.244.0.0/24')).toMatchObject({
      gateway: '10.244.0.0',
      device: 'flannel.1',
      onlink: true,
      origin: { component: 'flannel', objects: ['Node/controlplane', 'ConfigMap/kube-flannel/kube-flannel-cfg', 'Pod/kube-flannel/flannel-node01'] },
    });
    const mac = (records.get('controlplane/netns/root/device/flannel.1') as { mac: string }).mac;
    expect(records.get('node01/netns/root/neighbor/flannel.1/10.244.0.0')).toMatchObject({ mac, state: 'PERMANENT' });
    expect(records.get(`node01/netns/root/fdb/flannel.1/${mac}/172.30.1.2`)).toMatchObject({ dst: '172.30.1.2', state: 'permanent' });
  });

  it('puts the bridge where pods are, and nowhere else', () => {
    expect(device(records, 'cni0')).toMatchObject({ mtuBytes: 1450, addresses: [{ ip: '10.244.1.1', prefixLength: 24, broadcast: '10.244.1.255' }] });
    expect(route(records, '10.244.1.0/24')).toMatchObject({ device: 'cni0', protocol: 'kernel', scope: 'link', source: '10.244.1.1' });
    expect(records.has('controlplane/netns/root/device/cni0')).toBe(false);
  });

  it('spares the tunnel inside one subnet when DirectRouting is on', () => {
    const direct = renderAll(cniAgent, world(netConf({ Type: 'vxlan', DirectRouting: true })));
    expect(route(direct, '10.244.0.0/24')).toMatchObject({ gateway: '172.30.1.2', device: 'eth0', onlink: false });
    expect([...direct.values()].some((record) => record.kind === 'fdb')).toBe(false);
  });

  it('takes VNI, port and MTU from its configuration', () => {
    const other = renderAll(cniAgent, world(netConf({ Type: 'vxlan', VNI: 7, Port: 4789, MTU: 1400 })));
    expect(device(other, 'flannel.7')).toMatchObject({ vni: 7, destinationPort: 4789, mtuBytes: 1350 });
    expect(device(other, 'cni0')).toMatchObject({ mtuBytes: 1350 });
  });
});

describe('flannel with host-gw', () => {
  it('makes the other node the gateway, at full MTU and without a tunnel', () => {
    const records = renderAll(cniAgent, world(netConf({ Type: 'host-gw' })));
    expect(route(records, '10.244.0.0/24')).toMatchObject({ gateway: '172.30.1.2', device: 'eth0' });
    expect(device(records, 'flannel.1')).toBeUndefined();
    expect(device(records, 'cni0')).toMatchObject({ mtuBytes: 1500 });
  });
});

describe('flannel', () => {
  it('keeps traffic inside the pod network from being masqueraded, in the order of flanneld', () => {
    const chain = renderAll(cniAgent, world(netConf({ Type: 'vxlan' }))).get('node01/netns/root/chain/nat/FLANNEL-POSTRTG') as {
      rules: readonly { text: string }[];
    };
    expect(chain.rules.map((rule) => rule.text)).toEqual([
      '-m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN',
      '-s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN',
      '-s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN',
      '! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN',
      '-s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
      '! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
    ]);
  });

  it('has no route to a node on which it does not run', () => {
    const records = renderAll(cniAgent, objectView([...nodes, ...flannelOn([both[1]], netConf({ Type: 'vxlan' })), web]));
    expect(device(records, 'flannel.1')).toBeDefined();
    expect(route(records, '10.244.0.0/24')).toBeUndefined();
  });

  it('says what its log says when it cannot start, and writes nothing', () => {
    const key = 'ConfigMap/kube-flannel/kube-flannel-cfg data["net-conf.json"]: ';
    expect(diagnosticsOf(cniAgent, world('{"Network": "10.244.0.0/16",}'))[0]).toBe(
      `${key}Failed to create SubnetManager: error parsing subnet config: invalid character '}' looking for beginning of object key string`,
    );
    expect(diagnosticsOf(cniAgent, world(netConf({ Type: 'vxlam' })))[0]).toBe(`${key}Error fetching backend: unknown backend type: vxlam`);
    expect(diagnosticsOf(cniAgent, world(netConf({ Type: 'udp' })))[0]).toContain('"udp" is not simulated yet');
    const wrong = world(netConf({ Type: 'vxlan' }, '10.10.0.0/16'));
    expect(diagnosticsOf(cniAgent, wrong)[0]).toBe(
      'Node/controlplane spec.podCIDR: Error registering network: failed to acquire lease: subnet "10.10.0.0/16" specified in the flannel net config doesn\'t contain "10.244.0.0/24" PodCIDR of the "controlplane" node',
    );
    expect([...renderAll(cniAgent, wrong).values()].some((record) => record.kind === 'chain')).toBe(false);
  });

  it('that crashes takes its routes with it and goes on saying why', () => {
    const crashing = flannelOn(both, netConf({ Type: 'vxlam' })).map((object) =>
      object.kind === 'Pod'
        ? {
            ...object,
            status: { ...(object.status as object), containerStatuses: [{ name: 'kube-flannel', state: { waiting: { reason: 'CrashLoopBackOff' } } }] },
          }
        : object,
    );
    const view = objectView([...nodes, ...crashing, web]);
    expect([...renderAll(cniAgent, view).values()].map((record) => record.id)).toEqual([
      'node01/netns/root/device/cni0',
      'node01/netns/root/route/254/10.244.1.0/24',
    ]);
    expect(diagnosticsOf(cniAgent, view)[0]).toContain('unknown backend type: vxlam');
    expect(flannelFailure(crashing[1] as Pod, findNode('controlplane', view) as ClusterNode, view)).toBe('Error fetching backend: unknown backend type: vxlam');
  });
});

describe('flannel with WireGuard', () => {
  const records = renderAll(cniAgent, world(netConf({ Type: 'wireguard', PersistentKeepaliveInterval: 25 })));

  it('has one device whose peers are the other nodes by their ranges, and one route to all of them', () => {
    const there = records.get('controlplane/netns/root/device/flannel-wg') as { readonly publicKey: string };
    expect(device(records, 'flannel-wg')).toMatchObject({
      type: 'wireguard',
      mtuBytes: 1420,
      listenPort: 51820,
      addresses: [{ ip: '10.244.1.0', prefixLength: 32 }],
      peers: [{ publicKey: there.publicKey, endpoint: '172.30.1.2:51820', allowedIps: ['10.244.0.0/24'], keepaliveSeconds: 25 }],
    });
    expect(route(records, '10.244.0.0/16')).toMatchObject({ device: 'flannel-wg', scope: 'link' });
    expect(device(records, 'cni0')).toMatchObject({ mtuBytes: 1420 });
  });
});

describe('flannel with IPIP', () => {
  it('has a device without a remote end: each route’s gateway is the other node', () => {
    const records = renderAll(cniAgent, world(netConf({ Type: 'ipip' })));
    expect(device(records, 'flannel.ipip')).toMatchObject({ type: 'ipip', mtuBytes: 1480, localIp: '172.30.2.2' });
    expect(route(records, '10.244.0.0/24')).toMatchObject({ gateway: '172.30.1.2', device: 'flannel.ipip', onlink: true });
    expect(route(renderAll(cniAgent, world(netConf({ Type: 'ipip', DirectRouting: true }))), '10.244.0.0/24')).toMatchObject({ device: 'eth0' });
  });
});

describe('flanneld’s address', () => {
  const flagged = (...args: readonly string[]) =>
    flannelOn(both, netConf({ Type: 'vxlan' })).map((object) =>
      object.kind === 'Pod'
        ? { ...object, spec: { ...(object as Pod).spec, containers: [{ name: 'kube-flannel', image: 'ghcr.io/flannel-io/flannel:v0.27.4', args }] } }
        : object,
    );
  const fdbOf = (view: ReturnType<typeof objectView>) =>
    [...renderAll(cniAgent, view).values()].flatMap((record) => (record.kind === 'fdb' && record.netns.startsWith('node01') ? [record.dst] : []));

  it('is what others send to: that of a flag for all, that of an annotation for one', () => {
    expect(fdbOf(objectView([...nodes, ...flagged('--public-ip=10.0.2.15'), web]))).toEqual(['10.0.2.15']);
    const [first, second] = nodes;
    const said = {
      ...first,
      metadata: { ...(first as KubeObject).metadata, annotations: { 'flannel.alpha.coreos.com/public-ip-overwrite': '203.0.113.9' } },
    } as KubeObject;
    expect(fdbOf(objectView([said, second as KubeObject, ...flagged('--ip-masq'), web]))).toEqual(['203.0.113.9']);
  });

  it('is looked for on the interface that is named; without it flanneld ends', () => {
    const view = (...args: readonly string[]) => objectView([...nodes, ...flagged(...args), web]);
    expect(fdbOf(view('--iface=eth0'))).toEqual(['172.30.1.2']);
    expect(fdbOf(view('--iface-regex=^172\\.30\\.'))).toEqual(['172.30.1.2']);
    expect(fdbOf(view('--iface=eth1'))).toEqual([]);
    expect(diagnosticsOf(cniAgent, view('--iface=eth1'))[0]).toContain('Failed to find interface to use that matches the interfaces and/or regexes provided');
  });
});
