/** hubble: flows of this node, or from outside a pod of all nodes (Hubble Relay), as Cilium's programs have seen them. Cilium v1.18: hubble/cmd/observe, hubble/pkg/printer */

import { formatRfc3339 } from '../../base/time.ts';
import { ciliumSettings } from '../../kube/cni/cilium-config.ts';
import { endpointNumbers } from '../../kube/cni/cilium-identity.ts';
import { hasSandbox } from '../../kube/pod/running.ts';
import type { Pod } from '../../kube/pod/types.ts';
import { namespaceOf } from '../../kube/pod/types.ts';
import { calendarTime, formatClock, MONTHS } from '../../net/wire/calendar.ts';
import { defineCommand, type Invocation, type Outcome, type Watch } from '../command.ts';
import { renderTabs } from '../kubectl/describe/writer.ts';
import { type CiliumFlow, ciliumFlow } from './cilium-flows.ts';
import { labelsOf } from './cilium-maps.ts';
import { IDENTITY_NAMES } from './cilium-monitor.ts';
import { identityLabels } from './cilium-policy.ts';

/** What a node's buffer keeps (hubble-event-buffer-capacity). */
const CAPACITY = 4095;
const DEFAULT_LAST = 20;
/** Rows that are looked at in one step, from the end backwards. */
const CHUNK = 4000;
const MAX_ROWS = 400_000;

interface Filter {
  readonly verdicts: readonly string[];
  readonly types: readonly string[];
  readonly pods: readonly string[];
  readonly fromPods: readonly string[];
  readonly toPods: readonly string[];
  readonly namespaces: readonly string[];
  readonly fromNamespaces: readonly string[];
  readonly toNamespaces: readonly string[];
  readonly ips: readonly string[];
  readonly fromIps: readonly string[];
  readonly toIps: readonly string[];
  readonly protocols: readonly string[];
  readonly ports: readonly number[];
  readonly fromPorts: readonly number[];
  readonly toPorts: readonly number[];
  readonly identities: readonly string[];
  readonly nodes: readonly string[];
  readonly directions: readonly string[];
}

type Output = 'compact' | 'jsonpb' | 'json' | 'dict' | 'tab';

interface HubbleState {
  readonly filter: Filter;
  readonly output: Output;
  readonly nodeName: boolean;
  /** Hosts whose flows are wanted; empty: all. */
  readonly host: string;
  next: number;
}

const LISTS: Readonly<Record<string, keyof Filter>> = {
  '--verdict': 'verdicts',
  '--type': 'types',
  '-t': 'types',
  '--pod': 'pods',
  '--from-pod': 'fromPods',
  '--to-pod': 'toPods',
  '--namespace': 'namespaces',
  '-n': 'namespaces',
  '--from-namespace': 'fromNamespaces',
  '--to-namespace': 'toNamespaces',
  '--ip': 'ips',
  '--from-ip': 'fromIps',
  '--to-ip': 'toIps',
  '--protocol': 'protocols',
  '--port': 'ports',
  '--from-port': 'fromPorts',
  '--to-port': 'toPorts',
  '--identity': 'identities',
  '--node-name': 'nodes',
  '--traffic-direction': 'directions',
};
const NUMBERS: readonly string[] = ['ports', 'fromPorts', 'toPorts'];
const VERDICTS = ['FORWARDED', 'DROPPED', 'AUDIT', 'REDIRECTED', 'ERROR', 'TRACED', 'TRANSLATED'];

interface Request {
  readonly filter: Filter;
  readonly output: Output;
  readonly nodeName: boolean;
  readonly follow: boolean;
  readonly last: number;
}

