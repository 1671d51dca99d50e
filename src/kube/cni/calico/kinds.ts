/** Calico's own kinds, in the words of projectcalico.org/v3; crd.projectcalico.org/v1 names the same objects. Calico v3.30: api/pkg/apis/projectcalico/v3 */
import { defineKind } from '../../../objects/define.ts';
import type { FieldError, Kind, KubeObject, Schema } from '../../../objects/types.ts';
import { isCidr, isIp } from '../../addresses.ts';
import { invalid, required, unsupported } from '../../field-errors.ts';
import {
  anything,
  anythings,
  choice,
  decimal,
  flag,
  integer,
  intOrString,
  kindSchema,
  list,
  longInteger,
  notSimulated,
  struct,
  text,
  textMap,
  texts,
  withDefault,
} from '../../schema.ts';
import { selectorError } from './selector.ts';
import type { CalicoPolicy, CalicoRule, EntityRule, IpPool } from './types.ts';

const GROUP = 'projectcalico.org/v3';
const CRD = 'crd.projectcalico.org/v1';

interface Shape<T extends KubeObject> {
  /** As `writtenKind` has it. */
  readonly kind: string;
  readonly plural: string;
  readonly namespaced?: true;
  readonly description: string;
  readonly spec: Schema;
  readonly validate?: (object: T) => readonly FieldError[];
  readonly subtitle?: (object: T) => string;
  /** Known to Calico's own API server no more than to Kubernetes': a CRD that its programs write. */
  readonly internal?: true;
}

function calicoKind<T extends KubeObject>(shape: Shape<T>): Kind {
  const { kind, plural, validate, subtitle } = shape;
  return defineKind<T>({
    apiVersion: shape.internal === true ? CRD : GROUP,
    ...(shape.internal === true ? {} : { otherVersions: [CRD] }),
    kind,
    plural,
    singular: plural.replace(/ies$/, 'y').replace(/s$/, ''),
    shortNames: [],
    namespaced: shape.namespaced === true,
    schema: kindSchema(shape.description, { spec: shape.spec, status: anything('What is reported.') }),
    ...(validate === undefined ? {} : { validate }),
    columns: [
      { name: 'NAME', priority: 0 },
      { name: 'AGE', priority: 0 },
    ],
    row: (object, context) => [object.metadata.name, context.age(object.metadata.creationTimestamp)],
    describe: (object) => ({ title: object.metadata.name, ...(subtitle === undefined ? {} : { subtitle: subtitle(object) }) }),
  });
}

const entity = (whose: string): Schema =>
  struct(`${whose} of the packet; every field that is there must match.`, {
    nets: texts('Address ranges; one must match.'),
    notNets: texts('Address ranges of which none may match.'),
    selector: text("Pods (and NetworkSets) by their labels, in Calico's language."),
    notSelector: text('Pods that must not be selected.'),
    namespaceSelector: text('Namespaces, or global(); the policy’s own when absent and the policy has a namespace.'),
    ports: list('Ports: numbers, ranges `1:10`, names; one must match.', intOrString('A port.')),
    notPorts: list('Ports of which none may match.', intOrString('A port.')),
    serviceAccounts: struct('Pods by their service account.', { names: texts('Names.'), selector: text('By labels of the account.') }),
    services: notSimulated(anything('The endpoints of a Service.')),
  });

const icmp = (description: string): Schema => struct(description, { type: integer('Type.'), code: integer('Code.') });

const rules = (description: string): Schema =>
  list(
    description,
    struct(
      'A rule: the first that matches decides, except where its action is Log.',
      {
        action: choice('What happens.', ['Allow', 'Deny', 'Log', 'Pass']),
        ipVersion: integer('4 or 6; both when absent.'),
        protocol: intOrString('TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite, or a number.'),
        notProtocol: intOrString('Any protocol but this.'),
        icmp: icmp('ICMP type and code.'),
        notICMP: icmp('Any type and code but this.'),
        source: entity('The source'),
        destination: entity('The destination'),
        http: notSimulated(anything('HTTP methods and paths, which need a sidecar.')),
        metadata: struct('Comments for the rules that come of it.', { annotations: textMap('Words.') }),
      },
      ['action'],
    ),
  );

