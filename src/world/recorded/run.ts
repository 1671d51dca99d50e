/** Builds a recorded world from its manifests, with the agents that write a real cluster's records, and does its steps there. */

import { formatIp4, ip4, parseIp4 } from '../../net/addr/ip4.ts';
import { apps } from '../../net/app/index.ts';
import type { ConnectionView } from '../../net/engine.ts';
import type { Chain, Rule } from '../../net/records.ts';
import { createUserland } from '../../net/socket/userland.ts';
import type { Kernel } from '../../net/stack/userland.ts';
import type { TraceEvent } from '../../net/trace-event.ts';
import { allParts } from '../all-parts.ts';
import type { Shell, ShellHost } from '../shell-host.ts';
import { World } from '../world.ts';
import type { Names } from './compare-hops.ts';
import type { RecordedCluster, RecordedCommand, RecordedFlow, RecordedPod, RecordedStep, RecordedWorld } from './format.ts';
import { icmpName, layerOf } from './frame-fields.ts';
import { manifestsOf, setupCommands } from './manifests.ts';
import { changedCluster, readCluster } from './parse.ts';
import { policyRules } from './policy-rules.ts';
import { type ClientConfig, type Outcome, probeClient, probeServer, type Renewal } from './probe-apps.ts';

/** The recorder waits for less than a first retransmission. */
export const DEFAULT_TIMEOUT_SECONDS = 0.9;
/** Time for the last packets of a step (FIN and its answers) to arrive. */
const SETTLE_NS = 0.06e9;
const MAX_EVENTS = 400_000;
/** Payload of a datagram and of an echo request that say nothing else. */
const UDP_BYTES = 18;
const ECHO_BYTES = 55;
const POLICY_COMPONENT = 'policy-stand-in';

/** What a step did: everything that a trace may be compared with. */
export interface StepOutcome {
  readonly step: RecordedStep;
  /** One for each call of a flow (`count`). */
  readonly results: readonly (Outcome & { readonly icmp_error?: { readonly from: string; readonly icmp: string; readonly mtu?: number } })[];
  readonly events: readonly TraceEvent[];
  readonly connectionsBefore: ReadonlyMap<string, readonly ConnectionView[]>;
  readonly connections: ReadonlyMap<string, readonly ConnectionView[]>;
  /** What a command printed, and its exit code. */
  readonly output: string;
  readonly exitCode: number;
  /** Address that a flow was sent to. */
  readonly target: string;
}

export interface RecordedRunOptions {
  readonly createShell: (host: ShellHost) => Shell;
  readonly seed?: number;
}

export class RecordedRun {
  readonly world: World;
  readonly notes: string[] = [];
  #raw: Readonly<Record<string, unknown>>;
  #cluster: RecordedCluster;
  readonly #recorded: RecordedWorld;
  readonly #overrides: { netns: string; ttl: number | undefined } = { netns: '', ttl: undefined };
  readonly #outcomes = new Map<string, string[]>();
  readonly #kept = new Map<string, string>();
  readonly #macNames = new Map<string, string>();
  readonly #sessions = new Set<string>();
  readonly #gone = new Map<string, RecordedPod>();
  #calls = 0;
  #text = '';

