/** The real tcpdump's text for our bytes, line by line. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LINKTYPE_ETHERNET } from '../link-type.ts';
import { pcapHeader, pcapRecord } from '../pcap.ts';
import { parseFilter } from '../tcpdump-filter.ts';
import { matchesFilter } from '../tcpdump-match.ts';
import { corpus, corpusFile } from '../testing/corpus.ts';
import { newTcpdumpState, tcpdumpLines } from './lines.ts';
import type { TcpdumpOptions } from './view.ts';

const version = spawnSync('tcpdump', ['--version'], { encoding: 'utf8' });
const there = /tcpdump version 4\.99/.test(`${version.stdout}${version.stderr}`);
const EPOCH_MS = 1_775_293_200_000;
const folder = there ? mkdtempSync(join(tmpdir(), 'kubehop-tcpdump-')) : '';
const frames = corpus(40);
const SNAPS = [262_144, 96, 60, 40];

function fileOf(snapBytes: number): string {
  const path = join(folder, `${snapBytes}.pcap`);
  writeFileSync(
    path,
    corpusFile(frames, pcapHeader(LINKTYPE_ETHERNET, snapBytes), (bytes, wireBytes, timeNs) => pcapRecord(bytes, wireBytes, timeNs, EPOCH_MS), snapBytes),
  );
  return path;
}

const real = (args: readonly string[]): string => {
  const run = spawnSync('tcpdump', args, { encoding: 'latin1', env: { ...process.env, TZ: 'UTC' }, maxBuffer: 64 * 1024 * 1024 });
  return run.stdout;
};

describe.skipIf(!there)('the lines of tcpdump 4.99 for many frames (skipped where it is not installed)', () => {
  const files = new Map(there ? SNAPS.map((snap) => [snap, fileOf(snap)]) : []);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const cases: readonly (readonly [string, Partial<TcpdumpOptions>])[] = [
    ['-nn', {}],
    ['-nn -e', { link: true }],
    ['-nn -v', { verbosity: 1 }],
    ['-nn -vv -e', { verbosity: 2, link: true }],
    ['-nn -q', { quiet: true }],
    ['-nn -S -tt', { absoluteSequence: true, time: 'epoch' }],
    ['-nn -x -ttt', { dump: 'hex', time: 'delta' }],
    ['-nn -XX -tttt', { dump: 'text-link', time: 'date' }],
    ['-nn -A -ttttt', { dump: 'ascii', time: 'since-first' }],
    ['-nn -K -v -#', { noChecksums: true, verbosity: 1, numbers: true }],
  ];
  // How far tcpdump got in a header that is cut is written down in its line and not worth rebuilding with -v and in dumps.
  const snaps = (options: Partial<TcpdumpOptions>) => ((options.verbosity ?? 0) > 0 || options.dump !== undefined ? SNAPS.slice(0, 1) : SNAPS);
  it.each(cases.flatMap(([flags, options]) => snaps(options).map((snap) => [flags, snap, options] as const)))(
    'tcpdump %s, snapshot length %i',
    (flags, snap, options) => {
      const state = newTcpdumpState();
      const print: TcpdumpOptions = { numeric: true, verbosity: 0, link: false, epochMs: EPOCH_MS, ...options };
      let ours = '';
      frames.forEach((frame, i) => {
        ours += tcpdumpLines({ timeNs: i * 1e6, bytes: frame.subarray(0, snap), wireBytes: frame.length, linkType: LINKTYPE_ETHERNET }, print, state);
      });
      const theirs = real(['-r', files.get(snap) ?? '', ...flags.split(' ')]);
      expect(theirs).not.toBe('');
      expect(ours.split('\n')).toEqual(theirs.split('\n'));
    },
  );

  it.each([
    'tcp',
    'udp or icmp',
    'ip6',
    'ip6 and tcp',
    'icmp6',
    'icmp6[icmp6type] = icmp6-neighborsolicit',
    'arp',
    'port 53',
    'tcp port 80 and src host 10.244.0.3',
    'tcp[tcpflags] & (tcp-syn|tcp-fin) != 0',
    'ip[8] < 5',
    'ip[6:2] & 0x1fff != 0',
    'not (len > 100 or less 60)',
    'ether[0] & 1 = 0 and ip',
    'ether src 0a:58:0a:f4:00:03',
    'vlan',
    'vlan 10 and tcp',
    'vlan and vlan and ip',
    'geneve',
    'geneve 7 and host 10.244.0.3',
    'udp port 8472 and ip[2:2] > 100',
    'net 10.0.0.0/8',
    'portrange 0-30000',
    'udp[8:4] & 0xff000000 = 0x08000000',
    'ip proto 4 or ip proto 132',
    'not ip[500] = 1',
    'multicast or broadcast',
    'ip6 multicast',
    'icmp[icmptype] = icmp-unreach or icmp[0] = 11',
    'tcp src portrange 1-1024 or udp dst portrange 1-1024',
    'ip[0] & 0xf = 5 and (ip[8] + 1) * 2 > 300',
  ])('passes the same frames: %s', (text) => {
    const parsed = parseFilter(text, { linkType: LINKTYPE_ETHERNET, live: false });
    if (!parsed.ok) throw new Error(parsed.message);
    const ours = frames.flatMap((bytes, i) =>
      matchesFilter(parsed.filter, { bytes, wireBytes: bytes.length, linkType: LINKTYPE_ETHERNET })
        ? [String(1_775_293_200 + Math.floor(i / 1000)) + (i % 1000)]
        : [],
    );
    const theirs = real(['-r', files.get(262_144) ?? '', '-nn', '-q', '-tt', text])
      .split('\n')
      .flatMap((line) => {
        const stamp = /^(\d{10})\.(\d{3})000 /.exec(line);
        return stamp === null ? [] : [`${stamp[1]}${Number(stamp[2])}`];
      });
    expect(ours).toEqual(theirs);
  });
});
