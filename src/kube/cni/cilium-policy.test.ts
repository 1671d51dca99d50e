/** Policy maps judged as others expect NetworkPolicies to be: each probe is looked up as a packet would be, in the sender's map and in the receiver's. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIRST_LOCAL_IDENTITY } from '../../net/bpf/bpf-records.ts';
import { PolicyMap } from '../../net/bpf/policy-map.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { Pod } from '../pod/types.ts';
import { networkPolicy } from '../policy/network-policy.ts';
import { cyclonusSteps, e2eSteps, haveCases, recipeSteps, type Step } from '../policy/testing/conformance-cases.ts';
import { packetRun } from '../policy/testing/packet-run.ts';
import { endpointNumbers } from './cilium-identity.ts';
import { policyCompiler, portPrefixes } from './cilium-policy.ts';
import type { CiliumNetworkPolicy } from './cilium-policy-kinds.ts';
import { ciliumKind } from './testing/cilium-bench.ts';

/** A store with nothing in it but these. */
function viewOf(objects: readonly KubeObject[]): StoreView {
  const byKind = new Map<string, KubeObject[]>();
  for (const object of objects) byKind.set(object.kind, [...(byKind.get(object.kind) ?? []), object]);
  const none = new Map<string, readonly KubeObject[]>();
  const list = (kind: string): readonly KubeObject[] => {
    const known = byKind.get(kind) ?? none.get(kind);
    if (known !== undefined) return known;
    none.set(kind, []);
    return none.get(kind) ?? [];
  };
  const find = (key: string): KubeObject | undefined => objects.find((one) => objectKey(one) === key);
  return { nowNs: 0, list, find } as unknown as StoreView;
}

const PROTOCOLS = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1 } as const;

type Judge = (from: string, to: string, protocol: keyof typeof PROTOCOLS, port: number) => boolean;

function judgeOf(pods: readonly Pod[], others: readonly KubeObject[]): Judge {
  const placed = pods.map((pod) => ({ ...pod, spec: { ...pod.spec, nodeName: 'node' } }));
  const view = viewOf([...placed, ...others]);
  const numbers = endpointNumbers(view);
  const compiler = policyCompiler(view);
  const maps = new Map<string, PolicyMap>();
  const identity = (id: string): number => numbers.identities.get(`Pod/${id}`) ?? 2;
  const mapOf = (id: string): PolicyMap | undefined => {
    const pod = placed.find((one) => `${one.metadata.namespace}/${one.metadata.name}` === id);
    if (pod === undefined) return undefined;
    let map = maps.get(id);
    if (map === undefined) {
      const { entries, enforcesIngress, enforcesEgress } = compiler.policyOf(identity(id), pod);
      const origin = { component: 'test', objects: [] };
      map = new PolicyMap({ kind: 'bpf-policy', id, origin, netns: '', ip: '', endpointId: 1, enforcesIngress, enforcesEgress, entries });
      maps.set(id, map);
    }
    return map;
  };
  return (from, to, protocol, port) =>
    (mapOf(from)?.check(true, identity(to), PROTOCOLS[protocol], port, 0).allowed ?? true) &&
    (mapOf(to)?.check(false, identity(from), PROTOCOLS[protocol], port, 0).allowed ?? true);
}

/** Addresses of pods are nothing to Cilium: a range never means a pod. */
const hasRange = (step: Step): boolean => JSON.stringify(step.policies).includes('"ipBlock"');

function disagreements(steps: readonly Step[]): { readonly wrong: readonly string[]; readonly judged: number } {
  const wrong: string[] = [];
  let judged = 0;
  for (const step of steps.filter((one) => !hasRange(one))) {
    const policies = step.policies.map((policy) => networkPolicy.defaults?.(policy) ?? policy);
    const judge = judgeOf(step.pods, [...step.namespaces, ...policies]);
    for (const { from, to, protocol, port, allowed } of step.probes) {
      if (from === to) continue;
      judged += 1;
      if (judge(from, to, protocol, port) !== allowed) wrong.push(`${step.id}: ${from} to ${to} ${protocol} ${port}: expected ${allowed}`);
    }
  }
  return { wrong: wrong.slice(0, 10), judged };
}

describe.skipIf(!haveCases)('policy maps agree with what others expect of NetworkPolicies (../shared/conformance)', () => {
  it('in the end-to-end tests of Kubernetes', () => {
    const { wrong, judged } = disagreements(e2eSteps());
    expect(wrong).toEqual([]);
    expect(judged).toBeGreaterThan(250);
  });
  it('in the truth tables of Cyclonus', () => {
    const { wrong, judged } = disagreements(cyclonusSteps().filter((_, i) => i % 4 === 0));
    expect(wrong).toEqual([]);
    expect(judged).toBeGreaterThan(12_000);
  });
  it('in the recipes', () => {
    expect(disagreements(recipeSteps()).wrong).toEqual([]);
  });
  it('by packets too, to pods and through Services: a part of what `npm run conformance` sends', () => {
    for (const way of ['pod', 'service'] as const) {
      const { wrong, sent } = packetRun(
        e2eSteps().filter((step) => !hasRange(step)),
        ciliumKind,
        { droppedBy: 'Policy denied', way, stride: 7 },
      );
      expect(wrong).toEqual([]);
      expect(sent).toBeGreaterThan(40);
    }
  });
});

