/** The cluster and the requests that the simulation and a real kernel are compared with: the article's, with one endpoint a Service so that nothing is left to chance. */
import { cniManifest } from '../../kube/cni/choice.ts';
import type { CniName } from '../../kube/cni/choice-names.ts';
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
---
apiVersion: v1
kind: Service
metadata: {name: web-local}
spec:
  type: NodePort
  externalTrafficPolicy: Local
  clusterIP: 10.96.50.4
  selector: {app: web}
  ports: [{port: 80, nodePort: 30081}]
---
apiVersion: v1
kind: Service
metadata: {name: web-sticky}
spec:
  clusterIP: 10.96.50.5
  sessionAffinity: ClientIP
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: web-internal}
spec:
  clusterIP: 10.96.50.6
  internalTrafficPolicy: Local
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: v1
kind: Pod
metadata: {name: host-web, labels: {app: host-web}}
spec:
  nodeName: controlplane
  hostNetwork: true
  containers: [{name: agnhost, image: registry.k8s.io/e2e-test-images/agnhost, args: [netexec, --http-port=8080, --udp-port=8081]}]
---
apiVersion: v1
kind: Service
metadata: {name: host-service}
spec:
  clusterIP: 10.96.50.7
  selector: {app: host-web}
  ports:
    - {name: http, port: 80, targetPort: 8080}
    - {name: udp, port: 81, targetPort: 8081, protocol: UDP}
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

/** The same with another pod network in the place of flannel's VXLAN. */
export function parityFilesOf(way: CniName): DocumentFile[] {
  const manifest = cniManifest(way, { podCidr: '10.244.0.0/16', gateway: '172.30.0.1' });
  return parityFiles().map((file) => (file.path === 'flannel.yaml' ? { ...file, text: manifest } : file));
}

export interface ParityFlow {
  readonly name: string;
  /** A pod's name (its beginning), or a node's. */
  readonly from: string;
  /** The program's command line; `WEB`, `LOCAL`, `DNS` stand for those pods' addresses. */
  readonly command: readonly string[];
  /** The same for the real kernel's client. */
  readonly kernel: {
    readonly proto: 'tcp' | 'udp' | 'icmp';
    readonly ip: string;
    readonly port: number;
    readonly ttl?: number;
    readonly size?: number;
    readonly dontFragment?: boolean;
  };
  readonly seconds?: number;
  /** Repeated with what the first run taught the neighbour tables. */
  readonly warm?: boolean;
  /** The server returns what it got, which dig takes for no answer: only what is on the wires is compared. */
  readonly anyResult?: boolean;
  /** Of both nodes, while it runs. */
  readonly sysctl?: { readonly name: string; readonly value: number; readonly normal: number };
  /** Refused inside the client's own kernel: nothing is ever on a wire. */
  readonly silent?: boolean;
}

const http = (name: string, from: string, ip: string, port = 80): ParityFlow => ({
  name,
  from,
  command: ['curl', '-s', '-m', '0.9', `http://${ip}:${port}/`],
  kernel: { proto: 'tcp', ip, port },
});
/** More than one segment, whatever the MTU. */
const large = (name: string, from: string, ip: string): ParityFlow => {
  const flow = http(name, from, ip);
  return { ...flow, command: ['curl', '-s', '-m', '0.9', '-H', `X-Filler: ${'x'.repeat(2000)}`, `http://${ip}/`] };
};
const connect = (name: string, from: string, ip: string, port: number): ParityFlow => ({
  name,
  from,
  command: ['nc', '-z', '-w', '1', ip, String(port)],
  kernel: { proto: 'tcp', ip, port },
});
interface PingOptions {
  readonly ttl?: number;
  readonly size?: number;
  /** How long to wait for an answer. */
  readonly seconds?: number;
  /** IP_PMTUDISC_WANT: what is too large is fragmented at its source. */
  readonly fragments?: boolean;
}
function ping(name: string, from: string, ip: string, options: PingOptions = {}): ParityFlow {
  const { ttl = 64, size = 56, seconds = 0.9, fragments = false } = options;
  return {
    name,
    from,
    command: `ping -c 1 -W ${seconds} -t ${ttl} -s ${size} -M ${fragments ? 'want' : 'do'} ${ip}`.split(' '),
    kernel: { proto: 'icmp', ip, port: 0, ttl, size, dontFragment: !fragments },
    ...(options.seconds === undefined ? {} : { seconds }),
  };
}
const dns = (name: string, from: string, ip: string, port = 53): ParityFlow => ({
  name,
  from,
  command: ['dig', '+tries=1', '+time=1', '-p', String(port), `@${ip}`, 'web-service.default.svc.cluster.local'],
  kernel: { proto: 'udp', ip, port },
});

