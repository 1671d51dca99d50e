/** The article's cluster from its YAML to the records of its machines, as the real tools would print them. */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RecordStore } from '../base/record-store.ts';
import { parseYaml } from '../base/yaml/parse-yaml.ts';
import type { DnsServerConfig } from '../net/app/dns-server-config.ts';
import { formatRule, parseRule } from '../net/netfilter/rule.ts';
import type { Chain, Device, NetRecord, Route } from '../net/records.ts';
import { formatRoute } from '../net/stack/format-route.ts';
import { ApiServer } from '../objects/api-server.ts';
import type { KubeObject } from '../objects/types.ts';
import { configurationKinds, initialObjects, kinds } from './index.ts';
import { kubeParts } from './later-parts.ts';
import type { Pod } from './pod/types.ts';

const folder = resolve(import.meta.dirname, '../content/examples/article');
const files = ['web.yaml', 'client.yaml', 'cluster.yaml', 'coredns.yaml', 'flannel.yaml', 'kube-proxy.yaml'];

interface World {
  readonly api: ApiServer<NetRecord>;
  readonly records: RecordStore<NetRecord>;
}

function articleWorld(change: (file: string, text: string) => string = (_file, text) => text): World {
  const records = new RecordStore<NetRecord>();
  const api = new ApiServer<NetRecord>({ kinds, ...kubeParts, records, nowNs: () => 0, epochMs: 1_775_293_200_000, seed: 1 });
  for (const object of initialObjects) api.create(object);
  const objects = files.flatMap((file) => {
    const { documents, diagnostics } = parseYaml(file, change(file, readFileSync(resolve(folder, file), 'utf8')));
    expect(diagnostics, file).toEqual([]);
    return documents.map((document) => document.value as unknown as KubeObject);
  });
  const first = (object: KubeObject) => (configurationKinds.includes(object.kind) ? 0 : object.kind === 'Namespace' ? 1 : 2);
  for (const object of objects.sort((a, b) => first(a) - first(b))) {
    const result = api.apply(object.metadata === undefined ? { ...object, metadata: { name: '' } } : object);
    if (!result.ok) throw new Error(result.message);
  }
  const { diagnostics } = api.settle();
  expect(diagnostics).toEqual([]);
  return { api, records };
}

const article = articleWorld();
const of = <K extends NetRecord['kind']>(world: World, kind: K, netns: string) =>
  [...world.records.values()].filter(
    (record): record is Extract<NetRecord, { kind: K }> => record.kind === kind && (record as { netns?: string }).netns === netns,
  );
const root = (host: string) => `${host}/netns/root`;

/** The lines of `ip -br addr` and what matters of `ip -d link`. */
function addresses(world: World, netns: string): string[] {
  return of(world, 'device', netns)
    .sort((a: Device, b: Device) => a.index - b.index)
    .map((device) => {
      const peer = device.type === 'veth' ? '@' : '';
      const ips = device.addresses.map((address) => `${address.ip}/${address.prefixLength}`).join(' ');
      const name = device.name.startsWith('veth') ? 'veth' : device.name;
      return `${device.index}: ${name}${peer} ${device.type} mtu ${device.mtuBytes}${device.master === undefined ? '' : ' master cni0'}${ips === '' ? '' : ` ${ips}`}`;
    });
}
const routes = (world: World, netns: string) =>
  of(world, 'route', netns)
    .map((route: Route) => formatRoute(route))
    .sort();

/** The lines of `iptables-save -t TABLE`, chains by name and every rule as iptables prints it back. */
function saved(world: World, host: string, table: Chain['table']): string[] {
  const chains = of(world, 'chain', root(host)).filter((chain) => chain.table === table);
  const text = (chain: Chain) =>
    chain.rules.map((rule) => {
      const result = parseRule(rule.text);
      if (!('rule' in result)) throw new Error(`iptables refuses "${rule.text}": ${JSON.stringify(result)}`);
      return `-A ${chain.name} ${formatRule(result.rule)}`;
    });
  const sorted = chains.sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...sorted.map((chain) => `:${chain.name} ${chain.policy ?? '-'}`), ...sorted.flatMap(text)];
}

