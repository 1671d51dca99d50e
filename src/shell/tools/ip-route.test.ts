/** `ip route` and `ip rule` word for word as iproute2 6.1 answered them on a kernel 6.18 with this very topology. */
import { describe, expect, it } from 'vitest';
import { type RouterHost, routerHost } from '../testing/router-host.ts';

/** Runs the lines that begin with `$`, and gives the whole session back. */
function session(host: RouterHost, ...lines: readonly string[]): string {
  return lines.map((line) => `$ ${line}\n${host.run(line)}`).join('');
}

describe('ip route', () => {
  it('shows the tables as the kernel has them', () => {
    const host = routerHost();
    expect(host.run('ip -4 route show table all')).toBe(`10.1.0.0/24 dev r0 proto kernel scope link src 10.1.0.1 
10.2.0.0/24 dev r1 proto kernel scope link src 10.2.0.1 
local 10.1.0.1 dev r0 table local proto kernel scope host src 10.1.0.1 
broadcast 10.1.0.255 dev r0 table local proto kernel scope link src 10.1.0.1 
local 10.2.0.1 dev r1 table local proto kernel scope host src 10.2.0.1 
broadcast 10.2.0.255 dev r1 table local proto kernel scope link src 10.2.0.1 
local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1 
local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1 
broadcast 127.255.255.255 dev lo table local proto kernel scope link src 127.0.0.1 
`);
    expect(host.run('ip route show table local dev r0')).toBe(
      'local 10.1.0.1 proto kernel scope host src 10.1.0.1 \nbroadcast 10.1.0.255 proto kernel scope link src 10.1.0.1 \n',
    );
  });

  it('adds several ways, lists them in every form, and orders routes of one key', () => {
    const host = routerHost();
    host.run('ip route add 10.3.0.0/16 nexthop via 10.1.0.2 weight 2 nexthop via 10.2.0.2 dev r1');
    expect(host.run('ip route')).toBe(`10.1.0.0/24 dev r0 proto kernel scope link src 10.1.0.1 
10.2.0.0/24 dev r1 proto kernel scope link src 10.2.0.1 
10.3.0.0/16 
	nexthop via 10.1.0.2 dev r0 weight 2 
	nexthop via 10.2.0.2 dev r1 weight 1 
`);
    expect(host.run('ip -d route show 10.3.0.0/16')).toBe(
      'unicast 10.3.0.0/16 proto boot scope global \n\tnexthop via 10.1.0.2 dev r0 weight 2 \n\tnexthop via 10.2.0.2 dev r1 weight 1 \n',
    );
    expect(host.run('ip -o route show 10.3.0.0/16')).toBe('10.3.0.0/16 \\\tnexthop via 10.1.0.2 dev r0 weight 2 \\\tnexthop via 10.2.0.2 dev r1 weight 1 \n');
    expect(host.run('ip -j route')).toBe(
      '[{"dst":"10.1.0.0/24","dev":"r0","protocol":"kernel","scope":"link","prefsrc":"10.1.0.1","flags":[]},{"dst":"10.2.0.0/24","dev":"r1","protocol":"kernel","scope":"link","prefsrc":"10.2.0.1","flags":[]},{"dst":"10.3.0.0/16","flags":[],"nexthops":[{"gateway":"10.1.0.2","dev":"r0","weight":2,"flags":[]},{"gateway":"10.2.0.2","dev":"r1","weight":1,"flags":[]}]}]\n',
    );
    const ways = '10.3.0.0/16 \n\tnexthop via 10.1.0.2 dev r0 weight 2 \n\tnexthop via 10.2.0.2 dev r1 weight 1 \n';
    expect(
      session(host, 'ip route add 10.3.0.0/16 via 10.1.0.2', 'ip route append 10.3.0.0/16 via 10.1.0.2', 'ip route prepend 10.3.0.0/16 via 10.1.0.9'),
    ).toBe(
      '$ ip route add 10.3.0.0/16 via 10.1.0.2\nRTNETLINK answers: File exists\n[2]$ ip route append 10.3.0.0/16 via 10.1.0.2\n$ ip route prepend 10.3.0.0/16 via 10.1.0.9\n',
    );
    expect(host.run('ip route show 10.3.0.0/16')).toBe(`10.3.0.0/16 via 10.1.0.9 dev r0 \n${ways}10.3.0.0/16 via 10.1.0.2 dev r0 \n`);
    host.run('ip route change 10.3.0.0/16 via 10.1.0.3');
    expect(host.run('ip route show 10.3.0.0/16')).toBe(`10.3.0.0/16 via 10.1.0.3 dev r0 \n${ways}10.3.0.0/16 via 10.1.0.2 dev r0 \n`);
    expect(session(host, ...Array(4).fill('ip route del 10.3.0.0/16'))).toBe(
      `${'$ ip route del 10.3.0.0/16\n'.repeat(4)}RTNETLINK answers: No such process\n[2]`,
    );
  });

  it('refuses in iproute2’s and the kernel’s words', () => {
    const host = routerHost();
    const refusals: readonly [string, string][] = [
      ['add 10.50.0.0/16 via 10.99.0.1', 'Error: Nexthop has invalid gateway.\n[2]'],
      ['add 10.50.0.0/16 via 10.1.0.2 dev r1', 'Error: Nexthop has invalid gateway.\n[2]'],
      ['add 10.50.0.0/16 dev nosuch', 'Cannot find device "nosuch"\n[1]'],
      ['add 10.50.0.0/16', 'RTNETLINK answers: No such device\n[2]'],
      ['add 10.50.0.1/16 via 10.1.0.2', 'Error: Invalid prefix for given prefix length.\n[2]'],
      ['add 10.50.0.0/16 via 10.1.0.2 src 9.9.9.9', 'Error: Invalid prefsrc address.\n[2]'],
      ['add 10.50.0.0/16 via 10.1.0.2 onlink', 'Error: Nexthop device required for onlink.\n[2]'],
      ['del 10.1.2.0/24', 'RTNETLINK answers: No such process\n[2]'],
      ['change 10.77.0.0/16 via 10.1.0.2', 'RTNETLINK answers: No such file or directory\n[2]'],
      ['add 10.78.0.0/16 nexthop via 10.1.0.2 weight 0 nexthop via 10.2.0.2', 'Error: argument "0" is wrong: "weight" is invalid\n\n[255]'],
      ['add 10.78.0.0/16 nexthop via 10.9.0.2', 'Error: Nexthop has invalid gateway.\n[2]'],
      ['add 10.78.0.0/16 via 10.1.0.2 metric x', 'Error: argument "x" is wrong: "metric" value is invalid\n\n[255]'],
      ['add 10.78.0.0/16 via 10.1.0.2 proto foo', 'Error: argument "foo" is wrong: "protocol" value is invalid\n\n[255]'],
      ['add 10.78.0.0/16 via 10.1.0.2 scope foo', 'Error: argument "foo" is wrong: invalid "scope" value\n\n[255]'],
      ['add 10.78.0.0/16 via 10.1.0.2 bogus', 'Error: either "to" is duplicate, or "bogus" is a garbage.\n[255]'],
      ['add 10.78.0.0/16 via', 'Command line is not complete. Try option "help"\n[255]'],
      ['add 10.78.0.0/16 via foo', 'Error: inet address is expected rather than "foo".\n[1]'],
      ['add foo via 10.1.0.2', 'Error: any valid prefix is expected rather than "foo".\n[1]'],
      ['add 10.78.0.0/16 table nosuch', 'Error: argument "nosuch" is wrong: "table" value is invalid\n\n[255]'],
      ['bogus', 'Command "bogus" is unknown, try "ip route help".\n[255]'],
      ['flush', '"ip route flush" requires arguments.\n[255]'],
    ];
    for (const [words, answer] of refusals) expect(host.run(`ip route ${words}`), words).toBe(answer);
  });

  it('shows types, metrics, MTUs and tables, and selects by all of them', () => {
    const host = routerHost();
    for (const words of [
      '10.50.0.0/16 via 10.1.0.2 metric 100 proto static src 10.1.0.1 mtu 1400',
      '10.50.0.0/16 via 10.2.0.2 metric 50 mtu lock 1300 table main',
      'local 10.60.0.0/16 dev lo',
      'throw 10.61.0.0/16',
      'blackhole 10.62.0.0/16 metric 7',
      'unreachable default metric 4278198272',
      '10.63.0.0/16 dev r0 scope link table 100',
      '10.64.0.0/16 dev r0 table 1000 proto bird',
      '10.65.0.0/16 dev r0 proto 99',
    ])
      expect(host.run(`ip route add ${words}`), words).toBe('');
    expect(host.run('ip -4 route show table all | head -13')).toBe(`10.63.0.0/16 dev r0 table 100 scope link 
10.64.0.0/16 dev r0 table 1000 proto bird scope link 
unreachable default metric 4278198272 
10.1.0.0/24 dev r0 proto kernel scope link src 10.1.0.1 
10.2.0.0/24 dev r1 proto kernel scope link src 10.2.0.1 
10.50.0.0/16 via 10.2.0.2 dev r1 metric 50 mtu lock 1300 
10.50.0.0/16 via 10.1.0.2 dev r0 proto static src 10.1.0.1 metric 100 mtu 1400 
throw 10.61.0.0/16 
blackhole 10.62.0.0/16 metric 7 
10.65.0.0/16 dev r0 proto openr scope link 
local 10.1.0.1 dev r0 table local proto kernel scope host src 10.1.0.1 
broadcast 10.1.0.255 dev r0 table local proto kernel scope link src 10.1.0.1 
local 10.2.0.1 dev r1 table local proto kernel scope host src 10.2.0.1 
`);
    expect(host.run('ip route show table local | grep 10.60')).toBe('local 10.60.0.0/16 dev lo scope host \n');
    expect(host.run('ip route show match 10.50.1.1')).toBe(
      'unreachable default metric 4278198272 \n10.50.0.0/16 via 10.2.0.2 dev r1 metric 50 mtu lock 1300 \n10.50.0.0/16 via 10.1.0.2 dev r0 proto static src 10.1.0.1 metric 100 mtu 1400 \n',
    );
    expect(host.run('ip route show via 10.2.0.2')).toBe('10.50.0.0/16 dev r1 metric 50 mtu lock 1300 \n');
    expect(host.run('ip route show proto static')).toBe('10.50.0.0/16 via 10.1.0.2 dev r0 src 10.1.0.1 metric 100 mtu 1400 \n');
    expect(host.run('ip route show type blackhole')).toBe('blackhole 10.62.0.0/16 metric 7 \n');
    expect(host.run('ip route show 10.50.1.1')).toBe('');
    expect(host.run('ip route show scope link')).toBe(
      '10.1.0.0/24 dev r0 proto kernel src 10.1.0.1 \n10.2.0.0/24 dev r1 proto kernel src 10.2.0.1 \n10.65.0.0/16 dev r0 proto openr \n',
    );
    expect(host.run('ip -j route show 10.50.0.0/16')).toBe(
      '[{"dst":"10.50.0.0/16","gateway":"10.2.0.2","dev":"r1","metric":50,"flags":[],"metrics":[{"mtu":1300}]},{"dst":"10.50.0.0/16","gateway":"10.1.0.2","dev":"r0","protocol":"static","prefsrc":"10.1.0.1","metric":100,"flags":[],"metrics":[{"mtu":1400}]}]\n',
    );
    expect(host.run('ip route flush proto static && ip -s route flush 10.50.0.0/16')).toBe(
      '\n*** Round 1, deleting 1 entries ***\n*** Flush is complete after 1 round ***\n',
    );
    expect(host.run('ip route get 10.61.0.1')).toBe('RTNETLINK answers: Network is unreachable\n[2]');
    expect(host.run('ip route get 10.77.0.1')).toBe('RTNETLINK answers: No route to host\n[2]');
    expect(host.run('ip route get 10.62.0.1')).toBe('RTNETLINK answers: Invalid argument\n[2]');
    expect(host.run('ip route get 10.60.1.1')).toBe('local 10.60.1.1 dev lo src 10.60.1.1 uid 0 \n    cache <local> \n');
  });

  it('gets what the kernel would do', () => {
    const host = routerHost();
    expect(host.run('ip route get 10.2.0.2')).toBe('10.2.0.2 dev r1 src 10.2.0.1 uid 0 \n    cache \n');
    expect(host.run('ip route get 10.2.0.2 from 10.1.0.2 iif r0')).toBe('10.2.0.2 from 10.1.0.2 dev r1 \n    cache iif r0 \n');
    expect(host.run('ip route get 10.1.0.1 from 10.1.0.2 iif r0')).toBe('local 10.1.0.1 from 10.1.0.2 dev lo \n    cache <local> iif r0 \n');
    expect(host.run('ip route get 10.1.0.255')).toBe('broadcast 10.1.0.255 dev r0 src 10.1.0.1 uid 0 \n    cache <local,brd> \n');
    expect(host.run('ip route get 10.2.0.2 mark 5 uid 1000')).toBe('10.2.0.2 dev r1 src 10.2.0.1 mark 5 uid 1000 \n    cache \n');
    expect(host.run('ip -d route get 10.2.0.2')).toBe('unicast 10.2.0.2 dev r1 table main src 10.2.0.1 uid 0 \n    cache \n');
    expect(host.run('ip -d route get 10.2.0.1')).toBe('local 10.2.0.1 dev lo table local src 10.2.0.1 uid 0 \n    cache <local> \n');
    expect(host.run('ip route get fibmatch 10.2.0.1')).toBe('local 10.2.0.1 dev r1 table local proto kernel scope host src 10.2.0.1 \n');
    expect(host.run('ip route get 10.2.0.2 oif r0')).toBe('10.2.0.2 dev r0 src 10.1.0.1 uid 0 \n    cache \n');
    expect(host.run('ip -j route get 10.2.0.2 from 10.1.0.2 iif r0')).toBe(
      '[{"dst":"10.2.0.2","from":"10.1.0.2","dev":"r1","flags":[],"cache":[],"iif":"r0"}]\n',
    );
    expect(host.run('ip route get 10.99.0.2')).toBe('RTNETLINK answers: Network is unreachable\n[2]');
    expect(host.run('ip route get 10.2.0.2 from 9.9.9.9')).toBe('RTNETLINK answers: Network is unreachable\n[2]');
    expect(host.run('ip route get 10.2.0.2 from 10.1.0.1 iif r0')).toBe('RTNETLINK answers: Invalid argument\n[2]');
    expect(host.run('ip route get')).toBe('need at least a destination address\n[1]');
    expect(host.run('ip route get 10.2.0.0/24')).toBe(
      'Warning: /24 as prefix is invalid, only /32 (or none) is supported.\n10.2.0.0 dev r1 src 10.2.0.1 uid 0 \n    cache \n',
    );
    expect(host.run('ip route get foo')).toBe('Error: any valid prefix is expected rather than "foo".\n[1]');
    host.run('ip rule add from 10.1.0.2 lookup 100; ip route add default via 10.2.0.2 table 100');
    expect(host.run('ip route get 10.55.0.2 from 10.1.0.2 iif r0')).toBe('10.55.0.2 from 10.1.0.2 via 10.2.0.2 dev r1 table 100 \n    cache iif r0 \n');
  });

  it('marks a route whose link has no carrier', () => {
    const host = routerHost();
    const far = host.world.records.get('right/netns/root/device/e0');
    if (far.kind === 'device') host.world.records.put({ ...far, up: false });
    expect(host.run('ip route show dev r1')).toBe('10.2.0.0/24 proto kernel scope link src 10.2.0.1 linkdown \n');
    expect(host.run('ip -j route show dev r1')).toBe('[{"dst":"10.2.0.0/24","protocol":"kernel","scope":"link","prefsrc":"10.2.0.1","flags":["linkdown"]}]\n');
  });
});

