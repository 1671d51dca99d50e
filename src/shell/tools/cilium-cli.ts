/** cilium, the command line tool of people outside the pods: what the API server knows of the installation. Cilium: cilium-cli/status */
import { ciliumSettings } from '../../kube/cni/cilium-config.ts';
import { daemonNodes } from '../../kube/cni/daemons.ts';
import { hasSandbox } from '../../kube/pod/running.ts';
import type { Pod } from '../../kube/pod/types.ts';
import { isFinished } from '../../kube/pod/types.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { Invocation } from '../command.ts';
import { renderTabs } from '../kubectl/describe/writer.ts';

interface Workload extends KubeObject {
  readonly status?: Readonly<Record<string, number | undefined>>;
}
const SYSTEM = 'kube-system';
const TYPES = [
  ['DaemonSet', 'cilium', 'k8s-app=cilium'],
  ['DaemonSet', 'cilium-envoy', 'k8s-app=cilium-envoy'],
  ['Deployment', 'cilium-operator', 'io.cilium/app=operator'],
  ['Deployment', 'hubble-relay', 'k8s-app=hubble-relay'],
] as const;

/** `cilium status` */
export function cliStatus({ host }: Invocation): string {
  const { view } = host.api;
  const { failure } = ciliumSettings(view);
  const states = TYPES.flatMap(([kind, name, label]) => {
    const workload = view.find<Workload>(`${kind}/${SYSTEM}/${name}`);
    if (workload === undefined) return [];
    const { status = {} } = workload;
    const desired = (kind === 'DaemonSet' ? status.desiredNumberScheduled : status.replicas) ?? 0;
    const ready = (kind === 'DaemonSet' ? status.numberReady : status.readyReplicas) ?? 0;
    const available = (kind === 'DaemonSet' ? status.numberAvailable : status.availableReplicas) ?? 0;
    const [key = '', value = ''] = label.split('=');
    const pods = view.list<Pod>('Pod', SYSTEM).filter((pod) => pod.metadata.labels?.[key] === value && !isFinished(pod));
    return [{ kind, name, desired, ready, available, pods }];
  });
  const summary = (name: string): string => {
    const state = states.find((one) => one.name === name);
    if (state === undefined) return name === 'cilium' ? '1 errors' : 'disabled';
    return state.ready < state.desired || (name === 'cilium' && failure !== undefined) ? '1 errors' : 'OK';
  };
  const envoy = states.some(({ name }) => name === 'cilium-envoy') ? summary('cilium-envoy') : 'disabled (using embedded mode)';
  const head = [
    ['    /¯¯\\'],
    [' /¯¯\\__/¯¯\\', 'Cilium:', summary('cilium')],
    [' \\__/¯¯\\__/', 'Operator:', summary('cilium-operator')],
    [' /¯¯\\__/¯¯\\', 'Envoy DaemonSet:', envoy],
    [' \\__/¯¯\\__/', 'Hubble Relay:', summary('hubble-relay')],
    ['    \\__/', 'ClusterMesh:', 'disabled'],
    [''],
  ];
  const counts = states.map(({ kind, name, desired, ready, available }) => [
    kind,
    name,
    [
      `Desired: ${desired}`,
      ...(ready > 0 ? [`Ready: ${ready}/${desired}`] : []),
      ...(available > 0 ? [`Available: ${available}/${desired}`] : []),
      ...(available < desired ? [`Unavailable: ${desired - available}/${desired}`] : []),
    ].join(', '),
  ]);
  const containers = states.map(({ name, pods }, i) => [i === 0 ? 'Containers:' : '', name, `Running: ${pods.length}`]);
  const all = view.list<Pod>('Pod').filter(hasSandbox);
  const nodes = daemonNodes('cilium', view);
  const managed = all.filter((pod) => nodes.includes(pod.spec.nodeName ?? '')).length;
  const images = states.flatMap(({ name, pods }) => {
    const byImage = new Map<string, number>();
    for (const pod of pods) {
      const image = pod.spec.containers[0]?.image ?? '';
      byImage.set(image, (byImage.get(image) ?? 0) + 1);
    }
    return [...byImage].map(([image, count]) => [name, `${image}: ${count}`]);
  });
  const errors = failure === undefined ? [] : [['Errors:', 'cilium', 'cilium', failure]];
  const rows = [
    ...head,
    ...counts,
    ...containers,
    ['Cluster Pods:', `${managed}/${all.length} managed by Cilium`],
    ...images.map((row, i) => [i === 0 ? 'Image versions' : '', ...row]),
    ...errors,
  ];
  return renderTabs(rows.map((row) => `${row.join('\t')}\n`).join(''), 0, 4);
}