const policySpec = (more: Readonly<Record<string, Schema>>): Schema =>
  struct('What is decided.', {
    tier: withDefault(text('The tier it belongs to.'), 'default'),
    order: decimal('Lower comes first; without it a policy comes last.'),
    selector: text("Which endpoints it applies to, in Calico's language; all when absent."),
    types: list('Ingress, Egress or both; told from the rules when absent.', { type: 'string' }),
    ingress: rules('For what comes in.'),
    egress: rules('For what goes out.'),
    serviceAccountSelector: text('Which endpoints it applies to, by labels of their service accounts.'),
    performanceHints: anythings('Hints.'),
    ...more,
  });

const PROTOCOLS = ['TCP', 'UDP', 'ICMP', 'ICMPv6', 'SCTP', 'UDPLite'];

function selectorErrors(path: string, selector: string | undefined): readonly FieldError[] {
  const error = selector === undefined ? undefined : selectorError(selector);
  return error === undefined ? [] : [invalid(path, selector, `Invalid selector: ${error}`)];
}

function entityErrors(path: string, one: EntityRule | undefined, protocol: CalicoRule['protocol']): FieldError[] {
  if (one === undefined) return [];
  const errors: FieldError[] = [];
  for (const field of ['nets', 'notNets'] as const)
    (one[field] ?? []).forEach((net, i) => {
      if (!isCidr(net) && !isIp(net)) errors.push(invalid(`${path}.${field}[${i}]`, net, 'invalid CIDR address'));
    });
  for (const field of ['selector', 'notSelector', 'namespaceSelector'] as const) errors.push(...selectorErrors(`${path}.${field}`, one[field]));
  const hasPorts = (one.ports ?? []).length > 0 || (one.notPorts ?? []).length > 0;
  const carriesPorts = ['TCP', 'UDP', 'SCTP', '6', '17', '132'].includes(String(protocol ?? '').toUpperCase());
  if (hasPorts && !carriesPorts)
    errors.push(invalid(`${path}.ports`, one.ports ?? one.notPorts ?? [], 'rules that specify ports must set protocol to TCP or UDP or SCTP'));
  for (const field of ['ports', 'notPorts'] as const)
    (one[field] ?? []).forEach((port, i) => {
      const range = /^(\d+):(\d+)$/.exec(String(port));
      const numbers = range === null ? (/^\d+$/.test(String(port)) ? [Number(port)] : []) : [Number(range[1]), Number(range[2])];
      if (numbers.some((number) => number > 65535)) errors.push(invalid(`${path}.${field}[${i}]`, port, 'invalid port'));
      else if ((numbers[0] ?? 0) > (numbers[1] ?? 65535)) errors.push(invalid(`${path}.${field}[${i}]`, port, 'minimum port number in range exceeds maximum'));
    });
  return errors;
}

function validatePolicy({ spec = {} }: CalicoPolicy): readonly FieldError[] {
  const errors: FieldError[] = [...selectorErrors('spec.selector', spec.selector)];
  (spec.types ?? []).forEach((type, i) => {
    if (type !== 'Ingress' && type !== 'Egress') errors.push(unsupported(`spec.types[${i}]`, type, ['Ingress', 'Egress']));
  });
  for (const direction of ['ingress', 'egress'] as const)
    (spec[direction] ?? []).forEach((rule, i) => {
      const path = `spec.${direction}[${i}]`;
      const { protocol } = rule;
      if (protocol !== undefined && !PROTOCOLS.some((one) => one.toUpperCase() === String(protocol).toUpperCase()) && !/^\d{1,3}$/.test(String(protocol)))
        errors.push(invalid(`${path}.protocol`, protocol, 'protocol name invalid'));
      errors.push(...entityErrors(`${path}.source`, rule.source, protocol), ...entityErrors(`${path}.destination`, rule.destination, protocol));
    });
  return errors;
}

