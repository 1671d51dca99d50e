/** Whether a node has a working CNI: the container runtime reports it, the kubelet makes it the node's Ready condition. */
import type { StoreView } from '../../objects/types.ts';
import type { Pod } from '../pod/types.ts';
import { podsOn } from './pods-by-node.ts';

/** The kubelet's words while /etc/cni/net.d is empty. Kubernetes: pkg/kubelet/runtime.go; containerd: internal/cri/server/status.go. */
export const networkNotReadyMessage = 'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized';

/** Images of CNI daemons that can be simulated, without registry and tag. */
const simulatedCnis: readonly { readonly name: string; readonly image: RegExp }[] = [{ name: 'flannel', image: /(^|\/)flannel$/ }];

/** `ghcr.io/flannel-io/flannel:v0.26.1` → `ghcr.io/flannel-io/flannel` */
export const imageName = (image: string): string => {
  const digest = image.indexOf('@');
  const bare = digest < 0 ? image : image.slice(0, digest);
  const colon = bare.lastIndexOf(':');
  return colon > bare.lastIndexOf('/') ? bare.slice(0, colon) : bare;
};

/** Name of the CNI whose daemon this pod is, if any that we simulate. */
export function cniOf(pod: Pod): string | undefined {
  if (pod.spec.hostNetwork !== true) return undefined;
  for (const container of pod.spec.containers) {
    const name = imageName(container.image ?? '');
    const cni = simulatedCnis.find((one) => one.image.test(name));
    if (cni !== undefined) return cni.name;
  }
  return undefined;
}

/** Name of the CNI that runs on a node, undefined while there is none. */
export function runningCni(view: StoreView, nodeName: string): string | undefined {
  for (const pod of podsOn(view, nodeName)) {
    if (pod.status?.phase !== 'Running' || pod.metadata.deletionTimestamp !== undefined) continue;
    const cni = cniOf(pod);
    if (cni !== undefined) return cni;
  }
  return undefined;
}
