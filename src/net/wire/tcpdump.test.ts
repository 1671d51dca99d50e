import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { mac } from '../addr/mac.ts';
import { dnsMessageBytes } from './dns-codec.ts';
import type { DnsMessage } from './dns-message.ts';
import { LINKTYPE_LINUX_SLL2 } from './link-type.ts';
import { blankPacket } from './new-packet.ts';
import type { Packet, TcpOptions } from './packet.ts';
import { newTcpdumpState, tcpdumpLines } from './tcpdump/lines.ts';
import type { TcpdumpOptions } from './tcpdump/view.ts';
import { captured, cooked } from './testing/captured.ts';

const EPOCH = Date.UTC(2026, 10, 22, 22, 51, 53);
const NN: TcpdumpOptions = { numeric: true, verbosity: 0, link: false, epochMs: EPOCH };
const at = (packet: Packet) => captured(packet, 40_175_000);

function tcp(fields: {
  from?: string;
  to?: string;
  sport?: number;
  dport?: number;
  flags: number;
  seq?: number;
  ack?: number;
  window?: number;
  options?: TcpOptions;
  text?: string;
}): Packet {
  const packet = blankPacket();
  packet.ethSrc = mac('ee:72:24:82:82:5b');
  packet.ethDst = mac('22:fd:db:28:41:1a');
  packet.src = ip4(fields.from ?? '10.244.1.2');
  packet.dst = ip4(fields.to ?? '10.244.1.3');
  packet.sport = fields.sport ?? 40230;
  packet.dport = fields.dport ?? 8080;
  packet.protocol = 6;
  packet.dontFragment = true;
  packet.ipId = 15140;
  packet.tcp = { flags: fields.flags, seq: fields.seq ?? 0, ack: fields.ack ?? 0, window: fields.window ?? 64240, options: fields.options ?? {} };
  if (fields.text !== undefined) packet.payload = { bytes: fields.text.length, text: fields.text };
  return packet;
}

const synOptions: TcpOptions = { mss: 1460, sackPermitted: true, timestamps: { value: 461779905, echo: 0 }, windowScale: 10 };

