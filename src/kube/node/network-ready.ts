/** Whether a node has a working CNI: the container runtime reports it, the kubelet makes it the node's Ready condition. */
import type { StoreView } from '../../objects/types.ts';
import { netDirOf } from '../cni/index.ts';

/** The kubelet's words while the runtime has read nothing usable in /etc/cni/net.d. Kubernetes: pkg/kubelet/runtime.go; containerd: internal/cri/server/status.go. */
export const networkNotReadyMessage =
  'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized';

/** There is a file to plug pods in by. A daemon's own goes with the daemon, where on a real node it stays behind. */
export const isNetworkReady = (view: StoreView, nodeName: string): boolean => netDirOf(nodeName, view).loaded.ok;
