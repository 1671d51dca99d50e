/** Documents that describe the cluster rather than live in it: kubeadm's, kind's and our own. They are stored as cluster-scoped objects so that controllers and agents read them through the view. */

import { defineKind } from '../../objects/define.ts';
import type { FieldError, Kind, KubeObject, RowContext, Schema } from '../../objects/types.ts';
import { isCidr, isIp } from '../addresses.ts';
import { CNI_NAMES } from '../cni/choice-names.ts';
import { invalid, required } from '../field-errors.ts';
import { rateErrors } from '../pod/load.ts';
import { anything, anythings, choice, decimal, flag, integer, kindSchema, list, notSimulated, struct, text, textMap, texts } from '../schema.ts';
import { controlPlane } from './control-plane.ts';
import { networkingErrors } from './kubeadm-networking.ts';
import type { Taint } from './types.ts';

const nameColumns = [
  { name: 'NAME', priority: 0 },
  { name: 'AGE', priority: 0 },
] as const;
const nameRow = (object: KubeObject, context: RowContext) => [object.metadata.name, context.age(object.metadata.creationTimestamp)];

/** These documents have no name of their own where people write them; they get one so that they can be stored. */
const named =
  <T extends KubeObject>(name: string) =>
  (object: T): T =>
    object.metadata?.name === undefined || object.metadata.name === '' ? { ...object, metadata: { ...object.metadata, name } } : object;

