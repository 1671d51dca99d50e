/** Wireshark's own eyes on our captures: nothing malformed, no expert error, checksums right, and the protocols named. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { capture } from '../capture.ts';
import { openArticle, runLine } from './article.ts';

const there = spawnSync('tshark', ['--version']).status === 0;
const folder = there ? mkdtempSync(join(tmpdir(), 'kubehop-tshark-')) : '';
const CHECKS = [
  '-o',
  'ip.check_checksum:TRUE',
  '-o',
  'tcp.check_checksum:TRUE',
  '-o',
  'udp.check_checksum:TRUE',
  '-o',
  'sctp.checksum:CRC32C',
  '-d',
  'udp.port==8472,vxlan',
];
/** PI_ERROR */
const BAD =
  'sctp.checksum.status == 0 or _ws.malformed or _ws.expert.severity >= 8388608 or ip.checksum.status == 0 or tcp.checksum.status == 0 or udp.checksum.status == 0';

function tshark(file: string, args: readonly string[]): string {
  const run = spawnSync('tshark', ['-r', file, ...CHECKS, ...args], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (run.status !== 0) throw new Error(run.stderr);
  return run.stdout;
}

function written(name: string, lines: readonly string[], interfaces = ['any']): { readonly file: string; readonly packets: number } {
  const world = openArticle();
  const from = world.headSeq;
  for (const line of lines) runLine(world, line);
  const result = capture(world, { interfaces, from, to: world.headSeq });
  if (!result.ok) throw new Error(result.message);
  const file = join(folder, `${name}.pcapng`);
  writeFileSync(file, result.bytes);
  return { file, packets: result.packets };
}

const inClient = (command: string): string => `kubectl exec client -- ${command}`;
const SESSIONS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    'HTTP through a Service',
    [inClient('curl -s web-service')],
    ['vxlan', 'http.request.method == "GET"', 'http.response.code == 200', 'dns.flags.response == 1'],
  ],
  ['DNS that finds nothing', [inClient('nslookup nowhere.example')], ['dns.flags.rcode == 3']],
  ['echo and its errors', [inClient('ping -c 2 10.244.1.3'), inClient('ping -c 1 -t 1 10.244.1.3')], ['icmp.type == 8', 'icmp.type == 0', 'icmp.type == 11']],
  ['traceroute', [inClient('traceroute -n 10.244.1.3')], ['icmp.type == 11', 'icmp.type == 3 and icmp.code == 3']],
  ['fragments', ['ping -c 1 -s 4000 172.30.2.2', inClient('ping -c 1 -s 3000 10.244.1.3')], ['ip.flags.mf == 1', 'ip.reassembled.length > 0']],
  ['TLS to the wrong port', [inClient('curl -sk https://web-service:80/')], ['tcp.len == 517']],
  [
    'SCTP',
    [
      'kubectl run s --image registry.k8s.io/e2e-test-images/agnhost:2.53 --env SERVE_SCTP_PORT_80=foo -- porter',
      'kubectl run c --image registry.k8s.io/e2e-test-images/agnhost:2.53 -- pause',
      'kubectl wait --for=condition=Ready pod/s pod/c',
      "kubectl exec c -- agnhost connect $(kubectl get pod s -o jsonpath='{.status.podIP}'):80 --protocol sctp --timeout 2s",
    ],
    ['sctp.chunk_type == 1', 'sctp.chunk_type == 0', 'sctp.chunk_type == 14'],
  ],
  ['a closed port', [inClient('nc -zvw 1 10.244.1.3 81'), inClient('nc -zuvw 1 10.244.1.3 81')], ['tcp.flags.reset == 1', 'icmp.type == 3']],
];

describe.skipIf(!there)('tshark on our captures (skipped where it is not installed)', () => {
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(SESSIONS)('finds no fault with %s', (name, lines, decoded) => {
    const { file, packets } = written(name.replaceAll(' ', '-'), lines);
    expect(packets).toBeGreaterThan(4);
    expect(tshark(file, ['-Y', BAD])).toBe('');
    for (const filter of decoded) expect(tshark(file, ['-Y', filter]), filter).not.toBe('');
  });

  it('reads interfaces, directions, nanoseconds and reasons', () => {
    const { file } = written('facts', [inClient('curl -s web-service')]);
    const rows = tshark(file, [
      '-T',
      'fields',
      '-e',
      'frame.interface_name',
      '-e',
      'frame.packet_flags_direction',
      '-e',
      'frame.time_epoch',
      '-e',
      'frame.comment',
    ])
      .trimEnd()
      .split('\n')
      .map((row) => row.split('\t'));
    const names = new Set(rows.map(([name]) => name));
    for (const name of ['client.default/eth0', 'controlplane/flannel.1', 'node01/eth0', 'node01/cni0']) expect(names).toContain(name);
    expect(names).toContain('node01/flannel.1');
    expect(rows.every(([, direction]) => direction === '0x00000001' || direction === '0x00000002')).toBe(true);
    expect(rows.some(([, , time]) => /\.\d{6}(?!000)\d{3}$/.test(time ?? ''))).toBe(true);
    expect(rows.every(([, , , comment]) => (comment ?? '') !== '')).toBe(true);
    expect(rows.some(([, , , comment]) => /DNAT/.test(comment ?? ''))).toBe(true);
    const times = rows.map(([, , time]) => Number(time));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it('names the server of a ClientHello', () => {
    const { file } = written('tls', [inClient('curl -sk https://web-service:80/')], ['client:eth0']);
    expect(tshark(file, ['-d', 'tcp.port==80,tls', '-Y', 'tls.handshake.type == 1', '-T', 'fields', '-e', 'tls.handshake.extensions_server_name'])).toBe(
      'web-service\n',
    );
    expect(
      tshark(file, ['-d', 'tcp.port==80,tls', '-Y', 'tls.handshake.type == 1', '-T', 'fields', '-e', 'tls.handshake.ciphersuite']).split(','),
    ).toHaveLength(31);
  });
});