describe("the article's cluster", () => {
  it('has its pods where the article has them', () => {
    const bare = (name: string) => name.replace(/(-[b-df-hj-np-tv-z0-9]{8,10})?-[b-df-hj-np-tv-z0-9]{5}$/, '');
    const pods = article.api.view
      .list<Pod>('Pod')
      .map((pod) => `${pod.metadata.namespace}/${bare(pod.metadata.name)} ${pod.spec.nodeName} ${pod.status?.podIP}`);
    expect(pods.sort()).toEqual([
      'default/client controlplane 10.244.0.3',
      'default/web node01 10.244.1.3',
      'default/web node01 10.244.1.4',
      'default/web node01 10.244.1.5',
      'kube-flannel/kube-flannel-ds controlplane 172.30.1.2',
      'kube-flannel/kube-flannel-ds node01 172.30.2.2',
      'kube-system/coredns controlplane 10.244.0.2',
      'kube-system/coredns node01 10.244.1.2',
      'kube-system/kube-proxy controlplane 172.30.1.2',
      'kube-system/kube-proxy node01 172.30.2.2',
    ]);
  });

  it('says nothing but that the world ends at the router', () => {
    expect(article.api.findings().map((finding) => `${finding.key}: ${finding.diagnostic.message}`)).toEqual([
      'Network/underlay: beyond the router 172.30.0.1 a few well-known names answer: other addresses are unreachable and other names do not exist',
    ]);
  });

  it('lists all files of the folder', () => {
    expect(
      readdirSync(folder)
        .filter((name) => name.endsWith('.yaml'))
        .sort(),
    ).toEqual([...files].sort());
  });
});