const cidrErrors = (path: string, value: string | undefined): FieldError[] =>
  value === undefined
    ? []
    : value
        .split(',')
        .filter((cidr) => !isCidr(cidr.trim()))
        .map((cidr) => invalid(path, cidr, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'));

const open = (schema: Schema): Schema => ({ ...schema, 'x-kubernetes-preserve-unknown-fields': true });

export interface ClusterConfiguration extends KubeObject {
  readonly clusterName?: string;
  readonly kubernetesVersion?: string;
  readonly controlPlaneEndpoint?: string;
  readonly networking?: { readonly podSubnet?: string; readonly serviceSubnet?: string; readonly dnsDomain?: string };
  readonly controllerManager?: { readonly extraArgs?: ExtraArgs };
  readonly apiServer?: { readonly extraArgs?: ExtraArgs };
}
/** v1beta3 writes a map, v1beta4 a list. */
export type ExtraArgs = Readonly<Record<string, string>> | readonly { readonly name: string; readonly value: string }[];

const component = (what: string): Schema =>
  open(struct(what, { extraArgs: { description: 'Flags of the program.', 'x-kubernetes-preserve-unknown-fields': true } }));

/** kube-controller-manager's `node-cidr-mask-size`, 24 by default. */
function nodeMaskSize(object: ClusterConfiguration): number {
  const args = object.controllerManager?.extraArgs;
  const names = ['node-cidr-mask-size-ipv4', 'node-cidr-mask-size'];
  const given = Array.isArray(args)
    ? (args as readonly { readonly name: string; readonly value: string }[]).find((one) => names.includes(one.name))?.value
    : names.map((name) => (args as Readonly<Record<string, string>> | undefined)?.[name]).find((value) => value !== undefined);
  const size = Number(given ?? 24);
  return Number.isInteger(size) ? size : 24;
}

const clusterConfiguration = defineKind<ClusterConfiguration>({
  apiVersion: 'kubeadm.k8s.io/v1beta4',
  kind: 'ClusterConfiguration',
  plural: 'clusterconfigurations',
  singular: 'clusterconfiguration',
  shortNames: [],
  namespaced: false,
  hasGeneration: false,
  schema: open(
    kindSchema("kubeadm's description of a cluster.", {
      clusterName: text('Name of the cluster.'),
      kubernetesVersion: text('Version of Kubernetes.'),
      controlPlaneEndpoint: text('Address of the API server that all nodes use.'),
      networking: struct('Address ranges and the DNS domain.', {
        podSubnet: text('Range from which each node gets its pod range, such as 10.244.0.0/16.'),
        serviceSubnet: text('Range of ClusterIPs; 10.96.0.0/12 when absent.'),
        dnsDomain: text('DNS domain of the cluster; cluster.local when absent.'),
      }),
      apiServer: component('Flags of kube-apiserver; service-cluster-ip-range and service-node-port-range count.'),
      controllerManager: component('Flags of kube-controller-manager; cluster-cidr and node-cidr-mask-size count.'),
      scheduler: component('Flags of kube-scheduler.'),
      etcd: anything('Where the state is kept.'),
      dns: anything('The DNS add-on.'),
      proxy: anything('The kube-proxy add-on.'),
      imageRepository: text('Registry of the images.'),
      certificatesDir: text('Directory of the certificates.'),
      featureGates: anything('Feature gates.'),
    }),
  ),
  defaults: named('kubeadm-config'),
  validate: (object) =>
    networkingErrors({ podSubnet: object.networking?.podSubnet, serviceSubnet: object.networking?.serviceSubnet, nodeMaskSize: nodeMaskSize(object) }),
  columns: nameColumns,
  row: nameRow,
  describe: (object) => ({ title: object.metadata.name, subtitle: object.networking?.podSubnet ?? '' }),
});

export interface KubeProxyConfiguration extends KubeObject {
  readonly mode?: string;
  readonly clusterCIDR?: string;
  readonly detectLocalMode?: string;
  readonly iptables?: { readonly masqueradeAll?: boolean; readonly masqueradeBit?: number; readonly localhostNodePorts?: boolean };
  readonly nodePortAddresses?: readonly string[];
  readonly conntrack?: { readonly tcpBeLiberal?: boolean };
}

const kubeProxyConfiguration = defineKind<KubeProxyConfiguration>({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  plural: 'kubeproxyconfigurations',
  singular: 'kubeproxyconfiguration',
  shortNames: [],
  namespaced: false,
  hasGeneration: false,
  schema: open(
    kindSchema('How kube-proxy turns Services into rules.', {
      mode: choice('Which kind of rules; iptables when empty.', ['', 'iptables', 'ipvs', 'nftables', 'kernelspace']),
      clusterCIDR: text('Range of pod addresses; traffic from elsewhere to a ClusterIP is masqueraded.'),
      detectLocalMode: choice('How kube-proxy knows that traffic comes from a pod of this node.', [
        'ClusterCIDR',
        'NodeCIDR',
        'BridgeInterface',
        'InterfaceNamePrefix',
      ]),
      detectLocal: anything('Names for the local modes that need one.'),
      bindAddress: text('Address to listen on.'),
      nodePortAddresses: texts('Addresses on which NodePorts answer.'),
      iptables: open(
        struct('Settings of the iptables mode.', {
          masqueradeAll: flag('Masquerades all traffic to ClusterIPs.'),
          masqueradeBit: integer('Bit of the packet mark that asks for masquerading.'),
          localhostNodePorts: flag('NodePorts answer on 127.0.0.1.'),
        }),
      ),
      ipvs: anything('Settings of the ipvs mode.'),
      nftables: anything('Settings of the nftables mode.'),
      conntrack: anything('Connection tracking settings.'),
      clientConnection: anything('How the API server is reached.'),
      hostnameOverride: text('Name of the node.'),
    }),
  ),
  defaults: named('kube-proxy'),
  validate: (object) => cidrErrors('clusterCIDR', object.clusterCIDR === '' ? undefined : object.clusterCIDR),
  columns: nameColumns,
  row: nameRow,
  describe: (object) => ({ title: object.metadata.name, subtitle: object.mode === undefined || object.mode === '' ? 'iptables' : object.mode }),
});

export interface KubeletConfiguration extends KubeObject {
  readonly clusterDNS?: readonly string[];
  readonly clusterDomain?: string;
  readonly maxPods?: number;
  readonly resolvConf?: string;
  readonly hairpinMode?: string;
}

const kubeletConfiguration = defineKind<KubeletConfiguration>({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  plural: 'kubeletconfigurations',
  singular: 'kubeletconfiguration',
  shortNames: [],
  namespaced: false,
  hasGeneration: false,
  schema: open(
    kindSchema('How kubelets run.', {
      clusterDNS: texts('Name servers that pods get.'),
      clusterDomain: text('DNS domain of the cluster.'),
      maxPods: integer('Most pods on one node; 110 when absent.'),
      resolvConf: text("The node's file with name servers for pods with dnsPolicy Default."),
      hairpinMode: notSimulated(text('How pods reach themselves through a Service.')),
    }),
  ),
  defaults: named('kubelet-config'),
  validate: (object) =>
    (object.clusterDNS ?? []).flatMap((address, index) =>
      isIp(address) ? [] : [invalid(`clusterDNS[${index}]`, address, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')],
    ),
  columns: nameColumns,
  row: nameRow,
  describe: (object) => ({ title: object.metadata.name }),
});

export interface KindNode {
  readonly role?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly taints?: readonly Taint[];
}
export interface KindCluster extends KubeObject {
  readonly name?: string;
  readonly nodes?: readonly KindNode[];
  readonly networking?: {
    readonly podSubnet?: string;
    readonly serviceSubnet?: string;
    readonly disableDefaultCNI?: boolean;
    readonly cni?: string;
    readonly kubeProxyMode?: string;
    readonly ipFamily?: string;
    readonly apiServerAddress?: string;
    readonly apiServerPort?: number;
  };
}

const kindCluster = defineKind<KindCluster>({
  apiVersion: 'kind.x-k8s.io/v1alpha4',
  kind: 'Cluster',
  plural: 'clusters',
  singular: 'cluster',
  shortNames: [],
  namespaced: false,
  hasGeneration: false,
  schema: kindSchema("kind's description of a cluster: its nodes appear as soon as it is applied.", {
    name: text('Name of the cluster; the nodes are called after it. kind when absent.'),
    nodes: list(
      'Nodes; one control plane when absent.',
      open(
        struct('A node.', {
          role: choice('What the node is for.', ['control-plane', 'worker']),
          labels: textMap('Labels of the Node object.'),
          image: text('Image of the node; its tag is the version of Kubernetes.'),
          extraPortMappings: notSimulated(anythings('Ports of the computer that lead to the node.')),
          extraMounts: anythings('Directories of the computer.'),
          kubeadmConfigPatches: anythings('Changes to the kubeadm configuration.'),
        }),
      ),
    ),
    networking: struct('Address ranges.', {
      podSubnet: text('Range of pod addresses; 10.244.0.0/16 when absent.'),
      serviceSubnet: text('Range of ClusterIPs; 10.96.0.0/16 when absent.'),
      disableDefaultCNI: flag('No kindnet: a CNI is installed by hand.'),
      cni: choice(
        'The pod network that is installed with the cluster, by one word; kindnet when absent. Change it and the cluster is made anew with another one. (kind itself has only disableDefaultCNI.)',
        [...CNI_NAMES, 'none'],
      ),
      kubeProxyMode: choice('Mode of kube-proxy.', ['iptables', 'ipvs', 'nftables', 'none']),
      ipFamily: choice('IP family.', ['ipv4', 'ipv6', 'dual']),
      apiServerAddress: text('Address of the API server on the computer.'),
      apiServerPort: integer('Port of the API server on the computer.'),
      dnsSearch: texts('Search domains of the nodes.'),
    }),
    featureGates: anything('Feature gates.'),
    runtimeConfig: anything('API groups to switch on.'),
    kubeadmConfigPatches: { description: 'Changes to the kubeadm configuration.', 'x-kubernetes-preserve-unknown-fields': true },
    containerdConfigPatches: { description: 'Changes to the containerd configuration.', 'x-kubernetes-preserve-unknown-fields': true },
  }),
  defaults: (object) => named<KindCluster>(object.name ?? 'kind')(object),
  validate: (object) => [
    ...cidrErrors('networking.podSubnet', object.networking?.podSubnet),
    ...cidrErrors('networking.serviceSubnet', object.networking?.serviceSubnet),
  ],
  columns: nameColumns,
  row: nameRow,
  describe: (object) => ({ title: object.metadata.name, subtitle: `${object.nodes?.length ?? 1} nodes` }),
});

/** The underlay between the nodes. Times in nanoseconds where we compute, in text (`200us`, `1ms`) where people write. */
export interface Network extends KubeObject {
  readonly spec?: {
    readonly cidr?: string;
    readonly mtuBytes?: number;
    readonly latency?: string;
    readonly jitter?: string;
    readonly lossPercent?: number;
    readonly bandwidth?: string;
    readonly internet?: boolean;
    readonly dns?: { readonly nameservers?: readonly string[]; readonly searches?: readonly string[] };
    readonly podRoutes?: boolean;
    /** What the router knows beyond its own wires. */
    readonly routes?: readonly { readonly destination: string; readonly gateway: string }[];
  };
}

const durationPattern = /^\d+(\.\d+)?(ns|us|ms|s)$/;
const durationError = (path: string, value: string | undefined): FieldError[] =>
  value === undefined || durationPattern.test(value) ? [] : [invalid(path, value, 'must be a time such as 200us, 1ms or 2s')];

const network = defineKind<Network>({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'Network',
  plural: 'networks',
  singular: 'network',
  shortNames: [],
  namespaced: false,
  schema: kindSchema('The underlay: the network that carries packets between machines.', {
    spec: struct('Its properties.', {
      cidr: text('Range of its addresses, such as 172.30.0.0/16. The first is the router.'),
      mtuBytes: integer('Largest packet in bytes; 1500 when absent.', { minimum: 68, maximum: 65535 }),
      latency: text('One way, such as 200us.'),
      jitter: text('Random addition to the latency.'),
      lossPercent: decimal('Share of lost packets.', { minimum: 0, maximum: 100 }),
      bandwidth: text('Bits per second, such as 1G.'),
      internet: flag('Whether well-known names such as example.com answer beyond the router; true when absent.'),
      dns: struct("What the machines' own /etc/resolv.conf says.", {
        nameservers: texts('Addresses of name servers; the router when absent.'),
        searches: texts('Search domains.'),
      }),
      podRoutes: flag("The router at its edge knows each node's pod range, as a cloud's route controller teaches it."),
      routes: list(
        'Routes of the router at its edge, as to the pod ranges behind the nodes.',
        struct('A route.', { destination: text('Range, such as 10.244.0.0/24.'), gateway: text('Address of the machine that forwards to it.') }),
      ),
    }),
  }),
  validate: (object) => [
    ...(object.spec?.cidr === undefined ? [required('spec.cidr')] : cidrErrors('spec.cidr', object.spec.cidr)),
    ...durationError('spec.latency', object.spec?.latency),
    ...durationError('spec.jitter', object.spec?.jitter),
    ...(object.spec?.routes ?? []).flatMap((route, index) => [
      ...cidrErrors(`spec.routes[${index}].destination`, route.destination ?? ''),
      ...(isIp(route.gateway ?? '') ? [] : [invalid(`spec.routes[${index}].gateway`, route.gateway ?? '', 'must be a valid IP address')]),
    ]),
  ],
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'CIDR', priority: 0 },
    { name: 'MTU', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [
    object.metadata.name,
    object.spec?.cidr ?? '<none>',
    `${object.spec?.mtuBytes ?? 1500}`,
    context.age(object.metadata.creationTimestamp),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec?.cidr ?? '' }),
});

export interface Host extends KubeObject {
  readonly spec?: {
    readonly address?: string;
    readonly prefixLength?: number;
    readonly image?: string;
    readonly ports?: readonly number[];
    readonly udpPorts?: readonly number[];
    readonly dns?: {
      readonly names?: readonly string[];
      readonly zones?: readonly { readonly name: string; readonly records?: string }[];
    };
  };
}

const host = defineKind<Host>({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'Host',
  plural: 'hosts',
  singular: 'host',
  shortNames: [],
  namespaced: false,
  schema: kindSchema('A machine outside the cluster: on the underlay when its address lies in that range, else behind the router.', {
    spec: struct('What the machine is.', {
      address: text('Its address.'),
      prefixLength: integer('Length of its own network behind the router; 24 when absent. On the underlay that network has its own.', {
        minimum: 8,
        maximum: 30,
      }),
      image: text('What it runs, by the name of a container image; without one, plain servers on its ports.'),
      ports: list('TCP ports it listens on.', integer('Port.', { minimum: 1, maximum: 65535 })),
      udpPorts: list('UDP ports it echoes on.', integer('Port.', { minimum: 1, maximum: 65535 })),
      dns: struct('Names beyond the cluster.', {
        names: texts('Names that lead to its address, such as db.example.com.'),
        zones: list(
          'Zones it serves as a name server; resolvers beyond the router find it by a delegation.',
          struct('A zone.', {
            name: text('Its name, such as corp.example.'),
            records: text('Records as in a master file, one a line: `www 60 A 203.0.113.10`.'),
          }),
        ),
      }),
    }),
  }),
  validate: (object) => [
    ...rateErrors('metadata.annotations', object.metadata.annotations),
    ...(object.spec?.address === undefined || isIp(object.spec.address)
      ? []
      : [invalid('spec.address', object.spec.address, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')]),
  ],
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'ADDRESS', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, object.spec?.address ?? '<none>', context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec?.address ?? '' }),
});

export const clusterKinds: readonly Kind[] = [clusterConfiguration, kubeProxyConfiguration, kubeletConfiguration, kindCluster, network, host, controlPlane];

/** Kinds to apply before all others, whatever the order of the text: ranges must be known before addresses are given out. */
export const configurationKinds: readonly string[] = clusterKinds.map((kind) => kind.kind);
