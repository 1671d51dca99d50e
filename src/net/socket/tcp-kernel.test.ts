/** What Linux' TCP does beyond the plain way: loss, closed windows, both sides at once, floods, silence. */
import { describe, expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { type App, defineApp, type SocketId, type TcpSocketOptions } from '../app/definition.ts';
import type { TraceEvent } from '../trace-event.ts';
import type { Layer } from '../wire/packet.ts';
import { A, B, type TwoHosts, twoHosts } from './testing/two-hosts.ts';

interface Step {
  readonly atMs: number;
  readonly do: 'send' | 'close' | 'shutdown' | 'stop-reading' | 'go-on-reading';
  readonly bytes?: number;
}

interface Plan {
  readonly listen?: number;
  readonly backlog?: number;
  readonly connect?: { readonly ip: string; readonly port: number; readonly from?: number };
  readonly options?: TcpSocketOptions;
  readonly steps?: readonly Step[];
}

interface State {
  readonly socket: SocketId;
  readonly read: number;
}

/** Does what its plan says with its one connection, and prints what happens to it. */
const actor: App = defineApp<State, Plan>({
  name: 'actor',
  start: (context, plan) => {
    for (const step of plan.steps ?? []) context.setTimer(step.atMs * 1e6, step.do, step);
    if (plan.listen !== undefined) context.out(`${typeof context.tcpListen(0, plan.listen, plan.backlog ?? 16, plan.options) === 'number' ? '' : 'refused '}`);
    if (plan.connect === undefined) return { socket: -1, read: 0 };
    const { ip, port, from } = plan.connect;
    const socket = context.tcpConnect({ ip: ip4(ip), port }, { ...(from === undefined ? {} : { port: from }), ...plan.options });
    if (typeof socket !== 'number') context.out(`${socket} `);
    return { socket: typeof socket === 'number' ? socket : -1, read: 0 };
  },
  handle: (context, state, event) => {
    switch (event.kind) {
      case 'accepted':
        context.out('accepted ');
        return { ...state, socket: event.socket };
      case 'connected':
        context.out('connected ');
        return state;
      case 'data':
        return { ...state, read: state.read + event.payload.bytes };
      case 'peer-closed':
        context.out(`read ${state.read} end `);
        return state;
      case 'aborted':
      case 'connect-failed':
        context.out(`${event.errno} at ${Math.round(context.nowNs / 1e9)}s `);
        return state;
      case 'timer': {
        const step = event.data as Step;
        if (step.do === 'send') context.tcpSend(state.socket, { bytes: step.bytes ?? 1 });
        else if (step.do === 'close') context.close(state.socket);
        else if (step.do === 'shutdown') context.shutdown(state.socket);
        else context.setReading(state.socket, step.do === 'go-on-reading');
        return state;
      }
      default:
        return state;
    }
  },
});

const tcpOf = (event: TraceEvent): Extract<Layer, { protocol: 'tcp' }> | undefined => event.layers.find((layer) => layer.protocol === 'tcp');
const sent = (hosts: TwoHosts): TraceEvent[] =>
  hosts.network.events(0, hosts.network.traceLength).filter((event) => event.step.kind === 'transmitted' && tcpOf(event) !== undefined);
const lines = (hosts: TwoHosts): string[] =>
  sent(hosts).map((event) => `${event.hostId} ${tcpOf(event)?.flags}${(tcpOf(event)?.payloadBytes ?? 0) > 0 ? ` ${tcpOf(event)?.payloadBytes}` : ''}`);
const said = (hosts: TwoHosts, netns: string, name = 'actor'): string => (hosts.out.get(`${netns}/process/${name}`) ?? '').trim();

describe('loss', () => {
  it('of one segment in the middle is told by SACK and repaired in a round trip, with nothing sent twice', () => {
    const hosts = twoHosts([actor], { latencyNs: 5_000_000 });
    // The fifth segment of data is lost, once.
    hosts.b.chain(B, 'filter', 'INPUT', ['-p tcp -m statistic --mode nth --every 100000 --packet 6 -j DROP'], 'ACCEPT');
    hosts.start(B, 'actor', { listen: 80 });
    hosts.run(0.001);
    hosts.start(A, 'actor', {
      connect: { ip: '10.0.0.2', port: 80 },
      steps: [
        { atMs: 100, do: 'send', bytes: 20_000 },
        { atMs: 400, do: 'close' },
      ],
    });
    hosts.run(0.5);
    expect(said(hosts, B)).toBe('accepted read 20000 end');
    const selective = sent(hosts).filter((event) => tcpOf(event)?.options.includes('sack'));
    expect(selective.length).toBeGreaterThanOrEqual(3);
    const data = sent(hosts).filter((event) => event.hostId === 'a' && (tcpOf(event)?.payloadBytes ?? 0) > 0);
    const times = data.map((event) => event.timeNs);
    const numbers = data.map((event) => tcpOf(event)?.seq);
    expect(numbers.length - new Set(numbers).size).toBe(1);
    // One round trip is 10 ms; a time-out would take more than 200.
    expect((times.at(-1) as number) - (times[0] as number)).toBeLessThan(60e6);
  });
});

describe('a receiver that does not read', () => {
  it('closes its window; the sender probes ever more slowly until it opens', () => {
    const hosts = twoHosts([actor]);
    hosts.start(B, 'actor', {
      listen: 80,
      steps: [
        { atMs: 90, do: 'stop-reading' },
        { atMs: 5000, do: 'go-on-reading' },
      ],
    });
    hosts.run(0.001);
    hosts.start(A, 'actor', {
      connect: { ip: '10.0.0.2', port: 80 },
      steps: [
        { atMs: 100, do: 'send', bytes: 200_000 },
        { atMs: 8000, do: 'close' },
      ],
    });
    hosts.run(3);
    expect(hosts.network.sockets(B).find((socket) => socket.state === 'ESTAB')?.receiveQueue).toBeGreaterThan(30_000);
    const windows = sent(hosts)
      .filter((event) => event.hostId === 'b')
      .map((event) => tcpOf(event)?.window);
    expect(windows.at(-1)).toBe(0);
    const probes = sent(hosts).filter((event) => event.hostId === 'a' && event.timeNs > 0.35e9);
    expect(probes.length).toBeGreaterThanOrEqual(3);
    const gaps = probes.slice(1).map((event, i) => event.timeNs - (probes[i] as TraceEvent).timeNs);
    expect(gaps.every((gap, i) => i === 0 || gap > 1.8 * (gaps[i - 1] as number))).toBe(true);
    hosts.run(10);
    expect(said(hosts, B)).toBe('accepted read 200000 end');
  });
});

describe('both sides at once', () => {
  it('open one connection between two fixed ports (RFC 9293 figure 7)', () => {
    const hosts = twoHosts([actor], { latencyNs: 1_000_000 });
    hosts.start(A, 'actor', { connect: { ip: '10.0.0.2', port: 2000, from: 1000 } });
    hosts.start(B, 'actor', { connect: { ip: '10.0.0.1', port: 1000, from: 2000 } });
    hosts.run(1);
    expect(said(hosts, A)).toBe('connected');
    expect(said(hosts, B)).toBe('connected');
    expect(lines(hosts).slice(0, 4).toSorted()).toEqual(['a S', 'a S.', 'b S', 'b S.']);
    expect([A, B].map((netns) => hosts.network.sockets(netns).map((socket) => socket.state))).toEqual([['ESTAB'], ['ESTAB']]);
  });

  it('close at once and both wait a minute', () => {
    const hosts = twoHosts([actor], { latencyNs: 5_000_000 });
    hosts.start(B, 'actor', { listen: 80, steps: [{ atMs: 100, do: 'close' }] });
    hosts.start(A, 'actor', { connect: { ip: '10.0.0.2', port: 80 }, steps: [{ atMs: 100, do: 'close' }] });
    hosts.run(1);
    expect(lines(hosts).slice(3)).toEqual(['b F.', 'a F.', 'a .', 'b .']);
    expect(hosts.network.sockets(A).map((socket) => socket.state)).toEqual(['TIME-WAIT']);
    expect(
      hosts.network
        .sockets(B)
        .map((socket) => socket.state)
        .sort(),
    ).toEqual(['LISTEN', 'TIME-WAIT']);
  });
});

describe('shutdown', () => {
  it('ends one direction; the other goes on', () => {
    const hosts = twoHosts([actor]);
    hosts.start(B, 'actor', {
      listen: 80,
      steps: [
        { atMs: 300, do: 'send', bytes: 10 },
        { atMs: 400, do: 'close' },
      ],
    });
    hosts.start(A, 'actor', {
      connect: { ip: '10.0.0.2', port: 80 },
      steps: [
        { atMs: 100, do: 'send', bytes: 5 },
        { atMs: 200, do: 'shutdown' },
      ],
    });
    hosts.run(0.25);
    expect(hosts.network.sockets(A).map((socket) => socket.state)).toEqual(['FIN-WAIT-2']);
    hosts.run(1);
    expect(said(hosts, B)).toBe('accepted read 5 end');
    expect(said(hosts, A)).toBe('connected read 10 end');
  });
});

describe('a flood of SYNs', () => {
  it('beyond the backlog is answered with cookies, and who answers them gets in', () => {
    const hosts = twoHosts([actor]);
    // Third steps from odd ports never arrive: those connections stay half open.
    hosts.b.chain(A, 'filter', 'OUTPUT', ['-p tcp --sport 1000:1009 --tcp-flags SYN,ACK ACK -j DROP'], 'ACCEPT');
    hosts.start(B, 'actor', { listen: 80, backlog: 3 });
    hosts.run(0.001);
    for (let port = 1000; port < 1005; port += 1) hosts.start(A, 'actor', { connect: { ip: '10.0.0.2', port: 80, from: port } });
    hosts.run(0.5);
    expect(
      hosts.network
        .sockets(B)
        .map((socket) => socket.state)
        .sort(),
    ).toEqual(['LISTEN', 'SYN-RECV', 'SYN-RECV', 'SYN-RECV']);
    hosts.start(A, 'actor', {
      connect: { ip: '10.0.0.2', port: 80, from: 2000 },
      steps: [
        { atMs: 100, do: 'send', bytes: 5000 },
        { atMs: 200, do: 'close' },
      ],
    });
    hosts.run(0.5);
    expect(said(hosts, B)).toBe('accepted read 5000 end');
    expect(hosts.network.mib(B, 'TcpExtSyncookiesSent')).toBe(3);
    expect(hosts.network.mib(B, 'TcpExtSyncookiesRecv')).toBe(1);
  });
});

describe('silence', () => {
  it('of a peer that is gone is found out by keep-alive: idle time, then so many probes', () => {
    const hosts = twoHosts([actor]);
    hosts.start(B, 'actor', { listen: 80 });
    hosts.start(A, 'actor', { connect: { ip: '10.0.0.2', port: 80 }, options: { keepAlive: { idleSeconds: 20, intervalSeconds: 5, probes: 3 } } });
    hosts.run(50);
    const probes = sent(hosts).filter((event) => event.timeNs > 1e9);
    expect(probes.length).toBeGreaterThanOrEqual(4);
    expect(hosts.network.sockets(A).map((socket) => socket.state)).toEqual(['ESTAB']);
    hosts.b.chain(B, 'filter', 'INPUT', ['-p tcp -j DROP'], 'ACCEPT');
    hosts.run(60);
    expect(said(hosts, A)).toMatch(/^connected ETIMEDOUT at (7|8)\ds$/);
  });

  it('while data waits ends the connection after the time of fifteen repetitions, some 925 seconds', () => {
    const hosts = twoHosts([actor]);
    hosts.start(B, 'actor', { listen: 80 });
    hosts.start(A, 'actor', { connect: { ip: '10.0.0.2', port: 80 }, steps: [{ atMs: 1000, do: 'send', bytes: 1 }] });
    hosts.run(0.5);
    hosts.b.chain(B, 'filter', 'INPUT', ['-p tcp -j DROP'], 'ACCEPT');
    hosts.run(1200);
    const at = Number(/ETIMEDOUT at (\d+)s/.exec(said(hosts, A))?.[1]);
    expect(at).toBeGreaterThan(920);
    expect(at).toBeLessThan(1060);
    // The first time, a tail loss probe, and fifteen repetitions.
    expect(lines(hosts).filter((line) => line === 'a P. 1')).toHaveLength(17);
  });
});

describe('tail loss probes', () => {
  it('repeat what nobody acknowledged once before the back-off: a fifth of a second, another, then twice as long each time', () => {
    const hosts = twoHosts([actor], { latencyNs: 1_000_000 });
    hosts.start(B, 'actor', { listen: 80 });
    hosts.start(A, 'actor', { connect: { ip: '10.0.0.2', port: 80 }, steps: [{ atMs: 1000, do: 'send', bytes: 1 }] });
    hosts.run(0.5);
    hosts.b.chain(B, 'filter', 'INPUT', ['-p tcp -j DROP'], 'ACCEPT');
    const sent = [0.9, 1.1, 1.3, 1.5, 1.9, 2.7].map((second, i, all) => {
      hosts.run(i === 0 ? second - 0.5 : second - (all[i - 1] ?? 0));
      return lines(hosts).filter((line) => line === 'a P. 1').length;
    });
    expect(sent).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('Nagle', () => {
  it('holds a small segment back while another is on its way, unless TCP_NODELAY says otherwise', () => {
    const small = (options: TcpSocketOptions): string[] => {
      const hosts = twoHosts([actor], { latencyNs: 20_000_000 });
      hosts.start(B, 'actor', { listen: 80 });
      hosts.start(A, 'actor', {
        connect: { ip: '10.0.0.2', port: 80 },
        options,
        steps: [100, 101, 102].map((atMs) => ({ atMs, do: 'send', bytes: 10 }) as const),
      });
      hosts.run(0.13);
      return lines(hosts).filter((line) => line.startsWith('a P.'));
    };
    expect(small({})).toEqual(['a P. 10']);
    expect(small({ noDelay: true })).toEqual(['a P. 10', 'a P. 10', 'a P. 10']);
  });
});

describe('ports', () => {
  it('are shared by listeners with SO_REUSEPORT, and a peer always meets the same one', () => {
    const hosts = twoHosts([actor]);
    const first = hosts.start(B, 'actor', { listen: 80, options: { reusePort: true } });
    const second = hosts.start(B, 'actor', { listen: 80, options: { reusePort: true } });
    hosts.start(B, 'actor', { listen: 80 });
    hosts.run(0.001);
    for (let port = 1000; port < 1020; port += 1) hosts.start(A, 'actor', { connect: { ip: '10.0.0.2', port: 80, from: port } });
    hosts.run(0.5);
    const count = (process: string): number => (hosts.out.get(process) ?? '').split('accepted').length - 1;
    expect(count(first) + count(second)).toBe(20);
    expect(count(first)).toBeGreaterThan(3);
    expect(count(second)).toBeGreaterThan(3);
    expect(hosts.out.get(`${B}/process/actor-3`)).toBe('refused ');
  });

  it('for connections come from ip_local_port_range, even ones first, and run out with EADDRNOTAVAIL', () => {
    const hosts = twoHosts([actor]);
    const netns = hosts.b.records.get(A);
    if (netns.kind !== 'netns') throw new Error('no netns');
    hosts.b.records.put({ ...netns, sysctls: { ...netns.sysctls, 'net.ipv4.ip_local_port_range[0]': 40_000, 'net.ipv4.ip_local_port_range[1]': 40_003 } });
    hosts.start(B, 'actor', { listen: 80 });
    for (let i = 0; i < 5; i += 1) hosts.start(A, 'actor', { connect: { ip: '10.0.0.2', port: 80 } });
    hosts.run(0.5);
    const ports = sent(hosts)
      .filter((event) => event.hostId === 'a' && tcpOf(event)?.flags === 'S')
      .map((event) => tcpOf(event)?.sport ?? 0);
    expect(ports.slice(0, 2).toSorted()).toEqual([40_000, 40_002]);
    expect(ports.slice(2).toSorted()).toEqual([40_001, 40_003]);
    expect(hosts.out.get(`${A}/process/actor-5`) ?? hosts.out.get(`${A}/process/actor-6`)).toContain('EADDRNOTAVAIL');
  });
});
