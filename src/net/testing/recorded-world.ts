/** Worlds recorded on a real kernel (facts/traces): builds them from records, replays their steps, and says where the engine differs. */
import { formatIp } from '../addr/ip.ts';
import { ip4, parseIp4 } from '../addr/ip4.ts';
import type { App } from '../app/definition.ts';
import type { ConnectionView } from '../engine.ts';
import { Network } from '../network.ts';
import { createUserland } from '../socket/userland.ts';
import type { Kernel } from '../stack/userland.ts';
import { compareArp, compareConnections, compareHops, type Difference, type RecordedPacket, Symbols } from './compare-hops.ts';
import { putKubeRules, type ServicePort } from './kube-rules.ts';
import { type ClientConfig, type Outcome, probeClient, probeServer } from './probe-apps.ts';
import type { RecordedPod, RecordedResult, RecordedStep, RecordedTrace, RecordedWorld, StepReport } from './recorded-types.ts';
import { addFlannel, addPod, type FlannelNode, removePod, WorldBuilder } from './world-builder.ts';

const APPS: ReadonlyMap<string, App> = new Map([
  ['probe-server', probeServer],
  ['probe-client', probeClient],
]);
const CLUSTER_CIDR = '10.244.0.0/16';
const ROUTER = '172.30.1.1';
/** The recorder waits for less than a first retransmission. */
const DEFAULT_TIMEOUT_SECONDS = 0.9;
/** Time for the last packets of a step (FIN and its answers) to arrive. */
const SETTLE_NS = 0.06e9;
const NODE_PREFIX = '172.30.1.';

/** What the recorder's clients ask of their sockets and this engine's programs have no call for: a source address and a TTL for TCP. */
interface Overrides {
  netns: string;
  ttl: number | undefined;
  source: string | undefined;
}

export class RecordedWorldRun {
  readonly network: Network;
  readonly #b = new WorldBuilder();
  readonly #world: RecordedWorld;
  readonly #nodes: readonly FlannelNode[];
  readonly #pods: Map<string, RecordedPod>;
  readonly #overrides: Overrides = { netns: '', ttl: undefined, source: undefined };
  readonly #outcomes = new Map<string, string[]>();
  readonly #kept = new Map<string, string>();
  /** Addresses that earlier steps called: errors about those packets may come late. */
  readonly #called = new Set<string>();
  readonly #macNames = new Map<string, string>();
  #clients = 0;

