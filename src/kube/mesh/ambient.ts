/** The ambient mode: whose pods a node's istio-cni and ztunnel take in, what they leave in a pod's netns, and what ztunnel knows. Istio: cni/pkg/iptables/iptables.go; ztunnel: src/state.rs. */
import type { Origin } from '../../base/origin.ts';
import { parseRfc3339 } from '../../base/time.ts';
import type { ZtunnelConfig, ZtunnelMesh, ZtunnelService, ZtunnelWorkload } from '../../net/app/mesh/ztunnel-config.ts';
import type { Chain, NetRecord } from '../../net/records.ts';
import { DEFAULT_EPOCH_MS } from '../../net/wire/calendar.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { Gateway } from '../gateway/types.ts';
import { perState } from '../node/per-state.ts';
import { chainId, processId } from '../node/record-ids.ts';
import { statusOfContainer } from '../pod/containers.ts';
import { parseImage } from '../pod/images.ts';
import { hasSandbox, isContainerRunning } from '../pod/running.ts';
import { netnsOfPod } from '../pod/sandbox-agent.ts';
import { isReady, namespaceOf, type Pod } from '../pod/types.ts';
import type { Service } from '../service/types.ts';
import { authorizationOf } from './authorization.ts';
import { rootCertificate, spiffeId, workloadIdentity } from './identity.ts';
import { isIstiodReady, PROXY, TLS_MODE_LABEL } from './inject.ts';
import { peerModeOf } from './peer-authentication.ts';
import { meshPorts } from './services.ts';

const MODE = 'istio.io/dataplane-mode';
export const USE_WAYPOINT = 'istio.io/use-waypoint';
export const WAYPOINT_CLASS = 'istio-waypoint';
const IGNORED: readonly string[] = ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage', 'istio-system'];
const TABLE = 100;
const PRIORITY = 32_764;
const MARK = 0x111;
const MASK = 0xfff;

const namespaceLabels = (namespace: string, view: StoreView) => view.find<KubeObject>(`Namespace/${namespace}`)?.metadata.labels ?? {};

/** By the namespace's label, or the pod's own, which is stronger; never beside a sidecar. Istio: cni/pkg/util/podutil.go, PodRedirectionEnabled. */
export function wantsAmbient(pod: Pod, view: StoreView): boolean {
  const namespace = namespaceOf(pod);
  const own = pod.metadata.labels?.[MODE];
  if (own === 'none' || pod.spec.hostNetwork === true || IGNORED.includes(namespace)) return false;
  if (pod.spec.initContainers?.some(({ name }) => name === PROXY) === true || pod.metadata.labels?.[TLS_MODE_LABEL] !== undefined) return false;
  return own === 'ambient' || namespaceLabels(namespace, view)[MODE] === 'ambient';
}

const runs = (pod: Pod, repository: string) => pod.spec.containers.find(({ image = '' }) => parseImage(image).repository === repository);

/** By node: a ready pod of istio-cni, and the running one of ztunnel. */
const daemons = perState(['Pod'], (view) => {
  const cni = new Set<string>();
  const tunnels = new Map<string, Pod>();
  for (const pod of view.list<Pod>('Pod')) {
    const node = pod.spec.nodeName;
    if (node === undefined) continue;
    if (runs(pod, 'istio/install-cni') !== undefined && isReady(pod)) cni.add(node);
    const container = runs(pod, 'istio/ztunnel');
    if (container !== undefined && isContainerRunning(pod, container.name)) tunnels.set(node, pod);
  }
  return { cni, tunnels };
});

export const ztunnelOf = (node: string | undefined, view: StoreView): Pod | undefined => daemons(view).tunnels.get(node ?? '');

/** istio-cni has been there to take it in. */
export const isAmbient = (pod: Pod, view: StoreView): boolean => wantsAmbient(pod, view) && daemons(view).cni.has(pod.spec.nodeName ?? '');

