/** The cluster and the requests that the simulation and a real kernel are compared with: the article's, with one endpoint a Service so that nothing is left to chance. */
import type { DocumentFile } from '../document.ts';
import { articleFiles } from './article.ts';

const EXTRA = `apiVersion: v1
kind: Pod
metadata: {name: local, labels: {app: local}}
spec:
  nodeName: controlplane
  containers: [{name: nginx, image: nginx}]
---
apiVersion: v1
kind: Service
metadata: {name: local-service}
spec:
  clusterIP: 10.96.50.1
  selector: {app: local}
  ports: [{port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: empty-service}
spec:
  clusterIP: 10.96.50.2
  selector: {app: nobody}
  ports: [{port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: web-nodeport}
spec:
  type: NodePort
  clusterIP: 10.96.50.3
  selector: {app: web}
  ports: [{port: 80, nodePort: 30080}]
`;

/** @throws {Error} when the article's text no longer says what is changed here. */
function with1Replica(file: DocumentFile): DocumentFile {
  if (file.path !== 'web.yaml' && file.path !== 'coredns.yaml') return file;
  const text = file.text.replace(/replicas: [23]$/m, 'replicas: 1');
  if (text === file.text) throw new Error(`${file.path} has no replicas to reduce`);
  return { path: file.path, text };
}

export function parityFiles(): DocumentFile[] {
  return [...articleFiles().map(with1Replica), { path: 'parity.yaml', text: EXTRA }];
}

export interface ParityFlow {
  readonly name: string;
  /** A pod's name (its beginning), or a node's. */
  readonly from: string;
  /** The program's command line; `WEB`, `LOCAL`, `DNS` stand for those pods' addresses. */
  readonly command: readonly string[];
  /** The same for the real kernel's client. */
  readonly kernel: { readonly proto: 'tcp' | 'udp' | 'icmp'; readonly ip: string; readonly port: number; readonly ttl?: number; readonly size?: number };
  readonly seconds?: number;
  /** Takes long: not repeated with what the first run taught the neighbour tables. */
  readonly once?: boolean;
}

const http = (name: string, from: string, ip: string, port = 80): ParityFlow => ({
  name,
  from,
  command: ['curl', '-s', '-m', '0.9', `http://${ip}:${port}/`],
  kernel: { proto: 'tcp', ip, port },
});
const connect = (name: string, from: string, ip: string, port: number): ParityFlow => ({
  name,
  from,
  command: ['nc', '-z', '-w', '1', ip, String(port)],
  kernel: { proto: 'tcp', ip, port },
});
const ping = (
  name: string,
  from: string,
  ip: string,
  options: { readonly ttl?: number; readonly size?: number; readonly seconds?: number } = {},
): ParityFlow => ({
  name,
  from,
  command: ['ping', '-c', '1', '-W', String(options.seconds ?? 0.9), '-t', String(options.ttl ?? 64), '-s', String(options.size ?? 56), '-M', 'do', ip],
  kernel: { proto: 'icmp', ip, port: 0, ttl: options.ttl ?? 64, size: options.size ?? 56 },
  ...(options.seconds === undefined ? {} : { seconds: options.seconds, once: true }),
});
const dns = (name: string, from: string, ip: string): ParityFlow => ({
  name,
  from,
  command: ['dig', '+tries=1', '+time=1', `@${ip}`, 'web-service.default.svc.cluster.local'],
  kernel: { proto: 'udp', ip, port: 53 },
});

export const FLOWS: readonly ParityFlow[] = [
  http('pod to pod on the same node', 'client', 'LOCAL'),
  http('pod to pod on another node', 'client', 'WEB'),
  http('pod to ClusterIP, endpoint on another node', 'client', '10.97.253.216'),
  http('pod to ClusterIP, endpoint on the same node', 'client', '10.96.50.1'),
  http('hairpin: a pod to its own Service', 'web', '10.97.253.216'),
  http('node to ClusterIP, endpoint on another node', 'controlplane', '10.97.253.216'),
  http('node to ClusterIP, endpoint on the same node', 'node01', '10.97.253.216'),
  connect('node to a Service of the node itself', 'controlplane', '10.96.0.1', 443),
  connect('pod to a Service of its node', 'client', '10.96.0.1', 443),
  connect('pod to a Service of the other node', 'web', '10.96.0.1', 443),
  http('pod to a Service without endpoints', 'client', '10.96.50.2'),
  http('node to a Service without endpoints', 'node01', '10.96.50.2'),
  http('pod to a port where nobody listens', 'client', 'WEB', 81),
  http('pod to the other node’s NodePort', 'client', '172.30.2.2', 30080),
  http('node to its own NodePort, endpoint on another node', 'controlplane', '172.30.1.2', 30080),
  http('router to a NodePort, endpoint on another node', 'router', '172.30.1.2', 30080),
  http('router to a NodePort, endpoint on that node', 'router', '172.30.2.2', 30080),
  ping('ping to a pod on the same node', 'client', 'LOCAL'),
  ping('ping to a pod on another node', 'client', 'WEB'),
  ping('ping from a pod to the other node', 'client', '172.30.2.2'),
  ping('ping from a pod to the router', 'client', '172.30.0.1'),
  ping('ping with TTL 1', 'client', 'WEB', { ttl: 1 }),
  ping('ping with TTL 2', 'client', 'WEB', { ttl: 2 }),
  ping('ping with TTL 1 on the same node', 'client', 'LOCAL', { ttl: 1 }),
  ping('ping as large as the tunnel carries', 'client', 'WEB', { size: 1422 }),
  ping('ping from the node, too large for the tunnel, DF set', 'controlplane', 'WEB', { size: 1423 }),
  dns('DNS to the Service', 'client', '10.96.0.10'),
  dns('DNS to the Service, from the other node’s pod', 'web', '10.96.0.10'),
  dns('UDP to a port where nobody listens', 'client', 'WEB'),
  ping('ping to an address beyond the router', 'client', '203.0.113.9'),
  ping('ping to a ClusterIP', 'client', '10.97.253.216'),
  ping('ping to an unused pod address on another node', 'client', '10.244.1.200', { seconds: 4 }),
  ping('ping to an unused pod address on the same node', 'client', '10.244.0.200', { seconds: 4 }),
];
