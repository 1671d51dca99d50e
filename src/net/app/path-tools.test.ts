/** ping, traceroute, tracepath, mtr and arping, as the real ones printed it between three network namespaces of a kernel 6.18. */
import { describe, expect, it } from 'vitest';
import type { Route } from '../records.ts';
import { macFor, type WorldBuilder } from '../testing/world-builder.ts';
import { LEFT, ROUTER, type RouterWorld, routerWorld, timeless } from './testing/router-world.ts';

const R0 = macFor(`${ROUTER}/device/r0`).toUpperCase();

function special(b: WorldBuilder, destination: string, type: Route['type']): void {
  b.records.put({
    kind: 'route',
    id: `${ROUTER}/route/254/${destination}`,
    origin: { component: 'test', objects: [] },
    netns: ROUTER,
    table: 254,
    destination,
    type,
    protocol: 'boot',
    scope: 'global',
    metric: 0,
    onlink: false,
  });
}
const run = (w: RouterWorld, line: string): string => timeless(w.run(LEFT, line));

describe('ping', () => {
  it('is told of a smaller MTU once by the router, then by its own kernel', () => {
    const w = routerWorld({ mtu: 1400 });
    expect(run(w, 'ping -c 3 -i 0.2 -M do -s 1450 10.2.0.2')).toBe(
      `PING 10.2.0.2 (10.2.0.2) 1450(1478) bytes of data.
From 10.1.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)

--- 10.2.0.2 ping statistics ---
3 packets transmitted, 0 received, +3 errors, 100% packet loss, time #ms

${'ping: local error: message too long, mtu=1400\n'.repeat(2)}[1]`,
    );
    expect(run(w, 'ping -c 1 -M want -s 1450 10.2.0.2')).toContain('1458 bytes from 10.2.0.2: icmp_seq=1 ttl=63 time= #ms');
    expect(run(w, 'ping -c 1 -M dont -s 3000 10.2.0.2')).toContain('3008 bytes from 10.2.0.2: icmp_seq=1 ttl=63');
  });

  it('hears of an unreachable route twice, and then the router is silent', () => {
    const w = routerWorld({ change: (b) => special(b, '10.9.0.0/24', 'unreachable') });
    expect(run(w, 'ping -c 12 -i 0.2 -W 1 10.9.0.1')).toBe(`PING 10.9.0.1 (10.9.0.1) 56(84) bytes of data.
From 10.1.0.1 icmp_seq=1 Destination Host Unreachable
From 10.1.0.1 icmp_seq=2 Destination Host Unreachable

--- 10.9.0.1 ping statistics ---
12 packets transmitted, 0 received, +2 errors, 100% packet loss, time #ms

[1]`);
  });

  it('prints a redirect as the hint it is, and traceroute takes it for no answer', () => {
    const w = routerWorld({ change: (b) => b.route(ROUTER, '10.9.0.0/16', { gateway: '10.1.0.2', device: 'r0' }) });
    expect(run(w, 'ping -c 2 -i 0.2 -W 1 10.9.0.1')).toBe(`PING 10.9.0.1 (10.9.0.1) 56(84) bytes of data.
From 10.1.0.1: icmp_seq=1 Redirect Host(New nexthop: 10.1.0.2)
From 10.1.0.1: icmp_seq=2 Redirect Host(New nexthop: 10.1.0.2)

--- 10.9.0.1 ping statistics ---
2 packets transmitted, 0 received, 100% packet loss, time #ms

[1]`);
    expect(run(w, 'traceroute -I -n -q 1 -m 2 -w 1 10.9.0.1')).toBe(`traceroute to 10.9.0.1 (10.9.0.1), 2 hops max, 60 byte packets
 1  10.1.0.1 #ms
 2  *
`);
  });

  it('speaks from a device or an address, stamps lines, floods, and asks before it broadcasts', () => {
    const w = routerWorld();
    const statistics = '\n--- 10.1.0.1 ping statistics ---\n1 packets transmitted, 1 received, 0% packet loss, time #ms\n';
    expect(run(w, 'ping -c1 -I a0 10.1.0.1')).toContain(
      'PING 10.1.0.1 (10.1.0.1) from 10.1.0.2 a0: 56(84) bytes of data.\n64 bytes from 10.1.0.1: icmp_seq=1 ttl=64',
    );
    expect(run(w, 'ping -c1 -I 10.1.0.2 10.1.0.1')).toContain('PING 10.1.0.1 (10.1.0.1) from 10.1.0.2 : 56(84) bytes of data.');
    expect(run(w, 'ping -c1 -I nosuch 10.1.0.1')).toBe('ping: SO_BINDTODEVICE nosuch: No such device\n[2]');
    expect(run(w, 'ping -c1 -I 9.9.9.9 10.1.0.1')).toBe('ping: bind: Cannot assign requested address\n[2]');
    expect(w.run(LEFT, 'ping -D -c 1 10.1.0.1')).toMatch(/^PING .*\n\[17955617\d\d\.\d{6}\] 64 bytes from 10\.1\.0\.1: icmp_seq=1 ttl=64 time=/);
    expect(run(w, 'ping -c1 10.1.0.255')).toBe('ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n[2]');
    expect(run(w, 'ping -c 1 -s 10 10.1.0.1')).toBe(
      `PING 10.1.0.1 (10.1.0.1) 10(38) bytes of data.\n18 bytes from 10.1.0.1: icmp_seq=1 ttl=64\n${statistics}\n`,
    );
    expect(run(w, 'ping -f -c 5 10.1.0.1')).toContain('5 packets transmitted, 5 received, 0% packet loss');
    expect(run(w, 'ping -c 1 -t 1 10.2.0.2')).toContain('From 10.1.0.1 icmp_seq=1 Time to live exceeded');
  });
});

