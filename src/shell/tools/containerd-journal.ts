/** What containerd writes into a node's journal about pods that it plugs in, with what flannel's plugin says on its way. containerd: internal/cri/server/sandbox_run.go, cni_conf_syncer.go; flannel: cni-plugin */
import { parseRfc3339 } from '../../base/time.ts';
import { cniCall } from '../../kube/cni/call.ts';
import { netDirOf } from '../../kube/cni/index.ts';
import { podsOn } from '../../kube/node/pods-by-node.ts';
import { sandboxId } from '../../kube/pod/identity.ts';
import { namespaceOf, type Pod } from '../../kube/pod/types.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { Invocation } from '../command.ts';
import { at, text } from '../json.ts';
import { clockParts } from './system.ts';

interface Line {
  readonly ms: number;
  readonly words: string;
}

const metadataOf = (pod: Pod): string =>
  `&PodSandboxMetadata{Name:${pod.metadata.name},Uid:${pod.metadata.uid ?? ''},Namespace:${namespaceOf(pod)},Attempt:0,}`;

function logLine(ms: number, level: 'info' | 'error', message: string, error?: string): Line {
  const { iso } = clockParts(ms);
  const time = `${iso.slice(0, 19)}.${iso.slice(20, 23).padEnd(3, '0')}000000Z`;
  return { ms, words: `time="${time}" level=${level} msg=${JSON.stringify(message)}${error === undefined ? '' : ` error=${JSON.stringify(error)}`}` };
}

/** In order of time, without the journal's own stamps. */
export function containerdLines({ host }: Invocation, node: KubeObject): readonly Line[] {
  const { view } = host.api;
  const lines: Line[] = [];
  const { loaded } = netDirOf(node.metadata.name, view);
  const created = parseRfc3339(node.metadata.creationTimestamp ?? '') ?? 0;
  const message = 'failed to load cni during init, please check CRI plugin status before setting up network for pods';
  lines.push(
    logLine(
      created,
      'error',
      message,
      'cni config load failed: no network config found in /etc/cni/net.d: cni plugin not initialized: failed to load cni config',
    ),
  );
  if (!loaded.ok && loaded.file !== undefined) {
    const event = `failed to reload cni configuration after receiving fs change event(WRITE         "/etc/cni/net.d/${loaded.file.name}")`;
    lines.push(logLine(host.epochMs + host.nowNs / 1e6, 'error', event, `cni config load failed: ${loaded.message}: failed to load cni config`));
  }
  for (const pod of podsOn(view, node.metadata.name)) {
    const started = parseRfc3339(pod.status?.startTime ?? '');
    if (started === undefined) continue;
    lines.push(logLine(started, 'info', `RunPodSandbox for ${metadataOf(pod)}`));
    const call = cniCall(pod, view);
    for (const step of call?.steps ?? []) {
      if (step.depth !== 1 || step.plugin === 'host-local') continue;
      lines.push({ ms: started, words: 'delegateAdd: netconf sent to delegate plugin:' }, { ms: started, words: JSON.stringify(step.config) });
    }
    if (call !== undefined || pod.spec.hostNetwork === true)
      lines.push(logLine(started, 'info', `RunPodSandbox for ${metadataOf(pod)} returns sandbox id ${JSON.stringify(sandboxId(pod.metadata.uid ?? ''))}`));
  }
  for (const event of view.list('Event')) {
    if (text(at(event, 'reason')) !== 'FailedCreatePodSandBox') continue;
    const pod = view.find<Pod>(`Pod/${event.metadata.namespace ?? ''}/${text(at(event, 'involvedObject', 'name'))}`);
    if (pod?.spec.nodeName !== node.metadata.name) continue;
    const error = text(at(event, 'message')).replace(/^Failed to create pod sandbox: rpc error: code = Unknown desc = /, '');
    lines.push(logLine(parseRfc3339(text(at(event, 'lastTimestamp'))) ?? 0, 'error', `RunPodSandbox for ${metadataOf(pod)} failed, error`, error));
  }
  return lines.toSorted((a, b) => a.ms - b.ms);
}