const alsoWarm = (flow: ParityFlow): ParityFlow => ({ ...flow, warm: true });
const withSysctl =
  (title: string, sysctl: NonNullable<ParityFlow['sysctl']>) =>
  (flow: ParityFlow): ParityFlow => ({ ...flow, name: `${title}: ${flow.name}`, sysctl });

export const FLOWS: readonly ParityFlow[] = [
  alsoWarm(http('pod to pod on the same node', 'client', 'LOCAL')),
  alsoWarm(http('pod to pod on another node', 'client', 'WEB')),
  alsoWarm(http('pod to ClusterIP, endpoint on another node', 'client', '10.97.253.216')),
  alsoWarm(http('pod to ClusterIP, endpoint on the same node', 'client', '10.96.50.1')),
  alsoWarm(http('hairpin: a pod to its own Service', 'web', '10.97.253.216')),
  alsoWarm(http('node to ClusterIP, endpoint on another node', 'controlplane', '10.97.253.216')),
  alsoWarm(http('node to ClusterIP, endpoint on the same node', 'node01', '10.97.253.216')),
  alsoWarm(connect('node to a Service of the node itself', 'controlplane', '10.96.0.1', 443)),
  connect('pod to a Service of its node', 'client', '10.96.0.1', 443),
  connect('pod to a Service of the other node', 'web', '10.96.0.1', 443),
  large('large request, pod to ClusterIP, endpoint on another node', 'client', '10.97.253.216'),
  large('large request, node to ClusterIP: the segment size fits the way before DNAT', 'controlplane', '10.97.253.216'),
  http('pod to a Service without endpoints', 'client', '10.96.50.2'),
  http('node to a Service without endpoints', 'node01', '10.96.50.2'),
  http('pod to a port where nobody listens', 'client', 'WEB', 81),
  http('pod to the other node’s NodePort', 'client', '172.30.2.2', 30080),
  http('node to its own NodePort, endpoint on another node', 'controlplane', '172.30.1.2', 30080),
  alsoWarm(http('router to a NodePort, endpoint on another node', 'router', '172.30.1.2', 30080)),
  http('router to a NodePort, endpoint on that node', 'router', '172.30.2.2', 30080),
  ping('ping to a pod on the same node', 'client', 'LOCAL'),
  alsoWarm(ping('ping to a pod on another node', 'client', 'WEB')),
  ping('ping from a pod to the other node', 'client', '172.30.2.2'),
  ping('ping from a pod to the router', 'client', '172.30.0.1'),
  ping('ping with TTL 1', 'client', 'WEB', { ttl: 1 }),
  ping('ping with TTL 2', 'client', 'WEB', { ttl: 2 }),
  ping('ping with TTL 1 on the same node', 'client', 'LOCAL', { ttl: 1 }),
  ping('ping as large as the tunnel carries', 'client', 'WEB', { size: 1422 }),
  { ...ping('ping from the node, too large for the tunnel, DF set', 'controlplane', 'WEB', { size: 1423 }), silent: true },
  { ...ping('ping from a pod, too large for its own device, DF set', 'client', 'WEB', { size: 1423 }), silent: true },
  ping('ping from the node to a ClusterIP', 'controlplane', '10.96.0.1'),
  { ...connect('router to a ClusterIP: no route', 'router', '10.96.0.1', 443), silent: true },
  http('pod to its own address', 'web', 'WEB'),
  http('node to a pod on itself', 'controlplane', 'LOCAL'),
  http('node to a pod on another node', 'controlplane', 'WEB'),
  connect('pod to its node', 'client', '172.30.1.2', 10250),
  connect('pod to the other node', 'client', '172.30.2.2', 10250),
  connect('node to the other node', 'controlplane', '172.30.2.2', 10250),
  connect('node to localhost', 'controlplane', '127.0.0.1', 10250),
  http('node to a NodePort by localhost', 'controlplane', '127.0.0.1', 30080),
  http('pod to its own node’s NodePort', 'client', '172.30.1.2', 30080),
  http('pod to a Service port that the Service does not have', 'client', '10.97.253.216', 81),
  alsoWarm(dns('DNS to the Service', 'client', '10.96.0.10')),
  dns('DNS to the Service, from the other node’s pod', 'web', '10.96.0.10'),
  ping('ping in fragments on the same node', 'client', 'LOCAL', { size: 3000, fragments: true }),
  ping('ping in fragments to another node', 'client', 'WEB', { size: 3000, fragments: true }),
  ping('ping in fragments from a node to a pod on another node', 'controlplane', 'WEB', { size: 3000, fragments: true }),
  ping('ping in fragments between nodes', 'controlplane', '172.30.2.2', { size: 3000, fragments: true }),
  http('router to a NodePort with policy Local, endpoint on another node', 'router', '172.30.1.2', 30081),
  http('router to a NodePort with policy Local, endpoint on that node', 'router', '172.30.2.2', 30081),
  http('pod to a NodePort with policy Local, endpoint on another node', 'client', '172.30.1.2', 30081),
  http('node to its own NodePort with policy Local, endpoint on another node', 'controlplane', '172.30.1.2', 30081),
  alsoWarm(http('pod to a Service with session affinity', 'client', '10.96.50.5')),
  http('pod to a Service with internal policy Local, endpoint on another node', 'client', '10.96.50.6'),
  http('pod to a Service with internal policy Local, endpoint on its node', 'web', '10.96.50.6'),
  connect('pod to a Service of a pod in its node’s network', 'client', '10.96.50.7', 80),
  connect('pod to a Service of a pod in the other node’s network', 'web', '10.96.50.7', 80),
  connect('node to a Service of a pod in its own network', 'controlplane', '10.96.50.7', 80),
  dns('UDP from a pod to a server in its node’s network: the answer comes from another address', 'client', '172.30.1.2', 8081),
  { ...dns('UDP from a pod to a server in the other node’s network', 'web', '172.30.1.2', 8081), anyResult: true },
  { ...dns('UDP from a pod to a Service of a pod in its node’s network', 'client', '10.96.50.7', 81), anyResult: true },
  dns('UDP between nodes to a port where nobody listens', 'controlplane', '172.30.2.2', 999),
  dns('UDP to a port where nobody listens', 'client', 'WEB'),
  ping('ping to an address beyond the router', 'client', '203.0.113.9'),
  ping('ping to a ClusterIP', 'client', '10.97.253.216'),
  ping('ping to an unused pod address on another node', 'client', '10.244.1.200', { seconds: 4 }),
  ping('ping to an unused pod address on the same node', 'client', '10.244.0.200', { seconds: 4 }),
  ...[
    http('pod to ClusterIP, endpoint on the same node', 'client', '10.96.50.1'),
    http('hairpin', 'web', '10.97.253.216'),
    http('pod to ClusterIP, endpoint on another node', 'client', '10.97.253.216'),
  ].map(withSysctl('bridge-nf-call-iptables 0', { name: 'net.bridge.bridge-nf-call-iptables', value: 0, normal: 1 })),
  ...[
    http('pod to pod on the same node', 'client', 'LOCAL'),
    http('pod to ClusterIP, endpoint on the same node', 'client', '10.96.50.1'),
    http('pod to pod on another node', 'client', 'WEB'),
  ].map(withSysctl('ip_forward 0', { name: 'net.ipv4.ip_forward', value: 0, normal: 1 })),
];

/** What differs from one road to another. */
export const ROAD_FLOWS: readonly ParityFlow[] = [
  alsoWarm(http('pod to pod on the same node', 'client', 'LOCAL')),
  alsoWarm(http('pod to pod on another node', 'client', 'WEB')),
  http('pod to ClusterIP, endpoint on another node', 'client', '10.97.253.216'),
  http('node to a pod on another node', 'controlplane', 'WEB'),
  ping('ping with TTL 2', 'client', 'WEB', { ttl: 2 }),
];
