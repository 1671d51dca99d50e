/** cilium-dbg monitor: what the BPF programs of this node do with packets, as they do it. Cilium v1.18: pkg/monitor, DumpInfo of trace, drop and policy verdict notifications */
import { hashText } from '../../base/prng.ts';
import type { BpfState } from '../../net/bpf/bpf-state.ts';
import type { Invocation, Outcome, Watch } from '../command.ts';
import { type CiliumFlow, ciliumFlow, type PacketFlow } from './cilium-flows.ts';

interface MonitorState {
  readonly types: readonly string[];
  /** Endpoint ids; empty: all. */
  readonly related: readonly number[];
  /** Row of the log that is looked at next. */
  next: number;
}

/** Rows that one look takes at most. */
const MAX_ROWS = 100_000;
export const IDENTITY_NAMES: Readonly<Record<number, string>> = {
  0: 'unknown',
  1: 'host',
  2: 'world',
  3: 'unmanaged',
  4: 'health',
  5: 'init',
  6: 'remote-node',
  7: 'kube-apiserver',
  8: 'ingress',
};
const TYPES = ['agent', 'capture', 'debug', 'drop', 'l7', 'policy-verdict', 'recorder', 'trace', 'trace-sock'];

/** Values of an option in both spellings, lists taken apart. */
const values = (argv: readonly string[], names: readonly string[]): string[] =>
  argv
    .flatMap((word, i) => {
      const name = names.find((one) => word.startsWith(`${one}=`));
      return name !== undefined ? [word.slice(name.length + 1)] : names.includes(argv[i - 1] ?? '') ? [word] : [];
    })
    .flatMap((text) => text.split(','));

export function ciliumMonitor({ argv, out, err, host }: Invocation): Outcome {
  const types = values(argv, ['--type', '-t']);
  const unknown = types.find((type) => !TYPES.includes(type));
  if (unknown !== undefined) {
    err(`Error: invalid argument "${unknown}" for "-t, --type" flag: Unknown type (${unknown}). Please use one of the following ones [${TYPES.join(' ')}]\n`);
    return 1;
  }
  out('Listening for events on 2 CPUs with 64x4096 of shared memory\nPress Ctrl-C to quit\n');
  const related = values(argv, ['--related-to', '--to', '--from']).map(Number);
  const state: MonitorState = { types, related, next: host.engine.traceLength };
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
      const flow = ciliumFlow(event, bpf);
      if (flow === undefined || (state.types.length > 0 && !state.types.includes(flow.kind))) continue;
      const [from, to] = [bpf.findEndpoint(flow.packet.tuple.src), bpf.findEndpoint(flow.packet.tuple.dst)].map((one) => one?.record.endpointId ?? 0);
      if (state.related.length > 0 && !state.related.includes(from ?? 0) && !state.related.includes(to ?? 0)) continue;
      io.out(`${lineOf(flow, bpf, io.invocation())}\n`);
    }
    return undefined;
  },
};

/** Of PSH it says nothing. */
function packetText({ src, dst, tuple, protocol, tcpFlags, icmp }: PacketFlow): string {
  if (protocol === 'icmp') return `${src} -> ${dst} icmp ${icmp}`;
  if (protocol === 'other') return `${src} -> ${dst}`;
  const flags = tcpFlags.filter((flag) => flag !== 'PSH');
  return `${src}:${tuple.sport} -> ${dst}:${tuple.dport} ${protocol}${flags.length === 0 ? '' : ` ${flags.join(', ')}`}`;
}

const name = (identity: number): string => IDENTITY_NAMES[identity] ?? String(identity);

function lineOf(flow: CiliumFlow, bpf: BpfState, { host }: Invocation): string {
  const { packet, point, srcIdentity, dstIdentity } = flow;
  const { tuple } = packet;
  const hash = `0x${hashText(`${tuple.src} ${tuple.sport} ${tuple.dst} ${tuple.dport}`).toString(16)}`;
  const identities = `identity ${name(srcIdentity)}->${name(dstIdentity)}`;
  const text = packetText(packet);
  const endpointAt = (ip: number): number => bpf.findEndpoint(ip)?.record.endpointId ?? 0;
  switch (flow.kind) {
    case 'drop': {
      const device = host.engine.records.find(flow.device);
      const index = device?.kind === 'device' ? device.index : 0;
      // The line of the source is that of v1.18's policy check, or of what else has dropped it.
      const line = point.startsWith('Policy denied') ? (flow.direction === 'INGRESS' ? 2068 : 1362) : 1470;
      return `xx drop (${point}) flow ${hash} to endpoint ${flow.direction === 'INGRESS' ? endpointAt(tuple.dst) : 0}, ifindex ${index}, file ${flow.file}:${line}, , ${identities}: ${text}`;
    }
    case 'policy-verdict': {
      const ingress = flow.direction === 'INGRESS';
      const action = flow.verdict === 'DROPPED' ? 'deny' : flow.verdict === 'REDIRECTED' ? 'redirect' : 'allow';
      return `Policy verdict log: flow ${hash} local EP ID ${endpointAt(ingress ? tuple.dst : tuple.src)}, remote ID ${name(ingress ? srcIdentity : dstIdentity)}, proto ${tuple.protocol}, ${ingress ? 'ingress' : 'egress'}, action ${action}, auth: disabled, match ${point}, ${text}`;
    }
    case 'l7':
      return `${flow.verdict === 'DROPPED' ? 'xx' : '->'} ${flow.point.includes('request') ? 'Request' : 'Response'} ${flow.point.split('-')[0]} from ${endpointAt(tuple.src)} to ${endpointAt(tuple.dst)}, ${identities}, verdict ${flow.verdict === 'DROPPED' ? 'Denied' : 'Forwarded'} ${flow.contents}`;
    case 'trace': {
      const endpoint = point === 'to-endpoint';
      const where = endpoint
        ? `endpoint ${bpf.endpointOf(flow.target)?.record.endpointId ?? 0}`
        : point === 'to-stack'
          ? flow.target === ''
            ? 'stack'
            : 'host from'
          : point.slice('to-'.length);
      const state = flow.reply ? 'reply' : packet.syn ? 'new' : 'established';
      return `-> ${where} flow ${hash} , ${identities} state ${state} ifindex ${flow.target === '' ? '0' : flow.target} orig-ip ${endpoint ? packet.src : '0.0.0.0'}: ${text}`;
    }
  }
}
