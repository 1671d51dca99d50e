/** Policies as cilium-dbg prints them: the maps of endpoints, what an endpoint and an identity are, the rules, the names learned. Cilium v1.18: cilium-dbg/cmd/bpf_policy_get.go, endpoint_get.go, identity_get.go, policy_get.go, fqdn.go */
import { formatRfc3339 } from '../../base/time.ts';
import { endpointNumbers } from '../../kube/cni/cilium-identity.ts';
import { localLabels } from '../../kube/cni/cilium-policy.ts';
import { ciliumRules, type Peer, type PortSpec } from '../../kube/cni/cilium-rules.ts';
import { formatIp4 } from '../../net/addr/ip4.ts';
import type { BpfPolicyEntry } from '../../net/bpf/bpf-records.ts';
import type { BpfState, EndpointState } from '../../net/bpf/bpf-state.ts';
import { portProtoText } from '../../net/bpf/bpf-words.ts';
import type { Invocation } from '../command.ts';
import { type IdentityLabels, labelsOf, padded } from './cilium-maps.ts';

/** Labels of allocated identities and of the agent's own. */
export const identityLabels = ({ host }: Invocation): IdentityLabels => {
  const own = localLabels(ciliumRules(host.api.view));
  const { labels } = endpointNumbers(host.api.view);
  return (identity) => labels.get(identity) ?? own.get(identity);
};

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** PREFIX: how many bits of protocol and port an entry fixes. */
const prefixOf = (entry: BpfPolicyEntry): number => (entry.protocol === 0 ? 0 : 8 + entry.portBits);

function policyTable(state: BpfState, ip: number, labels: IdentityLabels, numeric: boolean): string {
  const rows: string[][] = [
    ['POLICY', 'DIRECTION', numeric ? 'IDENTITY' : 'LABELS (source:key[=value])', 'PORT/PROTO', 'PROXY PORT', 'AUTH TYPE', 'BYTES', 'PACKETS', 'PREFIX'],
  ];
  for (const { entry, packets, bytes } of state.policyOf(ip)?.list() ?? []) {
    const who = numeric ? [String(entry.identity)] : entry.identity === 0 ? ['ANY'] : labelsOf(entry.identity, labels);
    rows.push([
      entry.deny ? 'Deny' : 'Allow',
      entry.egress ? 'Egress' : 'Ingress',
      who[0] ?? String(entry.identity),
      portProtoText(entry),
      entry.proxyPort === 0 ? 'NONE' : String(entry.proxyPort),
      'disabled',
      packets === 0 ? '-' : String(bytes),
      packets === 0 ? '-' : String(packets),
      String(prefixOf(entry)),
    ]);
    for (const word of who.slice(1)) rows.push(['', '', word, '', '', '', '', '', '']);
  }
  // Unlike other tables the last cell is not padded.
  return padded(rows).replace(/ +$/gm, '');
}

const ownEndpoints = (state: BpfState): EndpointState[] =>
  state
    .endpoints()
    .filter(({ isHost }) => !isHost)
    .sort((a, b) => a.record.endpointId - b.record.endpointId);

/** `bpf policy get <endpoint id> | --all [-n]` */
export function bpfPolicyGet(state: BpfState, words: readonly string[], labels: IdentityLabels): string | undefined {
  const numeric = words.includes('-n') || words.includes('--numeric');
  if (words.includes('--all'))
    return ownEndpoints(state)
      .map(({ ip, record }) => {
        const path = `/sys/fs/bpf/tc/globals/cilium_policy_v2_${String(record.endpointId).padStart(5, '0')}`;
        return `Endpoint ID: ${record.endpointId}\nPath: ${path}\n\n${policyTable(state, ip, labels, numeric)}\n\n`;
      })
      .join('');
  const id = words.find((word) => /^\d+$/.test(word));
  const endpoint = ownEndpoints(state).find(({ record }) => String(record.endpointId) === id);
  return endpoint === undefined ? undefined : policyTable(state, endpoint.ip, labels, numeric);
}

/** Whether a policy selects the endpoint, by direction, as `endpoint list` has it. */
export function enforcement(state: BpfState, ip: number): readonly [ingress: string, egress: string] {
  const policy = state.policyOf(ip)?.record;
  const word = (on: boolean | undefined): string => (on === true ? 'Enabled' : 'Disabled');
  return [word(policy?.enforcesIngress), word(policy?.enforcesEgress)];
}

const policyEnabled = (state: BpfState, ip: number): string => {
  const policy = state.policyOf(ip)?.record;
  if (policy?.enforcesIngress === true) return policy.enforcesEgress ? 'both' : 'ingress';
  return policy?.enforcesEgress === true ? 'egress' : 'none';
};

