/** What each word of `networking.cni` means, for people. */
import type { CniName } from './choice-names.ts';

/** Its name in full, and what becomes of a packet between two nodes, in one sentence. */
export const CNI_WORDS: Readonly<Record<CniName, readonly [title: string, does: string]>> = {
  kindnet: ['kindnet', 'Each node has a route to the pods of each other one; packets cross as they are.'],
  flannel: ['flannel, VXLAN', 'Packets between nodes are wrapped in UDP port 8472: 50 bytes more, MTU 1450.'],
  'flannel-direct-routing': ['flannel, VXLAN with DirectRouting', 'Plain routes to nodes of the same subnet, VXLAN to all others.'],
  'flannel-host-gw': ['flannel, host-gw', 'Plain routes by way of the other node, which must be on the same wire; MTU 1500.'],
  'flannel-wireguard': ['flannel, WireGuard', 'Packets between nodes are encrypted in UDP port 51820; MTU 1420.'],
  'flannel-ipip': ['flannel, IPIP', 'A second IP header and no more: 20 bytes, MTU 1480.'],
  calico: ['Calico, IPIP', 'BIRD tells all nodes by BGP who has which addresses; packets get a second IP header, MTU 1480.'],
  'calico-cross-subnet': ['Calico, IPIP across subnets only', 'BGP; packets are wrapped only for nodes of another subnet.'],
  'calico-bgp': ['Calico, BGP without a tunnel', 'BGP, and packets cross as they are; each node has a session with each other one.'],
  'calico-route-reflector': [
    'Calico, BGP by a route reflector',
    'Nodes hear of each other from the control plane’s BIRD, which reflects what it is told: n sessions in place of n².',
  ],
  'calico-top-of-rack': [
    'Calico, BGP with the router',
    'The underlay’s router learns by BGP (AS 65001) behind which node which pods are, and packets between nodes go by it.',
  ],
  'calico-vxlan': ['Calico, VXLAN', 'No BGP: Felix itself writes routes into a tunnel by UDP port 4789; MTU 1450.'],
  cilium: ['Cilium, VXLAN', 'BPF programs take packets from pods, look their destination up and wrap them in UDP port 8472; they do kube-proxy’s work too.'],
  'cilium-geneve': ['Cilium, Geneve', 'BPF programs wrap packets in Geneve, UDP port 6081; MTU 1450.'],
  'cilium-native': ['Cilium, native routing', 'BPF programs, and plain routes between nodes of one subnet; packets cross as they are.'],
  'cilium-with-kube-proxy': ['Cilium beside kube-proxy', 'VXLAN by BPF programs; Services stay kube-proxy’s, masquerade iptables’.'],
  ptp: [
    'ptp and a router that knows the nodes’ ranges',
    'No daemon: a wire for each pod, and the underlay’s router leads to every node’s pods, as clouds do it.',
  ],
  bridge: ['bridge, one node', 'No daemon: a bridge on each node, and nothing that joins two of them.'],
};