describe('tracepath', () => {
  it('finds the MTU of the way', () => {
    expect(run(routerWorld({ mtu: 1400 }), 'tracepath -n 10.2.0.2')).toBe(` 1?: [LOCALHOST]                      pmtu 1500
 1:  10.1.0.1 #ms 
 1:  10.1.0.1 #ms 
 2:  10.1.0.1 #ms pmtu 1400
 2:  10.2.0.2 #ms reached
     Resume: pmtu 1400 hops 2 back 2 
`);
  });

  it('ends early, at refusals, silence and on its own host', () => {
    const w = routerWorld({ change: (b) => special(b, '10.9.0.0/24', 'unreachable') });
    expect(run(w, 'tracepath -n -l 1000 10.2.0.2')).toBe(' 1:  10.1.0.1 #ms \n 2:  10.2.0.2 #ms reached\n     Resume: pmtu 1000 hops 2 back 2 \n');
    expect(run(w, 'tracepath -n -m 1 10.2.0.2')).toBe(
      ' 1?: [LOCALHOST]                      pmtu 1500\n 1:  10.1.0.1 #ms \n 1:  10.1.0.1 #ms \n     Too many hops: pmtu 1500\n     Resume: pmtu 1500 \n',
    );
    expect(run(routerWorld({ change: (b) => special(b, '10.9.0.0/24', 'unreachable') }), 'tracepath -n 10.9.0.1')).toBe(
      ' 1?: [LOCALHOST]                      pmtu 1500\n 1:  10.1.0.1 #ms !H\n 1:  10.1.0.1 #ms !H\n     Resume: pmtu 1500 \n',
    );
    expect(run(w, 'tracepath -n 10.1.0.2')).toBe(' 1:  10.1.0.2 #ms reached\n     Resume: pmtu 65535 hops 1 back 1 \n');
    const line = w.run(LEFT, 'tracepath -n -l 1000 10.2.0.2').split('\n')[0] ?? '';
    expect(line.indexOf('.', 20)).toBe(60);
  });
});

describe('traceroute', () => {
  it('asks by UDP, echo or SYN, one at a time or many', () => {
    const w = routerWorld({ change: (b) => special(b, '10.8.0.0/24', 'prohibit') });
    const head = 'traceroute to 10.2.0.2 (10.2.0.2), 30 hops max, 60 byte packets\n';
    expect(run(routerWorld(), 'traceroute -n 10.2.0.2')).toBe(`${head} 1  10.1.0.1 #ms #ms #ms\n 2  10.2.0.2 #ms #ms #ms\n`);
    for (const how of ['-I', '-T', '-U', '-p 5000']) {
      expect(run(routerWorld(), `traceroute -n -q 1 -N 1 ${how} 10.2.0.2`), how).toBe(`${head} 1  10.1.0.1 #ms\n 2  10.2.0.2 #ms\n`);
    }
    expect(run(w, 'traceroute -n -q 1 10.8.0.1')).toBe('traceroute to 10.8.0.1 (10.8.0.1), 30 hops max, 60 byte packets\n 1  10.1.0.1 #ms !X\n');
    expect(run(routerWorld(), 'traceroute -n 10.99.0.1').split('\n')[1]).toBe(' 1  10.1.0.1 #ms !N #ms !N *');
    expect(run(routerWorld(), 'traceroute -n -q 1 -f 2 10.2.0.2')).toBe(`${head} 2  10.2.0.2 #ms\n`);
  });

  it('waits three seconds for a host that is not there', () => {
    expect(run(routerWorld(), 'traceroute -n -m 3 10.2.0.77')).toBe(
      'traceroute to 10.2.0.77 (10.2.0.77), 3 hops max, 60 byte packets\n 1  10.1.0.1 #ms #ms #ms\n 2  10.1.0.1 #ms !H #ms !H #ms !H\n',
    );
  });
});

