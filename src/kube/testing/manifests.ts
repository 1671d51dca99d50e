/** Short YAML for tests: nodes, a CNI so that they become Ready, and workloads. */

/** `extra` are further lines at the top level of the Node. */
export const nodeYaml = (name: string, extra = ''): string => `apiVersion: v1\nkind: Node\nmetadata:\n  name: ${name}\n${extra}`;

export const flannelYaml = `apiVersion: v1
kind: Namespace
metadata: {name: kube-flannel}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kube-flannel-cfg, namespace: kube-flannel}
data:
  net-conf.json: '{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}'
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-flannel-ds, namespace: kube-flannel}
spec:
  selector: {matchLabels: {app: flannel}}
  template:
    metadata: {labels: {app: flannel}}
    spec:
      hostNetwork: true
      priorityClassName: system-node-critical
      tolerations: [{operator: Exists, effect: NoSchedule}]
      containers: [{name: kube-flannel, image: "ghcr.io/flannel-io/flannel:v0.27.4"}]
      volumes: [{name: flannel-cfg, configMap: {name: kube-flannel-cfg}}]`;

/** Nodes n1, n2, … with flannel on each. */
export const clusterYaml = (nodes: number, extra = ''): string =>
  [...Array.from({ length: nodes }, (_, index) => nodeYaml(`n${index + 1}`, extra)), flannelYaml].join('\n---\n');

/** `spec` are lines of the Deployment's spec, `pod` lines of the pods'. */
export const deploymentYaml = (
  name: string,
  replicas: number,
  options: { readonly image?: string; readonly spec?: string; readonly pod?: string } = {},
): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  ${options.spec ?? ''}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      ${options.pod ?? ''}
      containers: [{name: ${name}, image: ${options.image ?? 'nginx'}, ports: [{name: http, containerPort: 80}]}]`;

export const podYaml = (name: string, spec = '', image = 'nginx'): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {app: ${name}}}\nspec:\n  ${spec}\n  containers: [{name: ${name}, image: ${image}}]`;

export const serviceYaml = (name: string, spec: string): string => `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: ${spec}`;
