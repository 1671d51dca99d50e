/** On which nodes kube-proxy runs, and with which configuration. */
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import type { KubeObject, ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { formatCidr } from '../addresses.ts';
import { CILIUM_CONFIG_MAP, replacesKubeProxy } from '../cni/cilium-config.ts';
import { clusterSettings, settingsKinds } from '../node/cluster-config.ts';
import type { KindCluster } from '../node/cluster-kinds.ts';
import { perState } from '../node/per-state.ts';
import { podsOn } from '../node/pods-by-node.ts';
import { isStopped } from '../node/stopped-agents.ts';
import type { Node } from '../node/types.ts';
import { imageRole, parseImage } from '../pod/images.ts';
import type { ConfigMap } from '../pod/mounts.ts';
import { mountedConfigMap } from '../pod/mounts.ts';
import type { Pod, PodTemplate } from '../pod/types.ts';
import { isTerminating } from '../pod/types.ts';
import type { ProxyConfig } from './kube-proxy-config.ts';
import { asOfVersion, proxyConfigOf } from './kube-proxy-config.ts';

export interface KubeProxyPresence {
  readonly config: ProxyConfig;
  /** Its Pod and the object its configuration comes from; empty where it is assumed. */
  readonly objects: readonly ObjectKey[];
  /** No object says that kube-proxy runs: it is taken for granted, as in a world that consists of Nodes only. */
  readonly assumed: boolean;
}

const CONFIG_KEY = 'config.conf';
/** Where kubeadm puts the configuration; it stays when the DaemonSet goes. */
export const KUBEADM_CONFIG_MAP = 'ConfigMap/kube-system/kube-proxy';

export function isProxyTemplate(template: PodTemplate | undefined): boolean {
  return template?.spec.containers.some((container) => imageRole(container.image ?? '') === 'kube-proxy') === true;
}

/** kube-proxy lives in the host's network; asking that first spares a look at every other pod's images. */
export function isProxyPod(pod: Pod): boolean {
  return pod.spec.hostNetwork === true && isProxyTemplate(pod);
}

/** A ConfigMap that a kube-proxy may read, or that says that none is needed. */
export function isProxyConfig(changed: KubeObject): boolean {
  const key = objectKey(changed);
  return (changed as ConfigMap).data?.[CONFIG_KEY] !== undefined || key === KUBEADM_CONFIG_MAP || key === CILIUM_CONFIG_MAP;
}

/** Somebody installed it, so that it runs where its pods run and nowhere else. */
function isInstalled(view: StoreView): boolean {
  if (view.find(KUBEADM_CONFIG_MAP) !== undefined) return true;
  return view.list<KubeObject & { readonly spec?: { readonly template?: PodTemplate } }>('DaemonSet').some((set) => isProxyTemplate(set.spec?.template));
}

/** Stands for "no document" as a key. */
const NO_DOCUMENT = {};
/** Read once per object, so that one configuration is one reference and rules made from it can be shared. */
const configs = new WeakMap<object, { readonly clusterCidr: string; readonly config: ProxyConfig }>();

function rememberedConfig(source: object, clusterCidr: string, document: () => unknown): ProxyConfig {
  const known = configs.get(source);
  if (known !== undefined && known.clusterCidr === clusterCidr) return known.config;
  const config = proxyConfigOf(document(), clusterCidr);
  configs.set(source, { clusterCidr, config });
  return config;
}

const yamlOf = (map: ConfigMap) => parseYaml(objectKey(map), map.data?.[CONFIG_KEY] ?? '').documents[0]?.value;

/** The mounted ConfigMap of this pod, else the document given to kubeadm or kind, else the defaults. */
function configOf(pod: Pod | undefined, view: StoreView): { readonly config: ProxyConfig; readonly object?: ObjectKey } {
  const { podCidr, podCidr6 } = clusterSettings(view);
  // kubeadm copies its podSubnet into the configuration.
  const clusterCidr = [podCidr === undefined ? undefined : formatCidr(podCidr), podCidr6].filter((range) => range !== undefined).join(',');
  const map = pod === undefined ? undefined : mountedConfigMap(pod, CONFIG_KEY, view);
  if (map !== undefined) return { config: rememberedConfig(map, clusterCidr, () => yamlOf(map)), object: objectKey(map) };
  const document = view.list('KubeProxyConfiguration')[0];
  if (document !== undefined) return { config: rememberedConfig(document, clusterCidr, () => document), object: objectKey(document) };
  const kind = view.list<KindCluster>('Cluster')[0];
  if (kind !== undefined) return { config: rememberedConfig(kind, clusterCidr, () => ({ mode: kind.networking?.kubeProxyMode })), object: objectKey(kind) };
  return { config: rememberedConfig(NO_DOCUMENT, clusterCidr, () => undefined) };
}

const byTag = new WeakMap<ProxyConfig, Map<string, ProxyConfig>>();

/** The configuration as the version in this pod's image understands it; the same reference each time. */
function versioned(config: ProxyConfig, pod: Pod): ProxyConfig {
  const { tag } = parseImage(pod.spec.containers.find(({ image }) => imageRole(image ?? '') === 'kube-proxy')?.image ?? '');
  const known = byTag.get(config) ?? new Map<string, ProxyConfig>();
  byTag.set(config, known);
  const found = known.get(tag) ?? asOfVersion(config, tag);
  known.set(tag, found);
  return found;
}

function presenceOn(node: string, view: StoreView): KubeProxyPresence | undefined {
  const pod = podsOn(view, node).find((one) => isProxyPod(one) && one.status?.phase === 'Running' && !isTerminating(one));
  if (pod !== undefined) {
    const { config, object } = configOf(pod, view);
    return { config: versioned(config, pod), objects: object === undefined ? [objectKey(pod)] : [objectKey(pod), object], assumed: false };
  }
  if (isInstalled(view) || replacesKubeProxy(view) || view.list<KindCluster>('Cluster')[0]?.networking?.kubeProxyMode === 'none') return undefined;
  const { config, object } = configOf(undefined, view);
  return { config, objects: object === undefined ? [] : [object], assumed: true };
}

/** By node name, filled when asked for. */
const presences = perState(
  ['Pod', 'ConfigMap', 'DaemonSet', 'KubeProxyConfiguration', ...settingsKinds],
  () => new Map<string, KubeProxyPresence | undefined>(),
);

function findPresence(node: string, view: StoreView): KubeProxyPresence | undefined {
  const known = presences(view);
  if (!known.has(node)) known.set(node, presenceOn(node, view));
  return known.get(node);
}

/** Undefined where kube-proxy does not run: also where its configuration is wrong, so that it ends as soon as it is started. */
export function kubeProxyOn(node: string, view: StoreView): KubeProxyPresence | undefined {
  const presence = findPresence(node, view);
  return presence?.config.problem === undefined ? presence : undefined;
}

/** One that was installed and is gone has left everything behind; one that was only taken for granted, or that Cilium replaces, has never been there. */
export const leavesRules = (view: StoreView): boolean => isInstalled(view) && !replacesKubeProxy(view);

/** Why it does not run, and the object that is to blame. */
export function kubeProxyProblem(node: string, view: StoreView): { readonly message: string; readonly object: ObjectKey | undefined } | undefined {
  const presence = findPresence(node, view);
  return presence?.config.problem === undefined ? undefined : { message: presence.config.problem, object: presence.objects.at(-1) };
}

/** It runs there, and nobody has stopped it: it does what it does from time to time. */
export function isProxyAlive(node: string, view: StoreView): boolean {
  const object = view.find<Node>(`Node/${node}`);
  return object !== undefined && !isStopped(object, 'kube-proxy') && kubeProxyOn(node, view) !== undefined;
}
