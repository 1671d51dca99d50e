/** What istio-init and the proxy leave in a pod of a mesh: iptables that bring the pod's connections to the proxy, and the proxy itself. Istio: tools/istio-iptables/pkg/capture/run.go. */
import type { Origin } from '../../base/origin.ts';
import { parseRfc3339 } from '../../base/time.ts';
import type { MeshProtocol, SidecarConfig } from '../../net/app/mesh/config.ts';
import type { Chain, NetRecord, Process } from '../../net/records.ts';
import { DEFAULT_EPOCH_MS } from '../../net/wire/calendar.ts';
import type { Agent, KubeObject, Rendering, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { matchesLabels } from '../label-selector.ts';
import { perState } from '../node/per-state.ts';
import { chainId, processId } from '../node/record-ids.ts';
import { findContainer, statusOfContainer } from '../pod/containers.ts';
import { hasSandbox, isContainerRunning } from '../pod/running.ts';
import { netnsOfPod, processNameOf } from '../pod/sandbox-agent.ts';
import { namespaceOf, type Pod } from '../pod/types.ts';
import type { Service } from '../service/types.ts';
import { ambientPods, ambientRecords, isAmbient } from './ambient.ts';
import { authorizationOf } from './authorization.ts';
import { rootCertificate, spiffeId, workloadIdentity } from './identity.ts';
import { INIT, PROXY } from './inject.ts';
import { meshConfig } from './mesh-config.ts';
import { peerModeOf } from './peer-authentication.ts';
import { MESH_SERVICE_KINDS, meshModel, protocolOf } from './services.ts';
import { localityOf } from './workloads.ts';

const UID = 1337;

/** In the order of the iptables-restore that istio-init logs. */
const CHAINS: Readonly<Record<string, readonly string[]>> = {
  ISTIO_INBOUND: [
    '-p tcp -m tcp --dport 15008 -j RETURN',
    '-p tcp -m tcp --dport 15090 -j RETURN',
    '-p tcp -m tcp --dport 15021 -j RETURN',
    '-p tcp -m tcp --dport 15020 -j RETURN',
    '-p tcp -j ISTIO_IN_REDIRECT',
  ],
  ISTIO_IN_REDIRECT: ['-p tcp -j REDIRECT --to-ports 15006'],
  ISTIO_OUTPUT: [
    '-s 127.0.0.6/32 -o lo -j RETURN',
    '! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT',
    '-o lo -m owner ! --uid-owner 1337 -j RETURN',
    '-m owner --uid-owner 1337 -j RETURN',
    '! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT',
    '-o lo -m owner ! --gid-owner 1337 -j RETURN',
    '-m owner --gid-owner 1337 -j RETURN',
    '-d 127.0.0.1/32 -j RETURN',
    '-j ISTIO_REDIRECT',
  ],
  ISTIO_REDIRECT: ['-p tcp -j REDIRECT --to-ports 15001'],
};
const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  PREROUTING: ['-p tcp -j ISTIO_INBOUND'],
  INPUT: [],
  OUTPUT: ['-p tcp -j ISTIO_OUTPUT'],
  POSTROUTING: [],
};
const asRules = (texts: readonly string[]): Chain['rules'] => texts.map((text) => ({ text }));
const OWN_RULES = Object.entries(CHAINS).map(([name, texts]) => ({ name, rules: asRules(texts) }));
const BUILT_IN_RULES = Object.entries(BUILT_IN).map(([name, texts]) => ({ name, rules: asRules(texts) }));

function chains(netns: string, origin: Origin): Chain[] {
  const chain = ({ name, rules }: (typeof OWN_RULES)[number]): Chain => ({
    kind: 'chain',
    id: chainId(netns, 'nat', name),
    origin,
    netns,
    table: 'nat',
    name,
    rules,
  });
  return [...BUILT_IN_RULES.map((one) => ({ ...chain(one), policy: 'ACCEPT' as const })), ...OWN_RULES.map(chain)];
}

const isMeshed = (pod: Pod): boolean => pod.spec.initContainers?.some(({ name }) => name === PROXY) === true;
const meshedPods = perState(['Pod', 'Namespace'], (view) => [...view.list<Pod>('Pod').filter(isMeshed), ...ambientPods(view)]);

/** What its Services say of the pod's ports. */
function inboundOf(pod: Pod, view: StoreView): Readonly<Record<string, MeshProtocol>> {
  const ports: Record<string, MeshProtocol> = {};
  for (const service of view.list<Service>('Service', namespaceOf(pod))) {
    const { selector } = service.spec;
    if (selector === undefined || !matchesLabels(selector, pod.metadata.labels)) continue;
    for (const port of service.spec.ports ?? []) {
      const protocol = protocolOf(port);
      const target = port.targetPort ?? port.port;
      const number =
        typeof target === 'number' ? target : pod.spec.containers.flatMap((one) => one.ports ?? []).find(({ name }) => name === target)?.containerPort;
      if (protocol !== undefined && number !== undefined) ports[number] ??= protocol;
    }
  }
  return ports;
}