function validatePool({ spec }: IpPool): readonly FieldError[] {
  const cidr = spec?.cidr ?? '';
  if (cidr === '') return [required('spec.cidr')];
  if (!isCidr(cidr)) return [invalid('spec.cidr', cidr, 'invalid CIDR address')];
  const errors: FieldError[] = [];
  const [, length = '32'] = cidr.split('/');
  const six = cidr.includes(':');
  const blockSize = spec?.blockSize ?? (six ? 122 : 26);
  if (six ? blockSize < 116 || blockSize > 128 : blockSize < 20 || blockSize > 32)
    errors.push(invalid('spec.blockSize', blockSize, six ? 'block size must be between 116 and 128' : 'block size must be between 20 and 32'));
  else if (Number(length) > blockSize)
    errors.push(invalid('spec.cidr', cidr, `IP pool size is too small for use with Calico IPAM. It must be equal to or greater than the block size.`));
  if ((spec?.ipipMode ?? 'Never') !== 'Never' && (spec?.vxlanMode ?? 'Never') !== 'Never')
    errors.push(invalid('spec.ipipMode', spec?.ipipMode ?? '', 'IPIPMode and VXLANMode cannot both be enabled on the same IP pool'));
  errors.push(...selectorErrors('spec.nodeSelector', spec?.nodeSelector));
  return errors;
}

const MODES = ['Always', 'CrossSubnet', 'Never'];
const policyKind = (kind: string, plural: string, description: string, more: Readonly<Record<string, Schema>>, namespaced?: true): Kind =>
  calicoKind<CalicoPolicy>({
    kind,
    plural,
    ...(namespaced === undefined ? {} : { namespaced }),
    description,
    spec: policySpec(more),
    validate: validatePolicy,
    subtitle: (object) => object.spec?.selector ?? 'all()',
  });

