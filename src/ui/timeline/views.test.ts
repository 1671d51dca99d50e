/** The timeline's other views of a run, on hops of the real engine: conversations through NAT, what was said, who sent what to whom, and Wireshark's filters. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';
import { conversationsOf } from './conversations.ts';
import { completeFilter } from './display-filter/complete.ts';
import { parseDisplayFilter } from './display-filter/parse.ts';
import { filterHops, readFilter } from './filter.ts';
import { packetNumbers } from './format.ts';
import { mermaidSequence, sequenceOf } from './sequence.ts';
import { followStream } from './stream.ts';

const world = openArticle();
const firstSeq = world.headSeq;
runLine(world, 'kubectl exec client -- curl -s web-service');
const hops = world.hops(firstSeq, world.headSeq);
const topology = world.topology();
const numbers = packetNumbers(hops);
const shown = (text: string) => filterHops(hops, { text, background: true }, numbers).map((index) => hops[index]);
const titles = new Map(topology.netnses.map((netns) => [netns.id, netns.title]));

describe('conversations', () => {
  const conversations = conversationsOf(hops);
  it("are one name question (A and AAAA leave from one socket) and one connection, though a Service's address stands in only half of their packets", () => {
    expect(conversations.map((one) => [one.protocol, titles.get(one.clientNetns), one.addressed])).toEqual([
      ['UDP', 'client', '10.96.0.10:53'],
      ['TCP', 'client', '10.97.253.216:80'],
    ]);
  });
  it('know who answered behind the Service, and count each packet once', () => {
    const tcp = conversations[1];
    expect(titles.get(tcp?.serverNetns ?? '')).toMatch(/^web-/);
    expect(tcp?.server).toMatch(/^10\.244\.1\.\d:80$/);
    const all = conversations.flatMap((one) => one.packets);
    expect(new Set(all).size).toBe(all.length);
    expect(all.length).toBe(new Set(shown('tcp || udp').map((hop) => hop?.event.packetId)).size);
  });
  it('hold the words of both sides in order', () => {
    const tcp = conversations[1];
    if (tcp === undefined) throw new Error('no TCP conversation');
    const { pieces } = followStream(hops, tcp);
    expect(pieces.map((piece) => [piece.from, piece.text.split('\r\n')[0]])).toEqual([
      ['client', 'GET / HTTP/1.1'],
      ['server', 'HTTP/1.1 200 OK'],
    ]);
    expect(pieces[1]?.text).toContain('Hello from web-');
  });
});

describe('the sequence diagram', () => {
  it('goes from pod to node to node to pod and back, without the switch between the nodes', () => {
    const tcp = conversationsOf(hops)[1];
    const sequence = sequenceOf(hops, topology, new Set(tcp?.packets));
    expect(sequence.lifelines.map((one) => [one.title.replace(/^web-.*/, 'web'), one.type])).toEqual([
      ['client', 'pod'],
      ['controlplane', 'host'],
      ['node01', 'host'],
      ['web', 'pod'],
    ]);
    expect(sequence.arrows.slice(0, 4).map((arrow) => [arrow.from, arrow.to, arrow.label])).toEqual([
      [0, 1, 'SYN :80'],
      [1, 2, 'SYN :80'],
      [2, 3, 'SYN :80'],
      [3, 2, 'SYN-ACK'],
    ]);
    expect(mermaidSequence(sequence)).toMatch(/^sequenceDiagram\n {2}participant n0 as client\n[\s\S]*\n {2}n0->>n1: SYN :80\n/);
  });
});

