/** What a real kernel (6.18) answered to segments made by hand, through `conntrack -L` and the `invalid` of `conntrack -S`. */
import { describe, expect, it } from 'vitest';
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, type TcpHeader } from '../wire/packet.ts';
import { Connection, invert, TCP_STATE_NAMES, type Tuple } from './connection.ts';
import { compileConntrack } from './settings.ts';
import { followTcp, hasValidFlags, INVALID, REFUSED, REOPENS, startTcp } from './tcp.ts';

const tuple: Tuple = { src: 1, dst: 2, sport: 20000, dport: 8080, icmpType: -1, icmpCode: 0 };
const ISS = 4_000_000_000;
const IRS = 777;

interface Sent {
  readonly flags: number;
  readonly seq: number;
  readonly ack?: number;
  readonly window?: number;
  readonly bytes?: number;
  readonly reply?: boolean;
  readonly sack?: readonly (readonly [number, number])[];
}

/** A tracked connection; `send` says what came of a segment: the seconds left and the state, or a word. */
function tracked(sysctls: Readonly<Record<string, number>> = {}, kernel?: { readonly major: number; readonly minor: number }) {
  const settings = compileConntrack(sysctls, kernel);
  const connection = new Connection(1, 6, tuple, invert(tuple));
  let started = false;
  const send = (s: Sent): string => {
    const header: TcpHeader = {
      flags: s.flags,
      seq: s.seq >>> 0,
      ack: (s.ack ?? 0) >>> 0,
      window: s.window ?? 64240,
      options: s.sack === undefined ? {} : { sack: s.sack },
    };
    if (!hasValidFlags(s.flags)) return 'invalid';
    if (!started) {
      if (!startTcp(settings, connection, header, s.bytes ?? 0)) return 'invalid';
      started = true;
    }
    const verdict = followTcp(settings, connection, header, s.bytes ?? 0, s.reply === true, 0);
    if (verdict === INVALID) return 'invalid';
    if (verdict === REOPENS) return 'reopens';
    if (verdict === REFUSED) return 'refused';
    if (s.reply === true) connection.seenReply = true;
    return `${connection.expiresNs / 1e9} ${TCP_STATE_NAMES[connection.tcpState]}${connection.assured ? ' ASSURED' : ''}`;
  };
  const handshake = (): string => {
    send({ flags: TCP_SYN, seq: ISS });
    send({ flags: TCP_SYN | TCP_ACK, seq: IRS, ack: ISS + 1, reply: true });
    return send({ flags: TCP_ACK, seq: ISS + 1, ack: IRS + 1 });
  };
  return { send, handshake, connection };
}

const DATA = TCP_ACK | TCP_PSH;

