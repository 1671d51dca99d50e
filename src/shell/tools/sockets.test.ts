/** Lines of ss (iproute2 6.1), netstat and /proc/net as a real machine printed them for the same sockets. */
import { describe, expect, it } from 'vitest';
import type { SocketView, TcpSocketView } from '../../net/engine.ts';
import { FakeWorld } from '../testing/fake-host.ts';
import { parseSocketFilter } from './ss-filter.ts';
import { timerText } from './ss-text.ts';

const netns = 'controlplane/netns/root';
const inside: TcpSocketView = {
  timestamps: true,
  sack: true,
  sendScale: 10,
  receiveScale: 10,
  rtoNs: 204e6,
  rttNs: 58_000,
  rttVarianceNs: 29_000,
  minRttNs: 58_000,
  atoNs: 0,
  mss: 1448,
  pathMtu: 1500,
  receiveMss: 536,
  advertisedMss: 1448,
  cwnd: 10,
  bytesSent: 0,
  bytesAcked: 0,
  bytesReceived: 0,
  bytesRetransmitted: 0,
  segmentsOut: 0,
  segmentsIn: 2,
  dataSegmentsOut: 0,
  dataSegmentsIn: 0,
  unacked: 0,
  retransmissionsNow: 0,
  retransmissions: 0,
  lost: 0,
  sacked: 0,
  lastSentNs: 0,
  lastReceivedNs: 0,
  lastAckNs: 0,
  receiveSpace: 14480,
  receiveSsthresh: 64088,
  sendWindow: 64512,
  receiveBufferBytes: 131072,
  shutdown: 'none',
};

let nextId = 1;
function socket(
  protocol: 'tcp' | 'udp',
  state: string,
  local: readonly [string, number],
  remote: readonly [string, number] | undefined,
  more: Partial<SocketView> = {},
): SocketView {
  const [remoteIp, remotePort] = remote ?? [local[0].includes(':') ? '::' : '0.0.0.0', 0];
  nextId += 1;
  return {
    netns,
    protocol,
    state,
    localIp: local[0],
    localPort: local[1],
    remoteIp,
    remotePort,
    process: 'python3',
    processId: `${netns}/process/python3`,
    socketId: nextId,
    device: '',
    receiveQueue: 0,
    sendQueue: 0,
    ...(protocol === 'tcp' ? { tcp: inside } : {}),
    ...more,
  };
}

const sockets: readonly SocketView[] = [
  socket('udp', 'UNCONN', ['10.77.0.2', 53], undefined),
  socket('udp', 'UNCONN', ['127.0.0.1', 323], undefined),
  socket('udp', 'ESTAB', ['10.77.0.2', 50465], ['10.77.0.1', 53]),
  socket('udp', 'UNCONN', ['0.0.0.0', 5353], undefined, { device: 'trvb' }),
  socket('tcp', 'LISTEN', ['0.0.0.0', 8080], undefined, { receiveQueue: 1, sendQueue: 5 }),
  socket('tcp', 'LISTEN', ['::', 8081], undefined, { sendQueue: 511 }),
  socket('tcp', 'ESTAB', ['10.77.0.2', 8080], ['10.77.0.1', 37434], { process: '', processId: '' }),
  socket('tcp', 'ESTAB', ['10.77.0.2', 8080], ['10.77.0.1', 37404], {
    receiveQueue: 5,
    tcp: { ...inside, timer: { name: 'keepalive', leftNs: 7_198e9, retransmissions: 0 } },
  }),
];

const world = new FakeWorld();
world.engineParts = {
  nowNs: 5e9,
  sockets: () => [...sockets],
  mib: () => 0,
  deviceCounters: () => [0, 0, 0, 0, 0, 0],
  neighbors: () => [],
  connections: () => [],
};
world.records.put({
  kind: 'device',
  id: `${netns}/device/lo`,
  origin: { component: 'kernel', objects: [] },
  netns,
  name: 'lo',
  index: 1,
  mac: '00:00:00:00:00:00',
  mtuBytes: 65536,
  up: true,
  type: 'loopback',
  addresses: [{ ip: '127.0.0.1', prefixLength: 8, scope: 'host' }],
});