describe('ip rule', () => {
  it('adds, numbers, shows and deletes rules', () => {
    const host = routerHost();
    for (const words of [
      'from 10.1.0.0/24 lookup 100 pref 1000',
      'fwmark 0x1/0xff lookup 200',
      'iif r0 to 10.5.0.0/16 lookup main pref 500 suppress_prefixlength 0',
      'blackhole from 1.2.3.4',
      'oif r1 prohibit',
      'not from 10.0.0.0/8 unreachable',
      'from all lookup 300 ipproto tcp dport 80',
      'from all sport 100-200 goto 32766 pref 10',
      'pref 10 from all lookup main protocol static',
    ])
      expect(host.run(`ip rule add ${words}`), words).toBe('');
    expect(host.run('ip rule')).toBe(`0:	from all lookup local
10:	from all sport 100-200 goto 32766
10:	from all lookup main proto static
496:	from all ipproto tcp dport 80 lookup 300
497:	not from 10.0.0.0/8 unreachable
498:	from all oif r1 prohibit
499:	from 1.2.3.4 blackhole
500:	from all to 10.5.0.0/16 iif r0 lookup main suppress_prefixlength 0
999:	from all fwmark 0x1/0xff lookup 200
1000:	from 10.1.0.0/24 lookup 100
32766:	from all lookup main
32767:	from all lookup default
`);
    expect(host.run('ip -j rule')).toBe(
      '[{"priority":0,"src":"all","table":"local"},{"priority":10,"src":"all","sport_start":100,"sport_end":200,"goto":32766},{"priority":10,"src":"all","table":"main","protocol":"static"},{"priority":496,"src":"all","ipproto":"tcp","dport":80,"table":"300"},{"priority":497,"not":null,"src":"10.0.0.0","srclen":8,"action":"unreachable"},{"priority":498,"src":"all","oif":"r1","action":"prohibit"},{"priority":499,"src":"1.2.3.4","action":"blackhole"},{"priority":500,"src":"all","dst":"10.5.0.0","dstlen":16,"iif":"r0","table":"main","suppress_prefixlen":0},{"priority":999,"src":"all","fwmark":"0x1","fwmask":"0xff","table":"200"},{"priority":1000,"src":"10.1.0.0","srclen":24,"table":"100"},{"priority":32766,"src":"all","table":"main"},{"priority":32767,"src":"all","table":"default"}]\n',
    );
    expect(host.run('ip rule add from 10.1.0.0/24 lookup 100 pref 1000')).toBe('RTNETLINK answers: File exists\n[2]');
    expect(host.run('ip -d rule | head -3')).toBe(
      '0:\tfrom all lookup local proto kernel\n10:\tfrom all sport 100-200 goto 32766 proto unspec\n10:\tfrom all lookup main proto static\n',
    );
    expect(host.run('ip rule show pref 1000; ip rule show table 100')).toBe('1000:\tfrom 10.1.0.0/24 lookup 100\n'.repeat(2));
    expect(host.run('ip rule del from 1.2.3.4; ip rule del from 10.1.0.0/24')).toBe('');
    expect(host.run('ip rule flush; ip rule')).toBe('0:\tfrom all lookup local\n');
    expect(host.run('ip rule del pref 0; ip rule')).toBe('');
    expect(host.run('ip rule add from all lookup local pref 0; ip rule; ip -6 rule')).toBe(
      '0:\tfrom all lookup local\n0:\tfrom all lookup local\n32766:\tfrom all lookup main\n',
    );
    expect(host.run('ip rule add from all; ip rule')).toBe('0:\tfrom all lookup local\n0:\tfrom all lookup main\n');
  });

  it('refuses in iproute2’s words', () => {
    const host = routerHost();
    expect(host.run('ip rule del pref 9999')).toBe('RTNETLINK answers: No such file or directory\n[2]');
    expect(host.run('ip rule add foo')).toBe('Error: argument "foo" is wrong: Failed to parse rule type\n\n[255]');
    expect(host.run('ip rule add lookup')).toBe('Command line is not complete. Try option "help"\n[255]');
    expect(host.run('ip rule add from 1.2.3.4/44')).toBe('Error: any valid prefix is expected rather than "1.2.3.4/44".\n[1]');
    expect(host.run('ip rule add table nosuch')).toBe('Error: argument "nosuch" is wrong: invalid table ID\n\n[255]');
    expect(host.run('ip rule add pref x')).toBe('Error: argument "x" is wrong: preference value is invalid\n\n[255]');
    expect(host.run('ip rule del')).toBe('"ip rule del" requires arguments.\n[255]');
    expect(host.run('ip rule bogus')).toBe('Command "bogus" is unknown, try "ip rule help".\n[255]');
  });
});
