/** The real kernel's side of the comparison: builds the exported cluster, makes requests in it, reads its tables. Linux, root and some tools. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readSaved } from '../../net/netfilter/command/restore.ts';
import { exportedNetnsName, sysctlPath } from '../export-netns-text.ts';
import type { CapturedFrame } from './parity-compare.ts';

const AGENT = join(dirname(fileURLToPath(import.meta.url)), 'parity-agent.py');
const TOOLS = ['ip', 'bridge', 'iptables', 'iptables-restore', 'iptables-save', 'conntrack', 'python3', 'unshare', 'bash'];

/** All that the cluster needs, tried in a namespace that is gone afterwards. */
const TRIAL = `set -e
ip link add b type bridge && ip link add v type vxlan id 1 dstport 8472 && ip link add a type veth peer name c
ip link set a gso_max_segs 1 && ip link set b up && test -e /proc/sys/net/bridge/bridge-nf-call-iptables
iptables -t nat -A POSTROUTING -m comment --comment x -m statistic --mode random --probability 0.5 -j MASQUERADE --random-fully
iptables -A FORWARD -m conntrack --ctstate INVALID -m mark --mark 0x4000/0x4000 -j REJECT
conntrack -L`;

/** Why this machine cannot be the judge, or undefined when it can. `more`: further tools that are needed. */
export function whyNot(more: readonly string[] = []): string | undefined {
  if (process.env.KUBEHOP_PARITY === 'off') return 'KUBEHOP_PARITY is off';
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'it needs root';
  const missing = [...TOOLS, ...more].filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' }).status !== 0);
  if (missing.length > 0) return `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not installed`;
  const version = spawnSync('iptables', ['--version'], { encoding: 'utf8' }).stdout ?? '';
  if (!version.includes('nf_tables')) return `iptables is not the nf_tables variant (${version.trim()})`;
  const trial = spawnSync('unshare', ['-n', 'sh', '-c', TRIAL], { encoding: 'utf8', timeout: 20_000 });
  if (trial.status !== 0) return `this kernel cannot build it (${trial.stderr.trim().split('\n').at(-1) ?? 'no message'})`;
  return undefined;
}

/** Packets by `table chain index`. */
export type Counters = ReadonlyMap<string, number>;

/** Between the outputs of several commands. */
const END = '---- end of output';

export interface KernelRequest {
  readonly netns: string;
  readonly proto: 'tcp' | 'udp' | 'icmp';
  readonly ip: string;
  readonly port: number;
  readonly payload: Uint8Array;
  readonly expect: number;
  readonly ttl: number;
  readonly size: number;
  readonly dontFragment: boolean;
  readonly timeout: number;
}

export class KernelCluster {
  readonly #prefix = `kubehop-test-${process.pid}-`;
  readonly #folder = mkdtempSync(join(tmpdir(), 'kubehop-parity-'));
  readonly #netnses: readonly string[];
  readonly #ids: ReadonlyMap<string, string>;
  #agent: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;
  #reader: Interface | undefined;

  constructor(netnsIds: readonly string[]) {
    this.#netnses = netnsIds;
    this.#ids = new Map(netnsIds.map((id) => [this.#name(id), id]));
  }

  #name(netnsId: string): string {
    return `${this.#prefix}${exportedNetnsName(netnsId)}`;
  }

  #script(...argv: readonly string[]): string {
    return execFileSync('bash', [join(this.#folder, 'cluster.sh'), ...argv], {
      encoding: 'utf8',
      env: { ...process.env, KUBEHOP_PREFIX: this.#prefix },
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** The agent builds the cluster and removes it when this process ends, however it ends. */
  async build(script: string): Promise<void> {
    writeFileSync(join(this.#folder, 'cluster.sh'), script);
    const agent = spawn('python3', [AGENT, JSON.stringify(this.#netnses.map((id) => this.#name(id))), this.#folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, KUBEHOP_PREFIX: this.#prefix },
      detached: true,
    });
    this.#agent = agent;
    this.#reader = createInterface({ input: agent.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
    const line = await this.#line();
    if (line !== 'ready') throw new Error(line);
    // A router's errors to one address are limited to about one a second, which the simulation does not do.
    for (const id of this.#netnses) this.setSysctl(id, 'net.ipv4.icmp_ratelimit', 0);
  }

  /** Ends in a table without differences, or throws with the table. */
  check(): string {
    return this.#script('--check');
  }

  async #line(): Promise<string> {
    const line = await this.#lines?.next();
    if (line === undefined || line.done === true) throw new Error('the agent has ended');
    return line.value;
  }

  async request(one: KernelRequest): Promise<{ readonly result: string; readonly frames: readonly CapturedFrame[] }> {
    this.#agent?.stdin?.write(`${JSON.stringify({ ...one, netns: this.#name(one.netns), payload: Buffer.from(one.payload).toString('hex') })}\n`);
    const line = await this.#line();
    // Nanoseconds since 1970 are more than a number holds exactly.
    const answer = JSON.parse(line.replace(/"(in|out)", (\d+), /g, '"$1", "$2", ')) as {
      readonly result: string;
      readonly frames: readonly (readonly [string, string, 'in' | 'out', string, string])[];
    };
    const frames = answer.frames.map(([netns, device, direction, time, hex]) => ({
      netns: this.#ids.get(netns) ?? netns,
      device,
      direction,
      timeNs: BigInt(time),
      bytes: new Uint8Array(Buffer.from(hex, 'hex')),
    }));
    return { result: answer.result, frames };
  }

  run(netnsId: string, ...command: readonly string[]): string {
    const [program = '', ...argv] = command;
    return execFileSync('ip', ['netns', 'exec', this.#name(netnsId), program, ...argv], {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }

  setSysctl(netnsId: string, name: string, value: number): void {
    this.run(netnsId, 'sh', '-c', `echo ${value} > /proc/sys/${sysctlPath(name)}`);
  }

  /** Forgets connections, and with `neighbors` what ARP has taught. One process for all, since each costs more than its work. */
  forget(neighbors: boolean, nodes: readonly string[]): void {
    const flush = neighbors ? this.#netnses.map((id) => `ip -n '${this.#name(id)}' neigh flush all\n`).join('') : '';
    const forget = nodes.map((id) => `ip netns exec '${this.#name(id)}' conntrack -F\n`).join('');
    this.#shell(`{\n${flush}${forget}} >/dev/null 2>&1`);
  }

  /** Counters and lines of `conntrack -L` of each node. */
  read(nodes: readonly string[]): { readonly counters: Counters; readonly connections: readonly string[] }[] {
    const tables = `sh -c 'iptables-save -c; echo "${END}"; conntrack -L 2>/dev/null; echo "${END}"'`;
    const output = this.#shell(nodes.map((id) => `ip netns exec '${this.#name(id)}' ${tables}\n`).join(''));
    return nodes.map((_, i) => ({ counters: countersOf(output[2 * i] ?? ''), connections: (output[2 * i + 1] ?? '').split('\n') }));
  }

  #shell(script: string): string[] {
    return execFileSync('sh', ['-c', script], { encoding: 'utf8', timeout: 20_000 }).split(`${END}\n`);
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

function countersOf(text: string): Counters {
  const counts = new Map<string, number>();
  for (const table of readSaved(text)) {
    for (const chain of table.chains()) {
      for (const [i, rule] of chain.rules.entries()) counts.set(`${table.table} ${chain.name} ${i + 1}`, rule.counters[0]);
    }
  }
  return counts;
}