export const ambientPods = perState(['Pod', 'Namespace'], (view): readonly Pod[] =>
  daemons(view).cni.size === 0 ? [] : view.list<Pod>('Pod').filter((pod) => isAmbient(pod, view)),
);

const CHAINS: readonly (readonly [table: 'mangle' | 'nat', name: string, rules: readonly string[]])[] = [
  ['mangle', 'PREROUTING', ['-j ISTIO_PRERT']],
  ['mangle', 'INPUT', []],
  ['mangle', 'FORWARD', []],
  ['mangle', 'OUTPUT', ['-j ISTIO_OUTPUT']],
  ['mangle', 'POSTROUTING', []],
  ['mangle', 'ISTIO_OUTPUT', ['-m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff']],
  ['mangle', 'ISTIO_PRERT', ['-m mark --mark 0x539/0xfff -j CONNMARK --set-xmark 0x111/0xfff']],
  ['nat', 'PREROUTING', ['-j ISTIO_PRERT']],
  ['nat', 'INPUT', []],
  ['nat', 'OUTPUT', ['-j ISTIO_OUTPUT']],
  ['nat', 'POSTROUTING', []],
  [
    'nat',
    'ISTIO_OUTPUT',
    [
      '-d 169.254.7.127/32 -p tcp -m tcp -j ACCEPT',
      '-p tcp -m mark --mark 0x111/0xfff -j ACCEPT',
      '! -d 127.0.0.1/32 -o lo -j ACCEPT',
      '! -d 127.0.0.1/32 -p tcp -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15001',
    ],
  ],
  [
    'nat',
    'ISTIO_PRERT',
    [
      '-s 169.254.7.127/32 -p tcp -m tcp -j ACCEPT',
      '! -d 127.0.0.1/32 -p tcp -m tcp ! --dport 15008 -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15006',
    ],
  ],
];
const BUILT_IN = /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/;

/** iptables, and the rule of routing that lets answers to a client's own address come back to ztunnel. */
function redirection(netns: string, origin: Origin): NetRecord[] {
  const chains = CHAINS.map(
    ([table, name, rules]): Chain => ({
      kind: 'chain',
      id: chainId(netns, table, name),
      origin,
      netns,
      table,
      name,
      ...(BUILT_IN.test(name) ? { policy: 'ACCEPT' as const } : {}),
      rules: rules.map((text) => ({ text })),
    }),
  );
  return [
    ...chains,
    {
      kind: 'route',
      id: `${netns}/route/${TABLE}/local-default`,
      origin,
      netns,
      table: TABLE,
      destination: '0.0.0.0/0',
      type: 'local',
      device: 'lo',
      protocol: 'boot',
      scope: 'host',
      metric: 0,
      onlink: false,
    },
    { kind: 'rule', id: `${netns}/rule/istio`, origin, netns, family: 4, priority: PRIORITY, mark: MARK, mask: MASK, action: 'lookup', table: TABLE },
  ];
}

const identityOf = (pod: Pod): string => spiffeId(namespaceOf(pod), pod.spec.serviceAccountName ?? 'default');

/** The ready proxy of a waypoint's Gateway, and its Service's address. */
export function waypointFor(name: string | undefined, namespace: string, view: StoreView): { readonly ip: string; readonly identity: string } | undefined {
  if (name === undefined || name === 'none') return undefined;
  const gateway = view.find<Gateway>(`Gateway/${namespace}/${name}`);
  if (gateway?.spec?.gatewayClassName !== WAYPOINT_CLASS) return undefined;
  const ip = view.find<Service>(`Service/${namespace}/${name}`)?.spec.clusterIP;
  return ip === undefined ? undefined : { ip, identity: spiffeId(namespace, name) };
}

