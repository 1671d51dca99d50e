/** The ways in which pods of different nodes can reach each other, each by one word, and what to install for it. */
import { calicoManifest } from './manifests/calico.ts';
import { ciliumManifest } from './manifests/cilium.ts';
import { flannelManifest } from './manifests/flannel.ts';
import { KINDNET_MANIFEST } from './manifests/kindnet.ts';
import { netDirManifest } from './manifests/net-dir.ts';

export interface CniChoice {
  /** As it stands in `networking.cni` of a kind Cluster. */
  readonly name: string;
  /** `flannel, host-gw` */
  readonly title: string;
  /** What becomes of a packet between two nodes, in one sentence. */
  readonly does: string;
  /** YAML. */
  manifest(ranges: ChoiceRanges): string;
  /** Only where the machines are made with it. */
  readonly needsNodes?: true;
}

export interface ChoiceRanges {
  /** Range of all pods. */
  readonly podCidr: string;
  /** … and of their IPv6 addresses, where they have some. */
  readonly podCidr6?: string | undefined;
  /** The router at the edge of the underlay. */
  readonly gateway: string;
}

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

const flannel = (name: string, title: string, does: string, backend: string): CniChoice => ({
  name,
  title,
  does,
  manifest: ({ podCidr, podCidr6 }) => flannelManifest(podCidr, backend, podCidr6),
});

export const CNI_CHOICES: readonly CniChoice[] = [
  {
    name: 'kindnet',
    title: 'kindnet',
    does: 'Each node has a route to the pods of each other one; packets cross as they are.',
    manifest: () => KINDNET_MANIFEST,
  },
  flannel('flannel', 'flannel, VXLAN', 'Packets between nodes are wrapped in UDP port 8472: 50 bytes more, MTU 1450.', '{ "Type": "vxlan" }'),
  flannel(
    'flannel-direct-routing',
    'flannel, VXLAN with DirectRouting',
    'Plain routes to nodes of the same subnet, VXLAN to all others.',
    '{ "Type": "vxlan", "DirectRouting": true }',
  ),
  flannel('flannel-host-gw', 'flannel, host-gw', 'Plain routes by way of the other node, which must be on the same wire; MTU 1500.', '{ "Type": "host-gw" }'),
  flannel('flannel-wireguard', 'flannel, WireGuard', 'Packets between nodes are encrypted in UDP port 51820; MTU 1420.', '{ "Type": "wireguard" }'),
  flannel('flannel-ipip', 'flannel, IPIP', 'A second IP header and no more: 20 bytes, MTU 1480.', '{ "Type": "ipip" }'),
  {
    name: 'calico',
    title: 'Calico, IPIP',
    does: 'BIRD tells all nodes by BGP who has which addresses; packets get a second IP header, MTU 1480.',
    manifest: () => calicoManifest('bird'),
  },
  {
    name: 'calico-cross-subnet',
    title: 'Calico, IPIP across subnets only',
    does: 'BGP; packets are wrapped only for nodes of another subnet.',
    manifest: () => calicoManifest('bird', 'CrossSubnet'),
  },
  {
    name: 'calico-bgp',
    title: 'Calico, BGP without a tunnel',
    does: 'BGP, and packets cross as they are; each node has a session with each other one.',
    manifest: () => calicoManifest('bird', 'Never'),
  },
  {
    name: 'calico-route-reflector',
    title: 'Calico, BGP by a route reflector',
    does: 'Nodes hear of each other from the control plane’s BIRD, which reflects what it is told: n sessions in place of n².',
    manifest: () =>
      `${calicoManifest('bird', 'Never')}${bgp(`{name: by-reflector}\nspec: {nodeSelector: all(), peerSelector: has(route-reflector)}`, '64512')}`,
    needsNodes: true,
  },
  {
    name: 'calico-top-of-rack',
    title: 'Calico, BGP with the router',
    does: 'The underlay’s router learns by BGP (AS 65001) behind which node which pods are, and packets between nodes go by it.',
    manifest: ({ gateway }) => `${calicoManifest('bird', 'Never')}${bgp(`{name: top-of-rack}\nspec: {peerIP: ${gateway}, asNumber: 65001}`, '64512')}`,
  },
  {
    name: 'calico-vxlan',
    title: 'Calico, VXLAN',
    does: 'No BGP: Felix itself writes routes into a tunnel by UDP port 4789; MTU 1450.',
    manifest: () => calicoManifest('vxlan'),
  },
  {
    name: 'cilium',
    title: 'Cilium, VXLAN',
    does: 'BPF programs take packets from pods, look their destination up and wrap them in UDP port 8472; they do kube-proxy’s work too.',
    manifest: ({ podCidr }) => ciliumManifest(podCidr, {}),
  },
  {
    name: 'cilium-geneve',
    title: 'Cilium, Geneve',
    does: 'BPF programs wrap packets in Geneve, UDP port 6081; MTU 1450.',
    manifest: ({ podCidr }) => ciliumManifest(podCidr, { 'tunnel-protocol': 'geneve' }),
  },
  {
    name: 'cilium-native',
    title: 'Cilium, native routing',
    does: 'BPF programs, and plain routes between nodes of one subnet; packets cross as they are.',
    manifest: ({ podCidr }) => ciliumManifest(podCidr, { 'routing-mode': 'native', 'auto-direct-node-routes': 'true' }),
  },
  {
    name: 'cilium-with-kube-proxy',
    title: 'Cilium beside kube-proxy',
    does: 'VXLAN by BPF programs; Services stay kube-proxy’s, masquerade iptables’.',
    manifest: ({ podCidr }) => ciliumManifest(podCidr, { 'kube-proxy-replacement': 'false', 'enable-bpf-masquerade': 'false' }),
  },
  {
    name: 'ptp',
    title: 'ptp and a router that knows the nodes’ ranges',
    does: 'No daemon: a wire for each pod, and the underlay’s router leads to every node’s pods, as clouds do it.',
    manifest: () => netDirManifest('ptp'),
    needsNodes: true,
  },
  {
    name: 'bridge',
    title: 'bridge, one node',
    does: 'No daemon: a bridge on each node, and nothing that joins two of them.',
    manifest: () => netDirManifest('bridge'),
  },
];

export const findChoice = (name: string): CniChoice | undefined => CNI_CHOICES.find((one) => one.name === name);

/** The underlay of the choice that needs a router which knows all pods. */
export const ROUTED_UNDERLAY = `apiVersion: kubehop.dev/v1alpha1
kind: Network
metadata: {name: underlay}
spec: {cidr: 172.30.0.0/16, podRoutes: true}
`;
