/** `ip neigh` as iproute2 6.1 answered on a kernel. */
import { describe, expect, it } from 'vitest';
import { routerHost } from '../testing/router-host.ts';

describe('ip neigh', () => {
  it('writes, shows, changes and forgets neighbours', () => {
    const host = routerHost();
    expect(host.run('ip neigh add 10.1.0.50 lladdr 02:00:00:00:00:50 dev r0; ip neigh add 10.1.0.51 lladdr 2:0:0:0:0:51 dev r0 nud reachable')).toBe('');
    expect(host.run('ip neigh')).toBe('10.1.0.50 dev r0 lladdr 02:00:00:00:00:50 PERMANENT \n10.1.0.51 dev r0 lladdr 02:00:00:00:00:51 REACHABLE \n');
    expect(host.run('ip -s neigh show 10.1.0.51')).toBe('10.1.0.51 dev r0 lladdr 02:00:00:00:00:51  ref 1 used 0/0/0probes 0 REACHABLE \n');
    expect(host.run('ip -j neigh show nud reachable')).toBe('[{"dst":"10.1.0.51","dev":"r0","lladdr":"02:00:00:00:00:51","state":["REACHABLE"]}]\n');
    expect(host.run('ip neigh add 10.1.0.50 lladdr 02:00:00:00:00:50 dev r0')).toBe('RTNETLINK answers: File exists\n[2]');
    expect(host.run('ip neigh change 10.1.0.60 lladdr 02:00:00:00:00:50 dev r0')).toBe('RTNETLINK answers: No such file or directory\n[2]');
    expect(host.run('ip neigh replace 10.1.0.60 lladdr 02:00:00:00:00:60 dev r0 nud noarp; ip neigh show dev r0')).toBe(
      '10.1.0.50 lladdr 02:00:00:00:00:50 PERMANENT \n10.1.0.51 lladdr 02:00:00:00:00:51 REACHABLE \n',
    );
    expect(host.run('ip neigh show nud noarp')).toBe('10.1.0.60 dev r0 lladdr 02:00:00:00:00:60 NOARP \n');
    expect(host.run('ip neigh get 10.1.0.50 dev r0')).toBe('10.1.0.50 dev r0 lladdr 02:00:00:00:00:50 PERMANENT \n');
    expect(host.run('ip neigh get 10.1.0.99 dev r0')).toBe('Error: Neighbour entry not found.\n[2]');
    expect(host.run('ip neigh del 10.1.0.50 dev r0; ip neigh del 10.1.0.50 dev r0')).toBe('RTNETLINK answers: No such file or directory\n[2]');
    expect(host.run('ip neigh add proxy 10.1.0.200 dev r0; ip neigh show proxy; ip neigh del proxy 10.1.0.200 dev r0')).toBe('10.1.0.200 dev r0 proxy \n');
    expect(host.run('ip neigh flush dev r0; ip neigh')).toBe('');
    expect(host.run('ip -s neigh flush all')).toBe('Nothing to flush.\n');
  });

  it('refuses in iproute2’s words', () => {
    const host = routerHost();
    for (const [words, answer] of [
      ['flush', 'Flush requires arguments.\n[255]'],
      ['bogus', 'Command "bogus" is unknown, try "ip neigh help".\n[255]'],
      ['add foo dev r0', 'Error: any valid address is expected rather than "foo".\n[1]'],
      ['add 10.1.0.7 lladdr zz dev r0', '"zz" is invalid lladdr.\n[1]'],
      ['add 10.1.0.7 lladdr 02:00:00:00:00:60', 'Device and destination are required arguments.\n[255]'],
      ['add 10.1.0.53 dev r0', 'Error: No link layer address given.\n[2]'],
      ['show nud bogus', 'Error: argument "bogus" is wrong: nud state is bad\n\n[255]'],
      ['del 10.1.0.7 dev nosuch', 'Cannot find device "nosuch"\n[1]'],
    ] as const)
      expect(host.run(`ip neigh ${words}`), words).toBe(answer);
  });
});
