/** Who has begun a connection with whom, and was answered or arrived, as the log tells. */
import { formatIp, isIp6, parseIp } from '../../net/addr/ip.ts';
import type { TraceEvent } from '../../net/trace-event.ts';
import type { Layer } from '../../net/wire/packet.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { World } from '../world.ts';

export interface SeenFlow {
  /** Netns id of a pod, or an address of nobody that has a pod's netns. */
  readonly from: string;
  readonly to: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  /** Where it arrived: the pod's own port, behind any Service. */
  readonly port: number;
  /** First packets of that kind. */
  readonly count: number;
  readonly lastSeq: number;
}

/** The last so many events are looked at, so many at a time. */
export const MAX_EVENTS = 400_000;
const SLICE = 20_000;
const MAX_FLOWS = 5_000;
const MAX_ASKED = 50_000;

interface PodLike extends KubeObject {
  readonly status?: { readonly podIPs?: readonly { readonly ip?: string }[] };
}

interface Segment {
  readonly src: string;
  readonly dst: string;
  readonly protocol: SeenFlow['protocol'];
  readonly sport: number;
  readonly dport: number;
  /** Of TCP: it asks for a connection, it grants one; of the others every packet may be the first. */
  readonly role: 'first' | 'answer' | 'later' | 'any';
}

type Ip = Extract<Layer, { readonly protocol: 'ipv4' | 'ipv6' }>;
const isIp = (layer: Layer): layer is Ip => layer.protocol === 'ipv4' || layer.protocol === 'ipv6';

/** The only packet of a row that is carried by nothing else: what a pod sends or gets. */
function segmentOf({ layers }: TraceEvent): Segment | undefined {
  const at = layers.findIndex(isIp);
  const ip = layers[at];
  const next = layers[at + 1];
  if (ip === undefined || !isIp(ip) || next === undefined) return undefined;
  if (next.protocol === 'tcp') {
    const role = next.flags.includes('S') ? (next.flags.includes('.') ? 'answer' : 'first') : 'later';
    return { src: ip.src, dst: ip.dst, protocol: 'TCP', sport: next.sport, dport: next.dport, role };
  }
  if (next.protocol === 'udp') return { src: ip.src, dst: ip.dst, protocol: 'UDP', sport: next.sport, dport: next.dport, role: 'any' };
  return undefined;
}

/** Flows in the order of their first packet. An end outside is known by its address; a pod that is gone is nobody. */
export function seenFlows(world: Pick<World, 'engine' | 'topology' | 'headSeq' | 'api'>): readonly SeenFlow[] {
  const topology = world.topology();
  const { netnses } = topology;
  const pods = new Set(netnses.filter((one) => one.type === 'pod').map((one) => one.id));
  const podAt = new Map<string, string>();
  for (const one of netnses) {
    if (one.type !== 'pod') continue;
    const more = one.objectKey === undefined ? [] : (world.api.view.find<PodLike>(one.objectKey)?.status?.podIPs ?? []).map(({ ip }) => ip);
    for (const ip of [one.ip, ...more]) if (ip !== undefined && ip !== '') podAt.set(ip, one.id);
  }
  const services = new Set(topology.services.map((one) => one.clusterIp));
  const flows = new Map<string, SeenFlow>();
  const asked = new Set<string>();
  const add = (from: string, to: string, { protocol }: Segment, port: number, seq: number): void => {
    const key = `${from} ${to} ${protocol} ${port}`;
    const known = flows.get(key);
    if (known !== undefined) flows.set(key, { ...known, count: known.count + 1, lastSeq: seq });
    else if (flows.size < MAX_FLOWS) flows.set(key, { from, to, protocol, port, count: 1, lastSeq: seq });
  };
  for (let at = Math.max(0, world.headSeq - MAX_EVENTS); at < world.headSeq; at += SLICE) {
    for (const event of world.engine.events(at, Math.min(world.headSeq, at + SLICE))) {
      const { kind } = event.step;
      if ((kind !== 'created' && kind !== 'delivered') || !pods.has(event.netns)) continue;
      const segment = segmentOf(event);
      if (segment === undefined || segment.src === segment.dst || segment.role === 'later') continue;
      const { src, dst, protocol, sport, dport, role } = segment;
      if (kind === 'created') {
        if (role !== 'answer' && asked.size < MAX_ASKED) asked.add(`${event.netns} ${protocol} ${src}:${sport} ${dst}:${dport}`);
        continue;
      }
      const isReply = asked.has(`${event.netns} ${protocol} ${dst}:${dport} ${src}:${sport}`);
      if (!isReply && role !== 'answer') add(podAt.get(src) ?? src, event.netns, segment, dport, event.seq);
      // Of what answers from outside nothing else is seen than its answer; a Service's is its pod's.
      else if (isReply && !podAt.has(src) && !services.has(src)) add(event.netns, src, segment, sport, event.seq);
    }
  }
  return [...flows.values()];
}

/** `198.51.100.7/32` */
export function hostRange(text: string): string {
  const ip = parseIp(text);
  return ip === undefined ? text : `${formatIp(ip)}/${isIp6(ip) ? 128 : 32}`;
}