  constructor(world: RecordedWorld) {
    this.#world = world;
    const { cluster } = world;
    this.#nodes = cluster.nodes.map((n, i) => ({ name: n.name, ip: n.ip ?? `${NODE_PREFIX}${i + 2}`, podCidr: n.podCIDR ?? `10.244.${i}.0/24` }));
    this.#pods = new Map(cluster.pods.map((p) => [p.name, p]));
    this.#build();
    for (const record of this.#b.records.values()) {
      if (record.kind === 'device' && record.type !== 'loopback') this.#macNames.set(record.mac, `${this.traceName(record.netns)}/${record.name}`);
    }
    this.network = new Network({ seed: 7, records: this.#b.records }, (kernel) => createUserland(this.#overriding(kernel), APPS));
    this.network.onOutput = (process, stream, text) => {
      if (stream !== 'stdout') return;
      const lines = this.#outcomes.get(process) ?? [];
      lines.push(text);
      this.#outcomes.set(process, lines);
    };
    this.network.advanceTo(1e9);
  }

  #build(): void {
    const { cluster } = this.#world;
    const { cni } = cluster;
    const mtu = cni.mtu ?? (cni.mode === 'vxlan' ? 1450 : 1500);
    addFlannel(this.#b, {
      nodes: this.#nodes,
      mode: cni.mode,
      podMtu: mtu,
      ...(cni.vxlanMtu === undefined ? {} : { vxlanMtu: cni.vxlanMtu }),
      gateway: ROUTER,
    });
    for (const pod of cluster.pods) {
      const netns = addPod(this.#b, pod.node, pod.name, pod.ip, { mtu });
      this.#serve(netns, pod.name, pod.tcp ?? [], pod.udp ?? []);
    }
    this.#buildOutside();
    this.#putRules();
  }

  #serve(netns: string, name: string, tcp: readonly number[], udp: readonly number[]): void {
    this.#b.records.put({
      kind: 'process',
      id: `${netns}/process/server`,
      origin: { component: 'test', objects: [] },
      netns,
      app: 'probe-server',
      name: 'server',
      config: { name, tcp, udp },
    });
  }

  #buildOutside(): void {
    const b = this.#b;
    const router = b.host('router', { 'net.ipv4.ip_forward': 1, 'net.bridge.bridge-nf-call-iptables': 0 }, 'router');
    b.cable(
      'ethernet',
      { netns: 'underlay/netns/root', name: 'p-router' },
      { netns: router, name: 'eth0' },
      { masterA: 'underlay/netns/root/device/sw0', addressesB: [`${ROUTER}/24`] },
    );
    const brOut = b.device(router, 'br-out', { type: 'bridge', ageingSeconds: 300 }, ['203.0.113.1/24']);
    for (const e of this.#world.cluster.externals) {
      const netns = b.host(`ext-${e.name}`, {}, 'external');
      b.cable('ethernet', { netns: router, name: `p-${e.name}` }, { netns, name: 'eth0' }, { masterA: brOut, addressesB: [`${e.ip}/24`] });
      b.route(netns, '0.0.0.0/0', { gateway: '203.0.113.1', device: 'eth0' });
      this.#serve(netns, e.name, e.tcp ?? [], e.udp ?? []);
    }
  }

  #putRules(): void {
    const services: ServicePort[] = [];
    for (const s of this.#world.cluster.services) {
      const ips = s.endpoints?.map((e) => e.ip) ?? [...this.#pods.values()].filter((p) => matches(p.labels, s.selector)).map((p) => p.ip);
      for (const port of s.ports) {
        services.push({
          name: `${s.namespace}/${s.name}`,
          clusterIp: s.clusterIP,
          port: port.port,
          protocol: port.protocol.toLowerCase() as 'tcp' | 'udp',
          ...(port.nodePort === undefined ? {} : { nodePort: port.nodePort }),
          endpoints: ips.map((ip) => `${ip}:${port.targetPort}`),
        });
      }
    }
    for (const node of this.#nodes) {
      const policy = this.#policyRules(node.name);
      putKubeRules(this.#b, `${node.name}/netns/root`, {
        clusterCidr: CLUSTER_CIDR,
        podCidr: node.podCidr,
        services,
        ...(policy === undefined ? {} : { policy }),
      });
    }
  }

  /** A stand-in in kube-router's shape, for the pods of one node: answers pass, allowed peers pass, the rest of what goes to a selected pod is dropped. */
  #policyRules(node: string): { forward: string[]; chains: Record<string, string[]> } | undefined {
    const policies = this.#world.cluster.policies ?? [];
    if (policies.length === 0) return undefined;
    const forward: string[] = [];
    const chains: Record<string, string[]> = {};
    for (const pod of this.#pods.values()) {
      const own = policies.filter((p) => matches(pod.labels, p.podSelector.matchLabels));
      if (own.length === 0 || pod.node !== node) continue;
      const chain = `KUBE-POD-FW-${pod.name}`;
      forward.push(`-d ${pod.ip}/32 -j ${chain}`);
      const rules = ['-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN'];
      for (const rule of own.flatMap((p) => p.ingress)) {
        for (const peer of [...this.#pods.values()].filter((p) => rule.from.some((f) => matches(p.labels, f.podSelector.matchLabels)))) {
          for (const port of rule.ports) {
            const protocol = port.protocol.toLowerCase();
            rules.push(`-s ${peer.ip}/32 -p ${protocol} -m ${protocol} --dport ${port.port} -j RETURN`);
          }
        }
      }
      // What a node sends to its own pods does not pass FORWARD; everything else that was not allowed ends here.
      rules.push('-j DROP');
      chains[chain] = rules;
    }
    return { forward, chains };
  }

  #overriding(kernel: Kernel): Kernel {
    const { output, routeFor } = kernel;
    const wrapped: Kernel = Object.create(kernel);
    return Object.assign(wrapped, {
      output: (netns: string, packet: Parameters<Kernel['output']>[1], by: string) => {
        if (netns === this.#overrides.netns && packet.tcp !== undefined && this.#overrides.ttl !== undefined) packet.ttl = this.#overrides.ttl;
        return output(netns, packet, by);
      },
      routeFor: (netns: string, dst: number) => {
        const route = routeFor(netns, dst);
        if (typeof route === 'string' || netns !== this.#overrides.netns || this.#overrides.source === undefined) return route;
        return { ...route, source: ip4(this.#overrides.source) };
      },
    });
  }

  /** `pod:client` and the like; the netns' id here. */
  #netnsOf(who: string): string {
    const [kind, name] = who.split(':') as [string, string];
    if (kind === 'pod') return `${this.#pods.get(name)?.node}/netns/${name}.default`;
    return kind === 'node' ? `${name}/netns/root` : `ext-${name}/netns/root`;
  }

  #target(to: string): { readonly ip: number; readonly port: number } {
    const parts = to.split(':');
    if (parts[0] === 'pod') return { ip: ip4(this.#pods.get(parts[1] as string)?.ip ?? ''), port: Number(parts[2] ?? 0) };
    if (parts[0] === 'ext') return { ip: ip4(this.#world.cluster.externals.find((e) => e.name === parts[1])?.ip ?? ''), port: Number(parts[2] ?? 0) };
    return { ip: parseIp4(parts[0] as string) ?? 0, port: Number(parts[1] ?? 0) };
  }

  /** Name of a netns in the recordings. */
  traceName(netns: string): string {
    const [host, , name] = netns.split('/') as [string, string, string];
    return name === 'root' ? host : `pod-${name.split('.')[0]}`;
  }

  run(trace: RecordedTrace): StepReport[] {
    const reports: StepReport[] = [];
    this.#world.steps.forEach((step, i) => {
      const recorded = trace.steps[i];
      if (recorded === undefined) throw new Error(`step ${i} has no recording`);
      if (step.type === 'set') this.#set(step);
      else if (step.type === 'delete_pod') this.#delete(step.pod as string);
      else if (step.type === undefined) reports.push(this.#flow(step, recorded));
    });
    return reports;
  }

  #set(step: RecordedStep): void {
    for (const [name, change] of Object.entries(step.pods ?? {})) {
      const pod = this.#pods.get(name);
      if (pod !== undefined) this.#pods.set(name, { ...pod, labels: change.labels });
    }
    this.#putRules();
  }

  #delete(name: string): void {
    const pod = this.#pods.get(name);
    if (pod === undefined) return;
    this.#pods.delete(name);
    removePod(this.#b, pod.node, name);
    this.#putRules();
  }

  #flow(step: RecordedStep, recorded: RecordedTrace['steps'][number]): StepReport {
    const { network } = this;
    const fromSeq = network.traceLength;
    const before = new Map(this.#nodes.map((n) => [n.name, this.#connectionKeys(n.name)]));
    const outcome = this.#call(step);
    network.advanceTo(network.nowNs + SETTLE_NS);
    const events = network.events(fromSeq, network.traceLength);
    const symbols = new Symbols();
    const result = compareResult(symbols, recorded.result, outcome);
    const target = formatIp(this.#target(step.to as string).ip);
    const late = (p: RecordedPacket): boolean => p.label.startsWith('ICMP') && quotedTargets(p).some((ip) => ip !== target && this.#called.has(ip));
    const packets = (recorded.packets ?? []).filter((p) => !late(p));
    this.#called.add(target);
    const names = { traceName: (netns: string) => this.traceName(netns), macName: (mac: string) => this.#macName(mac) };
    const hops = compareHops(symbols, packets, events, names);
    const connections: Difference[] = [];
    for (const [node, expected] of Object.entries(recorded.conntrack ?? {})) {
      const actual = network.connections(`${node}/netns/root`);
      connections.push(...compareConnections(symbols, node, expected, actual, (c) => before.get(node)?.has(keyOf(c)) === true));
    }
    return { step: step.name ?? '', result, hops, connections, arp: compareArp(recorded.arp ?? [], events, names) };
  }

  #connectionKeys(node: string): ReadonlySet<string> {
    return new Set(this.network.connections(`${node}/netns/root`).map(keyOf));
  }

  #call(step: RecordedStep): Outcome {
    const { network } = this;
    const netns = this.#netnsOf(step.from as string);
    Object.assign(this.#overrides, { netns, ttl: step.ttl, source: step.src });
    const timeoutSeconds = step.timeout ?? DEFAULT_TIMEOUT_SECONDS;
    let process: string;
    if (step.reuse !== undefined) {
      process = this.#kept.get(step.reuse) as string;
      network.writeStdin(process, String(timeoutSeconds));
    } else {
      const target = this.#target(step.to as string);
      const proto = step.proto ?? 'tcp';
      this.#clients += 1;
      const config: ClientConfig = {
        proto,
        ip: target.ip,
        port: target.port,
        bytes: step.size ?? (proto === 'icmp' ? 55 : 18),
        sends: step.sends ?? 1,
        ttl: step.ttl,
        // IP_PMTUDISC_DO; without it the kernel cuts what is larger than the path's MTU.
        dontFragment: step.pmtudisc === 2 ? true : undefined,
        put: step.put ?? 0,
        get: step.get ?? 0,
        timeoutNs: timeoutSeconds * 1e9,
        keep: step.keep !== undefined,
      };
      process = network.spawn({ netns, app: 'probe-client', name: `client-${this.#clients}`, config });
      if (step.keep !== undefined) this.#kept.set(step.keep, process);
    }
    const seen = this.#outcomes.get(process)?.length ?? 0;
    const deadline = network.nowNs + (timeoutSeconds + 1) * 1e9;
    network.run({ untilNs: deadline, maxEvents: 200_000, stop: () => (this.#outcomes.get(process)?.length ?? 0) > seen });
    const line = this.#outcomes.get(process)?.[seen];
    if (step.keep === undefined && step.reuse === undefined) {
      // The overridden TTL holds for the whole connection.
      network.advanceTo(network.nowNs + SETTLE_NS);
    }
    Object.assign(this.#overrides, { ttl: undefined, source: undefined });
    return line === undefined ? { status: 'nothing' } : (JSON.parse(line) as Outcome);
  }

  /** Also of devices that are gone: frames to them still fly. */
  #macName(mac: string): string {
    if (mac === 'ff:ff:ff:ff:ff:ff') return 'broadcast';
    return this.#macNames.get(mac) ?? mac;
  }
}

const matches = (labels: Readonly<Record<string, string>>, selector: Readonly<Record<string, string>>): boolean =>
  Object.entries(selector).every(([k, v]) => labels[k] === v);

/** Whom the packets that an ICMP error quotes were sent to. */
function quotedTargets(packet: RecordedPacket): string[] {
  return packet.hops.flatMap((h) => {
    const orig = (h.ip as { icmp?: { orig?: { dst?: string } } } | undefined)?.icmp?.orig?.dst;
    return orig === undefined ? [] : [orig];
  });
}

const keyOf = (c: ConnectionView): string => JSON.stringify([c.protocol, c.original, c.reply]);

function compareResult(symbols: Symbols, recorded: RecordedResult | undefined, outcome: Outcome): Difference[] {
  if (recorded === undefined) return [];
  const differences: Difference[] = [];
  const same = (what: string, expected: unknown, actual: unknown): void => {
    if (expected !== undefined && !symbols.same(expected, actual)) differences.push({ where: what, expected, actual });
  };
  same('status', recorded.status, outcome.status);
  same('server', recorded.server, outcome.server);
  same('server_saw', recorded.server_saw, outcome.saw);
  same('received', recorded.received, outcome.received);
  same('from', recorded.from ?? undefined, outcome.from);
  if (recorded.status === 'ok') same('ttl', recorded.ttl, outcome.ttl);
  return differences;
}
