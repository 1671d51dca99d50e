/** What Cilium's and bpf's tools print, held against outputs of Cilium 1.18 on real clusters (columns, order of fields, padding) and bpftool 7. */
import { describe, expect, it } from 'vitest';
import { runLine } from '../../world/testing/article.ts';
import { openCilium } from '../../world/testing/cilium-world.ts';

type World = ReturnType<typeof openCilium>;
const agent = (world: World, line: string): string => runLine(world, `kubectl -n kube-system exec ds/cilium -c cilium-agent -- ${line}`).stdout;
const trimmed = (text: string): string => text.replace(/ +$/gm, '');

describe('cilium-dbg', () => {
  it('lists Services with their frontends and backends', () => {
    const world = openCilium();
    expect(trimmed(agent(world, 'cilium-dbg service list'))).toBe(`ID   Frontend               Service Type   Backend
1    10.96.0.1:443/TCP      ClusterIP      1 => 172.30.1.2:6443/TCP (active)
2    10.96.0.10:53/UDP      ClusterIP      1 => 10.244.0.2:53/UDP (active)
                                           2 => 10.244.1.2:53/UDP (active)
3    10.96.0.10:53/TCP      ClusterIP      1 => 10.244.0.2:53/TCP (active)
                                           2 => 10.244.1.2:53/TCP (active)
4    10.96.0.10:9153/TCP    ClusterIP      1 => 10.244.0.2:9153/TCP (active)
                                           2 => 10.244.1.2:9153/TCP (active)
5    10.97.253.216:80/TCP   ClusterIP      1 => 10.244.1.3:80/TCP (active)
                                           2 => 10.244.1.4:80/TCP (active)
                                           3 => 10.244.1.5:80/TCP (active)
6    0.0.0.0:30080/TCP      NodePort       1 => 10.244.1.3:80/TCP (active)
                                           2 => 10.244.1.4:80/TCP (active)
                                           3 => 10.244.1.5:80/TCP (active)
7    172.30.1.2:30080/TCP   NodePort       1 => 10.244.1.3:80/TCP (active)
                                           2 => 10.244.1.4:80/TCP (active)
                                           3 => 10.244.1.5:80/TCP (active)
`);
    expect(agent(world, 'cilium bpf lb list')).toContain(
      '10.97.253.216:80/TCP (0)   0.0.0.0:0 (5) (0) [ClusterIP, non-routable]   \n10.97.253.216:80/TCP (1)   10.244.1.3:80/TCP (5) (1)',
    );
    expect(agent(world, 'cilium bpf lb list')).toContain('172.30.1.2:30080/TCP (0)   0.0.0.0:0 (7) (0) [NodePort]');
    expect(agent(world, 'cilium bpf lb list --revnat')).toMatch(/^5 {4}10\.97\.253\.216:80 +$/m);
  });

  it('tells its status as the settings have it', () => {
    const status = agent(openCilium(), 'cilium-dbg status --verbose');
    for (const line of [
      'KubeProxyReplacement:    True   [eth0   172.30.1.2 (Direct Routing)]',
      'Routing:                 Network: Tunnel [vxlan]   Host: BPF',
      'Masquerading:            BPF   [eth0]   10.244.0.0/16  [IPv4: Enabled, IPv6: Disabled]',
      'IPAM:                    IPv4: 3/254 allocated from 10.244.0.0/24,',
      '  10.244.0.3 (default/client)',
      '  Socket LB Coverage:   Full',
    ])
      expect(status.split('\n')).toContain(line);
    const other = openCilium({ settings: [['kube-proxy-replacement', '"false"']] });
    expect(agent(other, 'cilium-dbg status')).toContain('KubeProxyReplacement:    False\n');
    expect(agent(other, 'cilium-dbg status')).toContain('Masquerading:            IPTables [IPv4: Enabled, IPv6: Disabled]\n');
    expect(agent(other, 'cilium-dbg status')).toContain('Host: Legacy\n');
  });

  it('shows endpoints, who has which address, connections and masqueraded flows', () => {
    const world = openCilium();
    runLine(world, 'kubectl exec client -- curl -s web-service; kubectl exec client -- ping -c 1 203.0.113.9');
    const numbers = /^(\d+) +Disabled +Disabled +(\d+) +k8s:app=client +10\.244\.0\.3 +ready/m.exec(agent(world, 'cilium-dbg endpoint list'));
    const [, endpoint, identity] = numbers ?? [];
    expect(agent(world, 'cilium-dbg bpf endpoint list')).toMatch(
      new RegExp(`^10\\.244\\.0\\.3:0 +id=${endpoint} +sec_id=${identity} +flags=0x0000 ifindex=9 +mac=[0-9A-F:]{17} nodemac=[0-9A-F:]{17}`, 'm'),
    );
    expect(agent(world, 'cilium-dbg bpf endpoint list')).toMatch(/^172\.30\.1\.2:0 +\(localhost\)/m);
    expect(agent(world, 'cilium-dbg bpf ipcache list')).toMatch(/^10\.244\.1\.3\/32 +identity=\d+ encryptkey=0 tunnelendpoint=172\.30\.2\.2 flags=hastunnel/m);
    expect(agent(world, 'cilium-dbg bpf ct list global')).toMatch(
      new RegExp(
        `^TCP OUT 10\\.244\\.0\\.3:\\d+ -> 10\\.244\\.1\\.\\d:80 expires=\\d+ Packets=\\d+ Bytes=\\d+ RxFlagsSeen=0x1b LastRxReport=\\d+ TxFlagsSeen=0x1b LastTxReport=\\d+ Flags=0x0013 \\[ RxClosing TxClosing SeenNonSyn \\] RevNAT=0 SourceSecurityID=${identity} BackendID=0 NatPort=0$`,
        'm',
      ),
    );
    expect(agent(world, 'cilium-dbg bpf nat list')).toMatch(
      /^ICMP OUT 10\.244\.0\.3:\d+ -> 203\.0\.113\.9:0 XLATE_SRC 172\.30\.1\.2:\d+ Created=\d+sec ago NeedsCT=0$/m,
    );
    expect(agent(world, 'cilium-dbg identity list')).toMatch(/^1 +reserved:host +\n2 +reserved:world/m);
  });

  it('says what the programs do with packets, and why they drop them', () => {
    const world = openCilium();
    runLine(
      world,
      'cilium-dbg monitor > seen & ssh node01 "cilium-dbg monitor --type drop > seen" & sleep 1; kubectl exec client -- curl -s 10.97.253.216; ping -c 1 -W 1 10.244.1.99; sleep 1',
    );
    const seen = runLine(world, 'cat seen').stdout;
    expect(seen).toMatch(/^Listening for events on \d+ CPUs with 64x4096 of shared memory\nPress Ctrl-C to quit\n/);
    expect(seen).toMatch(
      /^-> overlay flow 0x[0-9a-f]+ , identity \d+->\d+ state new ifindex cilium_vxlan orig-ip 0\.0\.0\.0: 10\.244\.0\.3:\d+ -> 10\.244\.1\.\d:80 tcp SYN$/m,
    );
    expect(seen).toMatch(
      /^-> endpoint \d+ flow 0x[0-9a-f]+ , identity \d+->\d+ state reply ifindex lxc[0-9a-f]{12} orig-ip 10\.244\.1\.\d: 10\.244\.1\.\d:80 -> 10\.244\.0\.3:\d+ tcp SYN, ACK$/m,
    );
    expect(runLine(world, 'ssh node01 cat seen').stdout).toMatch(
      /^xx drop \(Stale or unroutable IP\) flow 0x[0-9a-f]+ to endpoint 0, ifindex 4, file bpf_host\.c:\d+, , identity remote-node->world: 10\.244\.0\.1 -> 10\.244\.1\.99 icmp EchoRequest$/m,
    );
  });

  it('has nobody to ask on a node without an agent', () => {
    const world = openCilium();
    runLine(world, 'kubectl -n kube-system delete ds cilium');
    const { stderr, exitCode } = runLine(world, 'cilium-dbg status');
    expect([stderr.split('\n')[1], exitCode]).toEqual(['Is the agent running?', 1]);
  });
});

