/** What kind installs as its own CNI. kind: images/kindnetd, pkg/build/nodeimage/const_cni.go */
export const KINDNET_MANIFEST = `apiVersion: v1
kind: ServiceAccount
metadata: {name: kindnet, namespace: kube-system}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kindnet, namespace: kube-system, labels: {tier: node, app: kindnet, k8s-app: kindnet}}
spec:
  selector: {matchLabels: {app: kindnet}}
  template:
    metadata: {labels: {tier: node, app: kindnet, k8s-app: kindnet}}
    spec:
      hostNetwork: true
      nodeSelector: {kubernetes.io/os: linux}
      tolerations: [{operator: Exists}]
      serviceAccountName: kindnet
      containers:
      - name: kindnet-cni
        image: docker.io/kindest/kindnetd:v20250512-df8de77b
        env:
        - {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
        - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
`;
