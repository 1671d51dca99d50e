/** Lines that conntrack 1.4.7 printed on a real kernel. */
import { describe, expect, it } from 'vitest';
import type { ConnectionView } from '../engine.ts';
import { formatFlow, formatFlowEvent, PLAIN_FLOW, procFlow } from './format.ts';
import { flowMatches, parseConntrack } from './request.ts';

const http: ConnectionView = {
  netns: 'b/netns/root',
  protocol: 'tcp',
  protocolNumber: 6,
  family: 'ipv4',
  id: 2327172728,
  tcpState: 'TIME_WAIT',
  timeoutSeconds: 118,
  original: { src: '10.77.0.1', dst: '10.77.0.2', sport: 47472, dport: 8080 },
  reply: { src: '10.77.0.2', dst: '10.77.0.1', sport: 8080, dport: 47472 },
  unreplied: false,
  assured: true,
  mark: 0,
  nat: [],
  packets: 12,
  bytes: 2459,
  zone: 0,
  zoneDirection: 'both',
  dying: false,
  byHand: false,
};
const { tcpState: _gone, ...stateless } = http;
const datagram: ConnectionView = {
  ...stateless,
  protocol: 'udp',
  protocolNumber: 17,
  id: 2859075564,
  timeoutSeconds: 29,
  original: { src: '10.77.0.1', dst: '10.77.0.2', sport: 44427, dport: 7777 },
  reply: { src: '10.77.0.2', dst: '10.77.0.1', sport: 7777, dport: 44427 },
  unreplied: true,
  assured: false,
  counters: [
    [1, 30],
    [0, 0],
  ],
  zone: 5,
};
const echo6: ConnectionView = {
  ...stateless,
  protocol: 'icmpv6',
  protocolNumber: 58,
  family: 'ipv6',
  id: 3014252279,
  timeoutSeconds: 29,
  original: { src: 'fd77::1', dst: 'fd77::2', sport: 20604, dport: 20604, icmpType: 128, icmpCode: 0, icmpId: 20604 },
  reply: { src: 'fd77::2', dst: 'fd77::1', sport: 20604, dport: 20604, icmpType: 129, icmpCode: 0, icmpId: 20604 },
  assured: false,
};

describe('conntrack -L', () => {
  it('prints the protocol, what is left of its time, both directions and the flags', () => {
    expect(formatFlow(http)).toBe(
      'tcp      6 118 TIME_WAIT src=10.77.0.1 dst=10.77.0.2 sport=47472 dport=8080 src=10.77.0.2 dst=10.77.0.1 sport=8080 dport=47472 [ASSURED] mark=0 use=1\n',
    );
    expect(formatFlow(echo6, { ...PLAIN_FLOW, extended: true, id: true })).toBe(
      'ipv6     10 icmpv6   58 29 src=fd77::1 dst=fd77::2 type=128 code=0 id=20604 src=fd77::2 dst=fd77::1 type=129 code=0 id=20604 mark=0 use=1 id=3014252279\n',
    );
  });

  it('shows counters and the zone where there are some', () => {
    expect(formatFlow(datagram)).toBe(
      'udp      17 29 src=10.77.0.1 dst=10.77.0.2 sport=44427 dport=7777 packets=1 bytes=30 [UNREPLIED] src=10.77.0.2 dst=10.77.0.1 sport=7777 dport=44427 packets=0 bytes=0 mark=0 zone=5 use=1\n',
    );
    const { counters: _counters, ...uncounted } = datagram;
    expect(formatFlow({ ...datagram, zone: 6, zoneDirection: 'original' })).toContain('dport=7777 zone-orig=6 packets=1 bytes=30 [UNREPLIED]');
    expect(formatFlow(uncounted)).not.toContain('packets');
  });

  it('writes commands and XML', () => {
    expect(formatFlow(http, { ...PLAIN_FLOW, as: 'save' })).toBe(
      '-A -t 118 -u SEEN_REPLY,ASSURED -s 10.77.0.1 -d 10.77.0.2 -r 10.77.0.2 -q 10.77.0.1 -p tcp --sport 47472 --dport 8080 --reply-port-src 8080 --reply-port-dst 47472 --state TIME_WAIT\n',
    );
    expect(formatFlow(http, { ...PLAIN_FLOW, as: 'xml' })).toBe(
      '<flow><meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>10.77.0.1</src><dst>10.77.0.2</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>47472</sport><dport>8080</dport></layer4></meta><meta direction="reply"><layer3 protonum="2" protoname="ipv4"><src>10.77.0.2</src><dst>10.77.0.1</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>8080</sport><dport>47472</dport></layer4></meta><meta direction="independent"><state>TIME_WAIT</state><timeout>118</timeout><mark>0</mark><use>1</use><id>2327172728</id><assured/></meta></flow>\n',
    );
  });
});