  /** @throws {Error} with a sentence for people when the world cannot be built. */
  constructor(recorded: RecordedWorld, options: RecordedRunOptions) {
    this.#recorded = recorded;
    this.#raw = recorded.cluster;
    this.#cluster = readCluster(this.#raw, []);
    const programs = new Map([...apps, ['probe-server', probeServer] as const, ['probe-client', probeClient] as const]);
    this.world = World.open({
      parts: allParts,
      document: { version: 1, seed: options.seed ?? 7, files: manifestsOf(this.#cluster), inputs: [], positions: {} },
      baseFiles: [],
      createShell: options.createShell,
      staleConnections: 'stay',
      veths: true,
      userland: (kernel) => createUserland(this.#overriding(kernel), programs),
    });
    const errors = this.world.diagnostics.filter((one) => one.severity === 'error');
    if (errors.length > 0) throw new Error(`the cluster cannot be built: ${errors.map((one) => one.message).join('; ')}`);
    const { engine } = this.world;
    const toShell = engine.onOutput;
    engine.onOutput = (process, stream, text, exitCode) => {
      if (stream === 'stdout' && process.includes('/probe-')) {
        const lines = this.#outcomes.get(process) ?? [];
        lines.push(text);
        this.#outcomes.set(process, lines);
      } else toShell?.(process, stream, text, exitCode);
    };
    this.#plug();
    this.#serve();
    this.#enforce();
    for (const command of [...setupCommands(this.#cluster), ...recorded.tweaks]) this.#setUp(command);
    this.#learnNames();
  }

  get cluster(): RecordedCluster {
    return this.#cluster;
  }

  get names(): Names {
    return { traceName: (netns) => this.traceName(netns), macName: (mac) => this.#macName(mac) };
  }

  steps(): StepOutcome[] {
    return this.#recorded.steps.map((step) => this.step(step));
  }

  step(step: RecordedStep): StepOutcome {
    const { engine } = this.world;
    const fromSeq = engine.traceLength;
    const connectionsBefore = this.#connections();
    let results: StepOutcome['results'] = [];
    let exitCode = 0;
    this.#text = '';
    if (step.type === 'flow') results = this.#flow(step);
    else if (step.type === 'set') this.#change(changedCluster(this.#raw, this.#normalized(step.change)));
    else if (step.type === 'delete_pod') this.#delete(step.pod);
    else if (step.type === 'sh') exitCode = this.#command(step.command);
    else if (step.type === 'sleep') this.world.elapse(step.seconds * 1000);
    else {
      const nodes = step.nodes.length > 0 ? step.nodes : this.#cluster.nodes.map((node) => node.name);
      for (const ns of nodes) exitCode = this.#command({ ns, cmd: `conntrack ${step.args.startsWith('-F') ? step.args : `-D ${step.args}`}` });
    }
    this.#learnNames();
    return {
      step,
      results,
      events: engine.events(fromSeq, engine.traceLength),
      connectionsBefore,
      connections: this.#connections(),
      output: this.#text,
      exitCode,
      target: step.type === 'flow' && step.to !== '' ? formatIp4(this.targetOf(step.to).ip) : '',
    };
  }

  /** Name of a netns in the recordings. */
  traceName(netns: string): string {
    const [host = '', , name = ''] = netns.split('/');
    if (name !== 'root') return `pod-${name.split('.')[0]}`;
    return this.#cluster.externals.some((one) => one.name === host) ? `ext-${host}` : host;
  }

  /** A netns by its name in the recordings. @throws {Error} when there is none. */
  netnsNamed(ns: string): string {
    if (ns.startsWith('pod-')) return this.#netnsOfPod(this.#pod(ns.slice(4)));
    return `${ns.startsWith('ext-') ? ns.slice(4) : ns}/netns/root`;
  }

  #pod(name: string): RecordedPod {
    const pod = this.#cluster.pods.find((one) => one.name === name) ?? this.#gone.get(name);
    if (pod === undefined) throw new Error(`there is no pod ${name}`);
    return pod;
  }

  #netnsOfPod(pod: RecordedPod): string {
    return pod.hostNetwork ? `${pod.node}/netns/root` : `${pod.node}/netns/${pod.name}.${pod.namespace}`;
  }

  #ipOfPod(pod: RecordedPod): string {
    return pod.hostNetwork ? (this.#cluster.nodes.find((node) => node.name === pod.node)?.ip ?? '') : pod.ip;
  }

  /** Also of devices that are gone: frames to them still fly. */
  #macName(mac: string): string {
    if (mac === 'ff:ff:ff:ff:ff:ff') return 'broadcast';
    if (mac === '00:00:00:00:00:00') return 'zero';
    return this.#macNames.get(mac) ?? mac;
  }

  #learnNames(): void {
    for (const record of this.world.records.values()) {
      if (record.kind === 'device' && record.type !== 'loopback') this.#macNames.set(record.mac, `${this.traceName(record.netns)}/${record.name}`);
    }
  }

  #overriding(kernel: Kernel): Kernel {
    const { output } = kernel;
    const wrapped: Kernel = Object.create(kernel);
    return Object.assign(wrapped, {
      output: (netns: string, packet: Parameters<Kernel['output']>[1], by: string) => {
        const { ttl } = this.#overrides;
        if (ttl !== undefined && netns === this.#overrides.netns && packet.tcp !== undefined) packet.ttl = ttl;
        return output(netns, packet, by);
      },
    });
  }

  /** The recorder's cables are veth pairs, across which a packet keeps the hash of its flow; a real wire would not know it. */
  #plug(): void {
    const { records } = this.world;
    for (const record of [...records.values()]) {
      if (record.kind !== 'device' || record.type !== 'ethernet' || record.link !== undefined || record.peer === undefined) continue;
      const { link: _link, ...rest } = record;
      records.put({ ...rest, type: 'veth', peer: record.peer });
    }
    this.#run(0);
  }

  /** A probe server in every namespace that has ports to listen on; those whose pods are gone end. */
  #serve(): void {
    const { records } = this.world;
    const wanted = new Set<string>();
    const put = (netns: string, name: string, tcp: readonly number[], udp: readonly number[]): void => {
      if (tcp.length + udp.length === 0 || records.find(netns) === undefined) return;
      const id = `${netns}/process/probe-${name}`;
      wanted.add(id);
      if (records.find(id) !== undefined) return;
      records.put({
        kind: 'process',
        id,
        origin: { component: 'recorder', objects: [] },
        netns,
        app: 'probe-server',
        name: `probe-${name}`,
        config: { name, tcp, udp },
      });
    };
    for (const pod of this.#cluster.pods) put(this.#netnsOfPod(pod), pod.name, pod.tcp, pod.udp);
    for (const one of this.#cluster.externals) put(`${one.name}/netns/root`, one.name, one.tcp, one.udp);
    for (const record of [...records.values()])
      if (record.kind === 'process' && record.app === 'probe-server' && !wanted.has(record.id)) records.remove(record.id);
    this.#run(0);
  }

  /** Puts the stand-in's chains, and its jumps at the head of FORWARD. */
  #enforce(): void {
    const { records } = this.world;
    for (const node of this.#cluster.nodes) {
      const netns = `${node.name}/netns/root`;
      const origin = { component: POLICY_COMPONENT, objects: [] };
      const rules = (texts: readonly string[]): Rule[] => texts.map((text) => ({ text, origin }));
      const { chains, forward } = policyRules(this.#cluster, node.name);
      const builtIn = records.find(`${netns}/chain/filter/FORWARD`);
      if (builtIn?.kind !== 'chain') continue;
      const others = builtIn.rules.filter((rule) => rule.origin?.component !== POLICY_COMPONENT);
      if (forward.length > 0 || others.length !== builtIn.rules.length) {
        for (const [name, texts] of chains) {
          const chain: Chain = { kind: 'chain', id: `${netns}/chain/filter/${name}`, origin, netns, table: 'filter', name, rules: rules(texts) };
          records.put(chain);
        }
        records.put({ ...builtIn, rules: [...rules(forward), ...others] });
      }
      for (const record of [...records.values()]) {
        if (record.kind === 'chain' && record.netns === netns && record.origin.component === POLICY_COMPONENT && !chains.has(record.name))
          records.remove(record.id);
      }
    }
    this.#run(0);
  }

  #setUp(command: RecordedCommand): void {
    this.#text = '';
    const targets = command.ns === '' || command.ns === '*' || command.ns === 'nodes' ? this.#cluster.nodes.map((node) => node.name) : [command.ns];
    for (const ns of targets) {
      const exitCode = this.#command({ ns, cmd: command.cmd });
      if (exitCode !== 0) this.notes.push(`${ns}: "${command.cmd}" ended with ${exitCode}: ${this.#text.trim()}`);
    }
  }

  /** Runs a line of shell in a namespace; what it prints is kept. */
  #command(command: RecordedCommand): number {
    const { world } = this;
    const session = `in-${command.ns}`;
    if (!this.#sessions.has(session)) {
      this.#sessions.add(session);
      const pod = command.ns.startsWith('pod-') ? this.#pod(command.ns.slice(4)) : undefined;
      world.openSession(
        session,
        pod === undefined || pod.hostNetwork ? { host: this.netnsNamed(command.ns).split('/')[0] as string } : { namespace: pod.namespace, pod: pod.name },
      );
    }
    const from = world.terminalLength;
    const exitCode = world.command(session, command.cmd);
    for (const entry of world.terminalFrom(from))
      if (entry.session === session && (entry.kind === 'stdout' || entry.kind === 'stderr')) this.#text += entry.text;
    return exitCode;
  }

  /** `endpoints` beside the services stand for those of the services of that name. */
  #normalized(change: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const { endpoints, ...rest } = change;
    if (typeof endpoints !== 'object' || endpoints === null) return change;
    const services = Object.fromEntries(Object.entries(endpoints).map(([name, list]) => [name, { endpoints: list as unknown }]));
    const own = typeof rest.services === 'object' && rest.services !== null && !Array.isArray(rest.services) ? rest.services : {};
    return { ...rest, services: { ...services, ...own } };
  }

