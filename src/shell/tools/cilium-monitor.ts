/** cilium-dbg monitor: what the BPF programs of this node do with packets, as they do it. Cilium v1.18: pkg/monitor, DumpInfo of trace and drop notifications */
import { hashText } from '../../base/prng.ts';
import { ip4 } from '../../net/addr/ip4.ts';
import { reversedTuple, type Tuple } from '../../net/bpf/bpf-conntrack.ts';
import type { BpfState } from '../../net/bpf/bpf-state.ts';
import type { TraceEvent } from '../../net/trace-event.ts';
import type { Invocation, Outcome, Watch } from '../command.ts';

interface MonitorState {
  readonly types: readonly string[];
  /** Row of the log that is looked at next. */
  next: number;
}

/** Rows that one look takes at most. */
const MAX_ROWS = 100_000;
const NAMES: Readonly<Record<number, string>> = { 0: 'unknown', 1: 'host', 2: 'world', 4: 'health', 6: 'remote-node', 7: 'kube-apiserver' };

export function ciliumMonitor({ argv, out, host }: Invocation): Outcome {
  const types = argv.flatMap((word, i) => (word.startsWith('--type=') ? [word.slice(7)] : argv[i - 1] === '--type' || argv[i - 1] === '-t' ? [word] : []));
  out('Listening for events on 2 CPUs with 64x4096 of shared memory\nPress Ctrl-C to quit\n');
  const state: MonitorState = { types, next: host.engine.traceLength };
  return { kind: 'watch', watch: 'cilium-monitor', state, timeoutSeconds: Number.POSITIVE_INFINITY };
}

export const ciliumMonitorWatch: Watch = {
  look: (state: MonitorState, io) => {
    const { host, place } = io.invocation();
    const end = host.engine.traceLength;
    const from = Math.max(state.next, end - MAX_ROWS);
    state.next = end;
    const bpf = host.engine.bpf(place.hostId);
    if (bpf === undefined) return undefined;
    for (const event of host.engine.events(from, end)) {
      if (event.hostId !== place.hostId) continue;
      const line = lineOf(event, bpf, state.types, io.invocation());
      if (line !== undefined) io.out(`${line}\n`);
    }
    return undefined;
  },
};

/** In the order in which Cilium names them (pkg/monitor/dissect.go); of PSH it says nothing. */
const FLAGS = [
  ['S', 'SYN'],
  ['.', 'ACK'],
  ['R', 'RST'],
  ['F', 'FIN'],
] as const;

interface Flow {
  readonly tuple: Tuple;
  readonly text: string;
  readonly syn: boolean;
}

/** The innermost packet of a row: what the programs look at. */
function flowOf(event: TraceEvent): Flow | undefined {
  const at = event.layers.findLastIndex((layer) => layer.protocol === 'ipv4');
  const ip = event.layers[at];
  const next = event.layers[at + 1];
  if (ip?.protocol !== 'ipv4') return undefined;
  const [src, dst] = [ip4(ip.src), ip4(ip.dst)];
  if (next?.protocol === 'tcp' || next?.protocol === 'udp') {
    const words = next.protocol === 'tcp' ? FLAGS.filter(([letter]) => next.flags.includes(letter)).map(([, name]) => name) : [];
    const tuple = { protocol: next.protocol === 'tcp' ? 6 : 17, src, sport: next.sport, dst, dport: next.dport };
    const text = `${ip.src}:${next.sport} -> ${ip.dst}:${next.dport} ${next.protocol}${words.length === 0 ? '' : ` ${words.join(', ')}`}`;
    return { tuple, text, syn: next.protocol === 'udp' || (words.includes('SYN') && !words.includes('ACK')) };
  }
  if (next?.protocol !== 'icmp') return { tuple: { protocol: 0, src, sport: 0, dst, dport: 0 }, text: `${ip.src} -> ${ip.dst}`, syn: true };
  const [kind, sport, dport] =
    next.type === 8
      ? (['EchoRequest', next.id ?? 0, 0] as const)
      : next.type === 0
        ? (['EchoReply', 0, next.id ?? 0] as const)
        : ([`DestinationUnreachable`, 0, 0] as const);
  return { tuple: { protocol: 1, src, sport, dst, dport }, text: `${ip.src} -> ${ip.dst} icmp ${kind}`, syn: next.type === 8 };
}

function stateOf(flow: Flow, bpf: BpfState, nowNs: number): string {
  const back = reversedTuple(flow.tuple);
  if (bpf.conntrack.find('IN', back, nowNs) ?? bpf.conntrack.find('OUT', back, nowNs)) return 'reply';
  return flow.syn ? 'new' : 'established';
}

function lineOf(event: TraceEvent, bpf: BpfState, types: readonly string[], invocation: Invocation): string | undefined {
  const { step } = event;
  const wants = (type: string): boolean => types.length === 0 || types.includes(type);
  if (step.kind !== 'bpf' && !(step.kind === 'dropped' && step.reason.startsWith('TC_'))) return undefined;
  const flow = flowOf(event);
  if (flow === undefined) return undefined;
  const name = (ip: number): string => {
    const identity = bpf.identityOf(ip);
    return NAMES[identity] ?? String(identity);
  };
  const hash = `0x${hashText(`${flow.tuple.src} ${flow.tuple.sport} ${flow.tuple.dst} ${flow.tuple.dport}`).toString(16)}`;
  const identities = `identity ${name(flow.tuple.src)}->${name(flow.tuple.dst)}`;
  if (step.kind === 'dropped') {
    if (!wants('drop')) return undefined;
    const device = invocation.host.engine.records.find(`${event.netns}/device/${event.device}`);
    const index = device?.kind === 'device' ? device.index : 0;
    return `xx drop (${step.detail.split(': ')[0] ?? ''}) flow ${hash} to endpoint ${bpf.findEndpoint(flow.tuple.dst)?.record.endpointId ?? 0}, ifindex ${index}, ${identities}: ${flow.text}`;
  }
  if (!wants('trace') || step.hook.startsWith('cgroup/')) return undefined;
  const [, device] = /^redirect to (\S+)$/.exec(step.verdict) ?? [];
  const where =
    device !== undefined && bpf.endpointOf(device) !== undefined
      ? ([`endpoint ${bpf.endpointOf(device)?.record.endpointId ?? 0}`, device] as const)
      : device !== undefined
        ? (['host from', device] as const)
        : step.verdict.startsWith('encapsulate')
          ? (['overlay', bpf.config?.record.overlayDevice ?? ''] as const)
          : step.verdict.startsWith('by the')
            ? (['network', bpf.config?.record.card ?? ''] as const)
            : step.verdict.startsWith('to the')
              ? (['stack', '0'] as const)
              : undefined;
  if (where === undefined) return undefined;
  const origin = where[0].startsWith('endpoint') ? flow.text.split(/[: ]/)[0] : '0.0.0.0';
  return `-> ${where[0]} flow ${hash} , ${identities} state ${stateOf(flow, bpf, invocation.host.nowNs)} ifindex ${where[1]} orig-ip ${origin}: ${flow.text}`;
}
