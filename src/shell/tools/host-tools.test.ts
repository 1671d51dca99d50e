/** The tools of a Linux host, in iproute2's, iptables' and conntrack's own format and words. */
import { describe, expect, it } from 'vitest';
import { formatFlow } from '../../net/conntrack/format.ts';
import type { ConnectionView } from '../../net/engine.ts';
import type { Device, NetRecord } from '../../net/records.ts';
import { openArticle, runLine } from '../../world/testing/article.ts';
import { FakeWorld } from '../testing/fake-host.ts';

const origin = { component: 'kernel', objects: [] };
const root = 'controlplane/netns/root';

/** The host of the recorded samples: cni0 with one pod behind it, and flannel.1. */
function sampleHost(): FakeWorld {
  const world = new FakeWorld();
  const pod = 'controlplane/netns/pod1.default';
  const device = (netns: string, name: string, index: number, mac: string, rest: Partial<Device> & Pick<Device, 'type'>): NetRecord =>
    ({ kind: 'device', id: `${netns}/device/${name}`, origin, netns, name, index, mac, mtuBytes: 1500, up: true, addresses: [], ...rest }) as unknown as Device;
  const records: NetRecord[] = [
    { kind: 'netns', id: pod, origin, hostId: 'controlplane', name: 'pod1.default', hostname: 'pod1', sysctls: {}, files: {} },
    device(root, 'lo', 1, '00:00:00:00:00:00', { type: 'loopback', mtuBytes: 65536, addresses: [{ ip: '127.0.0.1', prefixLength: 8, scope: 'host' }] }),
    device(root, 'cni0', 2, '3a:0b:a9:3b:a6:69', { type: 'bridge', ageingSeconds: 300, addresses: [{ ip: '10.244.1.1', prefixLength: 24, scope: 'global' }] }),
    device(root, 'veth1', 3, '62:d5:23:b5:4f:6c', {
      type: 'veth',
      peer: `${pod}/device/eth0`,
      master: `${root}/device/cni0`,
      bridgePort: { hairpin: true, isolated: false, learning: true },
    }),
    device(root, 'flannel.1', 5, '82:19:ee:6f:78:9a', {
      type: 'vxlan',
      vni: 1,
      localIp: '192.168.0.11',
      underlay: `${root}/device/lo`,
      destinationPort: 8472,
      learning: false,
      mtuBytes: 65486,
      addresses: [{ ip: '10.244.1.0', prefixLength: 32, scope: 'global' }],
    }),
    device(pod, 'eth0', 2, '22:fd:db:28:41:1a', {
      type: 'veth',
      peer: `${root}/device/veth1`,
      addresses: [{ ip: '10.244.1.3', prefixLength: 24, scope: 'global' }],
    }),
  ];
  for (const record of records) world.records.put(record);
  for (const [destination, rest] of [
    ['10.244.2.0/24', { gateway: '10.244.2.0', device: 'flannel.1', protocol: 'boot', scope: 'global', onlink: true }],
    ['10.244.1.0/24', { device: 'cni0', protocol: 'kernel', scope: 'link', source: '10.244.1.1', onlink: false }],
  ] as const) {
    world.records.put({
      kind: 'route',
      id: `${root}/route/254/${destination}`,
      origin,
      netns: root,
      table: 254,
      destination,
      type: 'unicast',
      metric: 0,
      ...rest,
    });
  }
  return world;
}