describe('tcpdump', () => {
  it('prints a SYN with its options and length', () => {
    expect(tcpdumpLines(at(tcp({ flags: 2, seq: 195619961, options: synOptions })), NN, newTcpdumpState())).toBe(
      '22:51:53.040175 IP 10.244.1.2.40230 > 10.244.1.3.8080: Flags [S], seq 195619961, win 64240, options [mss 1460,sackOK,TS val 461779905 ecr 0,nop,wscale 10], length 0\n',
    );
  });

  it('prints link-level headers with -e, without the word IP', () => {
    expect(tcpdumpLines(at(tcp({ flags: 2, seq: 195619961, options: synOptions })), { ...NN, link: true }, newTcpdumpState())).toBe(
      '22:51:53.040175 ee:72:24:82:82:5b > 22:fd:db:28:41:1a, ethertype IPv4 (0x0800), length 74: 10.244.1.2.40230 > 10.244.1.3.8080: Flags [S], seq 195619961, win 64240, options [mss 1460,sackOK,TS val 461779905 ecr 0,nop,wscale 10], length 0\n',
    );
  });

  it('makes sequence numbers relative after the handshake, in both directions', () => {
    const state = newTcpdumpState();
    const line = (packet: Packet) => tcpdumpLines(at(packet), { ...NN, time: 'none' }, state);
    const back = { from: '10.244.1.3', to: '10.244.1.2', sport: 8080, dport: 40230 };
    const times: TcpOptions = { timestamps: { value: 1, echo: 2 } };
    expect(line(tcp({ flags: 2, seq: 100 }))).toContain('seq 100,');
    expect(line(tcp({ ...back, flags: 18, seq: 4294967295, ack: 101 }))).toContain('Flags [S.], seq 4294967295, ack 101,');
    expect(line(tcp({ flags: 16, seq: 101, ack: 0, options: times }))).toContain('Flags [.], ack 1, win 64240, options [nop,nop,TS val 1 ecr 2], length 0');
    expect(line(tcp({ flags: 24, seq: 101, ack: 0, text: 'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n' }))).toBe(
      'IP 10.244.1.2.40230 > 10.244.1.3.8080: Flags [P.], seq 1:35, ack 1, win 64240, length 34: HTTP: GET /nothing HTTP/1.1\n',
    );
    expect(line(tcp({ ...back, flags: 24, seq: 0, ack: 135, text: 'HTTP/1.0 404 File not found\r\n\r\n' }))).toContain(
      'seq 1:32, ack 35, win 64240, length 31: HTTP: HTTP/1.0 404 File not found\n',
    );
    expect(line(tcp({ ...back, flags: 24, seq: 31, ack: 135, text: '<!DOCTYPE HTML>' }))).toContain('length 15: HTTP\n');
    expect(line(tcp({ flags: 17, seq: 135, ack: 46 }))).toContain('Flags [F.], seq 35, ack 47');
  });

  it('prints IP header, checksum and the text of a request with -v', () => {
    const text = tcpdumpLines(at(tcp({ flags: 24, seq: 1, ack: 1, text: 'GET / HTTP/1.1\r\nHost: web\r\n\r\n' })), { ...NN, verbosity: 1 }, newTcpdumpState());
    expect(text).toMatch(
      /^22:51:53\.040175 IP \(tos 0x0, ttl 64, id 15140, offset 0, flags \[DF\], proto TCP \(6\), length 69\)\n {4}10\.244\.1\.2\.40230 > 10\.244\.1\.3\.8080: Flags \[P\.\], cksum 0x[0-9a-f]{4} \(correct\), seq 1:30, ack 1, win 64240, length 29: HTTP, length: 29\n\tGET \/ HTTP\/1\.1\n\tHost: web\n\t\n$/,
    );
  });

  it('names well-known ports without -n', () => {
    expect(tcpdumpLines(at(tcp({ flags: 2, dport: 80 })), { ...NN, numeric: false, time: 'none' }, newTcpdumpState())).toContain('10.244.1.3.http: ');
  });

  it('prints ARP as with and without -e and -v', () => {
    const packet = blankPacket();
    packet.etherType = 0x0806;
    packet.ethSrc = mac('ee:72:24:82:82:5b');
    packet.ethDst = mac('ff:ff:ff:ff:ff:ff');
    packet.arp = { operation: 1, senderMac: packet.ethSrc, senderIp: ip4('10.244.1.2'), targetMac: 0, targetIp: ip4('10.244.1.3') };
    const plain = { ...NN, time: 'none' } as const;
    expect(tcpdumpLines(at(packet), plain, newTcpdumpState())).toBe('ARP, Request who-has 10.244.1.3 tell 10.244.1.2, length 28\n');
    expect(tcpdumpLines(at(packet), { ...plain, verbosity: 1 }, newTcpdumpState())).toBe(
      'ARP, Ethernet (len 6), IPv4 (len 4), Request who-has 10.244.1.3 tell 10.244.1.2, length 28\n',
    );
    expect(tcpdumpLines(at(packet), { ...plain, link: true }, newTcpdumpState())).toBe(
      'ee:72:24:82:82:5b > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: Request who-has 10.244.1.3 tell 10.244.1.2, length 28\n',
    );
  });

  it('prints an ICMP error and, with -v, the packet it quotes', () => {
    const inner = blankPacket();
    inner.src = ip4('10.244.1.2');
    inner.dst = ip4('10.244.1.3');
    inner.protocol = 17;
    inner.ttl = 1;
    inner.ipId = 4585;
    inner.sport = 41666;
    inner.dport = 33434;
    inner.payload = { bytes: 32 };
    const packet = blankPacket();
    packet.src = ip4('10.244.1.3');
    packet.dst = ip4('10.244.1.2');
    packet.tos = 0xc0;
    packet.ipId = 25296;
    packet.protocol = 1;
    packet.icmp = { type: 3, code: 3, id: 0, sequence: 0, quoted: inner };
    expect(tcpdumpLines(at(packet), { ...NN, time: 'none' }, newTcpdumpState())).toBe(
      'IP 10.244.1.3 > 10.244.1.2: ICMP 10.244.1.3 udp port 33434 unreachable, length 68\n',
    );
    expect(tcpdumpLines(at(packet), { ...NN, time: 'none', verbosity: 1 }, newTcpdumpState())).toBe(
      'IP (tos 0xc0, ttl 64, id 25296, offset 0, flags [none], proto ICMP (1), length 88)\n    10.244.1.3 > 10.244.1.2: ICMP 10.244.1.3 udp port 33434 unreachable, length 68\n' +
        '\tIP (tos 0x0, ttl 1, id 4585, offset 0, flags [none], proto UDP (17), length 60)\n    10.244.1.2.41666 > 10.244.1.3.33434: UDP, length 32\n',
    );
  });

  it('prints DNS questions and answers', () => {
    const base: DnsMessage = {
      id: 57138,
      response: false,
      authoritative: false,
      truncated: false,
      recursionDesired: true,
      recursionAvailable: false,
      rcode: 'NOERROR',
      question: { name: 'kubernetes.default.svc.cluster.local.', type: 'A' },
      answers: [],
      authorities: [],
      additionals: [],
    };
    const udp = (dns: DnsMessage) => {
      const packet = blankPacket();
      packet.src = ip4('10.244.0.5');
      packet.dst = ip4('10.96.0.10');
      packet.protocol = 17;
      packet.sport = dns.response ? 53 : 40000;
      packet.dport = dns.response ? 40000 : 53;
      packet.payload = { bytes: dnsMessageBytes(dns), dns };
      return packet;
    };
    const line = (dns: DnsMessage, verbosity: number) => tcpdumpLines(at(udp(dns)), { ...NN, time: 'none', verbosity }, newTcpdumpState());
    expect(line(base, 0)).toBe('IP 10.244.0.5.40000 > 10.96.0.10.53: 57138+ A? kubernetes.default.svc.cluster.local. (54)\n');
    const answer: DnsMessage = {
      ...base,
      response: true,
      authoritative: true,
      answers: [{ name: base.question.name, type: 'A', ttlSeconds: 30, data: '10.96.0.1' }],
    };
    expect(line(answer, 0)).toContain(': 57138*- 1/0/0 A 10.96.0.1 (106)\n');
    expect(line(answer, 1)).toContain(': 57138*- 1/0/0 kubernetes.default.svc.cluster.local. A 10.96.0.1 (106)\n');
    expect(line(answer, 2)).toContain(
      ': [udp sum ok] 57138*- q: A? kubernetes.default.svc.cluster.local. 1/0/0 kubernetes.default.svc.cluster.local. A 10.96.0.1 (106)\n',
    );
    const none: DnsMessage = {
      ...answer,
      rcode: 'NXDOMAIN',
      answers: [],
      authorities: [{ name: 'cluster.local.', type: 'SOA', ttlSeconds: 30, data: 'ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30' }],
    };
    expect(line(none, 0)).toContain(': 57138 NXDomain*- 0/1/0 (');
    expect(line(none, 3)).toContain('0/1/0 ns: cluster.local. [30s] SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30 (');
  });

  it('shows VXLAN on 8472 as OTV with the inner frame on its own line, on 4789 as VXLAN', () => {
    const outer = blankPacket();
    outer.src = ip4('192.168.0.11');
    outer.dst = ip4('192.168.0.12');
    outer.protocol = 17;
    outer.sport = 51579;
    outer.dport = 8472;
    outer.vni = 1;
    outer.inner = tcp({ flags: 2, seq: 7 });
    expect(tcpdumpLines(at(outer), { ...NN, time: 'none' }, newTcpdumpState())).toBe(
      'IP 192.168.0.11.51579 > 192.168.0.12.8472: OTV, flags [I] (0x08), overlay 0, instance 1\nIP 10.244.1.2.40230 > 10.244.1.3.8080: Flags [S], seq 7, win 64240, length 0\n',
    );
    outer.dport = 4789;
    expect(tcpdumpLines(at(outer), { ...NN, time: 'none' }, newTcpdumpState())).toContain('192.168.0.12.4789: VXLAN, flags [I] (0x08), vni 1\n');
  });

  it('puts interface and direction before each line of -i any', () => {
    const packet = tcp({ flags: 2 });
    expect(tcpdumpLines(cooked(packet, 'cni0', 'out', 3), NN, newTcpdumpState())).toContain('22:51:53.000000 cni0  Out IP 10.244.1.2');
    expect(tcpdumpLines(cooked(packet, 'flannel.1', 'otherhost', 3), NN, newTcpdumpState())).toContain(' flannel.1 P   IP ');
    expect(tcpdumpLines(cooked(packet, 'cni0', 'out', 3), { ...NN, link: true }, newTcpdumpState())).toContain(
      'cni0  Out ifindex 3 ee:72:24:82:82:5b ethertype IPv4 (0x0800), length 60: 10.244.1.2.40230',
    );
  });
});