/** All workloads and services: what istiod tells every ztunnel. */
export const ztunnelMesh = perState(['Pod', 'Namespace', 'Service', 'EndpointSlice', 'Node', 'ServiceEntry', 'Gateway'], (view): ZtunnelMesh => {
  const workloads: Record<string, ZtunnelWorkload> = {};
  for (const pod of view.list<Pod>('Pod')) {
    if (pod.spec.hostNetwork === true) continue;
    const hbone = isAmbient(pod, view) || pod.metadata.labels?.['gateway.istio.io/managed'] === 'istio.io-mesh-controller';
    const workload = { name: pod.metadata.name, namespace: namespaceOf(pod), identity: hbone ? identityOf(pod) : '', hbone };
    for (const { ip } of pod.status?.podIPs ?? []) if (ip !== undefined) workloads[ip] = workload;
  }
  const services: Record<string, ZtunnelService> = {};
  for (const { host, namespace, ips, port, endpoints, shortName } of meshPorts(view)) {
    const own = shortName === undefined ? undefined : view.find<KubeObject>(`Service/${namespace}/${shortName}`)?.metadata.labels?.[USE_WAYPOINT];
    const waypoint = waypointFor(own ?? namespaceLabels(namespace, view)[USE_WAYPOINT], namespace, view);
    for (const ip of ips)
      services[`${ip} ${port}`] = {
        host,
        ip,
        port,
        endpoints: endpoints.map((one) => ({ ip: one.ip, port: one.port })),
        ...(waypoint === undefined ? {} : { waypoint }),
      };
  }
  return { workloads, services };
});

export function ambientRecords(pod: Pod, view: StoreView): NetRecord[] {
  const netns = netnsOfPod(pod);
  if (netns === undefined || !hasSandbox(pod)) return [];
  const key = objectKey(pod);
  const records = redirection(netns, { component: 'istio-cni', objects: [key] });
  const daemon = ztunnelOf(pod.spec.nodeName, view);
  const container = daemon === undefined ? undefined : runs(daemon, 'istio/ztunnel');
  if (daemon === undefined || container === undefined || !isIstiodReady(view)) return records;
  const peers = peerModeOf(pod, view);
  const authorization = authorizationOf(pod, view);
  const started = parseRfc3339(statusOfContainer(daemon, container.name)?.state?.running?.startedAt ?? '') ?? DEFAULT_EPOCH_MS;
  const config: ZtunnelConfig = {
    identity: workloadIdentity(pod.metadata.uid ?? pod.metadata.name, identityOf(pod), started, DEFAULT_EPOCH_MS),
    ca: rootCertificate(DEFAULT_EPOCH_MS),
    ips: (pod.status?.podIPs ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
    mesh: ztunnelMesh(view),
    strict: {
      all: peers.all === 'STRICT',
      ports: Object.fromEntries(Object.entries(peers.ports).map(([port, mode]) => [port, mode === 'STRICT'])),
      why: peers.decidedBy ?? 'PeerAuthentication',
    },
    ...(authorization === undefined ? {} : { authorization }),
    nodeIps: nodeAddresses(pod, view),
  };
  records.push({
    kind: 'process',
    // Its container in ztunnel's own pod, whose log it writes.
    id: processId(netns, container.name),
    origin: { component: 'ztunnel', objects: [objectKey(daemon), key, ...(peers.decidedBy === undefined ? [] : [peers.decidedBy])] },
    netns,
    app: 'ztunnel',
    name: 'ztunnel',
    config,
  });
  return records;
}

/** Where the kubelet's own questions come from: the node's addresses, and the gateway of its pods (.1 of their range). */
function nodeAddresses(pod: Pod, view: StoreView): readonly string[] {
  const node = view.find<
    KubeObject & {
      readonly spec?: { readonly podCIDRs?: readonly string[] };
      readonly status?: { readonly addresses?: readonly { readonly type: string; readonly address: string }[] };
    }
  >(`Node/${pod.spec.nodeName ?? ''}`);
  const gateways = (node?.spec?.podCIDRs ?? []).flatMap((cidr) => (/^(\d+\.\d+\.\d+)\.0\/24$/.test(cidr) ? [cidr.replace('.0/24', '.1')] : []));
  return [...gateways, ...(node?.status?.addresses ?? []).flatMap(({ type, address }) => (type === 'InternalIP' ? [address] : []))];
}
