/** Rows of the log as flows, the way Cilium's monitor and Hubble see them: which program saw which packet, between whom, and what became of it. Cilium v1.18: pkg/hubble/parser */

import { ip4 } from '../../net/addr/ip4.ts';
import { reversedTuple, type Tuple } from '../../net/bpf/bpf-conntrack.ts';
import { FIRST_LOCAL_IDENTITY, IDENTITY_WORLD } from '../../net/bpf/bpf-records.ts';
import type { BpfState } from '../../net/bpf/bpf-state.ts';
import { matchesName } from '../../net/bpf/l7-rules.ts';
import type { TraceEvent } from '../../net/trace-event.ts';

/** In the order in which they are named (pkg/hubble/parser/common, TCP flags). */
export const TCP_FLAGS = [
  ['S', 'SYN'],
  ['.', 'ACK'],
  ['R', 'RST'],
  ['F', 'FIN'],
  ['P', 'PSH'],
] as const;

export interface PacketFlow {
  readonly tuple: Tuple;
  readonly src: string;
  readonly dst: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp' | 'icmp' | 'other';
  readonly tcpFlags: readonly string[];
  /** ICMP's type in words. */
  readonly icmp: string;
  readonly syn: boolean;
}

const ICMP_WORDS: Readonly<Record<number, string>> = { 0: 'EchoReply', 3: 'DestinationUnreachable', 5: 'Redirect', 8: 'EchoRequest', 11: 'TimeExceeded' };

/** The innermost packet of a row: what the programs look at. */
export function packetFlow(event: TraceEvent): PacketFlow | undefined {
  const at = event.layers.findLastIndex((layer) => layer.protocol === 'ipv4');
  const ip = event.layers[at];
  const next = event.layers[at + 1];
  if (ip?.protocol !== 'ipv4') return undefined;
  const [src, dst] = [ip4(ip.src), ip4(ip.dst)];
  const ends = { src: ip.src, dst: ip.dst, icmp: '', tcpFlags: [] };
  if (next?.protocol === 'tcp' || next?.protocol === 'udp') {
    const tcpFlags = next.protocol === 'tcp' ? TCP_FLAGS.filter(([letter]) => next.flags.includes(letter)).map(([, name]) => name) : [];
    const tuple = { protocol: next.protocol === 'tcp' ? 6 : 17, src, sport: next.sport, dst, dport: next.dport };
    return { ...ends, tuple, protocol: next.protocol, tcpFlags, syn: next.protocol === 'udp' || (next.flags.includes('S') && !next.flags.includes('.')) };
  }
  if (next?.protocol === 'sctp') {
    const tuple = { protocol: 132, src, sport: next.sport, dst, dport: next.dport };
    return { ...ends, tuple, protocol: 'sctp', syn: next.types[0] === 1 };
  }
  if (next?.protocol !== 'icmp') return { ...ends, tuple: { protocol: 0, src, sport: 0, dst, dport: 0 }, protocol: 'other', syn: true };
  const [sport, dport] = next.type === 8 ? [next.id ?? 0, 0] : next.type === 0 ? [0, next.id ?? 0] : [0, 0];
  return {
    ...ends,
    tuple: { protocol: 1, src, sport, dst, dport },
    protocol: 'icmp',
    icmp: ICMP_WORDS[next.type] ?? `type ${next.type}`,
    syn: next.type === 8,
  };
}

/** An identity that an address has by a name, else its own. */
export function identityOf(bpf: BpfState, ip: number, nowNs: number): number {
  const own = bpf.identityOf(ip);
  if (own !== IDENTITY_WORLD && own < FIRST_LOCAL_IDENTITY) return own;
  const names = bpf.names.namesOf(ip, nowNs);
  if (names.length === 0) return own;
  for (const { entries } of bpf.policies())
    for (const { fqdn, identity } of entries) if (fqdn !== undefined && names.some((name) => matchesName(fqdn, name))) return identity;
  return own;
}

export type FlowKind = 'trace' | 'drop' | 'policy-verdict' | 'l7';