const samples = new URL('../../../../shared/facts/samples/', import.meta.url);
const present = existsSync(new URL('vxlan-any.pcap', samples));

describe.skipIf(!present)("the real tcpdump's text for a real capture (skipped where the recordings are absent)", () => {
  it('is printed byte for byte for every frame', () => {
    const pcap = readFileSync(new URL('vxlan-any.pcap', samples));
    const expected = readFileSync(new URL('vxlan-any-nn.txt', samples), 'utf8');
    // The file holds interface numbers, the text their names: the first lines tell which is which.
    const names = new Map<number, string>();
    const heads = [...expected.matchAll(/^\d\d:\d\d:\d\d\.\d{6} (\S+) +(?:In|Out|B|P|M) +/gm)];
    const state = newTcpdumpState();
    let text = '';
    let index = 0;
    let frames = 0;
    for (let offset = 24; offset + 16 <= pcap.length; index += 1) {
      const seconds = pcap.readUInt32LE(offset);
      const micros = pcap.readUInt32LE(offset + 4);
      const length = pcap.readUInt32LE(offset + 8);
      const body = pcap.subarray(offset + 16, offset + 16 + length);
      offset += 16 + length;
      const name = names.get(body.readUInt32BE(4)) ?? heads[index]?.[1] ?? '?';
      names.set(body.readUInt32BE(4), name);
      frames += 1;
      text += tcpdumpLines(
        { timeNs: micros * 1000, bytes: new Uint8Array(body), linkType: LINKTYPE_LINUX_SLL2, device: name },
        { numeric: true, verbosity: 0, link: false, epochMs: seconds * 1000 },
        state,
      );
    }
    expect(frames).toBeGreaterThan(150);
    // Text and file come from two captures of one session: clocks differ by a microsecond here and there, and packets in flight at once may swap.
    const lines = (all: string) =>
      all
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{6} /, ''))
        .sort();
    expect(lines(text)).toEqual(lines(expected));
  });
});
