/** A recorded cluster as manifests that anybody can apply, and the few commands for what no manifest can say. */
import { formatYaml, type YamlValue } from '../../base/yaml/index.ts';
import { parseCidr } from '../../net/addr/ip4.ts';
import type { DocumentFile } from '../document.ts';
import type { RecordedCluster, RecordedCommand, RecordedEndpoint, RecordedPod, RecordedService } from './format.ts';

const CLUSTER_CIDR = '10.244.0.0/16';
const UNDERLAY_CIDR = '172.30.1.0/24';
const VXLAN_BYTES = 50;

/** Documents without a field that is undefined. */
type Doc = Readonly<Record<string, unknown>>;

const clean = (value: unknown): YamlValue => JSON.parse(JSON.stringify(value)) as YamlValue;
const file = (path: string, docs: readonly Doc[]): DocumentFile[] =>
  docs.length === 0 ? [] : [{ path, text: docs.map((doc) => formatYaml(clean(doc))).join('---\n') }];

function clusterDocs(cluster: RecordedCluster, servers: boolean): Doc[] {
  const { underlay, cni, kubeProxy } = cluster;
  const sysctls = [
    // What a fresh network namespace has, rather than what a distribution sets.
    'net.ipv4.conf.all.rp_filter = 0',
    'net.ipv4.conf.default.rp_filter = 0',
    `net.bridge.bridge-nf-call-iptables = ${cni.bridgeNfCallIptables ? 1 : 0}`,
  ];
  return [
    {
      apiVersion: 'kubehop.dev/v1alpha1',
      kind: 'Network',
      metadata: { name: 'underlay' },
      spec: {
        cidr: UNDERLAY_CIDR,
        ...(underlay.mtu === undefined ? {} : { mtuBytes: underlay.mtu }),
        ...(underlay.lossPercent === undefined ? {} : { lossPercent: underlay.lossPercent }),
        ...(underlay.latency === undefined ? {} : { latency: underlay.latency }),
        ...(underlay.routes.length === 0 ? {} : { routes: underlay.routes }),
      },
    },
    ...cluster.externals.map((one) => ({
      apiVersion: 'kubehop.dev/v1alpha1',
      kind: 'Host',
      metadata: { name: one.name },
      spec: {
        address: one.ip,
        ...(servers && one.tcp.length > 0 ? { ports: one.tcp } : {}),
        ...(servers && one.udp.length > 0 ? { udpPorts: one.udp } : {}),
      },
    })),
    {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'ClusterConfiguration',
      networking: { podSubnet: podSubnet(cluster), serviceSubnet: '10.96.0.0/12', dnsDomain: 'cluster.local' },
    },
    {
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'iptables',
      clusterCIDR: podSubnet(cluster),
      iptables: { masqueradeAll: kubeProxy.masqueradeAll, localhostNodePorts: true },
    },
    ...Object.entries(cluster.namespaces).map(([name, labels]) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })),
    ...cluster.nodes.map((node) => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: node.name,
        labels: { 'kubernetes.io/hostname': node.name, 'kubernetes.io/os': 'linux' },
        annotations: {
          'kubehop.dev/sysctl.conf': `${sysctls.join('\n')}\n`,
          ...(node.mtu === undefined ? {} : { 'kubehop.dev/mtu-bytes': String(node.mtu) }),
        },
      },
      spec: { podCIDR: node.podCIDR, podCIDRs: [node.podCIDR] },
      status: {
        addresses: [
          { type: 'InternalIP', address: node.ip },
          { type: 'Hostname', address: node.name },
        ],
      },
    })),
  ];
}

/** The usual range, or the smallest at most a /8 that holds every node's. */
function podSubnet(cluster: RecordedCluster): string {
  const whole = parseCidr(CLUSTER_CIDR);
  const fits = cluster.nodes.every((node) => {
    const range = parseCidr(node.podCIDR);
    return range !== undefined && whole !== undefined && (range.network & -65536) === whole.network;
  });
  return fits ? CLUSTER_CIDR : '10.0.0.0/8';
}