describe('bpftool', () => {
  it('shows which program is attached where', () => {
    const world = openCilium();
    const net = runLine(world, 'bpftool net show').stdout;
    expect(net).toMatch(
      /^xdp:\n\ntc:\neth0\(2\) tcx\/ingress cil_from_netdev prog_id \d+ \neth0\(2\) tcx\/egress cil_to_netdev prog_id \d+ \ncilium_net\(3\) tcx\/ingress cil_to_host/,
    );
    expect(net).toMatch(/\nlxc[0-9a-f]{12}\(\d+\) tcx\/ingress cil_from_container prog_id \d+ \n/);
    expect(net.endsWith('\n\nflow_dissector:\n\nnetfilter:\n\n')).toBe(true);
    expect(runLine(world, 'bpftool cgroup tree').stdout).toMatch(
      /^CgroupPath\nID {7}AttachType.*\n\/run\/cilium\/cgroupv2\n {4}\d+ +cgroup_inet4_connect +cil_sock4_connect/,
    );
    expect(runLine(world, 'bpftool prog show').stdout).toMatch(/^\d+: cgroup_sock_addr {2}name cil_sock4_connect {2}tag [0-9a-f]{16} {2}gpl$/m);
    expect(runLine(world, 'ssh laptop bpftool prog show').stdout).toBe('');
  });
});
