import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';

const world = openArticle();
const run = (line: string) => {
  const { output, exitCode } = runLine(world, line);
  return [output, exitCode];
};

describe('ip tuntap, as iproute2 6.1 on a real kernel', () => {
  it('a tun device without a program behind it has no carrier: its route is linkdown, and what is sent by it is lost', () => {
    expect(run('ip tuntap add dev zz0 mode tun')).toEqual(['', 0]);
    expect(run('ip tuntap')).toEqual(['zz0: tun persist\n', 0]);
    expect(run('ip addr add 10.9.0.1/24 dev zz0; ip link set zz0 up; ip -br link show zz0')).toEqual([
      'zz0              DOWN           <NO-CARRIER,POINTOPOINT,MULTICAST,NOARP,UP> \n',
      0,
    ]);
    expect(run('ip route | grep zz0')).toEqual(['10.9.0.0/24 dev zz0 proto kernel scope link src 10.9.0.1 linkdown \n', 0]);
    expect(run('ping -c1 -W1 10.9.0.2 | tail -2')[0]).toContain('1 packets transmitted, 0 received, 100% packet loss');
  });

  it('refuses what the kernel refuses, in its words', () => {
    expect(run('ip tuntap add dev zz0 mode tun')).toEqual(['ioctl(TUNSETIFF): Device or resource busy\n', 1]);
    expect(run('ip tuntap del dev zz0 mode tap')).toEqual(['ioctl(TUNSETIFF): Invalid argument\n', 1]);
    expect(run('ip tuntap add dev x')).toEqual(['You failed to specify a tunnel mode\n', 1]);
    expect(run('ip tuntap add mode foo')).toEqual(['Unknown tunnel mode "foo"\n', 255]);
    expect(run('ip tuntap foo')).toEqual(['Command "foo" is unknown, try "ip tuntap help".\n', 255]);
  });

  it('takes its routes along when it goes; what was never there is gone, too', () => {
    expect(run('ip tuntap del dev zz0 mode tun')).toEqual(['', 0]);
    expect(run('ip tuntap del dev zz0 mode tun')).toEqual(['', 0]);
    expect(run('ip route | grep zz0')).toEqual(['', 1]);
  });
});
