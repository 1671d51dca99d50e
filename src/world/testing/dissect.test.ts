/** The bytes of frames joined to their fields: each byte in one layer and one field, and every field where Wireshark finds it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ip4 } from '../../net/addr/ip4.ts';
import { dissect, fieldAt } from '../../net/wire/dissect/dissect.ts';
import { encodeFrame } from '../../net/wire/encode.ts';
import { layersOf } from '../../net/wire/layers.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../../net/wire/link-type.ts';
import { blankPacket } from '../../net/wire/new-packet.ts';
import { type Layer, type Packet, TUNNEL_GENEVE } from '../../net/wire/packet.ts';
import { writePcapng } from '../../net/wire/pcapng.ts';
import type { SctpChunk } from '../../net/wire/sctp.ts';
import { frameAt } from '../capture.ts';
import { shownLayers } from '../tell.ts';
import type { World } from '../world.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

const there = spawnSync('tshark', ['--version']).status === 0;

interface Frame {
  readonly bytes: Uint8Array;
  readonly layers: readonly Layer[];
}

function framesOf(world: World, lines: readonly string[]): Frame[] {
  for (const line of lines) runLine(world, line);
  const seen = new Set<readonly Layer[]>();
  return world.engine.events(0, world.headSeq).flatMap((event) => {
    // Hops that change nothing show the very same layers.
    if (event.layers.length === 0 || seen.has(event.layers)) return [];
    seen.add(event.layers);
    return [{ bytes: frameAt(world, event.seq) as Uint8Array, layers: shownLayers(event) }];
  });
}

const inClient = (command: string): string => `kubectl exec client -- ${command}`;
const vxlan = framesOf(openArticle(), [
  inClient('curl -s web-service'),
  inClient('ping -c 1 -s 2000 10.244.1.3'),
  inClient('ping -c 1 -t 1 10.244.1.3'),
  inClient('nc -zuvw 1 10.244.1.3 81'),
  inClient('dig +tcp web-service.default.svc.cluster.local'),
  inClient('dig SRV _http._tcp.web-service.default.svc.cluster.local'),
  inClient('curl -skm 1 https://10.96.0.1/'),
]);

const flannel = articleFiles().find((file) => file.path === 'flannel.yaml')?.text ?? '';
const six = openArticle({
  files: [
    {
      path: 'six.yaml',
      text: `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: {ipFamily: ipv6, disableDefaultCNI: true}
nodes: [{role: control-plane}, {role: worker}, {role: worker}]
---
${flannel.replace('"Network": "10.244.0.0/16",', '"EnableIPv4": false, "EnableIPv6": true, "IPv6Network": "fd00:10:244::/56",').replace('"vxlan"', '"wireguard"')}
---
${['kind-worker', 'kind-worker2'].map((node) => `apiVersion: v1\nkind: Pod\nmetadata: {name: on-${node}}\nspec: {nodeName: ${node}, containers: [{name: c, image: nginx}]}\n`).join('---\n')}`,
    },
  ],
});
const address = runLine(six, "kubectl get pod on-kind-worker2 -o jsonpath='{.status.podIP}'").stdout;
const wireguard = framesOf(six, [
  `kubectl exec on-kind-worker -- ping -c 1 -s 2000 ${address}`,
  `kubectl exec on-kind-worker -- curl -s http://[${address}]:81/`,
]);

function made(): Frame[] {
  const base = (fields: Partial<Packet>): Packet =>
    Object.assign(blankPacket(), { ethSrc: 0x020000000001, ethDst: 0x020000000002, src: ip4('10.0.0.1'), dst: ip4('10.0.0.2'), ipId: 1 }, fields);
  const echo = base({ protocol: 1, icmp: { type: 8, code: 0, id: 7, sequence: 1 }, payload: { bytes: 8 }, vlan: 10 });
  const offer = { tag: 7, windowBytes: 1500, outStreams: 10, inStreams: 10, tsn: 1 };
  const data: SctpChunk = { kind: 'DATA', tsn: 1, stream: 0, sequence: 0, protocolId: 0 };
  const sctp = (chunks: readonly SctpChunk[], text = ''): Packet =>
    base({ protocol: 132, sport: 40000, dport: 80, sctp: { tag: 7, chunks }, payload: text === '' ? undefined : { bytes: text.length, text } });
  const packets = [
    sctp([{ kind: 'INIT', offer }]),
    sctp([{ kind: 'INIT ACK', offer, cookie: 'c'.repeat(32) }]),
    sctp([{ kind: 'COOKIE ECHO', cookie: 'c'.repeat(32) }, data], 'hello'),
    sctp([{ kind: 'SACK', tsn: 1, windowBytes: 9 }]),
    sctp([{ kind: 'SHUTDOWN', tsn: 1 }]),
    sctp([{ kind: 'ABORT', reflected: true }]),
    echo,
    base({ protocol: 17, tunnel: TUNNEL_GENEVE, vni: 1, sport: 40000, dport: 6081, inner: echo }),
  ];
  return packets.map((packet) => ({ bytes: encodeFrame(packet), layers: layersOf(packet) }));
}

const frames = [...vxlan, ...wireguard, ...made()];

describe('the bytes of a packet', () => {
  it('belong to fields without gap or overlap, in every frame', () => {
    expect(vxlan.length).toBeGreaterThan(200);
    expect(wireguard.length).toBeGreaterThan(20);
    for (const { bytes, layers } of frames) {
      expect(
        bytes.length >= 20 && layers[0]?.protocol === 'ipv4' ? (bytes[0] ?? 0) >> 4 : 4,
        'a packet that no device has sent yet begins with its IP header',
      ).toBe(4);
      let at = 0;
      for (const layer of dissect(bytes, layers)) {
        expect(layer.start).toBe(at);
        for (const field of layer.fields) {
          if (field.depth === 0 && field.start !== at) throw new Error(`${layer.title}: ${field.label} stands at ${field.start}, not ${at}`);
          if (field.start < layer.start || field.start + field.length > layer.start + layer.length) throw new Error(`${layer.title}: ${field.label}`);
          if (field.label.includes('no layer')) throw new Error(layers.map((one) => one.protocol).join(' '));
          if (field.depth === 0) at += field.length;
        }
      }
      expect(at).toBe(bytes.length);
    }
  });

  it('are meant by the narrowest field over them', () => {
    const syn = vxlan.find(({ layers }) => layers.some((layer) => layer.protocol === 'tcp' && layer.flags === 'S')) as Frame;
    const layers = dissect(syn.bytes, syn.layers);
    const tcp = layers.find((layer) => layer.title === 'TCP')?.start ?? 0;
    expect(fieldAt(layers, tcp + 3)).toMatchObject({ name: 'tcp.dstport', value: '80' });
    expect(fieldAt(layers, tcp + 12)?.name).toBe('tcp.hdr_len');
    expect(fieldAt(layers, tcp + 13)?.name, 'eight flags share this byte').toBe('tcp.flags');
    expect(fieldAt(layers, tcp + 22)).toMatchObject({ name: 'tcp.options.mss_val', value: '1410' });
    expect(fieldAt(layers, 99_999)).toBeUndefined();
  });

  it.skipIf(!there)('stand where tshark finds them (skipped where it is not installed)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kubehop-dissect-'));
    const file = join(folder, 'run.pcapng');
    const raw = (frame: Frame): boolean => frame.layers[0]?.protocol !== 'ethernet';
    const blocks = [LINKTYPE_ETHERNET, LINKTYPE_RAW].map((linkType) => ({ name: String(linkType), linkType }));
    const packets = frames.map((frame, i) => ({ interface: raw(frame) ? 1 : 0, timeNs: i * 1000, bytes: frame.bytes }));
    writeFileSync(file, writePcapng(blocks, packets, 0));
    const each = ['tcp.desegment_tcp_streams:FALSE', 'ip.defragment:FALSE', 'ipv6.defragment:FALSE', 'tcp.relative_sequence_numbers:FALSE'];
    const run = spawnSync('tshark', ['-r', file, ...each.flatMap((one) => ['-o', one]), '-d', 'udp.port==8472,vxlan', '-T', 'pdml'], {
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    });
    rmSync(folder, { recursive: true, force: true });
    const theirs = run.stdout.split('<packet>').slice(1);
    expect(theirs.length).toBe(frames.length);
    const checked = new Set<string>();
    const missed = new Set<string>();
    const wrong: string[] = [];
    for (const [i, { bytes, layers }] of frames.entries()) {
      const known = new Map<string, Set<string>>();
      for (const [, name = '', size, at] of (theirs[i] ?? '').matchAll(/<field name="([^"]*)"[^>]*? size="(\d+)" pos="(\d+)"/g))
        known.set(name, (known.get(name) ?? new Set()).add(`${at}+${size}`));
      for (const layer of dissect(bytes, layers))
        for (const field of layer.fields) {
          if (field.name === '') continue;
          const places = known.get(field.name);
          // What it leaves out (bits without meaning in a question, words of a retransmission) it shows in another frame.
          if (places === undefined) missed.add(field.name);
          else if (places.has(`${field.start}+${field.length}`)) checked.add(field.name);
          else wrong.push(`${i} ${field.name} ${field.start}+${field.length}, not ${[...places].join(' ')}`);
        }
    }
    expect(wrong).toEqual([]);
    expect([...missed].filter((name) => !checked.has(name))).toEqual([]);
    expect(checked.size).toBeGreaterThan(130);
  });
});
