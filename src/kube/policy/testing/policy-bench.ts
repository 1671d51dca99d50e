/** A cluster of a conformance case in which packets are sent: what agents render of each step is written, and probes go to pods or through Services. */
import { deepEqual } from '../../../base/equal.ts';
import type { NetRecord } from '../../../net/records.ts';
import type { KubeObject } from '../../../objects/types.ts';
import { matchesLabels } from '../../label-selector.ts';
import { builtInChainsAgent } from '../../node/built-in-chains-agent.ts';
import { type ObjectView, objectView } from '../../node/testing/object-view.ts';
import type { Pod } from '../../pod/types.ts';
import { kubeProxyAgent } from '../../service/testing/kube-proxy.ts';
import { type BenchMachines, benchMachines, type Outcome, type Wire } from './bench-machines.ts';
import type { CaseService, Probe, Step } from './conformance-cases.ts';

export type Way = 'pod' | 'service';

export interface PolicyBench {
  /** The policies, labels and namespaces of this step hold from now on. */
  enforce(step: Step): void;
  /** To the pod's own address, or to a Service that has it alone behind it: undefined where there is none. */
  send(probe: Probe, way?: Way): Outcome | undefined;
}

/** How one CNI is tried. */
export interface BenchKind {
  readonly wire: Wire;
  /** Nodes, the CNI's daemons and its settings. */
  cluster(nodes: BenchMachines['nodes']): readonly KubeObject[];
  /** What the CNI writes on all nodes, without its jumps into built-in chains. */
  render(view: ObjectView, nodes: BenchMachines['nodes'], pods: readonly Pod[]): readonly NetRecord[];
}

interface Frontend {
  readonly ip: string;
  readonly pods: readonly Pod[];
  readonly service: CaseService;
}

const idOf = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;

/** The case's own Services, else one for each pod that declares ports: at other ports than the pod's, since policies see what is behind. */
function frontendsOf({ services, pods }: Step): readonly Frontend[] {
  const all: readonly Omit<Frontend, 'ip'>[] =
    services?.map((service) => ({
      service,
      pods: pods.filter((pod) => pod.metadata.namespace === service.namespace && matchesLabels(service.selector, pod.metadata.labels ?? {})),
    })) ??
    pods.flatMap((pod) => {
      const ports = pod.spec.containers.flatMap((one) => one.ports ?? []);
      if (ports.length === 0 || pod.spec.hostNetwork === true) return [];
      const { namespace = 'default', name } = pod.metadata;
      // Cilium does not change ports of SCTP, whose checksum is over the whole packet.
      const offered = ports.map(({ containerPort, protocol = 'TCP' }) => ({
        port: protocol === 'SCTP' ? containerPort : 1000 + containerPort,
        targetPort: containerPort,
        protocol,
      }));
      return [{ service: { namespace, name: `s-${name}`, selector: {}, ports: offered }, pods: [pod] }];
    });
  return all.map((one, index) => ({ ...one, ip: `10.96.${1 + Math.floor(index / 250)}.${1 + (index % 250)}` }));
}

function objectsOf({ service: { namespace, name, ports }, ip, pods }: Frontend): readonly KubeObject[] {
  const named = ports.map((one) => ({ ...one, name: `${one.protocol}-${one.port}`.toLowerCase() }));
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { clusterIP: ip, clusterIPs: [ip], ports: named } };
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: pods.map((pod) => ({ addresses: [pod.status?.podIP ?? ''], conditions: { ready: true, serving: true, terminating: false } })),
    ports: named.map((one) => ({ name: one.name, port: one.targetPort, protocol: one.protocol })),
  };
  return [service, slice] as unknown as readonly KubeObject[];
}

/** kube-proxy's chains and everybody's jumps into the built-in ones. */
function sharedRecords(view: ObjectView, nodes: BenchMachines['nodes']): readonly NetRecord[] {
  const records = [
    ...kubeProxyAgent.keys(view).flatMap((key) => kubeProxyAgent.render(key, view).records),
    ...nodes.flatMap(({ name }) => builtInChainsAgent.render(name, view).records),
  ];
  return records.filter((record) => record.kind !== 'process');
}

export function policyBench(step: Step, kind: BenchKind): PolicyBench {
  const { builder, nodes, placed, send } = benchMachines(step, kind.wire);
  const written = new Map<string, NetRecord>();
  let frontends: readonly Frontend[] = [];
  return {
    enforce(now) {
      const pods = placed(now.pods);
      frontends = frontendsOf(now);
      const view = objectView([...kind.cluster(nodes), ...now.namespaces, ...pods, ...now.policies, ...frontends.flatMap(objectsOf)]);
      const records = new Map([...sharedRecords(view, nodes), ...kind.render(view, nodes, pods)].map((record) => [record.id, record]));
      for (const id of written.keys()) if (!records.has(id)) builder.records.remove(id);
      for (const [id, record] of records) if (!deepEqual(written.get(id), record)) builder.records.put(record);
      written.clear();
      for (const [id, record] of records) written.set(id, record);
    },
    send(probe, way = 'pod') {
      if (way === 'pod') return send(probe);
      // A ClusterIP is for pods and nodes.
      if (probe.from.startsWith('external')) return undefined;
      for (const { ip, pods, service } of frontends) {
        const [only] = pods;
        if (only === undefined || pods.length > 1 || idOf(only) !== probe.to) continue;
        const port = service.ports.find((one) => one.protocol === probe.protocol && one.targetPort === probe.port)?.port;
        if (port !== undefined) return send(probe, { ip, port });
      }
      return undefined;
    },
  };
}