describe('ip', () => {
  it('lists addresses as iproute2 does', () => {
    expect(sampleHost().run('ip addr')).toBe(`1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
2: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
    link/ether 3a:0b:a9:3b:a6:69 brd ff:ff:ff:ff:ff:ff
    inet 10.244.1.1/24 scope global cni0
       valid_lft forever preferred_lft forever
3: veth1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master cni0 state UP group default qlen 1000
    link/ether 62:d5:23:b5:4f:6c brd ff:ff:ff:ff:ff:ff link-netnsid 0
5: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 65486 qdisc noqueue state UNKNOWN group default qlen 1000
    link/ether 82:19:ee:6f:78:9a brd ff:ff:ff:ff:ff:ff
    inet 10.244.1.0/32 scope global flannel.1
       valid_lft forever preferred_lft forever
`);
  });

  it('lists briefly, in detail, and the routes with their space at the end', () => {
    const world = sampleHost();
    expect(world.run('ip -br addr')).toBe(`lo               UNKNOWN        127.0.0.1/8 
cni0             UP             10.244.1.1/24 
veth1@if2        UP             
flannel.1        UNKNOWN        10.244.1.0/32 
`);
    expect(world.run('ip route')).toBe('10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 \n10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink \n');
    expect(world.run('ip -d link show flannel.1')).toContain(
      '    link/ether 82:19:ee:6f:78:9a brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \n    vxlan id 1 local 192.168.0.11 dev lo srcport 0 0 dstport 8472 nolearning ttl auto ageing 300 udpcsum',
    );
    expect(world.run('bridge link')).toBe('3: veth1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master cni0 state forwarding priority 32 cost 2 \n');
    expect(world.run('ip rule')).toBe('0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n');
  });

  it('refuses with the kernel’s words and exit codes', () => {
    const world = sampleHost();
    const refused = (line: string): readonly [string, number] => [world.run(line), world.shell.exitCode('main')];
    expect(refused('ip route del 10.9.0.0/16')).toEqual(['RTNETLINK answers: No such process\n', 2]);
    expect(refused('ip route del 10.244.2.0/24 dev cni0')).toEqual(['RTNETLINK answers: No such process\n', 2]);
    expect(refused('ip route add 10.244.1.0/24 dev cni0')).toEqual(['RTNETLINK answers: File exists\n', 2]);
    expect(refused('ip route add 10.9.0.0/16 dev nosuch')).toEqual(['Cannot find device "nosuch"\n', 1]);
    expect(refused('ip route add 10.9.0.0/33 dev cni0')).toEqual(['Error: any valid prefix is expected rather than "10.9.0.0/33".\n', 1]);
    expect(refused('ip link show nosuch')).toEqual(['Device "nosuch" does not exist.\n', 1]);
    expect(refused('ip foo')).toEqual(['Object "foo" is unknown, try "ip help".\n', 1]);
    expect(refused('ip neigh del 10.244.1.9 dev nosuch')).toEqual(['Cannot find device "nosuch"\n', 1]);
  });

  it('writes records with the user as their origin', () => {
    const world = sampleHost();
    expect(world.run('ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink && ip route add blackhole 10.9.0.0/16 && ip route')).toContain(
      'blackhole 10.9.0.0/16 \n',
    );
    expect(world.records.get(`${root}/route/254/10.244.2.0/24`).origin.component).toBe('user');
    world.run('ip link set cni0 down');
    expect(world.run('ip route')).not.toContain('dev cni0');
    world.run('ip link set dev cni0 up mtu 1400; ip addr add 10.5.0.1/24 dev cni0');
    expect(world.run('ip route show dev cni0')).toBe(
      '10.5.0.0/24 proto kernel scope link src 10.5.0.1 \n10.244.1.0/24 proto kernel scope link src 10.244.1.1 \n',
    );
  });
});

describe('conntrack', () => {
  const entry: ConnectionView = {
    netns: root,
    protocol: 'tcp',
    protocolNumber: 6,
    family: 'ipv4',
    id: 2327172728,
    tcpState: 'TIME_WAIT',
    timeoutSeconds: 117,
    original: { src: '10.244.1.2', dst: '10.96.0.10', sport: 53108, dport: 80 },
    reply: { src: '10.244.2.2', dst: '10.244.1.2', sport: 8080, dport: 53108 },
    unreplied: false,
    assured: true,
    mark: 0,
    nat: ['DNAT'],
    packets: 10,
    bytes: 900,
    zone: 0,
    zoneDirection: 'both',
    dying: false,
    byHand: false,
  };

  it('prints entries as the tool does, with the summary on stderr', () => {
    expect(formatFlow(entry)).toBe(
      'tcp      6 117 TIME_WAIT src=10.244.1.2 dst=10.96.0.10 sport=53108 dport=80 src=10.244.2.2 dst=10.244.1.2 sport=8080 dport=53108 [ASSURED] mark=0 use=1\n',
    );
    const icmp: ConnectionView = {
      ...entry,
      protocol: 'icmp',
      protocolNumber: 1,
      timeoutSeconds: 27,
      original: { ...entry.original, icmpType: 8, icmpCode: 0, icmpId: 12848 },
      reply: { ...entry.reply, icmpType: 0, icmpCode: 0, icmpId: 12848 },
      assured: false,
    };
    const { tcpState: _state, ...echo } = icmp;
    expect(formatFlow(echo)).toBe(
      'icmp     1 27 src=10.244.1.2 dst=10.96.0.10 type=8 code=0 id=12848 src=10.244.2.2 dst=10.244.1.2 type=0 code=0 id=12848 mark=0 use=1\n',
    );
    const world = sampleHost();
    world.engineParts = { connections: () => [entry] };
    expect(world.run('conntrack -L -p tcp --dport 80 2>/dev/null | wc -l')).toBe('1\n');
    expect(world.run('conntrack -L -p udp')).toBe('conntrack v1.4.7 (conntrack-tools): 0 flow entries have been shown.\n');
  });
});