function parse(argv: readonly string[]): Request | string {
  const lists: Record<string, (string | number)[]> = Object.fromEntries(Object.values(LISTS).map((name) => [name, []]));
  let [output, nodeName, follow, last]: [Output, boolean, boolean, number] = ['compact', false, false, -1];
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const flag = equals < 0 ? word : word.slice(0, equals);
    const value = (): string => {
      if (equals >= 0) return word.slice(equals + 1);
      i += 1;
      return argv[i] ?? '';
    };
    const list = Object.hasOwn(LISTS, flag) ? LISTS[flag] : undefined;
    if (list !== undefined) {
      for (const one of value().split(',')) {
        if (list === 'verdicts' && !VERDICTS.includes(one.toUpperCase())) return `invalid argument "${one}" for "--verdict" flag: ${one}`;
        if (NUMBERS.includes(list) && !/^\d+$/.test(one)) return `invalid port: ${one}`;
        lists[list]?.push(NUMBERS.includes(list) ? Number(one) : one);
      }
    } else if (flag === '-f' || flag === '--follow') follow = true;
    else if (flag === '--print-node-name') nodeName = true;
    else if (flag === '--last') {
      last = Number(value());
      if (!Number.isInteger(last) || last < 0) return 'invalid argument for "--last" flag';
    } else if (flag === '--all') last = CAPACITY;
    else if (flag === '-o' || flag === '--output') {
      const format = value();
      if (format === 'table') output = 'tab';
      else if (['compact', 'jsonpb', 'json', 'dict', 'tab'].includes(format)) output = format as Output;
      else return `invalid output format: ${format}`;
    } else if (flag === '-P' || flag === '--port-forward' || flag === '--color' || flag === '--numeric' || flag === '--ip-translation') {
      if (flag === '--color') value();
    } else return word.startsWith('-') ? `unknown flag: ${flag}` : `unknown command "${word}" for "hubble observe"`;
  }
  return { filter: lists as unknown as Filter, output, nodeName, follow, last: last < 0 ? (follow ? 0 : DEFAULT_LAST) : Math.min(last, CAPACITY) };
}

// ---- who is who

type Faces = ReadonlyMap<string, Pod>;

const facesOf = ({ host }: Invocation): Faces =>
  new Map(host.api.view.list<Pod>('Pod').flatMap((pod) => (hasSandbox(pod) ? [[pod.status?.podIP ?? '', pod] as const] : [])));

const fullName = (pod: Pod): string => `${namespaceOf(pod)}/${pod.metadata.name}`;

/** `default/web` is a prefix of a pod's name in a namespace, `web` one in default, `default/` the whole namespace. */
function isPod(pod: Pod | undefined, wanted: string): boolean {
  if (pod === undefined) return false;
  const [namespace, prefix] = wanted.includes('/') ? [wanted.slice(0, wanted.indexOf('/')), wanted.slice(wanted.indexOf('/') + 1)] : ['default', wanted];
  return (namespace === '' || namespaceOf(pod) === namespace) && pod.metadata.name.startsWith(prefix);
}

function matches(flow: CiliumFlow, filter: Filter, faces: Faces): boolean {
  const { packet } = flow;
  const { tuple } = packet;
  const [src, dst] = [faces.get(packet.src), faces.get(packet.dst)];
  const some = <T>(list: readonly T[], test: (one: T) => boolean): boolean => list.length === 0 || list.some(test);
  const inNamespace = (pod: Pod | undefined, namespace: string): boolean => pod !== undefined && namespaceOf(pod) === namespace;
  const isIdentity = (identity: number, wanted: string): boolean => String(identity) === wanted || IDENTITY_NAMES[identity] === wanted.replace('reserved:', '');
  const protocol = (wanted: string): boolean => {
    const name = wanted.toLowerCase();
    return name === packet.protocol || (name === 'icmpv4' && packet.protocol === 'icmp') || (flow.kind === 'l7' && flow.point.startsWith(`${name}-`));
  };
  return (
    some(filter.verdicts, (one) => one.toUpperCase() === flow.verdict) &&
    some(filter.types, (one) => flow.kind === one.split(':')[0] && (one.split(':')[1] ?? flow.point) === flow.point) &&
    some(filter.pods, (one) => isPod(src, one) || isPod(dst, one)) &&
    some(filter.fromPods, (one) => isPod(src, one)) &&
    some(filter.toPods, (one) => isPod(dst, one)) &&
    some(filter.namespaces, (one) => inNamespace(src, one) || inNamespace(dst, one)) &&
    some(filter.fromNamespaces, (one) => inNamespace(src, one)) &&
    some(filter.toNamespaces, (one) => inNamespace(dst, one)) &&
    some(filter.ips, (one) => packet.src === one || packet.dst === one) &&
    some(filter.fromIps, (one) => packet.src === one) &&
    some(filter.toIps, (one) => packet.dst === one) &&
    some(filter.protocols, protocol) &&
    some(filter.ports, (one) => tuple.sport === one || tuple.dport === one) &&
    some(filter.fromPorts, (one) => tuple.sport === one) &&
    some(filter.toPorts, (one) => tuple.dport === one) &&
    some(filter.identities, (one) => isIdentity(flow.srcIdentity, one) || isIdentity(flow.dstIdentity, one)) &&
    some(filter.nodes, (one) => flow.hostId === one) &&
    some(filter.directions, (one) => one.toUpperCase() === flow.direction)
  );
}

