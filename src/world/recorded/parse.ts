/** Reads a recorded world: fills in the format's defaults, and names every field that it does not know, since one that is passed over makes another world. */
import type {
  Labels,
  RecordedCluster,
  RecordedCommand,
  RecordedEndpoint,
  RecordedExternal,
  RecordedFlow,
  RecordedNode,
  RecordedPod,
  RecordedPolicy,
  RecordedRoute,
  RecordedService,
  RecordedStep,
  RecordedTrace,
  RecordedWorld,
} from './format.ts';

type Json = Readonly<Record<string, unknown>>;

const MAX_ITEMS = 2000;
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

export const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** An object of which every field must be asked for. */
class Fields {
  readonly #value: Json;
  readonly #where: string;
  readonly #asked = new Set<string>();

  constructor(value: unknown, where: string) {
    if (!isJson(value)) throw new Error(`${where} is not an object`);
    for (const key of Object.keys(value)) if (FORBIDDEN.has(key)) throw new Error(`${where} has a field "${key}"`);
    this.#value = value;
    this.#where = where;
  }

  raw(...names: readonly string[]): unknown {
    for (const name of names) this.#asked.add(name);
    const found = names.find((name) => this.#value[name] !== undefined && this.#value[name] !== null);
    return found === undefined ? undefined : this.#value[found];
  }

  /** @throws {Error} when it is there and of another type. */
  text(...names: readonly string[]): string | undefined {
    const value = this.raw(...names);
    if (value === undefined || typeof value === 'string') return value;
    throw new Error(`${this.#where}.${names[0]} is not a text`);
  }

  getText(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new Error(`${this.#where}.${name} is missing`);
    return value;
  }

  number(...names: readonly string[]): number | undefined {
    const value = this.raw(...names);
    if (value === undefined) return undefined;
    const number = typeof value === 'string' && /^-?[0-9.]+$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number)) return number;
    throw new Error(`${this.#where}.${names[0]} is not a number`);
  }

  flag(fallback: boolean, ...names: readonly string[]): boolean {
    const value = this.raw(...names);
    if (value === undefined) return fallback;
    if (value === 0 || value === 1) return value === 1;
    if (typeof value === 'boolean') return value;
    throw new Error(`${this.#where}.${names[0]} is neither true nor false`);
  }

  list(...names: readonly string[]): readonly unknown[] {
    const value = this.raw(...names);
    if (value === undefined) return [];
    // `{web1: {…}}` says the same as `[{name: web1, …}]`.
    if (isJson(value)) return Object.entries(value).map(([name, one]) => (isJson(one) ? { name, ...one } : one));
    if (!Array.isArray(value) || value.length > MAX_ITEMS) throw new Error(`${this.#where}.${names[0]} is not a list of at most ${MAX_ITEMS}`);
    return value;
  }

  texts(...names: readonly string[]): readonly string[] {
    const value = this.raw(...names);
    return typeof value === 'string' ? [value] : this.list(...names).map((one) => String(isJson(one) ? (one.ip ?? '') : one));
  }

  numbers(...names: readonly string[]): readonly number[] {
    const value = this.raw(...names);
    return typeof value === 'number' ? [value] : this.list(...names).map(Number);
  }

  labels(name: string): Labels | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (!isJson(value)) throw new Error(`${this.#where}.${name} is not a map`);
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, String(one)]));
  }

  at(name: string): string {
    return `${this.#where}.${name}`;
  }

  /** Tells of fields that nobody asked for. */
  end(notes: string[]): void {
    for (const key of Object.keys(this.#value)) if (!this.#asked.has(key)) notes.push(`${this.#where}.${key} is not a field that is known here`);
  }
}

/** Leaves out what is absent. */
const given = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };

function readNode(value: unknown, index: number, notes: string[]): RecordedNode {
  const f = new Fields(typeof value === 'string' ? { name: value } : value, `nodes[${index}]`);
  const mtu = f.number('mtu');
  const node = { name: f.getText('name'), ip: f.text('ip') ?? `172.30.1.${index + 2}`, podCIDR: f.text('podCIDR', 'podCidr') ?? `10.244.${index}.0/24` };
  f.end(notes);
  return mtu === undefined ? node : { ...node, mtu };
}

