/** tcpdump's files and replay in the article's world. */
import { describe, expect, it } from 'vitest';
import { bytesToBase64 } from '../../net/wire/binary-text.ts';
import { capture } from '../../world/capture.ts';
import { openArticle, runLine } from '../../world/testing/article.ts';
import type { World } from '../../world/world.ts';

const CURL = 'kubectl exec client -- curl -s web-service';

function captured(filter = ''): Uint8Array {
  const world = openArticle();
  const from = world.headSeq;
  runLine(world, CURL);
  const result = capture(world, { interfaces: ['client:eth0'], filter, from, to: world.headSeq });
  if (!result.ok) throw new Error(result.message);
  return result.bytes;
}

const logOf = (world: World) => JSON.stringify(world.engine.events(0, world.headSeq));

describe('tcpdump', () => {
  it('writes a file with -w that -r reads, filters and counts', () => {
    const world = openArticle();
    world.input('main', 'tcpdump -i any -c 6 -w /tmp/x.pcap tcp & sleep 0.1; curl -s 10.97.253.216; wait');
    world.pump(1_000_000);
    expect(runLine(world, 'tcpdump -nn -t -r /tmp/x.pcap').stdout.split('\n')).toHaveLength(7);
    expect(runLine(world, 'tcpdump -nn -t -r /tmp/x.pcap "tcp[tcpflags] & tcp-syn != 0" and outbound | head -1').stdout).toMatch(
      /^flannel\.1 Out IP 10\.244\.0\.0\.\d+ > 10\.244\.1\.[345]\.80: Flags \[S\], seq \d+, /,
    );
    expect(runLine(world, 'cat /tmp/x.pcap | tcpdump --count -r - tcp').stdout).toBe('6 packets\n');
    expect(runLine(world, 'tcpdump -r /tmp/none.pcap').output).toContain('tcpdump: /tmp/none.pcap: No such file or directory\n');
    expect(runLine(world, 'head -c 60 /tmp/x.pcap > /tmp/y.pcap; tcpdump -r /tmp/y.pcap').output).toMatch(
      /pcap_loop: truncated: the packet has \d+ bytes, 20 are there \(at byte 40\)\n/,
    );
  });

  it('lists devices as libpcap orders them', () => {
    expect(runLine(openArticle(), 'kubectl exec client -- tcpdump -D').stdout).toBe(
      '1.eth0 [Up, Running, Connected]\n2.any (Pseudo-device that captures on all interfaces) [Up, Running]\n3.lo [Up, Running, Loopback]\n',
    );
  });

  it('sees checksums that are left to a card on the sender’s side, and finished ones behind a wire', () => {
    const sums = (line: string): string => {
      const world = openArticle();
      world.openSession('second', { host: 'node01' });
      world.command('second', `${line} & true`);
      runLine(world, CURL);
      return world
        .terminalFrom(0)
        .filter((entry) => entry.session === 'second')
        .map((entry) => entry.text)
        .join('');
    };
    const text = sums("tcpdump -i flannel.1 -nn -v -c 2 'tcp[tcpflags] & tcp-syn != 0'");
    expect(text).toMatch(/Flags \[S\], cksum 0x[0-9a-f]{4} \(correct\)/);
    expect(text).toMatch(/Flags \[S\.\], cksum 0x[0-9a-f]{4} \(incorrect -> 0x[0-9a-f]{4}\)/);
  });
});

describe('replay', () => {
  it('lists flows with who has their addresses, and sends them again', () => {
    const world = openArticle();
    expect(world.bring('main', 'x.pcapng', bytesToBase64(captured('udp port 53')))).toBeUndefined();
    const list = runLine(world, 'replay x.pcapng').stdout.split('\n');
    expect(list[1]).toMatch(/^1 +UDP +10\.244\.0\.3:\d+ +client +10\.96\.0\.10:53 +- +2\/166 +2\/312 .*client\.default\/eth0$/);
    const from = world.headSeq;
    const ran = runLine(world, 'replay x.pcapng 1');
    expect(ran.stdout).toMatch(/^2 packets from 10\.244\.0\.3:\d+ \(client\)\n$/);
    const kinds = new Set(world.engine.events(from, world.headSeq).map((event) => event.step.kind));
    for (const kind of ['created', 'translated', 'encapsulated', 'delivered'] as const) expect(kinds).toContain(kind);
  });

  it('is part of the document: the same file and command give the same log', () => {
    const world = openArticle();
    world.bring('main', 'x.pcapng', bytesToBase64(captured('tcp')));
    runLine(world, 'replay x.pcapng 1');
    const again = openArticle(world.document());
    expect(logOf(again)).toBe(logOf(world));
  });

  it('says who is missing and what is broken', () => {
    const world = openArticle();
    const bytes = captured('tcp');
    world.bring('main', 'cut.pcapng', bytesToBase64(bytes.subarray(0, bytes.length - 10)));
    expect(runLine(world, 'replay cut.pcapng')).toMatchObject({
      exitCode: 1,
      output: expect.stringMatching(/replay: cut\.pcapng: truncated: the block has \d+ bytes, \d+ are there \(at byte \d+\)\n/) as string,
    });
    world.bring('main', 'x.pcapng', bytesToBase64(bytes));
    expect(runLine(world, 'replay x.pcapng 7').output).toContain('replay: there is no flow 7; x.pcapng has 1\n');
    expect(runLine(world, 'replay x.pcapng 1 --both').output).toMatch(/replay: nobody here has 10\.97\.253\.216:80: \d packets of it not sent\n/);
    expect(world.bring('main', 'big.pcap', 'A'.repeat(400_000))).toBe('big.pcap is larger than 256 KB');
  });
});
