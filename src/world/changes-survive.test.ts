/** What a person changes on a node stays until the agent that wrote it would really overwrite it, and the log says who did what. */
import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from './testing/article.ts';

const changes = (world: ReturnType<typeof openArticle>, from: number): string[] =>
  world.hops(from, world.headSeq).flatMap((hop) => (hop.event.step.kind === 'changed' ? [`${hop.event.step.by}: ${hop.summary}`] : []));

describe('rules that a person writes', () => {
  it('stay in a built-in chain when agents render theirs anew', () => {
    const world = openArticle();
    runLine(world, 'iptables -I FORWARD 1 -s 10.9.9.9 -j DROP; iptables -A FORWARD -d 10.9.9.9 -j DROP');
    const proxy = articleFiles().find((file) => file.path === 'kube-proxy.yaml')?.text ?? '';
    world.edit('kube-proxy.yaml', proxy.replace('mode: iptables', 'mode: nftables'));
    const forward = runLine(world, 'iptables -S FORWARD').stdout.split('\n');
    expect(forward).toContain('-A FORWARD -s 10.9.9.9/32 -j DROP');
    expect(forward).toContain('-A FORWARD -d 10.9.9.9/32 -j DROP');
    expect(forward.some((line) => line.includes('KUBE-FORWARD'))).toBe(false);
    expect(forward.some((line) => line.includes('FLANNEL-FWD'))).toBe(true);
  });

  it('go from kube-proxy’s shared chains at its next synchronization, not before', () => {
    const world = openArticle();
    runLine(world, 'iptables -t nat -I KUBE-SERVICES 1 -d 10.96.0.99 -j RETURN; sleep 60');
    expect(runLine(world, 'iptables -t nat -S KUBE-SERVICES').stdout).toContain('-d 10.96.0.99/32 -j RETURN');
    const from = world.headSeq;
    runLine(world, 'kubectl scale deployment web --replicas=2');
    expect(runLine(world, 'iptables -t nat -S KUBE-SERVICES').stdout).not.toContain('10.96.0.99');
    expect(changes(world, from).some((line) => line === 'kube-proxy: − -A KUBE-SERVICES -d 10.96.0.99/32 -j RETURN')).toBe(true);
  });

  it('that are deleted come back within thirty seconds only where kube-proxy misses its canary', () => {
    const world = openArticle();
    runLine(world, 'iptables -t nat -F KUBE-SERVICES; sleep 40');
    expect(runLine(world, 'iptables -t nat -S KUBE-SERVICES').stdout).toBe('-N KUBE-SERVICES\n');
    runLine(world, 'iptables -t mangle -X KUBE-PROXY-CANARY; sleep 40');
    expect(runLine(world, 'iptables -t nat -S KUBE-SERVICES').stdout).toContain('KUBE-SVC-');
    expect(runLine(world, 'iptables -t mangle -S').stdout).toContain('KUBE-PROXY-CANARY');
  });
});

describe('flannel', () => {
  it('makes sure of its rules every five seconds, and leaves the others alone', () => {
    const world = openArticle();
    runLine(world, 'iptables -F FORWARD; iptables -A FORWARD -s 10.9.9.9 -j DROP');
    const from = world.headSeq;
    runLine(world, 'sleep 6');
    expect(runLine(world, 'iptables -S FORWARD').stdout).toBe(
      '-P FORWARD ACCEPT\n-A FORWARD -s 10.9.9.9/32 -j DROP\n-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD\n',
    );
    expect(changes(world, from)).toEqual(['flannel: + -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD']);
  });

  it('does not look after the routes through its tunnel', () => {
    const world = openArticle();
    runLine(world, 'ip route del 10.244.1.0/24; sleep 30');
    expect(runLine(world, 'ip route').stdout).not.toContain('10.244.1.0/24');
  });
});

describe('settings', () => {
  it('stay when the netns or the device gets something else', () => {
    const world = openArticle();
    runLine(world, 'sysctl -w net.ipv4.ip_forward=0; ip link set dev cni0 mtu 1400');
    runLine(world, 'kubectl run more --image=nginx --overrides=\'{"spec":{"nodeName":"controlplane"}}\'');
    expect(runLine(world, 'sysctl -n net.ipv4.ip_forward').stdout).toBe('0\n');
    expect(runLine(world, 'ip -o link show cni0').stdout).toContain('mtu 1400');
  });
});