describe('/proc/net/nf_conntrack', () => {
  it('has the network protocol first and two who hold each entry', () => {
    expect(procFlow({ ...http, tcpState: 'CLOSE', timeoutSeconds: 9 })).toBe(
      'ipv4     2 tcp      6 9 CLOSE src=10.77.0.1 dst=10.77.0.2 sport=47472 dport=8080 src=10.77.0.2 dst=10.77.0.1 sport=8080 dport=47472 [ASSURED] mark=0 zone=0 use=2\n',
    );
  });
});

describe('conntrack -E', () => {
  it('prints what came, changed and went', () => {
    const line = (kind: 'NEW' | 'UPDATE' | 'DESTROY', connection: ConnectionView, format = PLAIN_FLOW) =>
      formatFlowEvent({ kind, timeNs: 520_661_246_000, connection }, format, 1_795_557_000_000);
    expect(line('NEW', { ...datagram, zone: 0 })).toBe(
      '    [NEW] udp      17 29 src=10.77.0.1 dst=10.77.0.2 sport=44427 dport=7777 [UNREPLIED] src=10.77.0.2 dst=10.77.0.1 sport=7777 dport=44427\n',
    );
    expect(line('UPDATE', http, { ...PLAIN_FLOW, timestamp: true })).toBe(
      '[1795557520.661246]\t [UPDATE] tcp      6 118 TIME_WAIT src=10.77.0.1 dst=10.77.0.2 sport=47472 dport=8080 src=10.77.0.2 dst=10.77.0.1 sport=8080 dport=47472 [ASSURED]\n',
    );
    expect(line('DESTROY', { ...http, timeoutSeconds: 0 })).toBe(
      '[DESTROY] tcp      6 TIME_WAIT src=10.77.0.1 dst=10.77.0.2 sport=47472 dport=8080 src=10.77.0.2 dst=10.77.0.1 sport=8080 dport=47472 [ASSURED]\n',
    );
  });
});

describe('the command line of conntrack', () => {
  const shown = (words: string): string[] => {
    const request = parseConntrack(words.split(' '));
    if ('problem' in request) return [request.problem.split('\n')[0] ?? ''];
    return [http, datagram, echo6].filter((flow) => flowMatches(flow, request.filter)).map((flow) => flow.protocol);
  };

  it('chooses flows', () => {
    expect(shown('-L')).toEqual(['tcp', 'udp', 'icmpv6']);
    expect(shown('-L -p tcp --dport 8080 --state TIME_WAIT')).toEqual(['tcp']);
    expect(shown('-L -s 10.77.0.0/24')).toEqual(['tcp', 'udp']);
    expect(shown('-L -f ipv6')).toEqual(['icmpv6']);
    expect(shown('-L -w 0')).toEqual(['tcp', 'icmpv6']);
    expect(shown('-L --orig-zone 5')).toEqual(['udp']);
    expect(shown('-L -u ASSURED')).toEqual(['tcp']);
    expect(shown('-L -j')).toEqual([]);
    expect(shown('-L -m 0')).toEqual(['tcp', 'udp', 'icmpv6']);
    expect(shown('-L -p 17 --orig-port-src=44427')).toEqual(['udp']);
  });

  it('refuses in the tool’s words', () => {
    const refused = (words: string): string => shown(words)[0]?.replace('conntrack v1.4.7 (conntrack-tools): ', '') ?? '';
    expect(refused('-L -L')).toBe('Invalid commands combination');
    expect(refused('-L 5')).toBe("unknown type `5'");
    expect(refused('-L --dport 80')).toBe("unknown option `--dport'");
    expect(refused('-L -s')).toBe("option `-s' requires an argument");
    expect(refused('-L -s foo')).toBe("Invalid IP address `foo'");
    expect(refused('-L -p foo')).toBe("`foo' unsupported protocol");
    expect(refused('-D -f ipv6 -s 10.0.0.1')).toBe('mismatched address family');
    expect(refused('-S -p tcp')).toBe("Illegal option `--protonum' with this command");
    expect(refused('-L -z -p tcp')).toBe("Can't use -z with filtering parameters");
    expect(refused('-L -u FOO')).toBe("Bad parameter `FOO'");
    expect(refused('-G -p tcp --orig-src 10.77.0.1')).toBe("you have to specify `--src' and `--dst'");
  });
});
