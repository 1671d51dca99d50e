/** The contents page of kube/: everything Kubernetes that a world is made of. To add a kind or a controller, write its file and one line here. */
import type { Engine } from '../net/engine.ts';
import type { NetRecord } from '../net/records.ts';
import type { AdmissionPlugin, Agent, Controller, Kind, StoreView } from '../objects/types.ts';
import { bgpStatusKind } from './cni/calico/bgp.ts';
import { calicoKinds } from './cni/calico/kinds.ts';
import { ciliumObjectKinds, ciliumObjectsController } from './cni/cilium-objects.ts';
import { ciliumPolicyKinds } from './cni/cilium-policy-kinds.ts';
import { cniConfig } from './cni/cni-config.ts';
import { flannelController } from './cni/flannel-controller.ts';
import { accessKinds } from './config/access.ts';
import { configMap, secret } from './config/config-map.ts';
import { event } from './config/event.ts';
import { limitRanger } from './config/limit-ranger.ts';
import { limitRange, resourceQuota } from './config/quota.ts';
import { quotaAdmission } from './config/quota-admission.ts';
import { quotaController } from './config/quota-controller.ts';
import { serviceAccountController } from './config/service-account-controller.ts';
import { expectation } from './expectation/expectation.ts';
import { crdController, customResourceDefinition } from './extension/custom-resource-definition.ts';
import { gatewayKinds } from './gateway/gateway-kinds.ts';
import { defaultIngressClass } from './ingress/default-class.ts';
import { ingress, ingressClass } from './ingress/ingress.ts';
import { ingressMemory } from './ingress/nginx/memory.ts';
import { traefikKinds } from './ingress/traefik/kinds.ts';
import { istioKinds } from './mesh/istio-kinds.ts';
import { peerAuthentication } from './mesh/peer-authentication.ts';
import { clusterPeerKind, multiclusterKinds } from './multicluster/kinds.ts';
import { clusterKinds } from './node/cluster-kinds.ts';
import { kindClusterController } from './node/kind-cluster-controller.ts';
import { leaseController } from './node/leases.ts';
import { namespace } from './node/namespace.ts';
import { node } from './node/node.ts';
import { nodeController } from './node/node-controller.ts';
import { nodeIpamController } from './node/node-ipam-controller.ts';
import { taintEvictionController } from './node/taint-eviction-controller.ts';
import { hostLocalStore } from './pod/host-local-store.ts';
import { pod } from './pod/kind.ts';
import { kubelet } from './pod/kubelet-controller.ts';
import { podGcController } from './pod/pod-gc-controller.ts';
import { podRuntimeKind } from './pod/pod-runtime.ts';
import { scheduler } from './pod/scheduler/scheduler-controller.ts';
import { clusterPolicyKinds } from './policy/cluster-network-policy.ts';
import { podDisruptionBudget } from './policy/disruption-budget.ts';
import { disruptionController } from './policy/disruption-controller.ts';
import { networkPolicy } from './policy/network-policy.ts';
import { endpointSlice, endpoints } from './service/endpoint-slice.ts';
import { endpointSliceController } from './service/endpoint-slice-controller.ts';
import { endpointSliceMirroringController, endpointsController } from './service/endpoints-controller.ts';
import { kubernetesServiceController } from './service/kubernetes-service-controller.ts';
import { loadBalancerKinds } from './service/load-balancer/kinds.ts';
import { service } from './service/service.ts';
import { persistentVolumeClaim } from './storage/claim.ts';
import { storageClass } from './storage/storage-class.ts';
import { persistentVolume } from './storage/volume.ts';
import { volumeBinderController } from './storage/volume-binder-controller.ts';
import { horizontalPodAutoscaler } from './workload/autoscaler.ts';
import { autoscalerController } from './workload/autoscaler-controller.ts';
import { controllerRevision } from './workload/controller-revision.ts';
import { cronJob } from './workload/cron-job.ts';
import { cronJobController } from './workload/cron-job-controller.ts';
import { daemonSetController } from './workload/daemon-set-controller.ts';
import { deployment } from './workload/deployment.ts';
import { deploymentController } from './workload/deployment-controller.ts';
import { jobController } from './workload/job-controller.ts';
import { daemonSet, job, replicaSet, statefulSet } from './workload/other-kinds.ts';
import { metricsController, metricsSample } from './workload/pod-metrics.ts';
import { replicaSetController } from './workload/replica-set-controller.ts';
import { statefulSetController } from './workload/stateful-set-controller.ts';