describe('node01', () => {
  it('has the devices of a flannel node', () => {
    expect(addresses(article, root('node01'))).toMatchInlineSnapshot(`
      [
        "1: lo loopback mtu 65536 127.0.0.1/8",
        "2: eth0 ethernet mtu 1500 172.30.2.2/16",
        "3: flannel.1 vxlan mtu 1450 10.244.1.0/32",
        "4: cni0 bridge mtu 1450 10.244.1.1/24",
        "6: veth@ veth mtu 1450 master cni0",
        "7: veth@ veth mtu 1450 master cni0",
        "8: veth@ veth mtu 1450 master cni0",
        "9: veth@ veth mtu 1450 master cni0",
      ]
    `);
  });

  it('has the routes of a flannel node', () => {
    expect(routes(article, root('node01'))).toMatchInlineSnapshot(`
      [
        "10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink",
        "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1",
        "172.30.0.0/16 dev eth0 proto kernel scope link src 172.30.2.2",
        "default via 172.30.0.1 dev eth0 proto static",
      ]
    `);
  });

  it('knows the other node by neighbor and FDB entry', () => {
    const other = article.records.get('controlplane/netns/root/device/flannel.1') as Device;
    const lines = [
      ...of(article, 'neighbor', root('node01')).map((entry) => `${entry.ip} dev ${entry.device} lladdr ${entry.mac} ${entry.state}`),
      ...of(article, 'fdb', root('node01')).map((entry) => `${entry.mac} dev ${entry.device} dst ${entry.dst} self ${entry.state}`),
    ];
    expect(lines).toEqual([`10.244.0.0 dev flannel.1 lladdr ${other.mac} PERMANENT`, `${other.mac} dev flannel.1 dst 172.30.1.2 self permanent`]);
  });

  it('has the nat table that kubelet, kube-proxy and flannel write together', () => {
    expect(saved(article, 'node01', 'nat').join('\n')).toMatchInlineSnapshot(`
      ":FLANNEL-POSTRTG -
      :INPUT ACCEPT
      :KUBE-KUBELET-CANARY -
      :KUBE-MARK-MASQ -
      :KUBE-NODEPORTS -
      :KUBE-POSTROUTING -
      :KUBE-PROXY-CANARY -
      :KUBE-SEP-BWHGELGX6BITPZVO -
      :KUBE-SEP-D23ODROEH5R4FSGE -
      :KUBE-SEP-E2N52IBPJ4ZMAOHZ -
      :KUBE-SEP-HK254EL4IH3TTFBT -
      :KUBE-SEP-IT2ZTR26TO4XFPTO -
      :KUBE-SEP-N4G2XR5TDX7PQE7P -
      :KUBE-SEP-TCTHC2GJWQODMGO5 -
      :KUBE-SEP-WKZMSKUMT4MFPSGF -
      :KUBE-SEP-YIL6JZP7A3QYXJU2 -
      :KUBE-SEP-Z6M7ZHWCTBNMPLD7 -
      :KUBE-SERVICES -
      :KUBE-SVC-ERIFXISQEP7F7OF4 -
      :KUBE-SVC-JD5MR3NA4I4DYORP -
      :KUBE-SVC-NPX46M4PTMTKRN6Y -
      :KUBE-SVC-SZGXCNNBZLC4E3DM -
      :KUBE-SVC-TCOU7JCQXEZGVUNU -
      :OUTPUT ACCEPT
      :POSTROUTING ACCEPT
      :PREROUTING ACCEPT
      -A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
      -A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
      -A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
      -A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
      -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
      -A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
      -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
      -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
      -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
      -A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
      -A KUBE-SEP-BWHGELGX6BITPZVO -s 10.244.1.2/32 -m comment --comment "kube-system/kube-dns:dns-tcp" -j KUBE-MARK-MASQ
      -A KUBE-SEP-BWHGELGX6BITPZVO -p tcp -m comment --comment "kube-system/kube-dns:dns-tcp" -m tcp -j DNAT --to-destination 10.244.1.2:53
      -A KUBE-SEP-D23ODROEH5R4FSGE -s 172.30.1.2/32 -m comment --comment "default/kubernetes:https" -j KUBE-MARK-MASQ
      -A KUBE-SEP-D23ODROEH5R4FSGE -p tcp -m comment --comment "default/kubernetes:https" -m tcp -j DNAT --to-destination 172.30.1.2:6443
      -A KUBE-SEP-E2N52IBPJ4ZMAOHZ -s 10.244.1.4/32 -m comment --comment "default/web-service" -j KUBE-MARK-MASQ
      -A KUBE-SEP-E2N52IBPJ4ZMAOHZ -p tcp -m comment --comment "default/web-service" -m tcp -j DNAT --to-destination 10.244.1.4:80
      -A KUBE-SEP-HK254EL4IH3TTFBT -s 10.244.1.2/32 -m comment --comment "kube-system/kube-dns:metrics" -j KUBE-MARK-MASQ
      -A KUBE-SEP-HK254EL4IH3TTFBT -p tcp -m comment --comment "kube-system/kube-dns:metrics" -m tcp -j DNAT --to-destination 10.244.1.2:9153
      -A KUBE-SEP-IT2ZTR26TO4XFPTO -s 10.244.0.2/32 -m comment --comment "kube-system/kube-dns:dns-tcp" -j KUBE-MARK-MASQ
      -A KUBE-SEP-IT2ZTR26TO4XFPTO -p tcp -m comment --comment "kube-system/kube-dns:dns-tcp" -m tcp -j DNAT --to-destination 10.244.0.2:53
      -A KUBE-SEP-N4G2XR5TDX7PQE7P -s 10.244.0.2/32 -m comment --comment "kube-system/kube-dns:metrics" -j KUBE-MARK-MASQ
      -A KUBE-SEP-N4G2XR5TDX7PQE7P -p tcp -m comment --comment "kube-system/kube-dns:metrics" -m tcp -j DNAT --to-destination 10.244.0.2:9153
      -A KUBE-SEP-TCTHC2GJWQODMGO5 -s 10.244.1.3/32 -m comment --comment "default/web-service" -j KUBE-MARK-MASQ
      -A KUBE-SEP-TCTHC2GJWQODMGO5 -p tcp -m comment --comment "default/web-service" -m tcp -j DNAT --to-destination 10.244.1.3:80
      -A KUBE-SEP-WKZMSKUMT4MFPSGF -s 10.244.1.5/32 -m comment --comment "default/web-service" -j KUBE-MARK-MASQ
      -A KUBE-SEP-WKZMSKUMT4MFPSGF -p tcp -m comment --comment "default/web-service" -m tcp -j DNAT --to-destination 10.244.1.5:80
      -A KUBE-SEP-YIL6JZP7A3QYXJU2 -s 10.244.0.2/32 -m comment --comment "kube-system/kube-dns:dns" -j KUBE-MARK-MASQ
      -A KUBE-SEP-YIL6JZP7A3QYXJU2 -p udp -m comment --comment "kube-system/kube-dns:dns" -m udp -j DNAT --to-destination 10.244.0.2:53
      -A KUBE-SEP-Z6M7ZHWCTBNMPLD7 -s 10.244.1.2/32 -m comment --comment "kube-system/kube-dns:dns" -j KUBE-MARK-MASQ
      -A KUBE-SEP-Z6M7ZHWCTBNMPLD7 -p udp -m comment --comment "kube-system/kube-dns:dns" -m udp -j DNAT --to-destination 10.244.1.2:53
      -A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-SVC-NPX46M4PTMTKRN6Y
      -A KUBE-SERVICES -d 10.97.253.216/32 -p tcp -m comment --comment "default/web-service cluster IP" -m tcp --dport 80 -j KUBE-SVC-SZGXCNNBZLC4E3DM
      -A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -m udp --dport 53 -j KUBE-SVC-TCOU7JCQXEZGVUNU
      -A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "kube-system/kube-dns:dns-tcp cluster IP" -m tcp --dport 53 -j KUBE-SVC-ERIFXISQEP7F7OF4
      -A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "kube-system/kube-dns:metrics cluster IP" -m tcp --dport 9153 -j KUBE-SVC-JD5MR3NA4I4DYORP
      -A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
      -A KUBE-SVC-ERIFXISQEP7F7OF4 ! -s 10.244.0.0/16 -d 10.96.0.10/32 -p tcp -m comment --comment "kube-system/kube-dns:dns-tcp cluster IP" -m tcp --dport 53 -j KUBE-MARK-MASQ
      -A KUBE-SVC-ERIFXISQEP7F7OF4 -m comment --comment "kube-system/kube-dns:dns-tcp -> 10.244.0.2:53" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-IT2ZTR26TO4XFPTO
      -A KUBE-SVC-ERIFXISQEP7F7OF4 -m comment --comment "kube-system/kube-dns:dns-tcp -> 10.244.1.2:53" -j KUBE-SEP-BWHGELGX6BITPZVO
      -A KUBE-SVC-JD5MR3NA4I4DYORP ! -s 10.244.0.0/16 -d 10.96.0.10/32 -p tcp -m comment --comment "kube-system/kube-dns:metrics cluster IP" -m tcp --dport 9153 -j KUBE-MARK-MASQ
      -A KUBE-SVC-JD5MR3NA4I4DYORP -m comment --comment "kube-system/kube-dns:metrics -> 10.244.0.2:9153" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-N4G2XR5TDX7PQE7P
      -A KUBE-SVC-JD5MR3NA4I4DYORP -m comment --comment "kube-system/kube-dns:metrics -> 10.244.1.2:9153" -j KUBE-SEP-HK254EL4IH3TTFBT
      -A KUBE-SVC-NPX46M4PTMTKRN6Y ! -s 10.244.0.0/16 -d 10.96.0.1/32 -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-MARK-MASQ
      -A KUBE-SVC-NPX46M4PTMTKRN6Y -m comment --comment "default/kubernetes:https -> 172.30.1.2:6443" -j KUBE-SEP-D23ODROEH5R4FSGE
      -A KUBE-SVC-SZGXCNNBZLC4E3DM ! -s 10.244.0.0/16 -d 10.97.253.216/32 -p tcp -m comment --comment "default/web-service cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
      -A KUBE-SVC-SZGXCNNBZLC4E3DM -m comment --comment "default/web-service -> 10.244.1.3:80" -m statistic --mode random --probability 0.33333333349 -j KUBE-SEP-TCTHC2GJWQODMGO5
      -A KUBE-SVC-SZGXCNNBZLC4E3DM -m comment --comment "default/web-service -> 10.244.1.4:80" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-E2N52IBPJ4ZMAOHZ
      -A KUBE-SVC-SZGXCNNBZLC4E3DM -m comment --comment "default/web-service -> 10.244.1.5:80" -j KUBE-SEP-WKZMSKUMT4MFPSGF
      -A KUBE-SVC-TCOU7JCQXEZGVUNU ! -s 10.244.0.0/16 -d 10.96.0.10/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -m udp --dport 53 -j KUBE-MARK-MASQ
      -A KUBE-SVC-TCOU7JCQXEZGVUNU -m comment --comment "kube-system/kube-dns:dns -> 10.244.0.2:53" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-YIL6JZP7A3QYXJU2
      -A KUBE-SVC-TCOU7JCQXEZGVUNU -m comment --comment "kube-system/kube-dns:dns -> 10.244.1.2:53" -j KUBE-SEP-Z6M7ZHWCTBNMPLD7
      -A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
      -A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
      -A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
      -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES"
    `);
  });

  it('has the filter table that kubelet, kube-proxy and flannel write together', () => {
    expect(saved(article, 'node01', 'filter').join('\n')).toMatchInlineSnapshot(`
      ":FLANNEL-FWD -
      :FORWARD ACCEPT
      :INPUT ACCEPT
      :KUBE-EXTERNAL-SERVICES -
      :KUBE-FIREWALL -
      :KUBE-FORWARD -
      :KUBE-KUBELET-CANARY -
      :KUBE-NODEPORTS -
      :KUBE-PROXY-CANARY -
      :KUBE-PROXY-FIREWALL -
      :KUBE-SERVICES -
      :OUTPUT ACCEPT
      -A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
      -A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
      -A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
      -A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
      -A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
      -A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
      -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
      -A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
      -A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS
      -A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
      -A INPUT -j KUBE-FIREWALL
      -A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
      -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
      -A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
      -A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      -A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
      -A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
      -A OUTPUT -j KUBE-FIREWALL"
    `);
  });
});

