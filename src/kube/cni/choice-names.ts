/** Words of `networking.cni`, and what is asked for by them; what each installs is `choice.ts`, which few worlds need. */

export const CNI_NAMES = [
  'kindnet',
  'flannel',
  'flannel-direct-routing',
  'flannel-host-gw',
  'flannel-wireguard',
  'flannel-ipip',
  'calico',
  'calico-cross-subnet',
  'calico-bgp',
  'calico-route-reflector',
  'calico-top-of-rack',
  'calico-vxlan',
  'cilium',
  'cilium-geneve',
  'cilium-native',
  'cilium-with-kube-proxy',
  'ptp',
  'bridge',
] as const;

export type CniName = (typeof CNI_NAMES)[number];

export const isCniName = (word: string): word is CniName => (CNI_NAMES as readonly string[]).includes(word);

export interface ChoiceRanges {
  /** Range of all pods; '' where they have no IPv4 addresses. */
  readonly podCidr: string;
  /** … and of their IPv6 addresses, where they have some. */
  readonly podCidr6?: string | undefined;
  /** The router at the edge of the underlay. */
  readonly gateway: string;
}

/** The YAML that is applied for a word. */
export type CniManifest = (name: CniName, ranges: ChoiceRanges) => string;
