import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';

describe('sysctl', () => {
  it('reads, writes, and says what is wrong, as procps does', () => {
    const world = openArticle();
    expect(runLine(world, 'sysctl net.ipv4.ip_forward')).toMatchObject({ stdout: 'net.ipv4.ip_forward = 1\n', exitCode: 0 });
    expect(runLine(world, 'sysctl -n net/ipv4/conf/cni0/rp_filter').stdout).toMatch(/^\d\n$/);
    expect(runLine(world, 'sysctl -w net.ipv4.conf.cni0.rp_filter=1')).toMatchObject({ stdout: 'net.ipv4.conf.cni0.rp_filter = 1\n', exitCode: 0 });
    expect(runLine(world, 'cat /proc/sys/net/ipv4/conf/cni0/rp_filter').stdout).toBe('1\n');
    expect(runLine(world, 'sysctl -q -w net.ipv4.conf.cni0.proxy_arp=1')).toMatchObject({ stdout: '', exitCode: 0 });
    expect(runLine(world, 'sysctl net.ipv4.nosuch')).toMatchObject({
      stderr: 'sysctl: cannot stat /proc/sys/net/ipv4/nosuch: No such file or directory\n',
      exitCode: 1,
    });
    expect(runLine(world, 'sysctl -e net.ipv4.nosuch')).toMatchObject({ stderr: '', exitCode: 0 });
    expect(runLine(world, 'sysctl -w net.ipv4.ip_default_ttl=0')).toMatchObject({
      stderr: 'sysctl: setting key "net.ipv4.ip_default_ttl": Invalid argument\n',
      exitCode: 1,
    });
    expect(runLine(world, 'sysctl -w net.ipv4.ip_forward=x').stderr).toBe('sysctl: setting key "net.ipv4.ip_forward": Invalid argument\n');
    expect(runLine(world, 'sysctl -w net.ipv4.conf.nosuch.rp_filter=1').exitCode).toBe(1);
    expect(runLine(world, 'sysctl -w net.ipv4.conf.constructor.rp_filter=1').exitCode).toBe(1);
  });

  it('lists all there is, by pattern, and a whole directory', () => {
    const world = openArticle();
    expect(runLine(world, "sysctl -a -r 'conf[.]cni0[.]arp_i'").stdout).toBe('net.ipv4.conf.cni0.arp_ignore = 0\n');
    expect(runLine(world, 'sysctl -N net.ipv4.neigh.cni0').stdout.split('\n')).toContain('net.ipv4.neigh.cni0.base_reachable_time_ms');
    expect(Number(runLine(world, 'sysctl -a | wc -l').stdout)).toBeGreaterThan(100);
  });

  it('sets forwarding of every device at once, and `default` only for those that come later', () => {
    const world = openArticle();
    runLine(world, 'sysctl -w net.ipv4.conf.cni0.forwarding=0 net.ipv4.ip_forward=1');
    expect(runLine(world, 'sysctl -n net.ipv4.conf.cni0.forwarding').stdout).toBe('1\n');
    runLine(world, 'sysctl -w net.ipv4.conf.default.arp_ignore=2');
    expect(runLine(world, 'sysctl -n net.ipv4.conf.cni0.arp_ignore net.ipv4.conf.default.arp_ignore').stdout).toBe('0\n2\n');
  });
});
