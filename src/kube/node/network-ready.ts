/** Whether a node has a working CNI: the container runtime reports it, the kubelet makes it the node's Ready condition. */
import type { StoreView } from '../../objects/types.ts';
import { daemonsOf } from '../cni/daemons.ts';
import { cnis } from '../cni/index.ts';

/** The kubelet's words while /etc/cni/net.d is empty. Kubernetes: pkg/kubelet/runtime.go; containerd: internal/cri/server/status.go. */
export const networkNotReadyMessage =
  'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized';

/** A CNI's daemon runs on the node. On a real node the plugin's files stay behind when the daemon has gone; here they go with it. */
export const isNetworkReady = (view: StoreView, nodeName: string): boolean =>
  cnis.some((cni) => cni.role !== undefined && daemonsOf(cni.role, view).get(nodeName)?.running === true && cni.isReady?.(nodeName, view) !== false);