// ---- printing

function summary({ packet, kind, contents }: CiliumFlow): string {
  if (kind === 'l7') return contents;
  if (packet.protocol === 'tcp') return `TCP Flags: ${packet.tcpFlags.join(', ')}`;
  return packet.protocol === 'icmp' ? `ICMPv4 ${packet.icmp}` : packet.protocol.toUpperCase();
}

function flowType({ kind, point, direction }: CiliumFlow): string {
  if (kind === 'policy-verdict') return `policy-verdict:${point} ${direction}`;
  return kind === 'l7' && point.startsWith('dns-') ? `${point} proxy` : point;
}

const verdictText = ({ kind, verdict }: CiliumFlow): string => (kind !== 'policy-verdict' ? verdict : verdict === 'DROPPED' ? 'DENIED' : 'ALLOWED');

/** StampMilli: `Jan _2 15:04:05.000`. */
function stamp(ms: number): string {
  const time = calendarTime(ms);
  return `${MONTHS[time.month - 1] ?? ''} ${String(time.day).padStart(2)} ${formatClock(time)}.${String(time.millisecond).padStart(3, '0')}`;
}

interface Printer {
  readonly invocation: Invocation;
  readonly faces: Faces;
  readonly output: Output;
  readonly nodeName: boolean;
}

function ends(flow: CiliumFlow, { invocation, faces }: Printer): readonly [src: string, dst: string] {
  const { packet, hostId } = flow;
  const { tuple } = packet;
  const bpf = invocation.host.engine.bpf(hostId);
  const ports = packet.protocol === 'tcp' || packet.protocol === 'udp' || packet.protocol === 'sctp';
  const one = (ip: string, number: number, port: number): string => {
    const pod = faces.get(ip);
    const names = pod === undefined ? (bpf?.names.namesOf(number, flow.timeNs) ?? []) : [];
    const name = pod !== undefined ? fullName(pod) : names.length > 0 ? names.join(',') : ip;
    return ports ? `${name}:${port}` : name;
  };
  return [one(packet.src, tuple.src, tuple.sport), one(packet.dst, tuple.dst, tuple.dport)];
}

const identityText = (identity: number): string => (identity < 256 ? `(${IDENTITY_NAMES[identity] ?? identity})` : `(ID:${identity})`);

function line(flow: CiliumFlow, printer: Printer): string {
  const { host } = printer.invocation;
  const ms = host.epochMs + flow.timeNs / 1e6;
  const node = printer.nodeName ? ` [${flow.hostId}]` : '';
  const [src, dst] = ends(flow, printer);
  if (printer.output === 'dict')
    return `  TIMESTAMP: ${stamp(ms)}\n${printer.nodeName ? `       NODE: ${flow.hostId}\n` : ''}     SOURCE: ${src}\nDESTINATION: ${dst}\n       TYPE: ${flowType(flow)}\n    VERDICT: ${verdictText(flow)}\n    SUMMARY: ${summary(flow)}\n`;
  if (printer.output === 'json' || printer.output === 'jsonpb') return `${JSON.stringify(response(flow, printer))}\n`;
  // Which way round a denied packet's connection is nobody knows.
  const unknown = flow.verdict === 'DROPPED' && flow.kind !== 'l7';
  const left = `${src} ${identityText(flow.srcIdentity)}`;
  const right = `${dst} ${identityText(flow.dstIdentity)}`;
  const way = unknown ? `${left} <> ${right}` : flow.reply ? `${right} <- ${left}` : `${left} -> ${right}`;
  return `${stamp(ms)}${node}: ${way} ${flowType(flow)} ${verdictText(flow)} (${summary(flow)})\n`;
}