export const calicoKinds: readonly Kind[] = [
  calicoKind({
    kind: 'BGPConfiguration',
    plural: 'bgpconfigurations',
    description: 'How the BIRDs of all nodes speak BGP.',
    spec: struct('Settings.', {
      asNumber: longInteger('AS number of nodes that have none of their own; 64512 when absent.'),
      nodeToNodeMeshEnabled: flag('Every node peers with every other; true when absent.'),
      listenPort: integer('Port of BGP; 179 when absent.'),
      logSeverityScreen: text('How much BIRD writes.'),
      serviceClusterIPs: notSimulated(anythings('Ranges of ClusterIPs to announce.')),
      serviceExternalIPs: notSimulated(anythings('Ranges of external IPs to announce.')),
      serviceLoadBalancerIPs: notSimulated(anythings('Ranges of load balancer IPs to announce.')),
      communities: notSimulated(anythings('Names of communities.')),
      prefixAdvertisements: notSimulated(anythings('Communities of announced ranges.')),
      bindMode: notSimulated(text('Addresses BIRD listens on.')),
      nodeMeshMaxRestartTime: notSimulated(text('How long routes stay when a peer restarts.')),
      nodeMeshPassword: notSimulated(anything('A password for the mesh.')),
      ignoredInterfaces: notSimulated(texts('Interfaces whose routes are not announced.')),
    }),
  }),
  calicoKind({
    kind: 'BGPPeer.projectcalico.org',
    plural: 'bgppeers',
    description: 'Somebody whom nodes speak BGP with.',
    spec: struct('Who with whom.', {
      node: text('The one node it is for; see also nodeSelector.'),
      nodeSelector: text('The nodes it is for; all when neither is there.'),
      peerIP: text('Address of the peer, `ip` or `ip:port`.'),
      peerSelector: text('Nodes that are the peers, in place of peerIP.'),
      asNumber: longInteger('AS number of the peer.'),
      keepOriginalNextHop: flag('Routes keep their next hop to an eBGP peer.'),
      password: notSimulated(anything('A password.')),
      filters: notSimulated(texts('BGPFilters.')),
      sourceAddress: notSimulated(text('Address it comes from.')),
      maxRestartTime: notSimulated(text('How long routes stay when the peer restarts.')),
      numAllowedLocalASNumbers: notSimulated(integer('How often its own AS may stand in a path.')),
      ttlSecurity: notSimulated(integer('Hops away.')),
      reachableBy: notSimulated(text('Gateway to the peer.')),
      localWorkloadSelector: notSimulated(text('Pods that are peers.')),
      localASNumber: notSimulated(longInteger('AS number to say to this peer.')),
    }),
  }),
  calicoKind({
    kind: 'ClusterInformation',
    plural: 'clusterinformations',
    description: 'What the installation says of itself.',
    spec: struct('Facts.', {
      clusterGUID: text('Its id.'),
      clusterType: text('What it runs on.'),
      calicoVersion: text('Version.'),
      datastoreReady: flag('It may be used.'),
      variant: text('Product.'),
    }),
  }),
  calicoKind({
    kind: 'FelixConfiguration',
    plural: 'felixconfigurations',
    description: 'Settings of Felix on all nodes (default) or one (node.NAME).',
    spec: struct('Settings.', {
      bpfEnabled: notSimulated(flag('The eBPF data plane.')),
      nftablesMode: notSimulated(choice('The nftables data plane.', ['Disabled', 'Enabled', 'Auto'])),
      defaultEndpointToHostAction: choice('What happens to packets of pods to their own host, once their egress policy has let them pass.', [
        'Drop',
        'Return',
        'Accept',
      ]),
      chainInsertMode: choice('Felix puts its jumps first or last.', ['insert', 'append', 'Insert', 'Append']),
      iptablesFilterAllowAction: choice('What happens to accepted packets.', ['Accept', 'Return']),
      iptablesFilterDenyAction: choice('What happens to denied packets.', ['Drop', 'Reject']),
      iptablesMarkMask: notSimulated(longInteger('The mark bits it may use; 0xffff0000 when absent.')),
      logPrefix: text('What rules with action Log write first; calico-packet when absent.'),
      ipipEnabled: notSimulated(flag('tunl0 exists; told from the IPPools when absent.')),
      vxlanEnabled: notSimulated(flag('vxlan.calico exists; told from the IPPools when absent.')),
      vxlanPort: integer('UDP port of VXLAN; 4789 when absent.'),
      vxlanVNI: integer('VXLAN network identifier; 4096 when absent.'),
      vxlanMTU: integer('MTU of vxlan.calico; that of the card less 50 when absent.'),
      ipipMTU: integer('MTU of tunl0; that of the card less 20 when absent.'),
      mtuIfacePattern: notSimulated(text('Cards whose MTU counts.')),
      failsafeInboundHostPorts: notSimulated(anythings('Ports of hosts that no policy closes.')),
      failsafeOutboundHostPorts: notSimulated(anythings('Ports that hosts always reach.')),
      wireguardEnabled: notSimulated(flag('Encryption.')),
      flowLogsFileEnabled: notSimulated(flag('Flow logs.')),
      flowLogsGoldmaneServer: notSimulated(text('Where flows are told.')),
      floatingIPs: notSimulated(choice('Floating IPs.', ['Enabled', 'Disabled'])),
      serviceLoopPrevention: choice('What happens to packets to Service addresses that nobody serves.', ['Drop', 'Reject', 'Disabled']),
      natPortRange: notSimulated(intOrString('Ports of outgoing NAT.')),
      natOutgoingAddress: notSimulated(text('Address of outgoing NAT.')),
      reportingInterval: text('How often Felix reports.'),
      logSeverityScreen: text('How much Felix writes.'),
      healthEnabled: flag('Felix answers health checks.'),
    }),
  }),
  policyKind('GlobalNetworkPolicy', 'globalnetworkpolicies', 'Which traffic endpoints of all namespaces may take part in.', {
    namespaceSelector: text('Only endpoints of these namespaces.'),
    applyOnForward: notSimulated(flag('It counts for what hosts forward, too.')),
    doNotTrack: notSimulated(flag('Before connection tracking.')),
    preDNAT: notSimulated(flag('Before destinations are translated.')),
  }),
  calicoKind({
    kind: 'GlobalNetworkSet',
    plural: 'globalnetworksets',
    description: 'Address ranges with labels, for policies to select.',
    spec: struct('Ranges.', { nets: texts('Address ranges.') }),
  }),
  calicoKind({
    kind: 'HostEndpoint',
    plural: 'hostendpoints',
    description: 'An interface of a node that policies may apply to. Stored only: hosts are not policed here.',
    spec: notSimulated(anything('The interface.')),
  }),
  calicoKind<IpPool>({
    kind: 'IPPool',
    plural: 'ippools',
    description: 'A range from which pods get addresses, and how their packets travel between nodes.',
    spec: struct(
      'The range.',
      {
        cidr: text('The range.'),
        blockSize: integer('Prefix length of the blocks that nodes take; 26 when absent.'),
        ipipMode: choice('Packets in packets (IPIP): always, between subnets, or never.', MODES),
        vxlanMode: choice('Packets in VXLAN: always, between subnets, or never.', MODES),
        natOutgoing: flag('Packets to addresses outside all pools get the address of their node.'),
        disabled: flag('No new addresses are taken from it.'),
        disableBGPExport: flag('Its blocks are not announced.'),
        nodeSelector: text('Nodes that may take blocks from it; all() when absent.'),
        namespaceSelector: notSimulated(text('Namespaces whose pods get its addresses.')),
        allowedUses: texts('Workload, Tunnel, LoadBalancer.'),
        assignmentMode: choice('Whether it is used without being asked for.', ['Automatic', 'Manual']),
      },
      ['cidr'],
    ),
    validate: validatePool,
    subtitle: (object) => object.spec?.cidr ?? '',
  }),
  policyKind('NetworkPolicy.projectcalico.org', 'networkpolicies', 'Which traffic endpoints of a namespace may take part in.', {}, true),
  calicoKind({
    kind: 'NetworkSet',
    plural: 'networksets',
    namespaced: true,
    description: 'Address ranges with labels, for policies of this namespace to select.',
    spec: struct('Ranges.', { nets: texts('Address ranges.') }),
  }),
  calicoKind({
    kind: 'Tier',
    plural: 'tiers',
    description: 'A level of policies: what none of them decides is denied, unless they pass it on.',
    spec: struct('Where it stands.', {
      order: decimal('Lower comes first.'),
      defaultAction: choice('What happens when no policy of it decides.', ['Deny', 'Pass']),
    }),
  }),
  calicoKind({
    kind: 'BlockAffinity',
    plural: 'blockaffinities',
    internal: true,
    description: 'A block of addresses belongs to a node.',
    spec: struct('Which to whom.', { cidr: text('The block.'), node: text('The node.'), state: text('confirmed'), deleted: text('false') }),
  }),
  calicoKind({
    kind: 'IPAMBlock',
    plural: 'ipamblocks',
    internal: true,
    description: 'A block of addresses: which are given to whom.',
    spec: struct('The block.', {
      cidr: text('Its range.'),
      affinity: text('host:NODE'),
      strictAffinity: flag('No other node borrows from it.'),
      allocations: list('By number of the address: its entry of attributes, or null.', {}),
      unallocated: list('Numbers of free addresses; the first is given next.', { type: 'integer' }),
      attributes: anythings('To whom.'),
    }),
  }),
];