function readPod(value: unknown, index: number, notes: string[]): RecordedPod {
  const f = new Fields(value, `pods[${index}]`);
  const pod = {
    name: f.getText('name'),
    namespace: f.text('namespace', 'ns') ?? 'default',
    node: f.getText('node'),
    ip: f.text('ip') ?? '',
    labels: f.labels('labels') ?? {},
    tcp: f.numbers('tcp'),
    udp: f.numbers('udp'),
    hostNetwork: f.flag(false, 'hostNetwork', 'host_network', 'hostnetwork'),
  };
  f.end(notes);
  return pod;
}

const hostPort = (text: string): { readonly ip: string; readonly port?: number } => {
  const [ip = '', port] = text.split(':');
  return port === undefined ? { ip } : { ip, port: Number(port) };
};

function readEndpoint(value: unknown, where: string, notes: string[]): RecordedEndpoint & { readonly port?: number } {
  if (typeof value === 'string') return { ...hostPort(value), ready: true };
  const f = new Fields(value, where);
  const endpoint = given({ ip: f.getText('ip'), node: f.text('node', 'nodeName'), ready: f.flag(true, 'ready'), port: f.number('port') });
  f.end(notes);
  return endpoint as RecordedEndpoint & { readonly port?: number };
}

function readService(value: unknown, index: number, notes: string[]): RecordedService {
  const f = new Fields(value, `services[${index}]`);
  const config = f.raw('sessionAffinityConfig');
  const clientIp = isJson(config) && isJson(config.clientIP) ? Number(config.clientIP.timeoutSeconds) : undefined;
  const ports = f.list('ports').map((one, i) => {
    const p = new Fields(one, f.at(`ports[${i}]`));
    const port = p.number('port') ?? 0;
    const read = given({
      name: p.text('name'),
      port,
      targetPort: p.number('targetPort') ?? port,
      protocol: (p.text('protocol') ?? 'TCP').toUpperCase() === 'UDP' ? ('UDP' as const) : ('TCP' as const),
      nodePort: p.number('nodePort'),
    });
    p.end(notes);
    return read;
  });
  const hasEndpoints = f.raw('endpoints') !== undefined;
  const service = given({
    name: f.getText('name'),
    namespace: f.text('namespace', 'ns') ?? 'default',
    type: f.text('type') ?? 'ClusterIP',
    clusterIP: f.text('clusterIP') ?? 'None',
    selector: f.labels('selector'),
    ports,
    endpoints: hasEndpoints ? f.list('endpoints').map((one, i) => readEndpoint(one, f.at(`endpoints[${i}]`), notes)) : undefined,
    externalTrafficPolicy: f.text('externalTrafficPolicy'),
    internalTrafficPolicy: f.text('internalTrafficPolicy'),
    sessionAffinity: f.text('sessionAffinity'),
    affinitySeconds: clientIp ?? f.number('sessionAffinityTimeout', 'affinitySeconds', 'timeoutSeconds'),
    externalIPs: f.texts('externalIPs'),
    loadBalancerIPs: [
      ...f.texts('loadBalancerIPs', 'loadBalancerIngress', 'lbIPs', 'ingressIPs', 'loadBalancerIP', 'lbIP', 'ingress'),
      ...statusIngress(f.raw('status', 'loadBalancer')),
    ],
    loadBalancerSourceRanges: f.texts('loadBalancerSourceRanges', 'sourceRanges'),
    healthCheckNodePort: f.number('healthCheckNodePort'),
  });
  f.end(notes);
  return service as RecordedService;
}

/** `status.loadBalancer.ingress[].ip`, as Kubernetes writes it. */
function statusIngress(value: unknown): readonly string[] {
  const balancer = isJson(value) && isJson(value.loadBalancer) ? value.loadBalancer : value;
  const ingress = isJson(balancer) ? balancer.ingress : undefined;
  return Array.isArray(ingress) ? ingress.flatMap((one) => (isJson(one) && typeof one.ip === 'string' ? [one.ip] : typeof one === 'string' ? [one] : [])) : [];
}

