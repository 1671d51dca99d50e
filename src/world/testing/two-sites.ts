/** Two small clusters that export the same Service, for tests. */
import { createShell } from '../../shell/index.ts';
import { allParts } from '../all-parts.ts';
import type { DocumentFile } from '../document.ts';
import { World } from '../world.ts';
import { articleFiles } from './article.ts';

const clusterText = (name: string, number: number): string => `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: ${name}
nodes: [{role: control-plane}]
networking: {podSubnet: 10.${number}0.0.0/16, serviceSubnet: 10.1${number}0.0.0/16}
---
apiVersion: kubehop.dev/v1alpha1
kind: Network
metadata: {name: underlay}
spec: {cidr: 172.3${number}.0.0/16, podRoutes: true}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns, namespace: kube-system}
data:
  Corefile: |
    .:53 {
        kubernetes cluster.local clusterset.local in-addr.arpa ip6.arpa {
           multicluster clusterset.local
        }
        forward . /etc/resolv.conf
    }
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: client, image: curlimages/curl, command: [sleep, infinity]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: web, image: hashicorp/http-echo, args: ["-listen=:8080", "-text=${name}"]}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ServiceExport
metadata: {name: shop}
`;

export const east: DocumentFile = { path: 'east.yaml', text: clusterText('east', 1) };
export const west: DocumentFile = { path: 'west.yaml', text: clusterText('west', 2) };
export const twoSites = (files: readonly DocumentFile[] = [east, west]): World =>
  World.open({ document: { version: 1, seed: 7, files, inputs: [], positions: {} }, baseFiles: articleFiles(), createShell, parts: allParts });
