/** ip monitor against what iproute2 6.1 printed on a kernel 6.18 for the same commands. */
import { describe, expect, it } from 'vitest';
import { routerHost } from '../testing/router-host.ts';

describe('ip monitor', () => {
  it('tells of routes, rules, addresses, neighbours and links as they change', () => {
    const w = routerHost();
    w.run('ip monitor all > /tmp/log &');
    for (const line of [
      'route add 10.77.0.0/16 via 10.1.0.2',
      'route replace 10.77.0.0/16 via 10.1.0.2 mtu 1400',
      'route del 10.77.0.0/16',
      'route add 10.78.0.0/16 nexthop via 10.1.0.2 weight 2 nexthop via 10.2.0.2',
      'route del 10.78.0.0/16',
      'route add blackhole 10.79.0.0/16 table 100 metric 5',
      'route flush table 100',
      'rule add from 10.9.0.0/16 table 100 pref 50',
      'rule del pref 50',
      'addr add 10.6.0.1/24 brd + dev r1',
      'addr del 10.6.0.1/24 dev r1',
      'neigh add 10.1.0.77 lladdr 02:00:00:00:00:01 dev r0',
      'neigh change 10.1.0.77 lladdr 02:00:00:00:00:02 dev r0 nud reachable',
      'neigh del 10.1.0.77 dev r0',
      'link set r1 mtu 1400',
      'link set r1 down',
      'link set r1 up',
    ])
      expect(w.run(`ip ${line}`)).toBe('');
    expect(w.run('cat /tmp/log').replace(/ link-netnsid \d+/g, '')).toBe(`[ROUTE]10.77.0.0/16 via 10.1.0.2 dev r0 
[ROUTE]10.77.0.0/16 via 10.1.0.2 dev r0 mtu 1400 
[ROUTE]Deleted 10.77.0.0/16 via 10.1.0.2 dev r0 mtu 1400 
[ROUTE]10.78.0.0/16 
	nexthop via 10.1.0.2 dev r0 weight 2 
	nexthop via 10.2.0.2 dev r1 weight 1 
[ROUTE]Deleted 10.78.0.0/16 
	nexthop via 10.1.0.2 dev r0 weight 2 
	nexthop via 10.2.0.2 dev r1 weight 1 
[ROUTE]blackhole 10.79.0.0/16 table 100 metric 5 
[ROUTE]Deleted blackhole 10.79.0.0/16 table 100 metric 5 
[RULE]50:	from 10.9.0.0/16 lookup 100
[RULE]Deleted 50:	from 10.9.0.0/16 lookup 100
[ADDR]3: r1    inet 10.6.0.1/24 brd 10.6.0.255 scope global r1
       valid_lft forever preferred_lft forever
[ROUTE]local 10.6.0.1 dev r1 table local proto kernel scope host src 10.6.0.1 
[ROUTE]broadcast 10.6.0.255 dev r1 table local proto kernel scope link src 10.6.0.1 
[ROUTE]10.6.0.0/24 dev r1 proto kernel scope link src 10.6.0.1 
[ADDR]Deleted 3: r1    inet 10.6.0.1/24 brd 10.6.0.255 scope global r1
       valid_lft forever preferred_lft forever
[ROUTE]Deleted 10.6.0.0/24 dev r1 proto kernel scope link src 10.6.0.1 
[ROUTE]Deleted broadcast 10.6.0.255 dev r1 table local proto kernel scope link src 10.6.0.1 
[ROUTE]Deleted local 10.6.0.1 dev r1 table local proto kernel scope host src 10.6.0.1 
[NEIGH]10.1.0.77 dev r0 lladdr 02:00:00:00:00:01 PERMANENT 
[NEIGH]10.1.0.77 dev r0 lladdr 02:00:00:00:00:02 REACHABLE 
[NEIGH]10.1.0.77 dev r0 FAILED 
[NEIGH]Deleted 10.1.0.77 dev r0 FAILED 
[LINK]3: r1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc noqueue state UP group default 
    link/ether 02:00:00:00:01:01 brd ff:ff:ff:ff:ff:ff
[LINK]3: r1@if2: <BROADCAST,MULTICAST> mtu 1400 qdisc noqueue state DOWN group default 
    link/ether 02:00:00:00:01:01 brd ff:ff:ff:ff:ff:ff
[ROUTE]Deleted fe80::/64 dev r1 proto kernel metric 256 pref medium
[ROUTE]Deleted local fe80::ff:fe00:101 dev r1 table local proto kernel metric 0 pref medium
[ROUTE]Deleted multicast ff00::/8 dev r1 table local proto kernel metric 256 pref medium
[LINK]3: r1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc noqueue state UP group default 
    link/ether 02:00:00:00:01:01 brd ff:ff:ff:ff:ff:ff
[ROUTE]broadcast 10.2.0.255 dev r1 table local proto kernel scope link src 10.2.0.1 
[ROUTE]10.2.0.0/24 dev r1 proto kernel scope link src 10.2.0.1 
[ROUTE]multicast ff00::/8 dev r1 table local proto kernel metric 256 pref medium
[ROUTE]fe80::/64 dev r1 proto kernel metric 256 pref medium
`);
  });

  it('shows only what it is asked for, with stamps of the virtual clock', () => {
    const w = routerHost();
    w.run('ip -ts monitor rule dev r0 > /tmp/none &');
    w.run('ip -ts monitor route > /tmp/short &');
    w.run('ip -t -o monitor rule neigh > /tmp/long &');
    w.run('ip route add 10.77.0.0/16 nexthop via 10.1.0.2 nexthop via 10.2.0.2');
    w.run('ip rule add pref 9 to 10.9.0.1 blackhole');
    expect(w.run('cat /tmp/none')).toBe('');
    expect(w.run('cat /tmp/short')).toMatch(
      /^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\] 10\.77\.0\.0\/16 \n\tnexthop via 10\.1\.0\.2 dev r0 weight 1 \n\tnexthop/,
    );
    expect(w.run('cat /tmp/long')).toMatch(
      /^Timestamp: [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} \d+ usec\n9:\tfrom all to 10\.9\.0\.1 blackhole\n$/,
    );
  });

  it('refuses what iproute2 refuses', () => {
    const w = routerHost();
    expect(w.run('ip monitor bogus')).toBe('Argument "bogus" is unknown, try "ip monitor help".\n[255]');
    expect(w.run('ip monitor route dev r7')).toBe('Cannot find device "r7"\n[1]');
    expect(w.run('ip monitor dev')).toBe('Command line is not complete. Try option "help"\n[255]');
    expect(w.run('ip monitor help')).toMatch(/^Usage: ip monitor \[ all \| OBJECTS \][\s\S]*\[255\]$/);
  });
});
