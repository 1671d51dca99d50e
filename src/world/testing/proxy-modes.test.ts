/** kube-proxy's modes in a whole cluster: switching, pods that go while clients are connected, and UDP entries that lead nowhere. */
import { describe, expect, it } from 'vitest';
import type { World } from '../world.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

const out = (world: World, line: string): string => runLine(world, line).stdout;

/** The configuration as a person edits it. */
function setMode(world: World, mode: string, more = ''): void {
  const file = articleFiles().find((one) => one.path === 'kube-proxy.yaml');
  const { applied } = world.edit('kube-proxy.yaml', (file?.text ?? '').replace('mode: iptables', `mode: ${mode}${more}`));
  expect(applied).toBe(true);
}

const page = (world: World): string => out(world, 'kubectl exec client -- curl -s -m 2 web-service');
const webServers = (world: World): string[] =>
  [...out(world, `ipvsadm -Ln -t ${clusterIp(world)}:80`).matchAll(/-> (10\.244\S+):80 +Masq +(\d+) +(\d+) +(\d+)/g)].map(
    ([, ip, weight, active, inactive]) => `${ip} ${weight} ${Number(active) + Number(inactive)}`,
  );
const clusterIp = (world: World): string => out(world, "kubectl get service web-service -o jsonpath='{.spec.clusterIP}'");

describe('switching the mode', () => {
  it('replaces what the old mode wrote, and Services go on working', () => {
    const world = openArticle();
    const state = () => ({
      chains: /^:KUBE-SVC-/m.test(out(world, 'iptables-save')),
      sets: /^create KUBE-CLUSTER-IP /m.test(out(world, 'ipset save')),
      servers: /^ +-> \d/m.test(out(world, 'ipvsadm -Ln')),
      device: /kube-ipvs0/.test(out(world, 'ip -br link')),
      table: /^table ip kube-proxy/m.test(out(world, 'nft list tables')),
      mode: out(world, 'curl -s localhost:10249/proxyMode'),
      works: page(world).startsWith('Hello from web-'),
    });
    const none = { chains: false, sets: false, servers: false, device: false, table: false, works: true };
    expect(state()).toEqual({ ...none, chains: true, mode: 'iptables' });
    setMode(world, 'nftables');
    expect(state()).toEqual({ ...none, table: true, mode: 'nftables' });
    setMode(world, 'ipvs');
    expect(state()).toEqual({ ...none, sets: true, servers: true, device: true, mode: 'ipvs' });
    setMode(world, 'iptables');
    expect(state()).toEqual({ ...none, chains: true, mode: 'iptables' });
  });

  it('is seen by a ping of a ClusterIP: nobody has that address, or the node has it and refuses what is no virtual service', () => {
    const world = openArticle();
    const ping = () => out(world, `kubectl exec client -- ping -c 1 -W 1 ${clusterIp(world)}`);
    expect(ping()).toContain('From 172.30.0.1 icmp_seq=1 Destination Net Unreachable');
    setMode(world, 'nftables');
    expect(ping()).toContain('Destination Port Unreachable');
    setMode(world, 'ipvs');
    expect(ping()).toContain('Destination Port Unreachable');
    runLine(world, 'iptables -D INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER');
    expect(ping()).toContain('1 received');
  });

  it('in IPVS mode keeps ports of the node away from those who ask a ClusterIP', () => {
    const world = openArticle();
    setMode(world, 'ipvs');
    const dial = (ip: string) => runLine(world, `kubectl exec client -- nc -z -w 1 ${ip} 10250`).exitCode;
    expect([dial('172.30.1.2'), dial(clusterIp(world))]).toEqual([0, 1]);
    // Without that chain the kubelet is reached through every ClusterIP.
    runLine(world, 'iptables -D INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER');
    expect(dial(clusterIp(world))).toBe(0);
  });

  it('in nftables mode changes only the elements that its own change is about', () => {
    const world = openArticle();
    setMode(world, 'nftables');
    runLine(world, 'nft add element ip kube-proxy cluster-ips { 10.96.99.99 }');
    runLine(world, 'nft delete element ip kube-proxy cluster-ips { 10.96.0.10 }');
    runLine(world, 'kubectl create service clusterip later --clusterip=10.96.7.7 --tcp=80:80');
    world.elapse(60_000);
    const set = out(world, 'nft list set ip kube-proxy cluster-ips');
    expect(['10.96.99.99', '10.96.7.7', '10.96.0.10,', '10.96.0.1,'].map((ip) => set.includes(ip))).toEqual([true, true, false, true]);
  });

  it('takes a scheduler of IPVS', () => {
    const world = openArticle();
    setMode(world, 'ipvs', '\n    ipvs: {scheduler: sh, strictARP: true}');
    expect(out(world, `ipvsadm -Ln -t ${clusterIp(world)}:80`)).toContain(':80 sh\n');
    expect(new Set(Array.from({ length: 6 }, () => page(world))).size).toBe(1);
    expect(out(world, 'sysctl net.ipv4.conf.all.arp_ignore net.ipv4.vs.conntrack')).toBe('net.ipv4.conf.all.arp_ignore = 1\nnet.ipv4.vs.conntrack = 1\n');
  });
});

