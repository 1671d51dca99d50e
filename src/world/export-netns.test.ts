/** The exported script as text: what is in it, what cannot get into it, and that bash can read it. (That it builds the same cluster is parity.test.ts.) */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { NetRecord } from '../net/records.ts';
import { exportNetns } from './export-netns.ts';
import { probesFor } from './export-netns-probes.ts';
import { hereDocument, sysctlPath, word } from './export-netns-text.ts';
import { openArticle } from './testing/article.ts';

describe('an exported cluster', () => {
  const world = openArticle();
  const script = exportNetns(world.records.values(), probesFor(world));

  it('is a script that bash can read', () => {
    const checked = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' });
    expect(checked.stderr ?? '').toBe('');
  });

  it('has a namespace for each host and each pod, and a cable from each host to the switch', () => {
    const names = [...script.matchAll(/^add_netns (\S+)$/gm)].map((found) => found[1]);
    expect(names).toHaveLength(10);
    expect(names).toEqual(expect.arrayContaining(['controlplane', 'node01', 'underlay', 'router', 'client.default@controlplane']));
    expect(script).toMatch(/^wire underlay p-node01 \S+ 1500 {2}node01 eth0 \S+ 1500$|^wire node01 eth0 \S+ 1500 {2}underlay p-node01 \S+ 1500$/m);
  });

  it('builds flannel’s tunnel with the MAC, the FDB entry and the neighbour that the simulation has', () => {
    expect(script).toMatch(/^link add flannel\.1 address be:e7:cd:52:52:bb mtu 1450 type vxlan id 1 local 172\.30\.2\.2 dev eth0 dstport 8472 nolearning$/m);
    expect(script).toContain('fdb append be:e7:cd:52:52:bb dev flannel.1 dst 172.30.2.2 self permanent\n');
    expect(script).toContain('neigh replace 10.244.1.0 lladdr be:e7:cd:52:52:bb dev flannel.1 nud permanent\n');
    expect(script).toContain('route replace unicast 10.244.1.0/24 via 10.244.1.0 dev flannel.1 table 254 proto boot scope global onlink\n');
  });

  it('restores the rules of each node', () => {
    expect(script.match(/^in_netns (\S+) "\$RESTORE"/gm)).toEqual(['in_netns controlplane "$RESTORE"', 'in_netns node01 "$RESTORE"']);
    expect(script).toContain('-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\n');
  });

  it('asks for Services from pods and nodes, and knows what the simulation answers', () => {
    expect(script).toContain('tcp\t10.97.253.216\t80\tyes\tService web-service\n');
    expect(script).toContain('name\tweb-service.default.svc.cluster.local\t-\tyes\tService web-service\n');
    expect(script).toContain('tcp\t10.96.0.10\t9153\tyes\tService kube-dns\n');
  });

  it('is the same text whenever it is made', () => {
    const again = openArticle();
    expect(exportNetns(again.records.values(), probesFor(again))).toBe(script);
  });
});

describe('texts of an exported script', () => {
  it('stand in here-documents that nothing in them ends', () => {
    expect(hereDocument('cat', 'a\nEOF\nrm -rf /\n')).toBe("cat <<'EOF_1'\na\nEOF\nrm -rf /\nEOF_1\n");
    const run = spawnSync('bash', ['-c', hereDocument('cat', '$(echo no) `echo no`\nEOF\nEOF_1')], { encoding: 'utf8' });
    expect(run.stdout).toBe('$(echo no) `echo no`\nEOF\nEOF_1\n');
  });

  it('are single words where a command wants one', () => {
    expect(word('vethb710e2e8')).toBe('vethb710e2e8');
    for (const bad of ['', 'a b', 'a;b', '$(a)', 'a\nb', '-f', "a'b"]) expect(() => word(bad)).toThrow('cannot be exported');
  });

  it('refuse a device whose name would be more than a name', () => {
    const origin = { component: 'test', objects: [] };
    const records: NetRecord[] = [
      { kind: 'netns', id: 'n/netns/root', origin, hostId: 'n', name: 'root', hostname: 'n', sysctls: {}, files: {} },
      {
        kind: 'device',
        id: 'n/netns/root/device/x',
        origin,
        netns: 'n/netns/root',
        name: 'x; reboot',
        index: 1,
        mac: '02:00:00:00:00:01',
        mtuBytes: 1500,
        up: true,
        addresses: [],
        type: 'bridge',
        ageingSeconds: 300,
      },
    ];
    expect(() => exportNetns(records, [])).toThrow('"x; reboot" cannot be exported');
  });

  it('name sysctls by path, with the dots of a device’s name kept', () => {
    expect(sysctlPath('net.ipv4.ip_forward')).toBe('net/ipv4/ip_forward');
    expect(sysctlPath('net.ipv4.conf.flannel.1.rp_filter')).toBe('net/ipv4/conf/flannel.1/rp_filter');
    expect(sysctlPath('net.bridge.bridge-nf-call-iptables')).toBe('net/bridge/bridge-nf-call-iptables');
  });
});
