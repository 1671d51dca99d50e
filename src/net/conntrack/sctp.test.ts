/** Associations as conntrack of Linux 6.18 follows them: what it listed after each of these packets, sent by hand through a router. */
import { expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { Network } from '../network.ts';
import { fakeUserland } from '../testing/fake-userland.ts';
import { WorldBuilder } from '../testing/world-builder.ts';
import { IP_PROTO_SCTP, type SctpChunk, type SctpKind } from '../wire/sctp.ts';

/** Who sends, the verification tag, the chunks, the tag that INIT offers; then state and flags, `-` for no entry. */
type Line = readonly [from: 'a' | 'b', tag: number, chunks: string, offered: number, listed: string];

const CASES: readonly (readonly [string, readonly Line[]])[] = [
  [
    'from INIT to SHUTDOWN COMPLETE, and once more with the same ports',
    [
      ['a', 0, 'INIT', 11, 'CLOSED UNREPLIED'],
      ['b', 11, 'INIT ACK', 22, 'COOKIE_WAIT'],
      ['a', 22, 'COOKIE ECHO', 0, 'COOKIE_ECHOED'],
      ['b', 11, 'COOKIE ACK', 0, 'ESTABLISHED ASSURED'],
      ['a', 22, 'DATA', 0, 'ESTABLISHED ASSURED'],
      ['b', 11, 'SACK', 0, 'ESTABLISHED ASSURED'],
      ['b', 99, 'DATA', 0, 'ESTABLISHED ASSURED INVALID'],
      ['a', 22, 'SHUTDOWN', 0, 'SHUTDOWN_SENT ASSURED'],
      ['b', 11, 'SHUTDOWN ACK', 0, 'SHUTDOWN_ACK_SENT ASSURED'],
      ['a', 22, 'SHUTDOWN COMPLETE', 0, 'CLOSED ASSURED'],
      ['a', 0, 'INIT', 33, 'CLOSED ASSURED'],
      ['b', 33, 'INIT ACK', 44, 'COOKIE_WAIT ASSURED'],
    ],
  ],
  [
    'refused by ABORT',
    [
      ['a', 0, 'INIT', 11, 'CLOSED UNREPLIED'],
      ['a', 0, 'INIT', 11, 'CLOSED UNREPLIED'],
      ['b', 11, 'ABORT', 0, 'CLOSED'],
      ['a', 0, 'INIT', 12, 'CLOSED'],
    ],
  ],
  [
    'what cannot open one',
    [
      ['a', 5, 'DATA', 0, '- INVALID'],
      ['b', 6, 'DATA', 0, '- INVALID'],
      ['a', 5, 'ABORT', 0, '- INVALID'],
      ['a', 5, 'COOKIE ECHO', 0, '- INVALID'],
      ['a', 5, 'COOKIE ACK', 0, '- INVALID'],
      ['a', 5, 'SHUTDOWN', 0, '- INVALID'],
      ['a', 5, 'SHUTDOWN COMPLETE', 0, '- INVALID'],
      ['a', 5, 'SACK', 0, '- INVALID'],
      ['a', 5, 'INIT ACK', 3, '- INVALID'],
      ['a', 5, 'SHUTDOWN ACK', 0, 'SHUTDOWN_ACK_SENT UNREPLIED'],
    ],
  ],
  [
    'wrong tags, bundled chunks, and an end that the other side begins',
    [
      ['a', 5, 'INIT', 3, '- INVALID'],
      ['a', 0, 'INIT', 11, 'CLOSED UNREPLIED'],
      ['b', 11, 'INIT ACK', 22, 'COOKIE_WAIT'],
      ['a', 23, 'COOKIE ECHO', 0, 'COOKIE_WAIT INVALID'],
      ['a', 22, 'COOKIE ECHO,DATA', 0, 'COOKIE_ECHOED'],
      ['b', 12, 'COOKIE ACK', 0, 'COOKIE_ECHOED INVALID'],
      ['b', 11, 'COOKIE ACK,SACK', 0, 'ESTABLISHED ASSURED'],
      ['b', 11, 'SHUTDOWN', 0, 'SHUTDOWN_RECD ASSURED'],
      ['a', 22, 'SHUTDOWN', 0, 'SHUTDOWN_RECD ASSURED'],
      ['a', 22, 'SHUTDOWN ACK', 0, 'SHUTDOWN_ACK_SENT ASSURED'],
      ['b', 11, 'SHUTDOWN COMPLETE', 0, 'CLOSED ASSURED'],
    ],
  ],
  [
    'picked up in the middle, by a heartbeat',
    [
      ['a', 5, 'HEARTBEAT', 0, 'HEARTBEAT_SENT UNREPLIED'],
      ['b', 6, 'HEARTBEAT ACK', 0, 'ESTABLISHED ASSURED'],
      ['a', 5, 'DATA', 0, 'ESTABLISHED ASSURED'],
    ],
  ],
  [
    'aborted by one who knows no association, with the tag of the other',
    [
      ['a', 0, 'INIT', 11, 'CLOSED UNREPLIED'],
      ['b', 11, 'INIT ACK', 22, 'COOKIE_WAIT'],
      ['a', 22, 'COOKIE ECHO', 0, 'COOKIE_ECHOED'],
      ['b', 11, 'COOKIE ACK', 0, 'ESTABLISHED ASSURED'],
      ['a', 11, 'ABORT T', 0, 'CLOSED ASSURED'],
      ['a', 22, 'ABORT T', 0, 'CLOSED ASSURED INVALID'],
      ['b', 22, 'ABORT T', 0, 'CLOSED ASSURED'],
    ],
  ],
  [
    'answered twice with different tags, and begun again in between',
    [
      ['a', 0, 'INIT', 11, 'CLOSED UNREPLIED'],
      ['b', 11, 'INIT ACK', 22, 'COOKIE_WAIT'],
      ['b', 11, 'INIT ACK', 23, 'COOKIE_WAIT'],
      ['a', 22, 'COOKIE ECHO', 0, 'COOKIE_WAIT INVALID'],
      ['a', 0, 'INIT', 13, 'COOKIE_WAIT'],
      ['b', 11, 'COOKIE ACK', 0, 'COOKIE_WAIT INVALID'],
      ['b', 13, 'COOKIE ACK', 0, 'COOKIE_WAIT'],
    ],
  ],
];

const OTHERS: Readonly<Record<string, number>> = { HEARTBEAT: 4, 'HEARTBEAT ACK': 5 };

function chunkOf(word: string, offered: number): SctpChunk {
  const offer = { tag: offered, windowBytes: 1000, outStreams: 10, inStreams: 10, tsn: 1 };
  const kind = word.replace(/ T$/, '') as SctpKind;
  const type = OTHERS[word];
  if (type !== undefined) return { kind: 'OTHER', type, flags: 0, body: '' };
  switch (kind) {
    case 'INIT':
      return { kind, offer };
    case 'INIT ACK':
      return { kind, offer, cookie: 'c' };
    case 'DATA':
      return { kind, tsn: 1, stream: 0, sequence: 0, protocolId: 0 };
    case 'SACK':
      return { kind, tsn: 1, windowBytes: 1000 };
    case 'COOKIE ECHO':
      return { kind, cookie: 'c' };
    case 'SHUTDOWN':
      return { kind, tsn: 1 };
    case 'ABORT':
    case 'SHUTDOWN COMPLETE':
      return { kind, reflected: word.endsWith(' T') };
    default:
      return { kind: kind as 'COOKIE ACK' };
  }
}

it.each(CASES)('conntrack follows an association: %s', (_what, lines) => {
  const builder = new WorldBuilder();
  const router = builder.host('r', { 'net.ipv4.ip_forward': 1 });
  for (const [name, subnet] of [
    ['a', '10.9.1'],
    ['b', '10.9.2'],
  ] as const) {
    const netns = builder.host(name);
    builder.cable(
      'ethernet',
      { netns: router, name: `to-${name}` },
      { netns, name: 'eth0' },
      { addressesA: [`${subnet}.1/24`], addressesB: [`${subnet}.2/24`] },
    );
    builder.route(netns, '0.0.0.0/0', { gateway: `${subnet}.1`, device: 'eth0' });
  }
  builder.records.put({
    kind: 'chain',
    id: `${router}/chain/filter/FORWARD`,
    origin: { component: 'test', objects: [] },
    netns: router,
    table: 'filter',
    name: 'FORWARD',
    policy: 'ACCEPT',
    rules: [{ text: '-m conntrack --ctstate INVALID -j ACCEPT' }],
  });
  const { create, hands } = fakeUserland();
  const network = new Network({ seed: 1, records: builder.records }, create);
  const listed = lines.map(([from, tag, chunks, offered]) => {
    const invalid = network.counters(`${router}/chain/filter/FORWARD`).rules[0]?.[0];
    const packet = hands().kernel.newPacket();
    const [there, back] = [ip4('10.9.1.2'), ip4('10.9.2.2')];
    Object.assign(packet, from === 'a' ? { src: there, dst: back, sport: 1000, dport: 2000 } : { src: back, dst: there, sport: 2000, dport: 1000 });
    packet.protocol = IP_PROTO_SCTP;
    packet.sctp = { tag, chunks: chunks.split(',').map((word) => chunkOf(word, offered)) };
    hands().kernel.output(`${from}/netns/root`, packet, 'test');
    network.run({ untilNs: network.nowNs + 1e6, maxEvents: 1000 });
    const [entry] = network.connections(router);
    const words = entry === undefined ? '-' : `${entry.tcpState}${entry.assured ? ' ASSURED' : ''}${entry.unreplied ? ' UNREPLIED' : ''}`;
    return `${words}${network.counters(`${router}/chain/filter/FORWARD`).rules[0]?.[0] === invalid ? '' : ' INVALID'}`;
  });
  expect(listed).toEqual(lines.map(([, , , , words]) => words));
});