function response(flow: CiliumFlow, { invocation, faces }: Printer): unknown {
  const { packet } = flow;
  const { tuple } = packet;
  const { host } = invocation;
  const labels = identityLabels(invocation);
  const ms = host.epochMs + flow.timeNs / 1e6;
  const time = `${formatRfc3339(Math.floor(ms / 1000) * 1000).slice(0, -1)}.${String(flow.timeNs % 1e9).padStart(9, '0')}Z`;
  const end = (ip: string, identity: number): unknown => {
    const pod = faces.get(ip);
    const id = pod === undefined ? undefined : endpointNumbers(host.api.view).endpoints.get(`Pod/${fullName(pod)}`);
    return {
      ...(id === undefined ? {} : { ID: id }),
      identity,
      ...(pod === undefined ? {} : { cluster_name: 'default', namespace: namespaceOf(pod) }),
      labels: labelsOf(identity, labels),
      ...(pod === undefined ? {} : { pod_name: pod.metadata.name }),
    };
  };
  const ports = { source_port: tuple.sport, destination_port: tuple.dport };
  const l4 =
    packet.protocol === 'tcp'
      ? { TCP: { ...ports, flags: Object.fromEntries(packet.tcpFlags.map((flag) => [flag, true])) } }
      : packet.protocol === 'udp'
        ? { UDP: ports }
        : packet.protocol === 'sctp'
          ? { SCTP: ports }
          : { ICMPv4: { type: packet.icmp === 'EchoRequest' ? 8 : 0 } };
  const numbers: Readonly<Record<string, number>> = { drop: 1, trace: 4, 'policy-verdict': 5, l7: 129 };
  const body = {
    time,
    verdict: flow.verdict,
    ...(flow.kind === 'drop'
      ? {
          drop_reason: flow.point === 'Policy denied' ? 133 : flow.point === 'CT: Unknown L4 protocol' ? 137 : 181,
          drop_reason_desc: flow.point.toUpperCase().replaceAll(' ', '_'),
        }
      : {}),
    IP: { source: packet.src, destination: packet.dst, ipVersion: 'IPv4' },
    l4,
    source: end(packet.src, flow.srcIdentity),
    destination: end(packet.dst, flow.dstIdentity),
    Type: flow.kind === 'l7' ? 'L7' : 'L3_L4',
    node_name: flow.hostId,
    event_type: { type: numbers[flow.kind] ?? 0 },
    traffic_direction: flow.direction,
    ...(flow.kind === 'trace' ? { trace_observation_point: flow.point.toUpperCase().replace('-', '_') } : {}),
    ...(flow.verdict === 'DROPPED' ? {} : { is_reply: flow.reply }),
    Summary: summary(flow),
  };
  return { flow: body, node_name: flow.hostId, time };
}

function print(flows: readonly CiliumFlow[], printer: Printer, out: (text: string) => void): void {
  if (printer.output === 'dict') {
    out(flows.map((flow) => line(flow, printer)).join('------------\n'));
    return;
  }
  if (printer.output !== 'tab') {
    for (const flow of flows) out(line(flow, printer));
    return;
  }
  const head = ['TIMESTAMP', ...(printer.nodeName ? ['NODE'] : []), 'SOURCE', 'DESTINATION', 'TYPE', 'VERDICT', 'SUMMARY'];
  const rows = flows.map((flow) => {
    const time = stamp(printer.invocation.host.epochMs + flow.timeNs / 1e6);
    return [time, ...(printer.nodeName ? [flow.hostId] : []), ...ends(flow, printer), flowType(flow), verdictText(flow), summary(flow)];
  });
  out(renderTabs([head, ...rows].map((row) => `${row.join('\t')}\n`).join(''), 2, 3));
}

// ---- observing

/** Flows of [from, to) that are wanted, oldest first. */
function flowsBetween({ host }: Invocation, from: number, to: number, filter: Filter, faces: Faces, only: string): CiliumFlow[] {
  const flows: CiliumFlow[] = [];
  for (const event of host.engine.events(from, to)) {
    if (only !== '' && event.hostId !== only) continue;
    const bpf = host.engine.bpf(event.hostId);
    const flow = bpf === undefined ? undefined : ciliumFlow(event, bpf);
    if (flow !== undefined && matches(flow, filter, faces)) flows.push(flow);
  }
  return flows;
}

function lastFlows(invocation: Invocation, count: number, filter: Filter, faces: Faces, only: string): CiliumFlow[] {
  const end = invocation.host.engine.traceLength;
  let flows: CiliumFlow[] = [];
  for (let to = end; to > 0 && flows.length < count && end - to < MAX_ROWS; to -= CHUNK)
    flows = [...flowsBetween(invocation, Math.max(0, to - CHUNK), to, filter, faces, only), ...flows];
  return flows.slice(-count || flows.length);
}

/** How full the buffers of some nodes are, and how fast they have filled since the beginning. */
export function hubbleUsage(invocation: Invocation, only: string, nodes: number): { readonly flows: string; readonly rate: string } {
  const room = CAPACITY * nodes;
  const count = Math.min(lastFlows(invocation, room, EVERYTHING, facesOf(invocation), only).length, room);
  const seconds = invocation.host.nowNs / 1e9;
  const group = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
  return { flows: `${group(count)}/${group(room)} (${((100 * count) / room).toFixed(2)}%)`, rate: (seconds === 0 ? 0 : count / seconds).toFixed(2) };
}