describe('controlplane', () => {
  it('has the devices and routes of its own range', () => {
    expect(addresses(article, root('controlplane'))).toEqual([
      '1: lo loopback mtu 65536 127.0.0.1/8',
      '2: eth0 ethernet mtu 1500 172.30.1.2/16',
      '3: flannel.1 vxlan mtu 1450 10.244.0.0/32',
      '4: cni0 bridge mtu 1450 10.244.0.1/24',
      '6: veth@ veth mtu 1450 master cni0',
      '7: veth@ veth mtu 1450 master cni0',
    ]);
    expect(routes(article, root('controlplane'))).toEqual([
      '10.244.0.0/24 dev cni0 proto kernel scope link src 10.244.0.1',
      '10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      '172.30.0.0/16 dev eth0 proto kernel scope link src 172.30.1.2',
      'default via 172.30.0.1 dev eth0 proto static',
    ]);
  });

  it('has the same Service rules as node01', () => {
    const services = (host: string) => saved(article, host, 'nat').filter((line) => line.includes('KUBE-S'));
    expect(services('controlplane')).toEqual(services('node01'));
  });
});

describe('the client pod', () => {
  const netns = 'controlplane/netns/client.default';

  it('sees one card and three routes', () => {
    expect(addresses(article, netns)).toEqual(['1: lo loopback mtu 65536 127.0.0.1/8', '2: eth0@ veth mtu 1450 10.244.0.3/24']);
    expect(routes(article, netns)).toEqual([
      '10.244.0.0/16 via 10.244.0.1 dev eth0',
      '10.244.0.0/24 dev eth0 proto kernel scope link src 10.244.0.3',
      'default via 10.244.0.1 dev eth0',
    ]);
  });
});