function flannelDocs(cluster: RecordedCluster): Doc[] {
  const { cni } = cluster;
  const backend =
    cni.mode === 'host-gw'
      ? { Type: 'host-gw' }
      : {
          Type: 'vxlan',
          ...(cni.vni === 1 ? {} : { VNI: cni.vni }),
          ...(cni.port === 8472 ? {} : { Port: cni.port }),
          ...(cni.vxlanMtu === undefined ? {} : { MTU: cni.vxlanMtu + VXLAN_BYTES }),
        };
  const delegate = { ...(cni.hairpin ? { hairpinMode: true } : {}), isDefaultGateway: true, ...(cni.mtu === undefined ? {} : { mtu: cni.mtu }) };
  const conf = { name: 'cbr0', cniVersion: '0.3.1', plugins: [{ type: 'flannel', delegate }] };
  const labels = { app: 'flannel', 'k8s-app': 'flannel' };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-flannel' } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-flannel-cfg', namespace: 'kube-flannel' },
      data: {
        'cni-conf.json': `${JSON.stringify(conf, null, 2)}\n`,
        'net-conf.json': `${JSON.stringify({ Network: podSubnet(cluster), Backend: backend }, null, 2)}\n`,
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'kube-flannel-ds', namespace: 'kube-flannel', labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            hostNetwork: true,
            tolerations: [{ operator: 'Exists' }],
            containers: [
              {
                name: 'kube-flannel',
                image: 'ghcr.io/flannel-io/flannel:v0.27.4',
                command: ['/opt/bin/flanneld'],
                args: [...(cni.ipMasq ? ['--ip-masq'] : []), '--kube-subnet-mgr'],
                volumeMounts: [{ name: 'flannel-cfg', mountPath: '/etc/kube-flannel/' }],
              },
            ],
            volumes: [{ name: 'flannel-cfg', configMap: { name: 'kube-flannel-cfg' } }],
          },
        },
      },
    },
  ];
}

/** An image that answers on its ports, or a box of tools. */
const container = (pod: RecordedPod): Doc => ({
  name: 'server',
  image: 'example.com/answers-with-its-name',
  ports: [...pod.tcp.map((containerPort) => ({ containerPort })), ...pod.udp.map((containerPort) => ({ containerPort, protocol: 'UDP' }))],
});

const podDoc = (pod: RecordedPod, servers: boolean): Doc => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: pod.name, namespace: pod.namespace, labels: pod.labels },
  spec: {
    nodeName: pod.node,
    ...(pod.hostNetwork ? { hostNetwork: true } : {}),
    tolerations: [{ operator: 'Exists' }],
    // A recording takes a pod away at once.
    terminationGracePeriodSeconds: 0,
    containers: [
      ...(servers && pod.tcp.length + pod.udp.length > 0 ? [container(pod)] : []),
      { name: 'tools', image: 'nicolaka/netshoot', command: ['sleep', 'infinity'] },
    ],
  },
  ...(pod.ip === '' || pod.hostNetwork ? {} : { status: { podIP: pod.ip, podIPs: [{ ip: pod.ip }] } }),
});

/** The node that an endpoint's address belongs to, where anything tells. */
function nodeOf(endpoint: RecordedEndpoint, cluster: RecordedCluster): string | undefined {
  return (
    endpoint.node ??
    cluster.pods.find((pod) => pod.ip === endpoint.ip && !pod.hostNetwork)?.node ??
    cluster.nodes.find((node) => node.ip === endpoint.ip)?.name ??
    cluster.nodes.find((node) => {
      const range = parseCidr(node.podCIDR);
      const ip = parseCidr(`${endpoint.ip}/${range?.prefixLength ?? 24}`);
      return range !== undefined && ip?.network === range.network;
    })?.name
  );
}