const NO_RELAY =
  'failed to connect to \'localhost:4245\': connection error: desc = "transport: error while dialing: dial tcp 127.0.0.1:4245: connect: connection refused"\n';

const USAGE = `Hubble is a utility to observe and inspect recent Cilium routed traffic in a cluster.

Usage:
  hubble [command]

Available Commands:
  list        List Hubble objects (nodes)
  observe     Observe flows and events of a Hubble server
  status      Display status of Hubble server
  version     Display detailed version information
`;

function run(invocation: Invocation): Outcome {
  const { argv, out, err, host, place } = invocation;
  const [verb, ...rest] = argv;
  if (verb === undefined || verb === 'help' || verb === '--help' || verb === '-h') {
    out(USAGE);
    return 0;
  }
  if (verb === 'version') {
    out('hubble v1.18.3 compiled with go1.25.3 on linux/amd64\n');
    return 0;
  }
  // The agent's own socket in its pod; elsewhere Hubble Relay, which asks all of them.
  const only = place.pod === undefined ? '' : place.hostId;
  const hosts = nodesWithHubble(invocation).filter((name) => only === '' || name === only);
  if (!ciliumSettings(host.api.view).config.hubble || hosts.length === 0) {
    err(NO_RELAY);
    return 1;
  }
  if (verb === 'status') {
    const at = only === '' ? 'localhost:4245' : 'unix:///var/run/cilium/hubble.sock';
    const { flows, rate } = hubbleUsage(invocation, only, hosts.length);
    const nodes = only === '' ? `Connected Nodes: ${hosts.length}/${hosts.length}\n` : '';
    out(`Healthcheck (via ${at}): Ok\nCurrent/Max Flows: ${flows}\nFlows/s: ${rate}\n${nodes}`);
    return 0;
  }
  if (verb === 'list' && rest[0] === 'nodes') {
    const rows = hosts.map((name) => [name, 'Connected', '', '', '']);
    out(renderTabs([['NAME', 'STATUS', 'AGE', 'FLOWS/S', 'CURRENT/MAX-FLOWS'], ...rows].map((row) => `${row.join('\t').trimEnd()}\n`).join(''), 2, 3));
    return 0;
  }
  if (verb !== 'observe') {
    err(`Error: unknown command "${verb}" for "hubble"\nRun 'hubble --help' for usage.\n`);
    return 1;
  }
  const request = parse(rest);
  if (typeof request === 'string') {
    err(`Error: ${request}\n`);
    return 1;
  }
  const faces = facesOf(invocation);
  const { filter, output, nodeName, follow, last } = request;
  if (last > 0) print(lastFlows(invocation, last, filter, faces, only), { invocation, faces, output, nodeName }, out);
  if (!follow) return 0;
  const state: HubbleState = { filter, output, nodeName, host: only, next: host.engine.traceLength };
  return { kind: 'watch', watch: 'hubble', state, timeoutSeconds: Number.POSITIVE_INFINITY };
}

const EVERYTHING: Filter = Object.fromEntries(Object.values(LISTS).map((name) => [name, []])) as unknown as Filter;

const nodesWithHubble = ({ host }: Invocation): string[] =>
  host.api.view.list('Node').flatMap(({ metadata }) => (host.engine.bpf(metadata.name) === undefined ? [] : [metadata.name]));

export const hubbleWatch: Watch = {
  look: (state: HubbleState, io) => {
    const invocation = io.invocation();
    const end = invocation.host.engine.traceLength;
    const from = Math.max(state.next, end - MAX_ROWS);
    state.next = end;
    if (from === end) return undefined;
    const faces = facesOf(invocation);
    const output = state.output === 'tab' ? 'compact' : state.output;
    const flows = flowsBetween(invocation, from, end, state.filter, faces, state.host);
    if (flows.length > 0) print(flows, { invocation, faces, output, nodeName: state.nodeName }, io.out);
    return undefined;
  },
};

export const hubble = defineCommand({
  name: 'hubble',
  summary: "flows as Cilium's programs see them: observe --verdict DROPPED --pod default/web -f -o compact|jsonpb, status",
  group: 'network',
  run,
  complete: (words) =>
    words.length === 2 ? ['observe', 'status', 'list', 'version'] : words[1] === 'observe' ? Object.keys(LISTS).concat('--follow', '--last', '--output') : [],
});