function readPolicy(value: unknown, index: number, notes: string[]): RecordedPolicy {
  const outer = new Fields(value, `policies[${index}]`);
  const spec = outer.raw('spec');
  const name = outer.text('name') ?? `policy-${index + 1}`;
  const namespace = outer.text('namespace', 'ns') ?? 'default';
  const f = spec === undefined ? outer : new Fields(spec, outer.at('spec'));
  const ingress = f.raw('ingress');
  const egress = f.raw('egress');
  const types = f.texts('policyTypes');
  const policy: RecordedPolicy = {
    name,
    namespace,
    podSelector: (f.raw('podSelector') ?? {}) as RecordedPolicy['podSelector'],
    // Kubernetes: Ingress always, Egress where there are egress rules.
    policyTypes: types.length > 0 ? types : ['Ingress', ...(egress === undefined ? [] : ['Egress'])],
    ingress: (Array.isArray(ingress) ? ingress : []) as RecordedPolicy['ingress'],
    egress: (Array.isArray(egress) ? egress : []) as RecordedPolicy['egress'],
  };
  f.end(notes);
  if (spec !== undefined) outer.end(notes);
  return policy;
}

function readExternal(value: unknown, index: number, notes: string[]): RecordedExternal {
  const f = new Fields(value, `externals[${index}]`);
  const external = { name: f.getText('name'), ip: f.getText('ip'), tcp: f.numbers('tcp'), udp: f.numbers('udp') };
  f.end(notes);
  return external;
}

function readRoute(value: unknown, where: string, notes: string[]): RecordedRoute {
  if (typeof value === 'string') {
    const match = /^(\S+)\s+(?:via\s+)?(\d+\.\d+\.\d+\.\d+)/.exec(value);
    if (match === null) throw new Error(`${where} is no route: ${value}`);
    return { destination: match[1] as string, gateway: match[2] as string };
  }
  if (Array.isArray(value)) return { destination: String(value[0]), gateway: String(value[1]) };
  const f = new Fields(value, where);
  const route = { destination: f.text('destination', 'dst', 'to', 'cidr', 'dest') ?? '', gateway: f.text('gateway', 'via', 'gw') ?? '' };
  f.end(notes);
  return route;
}

/** Fields at either place, so that a `set` step may write them short. */
const CLUSTER_KEYS = ['cni', 'nodes', 'pods', 'services', 'policies', 'externals', 'underlay', 'kubeProxy', 'forwardPolicy', 'namespaces', 'tweaks'] as const;

/** @throws {Error} with a sentence for people. */
export function readCluster(value: unknown, notes: string[]): RecordedCluster {
  const f = new Fields(value, 'cluster');
  for (const key of CLUSTER_KEYS) f.raw(key);
  const cni = new Fields(f.raw('cni') ?? {}, 'cni');
  const mode = cni.text('mode') ?? 'vxlan';
  if (mode !== 'vxlan' && mode !== 'host-gw') throw new Error(`cni.mode is neither vxlan nor host-gw: ${mode}`);
  const underlay = new Fields(f.raw('underlay') ?? {}, 'underlay');
  const proxy = new Fields(f.raw('kubeProxy') ?? {}, 'kubeProxy');
  const namespaces = f.raw('namespaces');
  const latency = underlay.raw('latency', 'latencyMs', 'delay');
  const loss = underlay.number('loss', 'lossPercent');
  const cluster: RecordedCluster = {
    nodes: f.list('nodes').map((one, i) => readNode(one, i, notes)),
    cni: given({
      mode: mode as 'vxlan' | 'host-gw',
      mtu: cni.number('mtu'),
      vxlanMtu: cni.number('vxlanMtu'),
      vni: cni.number('vni') ?? 1,
      port: cni.number('port') ?? 8472,
      bridgeNfCallIptables: cni.flag(true, 'bridgeNfCallIptables'),
      hairpin: cni.flag(true, 'hairpin'),
      ipMasq: cni.flag(true, 'ipMasq'),
    }) as RecordedCluster['cni'],
    pods: f.list('pods').map((one, i) => readPod(one, i, notes)),
    services: f.list('services').map((one, i) => readService(one, i, notes)),
    policies: f.list('policies').map((one, i) => readPolicy(one, i, notes)),
    externals: f.list('externals').map((one, i) => readExternal(one, i, notes)),
    underlay: given({
      routes: underlay.list('routerRoutes', 'routes').map((one, i) => readRoute(one, `underlay.routerRoutes[${i}]`, notes)),
      mtu: underlay.number('mtu'),
      lossPercent: loss === undefined ? undefined : loss > 0 && loss < 1 ? loss * 100 : loss,
      latency: latency === undefined ? undefined : typeof latency === 'number' ? `${latency}ms` : String(latency),
    }) as RecordedCluster['underlay'],
    kubeProxy: { clearMark: proxy.flag(true, 'clearMark'), randomFully: proxy.flag(true, 'randomFully'), masqueradeAll: proxy.flag(false, 'masqueradeAll') },
    forwardPolicy: f.text('forwardPolicy') === 'DROP' ? 'DROP' : 'ACCEPT',
    namespaces: isJson(namespaces)
      ? Object.fromEntries(Object.entries(namespaces).map(([name, one]) => [name, labelsOf(one)]))
      : Object.fromEntries((Array.isArray(namespaces) ? namespaces : []).map((one) => (isJson(one) ? [String(one.name), labelsOf(one)] : [String(one), {}]))),
  };
  for (const one of [f, cni, underlay, proxy]) one.end(notes);
  return cluster;
}