describe('CoreDNS', () => {
  const servers = [...article.records.values()].filter((record) => record.kind === 'process' && record.app === 'dns-server' && record.name === 'coredns');

  it('answers in each of its pods, from the same tables', () => {
    expect(servers.length).toBe(2);
    const zones = servers.map((server) => Object.values((server.kind === 'process' ? (server.config as DnsServerConfig).live : undefined) ?? {}).flat());
    for (const [i, zone] of (zones[0] ?? []).entries()) expect(zone).toBe(zones[1]?.[i]);
    expect(zones[0]?.[0]?.names['web-service.default.svc.cluster.local.']).toContainEqual({ type: 'A', data: '10.97.253.216' });
  });

  it("passes other names on to the node's name server", () => {
    const [server] = servers;
    const chain = server?.kind === 'process' ? (server.config as DnsServerConfig).servers[0]?.blocks[0]?.chain : undefined;
    expect(chain?.map((plugin) => plugin.name)).toEqual(['prometheus', 'errors', 'loadbalance', 'cache', 'kubernetes', 'loop', 'forward']);
    expect(chain?.at(-1)).toMatchObject({ upstreams: ['172.30.0.1'], maxConcurrent: 1000 });
    expect(chain?.[3]).toMatchObject({ success: { maxTtlSeconds: 30, except: ['cluster.local.'] }, denial: { except: ['cluster.local.'] } });
    expect(chain?.[4]).toMatchObject({ zones: [{ ttlSeconds: 30 }, { fallthrough: true }, { fallthrough: true }] });
    // Nothing can come back from the router, so nothing is sent to find out.
    expect(chain?.[5]).toEqual({ name: 'loop', zone: '.', probe: false });
  });
});

