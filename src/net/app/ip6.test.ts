import { describe, expect, it } from 'vitest';
import { createNetwork } from '../create-network.ts';
import { WorldBuilder } from '../testing/world-builder.ts';
import type { ProgramEnvironment } from './definition.ts';
import { programs } from './index.ts';
import { simpleDns } from './testing/simple-dns.ts';

const CLIENT = 'client/netns/root';
const SERVER = 'server/netns/root';
const ROUTER = 'router/netns/root';
const ON = { 'net.ipv6.conf.all.disable_ipv6': 0 };

/** A client and a server of both families behind one router; a DNS server beside the web server. */
function world(options: { readonly serverSysctls?: Readonly<Record<string, number>>; readonly mtu?: number } = {}) {
  const b = new WorldBuilder();
  b.host('router', { ...ON, 'net.ipv6.conf.all.forwarding': 1, 'net.ipv4.ip_forward': 1 }, 'router');
  b.host('client', ON);
  b.host('server', { ...ON, ...options.serverSysctls });
  b.cable(
    'ethernet',
    { netns: ROUTER, name: 'r0' },
    { netns: CLIENT, name: 'eth0' },
    { addressesA: ['10.1.0.1/24', 'fd00:1::1/64'], addressesB: ['10.1.0.2/24', 'fd00:1::2/64'] },
  );
  b.cable(
    'ethernet',
    { netns: ROUTER, name: 'r1' },
    { netns: SERVER, name: 'eth0' },
    {
      addressesA: ['10.2.0.1/24', 'fd00:2::1/64'],
      addressesB: ['10.2.0.2/24', 'fd00:2::2/64'],
      ...(options.mtu === undefined ? {} : { mtuA: options.mtu }),
    },
  );
  for (const [netns, v4, v6] of [
    [CLIENT, '10.1.0.1', 'fd00:1::1'],
    [SERVER, '10.2.0.1', 'fd00:2::1'],
  ] as const) {
    b.route(netns, '0.0.0.0/0', { gateway: v4, device: 'eth0' });
    b.route(netns, '::/0', { gateway: v6, device: 'eth0' });
  }
  const client = b.records.get(CLIENT);
  if (client.kind === 'netns')
    b.records.put({ ...client, files: { '/etc/resolv.conf': 'nameserver fd00:2::2\n', '/etc/hosts': '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' } });
  const network = createNetwork({ seed: 1, records: b.records });
  const written = new Map<string, { stdout: string; stderr: string; exitCode: number | undefined }>();
  network.onOutput = (id, stream, text, exitCode) => {
    const ran = written.get(id) ?? { stdout: '', stderr: '', exitCode: undefined };
    written.set(id, ran);
    if (stream === 'exit') ran.exitCode = exitCode;
    else if (stream !== 'file') ran[stream] += text;
  };
  const soa = { primary: 'ns.test.', mailbox: 'admin.test.', serial: 1, refreshSeconds: 1, retrySeconds: 1, expireSeconds: 1, minimumSeconds: 30 };
  const names = {
    'web.test.': [
      { type: 'A' as const, data: '10.2.0.2' },
      { type: 'AAAA' as const, data: 'fd00:2::2' },
    ],
    'lost.test.': [
      { type: 'A' as const, data: '10.2.0.2' },
      { type: 'AAAA' as const, data: 'fd00:2::99' },
    ],
  };
  network.spawn({
    netns: SERVER,
    app: 'dns-server',
    name: 'dns',
    config: simpleDns({ zones: [{ origin: 'test.', ttlSeconds: 30, soa, names }] }),
  });
  network.spawn({ netns: SERVER, app: 'http-server', name: 'nginx', config: { port: 80, server: 'nginx', version: '1.29.3', epochMs: 0 } });
  const run = (line: string, environment: Partial<ProgramEnvironment> = {}) => {
    const [name = '', ...argv] = line.split(' ');
    const program = programs.get(name);
    const parsed = program?.parse(argv, { tty: true, image: 'nicolaka/netshoot', epochMs: 0, ...environment });
    if (program === undefined || parsed?.ok !== true) throw new Error(`cannot run ${line}`);
    const id = network.spawn({ netns: CLIENT, app: program.app, name, config: parsed.config });
    // An ended program's id may be used again.
    written.delete(id);
    network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 1_000_000, stop: () => written.get(id)?.exitCode !== undefined });
    return written.get(id) ?? { stdout: '', stderr: '', exitCode: undefined };
  };
  network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 1000 });
  return { network, run };
}

const body = 'Hello from server\n';

