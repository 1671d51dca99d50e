import { describe, expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { type App, defineApp, type SocketId } from '../app/definition.ts';
import type { TraceEvent } from '../trace-event.ts';
import type { Layer } from '../wire/packet.ts';
import { A, B, type TwoHosts, twoHosts } from './testing/two-hosts.ts';

const lines = (count: number): string =>
  Array.from({ length: count }, (_gone, i) => `line ${i} of a text that is long enough to fill segments – with an accent é\n`).join('');
const payload = (text: string) => ({ bytes: new TextEncoder().encode(text).length, text });

/** Collects what comes and prints it at the end. */
const sink = (closeEarly = false): App =>
  defineApp<{ readonly text: string }, { readonly port?: number }>({
    name: 'sink',
    start: (context, config) => {
      context.tcpListen(0, config.port ?? 80, 16);
      return { text: '' };
    },
    handle: (context, state, event) => {
      if (event.kind === 'accepted' && closeEarly) context.close(event.socket);
      if (event.kind === 'data') return { text: state.text + (event.payload.text ?? '') };
      if (event.kind === 'peer-closed') {
        context.out(state.text);
        context.close(event.socket);
      } else if (event.kind === 'aborted') context.out(`aborted ${event.errno}\n`);
      return state;
    },
  });

/** Connects, sends, closes; tells how it went. */
const source = (text: string, close = true): App =>
  defineApp<{ readonly socket: SocketId }, { readonly ip?: string; readonly port?: number }>({
    name: 'source',
    start: (context, config) => {
      const socket = context.tcpConnect({ ip: ip4(config.ip ?? '10.0.0.2'), port: config.port ?? 80 });
      if (typeof socket === 'number') return { socket };
      context.out(`${socket}\n`);
      context.exit(1);
      return { socket: -1 };
    },
    handle: (context, state, event) => {
      if (event.kind === 'connected') {
        context.out('connected\n');
        if (text !== '') context.tcpSend(state.socket, payload(text));
        if (close) {
          context.close(state.socket);
          context.exit(0);
        }
      } else if (event.kind === 'connect-failed' || event.kind === 'aborted') {
        context.out(`${event.kind} ${event.errno} at ${Math.floor(context.nowNs / 1e6)} ms\n`);
        context.exit(1);
      } else if (event.kind === 'data') context.out(event.payload.text ?? '');
      else if (event.kind === 'peer-closed') context.out('peer closed\n');
      return state;
    },
  });

const tcpOf = (event: TraceEvent): Extract<Layer, { protocol: 'tcp' }> | undefined => event.layers.find((layer) => layer.protocol === 'tcp');

/** `a S` for each segment as it leaves a host. */
function segments(hosts: TwoHosts): string[] {
  return hosts.network.events(0, hosts.network.traceLength).flatMap((event) => {
    const tcp = event.step.kind === 'transmitted' ? tcpOf(event) : undefined;
    return tcp === undefined ? [] : [`${event.hostId} ${tcp.flags}${tcp.payloadBytes > 0 ? ` ${tcp.payloadBytes}` : ''}`];
  });
}

const id = (netns: string, name: string) => `${netns}/process/${name}`;

describe('a TCP connection', () => {
  it('opens with three segments, acknowledges data at once, and closes with FIN both ways', () => {
    const hosts = twoHosts([sink(), source('hello')]);
    hosts.start(B, 'sink');
    hosts.run(0.001);
    hosts.start(A, 'source');
    hosts.run(1);
    expect(segments(hosts)).toEqual(['a S', 'b S.', 'a .', 'a P. 5', 'a F.', 'b .', 'b F.', 'a .']);
    expect(hosts.out.get(id(B, 'sink'))).toBe('hello');
  });

  it('announces the segment size that the MTU gives, and windows as Linux rounds them', () => {
    const syn = (mtu: number) => {
      const hosts = twoHosts([sink(), source('x')], { mtu });
      hosts.start(B, 'sink');
      hosts.run(0.001);
      hosts.start(A, 'source');
      hosts.run(1);
      return hosts.network
        .events(0, hosts.network.traceLength)
        .filter((event) => event.step.kind === 'transmitted')
        .flatMap((event) => tcpOf(event) ?? [])
        .slice(0, 3)
        .map((tcp) => `${tcp.flags} win ${tcp.window} ${tcp.options.replace(/val \d+ ecr \d+/, 'val')}`);
    };
    expect(syn(1500)).toEqual([
      'S win 64240 mss 1460,sackOK,TS val,nop,wscale 10',
      'S. win 65160 mss 1460,sackOK,TS val,nop,wscale 10',
      '. win 63 nop,nop,TS val',
    ]);
    expect(syn(1450)).toEqual([
      'S win 64860 mss 1410,sackOK,TS val,nop,wscale 10',
      'S. win 64308 mss 1410,sackOK,TS val,nop,wscale 10',
      '. win 64 nop,nop,TS val',
    ]);
  });

  it('cuts a long write into full segments and sets PSH on the last', () => {
    const hosts = twoHosts([sink(), source('x'.repeat(4000))]);
    hosts.start(B, 'sink');
    hosts.run(0.001);
    hosts.start(A, 'source');
    hosts.run(1);
    expect(segments(hosts).filter((one) => /^a .*\d/.test(one))).toEqual(['a . 1448', 'a . 1448', 'a P. 1104']);
  });

  it.each([1, 2, 3, 4])('delivers every byte in order over a bad cable (seed %i)', (seed) => {
    const text = lines(3000);
    const hosts = twoHosts([sink(), source(text)], { lossRatio: 0.05, jitterNs: 200_000, seed });
    hosts.start(B, 'sink');
    hosts.run(0.001);
    hosts.start(A, 'source');
    hosts.run(400);
    expect(hosts.out.get(id(B, 'sink'))?.length).toBe(text.length);
    expect(hosts.out.get(id(B, 'sink')) === text).toBe(true);
    // Nobody keeps anything but the closer's TIME-WAIT, and that ends by itself.
    expect(hosts.network.sockets(A)).toEqual([]);
    expect(hosts.network.sockets(B).map((socket) => socket.state)).toEqual(['LISTEN']);
  });

  it('keeps the side that closed first in TIME-WAIT for a minute', () => {
    const hosts = twoHosts([sink(), source('x')]);
    hosts.start(B, 'sink');
    hosts.run(0.001);
    hosts.start(A, 'source');
    hosts.run(30);
    expect(hosts.network.sockets(A)).toMatchObject([{ state: 'TIME-WAIT', remoteIp: '10.0.0.2', remotePort: 80, process: '' }]);
    hosts.run(31);
    expect(hosts.network.sockets(A)).toEqual([]);
    expect(hosts.network.nextEventNs()).toBeUndefined();
  });

  it('to a closed port is answered with RST|ACK, sequence 0', () => {
    const hosts = twoHosts([source('x')]);
    hosts.start(A, 'source', { port: 9999 });
    hosts.run(1);
    expect(hosts.out.get(id(A, 'source'))).toMatch(/^connect-failed ECONNREFUSED/);
    const reset = hosts.network.events(0, hosts.network.traceLength).flatMap((event) => (event.step.kind === 'transmitted' ? (tcpOf(event) ?? []) : []))[1];
    expect(reset).toMatchObject({ flags: 'R.', seq: 0, window: 0, options: '' });
  });

  it('that nobody answers asks five times a second, then ever slower, each time as late as the timer wheel makes it, and gives up', () => {
    const hosts = twoHosts([source('x')]);
    hosts.b.chain(B, 'filter', 'INPUT', ['-p tcp -j DROP'], 'ACCEPT');
    hosts.start(A, 'source');
    hosts.run(200);
    const times = hosts.network
      .events(0, hosts.network.traceLength)
      .filter((event) => event.step.kind === 'transmitted' && tcpOf(event)?.flags === 'S')
      .map((event) => Math.floor(event.timeNs / 1e9));
    expect(times).toEqual([0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 69]);
    expect(hosts.out.get(id(A, 'source'))).toBe('connect-failed ETIMEDOUT at 135168 ms\n');
  });

  it('that is half open is asked for five times, then forgotten', () => {
    const hosts = twoHosts([sink(), source('x')]);
    hosts.b.chain(A, 'filter', 'INPUT', ['-p tcp -j DROP'], 'ACCEPT');
    hosts.start(B, 'sink');
    hosts.run(0.001);
    const process = hosts.start(A, 'source');
    hosts.run(0.5);
    hosts.network.signal(process, 'SIGKILL');
    expect(
      hosts.network
        .sockets(B)
        .map((socket) => socket.state)
        .sort(),
    ).toEqual(['LISTEN', 'SYN-RECV']);
    hosts.run(100);
    const times = hosts.network
      .events(0, hosts.network.traceLength)
      .filter((event) => event.step.kind === 'transmitted' && tcpOf(event)?.flags === 'S.')
      .map((event) => Math.floor(event.timeNs / 1e9));
    expect(times).toEqual([0, 1, 3, 7, 15, 31]);
    expect(hosts.network.sockets(B).map((socket) => socket.state)).toEqual(['LISTEN']);
  });

  it('hears of an ICMP error while it connects: REJECT is ECONNREFUSED, a prohibited host EHOSTUNREACH', () => {
    const how = (target: string) => {
      const hosts = twoHosts([source('x')]);
      hosts.b.chain(B, 'filter', 'INPUT', [`-p tcp -j REJECT --reject-with ${target}`], 'ACCEPT');
      hosts.start(A, 'source');
      hosts.run(1);
      return hosts.out.get(id(A, 'source'));
    };
    expect(how('icmp-port-unreachable')).toMatch(/^connect-failed ECONNREFUSED/);
    expect(how('icmp-host-prohibited')).toMatch(/^connect-failed EHOSTUNREACH/);
    expect(how('tcp-reset')).toMatch(/^connect-failed ECONNREFUSED/);
  });

  it('without a route fails at once', () => {
    const hosts = twoHosts([source('x')]);
    hosts.start(A, 'source', { ip: '192.0.2.1' });
    hosts.run(0.001);
    expect(hosts.out.get(id(A, 'source'))).toBe('ENETUNREACH\n');
  });

  it('over the loopback device works within one host', () => {
    const hosts = twoHosts([sink(), source('to myself')]);
    hosts.start(A, 'sink');
    hosts.run(0.001);
    hosts.start(A, 'source', { ip: '10.0.0.1' });
    hosts.run(1);
    expect(hosts.out.get(id(A, 'sink'))).toBe('to myself');
    const first = hosts.network.events(0, hosts.network.traceLength).find((event) => tcpOf(event) !== undefined);
    expect(tcpOf(first as TraceEvent)).toMatchObject({ window: 65495, options: expect.stringContaining('mss 65495') });
  });

  it('is reset when data comes for a process that closed', () => {
    const hosts = twoHosts([sink(true), source('late data', false)], { latencyNs: 10_000_000 });
    hosts.start(B, 'sink');
    hosts.run(0.001);
    hosts.start(A, 'source');
    hosts.run(5);
    expect(hosts.out.get(id(A, 'source'))).toMatch(/^connected\npeer closed\naborted (EPIPE|ECONNRESET)/);
  });

  it('is closed for the process that dies, and a second listener on the port is refused', () => {
    const hosts = twoHosts([
      sink(),
      source('', false),
      defineApp<null, null>({
        name: 'second',
        start: (context) => {
          context.out(String(context.tcpListen(0, 80, 1)));
          return null;
        },
        handle: (_context, state) => state,
      }),
    ]);
    hosts.start(B, 'sink');
    hosts.start(B, 'second');
    hosts.run(0.01);
    expect(hosts.out.get(id(B, 'second'))).toBe('EADDRINUSE');
    const client = hosts.start(A, 'source');
    hosts.run(1);
    expect(hosts.network.sockets(A)).toMatchObject([{ state: 'ESTAB' }]);
    hosts.network.signal(client, 'SIGKILL');
    hosts.run(1);
    expect(hosts.exits.get(client)).toBe(137);
    expect(segments(hosts)).toEqual(['a S', 'b S.', 'a .', 'a F.', 'b F.', 'a .']);
  });

  it('goes on from a snapshot as if nothing had happened, twice', () => {
    const text = lines(3000);
    const hosts = twoHosts([sink(), source(text)], { lossRatio: 0.03, seed: 7 });
    hosts.start(B, 'sink');
    hosts.run(0.001);
    hosts.start(A, 'source');
    hosts.run(0.0005);
    const records = hosts.b.records.snapshot();
    const snapshot = hosts.network.snapshot();
    const from = hosts.network.traceLength;
    const rest = () => {
      hosts.out.clear();
      hosts.run(60);
      return JSON.stringify(hosts.network.events(from, hosts.network.traceLength)) + (hosts.out.get(id(B, 'sink')) ?? '');
    };
    const first = rest();
    expect(first).toContain('line 2999');
    for (let round = 0; round < 2; round += 1) {
      hosts.b.records.restore(records);
      hosts.network.restore(snapshot);
      expect(rest() === first).toBe(true);
    }
  });
});

describe('a UDP socket', () => {
  const echo = defineApp<{ readonly socket: SocketId }, null>({
    name: 'echo',
    start: (context) => ({ socket: context.udpBind(0, 5353) as SocketId }),
    handle: (context, state, event) => {
      if (event.kind === 'datagram') context.udpSend(state.socket, event.payload, event.from);
      return state;
    },
  });
  const ask = defineApp<null, { readonly port: number; readonly bytes?: number; readonly connected: boolean; readonly dontFragment?: boolean }>({
    name: 'ask',
    start: (context, config) => {
      const to = { ip: ip4('10.0.0.2'), port: config.port };
      const socket = config.connected ? context.udpConnect(to) : context.udpBind(0, 0);
      if (typeof socket === 'number')
        context.out(
          `${context.udpSend(
            socket,
            { bytes: config.bytes ?? 3, ...(config.bytes === undefined ? { text: 'abc' } : {}) },
            config.connected ? undefined : to,
            config.dontFragment === undefined ? {} : { dontFragment: config.dontFragment },
          )} `,
        );
      return null;
    },
    handle: (context, state, event) => {
      if (event.kind === 'datagram') context.out(`${event.payload.text ?? event.payload.bytes} ttl ${event.ttl}`);
      if (event.kind === 'socket-error') context.out(`${event.errno} ${event.icmp?.type}/${event.icmp?.code}`);
      return state;
    },
  });

  it.each([true, false])('gets its answer (connected: %s)', (connected) => {
    const hosts = twoHosts([echo, ask]);
    hosts.start(B, 'echo');
    hosts.run(0.001);
    hosts.start(A, 'ask', { port: 5353, connected });
    hosts.run(1);
    expect(hosts.out.get(id(A, 'ask'))).toBe('ok abc ttl 64');
    expect(hosts.network.sockets(A)).toMatchObject([{ protocol: 'udp', state: connected ? 'ESTAB' : 'UNCONN' }]);
  });

  it('hears that nobody listens', () => {
    const hosts = twoHosts([ask]);
    hosts.start(A, 'ask', { port: 5353, connected: true });
    hosts.run(1);
    expect(hosts.out.get(id(A, 'ask'))).toBe('ok ECONNREFUSED 3/3');
  });

  it('is told that a datagram with DF does not fit', () => {
    const hosts = twoHosts([ask]);
    hosts.start(A, 'ask', { port: 5353, connected: true, bytes: 2000, dontFragment: true });
    hosts.run(1);
    expect(hosts.out.get(id(A, 'ask'))).toBe('EMSGSIZE ');
  });

  it('sends whole and with DF what fits, and cuts without DF what does not', () => {
    const sent = (bytes: number) => {
      const hosts = twoHosts([echo, ask]);
      hosts.start(B, 'echo');
      hosts.run(0.001);
      hosts.start(A, 'ask', { port: 5353, connected: true, bytes });
      hosts.run(1);
      const wire = hosts.network.events(0, hosts.network.traceLength).flatMap((event) => {
        const ip = event.hostId === 'a' && event.step.kind === 'transmitted' ? event.layers.find((layer) => layer.protocol === 'ipv4') : undefined;
        return ip === undefined ? [] : [`${ip.totalBytes} ${ip.flags}`];
      });
      return [...wire, hosts.out.get(id(A, 'ask'))];
    };
    expect(sent(1472)).toEqual(['1500 DF', 'ok 1472 ttl 64']);
    expect(sent(1473)).toEqual(['1500 +', '21 none', 'ok 1473 ttl 64']);
  });
});