describe('iptables', () => {
  it('saves, lists and edits the rules that the node really has', () => {
    const world = openArticle();
    const saved = runLine(world, 'iptables-save -t nat').stdout;
    expect(saved).toMatch(
      /^# Generated by iptables-save v1\.8\.9 \(nf_tables\) on [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d 2026\n\*nat\n:PREROUTING ACCEPT \[0:0\]\n/,
    );
    expect(saved).toMatch(
      /\n-A KUBE-SERVICES -d 10\.97\.253\.216\/32 -p tcp -m comment --comment "default\/web-service cluster IP" -m tcp --dport 80 -j KUBE-SVC-[A-Z2-7]{16}\n/,
    );
    expect(saved).toMatch(/\nCOMMIT\n# Completed on .*\n$/);
    const listed = runLine(world, 'iptables -t nat -nvL KUBE-SERVICES').stdout.split('\n');
    expect(listed[0]).toBe('Chain KUBE-SERVICES (2 references)');
    expect(listed[1]).toBe(' pkts bytes target     prot opt in     out     source               destination         ');
    expect(listed.find((line) => line.includes('web-service'))).toMatch(
      /^ {4}0 {5}0 KUBE-SVC-[A-Z2-7]{16} {2}6 {4}-- {2}\* {6}\* {7}0\.0\.0\.0\/0 {12}10\.97\.253\.216 {8}\/\* default\/web-service cluster IP \*\/ tcp dpt:80$/,
    );
    expect(runLine(world, 'iptables -D FORWARD 99')).toMatchObject({ stderr: 'iptables: Index of deletion too big.\n', exitCode: 1 });
    expect(runLine(world, 'iptables -A FORWARD -j NOSUCH').exitCode).toBe(2);
    expect(runLine(world, 'iptables -t nat -L NOSUCH')).toMatchObject({ stderr: 'iptables: No chain/target/match by that name.\n', exitCode: 1 });
  });

  it('drops what a rule of the user says, and lets it pass again', () => {
    const world = openArticle();
    expect(runLine(world, 'kubectl exec client -- ping -c 1 -W 1 10.244.1.3').exitCode).toBe(0);
    runLine(world, 'iptables -I FORWARD 1 -s 10.244.0.3 -d 10.244.1.3 -j DROP');
    expect(runLine(world, 'kubectl exec client -- ping -c 1 -W 1 10.244.1.3').exitCode).toBe(1);
    expect(runLine(world, 'iptables -nvL FORWARD | sed -n 3p').stdout).toMatch(
      /^ {4}1 {4}84 DROP {7}0 {4}-- {2}\* {6}\* {7}10\.244\.0\.3 {11}10\.244\.1\.3 {10}$/m,
    );
    const traced = runLine(world, 'trace kubectl exec client -- ping -c 1 -W 1 10.244.1.3');
    expect(traced.stdout).toMatch(/verdict: dropped at controlplane.*NETFILTER_DROP/);
    runLine(world, 'iptables -D FORWARD -s 10.244.0.3 -d 10.244.1.3 -j DROP');
    expect(runLine(world, 'kubectl exec client -- ping -c 1 -W 1 10.244.1.3').exitCode).toBe(0);
  });
});

describe('a pod’s terminal', () => {
  it('has the programs of its image and no others', () => {
    const world = openArticle();
    const inWeb = runLine(world, 'kubectl exec deploy/web -- ping -c1 10.244.0.3');
    expect(inWeb).toMatchObject({
      stderr:
        'OCI runtime exec failed: exec failed: unable to start container process: exec: "ping": executable file not found in $PATH: unknown\ncommand terminated with exit code 126\n',
      exitCode: 126,
    });
    expect(runLine(world, "kubectl exec deploy/web -- sh -c 'ping -c1 10.244.0.3'")).toMatchObject({
      stderr: 'sh: 1: ping: not found\ncommand terminated with exit code 127\n',
      exitCode: 127,
    });
    expect(runLine(world, 'kubectl exec deploy/web -- curl -s localhost').stdout).toMatch(/^Hello from web-/);
    expect(runLine(world, 'kubectl exec -n kube-system deploy/coredns -- sh').exitCode).toBe(126);
    runLine(world, 'kubectl exec -it deploy/web -- bash');
    expect(world.sessions()[0]?.prompt).toMatch(/^root@web-[a-z0-9-]+:\/# $/);
    expect(runLine(world, 'kubectl get pods').stderr).toBe('bash: kubectl: command not found\n');
    runLine(world, 'exit 7');
    expect(runLine(world, 'echo $?').stdout).toBe('7\n');
  });

  it('shows the netns of the pod', () => {
    const world = openArticle();
    expect(runLine(world, 'kubectl exec client -- ip addr show eth0').stdout).toMatch(
      /^2: eth0@if\d+: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP group default qlen 1000\n {4}link\/ether [0-9a-f:]{17} brd ff:ff:ff:ff:ff:ff link-netnsid 0\n {4}inet 10\.244\.0\.3\/24 brd 10\.244\.0\.255 scope global eth0\n {7}valid_lft forever preferred_lft forever\n$/,
    );
    expect(runLine(world, 'kubectl exec client -- hostname').stdout).toBe('client\n');
    expect(runLine(world, 'kubectl exec client -- env | grep KUBERNETES_SERVICE_HOST').stdout).toBe('KUBERNETES_SERVICE_HOST=10.96.0.1\n');
    expect(runLine(world, 'cat /run/flannel/subnet.env').exitCode + runLine(world, 'cat /proc/sys/net/ipv4/ip_forward').exitCode).toBeLessThanOrEqual(1);
  });
});