/** The agent's own list of what the kubelet wants to know, as the webhook wrote it down. */
function probesOf(pod: Pod): SidecarConfig['probes'] {
  const text = findContainer(pod, PROXY)?.env?.find(({ name }) => name === 'ISTIO_KUBE_APP_PROBERS')?.value;
  if (text === undefined) return [];
  try {
    const given = JSON.parse(text) as Readonly<Record<string, { readonly httpGet?: { readonly path?: unknown; readonly port?: unknown } }>>;
    return Object.entries(given).flatMap(([path, { httpGet }]) =>
      typeof httpGet?.port === 'number' && typeof httpGet.path === 'string' ? [{ path, port: httpGet.port, target: httpGet.path }] : [],
    );
  } catch {
    return [];
  }
}

function configOf(pod: Pod, view: StoreView): SidecarConfig {
  const namespace = namespaceOf(pod);
  const model = meshModel({ namespace, labels: pod.metadata.labels ?? {}, locality: localityOf(pod, view) }, view);
  const { log, anyOutbound } = meshConfig(view);
  const authorization = authorizationOf(pod, view);
  const peers = peerModeOf(pod, view);
  const started = statusOfContainer(pod, PROXY)?.state?.running?.startedAt;
  const startedMs = parseRfc3339(started ?? '') ?? DEFAULT_EPOCH_MS;
  const spiffe = spiffeId(namespace, pod.spec.serviceAccountName ?? 'default');
  return {
    identity: workloadIdentity(pod.metadata.uid ?? pod.metadata.name, spiffe, startedMs, DEFAULT_EPOCH_MS),
    ca: rootCertificate(DEFAULT_EPOCH_MS),
    ips: (pod.status?.podIPs ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
    strict: {
      all: peers.all === 'STRICT',
      ports: Object.fromEntries(Object.entries(peers.ports).map(([port, mode]) => [port, mode === 'STRICT'])),
      why: peers.decidedBy ?? 'PeerAuthentication',
    },
    inbound: inboundOf(pod, view),
    services: model.services,
    hosts: model.hosts,
    backends: model.backends,
    probes: probesOf(pod),
    ...(authorization === undefined ? {} : { authorization }),
    ...(log ? { log } : {}),
    ...(anyOutbound ? {} : { knownOnly: true }),
  };
}

function render(key: string, view: StoreView): Rendering<NetRecord> {
  const pod = view.find<Pod>(key);
  const netns = pod === undefined ? undefined : netnsOfPod(pod);
  if (pod !== undefined && !isMeshed(pod)) return { records: isAmbient(pod, view) ? ambientRecords(pod, view) : [] };
  if (pod === undefined || netns === undefined || !hasSandbox(pod)) return { records: [] };
  const isSetUp = statusOfContainer(pod, INIT)?.state?.terminated?.exitCode === 0;
  const records: NetRecord[] = isSetUp ? chains(netns, { component: INIT, objects: [key] }) : [];
  if (isContainerRunning(pod, PROXY)) {
    const { decidedBy } = peerModeOf(pod, view);
    const process: Process = {
      kind: 'process',
      id: processId(netns, processNameOf(pod, PROXY)),
      origin: { component: 'istiod', objects: [key, ...(decidedBy === undefined ? [] : [decidedBy])] },
      netns,
      app: 'sidecar',
      name: 'envoy',
      uid: UID,
      config: configOf(pod, view),
    };
    records.push(process);
  }
  return { records };
}

/** Keys are pods' keys. A change of any Service reaches every proxy, as istiod pushes it. */
export const meshAgent: Agent<NetRecord> = {
  name: 'mesh',
  watches: [...MESH_SERVICE_KINDS, 'PeerAuthentication', 'AuthorizationPolicy', 'Namespace', 'Gateway'],
  keysFor: (changed: KubeObject, view: StoreView) => {
    const all = meshedPods(view).map(objectKey);
    // Who leaves the ambient mesh is in none of the lists any more.
    if (changed.kind === 'Namespace') return [...new Set([...all, ...view.list<Pod>('Pod', changed.metadata.name).map(objectKey)])];
    if (changed.kind === 'Pod' && ambientPods(view).length > 0 && !all.includes(objectKey(changed))) return [...all, objectKey(changed)];
    return changed.kind === 'Pod' && isMeshed(changed as Pod) && !all.includes(objectKey(changed)) ? [...all, objectKey(changed)] : all;
  },
  keys: (view) => meshedPods(view).map(objectKey),
  render,
};
