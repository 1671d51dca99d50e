/** What `kind create cluster` installs besides the nodes: its CNI, and the DNS that kubeadm brings. kind: pkg/cluster/internal/create/actions/installcni, images/kindnetd */

import { type CniManifest, isCniName } from '../kube/cni/choice-names.ts';
import type { KindCluster } from '../kube/node/cluster-kinds.ts';
import { formatIp, formatPrefix, isIp6, parseIpPrefix } from '../net/addr/ip.ts';
import type { KubeObject } from '../objects/types.ts';
import type { AdmittedObject } from './admit.ts';

export const CNI_NAME = /flannel|cilium|calico|kindnet/;
/** The underlay of the way that needs a router which knows all pods. */
const ROUTED_UNDERLAY = `apiVersion: kubehop.dev/v1alpha1
kind: Network
metadata: {name: underlay}
spec: {cidr: 172.30.0.0/16, podRoutes: true}
`;
/** Where files of /etc/cni/net.d are all there is. */
const NET_DIR = 'net.d';

/** Which pod networks the objects install, by the names of their daemons. */
export function networksOf(objects: Iterable<AdmittedObject>): ReadonlySet<string> {
  const found = new Set<string>();
  let files = false;
  for (const { object } of objects) {
    files ||= object.kind === 'CniConfig';
    const name = object.kind === 'DaemonSet' ? CNI_NAME.exec(object.metadata.name)?.[0] : undefined;
    if (name !== undefined) found.add(name);
  }
  if (found.size === 0 && files) found.add(NET_DIR);
  return found;
}

const isKindCluster = ({ object }: AdmittedObject): boolean => object.kind === 'Cluster' && object.apiVersion.startsWith('kind.x-k8s.io/');

/** `networking.cni` of a kind cluster, or what kind does without it. */
export function wantedNetwork(objects: Iterable<AdmittedObject>): string | undefined {
  for (const one of objects) {
    if (!isKindCluster(one)) continue;
    const { networking } = one.object as KindCluster;
    return networking?.cni ?? (networking?.disableDefaultCNI === true ? 'none' : 'kindnet');
  }
  return undefined;
}

/** One pod network has taken the place of another, or the same one in another way where kind installs it, which never changes a cluster that it has made. */
export function isExchanged(before: readonly AdmittedObject[], after: readonly AdmittedObject[]): boolean {
  const [old, next] = [wantedNetwork(before), wantedNetwork(after)];
  if (old !== undefined && next !== undefined && old !== next) return true;
  const [names, nextNames] = [networksOf(before), networksOf(after)];
  return names.size > 0 && nextNames.size > 0 && ![...names].some((name) => nextNames.has(name));
}

function rangesOf(
  cluster: KindCluster,
  objects: readonly AdmittedObject[],
): { readonly podCidr: string; readonly podCidr6: string | undefined; readonly gateway: string } {
  const family = cluster.networking?.ipFamily ?? 'ipv4';
  const usual = family === 'ipv6' ? 'fd00:10:244::/56' : family === 'dual' ? '10.244.0.0/16,fd00:10:244::/56' : '10.244.0.0/16';
  const prefixes = (cluster.networking?.podSubnet ?? usual).split(',').flatMap((part) => parseIpPrefix(part.trim()) ?? []);
  const textOf = (six: boolean): string | undefined => {
    const prefix = prefixes.find((one) => isIp6(one.address) === six);
    return prefix === undefined ? undefined : formatPrefix(prefix.network, prefix.prefixLength);
  };
  const network = objects.find(({ object }) => object.kind === 'Network')?.object as (KubeObject & { readonly spec?: { readonly cidr?: string } }) | undefined;
  const underlay = parseIpPrefix((network?.spec?.cidr ?? '').split(',')[0] ?? '');
  const gateway = underlay === undefined || isIp6(underlay.network) ? '172.30.0.1' : formatIp((underlay.network as number) + 1);
  return { podCidr: textOf(false) ?? '', podCidr6: textOf(true), gateway };
}

/** kubeadm gives the DNS Service the tenth address of the range that the cluster has. Kubernetes: cmd/kubeadm/app/constants, GetDNSIP. */
function inServiceRange(one: AdmittedObject, cluster: KindCluster): AdmittedObject {
  const range = parseIpPrefix((cluster.networking?.serviceSubnet ?? '').split(',')[0]?.trim() ?? '');
  const { spec } = one.object as KubeObject & { readonly spec?: { readonly clusterIP?: string } };
  if (range === undefined || isIp6(range.network) || one.object.kind !== 'Service' || spec?.clusterIP === undefined) return one;
  const clusterIP = formatIp((range.network as number) + 10);
  const object = { ...one.object, spec: { ...spec, clusterIP, clusterIPs: [clusterIP] } };
  return { ...one, object: object as KubeObject };
}

/** Reads a text of ours. */
export type ReadText = (path: string, text: string) => readonly AdmittedObject[];

/** Objects that kind adds to the files' own, with the cluster's description as their source; `base` brings CoreDNS, `manifest` the pod network. Empty where the files describe no kind cluster. */
export function kindAddOns(
  objects: readonly AdmittedObject[],
  base: () => readonly AdmittedObject[],
  read: ReadText,
  manifest: CniManifest,
): readonly AdmittedObject[] {
  const cluster = objects.find(isKindCluster);
  if (cluster === undefined) return [];
  const own = new Set(objects.map((one) => one.key));
  const added: AdmittedObject[] = base()
    .filter((one) => /(?:coredns|kube-dns)/.test(one.object.metadata.name) && !own.has(one.key))
    .map((one) => inServiceRange(one, cluster.object as KindCluster));
  // A CNI of the reader's own: two would fight for /etc/cni/net.d.
  if (networksOf(objects).size > 0) return added;
  const name = wantedNetwork([cluster]) ?? '';
  if (!isCniName(name)) return added;
  const texts = [manifest(name, rangesOf(cluster.object as KindCluster, objects))];
  if (name === 'ptp' && !objects.some(({ object }) => object.kind === 'Network')) texts.push(ROUTED_UNDERLAY);
  for (const [index, text] of texts.entries())
    for (const one of read(`${name} ${index}`, text)) if (!own.has(one.key)) added.push({ key: one.key, object: one.object, source: cluster.source });
  return added;
}