export interface CiliumFlow {
  readonly kind: FlowKind;
  readonly timeNs: number;
  readonly hostId: string;
  readonly packet: PacketFlow;
  readonly reply: boolean;
  /** Of a trace: `to-endpoint` and the like; of a drop the reason; of a verdict what matched; of contents `http-request`. */
  readonly point: string;
  readonly verdict: 'FORWARDED' | 'DROPPED' | 'REDIRECTED';
  readonly direction: 'INGRESS' | 'EGRESS';
  /** What was said, of contents. */
  readonly contents: string;
  /** Device's record id, and its name in the verdict where it goes to one. */
  readonly device: string;
  readonly target: string;
  /** Of a drop: the source file that decided. */
  readonly file: string;
  readonly srcIdentity: number;
  readonly dstIdentity: number;
  /** The row's. */
  readonly seq: number;
}

function pointOf(verdict: string, bpf: BpfState): { readonly point: string; readonly target: string } | undefined {
  const [, device] = /^redirect to (\S+)$/.exec(verdict) ?? [];
  if (device !== undefined) return bpf.endpointOf(device) === undefined ? { point: 'to-stack', target: device } : { point: 'to-endpoint', target: device };
  if (verdict.startsWith('encapsulate')) return { point: 'to-overlay', target: bpf.config?.record.overlayDevice ?? '' };
  if (verdict.startsWith('by the')) return { point: 'to-network', target: bpf.config?.record.card ?? '' };
  return verdict.startsWith('to the') ? { point: 'to-stack', target: '' } : undefined;
}

/** Undefined for rows that are none of Cilium's. */
export function ciliumFlow(event: TraceEvent, bpf: BpfState): CiliumFlow | undefined {
  const { step } = event;
  if (step.kind !== 'bpf' && !(step.kind === 'dropped' && step.reason.startsWith('TC_'))) return undefined;
  if (step.kind === 'bpf' && step.hook.startsWith('cgroup/')) return undefined;
  const packet = packetFlow(event);
  if (packet === undefined) return undefined;
  const { timeNs } = event;
  const back = reversedTuple(packet.tuple);
  const reply = (bpf.conntrack.find('IN', back, timeNs) ?? bpf.conntrack.find('OUT', back, timeNs)) !== undefined;
  const local = bpf.findEndpoint(packet.tuple.dst);
  const base = {
    timeNs,
    hostId: event.hostId,
    packet,
    reply,
    contents: '',
    device: `${event.netns}/device/${event.device}`,
    target: '',
    file: '',
    direction: local !== undefined && !local.isHost ? ('INGRESS' as const) : ('EGRESS' as const),
    srcIdentity: identityOf(bpf, packet.tuple.src, timeNs),
    dstIdentity: identityOf(bpf, packet.tuple.dst, timeNs),
    seq: event.seq,
  };
  if (step.kind === 'dropped') {
    const reason = step.detail.split(': ')[0] ?? '';
    const egress = /: egress /.test(step.detail);
    // Policy is the endpoint's own program's business, wherever it is called from.
    const [, program = ''] = / \((cil_\w+)\)$/.exec(step.detail) ?? [];
    const file =
      reason.startsWith('Policy denied') || program.endsWith('container') ? 'bpf_lxc.c' : program.endsWith('overlay') ? 'bpf_overlay.c' : 'bpf_host.c';
    return { ...base, kind: 'drop', file, point: reason, verdict: 'DROPPED', direction: egress ? 'EGRESS' : base.direction };
  }
  const [, match, way, action] = /^policy-verdict:(\S+) (INGRESS|EGRESS) (ALLOWED|DENIED|REDIRECTED)$/.exec(step.verdict) ?? [];
  if (match !== undefined)
    return {
      ...base,
      kind: 'policy-verdict',
      point: match,
      verdict: action === 'DENIED' ? 'DROPPED' : action === 'REDIRECTED' ? 'REDIRECTED' : 'FORWARDED',
      direction: way === 'EGRESS' ? 'EGRESS' : 'INGRESS',
    };
  const [, l7, what] = /^((?:http|dns)-(?:request|response)) (FORWARDED|DROPPED)$/.exec(step.verdict) ?? [];
  if (l7 !== undefined)
    return { ...base, kind: 'l7', point: l7, verdict: what === 'DROPPED' ? 'DROPPED' : 'FORWARDED', contents: step.detail.split(': ')[0] ?? '' };
  const where = pointOf(step.verdict, bpf);
  return where === undefined ? undefined : { ...base, kind: 'trace', verdict: 'FORWARDED', ...where };
}
