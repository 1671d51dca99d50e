/** Conformance cases by packets: every probe is sent, judged by what happened to it, and by the walk through the policies, which must say the same. */
import { parseIp } from '../../../net/addr/ip.ts';
import { buildModel, findEndpoint, type PolicyModel } from '../policy-model.ts';
import type { PolicyEndpoint } from '../policy-types.ts';
import { verdict } from '../verdict.ts';
import type { Probe, Step } from './conformance-cases.ts';
import { type BenchKind, type PolicyBench, policyBench, type Way } from './policy-bench.ts';

export interface PacketRunOptions {
  /** What the reason of every denial must contain: it was dropped by the one who enforces, and not by chance. */
  readonly droppedBy: string;
  readonly way?: Way;
  /** Of a step's probes every so many-th, a different one in each step. */
  readonly stride?: number;
}

export interface PacketRun {
  readonly sent: number;
  readonly failed: number;
  /** Cases of which at least one probe was sent; and of those the ones in which all agree. */
  readonly steps: number;
  readonly stepsPassed: number;
  /** By protocol. */
  readonly byProtocol: Readonly<Record<string, { readonly sent: number; readonly failed: number }>>;
  /** Sentences about the first dozen disagreements. */
  readonly wrong: readonly string[];
}

/** A bench remembers connections and keeps its log: after so many steps another one is set up. */
const STEPS_OF_A_BENCH = 40;
const MAX_SENTENCES = 12;

const OUTSIDE = '203.0.113.9';

/** A pod of the case, or somebody outside. */
export function endOf(model: PolicyModel, id: string): PolicyEndpoint {
  const found = id.startsWith('external') ? findEndpoint(model, OUTSIDE) : model.byId.get(id);
  if (found === undefined) throw new Error(`no pod ${id}`);
  return found;
}

/** What the policies themselves say, without any packet. */
export function judge(model: PolicyModel, { from, to, toIp, protocol, port }: Probe): ReturnType<typeof verdict> {
  const ip = toIp === undefined ? undefined : parseIp(toIp);
  return verdict(model, { from: endOf(model, from), to: endOf(model, to), protocol, port, ...(ip === undefined ? {} : { toIp: ip }) });
}

export function packetRun(steps: readonly Step[], kind: BenchKind, { droppedBy, way = 'pod', stride = 1 }: PacketRunOptions): PacketRun {
  const wrong: string[] = [];
  const byProtocol: Record<string, { sent: number; failed: number }> = {};
  let stepsSent = 0;
  let stepsPassed = 0;
  const benches = new Map<string, { readonly bench: PolicyBench; steps: number }>();
  steps.forEach((step, index) => {
    const key = JSON.stringify(step.pods.map((pod) => [pod.metadata.namespace, pod.metadata.name, pod.status?.podIP]));
    let known = benches.get(key);
    if (known === undefined || known.steps >= STEPS_OF_A_BENCH) {
      known = { bench: policyBench(step, kind), steps: 0 };
      benches.set(key, known);
    }
    known.steps += 1;
    known.bench.enforce(step);
    const model = buildModel(step);
    let sent = 0;
    let failed = 0;
    step.probes.forEach((probe, at) => {
      if ((at + index) % stride !== 0) return;
      const outcome = (known as { readonly bench: PolicyBench }).bench.send(probe, way);
      if (outcome === undefined) return;
      const what = `${step.id}: ${probe.from} to ${probe.to} ${probe.protocol} ${probe.port}`;
      const said = judge(model, probe);
      let problem: string | undefined;
      if (outcome.arrived !== probe.allowed)
        problem = `${outcome.arrived ? 'arrived' : (outcome.dropped ?? '')}, expected ${probe.allowed ? 'to arrive' : 'to be dropped'}`;
      else if (!outcome.arrived && outcome.dropped?.includes(droppedBy) !== true) problem = `dropped by somebody else: ${outcome.dropped}`;
      else if (said.allowed !== outcome.arrived)
        problem = `${outcome.arrived ? 'arrived' : 'dropped'}, and the walk says ${said.allowed ? 'allowed' : 'denied'}`;
      const count = byProtocol[probe.protocol] ?? { sent: 0, failed: 0 };
      byProtocol[probe.protocol] = count;
      count.sent += 1;
      sent += 1;
      if (problem === undefined) return;
      count.failed += 1;
      failed += 1;
      if (wrong.length < MAX_SENTENCES) wrong.push(`${what}: ${problem}`);
    });
    if (sent > 0) stepsSent += 1;
    if (sent > 0 && failed === 0) stepsPassed += 1;
  });
  const counts = Object.values(byProtocol);
  const sum = (of: 'sent' | 'failed'): number => counts.reduce((total, one) => total + one[of], 0);
  return { sent: sum('sent'), failed: sum('failed'), steps: stepsSent, stepsPassed, byProtocol, wrong };
}
