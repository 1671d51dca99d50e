/** Pieces of datagrams as they come over a hostile or lossy network; the rules are those of ip_frag_queue() and inet_frag_queue_insert(). */
import { describe, expect, it } from 'vitest';
import { ipOf } from '../addr/ip.ts';
import { LEFT, RIGHT, type Routers, routers } from '../testing/routers.ts';
import { IP_PROTO_UDP } from '../wire/packet.ts';

/** Sends bytes `from`…`to` of the UDP datagram (1 600 bytes with its header) number `id` from left to right. */
function send(w: Routers, from: number, to: number, id = 7): void {
  const packet = w.hands.kernel.newPacket();
  packet.dst = ipOf('10.2.0.2');
  packet.protocol = IP_PROTO_UDP;
  packet.sport = 1000;
  packet.dport = 9;
  packet.payload = { bytes: 1592 };
  packet.dontFragment = false;
  packet.ipId = id;
  packet.fragmentOffset = from;
  packet.fragmentBytes = to - from;
  packet.moreFragments = to < 1600;
  w.hands.kernel.output(LEFT, packet, 'test');
  w.settle(0.01);
}

const drops = (w: Routers): string[] =>
  w
    .since(0)
    .flatMap((event) => (event.step.kind === 'dropped' ? [`${event.hostId} ${event.step.reason}${event.step.answered === undefined ? '' : ' answered'}`] : []));
const WHOLE = [`${RIGHT}: udp 10.1.0.2:1000 > 10.2.0.2:9 ttl 63`];

describe('fragments', () => {
  it('make the datagram in any order', () => {
    const w = routers();
    send(w, 1200, 1600);
    send(w, 0, 600);
    expect(w.heard()).toEqual([]);
    send(w, 600, 1200);
    expect(w.heard()).toEqual(WHOLE);
    expect(drops(w)).toEqual([]);
  });

  it('that came already are dropped alone', () => {
    const w = routers();
    send(w, 0, 800);
    send(w, 0, 800);
    send(w, 8, 400);
    send(w, 800, 1600);
    expect(drops(w)).toEqual(['right DUP_FRAG', 'right DUP_FRAG']);
    expect(w.heard()).toEqual(WHOLE);
  });

  it('that overlap take the whole datagram with them', () => {
    const w = routers();
    send(w, 0, 800);
    send(w, 792, 1600);
    expect(drops(w)).toEqual(['right NOT_SPECIFIED', 'right NOT_SPECIFIED']);
    // Nothing is left of it: the rest alone makes no datagram.
    send(w, 800, 1600);
    expect(w.heard()).toEqual([]);
  });

  it('that reach beyond the end take the whole datagram with them', () => {
    const w = routers();
    send(w, 800, 1600);
    const packet = w.hands.kernel.newPacket();
    Object.assign(packet, { dst: ipOf('10.2.0.2'), protocol: IP_PROTO_UDP, sport: 1000, dport: 9, payload: { bytes: 1592 }, ipId: 7 });
    Object.assign(packet, { fragmentOffset: 1600, fragmentBytes: 80, moreFragments: true });
    w.hands.kernel.output(LEFT, packet, 'test');
    w.settle(0.01);
    expect(drops(w)).toEqual(['right NOT_SPECIFIED', 'right NOT_SPECIFIED']);
  });

  it('are given up after ipfrag_time; the sender is told only when the first one came', () => {
    const w = routers();
    w.set(RIGHT, { 'net.ipv4.ipfrag_time': 5 });
    send(w, 0, 800, 7);
    send(w, 800, 1600, 8);
    w.settle(4);
    expect(drops(w)).toEqual([]);
    w.settle(2);
    expect(drops(w)).toEqual(['right FRAG_REASM_TIMEOUT answered', 'right FRAG_REASM_TIMEOUT']);
    expect(w.heard()).toEqual([`${LEFT}: icmp error 11/1 from 10.2.0.2 about 10.1.0.2:1000 > 10.2.0.2:9`]);
  });

  it('of more datagrams than ipfrag_high_thresh has room for are dropped', () => {
    const w = routers();
    w.set(RIGHT, { 'net.ipv4.ipfrag_high_thresh': 4000 });
    for (let id = 1; id <= 4; id += 1) send(w, 0, 800, id);
    expect(drops(w)).toEqual(['right NOMEM', 'right NOMEM']);
    // The datagrams that have begun may go on.
    send(w, 800, 1600, 1);
    expect(w.heard()).toEqual(WHOLE);
  });
});
