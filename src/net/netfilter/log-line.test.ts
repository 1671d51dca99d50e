import { describe, expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { mac } from '../addr/mac.ts';
import { Skb } from '../stack/skb.ts';
import { formatLogLine } from './log-line.ts';

const IN = { inDevice: 'vb', outDevice: '', physIn: '', physOut: '' };
const OUT = { inDevice: '', outDevice: 'vb', physIn: '', physOut: '' };

function packet(fields: Partial<Skb>): Skb {
  const base = { src: ip4('10.9.0.1'), dst: ip4('10.9.0.3'), ethSrc: mac('02:00:00:00:00:01'), ethDst: mac('02:00:00:00:00:03'), dontFragment: true };
  return Object.assign(new Skb(1), base, fields);
}

describe("the kernel's own lines, as Linux 6.18 wrote them", () => {
  const echo = packet({ protocol: 1, ipId: 38617, icmp: { type: 8, code: 0, id: 27690, sequence: 1 }, payload: { bytes: 56 } });
  const syn = packet({
    protocol: 6,
    ipId: 39398,
    sport: 58858,
    dport: 80,
    tcp: {
      flags: 2,
      seq: 4106971940,
      ack: 0,
      window: 64240,
      options: { mss: 1460, sackPermitted: true, timestamps: { value: 0x99bc9829, echo: 0 }, windowScale: 10 },
    },
  });
  const datagram = packet({ protocol: 17, ipId: 38126, sport: 50106, dport: 99, payload: { bytes: 2 } });

  it.each([
    [
      formatLogLine('in: ', echo, IN, 15, undefined),
      'in: IN=vb OUT= MAC=02:00:00:00:00:03:02:00:00:00:00:01:08:00 SRC=10.9.0.1 DST=10.9.0.3 LEN=84 TOS=0x00 PREC=0x00 TTL=64 ID=38617 DF PROTO=ICMP TYPE=8 CODE=0 ID=27690 SEQ=1 ',
    ],
    [
      formatLogLine('', echo, IN, 32, undefined),
      'IN=vb OUT= MACSRC=02:00:00:00:00:01 MACDST=02:00:00:00:00:03 MACPROTO=0800 SRC=10.9.0.1 DST=10.9.0.3 LEN=84 TOS=0x00 PREC=0x00 TTL=64 ID=38617 DF PROTO=ICMP TYPE=8 CODE=0 ID=27690 SEQ=1 ',
    ],
    [
      formatLogLine('in: ', syn, IN, 15, undefined),
      'in: IN=vb OUT= MAC=02:00:00:00:00:03:02:00:00:00:00:01:08:00 SRC=10.9.0.1 DST=10.9.0.3 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=39398 DF PROTO=TCP SPT=58858 DPT=80 SEQ=4106971940 ACK=0 WINDOW=64240 RES=0x00 SYN URGP=0 OPT (020405B40402080A99BC9829000000000103030A) ',
    ],
    [
      formatLogLine(
        '',
        packet({ protocol: 6, ipId: 47439, sport: 48300, dport: 81, mark: 5, tcp: { ...(syn.tcp as NonNullable<Skb['tcp']>), seq: 1 } }),
        IN,
        0,
        undefined,
      ),
      'IN=vb OUT= MAC=02:00:00:00:00:03:02:00:00:00:00:01:08:00 SRC=10.9.0.1 DST=10.9.0.3 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=47439 DF PROTO=TCP SPT=48300 DPT=81 WINDOW=64240 RES=0x00 SYN URGP=0 MARK=0x5 ',
    ],
    [
      formatLogLine('in: ', datagram, IN, 15, undefined),
      'in: IN=vb OUT= MAC=02:00:00:00:00:03:02:00:00:00:00:01:08:00 SRC=10.9.0.1 DST=10.9.0.3 LEN=30 TOS=0x00 PREC=0x00 TTL=64 ID=38126 DF PROTO=UDP SPT=50106 DPT=99 LEN=10 ',
    ],
    [
      formatLogLine(
        '',
        packet({
          src: ip4('10.9.0.3'),
          dst: ip4('10.9.0.1'),
          tos: 0xc0,
          ipId: 19388,
          dontFragment: false,
          protocol: 1,
          icmp: { type: 3, code: 3, id: 0, sequence: 0, quoted: datagram },
        }),
        OUT,
        8,
        undefined,
      ),
      'IN= OUT=vb SRC=10.9.0.3 DST=10.9.0.1 LEN=58 TOS=0x00 PREC=0xC0 TTL=64 ID=19388 PROTO=ICMP TYPE=3 CODE=3 [SRC=10.9.0.1 DST=10.9.0.3 LEN=30 TOS=0x00 PREC=0x00 TTL=64 ID=38126 DF PROTO=UDP SPT=50106 DPT=99 LEN=10 ] ',
    ],
    [
      formatLogLine(
        '',
        packet({
          src: ip4('10.9.0.3'),
          dst: ip4('10.9.0.1'),
          protocol: 6,
          sport: 80,
          dport: 58858,
          tcp: { flags: 20, seq: 0, ack: 1, window: 0, options: {} },
        }),
        OUT,
        8,
        undefined,
      ),
      'IN= OUT=vb SRC=10.9.0.3 DST=10.9.0.1 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=0 DF PROTO=TCP SPT=80 DPT=58858 WINDOW=0 RES=0x00 ACK RST URGP=0 ',
    ],
  ])('%s', (line, real) => {
    expect(line).toBe(real);
  });

  it('says whose socket it was, where somebody asks', () => {
    expect(formatLogLine('', datagram, OUT, 8, 0)).toMatch(/LEN=10 UID=0 GID=0 $/);
  });
});