function labelsOf(value: unknown): Labels {
  if (!isJson(value)) return {};
  const labels = isJson(value.labels) ? value.labels : value;
  return Object.fromEntries(Object.entries(labels).flatMap(([key, one]) => (key === 'name' && labels === value ? [] : [[key, String(one)]])));
}

function readCommand(value: unknown, where: string, notes: string[]): RecordedCommand {
  if (typeof value === 'string') {
    const match = /^([\w.-]+):\s+(.+)$/s.exec(value);
    return match === null ? { ns: '', cmd: value } : { ns: match[1] as string, cmd: match[2] as string };
  }
  if (Array.isArray(value)) return { ns: String(value[0]), cmd: value.slice(1).join(' ') };
  const f = new Fields(value, where);
  f.raw('type', 'name', 'comment');
  const ns = f.text('ns', 'node', 'netns', 'in') ?? '';
  const sysctl = f.raw('sysctl');
  const setting = f.raw('value');
  const words = f.raw('cmd', 'sh', 'command', 'run');
  let cmd = Array.isArray(words) ? words.join(' ') : String(words ?? '');
  if (isJson(sysctl))
    cmd = Object.entries(sysctl)
      .map(([key, one]) => `sysctl -w ${key}=${String(one)}`)
      .join(' && ');
  else if (typeof sysctl === 'string') cmd = `sysctl -w ${sysctl.includes('=') || setting === undefined ? sysctl : `${sysctl}=${String(setting)}`}`;
  f.end(notes);
  return { ns, cmd };
}

const FLOW_NOTES = ['comment', 'note', 'why', 'type'];

function readFlow(f: Fields, index: number, notes: string[]): RecordedFlow {
  f.raw(...FLOW_NOTES);
  const proto = f.text('proto') ?? 'tcp';
  if (proto !== 'tcp' && proto !== 'udp' && proto !== 'icmp') throw new Error(`steps[${index}].proto is none that is known here: ${proto}`);
  const expect = f.raw('expect');
  const flow = given({
    type: 'flow' as const,
    name: f.text('name') ?? `step ${index + 1}`,
    from: f.getText('from'),
    to: f.text('to') ?? '',
    proto,
    ttl: f.number('ttl'),
    size: f.number('size'),
    count: f.number('count') ?? 1,
    sends: f.number('sends') ?? 1,
    src: f.text('src'),
    sport: f.number('sport'),
    timeoutSeconds: f.number('timeout'),
    keep: f.text('keep'),
    reuse: f.text('reuse'),
    close: f.flag(false, 'close'),
    put: f.number('put') ?? 0,
    get: f.number('get') ?? 0,
    pmtudisc: f.number('pmtudisc'),
    random: f.flag(false, 'random'),
    expect: isJson(expect) ? expect : {},
  });
  f.end(notes);
  return flow as RecordedFlow;
}

/** Words of `conntrack -D` from a step's fields. */
function conntrackArguments(f: Fields): string {
  const given = f.raw('args', 'cmd', 'filter', 'match');
  if (typeof given === 'string') return given.replace(/^conntrack\s+/, '').replace(/^-D\s*/, '');
  if (Array.isArray(given)) return given.join(' ');
  const words: string[] = [];
  const option = (name: string, ...fields: readonly string[]): void => {
    const value = f.raw(...fields);
    if (value !== undefined) words.push(`${name} ${String(value)}`);
  };
  option('-p', 'proto', 'protocol');
  option('-s', 'src', 'orig-src', 'orig_src', 'origSrc');
  option('-d', 'dst', 'orig-dst', 'orig_dst', 'origDst');
  option('--sport', 'sport', 'orig-port-src');
  option('--dport', 'dport', 'orig-port-dst');
  option('-r', 'reply-src', 'reply_src', 'replySrc');
  option('-q', 'reply-dst', 'reply_dst', 'replyDst');
  return words.join(' ');
}