describe("Cilium's own dialect", () => {
  const pod = (name: string, app: string, namespace = 'shop'): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app } },
    spec: { containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 8080 }] }] },
    status: { phase: 'Running', podIP: '10.0.0.1' },
  });
  const pods = [pod('web', 'web'), pod('api', 'api'), pod('db', 'db'), pod('other', 'web', 'else')];
  const policy = (spec: CiliumNetworkPolicy['spec'], kind = 'CiliumNetworkPolicy', name = 'one'): KubeObject => ({
    apiVersion: 'cilium.io/v2',
    kind,
    metadata: kind === 'CiliumNetworkPolicy' ? { name, namespace: 'shop' } : { name },
    spec,
  });
  const api = { endpointSelector: { matchLabels: { app: 'api' } } };

  it('is in its own namespace unless it names another, and a clusterwide policy in all', () => {
    const own = judgeOf(pods, [policy({ ...api, ingress: [{ fromEndpoints: [{ matchLabels: { app: 'web' } }] }] })]);
    expect([own('shop/web', 'shop/api', 'TCP', 80), own('else/other', 'shop/api', 'TCP', 80), own('shop/db', 'shop/api', 'TCP', 80)]).toEqual([
      true,
      false,
      false,
    ]);
    const named = judgeOf(pods, [
      policy({ ...api, ingress: [{ fromEndpoints: [{ matchLabels: { app: 'web', 'k8s:io.kubernetes.pod.namespace': 'else' } }] }] }),
    ]);
    expect([named('shop/web', 'shop/api', 'TCP', 80), named('else/other', 'shop/api', 'TCP', 80)]).toEqual([false, true]);
    const wide = judgeOf(pods, [policy({ ...api, ingress: [{ fromEndpoints: [{ matchLabels: { app: 'web' } }] }] }, 'CiliumClusterwideNetworkPolicy')]);
    expect([wide('shop/web', 'shop/api', 'TCP', 80), wide('else/other', 'shop/api', 'TCP', 80)]).toEqual([true, true]);
  });

  it('denies before it allows, however broad the denial and however narrow the permission', () => {
    const judge = judgeOf(pods, [
      policy({ ...api, ingress: [{ fromEntities: ['cluster'], toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }] }] }] }),
      policy({ ...api, ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: 'db' } }] }] }, 'CiliumNetworkPolicy', 'two'),
    ]);
    expect([judge('shop/web', 'shop/api', 'TCP', 80), judge('shop/web', 'shop/api', 'TCP', 81), judge('shop/db', 'shop/api', 'TCP', 80)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('denies nothing but what it says where its default deny is off, and everything by an empty rule', () => {
    const only = judgeOf(pods, [policy({ ...api, enableDefaultDeny: { ingress: false }, ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: 'db' } }] }] })]);
    expect([only('shop/web', 'shop/api', 'TCP', 80), only('shop/db', 'shop/api', 'TCP', 80)]).toEqual([true, false]);
    const nobody = judgeOf(pods, [policy({ ...api, ingress: [{}] })]);
    expect([nobody('shop/web', 'shop/api', 'TCP', 80), nobody('shop/api', 'shop/web', 'TCP', 80)]).toEqual([false, true]);
  });

  it('knows ICMP by type and ports by name', () => {
    const judge = judgeOf(pods, [policy({ ...api, ingress: [{ icmps: [{ fields: [{ type: 'EchoRequest' }] }], toPorts: [{ ports: [{ port: 'web' }] }] }] })]);
    expect([judge('shop/web', 'shop/api', 'ICMP', 8), judge('shop/web', 'shop/api', 'ICMP', 0), judge('shop/web', 'shop/api', 'TCP', 8080)]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

describe('a range of ports', () => {
  it('is as few prefixes as hold it and nothing else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 0, max: 3000 }), (first, more) => {
        const last = Math.min(first + more, 65535);
        const prefixes = portPrefixes(first, last);
        let at = first;
        for (const { port, bits } of prefixes) {
          expect(port).toBe(at);
          expect(port % 2 ** (16 - bits)).toBe(0);
          at += 2 ** (16 - bits);
        }
        expect(at).toBe(last + 1);
        expect(prefixes.length).toBeLessThanOrEqual(30);
      }),
      { numRuns: 50 },
    );
    expect(portPrefixes(0, 65535)).toEqual([{ port: 0, bits: 0 }]);
  });

  it('numbers what is outside beyond what all nodes share', () => {
    expect(FIRST_LOCAL_IDENTITY).toBe(2 ** 24 + 1);
  });
});