/** `endpoint get <id>`: what people look for in it. */
export function endpointGet(state: BpfState, words: readonly string[], labels: IdentityLabels): string | undefined {
  const id = words.find((word) => /^(?:cilium-local:)?\d+$/.test(word))?.replace('cilium-local:', '');
  const endpoint = ownEndpoints(state).find(({ record }) => String(record.endpointId) === id);
  if (endpoint === undefined) return undefined;
  const { record, ip } = endpoint;
  const pod = (record.origin.objects.find((key) => key.startsWith('Pod/')) ?? '').slice('Pod/'.length);
  const [namespace = '', name = ''] = pod.split('/');
  const own = labelsOf(record.identity, labels);
  const side = (egress: boolean): readonly number[] => [
    ...new Set((state.policyOf(ip)?.record.entries ?? []).flatMap((e) => (e.egress === egress && !e.deny ? [e.identity] : []))),
  ];
  const realized = {
    'allowed-egress-identities': side(true),
    'allowed-ingress-identities': side(false),
    id: record.identity,
    'policy-enabled': policyEnabled(state, ip),
  };
  return json([
    {
      id: record.endpointId,
      spec: { 'label-configuration': {}, options: { PolicyVerdictNotification: 'true' } },
      status: {
        'external-identifiers': { 'k8s-namespace': namespace, 'k8s-pod-name': name, 'pod-name': pod },
        health: { bpf: 'OK', connected: true, overallHealth: 'OK', policy: 'OK' },
        identity: { id: record.identity, labels: own },
        labels: { realized: {}, 'security-relevant': own },
        networking: { addressing: [{ ipv4: record.ip }], 'interface-name': record.device, mac: record.mac },
        policy: { realized, spec: realized },
        state: 'ready',
      },
    },
  ]);
}

/** `identity get <id>` */
export function identityGet(words: readonly string[], labels: IdentityLabels): string | undefined {
  const id = Number(words.find((word) => /^\d+$/.test(word)) ?? -1);
  const own = labelsOf(id, labels);
  return own.length === 0 ? undefined : padded([['ID', 'LABELS'], ...own.map((word, i) => [i === 0 ? String(id) : '', word])]);
}

function peersJson(peers: readonly Peer[] | undefined, from: 'from' | 'to'): Readonly<Record<string, readonly unknown[]>> {
  if (peers === undefined) return { [`${from}Endpoints`]: [{}] };
  const lists: Record<string, unknown[]> = {};
  const add = (key: string, one: unknown): void => {
    lists[key] = [...(lists[key] ?? []), one];
  };
  for (const peer of peers)
    if (peer.kind === 'selector') add(`${from}Endpoints`, peer.selector);
    else if (peer.kind === 'cidr') add(`${from}CIDRSet`, { cidr: peer.cidr, ...(peer.except.length === 0 ? {} : { except: peer.except }) });
    else add('toFQDNs', peer.pattern.includes('*') ? { matchPattern: peer.pattern } : { matchName: peer.pattern });
  return lists;
}

const PROTOCOL_NAMES: Readonly<Record<number, string>> = { 0: 'ANY', 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6', 132: 'SCTP' };

function portsJson(ports: readonly PortSpec[] | undefined): Readonly<Record<string, readonly unknown[]>> {
  if (ports === undefined) return {};
  const icmps = ports.filter(({ protocol }) => protocol === 1 || protocol === 58);
  const others = ports.filter((one) => !icmps.includes(one));
  const rule = ({ protocol, port, endPort, l7 }: PortSpec): unknown => ({
    ports: [{ port: String(port), ...(endPort === undefined ? {} : { endPort }), protocol: PROTOCOL_NAMES[protocol] ?? String(protocol) }],
    ...(l7 === undefined
      ? {}
      : {
          rules: l7.dns === undefined ? { http: l7.http } : { dns: l7.dns.map((name) => (name.includes('*') ? { matchPattern: name } : { matchName: name })) },
        }),
  });
  const field = ({ protocol, port }: PortSpec): unknown => ({ family: protocol === 58 ? 'IPv6' : 'IPv4', type: port });
  return { ...(others.length === 0 ? {} : { toPorts: others.map(rule) }), ...(icmps.length === 0 ? {} : { icmps: [{ fields: icmps.map(field) }] }) };
}

/** `policy get`: the rules that the agent has made of all policies. */
export function policyGet({ host }: Invocation): string {
  const { rules } = ciliumRules(host.api.view);
  const printed = rules.map(({ policy, endpoints, ingress, egress, denies }) => {
    const [kind = '', ...path] = policy.split('/');
    const [name = '', namespace] = [...path].reverse();
    const label = (key: string, value: string) => ({ key: `io.cilium.k8s.policy.${key}`, value, source: 'k8s' });
    const side = (list: typeof ingress, deny: boolean, from: 'from' | 'to') =>
      list.filter((rule) => rule.deny === deny).map(({ peers, ports }) => ({ ...peersJson(peers, from), ...portsJson(ports) }));
    const some = (key: string, list: readonly unknown[]) => (list.length === 0 ? {} : { [key]: list });
    return {
      endpointSelector: endpoints,
      ...some('ingress', side(ingress, false, 'from')),
      ...some('ingressDeny', side(ingress, true, 'from')),
      ...some('egress', side(egress, false, 'to')),
      ...some('egressDeny', side(egress, true, 'to')),
      labels: [label('derived-from', kind), label('name', name), ...(namespace === undefined ? [] : [label('namespace', namespace)])],
      enableDefaultDeny: denies,
    };
  });
  return `${json(printed)}Revision: ${rules.length + 1}\n`;
}

/** `fqdn cache list` */
export function fqdnCacheList(state: BpfState, { host }: Invocation): string {
  const rows = state.names
    .list()
    .filter(({ expiresNs }) => expiresNs > host.nowNs)
    .map(({ endpointId, name, ttlSeconds, expiresNs, ip }) => [
      String(endpointId),
      'lookup',
      `${name}.`,
      String(ttlSeconds),
      formatRfc3339(host.epochMs + Math.floor(expiresNs / 1e6)).replace('Z', '.000Z'),
      formatIp4(ip),
    ]);
  return padded([['Endpoint', 'Source', 'FQDN', 'TTL', 'ExpirationTime', 'IPs'], ...rows]);
}
