/** Display filters choose the frames that Wireshark chooses: verdicts of tshark 4.0.17 on the capture of this very run (`kubehop pcap`, UDP port 8472 read as VXLAN, each frame for itself). */
import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../../net/trace-event.ts';
import { openArticle, runLine } from '../../../world/testing/article.ts';
import type { HopView } from '../../../world/views.ts';
import { parseDisplayFilter } from './parse.ts';

/** Filter and how many frames tshark shows. */
const verdicts: readonly (readonly [string, number])[] = [
  ['frame', 269],
  ['tcp', 120],
  ['udp.port == 53', 48],
  ['ip.addr == 10.244.0.3', 216],
  ['ip.src == 10.244.0.0/16', 198],
  ['!(ip.addr == 10.244.0.3)', 53],
  ['ip.addr != 10.244.0.3', 8],
  ['ip.addr !== 10.244.0.3', 224],
  ['ip.src === 10.244.0.3', 80],
  ['any ip.src == 172.30.1.2', 44],
  ['all ip.src == 172.30.1.2', 4],
  ['all ip.ttl >= 63', 170],
  ['ip.src#1 == 172.30.1.2', 44],
  ['ip.src#2 == 10.244.0.3', 40],
  ['vxlan && tcp.flags.syn == 1', 8],
  ['tcp.flags & 0x02', 24],
  ['tcp.flags == 0x12', 12],
  ['tcp.flags & 0x12 == 0x12', 12],
  ['tcp.len > 0', 24],
  ['tcp.len + 20 > 90', 24],
  ['tcp.dstport == tcp.srcport', 0],
  ['ip.src == ip.dst', 0],
  ['tcp.port in {80, 443, 8000..8080}', 120],
  ['tcp.dstport not in {80}', 197],
  ['http.host matches "^WEB"', 12],
  ['http.host matches "^(web|api)-ser.ice$"', 12],
  ['http.host contains "web"', 12],
  ['http.request.method == "GET"', 12],
  ['upper(http.request.method) == "GET"', 12],
  ['lower(http.host) == "web-service"', 12],
  ['len(http.host) == 11', 12],
  ['len(dns.qry.name) > 30', 48],
  ['count(ip.src) == 2', 72],
  ['count(ip.src) > 1 && tcp', 40],
  ['max(tcp.srcport, tcp.dstport) > 50000', 0],
  ['min(ip.ttl) < 63', 54],
  ['string(ip.src) matches r"^10\\.244\\."', 198],
  ['eth.src[0:3] == eth.dst[0:3]', 0],
  ['eth.dst == ff:ff:ff:ff:ff:ff', 32],
  ['eth.dst[-2:] == ff:ff', 32],
  ['tcp contains "GET"', 12],
  ['udp contains "web"', 56],
  ['http', 24],
  ['http.response.code == 200', 12],
  ['http.request', 12],
  ['dns.flags.response == 1 && dns.qry.name matches r"cluster\\.local$"', 24],
  ['icmp.type == 8 || icmp.type == 0', 56],
  ['icmp.seq == 2', 24],
  ['arp.opcode == 1', 32],
  ['not arp and not icmp', 168],
  ['ip.dsfield.dscp == 0', 224],
  ['ip.version == 4 && ip.hdr_len == 20', 224],
  ['ip.len - 40 > 0 && tcp', 120],
  ['frame.protocols contains "vxlan"', 72],
  ['ip.flags.df == 1', 196],
  ['tcp.window_size_value > 0', 120],
  ['tcp.srcport >= 1024 && tcp.srcport <= 65535', 72],
  ['ip.proto in {6, 17}', 184],
  ['eth.dst[0:1] == ff:ff || eth.dst[0-1] == ff:ff', 32],
  ['eth.addr[0:3] == 00:00:00', 0],
  ['tcp.srcport % 2 == 0', 120],
  ['ip.addr == 10.244.0.0/16 and !(udp or arp)', 112],
  ['tcp.flags.syn == 1 and tcp.flags.ack == 0', 12],
  ['tcp.ack_raw == 0', 12],
  ['abs(ip.ttl) == 64', 134],
  ['icmp.ident > 0', 56],
  ['udp.length > 100', 56],
  ['ipv6', 0],
  ['vxlan.vni == 1', 72],
  ['any ip.ttl < 64 and any ip.ttl == 64', 72],
  ['dns.qry.name == "web-service.default.svc.cluster.local"', 48],
  ['frame contains "web-service"', 60],
];

describe('a display filter', () => {
  it('shows as many frames as tshark does', () => {
    const world = openArticle();
    runLine(world, 'kubectl exec client -- curl -s web-service; kubectl exec client -- ping -c 2 10.244.1.3; ping -c 1 172.30.2.2');
    const frames = world.engine.events(0, world.headSeq).filter((event) => event.step.kind === 'received' || event.step.kind === 'transmitted');
    const hopOf = (event: TraceEvent): HopView =>
      ({
        event,
        lengthBytes: 0,
        rules: [],
        label: '',
        title: '',
        summary: '',
        where: '',
        source: '',
        destination: '',
        protocol: '',
        background: false,
      }) as unknown as HopView;
    const hops = frames.map(hopOf);
    const count = (filter: string): number | string => {
      const parsed = parseDisplayFilter(filter);
      return parsed.ok ? hops.filter((hop) => parsed.accepts(hop, { number: 1, stream: 0, startNs: 0 })).length : parsed.error.message;
    };
    expect(hops.length).toBe(verdicts.find(([filter]) => filter === 'frame')?.[1]);
    expect(verdicts.map(([filter]) => [filter, count(filter)])).toEqual(verdicts);
  });
});