function readStep(value: unknown, index: number, notes: string[]): RecordedStep {
  const f = new Fields(value, `steps[${index}]`);
  const type = f.text('type') ?? 'flow';
  const name = f.text('name') ?? type;
  switch (type) {
    case 'flow':
      return readFlow(f, index, notes);
    case 'set': {
      const change = Object.fromEntries(Object.entries(value as Json).filter(([key]) => key !== 'type' && key !== 'name'));
      return { type, name, change };
    }
    case 'sh':
    case 'sysctl':
      return { type: 'sh', name, command: readCommand(value, `steps[${index}]`, notes) };
    case 'conntrack_delete': {
      const node = f.raw('ns', 'node', 'nodes');
      const nodes = Array.isArray(node) ? node.map(String) : node === undefined ? [] : [String(node)];
      const step = { type: 'conntrack_delete' as const, name, nodes, args: conntrackArguments(f) };
      f.end(notes);
      return step;
    }
    case 'delete_pod': {
      const step = { type: 'delete_pod' as const, name, pod: (f.text('pod') ?? '').replace(/^pod[:-]/, '') };
      f.end(notes);
      return step;
    }
    case 'sleep': {
      const step = { type: 'sleep' as const, name, seconds: f.number('seconds', 'sleep', 'time', 's') ?? 1 };
      f.end(notes);
      return step;
    }
    default:
      throw new Error(`steps[${index}].type is none that is known here: ${type}`);
  }
}

/** @throws {Error} with a sentence for people; `notes` are fields that nobody knows. */
export function readWorld(value: unknown): { readonly world: RecordedWorld; readonly notes: readonly string[] } {
  const notes: string[] = [];
  const f = new Fields(value, 'world');
  const cluster = f.raw('cluster');
  if (!isJson(cluster)) throw new Error('world.cluster is missing');
  readCluster(cluster, notes);
  const inCluster = Array.isArray(cluster.tweaks) ? cluster.tweaks : [];
  const world: RecordedWorld = {
    id: f.text('id') ?? '',
    title: f.text('title') ?? '',
    cluster,
    tweaks: [...f.list('tweaks'), ...inCluster].map((one, i) => readCommand(one, `tweaks[${i}]`, notes)),
    steps: f.list('steps').map((one, i) => readStep(one, i, notes)),
  };
  f.raw('comment', 'notes', 'description', 'facts');
  f.end(notes);
  return { world, notes };
}

/** @throws {Error} when it is no trace. */
export function readTrace(value: unknown): RecordedTrace {
  if (!isJson(value) || !Array.isArray(value.steps)) throw new Error('this is not a trace: it has no steps');
  return value as unknown as RecordedTrace;
}

/** What a `set` step makes of a cluster: maps of objects change the named ones field by field, `null` removes, everything else is put in place. */
export function changedCluster(cluster: Json, change: Json): Json {
  const next: Record<string, unknown> = { ...cluster };
  for (const [key, value] of Object.entries(change)) {
    if (FORBIDDEN.has(key)) continue;
    if (key === 'cluster' && isJson(value)) {
      Object.assign(next, changedCluster(next, value));
      continue;
    }
    const before = next[key];
    if (isJson(value) && (Array.isArray(before) || before === undefined) && key !== 'namespaces')
      next[key] = changedList(Array.isArray(before) ? before : [], value);
    else if (isJson(value) && isJson(before)) next[key] = { ...before, ...value };
    else next[key] = value;
  }
  return next;
}

function changedList(before: readonly unknown[], change: Json): readonly unknown[] {
  const left = new Map(Object.entries(change));
  const kept = before.flatMap((one) => {
    const name = isJson(one) ? String(one.name) : '';
    const own = left.get(name);
    if (!left.has(name) || !isJson(one)) return [one];
    left.delete(name);
    return own === null ? [] : [isJson(own) ? { ...one, ...own } : one];
  });
  return [...kept, ...[...left].flatMap(([name, one]) => (isJson(one) ? [{ name, ...one }] : []))];
}