describe.each(['iptables', 'nftables', 'ipvs'])('a kube-proxy in %s mode that is taken away', (mode) => {
  const whole = (world: World) =>
    ['iptables-save', ...(mode === 'nftables' ? ['nft list table ip kube-proxy'] : []), 'ipvsadm -Sn', 'ipset save']
      .map((line) => out(world, line).replaceAll(/^#.*\n| initval \S+|\[\d+:\d+\]/gm, ''))
      .join('');

  it('leaves everything behind: old Services work, changes are not heard of; a new one cleans up', () => {
    const world = openArticle();
    if (mode !== 'iptables') setMode(world, mode);
    const before = whole(world);
    const away = `kubectl -n kube-system patch daemonset kube-proxy -p '{"spec":{"template":{"spec":{"nodeSelector":{"here":"no"}}}}}'`;
    runLine(world, away);
    world.elapse(40_000);
    expect(out(world, 'kubectl -n kube-system get pod -o name')).not.toContain('kube-proxy');
    expect(whole(world)).toBe(before);
    expect(page(world)).toContain('Hello from web-');
    expect(runLine(world, 'curl -s -m 1 localhost:10249/proxyMode').exitCode).toBe(7);
    runLine(world, 'kubectl delete service web-service');
    expect(whole(world)).toBe(before);
    runLine(world, away.replace('"here":"no"', '"here":null'));
    world.elapse(10_000);
    expect(out(world, 'curl -s localhost:10249/proxyMode')).toBe(mode);
    expect(before).toContain('10.244.1.4:80');
    expect(whole(world)).not.toContain('10.244.1.4:80');
  });
});

describe('a real server that goes', () => {
  it('keeps weight 0 until its connections are over, which is looked at once a minute', () => {
    const world = openArticle();
    setMode(world, 'ipvs');
    for (let i = 0; i < 3; i += 1) page(world);
    expect(webServers(world)).toEqual(['10.244.1.3 1 1', '10.244.1.4 1 1', '10.244.1.5 1 1']);
    runLine(world, 'kubectl scale deployment web --replicas=1');
    expect(webServers(world)).toEqual(['10.244.1.3 1 1', '10.244.1.4 0 1', '10.244.1.5 0 1']);
    world.elapse(60_000);
    expect(webServers(world).length).toBe(3);
    world.elapse(120_000);
    expect(webServers(world)).toEqual(['10.244.1.3 1 0']);
  });

  it('goes at once where nobody is connected', () => {
    const world = openArticle();
    setMode(world, 'ipvs');
    runLine(world, 'kubectl scale deployment web --replicas=1');
    expect(webServers(world)).toEqual(['10.244.1.3 1 0']);
  });

  it('is gone by the same log after a look at the past', () => {
    const world = openArticle();
    setMode(world, 'ipvs');
    for (let i = 0; i < 3; i += 1) page(world);
    runLine(world, 'kubectl scale deployment web --replicas=1');
    const then = world.headSeq;
    world.elapse(200_000);
    const after = JSON.stringify(world.hops(then, world.headSeq));
    world.inspect({ kind: 'netns', id: 'controlplane/netns/root' }, then);
    expect(JSON.stringify(world.hops(then, world.headSeq))).toBe(after);
    const again = openArticle({ inputs: world.document().inputs, files: world.document().files });
    again.elapse((world.nowNs - again.nowNs) / 1e6);
    expect(JSON.stringify(again.hops(then, again.headSeq))).toBe(after);
  });

  it('comes back within 30 s when a person has deleted it', () => {
    const world = openArticle();
    setMode(world, 'ipvs');
    runLine(world, `ipvsadm -d -t ${clusterIp(world)}:80 -r 10.244.1.4:80`);
    expect(webServers(world).length).toBe(2);
    world.elapse(30_000);
    expect(webServers(world).length).toBe(3);
  });
});

describe.each(['iptables', 'nftables', 'ipvs'])('UDP connections in %s mode', (mode) => {
  const entries = (world: World) => [...out(world, 'conntrack -L -p udp --dst 10.96.0.10').matchAll(/ src=(10\.244\.[01]\.2) dst=10/g)].map(([, ip]) => ip);
  const ask = (world: World) => {
    for (let i = 0; i < 8; i += 1) runLine(world, 'kubectl exec client -- dig +short web-service.default.svc.cluster.local');
  };

  it('to an endpoint that has gone are deleted when kube-proxy hears of it, and the timeline says so', () => {
    const world = openArticle();
    if (mode !== 'iptables') setMode(world, mode);
    ask(world);
    expect(new Set(entries(world)).size).toBe(2);
    const from = world.headSeq;
    runLine(world, 'kubectl -n kube-system scale deployment coredns --replicas=1');
    expect(new Set(entries(world)).size).toBe(1);
    const told = world.hops(from, world.headSeq).filter((hop) => hop.event.step.kind === 'changed' && hop.event.step.record === 'connection');
    expect(told.length).toBeGreaterThan(0);
    expect(told[0]).toMatchObject({ title: 'kube-proxy removes connection', background: false });
  });

  it('stay where kube-proxy is dead', () => {
    const world = openArticle();
    if (mode !== 'iptables') setMode(world, mode);
    ask(world);
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/stopped=kube-proxy');
    runLine(world, 'kubectl -n kube-system scale deployment coredns --replicas=1');
    expect(new Set(entries(world)).size).toBe(2);
  });
});