function serviceDocs(service: RecordedService, cluster: RecordedCluster): Doc[] {
  const { endpoints } = service;
  const metadata = { name: service.name, namespace: service.namespace };
  const sticky = service.sessionAffinity === 'ClientIP' && service.affinitySeconds !== undefined;
  const doc: Doc = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: {
      type: service.type,
      clusterIP: service.clusterIP,
      // Endpoints that are given are nobody's to reckon.
      ...(service.selector === undefined || endpoints !== undefined ? {} : { selector: service.selector }),
      ports: service.ports.map((port, i) => ({ ...port, ...(port.name === undefined && service.ports.length > 1 ? { name: `p${i + 1}` } : {}) })),
      ...(service.externalTrafficPolicy === undefined ? {} : { externalTrafficPolicy: service.externalTrafficPolicy }),
      ...(service.internalTrafficPolicy === undefined ? {} : { internalTrafficPolicy: service.internalTrafficPolicy }),
      ...(service.sessionAffinity === undefined ? {} : { sessionAffinity: service.sessionAffinity }),
      ...(sticky ? { sessionAffinityConfig: { clientIP: { timeoutSeconds: service.affinitySeconds } } } : {}),
      ...(service.externalIPs.length === 0 ? {} : { externalIPs: service.externalIPs }),
      ...(service.loadBalancerSourceRanges.length === 0 ? {} : { loadBalancerSourceRanges: service.loadBalancerSourceRanges }),
      ...(service.healthCheckNodePort === undefined ? {} : { healthCheckNodePort: service.healthCheckNodePort }),
      // A recorded service without a node port has none.
      ...(service.type === 'LoadBalancer' && service.ports.every((port) => port.nodePort === undefined) ? { allocateLoadBalancerNodePorts: false } : {}),
    },
    ...(service.loadBalancerIPs.length === 0 ? {} : { status: { loadBalancer: { ingress: service.loadBalancerIPs.map((ip) => ({ ip })) } } }),
  };
  if (endpoints === undefined) return [doc];
  return [
    doc,
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${service.name}-given`, namespace: service.namespace, labels: { 'kubernetes.io/service-name': service.name } },
      addressType: 'IPv4',
      endpoints: endpoints.map((endpoint) => {
        const nodeName = nodeOf(endpoint, cluster);
        return { addresses: [endpoint.ip], conditions: { ready: endpoint.ready }, ...(nodeName === undefined ? {} : { nodeName }) };
      }),
      ports: service.ports.map((port, i) => ({
        ...(port.name === undefined ? (service.ports.length > 1 ? { name: `p${i + 1}` } : { name: '' }) : { name: port.name }),
        port: (endpoints as readonly { readonly port?: number }[])[0]?.port ?? port.targetPort,
        protocol: port.protocol,
      })),
    },
  ];
}

/** The cluster's files, in the order in which a person would read them. Without `servers` nothing listens: the recorder brings its own. */
export function manifestsOf(cluster: RecordedCluster, servers = false): DocumentFile[] {
  return [
    ...file('cluster.yaml', clusterDocs(cluster, servers)),
    ...file('flannel.yaml', flannelDocs(cluster)),
    ...file(
      'pods.yaml',
      cluster.pods.map((pod) => podDoc(pod, servers)),
    ),
    ...file(
      'services.yaml',
      cluster.services.flatMap((service) => serviceDocs(service, cluster)),
    ),
    ...file(
      'policies.yaml',
      cluster.policies.map(({ name, namespace, ...spec }) => ({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name, namespace },
        spec: policySpec(spec),
      })),
    ),
  ];
}

function policySpec(spec: Omit<RecordedCluster['policies'][number], 'name' | 'namespace'>): Doc {
  const { ingress, egress, policyTypes, podSelector } = spec;
  return {
    podSelector,
    policyTypes,
    ...(policyTypes.includes('Ingress') && ingress.length > 0 ? { ingress } : {}),
    ...(policyTypes.includes('Egress') && egress.length > 0 ? { egress } : {}),
  };
}

/** What older kube-proxies did, and policies of built-in chains: by hand on every node, once the agents have written their rules. */
export function setupCommands(cluster: RecordedCluster): RecordedCommand[] {
  const { kubeProxy, forwardPolicy } = cluster;
  const lines: string[] = [];
  if (!kubeProxy.randomFully)
    lines.push('iptables -t nat -R KUBE-POSTROUTING 3 -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE');
  if (!kubeProxy.clearMark) lines.push('iptables -t nat -D KUBE-POSTROUTING 2');
  if (forwardPolicy === 'DROP') lines.push('iptables -P FORWARD DROP');
  return cluster.nodes.flatMap((node) => lines.map((cmd) => ({ ns: node.name, cmd })));
}
