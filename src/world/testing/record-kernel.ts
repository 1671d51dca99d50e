/** A recorder: does the steps of a world on this machine's kernel and writes down what happened, in the format of the recordings. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { formatIp } from '../../net/addr/ip.ts';
import { readSaved } from '../../net/netfilter/command/restore.ts';
import { formatIptablesSave } from '../../net/netfilter/save.ts';
import type { Chain } from '../../net/records.ts';
import { createShell } from '../../shell/index.ts';
import { exportNetns } from '../export-netns.ts';
import { exportedNetnsName } from '../export-netns-text.ts';
import { numberOfRule } from '../recorded/check.ts';
import type { RecordedPacket } from '../recorded/compare-hops.ts';
import type { RuleVisit } from '../recorded/compare-rules.ts';
import type { RecordedFlow, RecordedResult, RecordedStep, RecordedTrace, RecordedTraceStep, RecordedWorld } from '../recorded/format.ts';
import { DEFAULT_TIMEOUT_SECONDS, RecordedRun } from '../recorded/run.ts';
import { arpOf, type CapturedFrame, eventsOf, Symbolizer } from './parity-compare.ts';
import { packetVisits } from './record-rules.ts';

const AGENT = join(dirname(fileURLToPath(import.meta.url)), 'record-agent.py');
const ECHO_BYTES = 55;
const UDP_BYTES = 18;

interface Tables {
  readonly conntrack: string;
  readonly counters: string;
}
interface FlowAnswer {
  readonly results: readonly RecordedResult[];
  readonly frames: readonly (readonly [string, string, 'in' | 'out', string, string])[];
  readonly rules: Readonly<Record<string, { readonly lines: readonly string[]; readonly numbers: Readonly<Record<string, number>> }>>;
  readonly tables: Readonly<Record<string, Tables>>;
}
interface CommandAnswer {
  readonly code: number;
  readonly output: string;
}

let clusters = 0;

export class KernelRecorder {
  readonly notes: string[] = [];
  readonly #world: RecordedWorld;
  readonly #sim: RecordedRun;
  readonly #prefix: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'kubehop-record-'));
  #agent: ChildProcess | undefined;
  #reader: Interface | undefined;
  #lines: AsyncIterator<string> | undefined;
  /** Rules as they were last written, by node. */
  readonly #rules = new Map<string, string>();
  #counters = new Map<string, number>();

  constructor(world: RecordedWorld) {
    clusters += 1;
    this.#prefix = `kubehop-rec-${process.pid}-${clusters}-`;
    this.#world = world;
    this.#sim = new RecordedRun(world, { createShell });
  }

  #name(netnsId: string): string {
    return `${this.#prefix}${exportedNetnsName(netnsId)}`;
  }

  #nodes(): string[] {
    return this.#sim.cluster.nodes.map((node) => `${node.name}/netns/root`);
  }

  /** Builds the cluster, starts its servers. @throws {Error} when it cannot be built. */
  async build(): Promise<void> {
    const { records } = this.#sim.world;
    writeFileSync(join(this.#folder, 'cluster.sh'), exportNetns(records.values(), []));
    const names = [...records.values()].flatMap((one) => (one.kind === 'netns' ? [this.#name(one.id)] : []));
    const agent = spawn('python3', [AGENT, this.#folder, JSON.stringify({ names, nodes: this.#nodes().map((id) => this.#name(id)) })], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, KUBEHOP_PREFIX: this.#prefix },
      detached: true,
    });
    this.#agent = agent;
    this.#reader = createInterface({ input: agent.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
    const line = await this.#line();
    if (line !== 'ready') throw new Error(line);
    const { cluster } = this.#sim;
    for (const pod of cluster.pods) {
      const netns = pod.hostNetwork ? `${pod.node}/netns/root` : `${pod.node}/netns/${pod.name}.${pod.namespace}`;
      if (pod.tcp.length + pod.udp.length > 0) await this.#ask({ op: 'serve', netns: this.#name(netns), name: pod.name, tcp: pod.tcp, udp: pod.udp });
    }
    for (const one of cluster.externals) {
      if (one.tcp.length + one.udp.length > 0)
        await this.#ask({ op: 'serve', netns: this.#name(`${one.name}/netns/root`), name: one.name, tcp: one.tcp, udp: one.udp });
    }
    for (const node of this.#nodes()) this.#rules.set(node, this.#rulesOf(node));
    for (const netns of [...records.values()]) {
      if (netns.kind === 'netns') await this.#ask({ op: 'sh', netns: this.#name(netns.id), cmd: 'echo 0 > /proc/sys/net/ipv4/icmp_ratelimit' });
    }
    // What fresh devices announce by themselves (IGMP) goes by first.
    await this.#ask({ op: 'sleep', seconds: 1 });
    this.#counters = this.#countersOf(await this.#ask({ op: 'tables' }));
  }

  async #line(): Promise<string> {
    const line = await this.#lines?.next();
    if (line === undefined || line.done === true) throw new Error('the agent has ended');
    return line.value;
  }

  async #ask<T>(request: Readonly<Record<string, unknown>>): Promise<T> {
    this.#agent?.stdin?.write(`${JSON.stringify(request)}\n`);
    const line = await this.#line();
    // Nanoseconds since 1970 are more than a number holds exactly.
    return JSON.parse(line.replace(/"(in|out)", (\d+), /g, '"$1", "$2", ')) as T;
  }

  #rulesOf(netns: string): string {
    const chains = [...this.#sim.world.records.values()].filter((one): one is Chain => one.kind === 'chain' && one.netns === netns);
    return formatIptablesSave(chains, { date: '' }).replace(/^#.*\n/gm, '');
  }

  #countersOf(tables: Readonly<Record<string, Tables>>): Map<string, number> {
    const counters = new Map<string, number>();
    const numberOf = numberOfRule(this.#sim);
    for (const id of this.#nodes()) {
      // The recorder's own rules, which ask for the trace, are in the raw table.
      const text = (tables[this.#name(id)]?.counters ?? '').replace(/^\*raw\n[^*]*^COMMIT\n/m, '');
      for (const table of readSaved(text)) {
        for (const chain of table.chains()) {
          for (const [i, rule] of chain.rules.entries()) {
            const told = numberOf(`${id}/chain/${table.table}/${chain.name}`, i);
            if (told > 0) counters.set(`${this.#sim.traceName(id)} ${table.table} ${chain.name} ${told}`, rule.counters[0]);
          }
        }
      }
    }
    return counters;
  }

  async record(): Promise<RecordedTrace> {
    const steps: RecordedTraceStep[] = [];
    for (const step of this.#world.steps) steps.push(await this.#step(step));
    return { id: this.#world.id, steps };
  }

  async #step(step: RecordedStep): Promise<RecordedTraceStep> {
    const before = new Set([...this.#sim.world.records.values()].flatMap((one) => (one.kind === 'netns' ? [one.id] : [])));
    // Agents here say what a change makes of the rules.
    if (step.type !== 'flow') this.#sim.step(step);
    switch (step.type) {
      case 'flow':
        return this.#flow(step);
      case 'sh': {
        const { code, output } = await this.#ask<CommandAnswer>({ op: 'sh', netns: this.#name(this.#sim.netnsNamed(step.command.ns)), cmd: step.command.cmd });
        if (code !== 0) this.notes.push(`"${step.command.cmd}" ended with ${code}: ${output.trim()}`);
        for (const node of this.#nodes()) this.#rules.set(node, this.#rulesOf(node));
        break;
      }
      case 'conntrack_delete':
        for (const node of step.nodes.length > 0 ? step.nodes.map((name) => `${name}/netns/root`) : this.#nodes()) {
          await this.#ask<CommandAnswer>({ op: 'sh', netns: this.#name(node), cmd: `conntrack ${step.args.startsWith('-F') ? step.args : `-D ${step.args}`}` });
        }
        break;
      case 'sleep':
        await this.#ask({ op: 'sleep', seconds: step.seconds });
        break;
      default:
        for (const record of this.#sim.world.records.values()) if (record.kind === 'netns') before.delete(record.id);
        for (const id of before) await this.#ask({ op: 'forget', netns: this.#name(id) });
        for (const node of this.#nodes()) {
          const rules = this.#rulesOf(node);
          if (rules === this.#rules.get(node)) continue;
          this.#rules.set(node, rules);
          const { code, output } = await this.#ask<CommandAnswer>({ op: 'restore', netns: this.#name(node), rules });
          if (code !== 0) throw new Error(`iptables-restore: ${output}`);
        }
    }
    this.#counters = this.#countersOf(await this.#ask({ op: 'tables' }));
    return { type: step.type };
  }

  async #flow(step: RecordedFlow): Promise<RecordedTraceStep> {
    const target = step.to === '' ? undefined : this.#sim.targetOf(step.to);
    const answer = await this.#ask<FlowAnswer>({
      op: 'flow',
      netns: this.#name(this.#sim.netnsOf(step.from)),
      proto: step.proto,
      ip: target === undefined ? '' : formatIp(target.ip),
      port: target?.port ?? 0,
      ttl: step.ttl ?? null,
      size: step.size ?? (step.proto === 'icmp' ? ECHO_BYTES : UDP_BYTES),
      count: step.count,
      sends: step.sends,
      src: step.src ?? null,
      sport: step.sport ?? null,
      timeout: step.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS,
      keep: step.keep ?? null,
      reuse: step.reuse ?? null,
      close: step.close,
      put: step.put,
      get: step.get,
      pmtudisc: step.pmtudisc ?? null,
    });
    return this.#told(step, answer);
  }

  #told(step: RecordedFlow, answer: FlowAnswer): RecordedTraceStep {
    const sim = this.#sim;
    const ids = new Map([...sim.world.records.values()].flatMap((one) => (one.kind === 'netns' ? [[this.#name(one.id), one.id] as const] : [])));
    const frames = answer.frames.map(
      ([netns, device, direction, time, hex]): CapturedFrame => ({
        netns: ids.get(netns) ?? netns,
        device,
        direction,
        timeNs: BigInt(time),
        bytes: new Uint8Array(Buffer.from(hex, 'hex')),
      }),
    );
    const events = eventsOf(frames);
    const symbolizer = new Symbolizer(this.#knownPorts(), sim.cluster.cni.port);
    const packets: (RecordedPacket & { readonly hooks?: readonly RuleVisit[] })[] = [...symbolizer.packets(events, sim.names)];
    const visits = packetVisits(
      this.#nodes().map((id) => ({ ns: sim.traceName(id), ...(answer.rules[this.#name(id)] ?? { lines: [], numbers: {} }) })),
      sim.cluster.cni.port,
    );
    const numberOf = numberOfRule(sim);
    for (const [label, met] of visits) {
      const hooks = met.flatMap((one) => {
        const rule = one.rule === 0 ? 0 : numberOf(`${sim.netnsNamed(one.ns)}/chain/${one.table}/${one.chain}`, one.rule - 1);
        return one.rule > 0 && rule === 0 ? [] : [{ ...one, rule }];
      });
      const at = packets.findIndex((one) => one.label === label);
      const own = packets[at];
      if (own === undefined) packets.push({ label, hops: [], hooks });
      else packets[at] = { ...own, hooks };
    }
    const counters = this.#countersOf(answer.tables);
    const added = Object.fromEntries([...counters].map(([key, value]) => [key, value - (this.#counters.get(key) ?? 0)]));
    this.#counters = counters;
    const conntrack = Object.fromEntries(
      this.#nodes().map((id) => [
        sim.traceName(id),
        (answer.tables[this.#name(id)]?.conntrack ?? '').split('\n').flatMap((line) => symbolizer.connection(line) ?? []),
      ]),
    );
    const [first] = answer.results;
    return {
      type: 'flow',
      name: step.name,
      ...(answer.results.length === 1 && first !== undefined
        ? { result: this.#symbolic(first, symbolizer) }
        : { results: answer.results.map((one) => this.#symbolic(one, symbolizer)) }),
      packets,
      conntrack,
      counters: added,
      arp: arpOf(events, sim.names),
    };
  }

  #symbolic(result: RecordedResult, symbolizer: Symbolizer): RecordedResult {
    return Object.fromEntries(
      Object.entries(result).map(([key, value]) => [key, key === 'server_saw' && typeof value === 'string' ? symbolizer.endpoint(value) : value]),
    );
  }

  #knownPorts(): number[] {
    const { cluster } = this.#sim;
    const bound = this.#world.steps.flatMap((step) => (step.type === 'flow' ? [step.sport ?? 0, step.to === '' ? 0 : this.#portOf(step.to)] : []));
    return [
      cluster.cni.port,
      ...cluster.pods.flatMap((pod) => [...pod.tcp, ...pod.udp]),
      ...cluster.externals.flatMap((one) => [...one.tcp, ...one.udp]),
      ...cluster.services.flatMap((one) => one.ports.flatMap((port) => [port.port, port.targetPort, port.nodePort ?? 0])),
      ...bound,
    ];
  }

  #portOf(to: string): number {
    return Number(to.split(':').at(-1)) || 0;
  }

  async down(): Promise<void> {
    const agent = this.#agent;
    if (agent === undefined) return;
    const ended = new Promise((resolve) => agent.once('exit', resolve));
    agent.stdin?.end();
    if (agent.exitCode === null) await ended;
    this.#reader?.close();
  }
}
