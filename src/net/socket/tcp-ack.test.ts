/** When TCP acknowledges, and what its packets' hashes are: the waits and modes of Linux. */
import { describe, expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { type App, defineApp, type SocketId } from '../app/definition.ts';
import { Network } from '../network.ts';
import { addFlannel, addPod, WorldBuilder } from '../testing/world-builder.ts';
import { A, B, type TwoHosts, twoHosts } from './testing/two-hosts.ts';
import { createUserland } from './userland.ts';

interface Talk {
  readonly socket: SocketId;
  readonly step: number;
}

/** Answers each piece with one of the same size after a while; closes when the peer does, after a while. */
const server = (answerNs: number, closeNs = 0): App =>
  defineApp<null, null>({
    name: 'server',
    start: (context) => {
      context.tcpListen(0, 80, 16);
      return null;
    },
    handle: (context, state, event) => {
      if (event.kind === 'data' && answerNs >= 0) {
        if (answerNs === 0) context.tcpSend(event.socket, { bytes: event.payload.bytes });
        else context.setTimer(answerNs, 'answer', [event.socket, event.payload.bytes]);
      } else if (event.kind === 'timer' && event.tag === 'answer') {
        const [socket, bytes] = event.data as [SocketId, number];
        context.tcpSend(socket, { bytes });
      } else if (event.kind === 'peer-closed') {
        if (closeNs === 0) context.close(event.socket);
        else context.setTimer(closeNs, 'close', event.socket);
      } else if (event.kind === 'timer') context.close(event.data as SocketId);
      return state;
    },
  });

/** Sends pieces of `bytes` at the given times after connecting, then closes if told so. */
const client = (bytes: number, atNs: readonly number[], closeNs = -1): App =>
  defineApp<Talk, null>({
    name: 'client',
    start: (context) => ({ socket: context.tcpConnect({ ip: ip4('10.0.0.2'), port: 80 }) as SocketId, step: 0 }),
    handle: (context, state, event) => {
      if (event.kind === 'connected') {
        for (const at of atNs) context.setTimer(at, 'send');
        if (closeNs >= 0) context.setTimer(closeNs, 'close');
      } else if (event.kind === 'timer' && event.tag === 'send') context.tcpSend(state.socket, { bytes });
      else if (event.kind === 'timer') context.close(state.socket);
      return state;
    },
  });

/** `12 a P. 5`: milliseconds since the first, host, flags, payload bytes; without the handshake. */
function conversation(hosts: TwoHosts): string[] {
  const rows = hosts.network.events(0, hosts.network.traceLength).flatMap((event) => {
    const tcp = event.step.kind === 'transmitted' ? event.layers.find((layer) => layer.protocol === 'tcp') : undefined;
    return tcp === undefined ? [] : [{ timeNs: event.timeNs, text: `${event.hostId} ${tcp.flags}${tcp.payloadBytes > 0 ? ` ${tcp.payloadBytes}` : ''}` }];
  });
  const start = rows[3]?.timeNs ?? 0;
  return rows.slice(3).map((row) => `${Math.floor((row.timeNs - start) / 1e6)} ${row.text}`);
}

function talk(programs: { readonly server: App; readonly client: App }, seconds = 2): string[] {
  const hosts = twoHosts([programs.server, programs.client]);
  hosts.start(B, 'server');
  hosts.run(0.001);
  hosts.start(A, 'client');
  hosts.run(seconds);
  expect(hosts.network.nextEventNs()).toBeUndefined();
  return conversation(hosts);
}

const MS = 1e6;

describe('acknowledgements', () => {
  it('are sent at once while the connection is young, and ride on the answers once it is a conversation', () => {
    expect(talk({ server: server(0), client: client(100, [0, 100 * MS, 200 * MS]) })).toEqual([
      '0 a P. 100',
      '0 b .',
      '0 b P. 100',
      '0 a .',
      '100 a P. 100',
      '100 b P. 100',
      '100 a .',
      '200 a P. 100',
      '200 b P. 100',
      '200 a .',
    ]);
  });

  it('wait 40 ms for an answer that does not come, and then are quick again', () => {
    expect(talk({ server: server(100 * MS), client: client(100, [0, 300 * MS, 600 * MS]) }).filter((line) => line.includes(' b '))).toEqual([
      // Later than the wait: the answer makes no conversation of it.
      '0 b .',
      '100 b P. 100',
      '300 b .',
      '400 b P. 100',
      '600 b .',
      '700 b P. 100',
    ]);
    expect(talk({ server: server(10 * MS), client: client(100, [0, 100 * MS]) }).filter((line) => line.includes(' b '))).toEqual([
      '0 b .',
      '10 b P. 100',
      '110 b P. 100',
    ]);
    // A conversation whose server falls silent.
    const both = defineApp<number, null>({
      name: 'server',
      start: (context) => {
        context.tcpListen(0, 80, 16);
        return 0;
      },
      handle: (context, asked, event) => {
        if (event.kind !== 'data') return asked;
        if (asked === 0) context.tcpSend(event.socket, { bytes: 7 });
        return asked + 1;
      },
    });
    const silent = talk({ server: both, client: client(100, [0, 100 * MS, 300 * MS]) });
    expect(silent.filter((line) => line.includes(' b '))).toEqual(['0 b .', '0 b P. 7', '142 b .', '300 b .']);
  });

  it('of a stream go out for each second segment after the first sixteen', () => {
    const segments = talk({
      server: server(-1),
      client: client(
        1448,
        Array.from({ length: 24 }, (_gone, i) => i * MS),
      ),
    });
    const acks = segments.filter((line) => line.endsWith('b .')).length;
    // PSH marks each as the end of a write, so that reading acknowledges it; a stream without PSH is acknowledged by twos.
    expect(acks).toBe(24);
    const one = talk({ server: server(-1), client: client(40 * 1448, [0]) });
    expect(one.filter((line) => line.includes('a ')).length).toBe(40);
    expect(one.filter((line) => line.endsWith('b .')).length).toBe(16 + 12);
  });

  it('of a FIN ride on the FIN that answers it, or go out by themselves when it takes longer', () => {
    expect(talk({ server: server(0), client: client(100, [0], 5 * MS) }).slice(4)).toEqual(['5 a F.', '5 b F.', '5 a .']);
    expect(talk({ server: server(0, 7 * MS), client: client(100, [0], 5 * MS) }).slice(4)).toEqual(['5 a F.', '12 b F.', '12 a .']);
    expect(talk({ server: server(0, 90 * MS), client: client(100, [0], 5 * MS) }).slice(4)).toEqual(['5 a F.', '46 b .', '95 b F.', '95 a .']);
    // Where no data came, nothing is known about the other side's pace: the next tick of the clock.
    expect(talk({ server: server(0, 90 * MS), client: client(100, [], 5 * MS) })).toEqual(['0 a F.', '5 b .', '90 b F.', '90 a .']);
  });

  it('go on from a snapshot while one waits', () => {
    const hosts = twoHosts([server(0, 90 * MS), client(100, [0], 5 * MS)]);
    hosts.start(B, 'server');
    hosts.run(0.001);
    hosts.start(A, 'client');
    hosts.run(0.02);
    const records = hosts.b.records.snapshot();
    const snapshot = hosts.network.snapshot();
    const from = hosts.network.traceLength;
    const rest = () => {
      hosts.run(1);
      return JSON.stringify(hosts.network.events(from, hosts.network.traceLength));
    };
    const first = rest();
    for (let round = 0; round < 2; round += 1) {
      hosts.b.records.restore(records);
      hosts.network.restore(snapshot);
      expect(rest() === first).toBe(true);
    }
  });
});

describe("a socket's hash", () => {
  /** Source ports of the tunnel for each segment that leaves node `a`. */
  const tunnelled = (serverRuns: boolean, seconds: number): { ports: number[]; network: Network } => {
    const b = new WorldBuilder();
    const nodes = [
      { name: 'a', ip: '172.30.1.2', podCidr: '10.244.0.0/24' },
      { name: 'b', ip: '172.30.1.3', podCidr: '10.244.1.0/24' },
    ];
    addFlannel(b, { nodes, gateway: '172.30.1.1' });
    const from = addPod(b, 'a', 'client', '10.244.0.5');
    const to = addPod(b, 'b', 'server', '10.244.1.5');
    const calls = defineApp<Talk, null>({
      name: 'client',
      start: (context) => ({ socket: context.tcpConnect({ ip: ip4(serverRuns ? '10.244.1.5' : '10.244.1.77'), port: 80 }) as SocketId, step: 0 }),
      handle: (context, state, event) => {
        if (event.kind === 'connected') context.tcpSend(state.socket, { bytes: 100 });
        return state;
      },
    });
    const table = new Map([server(0), calls].map((app) => [app.name, app]));
    const network = new Network({ seed: 3, records: b.records }, (kernel) => createUserland(kernel, table));
    if (serverRuns) network.spawn({ netns: to, app: 'server', name: 'server', config: null });
    network.advanceTo(0.01e9);
    network.spawn({ netns: from, app: 'client', name: 'client', config: null });
    network.advanceTo(network.nowNs + seconds * 1e9);
    const ports = network.events(0, network.traceLength).flatMap((event) => {
      if (event.step.kind !== 'transmitted' || event.hostId !== 'a' || !event.layers.some((layer) => layer.protocol === 'vxlan')) return [];
      if (!event.layers.some((layer) => layer.protocol === 'tcp')) return [];
      const udp = event.layers.find((layer) => layer.protocol === 'udp');
      return udp === undefined ? [] : [udp.sport];
    });
    return { ports, network };
  };

  it("makes one tunnel's source port of all segments of a connection", () => {
    const { ports } = tunnelled(true, 0.5);
    // SYN, ACK, data, and the answer's acknowledgement.
    expect(ports.length).toBe(4);
    expect(new Set(ports).size).toBe(1);
  });

  it('is drawn anew for each repeated SYN, so that it may find another way', () => {
    const { ports } = tunnelled(false, 3.5);
    expect(ports.length).toBe(4);
    expect(new Set(ports).size).toBe(4);
  });
});
