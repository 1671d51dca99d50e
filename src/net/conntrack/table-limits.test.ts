/** The connection table at its limit, its statistics, and who listens to it, in a network of two hosts. */
import { describe, expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { type App, defineApp } from '../app/definition.ts';
import { A, B, type TwoHosts, twoHosts } from '../socket/testing/two-hosts.ts';

/** Sends one datagram to each port from `first` on. */
const sprayer: App = defineApp<null, { readonly first: number; readonly count: number }>({
  name: 'sprayer',
  start: (context, { first, count }) => {
    for (let i = 0; i < count; i += 1) {
      const socket = context.udpConnect({ ip: ip4('10.0.0.2'), port: first + i });
      if (typeof socket === 'number') context.udpSend(socket, { bytes: 10 });
    }
    return null;
  },
  handle: (_context, state) => state,
});

const listener: App = defineApp<null, null>({
  name: 'listener',
  start: (context) => {
    context.listenConnections(true);
    context.setTimer(1e9, 'collect', undefined, true);
    return null;
  },
  handle: (context, state, event) => {
    if (event.kind === 'timer') {
      context.collectConnections();
      context.setTimer(1e9, 'collect', undefined, true);
    } else if (event.kind === 'connection') {
      const { kind, connection } = event.event;
      context.out(`${kind} ${connection.original.dport} ${connection.timeoutSeconds}${connection.unreplied ? ' unreplied' : ''}\n`);
    }
    return state;
  },
});

function tracked(sysctls: Readonly<Record<string, number>>): TwoHosts {
  const hosts = twoHosts([sprayer, listener]);
  const netns = hosts.b.records.get(B);
  if (netns.kind !== 'netns') throw new Error('no netns');
  hosts.b.records.put({ ...netns, sysctls: { ...netns.sysctls, ...sysctls } });
  // Nothing is sent back, so that every entry stays unreplied.
  hosts.b.chain(B, 'filter', 'OUTPUT', ['-p icmp -j DROP'], 'ACCEPT');
  hosts.b.chain(B, 'filter', 'INPUT', ['-m conntrack --ctstate NEW'], 'ACCEPT');
  return hosts;
}

describe('a full connection table', () => {
  it('drops packets of new connections and says so, where its buckets are many', () => {
    const hosts = tracked({ 'net.netfilter.nf_conntrack_max': 5 });
    hosts.start(A, 'sprayer', { first: 1000, count: 30 });
    hosts.run(1);
    expect(hosts.network.connections(B)).toHaveLength(5);
    expect(hosts.network.connectionStatistics(B)).toMatchObject({ drop: 25, earlyDrop: 0 });
    const dropped = hosts.network
      .events(0, hosts.network.traceLength)
      .filter((event) => event.step.kind === 'dropped' && event.step.detail.includes('table full'));
    expect(dropped).toHaveLength(25);
    expect(hosts.network.kernelLog('b').filter((line) => line.text.includes('table full, dropping packet'))).toHaveLength(10);
  });

  it('gives up an unanswered entry in a bucket nearby, where they are few', () => {
    const hosts = tracked({ 'net.netfilter.nf_conntrack_max': 5, 'net.netfilter.nf_conntrack_buckets': 8 });
    hosts.start(A, 'sprayer', { first: 1000, count: 30 });
    hosts.run(1);
    expect(hosts.network.connections(B)).toHaveLength(5);
    expect(hosts.network.connectionStatistics(B)).toMatchObject({ drop: 0, earlyDrop: 25 });
  });
});

describe('a listener', () => {
  it('hears of entries that come and, when their time is over, go; also from a snapshot on', () => {
    const hosts = tracked({ 'net.netfilter.nf_conntrack_udp_timeout': 10 });
    hosts.start(B, 'listener');
    hosts.run(0.5);
    hosts.start(A, 'sprayer', { first: 53, count: 1 });
    hosts.run(1);
    const records = hosts.b.records.snapshot();
    const snapshot = hosts.network.snapshot();
    const said = (): string => hosts.out.get(`${B}/process/listener`) ?? '';
    expect(said()).toBe('NEW 53 10 unreplied\n');
    hosts.run(15);
    expect(said()).toBe('NEW 53 10 unreplied\nDESTROY 53 0 unreplied\n');
    hosts.b.records.restore(records);
    hosts.network.restore(snapshot);
    hosts.out.clear();
    hosts.run(15);
    expect(said()).toBe('DESTROY 53 0 unreplied\n');
  });

  it('shows counters of connections that began while nf_conntrack_acct was on', () => {
    const hosts = tracked({ 'net.netfilter.nf_conntrack_acct': 1 });
    hosts.start(A, 'sprayer', { first: 53, count: 1 });
    hosts.run(1);
    expect(hosts.network.connections(B)[0]?.counters).toEqual([
      [1, 38],
      [0, 0],
    ]);
    expect(tracked({}).network.connections(B)).toEqual([]);
  });
});
