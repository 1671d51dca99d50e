/** What Calico's calico.yaml installs, in short: its kinds are part of this API server, and its agents are simulated. */
const accounts = ['calico-kube-controllers', 'calico-node', 'calico-cni-plugin'];

const account = (name: string): string => `apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: kube-system}
---
`;

const role = (name: string): string => `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ${name}}
rules:
- {apiGroups: [""], resources: [pods, nodes, namespaces, serviceaccounts, services], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [pods/status, nodes/status], verbs: [patch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
- {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [get, list, watch]}
- {apiGroups: [crd.projectcalico.org], resources: ["*"], verbs: [get, list, watch, create, update, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ${name}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${name}}
subjects:
- {kind: ServiceAccount, name: ${name}, namespace: kube-system}
---
`;

/** The manifest with BIRD, or without it and with VXLAN. `ipip`: of the pool that calico-node makes when it finds none. */
export const calicoManifest = (
  backend: 'bird' | 'vxlan',
  ipip: 'Always' | 'CrossSubnet' | 'Never' = backend === 'bird' ? 'Always' : 'Never',
): string => `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: calico-kube-controllers, namespace: kube-system, labels: {k8s-app: calico-kube-controllers}}
spec: {maxUnavailable: 1, selector: {matchLabels: {k8s-app: calico-kube-controllers}}}
---
${accounts.map(account).join('')}apiVersion: v1
kind: ConfigMap
metadata: {name: calico-config, namespace: kube-system}
data:
  typha_service_name: "none"
  calico_backend: "${backend}"
  veth_mtu: "0"
  cni_network_config: |-
    {
      "name": "k8s-pod-network",
      "cniVersion": "0.3.1",
      "plugins": [
        {"type": "calico", "datastore_type": "kubernetes", "mtu": __CNI_MTU__, "ipam": {"type": "calico-ipam"}, "policy": {"type": "k8s"}},
        {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}
      ]
    }
---
${accounts.map(role).join('')}apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system, labels: {k8s-app: calico-node}}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      nodeSelector: {kubernetes.io/os: linux}
      hostNetwork: true
      tolerations:
      - {effect: NoSchedule, operator: Exists}
      - {key: CriticalAddonsOnly, operator: Exists}
      - {effect: NoExecute, operator: Exists}
      serviceAccountName: calico-node
      terminationGracePeriodSeconds: 0
      priorityClassName: system-node-critical
      initContainers:
      - {name: upgrade-ipam, image: "quay.io/calico/cni:v3.30.3", command: [/opt/cni/bin/calico-ipam, -upgrade]}
      - {name: install-cni, image: "quay.io/calico/cni:v3.30.3", command: [/opt/cni/bin/install]}
      containers:
      - name: calico-node
        image: quay.io/calico/node:v3.30.3
        env:
        - {name: DATASTORE_TYPE, value: kubernetes}
        - {name: NODENAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        - {name: CALICO_NETWORKING_BACKEND, valueFrom: {configMapKeyRef: {name: calico-config, key: calico_backend}}}
        - {name: CLUSTER_TYPE, value: "${backend === 'bird' ? 'k8s,bgp' : 'k8s'}"}
        - {name: IP, value: autodetect}
        - {name: CALICO_IPV4POOL_IPIP, value: ${ipip}}
        - {name: CALICO_IPV4POOL_VXLAN, value: ${backend === 'bird' ? 'Never' : 'Always'}}
        - {name: FELIX_DEFAULTENDPOINTTOHOSTACTION, value: ACCEPT}
        - {name: FELIX_IPV6SUPPORT, value: "false"}
        - {name: FELIX_HEALTHENABLED, value: "true"}
        securityContext: {privileged: true}
        resources: {requests: {cpu: 250m}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: calico-kube-controllers, namespace: kube-system, labels: {k8s-app: calico-kube-controllers}}
spec:
  replicas: 1
  selector: {matchLabels: {k8s-app: calico-kube-controllers}}
  strategy: {type: Recreate}
  template:
    metadata: {name: calico-kube-controllers, namespace: kube-system, labels: {k8s-app: calico-kube-controllers}}
    spec:
      nodeSelector: {kubernetes.io/os: linux}
      tolerations:
      - {key: CriticalAddonsOnly, operator: Exists}
      - {key: node-role.kubernetes.io/master, effect: NoSchedule}
      - {key: node-role.kubernetes.io/control-plane, effect: NoSchedule}
      serviceAccountName: calico-kube-controllers
      priorityClassName: system-cluster-critical
      containers:
      - name: calico-kube-controllers
        image: quay.io/calico/kube-controllers:v3.30.3
        env:
        - {name: ENABLED_CONTROLLERS, value: "node,loadbalancer"}
        - {name: DATASTORE_TYPE, value: kubernetes}
`;