describe('an edit', () => {
  const changes = (world: World, edit: () => void): string[] => {
    const ids: string[] = [];
    const stop = world.records.listen((change) => ids.push(`${change.before === undefined ? '+' : change.after === undefined ? '-' : '~'} ${change.id}`));
    edit();
    world.api.settle();
    stop();
    return ids;
  };
  const scale = (world: World, replicas: number) => () => {
    const web = world.api.view.find('Deployment/default/web') as KubeObject;
    world.api.update({ ...web, spec: { ...(web.spec as object), replicas } });
  };

  it('of the replicas touches the new pod, the rules of its Service and the names of its endpoints, and nothing else', () => {
    const world = articleWorld();
    const lines = changes(world, scale(world, 4));
    const kinds = lines.map((line) =>
      line
        .replace(/(web|coredns)-[a-z0-9]+-[a-z0-9]{5}/, 'POD')
        .replace(/veth[0-9a-f]{8}/, 'VETH')
        .replace(/SEP-[A-Z0-9]{16}/, 'SEP'),
    );
    expect([...new Set(kinds)].sort()).toEqual([
      '+ controlplane/netns/root/chain/nat/KUBE-SEP',
      '+ node01/netns/POD.default',
      '+ node01/netns/POD.default/device/eth0',
      '+ node01/netns/POD.default/device/lo',
      '+ node01/netns/POD.default/process/nginx',
      '+ node01/netns/POD.default/route/254/0.0.0.0/0',
      '+ node01/netns/POD.default/route/254/10.244.0.0/16',
      '+ node01/netns/POD.default/route/254/10.244.1.0/24',
      '+ node01/netns/root/chain/nat/KUBE-SEP',
      '+ node01/netns/root/device/VETH',
      '~ controlplane/netns/POD.kube-system/process/coredns',
      '~ controlplane/netns/root/chain/nat/KUBE-SVC-SZGXCNNBZLC4E3DM',
      // It counts its rules for who asks.
      '~ controlplane/netns/root/process/kube-proxy.metrics',
      '~ node01/netns/POD.kube-system/process/coredns',
      '~ node01/netns/root/chain/nat/KUBE-SVC-SZGXCNNBZLC4E3DM',
      '~ node01/netns/root/process/kube-proxy.metrics',
    ]);
  });

  it('to no replicas makes the Service refuse, and back again is as before', () => {
    const world = articleWorld();
    const before = saved(world, 'node01', 'nat');
    changes(world, scale(world, 0));
    expect(saved(world, 'node01', 'filter')).toContain(
      '-A KUBE-SERVICES -d 10.97.253.216/32 -p tcp -m comment --comment "default/web-service has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable',
    );
    changes(world, scale(world, 3));
    expect(saved(world, 'node01', 'nat').length).toBe(before.length);
  });

  it('that takes kube-proxy away leaves its rules behind, and nobody keeps them', () => {
    const world = articleWorld();
    const rules = () => saved(world, 'node01', 'nat').filter((line) => line.includes('KUBE-SERVICES'));
    const before = rules();
    changes(world, () => world.api.remove('DaemonSet/kube-system/kube-proxy'));
    changes(world, () => world.api.remove('Service/default/web-service'));
    expect(rules()).toEqual(before);
    expect(before.length).toBeGreaterThan(5);
  });

  it('to host-gw replaces the tunnel by plain routes', () => {
    const world = articleWorld((file, text) => (file === 'flannel.yaml' ? text.replace('"Type": "vxlan"', '"Type": "host-gw"') : text));
    expect(routes(world, root('node01'))).toContain('10.244.0.0/24 via 172.30.1.2 dev eth0');
    expect(addresses(world, root('node01')).join()).not.toContain('flannel.1');
  });

  it('that breaks the Corefile is told at the ConfigMap and stops the servers', () => {
    const world = articleWorld((file, text) => (file === 'coredns.yaml' ? text.replace('        ready\n', '        readdy\n') : text));
    expect(world.api.findings()).toContainEqual({
      key: 'ConfigMap/kube-system/coredns',
      path: 'data.Corefile',
      diagnostic: { severity: 'error', code: 'coredns', message: "/etc/coredns/Corefile:6 - Error during parsing: Unknown directive 'readdy'" },
    });
    const server = [...world.records.values()].find((record) => record.kind === 'process' && record.name === 'coredns');
    expect(server).toMatchObject({
      config: { servers: [], problem: { message: "/etc/coredns/Corefile:6 - Error during parsing: Unknown directive 'readdy'" } },
    });
  });
});
