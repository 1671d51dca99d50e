/** Other people's expectations of network policies, read from ../shared/conformance: each case's cluster, policies and probes in one shape. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { KubeObject } from '../../../objects/types.ts';
import type { Node } from '../../node/types.ts';
import type { Pod } from '../../pod/types.ts';
import type { PolicyProtocol } from '../policy-types.ts';

interface FilePod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ip: string;
  readonly hostNetwork?: boolean;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol: 'TCP' | 'UDP' | 'SCTP' }[];
}

export interface Probe {
  readonly from: string;
  readonly to: string;
  readonly toIp?: string;
  readonly port: number;
  readonly protocol: PolicyProtocol;
  readonly allowed: boolean;
  /** `I`, `E`, `B` where the case says which side blocks. */
  readonly side?: string;
}
export interface CaseService {
  readonly namespace: string;
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly { readonly port: number; readonly targetPort: number; readonly protocol: 'TCP' | 'UDP' | 'SCTP' }[];
}
export interface Step {
  readonly id: string;
  readonly pods: readonly Pod[];
  readonly namespaces: readonly KubeObject[];
  readonly nodes: readonly Node[];
  readonly policies: readonly KubeObject[];
  readonly probes: readonly Probe[];
  /** The case's own; absent: it says nothing of Services. */
  readonly services?: readonly CaseService[];
}

const folder = resolve(import.meta.dirname, '../../../../../shared/conformance');
export const haveCases = existsSync(resolve(folder, 'netpol-e2e.json'));
const read = <T>(name: string, fallback: T): T => (haveCases ? (JSON.parse(readFileSync(resolve(folder, name), 'utf8')) as T) : fallback);

const podOf = ({ namespace, name, labels, ip, ports = [], hostNetwork }: FilePod, node: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels },
  spec: { nodeName: node, containers: [{ name: 'c', ports }], ...(hostNetwork === true ? { hostNetwork } : {}) },
  status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
});
const namespacesOf = (all: Readonly<Record<string, Readonly<Record<string, string>>>>): readonly KubeObject[] =>
  Object.entries(all).map(([name, labels]) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }));
const nodeNamed = (name: string, address: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  status: { addresses: [{ type: 'InternalIP', address }] },
});

interface E2eFile {
  readonly cases: readonly {
    readonly id: string;
    readonly steps: readonly {
      readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
      readonly pods: readonly FilePod[];
      readonly policies: readonly KubeObject[];
      readonly expected: readonly Probe[];
    }[];
  }[];
}
interface CyclonusFile {
  readonly cases: readonly {
    readonly id: string;
    readonly steps: readonly {
      readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
      readonly pods: readonly FilePod[];
      readonly policies: readonly KubeObject[];
      readonly order: readonly string[];
      readonly expectedMatrix: Readonly<Record<string, Readonly<Record<string, string>>>>;
    }[];
  }[];
}
interface RecipesFile {
  readonly cases: readonly {
    readonly id: string;
    readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
    readonly pods: readonly FilePod[];
    readonly policies: readonly KubeObject[];
    readonly services: readonly CaseService[];
    readonly expected: readonly (Probe & { readonly targetPod?: string; readonly targetPort?: number; readonly allowedBySpec?: boolean })[];
  }[];
}
interface ClusterFile {
  readonly pods: readonly FilePod[];
  readonly cases: readonly {
    readonly id: string;
    readonly steps: readonly {
      readonly policies: readonly KubeObject[];
      readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
      readonly probes: readonly (Probe & { readonly toIP: string })[];
    }[];
  }[];
}

const none = { cases: [] };

export const e2eSteps = (): readonly Step[] =>
  read<E2eFile>('netpol-e2e.json', none).cases.flatMap((one) =>
    one.steps.map((step, index) => ({
      id: `${one.id} step ${index + 1}`,
      pods: step.pods.map((pod) => podOf(pod, '')),
      namespaces: namespacesOf(step.namespaces),
      nodes: [],
      policies: step.policies,
      probes: step.expected,
    })),
  );

export const cyclonusSteps = (): readonly Step[] =>
  read<CyclonusFile>('netpol-cyclonus.json', none).cases.flatMap((one) =>
    one.steps.map((step, index) => ({
      id: `${one.id} step ${index + 1}`,
      pods: step.pods.map((pod) => podOf(pod, '')),
      namespaces: namespacesOf(step.namespaces),
      nodes: [],
      policies: step.policies,
      probes: Object.entries(step.expectedMatrix).flatMap(([name, rows]) => {
        const [protocol = '', port = ''] = name.split('/');
        return Object.entries(rows).flatMap(([from, row]) =>
          step.order.flatMap((to, i) =>
            to === from ? [] : [{ from, to, protocol: protocol as PolicyProtocol, port: Number(port), allowed: row[i] === '.', side: row[i] ?? '' }],
          ),
        );
      }),
    })),
  );

export const recipeSteps = (): readonly Step[] =>
  read<RecipesFile>('netpol-recipes.json', none).cases.map((one) => ({
    id: one.id,
    pods: one.pods.map((pod) => podOf(pod, '')),
    namespaces: namespacesOf(one.namespaces),
    nodes: [],
    policies: one.policies,
    services: one.services,
    probes: one.expected.map((probe) => ({
      ...probe,
      to: probe.targetPod ?? probe.to,
      port: probe.targetPort ?? probe.port,
      allowed: probe.allowedBySpec ?? probe.allowed,
    })),
  }));

export function clusterPolicySteps(): readonly Step[] {
  const file = read<ClusterFile>('cluster-network-policy.json', { pods: [], cases: [] });
  const hosts = file.pods.filter((pod) => pod.hostNetwork === true);
  const nodes = hosts.map((pod, index) => nodeNamed(`node${index}`, pod.ip));
  return file.cases.flatMap((one) =>
    one.steps.map((step, index) => ({
      id: `${one.id} step ${index + 1}`,
      pods: file.pods.map((pod) => podOf(pod, pod.hostNetwork === true ? `node${hosts.indexOf(pod)}` : 'elsewhere')),
      namespaces: namespacesOf(step.namespaces),
      nodes,
      policies: step.policies,
      probes: step.probes.map((probe) => ({ ...probe, toIp: probe.toIP })),
    })),
  );
}