  #change(raw: Readonly<Record<string, unknown>>): void {
    const notes: string[] = [];
    this.#raw = raw;
    this.#cluster = readCluster(raw, notes);
    this.notes.push(...notes);
    const files = manifestsOf(this.#cluster);
    const texts = new Map(files.map((one) => [one.path, one.text]));
    for (const { path, text } of this.world.files) {
      const next = texts.get(path) ?? null;
      texts.delete(path);
      if (next !== text) this.#edit(path, next);
    }
    for (const [path, text] of texts) this.#edit(path, text);
    this.#plug();
    this.#serve();
    this.#enforce();
  }

  #edit(path: string, text: string | null): void {
    const { applied, diagnostics } = this.world.edit(path, text);
    if (!applied) throw new Error(`${path} cannot be applied: ${diagnostics.map((one) => one.message).join('; ')}`);
  }

  #delete(name: string): void {
    // Its address may still be called.
    this.#gone.set(name, this.#pod(name));
    const pods = this.#raw.pods;
    const isNamed = (one: unknown): boolean => typeof one === 'object' && one !== null && (one as { readonly name?: unknown }).name === name;
    if (Array.isArray(pods)) this.#change({ ...this.#raw, pods: pods.filter((one) => !isNamed(one)) });
  }

  #connections(): Map<string, readonly ConnectionView[]> {
    return new Map(this.#cluster.nodes.map((node) => [node.name, this.world.engine.connections(`${node.name}/netns/root`)]));
  }

  #run(seconds: number): void {
    const { engine } = this.world;
    engine.advanceTo(engine.nowNs + seconds * 1e9);
  }

  /** Netns id of `pod:x`, `node:x`, `ext:x`. */
  netnsOf(who: string): string {
    const at = who.indexOf(':');
    const kind = who.slice(0, at);
    const name = who.slice(at + 1);
    if (kind === 'pod') return this.#netnsOfPod(this.#pod(name));
    return `${name}/netns/root`;
  }

  /** @throws {Error} when the target names nobody. */
  targetOf(to: string): { readonly ip: number; readonly port: number } {
    const [kind = '', name = '', port] = to.split(':');
    const at = (ip: string | undefined): { readonly ip: number; readonly port: number } => {
      if (ip === undefined || ip === '') throw new Error(`there is nobody called ${to}`);
      return { ip: ip4(ip), port: Number(port ?? 0) };
    };
    if (kind === 'pod') return at(this.#ipOfPod(this.#pod(name)));
    if (kind === 'node') return at(this.#cluster.nodes.find((one) => one.name === name)?.ip);
    if (kind === 'ext') return at(this.#cluster.externals.find((one) => one.name === name)?.ip);
    const ip = parseIp4(kind);
    if (ip === undefined) throw new Error(`${to} is no address`);
    return { ip, port: Number(name === '' ? 0 : name) };
  }

  #flow(step: RecordedFlow): StepOutcome['results'] {
    const results: StepOutcome['results'][number][] = [];
    for (let i = 0; i < Math.max(1, step.count); i += 1) results.push(this.#call(step));
    // The end of the last connection is seen, too.
    this.#run(SETTLE_NS / 1e9);
    return results;
  }

  #call(step: RecordedFlow): StepOutcome['results'][number] {
    const { engine } = this.world;
    const netns = this.netnsOf(step.from);
    Object.assign(this.#overrides, { netns, ttl: step.ttl });
    const timeoutNs = (step.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS) * 1e9;
    const fromSeq = engine.traceLength;
    const process = step.reuse === undefined ? this.#start(step, netns, timeoutNs) : this.#again(step, timeoutNs);
    const seen = step.reuse === undefined ? 0 : (this.#outcomes.get(process)?.length ?? 0) - this.#fresh;
    engine.run({
      untilNs: engine.nowNs + timeoutNs * step.sends + 1e9,
      maxEvents: MAX_EVENTS,
      stop: () => (this.#outcomes.get(process)?.length ?? 0) > seen,
    });
    const line = this.#outcomes.get(process)?.[seen];
    // The overridden TTL holds for the whole connection.
    if (step.keep === undefined && (step.reuse === undefined || step.close)) this.#run(SETTLE_NS / 1e9);
    this.#overrides.ttl = undefined;
    const outcome = line === undefined ? { status: 'nothing' } : (JSON.parse(line) as Outcome);
    const error = outcome.status === 'ok' ? undefined : this.#errorHeard(netns, fromSeq);
    return error === undefined ? outcome : { ...outcome, icmp_error: error };
  }

  /** Outcomes that came while the call was being made. */
  #fresh = 0;

  #start(step: RecordedFlow, netns: string, timeoutNs: number): string {
    const target = this.targetOf(step.to);
    this.#calls += 1;
    const config: ClientConfig = {
      proto: step.proto,
      ip: target.ip,
      port: target.port,
      ...(step.src === undefined ? {} : { sourceIp: ip4(step.src) }),
      ...(step.sport === undefined ? {} : { sourcePort: step.sport }),
      bytes: step.size ?? (step.proto === 'icmp' ? ECHO_BYTES : UDP_BYTES),
      sends: step.sends,
      ttl: step.ttl,
      // 2: IP_PMTUDISC_DO; 0: IP_PMTUDISC_DONT; without either the kernel cuts what is larger than the path's MTU.
      dontFragment: step.pmtudisc === 2 ? true : step.pmtudisc === 0 ? false : undefined,
      put: step.put,
      get: step.get,
      timeoutNs,
      echoId: 4241 + this.#calls,
      keep: step.keep !== undefined,
    };
    const process = this.world.engine.spawn({ netns, app: 'probe-client', name: `probe-client-${this.#calls}`, config });
    if (step.keep !== undefined) this.#kept.set(step.keep, process);
    return process;
  }

  #again(step: RecordedFlow, timeoutNs: number): string {
    const process = this.#kept.get(step.reuse as string);
    if (process === undefined) throw new Error(`no connection was kept as ${step.reuse}`);
    const before = this.#outcomes.get(process)?.length ?? 0;
    const renewal: Renewal = { timeoutNs, close: step.close, put: step.put, get: step.get };
    this.world.engine.writeStdin(process, JSON.stringify(renewal));
    this.#fresh = (this.#outcomes.get(process)?.length ?? 0) - before;
    return process;
  }

  /** The last ICMP error that reached the client's namespace. */
  #errorHeard(netns: string, fromSeq: number): { readonly from: string; readonly icmp: string; readonly mtu?: number } | undefined {
    const { engine } = this.world;
    const events = engine.events(fromSeq, engine.traceLength);
    for (let i = events.length - 1; i >= 0; i -= 1) {
      const event = events[i] as TraceEvent;
      if (event.netns !== netns || event.step.kind !== 'delivered') continue;
      const ip = layerOf(event.layers, 'ipv4');
      const icmp = layerOf(event.layers, 'icmp');
      if (ip === undefined || icmp?.quoted === undefined) continue;
      const mtu = /mtu ([0-9]+)/.exec(icmp.text);
      return { from: ip.src, icmp: icmpName(icmp.type, icmp.code), ...(mtu === null ? {} : { mtu: Number(mtu[1]) }) };
    }
    return undefined;
  }
}
