/** How a pod came to its network, step by step: who asked whom, what each program read and answered, and which files keep it. */
import { type CniCall, cniCall } from '../kube/cni/call.ts';
import { confOf, netDirOf } from '../kube/cni/index.ts';
import { NET_DIR } from '../kube/cni/net-conf.ts';
import { cniFiles } from '../kube/cni/node-files.ts';
import { hasSandbox } from '../kube/pod/running.ts';
import { namespaceOf, type Pod } from '../kube/pod/types.ts';
import type { KubeObject, StoreView } from '../objects/types.ts';
import type { World } from './world.ts';

export interface PlugStepView {
  /** `kubelet`, `containerd`, or a program of /opt/cni/bin. */
  readonly who: string;
  /** How many programs are between it and the runtime. */
  readonly depth: number;
  readonly does: string;
  /** JSON that it is given and that it answers, in lines. */
  readonly reads?: string;
  readonly answers?: string;
  /** Paths on the node that it reads or leaves. */
  readonly files: readonly string[];
}

export interface PlugView {
  readonly node: string;
  readonly steps: readonly PlugStepView[];
  /** What is set for each plugin: CNI_COMMAND and the like. */
  readonly environment: readonly (readonly [name: string, value: string])[];
  /** Programs that run at the end, in their order. */
  readonly removal: readonly string[];
  /** Why it has none yet, in the words of the kubelet's event. */
  readonly waiting?: string;
}

interface EventLike extends KubeObject {
  readonly involvedObject?: { readonly kind?: string; readonly name?: string; readonly namespace?: string };
  readonly reason?: string;
  readonly message?: string;
}

const json = (value: unknown): string => JSON.stringify(value, null, 2);
const CRI: PlugStepView = { who: 'kubelet', depth: 0, does: 'asks the container runtime for a sandbox (RunPodSandbox)', files: [] };

/** Undefined for what has no network of its own, or no node yet. */
export function podPlugView(world: Pick<World, 'api'>, key: string): PlugView | undefined {
  const { view } = world.api;
  const pod = key.startsWith('Pod/') ? view.find<Pod>(key) : undefined;
  const node = pod?.spec.nodeName;
  if (pod === undefined || node === undefined || pod.spec.hostNetwork === true) return undefined;
  const call = cniCall(pod, view);
  if (call === undefined) return hasSandbox(pod) ? undefined : waitingView(pod, node, view);
  const files = [...cniFiles(node, view).keys()];
  const ips = pod.status?.podIPs?.map((one) => one.ip) ?? [pod.status?.podIP ?? ''];
  return {
    node,
    environment: Object.entries(call.environment),
    steps: [
      CRI,
      {
        who: 'containerd',
        depth: 0,
        does: `makes the network namespace, reads the first file of ${NET_DIR} and runs its plugins in their order, each with what the one before answered`,
        files: [call.file],
      },
      ...call.steps.map(
        (step): PlugStepView => ({
          who: step.plugin,
          depth: step.depth + 1,
          does: step.does,
          reads: json(step.config),
          answers: json(step.result),
          files: filesOf(step.plugin, call, ips, files),
        }),
      ),
      {
        who: 'containerd',
        depth: 0,
        does: 'keeps the last answer, for DEL',
        files: files.filter((path) => path.includes(`/results/${call.network}-${call.sandbox}`)),
      },
      { who: 'kubelet', depth: 0, does: `writes ${ips.join(' and ')} into the Pod’s status and starts its containers`, files: [] },
    ],
    removal: call.steps
      .filter((step) => step.depth === 0 && step.plugin !== 'loopback')
      .map((step) => step.plugin)
      .reverse(),
  };
}

function filesOf(plugin: string, call: CniCall, ips: readonly string[], all: readonly string[]): readonly string[] {
  if (plugin === 'flannel') return all.filter((path) => path === '/run/flannel/subnet.env' || path === `/var/lib/cni/flannel/${call.sandbox}`);
  if (plugin !== 'host-local') return [];
  const stores = all.filter((path) => path.endsWith('/last_reserved_ip.0')).map((path) => path.slice(0, path.lastIndexOf('/')));
  return all.filter((path) => stores.some((store) => path === `${store}/last_reserved_ip.0` || ips.some((ip) => path === `${store}/${ip}`)));
}

function waitingView(pod: Pod, node: string, view: StoreView): PlugView {
  const events = view
    .list<EventLike>('Event', namespaceOf(pod))
    .filter(
      ({ involvedObject, reason }) => involvedObject?.name === pod.metadata.name && (reason === 'FailedCreatePodSandBox' || reason === 'NetworkNotReady'),
    );
  const message = events.at(-1)?.message;
  const { loaded } = netDirOf(node, view);
  const conf = loaded.ok ? loaded.conf : confOf(node, '', view);
  return {
    node,
    environment: [],
    removal: [],
    steps: [
      CRI,
      {
        who: 'containerd',
        depth: 0,
        does: loaded.ok ? `read the first file of ${NET_DIR}` : loaded.message,
        files: conf === undefined ? [] : [`${NET_DIR}/${conf.file.name}`],
      },
    ],
    waiting: message ?? 'The kubelet has not come to it yet.',
  };
}
