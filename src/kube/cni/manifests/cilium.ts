/** What Cilium's Helm chart installs, in short. */
export const ciliumManifest = (podCidr: string, settings: Readonly<Record<string, string>>): string => {
  const data = {
    'cluster-name': 'kubernetes',
    'routing-mode': 'tunnel',
    'tunnel-protocol': 'vxlan',
    'auto-direct-node-routes': 'false',
    'ipv4-native-routing-cidr': podCidr,
    'kube-proxy-replacement': 'true',
    'enable-ipv4-masquerade': 'true',
    'enable-bpf-masquerade': 'true',
    'enable-ipv4': 'true',
    'enable-ipv6': 'false',
    ipam: 'kubernetes',
    ...settings,
  };
  return `apiVersion: v1
kind: ServiceAccount
metadata: {name: cilium, namespace: kube-system}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cilium-config, namespace: kube-system}
data:
${Object.entries(data)
  .map(([key, value]) => `  ${key}: "${value}"\n`)
  .join('')}---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: cilium, namespace: kube-system, labels: {k8s-app: cilium, app.kubernetes.io/name: cilium-agent, app.kubernetes.io/part-of: cilium}}
spec:
  selector: {matchLabels: {k8s-app: cilium}}
  updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 2}}
  template:
    metadata: {labels: {k8s-app: cilium, app.kubernetes.io/name: cilium-agent, app.kubernetes.io/part-of: cilium}}
    spec:
      hostNetwork: true
      serviceAccountName: cilium
      priorityClassName: system-node-critical
      nodeSelector: {kubernetes.io/os: linux}
      tolerations: [{operator: Exists}]
      initContainers:
      - {name: config, image: "quay.io/cilium/cilium:v1.18.4", command: [cilium-dbg, build-config]}
      - {name: install-cni-binaries, image: "quay.io/cilium/cilium:v1.18.4", command: [/install-plugin.sh]}
      containers:
      - name: cilium-agent
        image: quay.io/cilium/cilium:v1.18.4
        command: [cilium-agent]
        args: [--config-dir=/tmp/cilium/config-map]
        env: [{name: K8S_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
`;
};
