/** What is installed for each way in which pods of different nodes can reach each other. A page has it with its later parts. */
import type { ChoiceRanges, CniManifest, CniName } from './choice-names.ts';
import { calicoManifest } from './manifests/calico.ts';
import { ciliumManifest } from './manifests/cilium.ts';
import { flannelManifest } from './manifests/flannel.ts';
import { KINDNET_MANIFEST } from './manifests/kindnet.ts';
import { netDirManifest } from './manifests/net-dir.ts';

const bgp = (peer: string, as: string): string => `---
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec: {nodeToNodeMeshEnabled: false, asNumber: ${as}}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: ${peer}
`;

type Manifest = (ranges: ChoiceRanges) => string;

const flannel =
  (backend: string): Manifest =>
  ({ podCidr, podCidr6 }) =>
    flannelManifest(podCidr, backend, podCidr6);
const cilium =
  (settings: Readonly<Record<string, string>>): Manifest =>
  ({ podCidr }) =>
    ciliumManifest(podCidr, settings);

const MANIFESTS: Readonly<Record<CniName, Manifest>> = {
  kindnet: () => KINDNET_MANIFEST,
  flannel: flannel('{ "Type": "vxlan" }'),
  'flannel-direct-routing': flannel('{ "Type": "vxlan", "DirectRouting": true }'),
  'flannel-host-gw': flannel('{ "Type": "host-gw" }'),
  'flannel-wireguard': flannel('{ "Type": "wireguard" }'),
  'flannel-ipip': flannel('{ "Type": "ipip" }'),
  calico: () => calicoManifest('bird'),
  'calico-cross-subnet': () => calicoManifest('bird', 'CrossSubnet'),
  'calico-bgp': () => calicoManifest('bird', 'Never'),
  'calico-route-reflector': () =>
    `${calicoManifest('bird', 'Never')}${bgp('{name: by-reflector}\nspec: {nodeSelector: all(), peerSelector: has(route-reflector)}', '64512')}`,
  'calico-top-of-rack': ({ gateway }) =>
    `${calicoManifest('bird', 'Never')}${bgp(`{name: top-of-rack}\nspec: {peerIP: ${gateway}, asNumber: 65001}`, '64512')}`,
  'calico-vxlan': () => calicoManifest('vxlan'),
  cilium: cilium({}),
  'cilium-geneve': cilium({ 'tunnel-protocol': 'geneve' }),
  'cilium-native': cilium({ 'routing-mode': 'native', 'auto-direct-node-routes': 'true' }),
  'cilium-with-kube-proxy': cilium({ 'kube-proxy-replacement': 'false', 'enable-bpf-masquerade': 'false' }),
  ptp: () => netDirManifest('ptp'),
  bridge: () => netDirManifest('bridge'),
};

/** Only where the machines are made with it. */
export const NEEDS_NODES: ReadonlySet<CniName> = new Set(['calico-route-reflector', 'ptp']);

export const cniManifest: CniManifest = (name, ranges) => MANIFESTS[name](ranges);
