/** The worlds that benchmarks open: the article's cluster, and three big nodes with a wide pod range for Deployments of thousands. */

import { articleFiles } from '../../src/cli/load.ts';
import { createShell } from '../../src/shell/index.ts';
import { allParts } from '../../src/world/all-parts.ts';
import type { DocumentFile } from '../../src/world/document.ts';
import { World } from '../../src/world/world.ts';

const article = articleFiles(process.cwd());

function open(files: readonly DocumentFile[]): World {
  return World.open({ parts: allParts, document: { version: 1, seed: 1, files, inputs: [], positions: {} }, baseFiles: article, createShell });
}

export function articleWorld(): World {
  return open(article);
}

/** Three nodes with room for 4,094 pods each; pod range 10.240.0.0/12. */
const nodes = [1, 2, 3].map(
  (number) => `apiVersion: v1
kind: Node
metadata: {name: node0${number}}
spec: {podCIDR: 10.240.${16 * (number - 1)}.0/20}
status:
  addresses: [{type: InternalIP, address: 172.30.${number}.2}]
  allocatable: {cpu: "200", memory: 2Ti, pods: "4000"}`,
);
const clusterFile: DocumentFile = {
  path: 'cluster.yaml',
  text: `${nodes.join('\n---\n')}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.34.2
networking: {podSubnet: 10.240.0.0/12, serviceSubnet: 10.96.0.0/12, dnsDomain: cluster.local}
---
apiVersion: kubehop.dev/v1alpha1
kind: Network
metadata: {name: underlay}
spec: {cidr: 172.30.0.0/16, mtuBytes: 1500}
`,
};

/** A Deployment of so many nginx pods and the Service before them. */
export function webFile(replicas: number, targetPort = 80): DocumentFile {
  return {
    path: 'web.yaml',
    text: `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: nginx, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-service}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: ${targetPort}}]
`,
  };
}

/** flannel, kube-proxy and CoreDNS as in the article, without its web and client. */
export const bigClusterFiles: readonly DocumentFile[] = [
  clusterFile,
  ...article
    .filter((file) => ['coredns.yaml', 'flannel.yaml', 'kube-proxy.yaml'].includes(file.path))
    .map((file) => ({ path: file.path, text: file.text.replaceAll('10.244.0.0/16', '10.240.0.0/12') })),
];

export function bigCluster(): World {
  return open(bigClusterFiles);
}

/** Runs a line in the main session and returns what it printed. @throws {Error} when it fails. */
export function runLine(world: World, line: string): string {
  const from = world.terminalLength;
  const exitCode = world.command('main', line);
  const text = world
    .terminalFrom(from)
    .map((entry) => entry.text)
    .join('');
  if (exitCode !== 0) throw new Error(text);
  return text;
}