describe('display filters', () => {
  const packets = (text: string) => new Set(shown(text).map((hop) => hop?.event.packetId)).size;
  it('compare ports, addresses and networks; a field with two values is met by either', () => {
    const web = shown('tcp.port == 80 && ip.dst == 10.97.253.216');
    expect(web.length).toBeGreaterThan(3);
    expect(web.every((hop) => hop?.event.layers.some((layer) => layer.protocol === 'ipv4' && layer.dst === '10.97.253.216'))).toBe(true);
    expect(shown('ip.addr == 10.244.0.0/16 and not ip.addr == 172.30.0.0/16 and tcp').every((hop) => hop?.protocol !== 'VXLAN')).toBe(true);
    expect(packets('tcp.flags.syn == 1')).toBe(2);
    expect(packets('tcp.flags.syn == 1 && tcp.flags.ack == 0')).toBe(1);
    expect(packets('udp.dstport in {53, 8472}')).toBeGreaterThan(2);
    expect(packets('tcp.stream == 1')).toBe(conversationsOf(hops)[1]?.packets.length);
  });
  it('see the packet inside a tunnel as well as the one outside', () => {
    expect(shown('vxlan.vni == 1 && tcp.dstport == 80').length).toBeGreaterThan(0);
    expect(shown('vxlan && !(udp.port == 8472)')).toEqual([]);
  });
  it('treat != as "no value equals", as Wireshark 4 does, and !== as "some value differs"', () => {
    const all = shown('tcp').length;
    expect(shown('tcp.port != 80')).toEqual([]);
    expect(shown('tcp.port !== 80').length).toBe(all);
  });
  it('read text of DNS and HTTP, and what only Kubehop knows: the rule, the step, the mark', () => {
    expect(packets('dns.qry.name contains "web-service"')).toBe(4);
    expect(packets('http.request.method == GET')).toBe(1);
    expect(packets('http.response.code >= 200 && http.response.code < 300')).toBe(1);
    expect(shown('hop.rule contains KUBE-SEP').every((hop) => hop?.rules.some((rule) => `${rule.chain} ${rule.text}`.includes('KUBE-SEP')))).toBe(true);
    expect(shown('hop.step == encapsulated').length).toBeGreaterThan(0);
  });
  it('bind && closer than ||', () => {
    expect(shown('http || tcp && tcp.port == 1').length).toBe(shown('http').length);
    expect(shown('(http || tcp) && tcp.port == 1')).toEqual([]);
  });
  it('say what is wrong and where, and meanwhile hide nothing', () => {
    const error = (text: string) => {
      const parsed = parseDisplayFilter(text);
      return parsed.ok ? 'ok' : `${parsed.error.message} @${parsed.error.at}+${parsed.error.length}`;
    };
    expect(error('tcp.prt == 80')).toBe('"tcp.prt" is neither a field nor a protocol. Did you mean tcp.port? @0+7');
    expect(error('ip.dest == 10.244.0.9')).toMatch(/Did you mean ip\.dst\?/);
    expect(error('quite.other == 1')).toBe('"quite.other" is neither a field nor a protocol. @0+11');
    expect(error('ip.src == 10.244.0.999')).toBe('"10.244.0.999" is not an address or a network. @10+12');
    expect(error('tcp.port == ')).toBe('"tcp.port" is compared with nothing. @12+0');
    expect(error('(tcp')).toBe('A closing parenthesis is missing. @4+0');
    expect(error('tcp == 1')).toBe('"tcp" is a protocol: it has no value to compare. @4+2');
    expect(error('tcp.port in {80')).toBe('The set is not closed by }. @15+0');
    expect(error('http.host matches "(web"')).toBe('The expression has an error: missing closing ): `(?i)(web`. @18+6');
    expect(error('uper(http.host) == "A"')).toMatch(/There is no function "uper": len, count/);
    expect(error('lower(tcp.port) == "a"')).toBe('"lower" needs text, and "tcp.port" is none. @6+8');
    expect(error('tcp.port[0:1] == 00')).toMatch(/has no bytes to pick/);
    expect(error('ip.src == tcp.port')).toBe('"ip.src" and "tcp.port" cannot be compared. @7+2');
    expect(error('ip.src#0 == 1.2.3.4')).toMatch(/number of a layer/);
    expect(error(`${'('.repeat(60)}tcp`)).toMatch(/^Parentheses may be 50 deep/);
    expect(shown('tcp.prt == 80').length).toBe(hops.length);
  });
  it('leave plain words what they were', () => {
    expect(readFilter('web-service').kind).toBe('words');
    expect(readFilter('dns proto:udp').kind).toBe('words');
    expect(readFilter('dns').kind).toBe('display');
    expect(readFilter('tcp.port').kind).toBe('display');
    expect(readFilter('sctp.assoc_index == 0').kind).toBe('display');
  });
  it('complete fields where a field may stand', () => {
    const names = (text: string) => completeFilter(text, text.length)?.items.map((item) => item.name) ?? [];
    expect(names('tcp.fl')).toEqual(['tcp.flags.syn', 'tcp.flags.ack', 'tcp.flags.fin', 'tcp.flags.reset', 'tcp.flags.push', 'tcp.flags']);
    expect(names('dns && ip.')).toContain('ip.addr');
    expect(names('tcp.port == tc')).toEqual([]);
    expect(names('web-service')).toEqual([]);
    expect(names('htt')).toContain('http');
  });
  it('complete what a field is compared by, and its values as this run has them, the most frequent first', () => {
    const run = { hops, contextOf: () => ({ number: 1, stream: undefined, startNs: 0 }) };
    const names = (text: string) => completeFilter(text, text.length, run)?.items.map((item) => item.name) ?? [];
    expect(names('tcp.port ')).toEqual(['==', '!=', 'in', '>=', '<=']);
    expect(names('http.host c')).toEqual(['contains']);
    expect(names('tcp && tcp.dstport == ')).toContain('80');
    expect(names('tcp.dstport in {8')).toEqual(['80']);
    expect(names('hop.step == "tr')).toContain('"translated"');
    const [first] = completeFilter('ip.dst == ', 10, run)?.items ?? [];
    expect(first?.help).toMatch(/^\d+ times in this run$/);
    expect(names('web service ')).toEqual([]);
  });
});
