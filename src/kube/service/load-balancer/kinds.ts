/** What load balancers are told: MetalLB's kinds, and the cloud that a cluster may stand in. */
import { defineKind } from '../../../objects/define.ts';
import type { FieldError, Kind, KubeObject, Schema } from '../../../objects/types.ts';
import { isIp } from '../../addresses.ts';
import { invalid, required } from '../../field-errors.ts';
import type { LabelSelector } from '../../label-selector.ts';
import { anything, anythings, choice, flag, integer, kindSchema, list, notSimulated, struct, text, textMap, texts } from '../../schema.ts';
import { parsePoolRange } from './pools.ts';

export interface IpAddressPool extends KubeObject {
  readonly spec?: { readonly addresses?: readonly string[]; readonly autoAssign?: boolean; readonly avoidBuggyIPs?: boolean };
}
interface Advertisement extends KubeObject {
  readonly spec?: { readonly ipAddressPools?: readonly string[]; readonly nodeSelectors?: readonly LabelSelector[] };
}
export type L2Advertisement = Advertisement;
export interface BgpAdvertisement extends Advertisement {
  readonly spec?: NonNullable<Advertisement['spec']> & { readonly aggregationLength?: number; readonly peers?: readonly string[] };
}
export interface BgpPeer extends KubeObject {
  readonly spec?: { readonly peerAddress?: string; readonly nodeSelectors?: readonly LabelSelector[] };
}
export interface L2Status extends KubeObject {
  readonly status?: { readonly node?: string; readonly serviceName?: string; readonly serviceNamespace?: string };
}
export interface CloudProvider extends KubeObject {
  readonly spec?: { readonly addresses?: readonly string[]; readonly ipMode?: 'VIP' | 'Proxy' };
}

const columns = [
  { name: 'NAME', priority: 0 },
  { name: 'AGE', priority: 0 },
] as const;

function rangeErrors(addresses: readonly string[] | undefined): readonly FieldError[] {
  if (addresses === undefined || addresses.length === 0) return [required('spec.addresses')];
  return addresses.flatMap((range, i) => (parsePoolRange(range) === undefined ? [invalid(`spec.addresses[${i}]`, range, 'invalid CIDR or IP range')] : []));
}

function kindOf<T extends KubeObject>(
  apiVersion: string,
  kind: string,
  namespaced: boolean,
  description: string,
  spec: Readonly<Record<string, Schema>>,
  validate?: (object: T) => readonly FieldError[],
): Kind {
  return defineKind<T>({
    apiVersion,
    kind,
    plural: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    shortNames: [],
    namespaced,
    schema: kindSchema(description, { spec: struct('What is wanted.', spec), status: anything('What is reported.') }),
    ...(validate === undefined ? {} : { validate }),
    columns,
    row: (object, context) => [object.metadata.name, context.age(object.metadata.creationTimestamp)],
    describe: (object) => ({ title: object.metadata.name }),
  });
}

const l2Status = defineKind<L2Status>({
  apiVersion: 'metallb.io/v1beta1',
  kind: 'ServiceL2Status',
  plural: 'servicel2statuses',
  singular: 'servicel2status',
  shortNames: [],
  namespaced: true,
  schema: kindSchema('Which speaker answers for a Service in layer 2.', { spec: anything('Nothing.'), status: anything('Node and Service.') }),
  columns: [
    { name: 'ALLOCATED NODE', priority: 0 },
    { name: 'SERVICE NAME', priority: 0 },
    { name: 'SERVICE NAMESPACE', priority: 0 },
  ],
  row: ({ status }) => [status?.node ?? '', status?.serviceName ?? '', status?.serviceNamespace ?? ''],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.status?.node ?? '' }),
});

const selectors = list(
  'Nodes that announce; all when absent.',
  struct('A selector.', { matchLabels: textMap('Labels.'), matchExpressions: anythings('Expressions.') }),
);
const pools = texts('Pools whose addresses are announced; all when absent.');
const v1beta1 = 'metallb.io/v1beta1';

export const loadBalancerKinds: readonly Kind[] = [
  kindOf<BgpAdvertisement>(v1beta1, 'BGPAdvertisement', true, 'Addresses of pools are announced to BGP peers, from every node that may serve them.', {
    ipAddressPools: pools,
    aggregationLength: integer('Prefix length of the route; 32 when absent.', { minimum: 1, maximum: 32 }),
    aggregationLengthV6: notSimulated(integer('The same for IPv6.')),
    localPref: notSimulated(integer('Preference inside one AS.')),
    communities: notSimulated(texts('BGP communities.')),
    peers: texts('Peers that hear of it; all when absent.'),
    nodeSelectors: selectors,
  }),
  kindOf<BgpPeer>(
    'metallb.io/v1beta2',
    'BGPPeer',
    true,
    "A router to which speakers announce. The underlay's router believes them at once; the session itself is not simulated.",
    {
      myASN: integer('AS number of the speakers.'),
      peerASN: integer('AS number of the router.'),
      peerAddress: text('Address of the router.'),
      peerPort: notSimulated(integer('Its port; 179 when absent.')),
      nodeSelectors: selectors,
      holdTime: notSimulated(text('How long a silent peer is believed.')),
      keepaliveTime: notSimulated(text('How often a peer shows that it lives.')),
      password: notSimulated(text('Password of the session.')),
      sourceAddress: notSimulated(text('Address that the session comes from.')),
      bfdProfile: notSimulated(text('How a dead peer is noticed sooner.')),
      ebgpMultiHop: notSimulated(flag('The peer is more than one hop away.')),
    },
    ({ spec }) => (isIp(spec?.peerAddress ?? '') ? [] : [invalid('spec.peerAddress', spec?.peerAddress ?? '', 'must be a valid IP address')]),
  ),
  kindOf<IpAddressPool>(
    v1beta1,
    'IPAddressPool',
    true,
    'Addresses that MetalLB may give to Services of type LoadBalancer. As soon as there is one, MetalLB is taken to run: its controller, and a speaker on every node.',
    {
      addresses: texts('Ranges: 172.30.9.0/28, 172.30.9.1-172.30.9.20.'),
      autoAssign: flag('False: only for Services that ask for this pool or an address of it.'),
      avoidBuggyIPs: flag('Addresses that end in .0 or .255 are not given out.'),
      serviceAllocation: notSimulated(anything('Which Services may use it.')),
    },
    ({ spec }) => rangeErrors(spec?.addresses),
  ),
  kindOf<L2Advertisement>(v1beta1, 'L2Advertisement', true, 'One node answers ARP for an address of these pools.', {
    ipAddressPools: pools,
    nodeSelectors: selectors,
    interfaces: notSimulated(texts('Devices that answer.')),
    ipAddressPoolSelectors: notSimulated(anythings('Pools by their labels.')),
  }),
  l2Status,
  kindOf<CloudProvider>(
    'kubehop.dev/v1alpha1',
    'CloudProvider',
    false,
    "A cloud around the cluster: each Service of type LoadBalancer gets a load balancer in the underlay's router, which sends to the node ports of healthy nodes and keeps the client's address, or ends connections and writes the PROXY protocol where a Service's annotations ask for it.",
    {
      addresses: texts('Its public addresses, as in an IPAddressPool; outside the underlay.'),
      ipMode: choice('VIP: nodes take the address for themselves. Proxy: what is sent to it leaves the cluster first.', ['VIP', 'Proxy']),
    },
    ({ spec }) => rangeErrors(spec?.addresses),
  ),
];
