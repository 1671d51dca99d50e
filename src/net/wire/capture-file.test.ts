/** Capture files that come from outside: all formats read, what is broken refused with its place, and flows found in what was read. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64ToBytes, bytesToBase64, bytesToText, textToBytes } from './binary-text.ts';
import { readCaptureFile } from './capture-file.ts';
import { flowsOf, formatEnd } from './capture-flows.ts';
import { encodeFrame } from './encode.ts';
import { LINKTYPE_ETHERNET } from './link-type.ts';
import { blankPacket } from './new-packet.ts';
import type { Packet } from './packet.ts';
import { pcapHeader, pcapRecord } from './pcap.ts';
import { writePcapng } from './pcapng.ts';
import { corpus, corpusFile } from './testing/corpus.ts';

const EPOCH = 1_775_293_200_000;
const frames = corpus(5);
const classic = corpusFile(frames, pcapHeader(LINKTYPE_ETHERNET, 262_144), (bytes, wireBytes, timeNs) => pcapRecord(bytes, wireBytes, timeNs, EPOCH));
const ng = writePcapng(
  [{ name: 'node01/eth0' }, { name: 'node01/flannel.1', description: 'a tunnel', mac: 0x0a580af40001, filter: 'tcp' }],
  frames.map((bytes, i) => ({ interface: i % 2, timeNs: i * 1001, bytes, direction: i % 2 === 0 ? 'in' : 'out', comment: `why ${i}` })),
  EPOCH,
);

/** The same file as the other kind of machine writes it, or with nanoseconds. */
function variant(swap: boolean, nanoseconds: boolean): Uint8Array {
  const out = classic.slice();
  const view = new DataView(out.buffer);
  for (let at = 24; at < out.length; ) {
    const captured = view.getUint32(at + 8, true);
    if (nanoseconds) view.setUint32(at + 4, view.getUint32(at + 4, true) * 1000, true);
    if (swap) for (let i = 0; i < 16; i += 4) view.setUint32(at + i, view.getUint32(at + i, true), false);
    at += 16 + captured;
  }
  view.setUint32(0, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, !swap);
  if (swap) {
    for (const at of [4, 6]) view.setUint16(at, view.getUint16(at, true), false);
    for (const at of [16, 20]) view.setUint32(at, view.getUint32(at, true), false);
  }
  return out;
}

describe('a capture file', () => {
  it.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])('is read in classic pcap (swapped %s, nanoseconds %s)', (swap, nanoseconds) => {
    const result = readCaptureFile(variant(swap, nanoseconds));
    if (!result.ok) throw new Error(`${result.message} ${result.offset}`);
    expect(result.file.interfaces).toEqual([{ name: '', linkType: 1, snapBytes: 262_144 }]);
    expect(result.file.packets.map((packet) => packet.bytes)).toEqual(frames);
    expect(result.file.packets[3]?.unixNs).toBe(BigInt(EPOCH) * 1_000_000n + 3_000_000n);
  });

  it('is read in pcapng with names, directions, comments and nanoseconds', () => {
    const result = readCaptureFile(ng);
    if (!result.ok) throw new Error(result.message);
    expect(result.file.interfaces.map((one) => one.name)).toEqual(['node01/eth0', 'node01/flannel.1']);
    expect(result.file.packets.map((packet) => packet.bytes)).toEqual(frames);
    expect(result.file.packets[3]).toMatchObject({ interface: 1, direction: 'out', comment: 'why 3', unixNs: BigInt(EPOCH) * 1_000_000n + 3003n });
  });

  it('that breaks off is refused with the byte where it does', () => {
    expect(readCaptureFile(classic.subarray(0, 30))).toMatchObject({
      ok: false,
      offset: 24,
      message: 'truncated: a packet header needs 16 bytes, 6 are there',
    });
    expect(readCaptureFile(classic.subarray(0, 50))).toMatchObject({ ok: false, offset: 40 });
    expect(readCaptureFile(classic.subarray(0, 10))).toMatchObject({ ok: false, offset: 10 });
    expect(readCaptureFile(ng.subarray(0, ng.length - 1))).toMatchObject({
      ok: false,
      message: expect.stringMatching(/^truncated: the block has \d+ bytes/) as string,
    });
    expect(readCaptureFile(new Uint8Array(0))).toMatchObject({ ok: false, offset: 0 });
    expect(readCaptureFile(Uint8Array.from([1, 2, 3, 4, 5]))).toMatchObject({ ok: false, offset: 0, message: 'unknown file format: neither pcap nor pcapng' });
  });

  it('is read or refused, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(classic, ng), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }), fc.nat(), (file, changes, end) => {
        const bytes = file.slice(0, 1 + (end % file.length));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const result = readCaptureFile(bytes);
        if (result.ok) flowsOf(result.file);
        else expect(result.offset).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 300 },
    );
  });
});

describe('flows', () => {
  const udp = (from: number, to: number, sport: number, dport: number): Packet => ({
    ...blankPacket(),
    src: from,
    dst: to,
    protocol: 17,
    sport,
    dport,
    payload: { bytes: 4 },
  });
  it('have two ends, whoever began, and count each packet once', () => {
    const there = encodeFrame(udp(0x0af40003, 0x0a60000a, 40000, 5000));
    const back = encodeFrame(udp(0x0a60000a, 0x0af40003, 5000, 40000));
    const file = writePcapng(
      [{ name: 'a' }, { name: 'b' }],
      [
        { interface: 0, timeNs: 0, bytes: there },
        { interface: 1, timeNs: 10, bytes: there },
        { interface: 1, timeNs: 500, bytes: back },
        { interface: 0, timeNs: 600, bytes: back },
        { interface: 0, timeNs: 700, bytes: Uint8Array.of(1, 2, 3) },
      ],
      EPOCH,
    );
    const read = readCaptureFile(file);
    if (!read.ok) throw new Error(read.message);
    const { flows, skipped } = flowsOf(read.file);
    expect(skipped).toBe(1);
    expect(flows).toHaveLength(1);
    const [flow] = flows;
    if (flow === undefined) throw new Error('no flow');
    expect([formatEnd(flow, flow.from), formatEnd(flow, flow.to)]).toEqual(['10.244.0.3:40000', '10.96.0.10:5000']);
    expect(flow).toMatchObject({ protocol: 'UDP', interface: 'a', forwardPackets: 1, forwardBytes: 32, backPackets: 1, backBytes: 32, durationNs: 600 });
    expect(flow.packets.map((packet) => [packet.atNs, packet.forward])).toEqual([
      [0, true],
      [600, false],
    ]);
  });
});

describe('bytes as text', () => {
  it('come back from text and from base64 as they went', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(textToBytes(bytesToText(bytes))).toEqual(bytes);
        expect(bytesToBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(base64ToBytes(bytesToBase64(bytes))).toEqual(bytes);
      }),
    );
    expect(base64ToBytes('abc')).toBeUndefined();
    expect(base64ToBytes('ab$=')).toBeUndefined();
  });
});