export { agentsWith, type LaterAgents } from './agents.ts';
export { configurationKinds } from './node/cluster-kinds.ts';
export { initialObjects } from './node/namespace.ts';
export { nodeOf, watchLatency } from './node/watch-latency.ts';

/** Who acts in a cluster. */
export interface KubeParts {
  readonly controllers: readonly Controller[];
  readonly agents: readonly Agent<NetRecord>[];
  /** What agents do beside their records when they have news, with a hand on the engine. */
  readonly hearNews?: (agent: string, keys: readonly string[], engine: Engine, view: StoreView) => void;
}

/** In the order of `kubectl api-resources`: the core group first. */
export const kinds: readonly Kind[] = [
  configMap,
  endpoints,
  event,
  limitRange,
  namespace,
  node,
  persistentVolumeClaim,
  persistentVolume,
  pod,
  resourceQuota,
  secret,
  service,
  controllerRevision,
  daemonSet,
  deployment,
  replicaSet,
  statefulSet,
  horizontalPodAutoscaler,
  cronJob,
  job,
  endpointSlice,
  ingressClass,
  ingress,
  networkPolicy,
  podDisruptionBudget,
  // Where a short name is two kinds' the first has it, as groups come by name.
  ...ciliumPolicyKinds,
  ...clusterPolicyKinds,
  ...accessKinds,
  storageClass,
  ...gatewayKinds,
  ...traefikKinds,
  customResourceDefinition,
  ...ciliumObjectKinds,
  ...loadBalancerKinds,
  ...calicoKinds,
  ...multiclusterKinds,
  peerAuthentication,
  ...istioKinds,
  ...clusterKinds,
  expectation,
  cniConfig,
  hostLocalStore,
  bgpStatusKind,
  podRuntimeKind,
  metricsSample,
  ingressMemory,
  clusterPeerKind,
];

/** In the order of the real server; the quota is last, so that nothing is counted that is refused. */
export const admission: readonly AdmissionPlugin[] = [limitRanger, defaultIngressClass, quotaAdmission];

/** Controllers that few worlds need. */
export interface LaterControllers {
  readonly calico: Controller;
  readonly cloud: Controller;
  readonly cloudIngress: Controller;
  readonly gateway: Controller;
  readonly ingressNginx: Controller;
  readonly metalLb: Controller;
  readonly metalLbSpeaker: Controller;
  readonly multicluster: Controller;
  readonly traefik: Controller;
}

/** In the order in which a cluster comes up; within one round they run in this order. */
export const controllersWith = (later: LaterControllers): readonly Controller[] => [
  kindClusterController,
  crdController,
  serviceAccountController,
  nodeIpamController,
  nodeController,
  leaseController,
  flannelController,
  taintEvictionController,
  kubernetesServiceController,
  quotaController,
  podGcController,
  deploymentController,
  replicaSetController,
  statefulSetController,
  daemonSetController,
  cronJobController,
  jobController,
  metricsController,
  autoscalerController,
  volumeBinderController,
  disruptionController,
  scheduler,
  later.calico,
  kubelet,
  endpointSliceController,
  endpointsController,
  endpointSliceMirroringController,
  later.metalLb,
  later.metalLbSpeaker,
  later.cloud,
  later.ingressNginx,
  later.traefik,
  later.cloudIngress,
  ciliumObjectsController,
  later.gateway,
  later.multicluster,
];