describe('a segment of a tracked connection', () => {
  it('is INVALID beyond the window or with an acknowledgement of what was never sent, and passes where it is old', () => {
    const { send, handshake } = tracked();
    expect(handshake()).toBe('432000 ESTABLISHED ASSURED');
    expect(send({ flags: DATA, seq: ISS + 1 + 10_000_000, ack: IRS + 1, bytes: 10 })).toBe('invalid');
    expect(send({ flags: DATA, seq: ISS + 1, ack: IRS + 50_000_000, bytes: 10 })).toBe('invalid');
    expect(send({ flags: DATA, seq: ISS + 1 - 500_000, ack: IRS + 1, bytes: 10 })).toBe('432000 ESTABLISHED ASSURED');
    expect(send({ flags: TCP_ACK, seq: ISS + 1, ack: IRS + 1 - 500_000 })).toBe('432000 ESTABLISHED ASSURED');
  });

  it.each([
    [5, 15, 'invalid', 'invalid'],
    [6, 1, '432000 ESTABLISHED ASSURED', 'invalid'],
    [6, 2, '432000 ESTABLISHED ASSURED', '432000 ESTABLISHED ASSURED'],
  ])('is judged by Linux %i.%i: too late %s, a little beyond the window %s', (major, minor, late, beyond) => {
    const { send, handshake } = tracked({}, { major, minor });
    handshake();
    expect(send({ flags: DATA, seq: ISS + 1 - 500_000, ack: IRS + 1, bytes: 10 })).toBe(late);
    expect(send({ flags: DATA, seq: ISS + 1 + 64_300, ack: IRS + 1, bytes: 10 })).toBe(beyond);
  });

  it('is let through anywhere with nf_conntrack_tcp_be_liberal', () => {
    const { send, handshake } = tracked({ 'net.netfilter.nf_conntrack_tcp_be_liberal': 1 });
    handshake();
    expect(send({ flags: DATA, seq: ISS + 1 + 10_000_000, ack: IRS + 1, bytes: 10 })).toBe('432000 ESTABLISHED ASSURED');
  });

  it('that resets must have the sequence number the other side expects: before it is INVALID, behind it may bring a challenge ACK', () => {
    const { send, handshake } = tracked();
    handshake();
    // The server acknowledges ISS + 1 once more, which makes that the number it expects.
    send({ flags: TCP_ACK, seq: IRS + 1, ack: ISS + 1, reply: true });
    expect(send({ flags: TCP_RST, seq: ISS - 100, window: 0 })).toBe('invalid');
    expect(send({ flags: TCP_RST, seq: ISS + 101, window: 0 })).toBe('10 ESTABLISHED ASSURED');
    expect(send({ flags: TCP_RST, seq: ISS + 1, window: 0 })).toBe('10 CLOSE ASSURED');
  });

  it('may reset from before the window with nf_conntrack_tcp_ignore_invalid_rst', () => {
    const { send, handshake } = tracked({ 'net.netfilter.nf_conntrack_tcp_ignore_invalid_rst': 1 });
    handshake();
    expect(send({ flags: TCP_RST, seq: ISS, window: 0 })).toBe('10 ESTABLISHED ASSURED');
  });

  it('keeps an entry for five minutes only: unacknowledged data, four equal ACKs, a window of zero', () => {
    const data = tracked();
    data.handshake();
    expect(data.send({ flags: DATA, seq: ISS + 1, ack: IRS + 1, bytes: 10 })).toBe('300 ESTABLISHED ASSURED');
    expect(data.send({ flags: TCP_ACK, seq: IRS + 1, ack: ISS + 11, reply: true })).toBe('432000 ESTABLISHED ASSURED');
    for (let i = 0; i < 3; i += 1) expect(data.send({ flags: TCP_ACK, seq: ISS + 11, ack: IRS + 1 })).toBe('432000 ESTABLISHED ASSURED');
    expect(data.send({ flags: TCP_ACK, seq: ISS + 11, ack: IRS + 1 })).toBe('300 ESTABLISHED ASSURED');
    const zero = tracked();
    zero.handshake();
    expect(zero.send({ flags: TCP_ACK, seq: ISS + 1, ack: IRS + 1, window: 0 })).toBe('300 ESTABLISHED ASSURED');
  });

  it('with flags that no TCP sends, or a SYN-ACK, RST or FIN out of nowhere, is INVALID', () => {
    for (const flags of [0, TCP_SYN | TCP_FIN, TCP_SYN | TCP_RST, TCP_FIN, TCP_SYN | TCP_ACK, TCP_RST, TCP_FIN | TCP_ACK])
      expect(tracked().send({ flags, seq: 5000, window: 500 })).toBe('invalid');
  });

  it('out of the middle of a connection is taken up for five minutes, unless tcp_loose is 0', () => {
    expect(tracked().send({ flags: DATA, seq: 5000, ack: IRS, window: 500, bytes: 3 })).toBe('300 ESTABLISHED');
    expect(tracked({ 'net.netfilter.nf_conntrack_tcp_loose': 0 }).send({ flags: DATA, seq: 5000, ack: IRS, bytes: 3 })).toBe('invalid');
  });

  it('that resets as the only answer ends the entry', () => {
    const { send } = tracked();
    expect(send({ flags: TCP_SYN, seq: ISS })).toBe('120 SYN_SENT');
    expect(send({ flags: TCP_RST | TCP_ACK, seq: 0, ack: ISS + 1, window: 0, reply: true })).toBe('refused');
  });

  it('opens a new connection in the place of one that closed by FIN; after a RST of the server only once the server agrees', () => {
    const { send, handshake, connection } = tracked();
    handshake();
    send({ flags: TCP_FIN | TCP_ACK, seq: ISS + 1, ack: IRS + 1 });
    send({ flags: TCP_FIN | TCP_ACK, seq: IRS + 1, ack: ISS + 2, reply: true });
    expect(send({ flags: TCP_ACK, seq: ISS + 2, ack: IRS + 2 })).toBe('120 TIME_WAIT ASSURED');
    expect(send({ flags: TCP_SYN, seq: ISS + 1_000_000 })).toBe('reopens');

    const reset = tracked();
    reset.handshake();
    expect(reset.send({ flags: TCP_RST, seq: IRS + 1, window: 0, reply: true })).toBe('10 CLOSE ASSURED');
    expect(reset.send({ flags: TCP_SYN, seq: ISS + 1_000_000 })).toBe('10 CLOSE ASSURED');
    expect(reset.send({ flags: TCP_SYN | TCP_ACK, seq: 5, ack: ISS + 1_000_001, reply: true })).toBe('60 SYN_RECV ASSURED');
    expect(connection.assured).toBe(true);
  });

  it('with selective acknowledgements that nobody agreed on is judged by its plain one', () => {
    const { send } = tracked();
    send({ flags: TCP_SYN, seq: ISS });
    send({ flags: TCP_SYN | TCP_ACK, seq: IRS, ack: ISS + 1, reply: true });
    send({ flags: TCP_ACK, seq: ISS + 1, ack: IRS + 1 });
    for (let i = 0; i < 3; i += 1) send({ flags: DATA, seq: ISS + 1 + i * 1000, ack: IRS + 1, bytes: 1000 });
    // Without the option in both SYNs the blocks mean nothing; the acknowledgement alone is looked at.
    expect(send({ flags: TCP_ACK, seq: IRS + 1, ack: ISS + 1, reply: true, sack: [[ISS + 90_001, ISS + 99_001]] })).toBe('300 ESTABLISHED ASSURED');
  });
});
