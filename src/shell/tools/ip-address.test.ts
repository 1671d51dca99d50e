import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';

describe('ip addr with IPv6', () => {
  // As iproute2 5.15 printed the same steps on a real kernel.
  it('shows addresses as the kernel lists them, with their flags', () => {
    const world = openArticle();
    const run = (line: string): string => runLine(world, line).output;
    expect(run('ip -6 addr')).toBe('');
    run('sysctl -w net.ipv6.conf.all.disable_ipv6=0');
    run('ip addr add fd00::5/64 dev eth0');
    run('ip addr add fd00::6/64 dev eth0 preferred_lft 0 nodad');
    const lines = run('ip addr show dev eth0').split('\n').slice(2);
    const linkLocal = lines[6]?.trim().split(' ')[1] ?? '';
    expect(linkLocal).toMatch(/^fe80::/);
    expect(lines.slice(2).join('\n')).toBe(
      `    inet6 fd00::6/64 scope global nodad deprecated \n       valid_lft forever preferred_lft 0sec\n    inet6 fd00::5/64 scope global tentative \n       valid_lft forever preferred_lft forever\n    inet6 ${linkLocal} scope link tentative \n       valid_lft forever preferred_lft forever\n`,
    );
    run('sleep 3');
    expect(run('ip -o -6 addr show dev eth0')).toContain('2: eth0    inet6 fd00::5/64 scope global \\       valid_lft forever preferred_lft forever\n');
    expect(run('ip -br addr show lo')).toBe('lo               UNKNOWN        127.0.0.1/8 ::1/128 \n');
    expect(run('ip addr add fd00::5/64 dev eth0')).toBe('Error: ipv6: address already assigned.\n');
    expect(run('ip addr del fd00::7/64 dev eth0')).toBe('Error: ipv6: address not found.\n');
    expect(run('ip addr add fd00::zz/64 dev eth0')).toBe('Error: any valid prefix is expected rather than "fd00::zz/64".\n');
    run('ip addr del fd00::5/64 dev eth0');
    expect(run('ip -6 addr show dev eth0')).not.toContain('fd00::5');
  });
});