describe('ss', () => {
  it('lists in columns as wide as their content', () => {
    expect(world.run('ss -tuln')).toBe(
      [
        'Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess',
        'udp   UNCONN 0      0          10.77.0.2:53        0.0.0.0:*          ',
        'udp   UNCONN 0      0          127.0.0.1:323       0.0.0.0:*          ',
        'udp   UNCONN 0      0       0.0.0.0%trvb:5353      0.0.0.0:*          ',
        'tcp   LISTEN 1      5            0.0.0.0:8080      0.0.0.0:*          ',
        'tcp   LISTEN 0      511             [::]:8081         [::]:*          ',
        '',
      ].join('\n'),
    );
    expect(world.run('ss -uan')).toBe(
      [
        'State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess',
        'UNCONN 0      0          10.77.0.2:53         0.0.0.0:*          ',
        'UNCONN 0      0          127.0.0.1:323        0.0.0.0:*          ',
        'ESTAB  0      0          10.77.0.2:50465    10.77.0.1:53         ',
        'UNCONN 0      0       0.0.0.0%trvb:5353       0.0.0.0:*          ',
        '',
      ].join('\n'),
    );
  });

  it('filters by state and expression, and leaves the state out where there is one', () => {
    expect(world.run("ss -tan 'sport = :8080'")).toBe(
      [
        'State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process',
        'LISTEN 1      5            0.0.0.0:8080      0.0.0.0:*           ',
        'ESTAB  0      0          10.77.0.2:8080    10.77.0.1:37434       ',
        'ESTAB  5      0          10.77.0.2:8080    10.77.0.1:37404       ',
        '',
      ].join('\n'),
    );
    expect(world.run('ss -tn state listening')).toBe(
      [
        'Recv-Q Send-Q Local Address:Port Peer Address:PortProcess',
        '1      5            0.0.0.0:8080      0.0.0.0:*          ',
        '0      511             [::]:8081         [::]:*          ',
        '',
      ].join('\n'),
    );
    expect(world.run('ss -tan state foo')).toBe('ss: wrong state name: foo\n');
    expect(world.run('ss -tan sport = foo')).toBe('Error: "foo" does not look like a port.\nCannot parse dst/src address.\n');
    expect(world.run('ss foo')).toBe('Error: an inet prefix is expected rather than "foo".\nCannot parse dst/src address.\n');
  });

  it('shows timers, and the inner life of a connection on a line of its own', () => {
    expect(world.run('ss -tHno dst 10.77.0.1').split('\n').slice(0, 2)).toEqual([
      'ESTAB 0      0      10.77.0.2:8080 10.77.0.1:37434                           ',
      'ESTAB 5      0      10.77.0.2:8080 10.77.0.1:37404 timer:(keepalive,119min,0)',
    ]);
    const info = world.run('ss -tHni dst 10.77.0.1 and dport = 37434').split('\n')[1] ?? '';
    expect(info.replace(/ (lastsnd|lastrcv|lastack):\d+/g, '')).toBe(
      '\t cubic wscale:10,10 rto:204 rtt:0.058/0.029 mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:10 segs_in:2 send 1997241379bps pacing_rate 3994482759bps rcv_space:14480 rcv_ssthresh:64088 minrtt:0.058 snd_wnd:64512',
    );
  });

  it('writes times as iproute2 does', () => {
    expect([7_198e9, 432e6, 4_996e6, 59_999e6, 65e9].map(timerText)).toEqual(['119min', '432ms', '4.996ms', '59sec', '1min5sec']);
  });

  it('sums up', () => {
    expect(world.run('ss -s')).toBe(
      'Total: 8\nTCP:   4 (estab 2, closed 0, orphaned 1, timewait 0)\n\nTransport Total     IP        IPv6\nRAW\t  0         0         0        \nUDP\t  4         4         0        \nTCP\t  4         3         1        \nINET\t  8         7         1        \nFRAG\t  0         0         0        \n\n',
    );
  });
});

describe('an expression of ss', () => {
  const matching = (text: string): number => {
    const test = parseSocketFilter(text.split(' '));
    return typeof test === 'function' ? sockets.filter(test).length : -1;
  };
  it('knows and, or, not, parentheses, comparisons, prefixes and endpoints', () => {
    expect(matching('( sport = :8080 or sport = :8081 ) and not dport = :37404')).toBe(3);
    expect(matching('sport gt :8080')).toBe(2);
    expect(matching('src 10.77.0.0/24 dport = 53')).toBe(1);
    expect(matching('dst 10.77.0.1:37404')).toBe(1);
    expect(matching('dst 10.77.0.1:*')).toBe(3);
    expect(matching('dport = domain')).toBe(1);
    expect(matching('( sport = 1')).toBe(-1);
  });
});

describe('netstat', () => {
  it('lists as net-tools do', () => {
    const lines = world.run('netstat -tuln').split('\n');
    expect(lines.slice(0, 6)).toEqual([
      'Active Internet connections (only servers)',
      'Proto Recv-Q Send-Q Local Address           Foreign Address         State       ',
      'tcp        1      0 0.0.0.0:8080            0.0.0.0:*               LISTEN      ',
      'tcp6       0      0 :::8081                 :::*                    LISTEN      ',
      'udp        0      0 10.77.0.2:53            0.0.0.0:*                           ',
      'udp        0      0 127.0.0.1:323           0.0.0.0:*                           ',
    ]);
  });
});

describe('/proc/net', () => {
  it('has sockets in hexadecimal, addresses as the machine keeps them', () => {
    const lines = world.run('cat /proc/net/udp').split('\n');
    expect(lines[0]).toBe('   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            ');
    expect(lines[1]).toContain(': 02004D0A:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 ');
    expect(world.run('cat /proc/net/tcp').split('\n')[1]).toContain(
      '   0: 00000000:1F90 00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 ',
    );
  });

  it('has devices, routes and counters', () => {
    expect(world.run('cat /proc/net/dev').split('\n')[2]).toBe(
      '    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0',
    );
    expect(world.run('cat /proc/net/route').split('\n')[0]?.trimEnd()).toBe(
      'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    );
    expect(world.run('cat /proc/net/snmp')).toContain('Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens');
    expect(world.run('cat /proc/net/nothing')).toContain('No such file');
  });
});