describe('mtr', () => {
  it('reports each hop', () => {
    expect(
      routerWorld()
        .run(LEFT, 'mtr -n -r -c 3 -i 0.3 10.2.0.2')
        .replace(/ \d\.\d(?= |\n)/g, ' #'),
    ).toBe(`Start: 2026-11-24T23:08:40+0000
HOST: left                        Loss%   Snt   Last   Avg  Best  Wrst StDev
  1.|-- 10.1.0.1                   0.0%     3    #   #   #   #   #
  2.|-- 10.2.0.2                   0.0%     3    #   #   #   #   #
`);
  });

  it('cuts large numbers, and says ??? of silence', () => {
    const text = routerWorld().run(LEFT, 'mtr -r -c 2 -n 10.2.0.77');
    expect(text).toMatch(/\n {2}1\.\|-- 10\.1\.0\.1 {19}0\.0% {5}2 {4}\d\.\d /);
    expect(text).toMatch(/\n {2}2\.\|-- 10\.1\.0\.1 {18}(?:50\.0%| 0\.0%) {5}2 {2}[23]\d{3}\. [23]\d{3}\./);
    expect(routerWorld().run(LEFT, 'mtr 10.2.0.2')).toBe('mtr: the full-screen display is not simulated in Kubehop; -r prints a report\n[1]');
  });
});

describe('arping', () => {
  it('asks everybody once and then whoever answered', () => {
    const w = routerWorld();
    const line = `Unicast reply from 10.1.0.1 [${R0}] #ms\n`;
    expect(run(w, 'arping -c 3 -I a0 10.1.0.1')).toBe(
      `ARPING 10.1.0.1 from 10.1.0.2 a0\n${line.repeat(3)}Sent 3 probes (1 broadcast(s))\nReceived 3 response(s)\n`,
    );
    expect(run(w, 'arping -f -c 3 -I a0 10.1.0.1')).toBe(`ARPING 10.1.0.1 from 10.1.0.2 a0\n${line}Sent 1 probes (1 broadcast(s))\nReceived 1 response(s)\n`);
    expect(run(w, 'arping -b -c 2 10.1.0.1')).toBe(
      `ARPING 10.1.0.1 from 10.1.0.2 a0\n${line.repeat(2)}Sent 2 probes (2 broadcast(s))\nReceived 2 response(s)\n`,
    );
    expect(run(w, 'arping -c 2 -w 3 -I a0 10.1.0.9')).toBe('ARPING 10.1.0.9 from 10.1.0.2 a0\nSent 2 probes (2 broadcast(s))\nReceived 0 response(s)\n[1]');
    expect(run(w, 'arping -q -c 1 -I a0 10.1.0.1')).toBe('');
  });

  it('finds out whether an address is taken, and announces its own', () => {
    const w = routerWorld();
    expect(run(w, 'arping -D -c 2 -I a0 10.1.0.1')).toBe(
      `ARPING 10.1.0.1 from 0.0.0.0 a0\nUnicast reply from 10.1.0.1 [${R0}] #ms\nSent 1 probes (1 broadcast(s))\nReceived 1 response(s)\n[1]`,
    );
    expect(run(w, 'arping -D -c 1 -I a0 10.1.0.77')).toBe('ARPING 10.1.0.77 from 0.0.0.0 a0\nSent 1 probes (1 broadcast(s))\nReceived 0 response(s)\n');
    for (const how of ['-U', '-A'])
      expect(run(w, `arping ${how} -c 2 -I a0 10.1.0.2`)).toBe('ARPING 10.1.0.2 from 10.1.0.2 a0\nSent 2 probes (2 broadcast(s))\nReceived 0 response(s)\n');
    expect(run(w, 'arping -I nosuch 10.1.0.1')).toBe('arping: Device nosuch not available.\n[2]');
    expect(run(w, 'arping -c 1 -I lo 127.0.0.1')).toBe('Interface "lo" is not ARPable\n[2]');
  });
});