describe('programs over IPv6', () => {
  const w = world();

  it('curl takes an address in brackets', () => {
    const ran = w.run('curl -sv http://[fd00:2::2]/');
    expect(ran).toMatchObject({ stdout: body, exitCode: 0 });
    expect(ran.stderr).toContain('*   Trying [fd00:2::2]:80...\n* Connected to fd00:2::2 (fd00:2::2) port 80 (#0)\n');
    expect(ran.stderr).toContain('> Host: [fd00:2::2]\n');
  });

  it('curl prefers IPv6 of a name that has both, and -4 does not', () => {
    expect(w.run('curl -s -w %{remote_ip} http://web.test/').stdout).toBe(`${body}fd00:2::2`);
    expect(w.run('curl -4 -s -w %{remote_ip} http://web.test/').stdout).toBe(`${body}10.2.0.2`);
  });

  it('curl tries IPv4 beside an IPv6 that does not answer, after 200 ms', () => {
    const ran = w.run('curl -sv -w %{time_connect} http://lost.test/');
    expect(ran.stderr).toContain('*   Trying [fd00:2::99]:80...\n*   Trying 10.2.0.2:80...\n* Connected to lost.test (10.2.0.2) port 80 (#0)\n');
    expect(Number(ran.stdout.replace(body, ''))).toBeCloseTo(0.2, 1);
  });

  it('one socket on :: serves both families; it talks IPv4 by mapped addresses', () => {
    expect(
      w.network
        .sockets(SERVER)
        .filter((s) => s.state === 'LISTEN')
        .map((s) => `${s.localIp} ${s.localPort}`),
    ).toContain(':: 80');
    w.run('curl -s http://10.2.0.2/');
    const ends = w.network.sockets(SERVER).map((s) => s.localIp);
    expect(ends).toContain('::ffff:10.2.0.2');
  });

  it('ping tells replies and errors in iputils words', () => {
    const ran = w.run('ping -c 2 fd00:2::2');
    expect(ran.stdout.replace(/time=[\d.]+ ms/g, 'time=T').replace(/= [\d./]+ ms/, '= T ms')).toBe(
      'PING fd00:2::2(fd00:2::2) 56 data bytes\n64 bytes from fd00:2::2: icmp_seq=1 ttl=63 time=T\n64 bytes from fd00:2::2: icmp_seq=2 ttl=63 time=T\n\n--- fd00:2::2 ping statistics ---\n2 packets transmitted, 2 received, 0% packet loss, time 1000ms\nrtt min/avg/max/mdev = T ms\n',
    );
    expect(w.run('ping -c 1 -t 1 fd00:2::2').stdout).toContain('From fd00:1::1 icmp_seq=1 Time exceeded: Hop limit\n');
    expect(w.run('ping -c 1 fd00:2::77').stdout).toContain('From fd00:1::1 icmp_seq=1 Destination unreachable: Address unreachable\n');
    expect(w.run('ping -c 1 fd00:9::1').stdout).toContain('From fd00:1::1 icmp_seq=1 Destination unreachable: No route\n');
    expect(w.run('ping -6 -c 1 web.test').stdout).toContain('PING web.test(fd00:2::2) 56 data bytes\n');
    expect(w.run('ping -4 -c 1 web.test').stdout).toContain('PING web.test (10.2.0.2) 56(84) bytes of data.\n');
  });

  it('names resolve to both families', () => {
    expect(w.run('getent ahosts web.test').stdout).toContain('fd00:2::2       STREAM web.test\n');
    expect(w.run('dig +short AAAA web.test').stdout).toBe('fd00:2::2\n');
  });

  it('TCP says an MSS of 1440', () => {
    const syn = w.network
      .events(0, w.network.traceLength)
      .flatMap((e) => e.layers)
      .find((layer) => layer.protocol === 'tcp' && layer.flags === 'S' && layer.options.includes('mss 1440'));
    expect(syn).toBeDefined();
  });
});

describe('sockets on ::', () => {
  it('leave IPv4 alone with bindv6only', () => {
    const w = world({ serverSysctls: { 'net.ipv6.bindv6only': 1 } });
    expect(w.run('curl -s http://[fd00:2::2]/').exitCode).toBe(0);
    expect(w.run('curl -s http://10.2.0.2/').exitCode).toBe(7);
  });

  it('are 0.0.0.0 where the netns has no IPv6', () => {
    const w = world({ serverSysctls: { 'net.ipv6.conf.all.disable_ipv6': 1 } });
    expect(w.run('curl -s http://10.2.0.2/').exitCode).toBe(0);
    expect(w.network.sockets(SERVER).some((s) => s.localIp === '0.0.0.0' && s.localPort === 80)).toBe(true);
  });
});

describe('a narrow link behind the router', () => {
  it('is found by TCP through packet too big', () => {
    const w = world({ mtu: 1300 });
    const ran = w.run(`curl -s -d ${'x'.repeat(4000)} http://[fd00:2::2]/`);
    expect(ran.exitCode).toBe(0);
    expect(w.network.events(0, w.network.traceLength).some((e) => e.step.kind === 'dropped' && e.step.reason === 'PKT_TOO_BIG')).toBe(true);
  });
});
