/** The iptables rules of kube-proxy's IPVS mode: few and always the same, whatever the number of Services. Kubernetes v1.35: pkg/proxy/ipvs/proxier.go, writeIptablesRules. */
import type { Rule } from '../../net/records.ts';
import type { BuiltInJump } from './kube-proxy-base-rules.ts';
import { markMasqRules, postroutingRules } from './kube-proxy-base-rules.ts';
import { ifNotLocal } from './kube-proxy-config.ts';
import type { IpvsEntries, IpvsSetName } from './kube-proxy-ipvs-sets.ts';
import { IPVS_SETS, setNameOf } from './kube-proxy-ipvs-sets.ts';
import { FORWARD, MARK_MASQ, POSTROUTING, PROXY_FIREWALL, SERVICES } from './kube-proxy-names.ts';
import type { ProxyNode } from './kube-proxy-shared.ts';

const NODE_PORT = 'KUBE-NODE-PORT';
const LOAD_BALANCER = 'KUBE-LOAD-BALANCER';
const SOURCE_RANGES_FIREWALL = 'KUBE-SOURCE-RANGES-FIREWALL';
const IPVS_FILTER = 'KUBE-IPVS-FILTER';
const IPVS_OUT_FILTER = 'KUBE-IPVS-OUT-FILTER';

/** In the order in which kube-proxy inserts them: each at the head, so the last comes first. */
export const IPVS_JUMPS: readonly BuiltInJump[] = [
  { table: 'nat', from: 'OUTPUT', text: `-m comment --comment "kubernetes service portals" -j ${SERVICES}` },
  { table: 'nat', from: 'PREROUTING', text: `-m comment --comment "kubernetes service portals" -j ${SERVICES}` },
  { table: 'nat', from: 'POSTROUTING', text: `-m comment --comment "kubernetes postrouting rules" -j ${POSTROUTING}` },
  { table: 'filter', from: 'FORWARD', text: `-m comment --comment "kubernetes forwarding rules" -j ${FORWARD}` },
  { table: 'filter', from: 'INPUT', text: `-m comment --comment "kubernetes health check rules" -j ${NODE_PORT}` },
  { table: 'filter', from: 'INPUT', text: `-m comment --comment "kube-proxy firewall rules" -j ${PROXY_FIREWALL}` },
  { table: 'filter', from: 'FORWARD', text: `-m comment --comment "kube-proxy firewall rules" -j ${PROXY_FIREWALL}` },
  { table: 'filter', from: 'INPUT', text: `-m comment --comment "kubernetes ipvs access filter" -j ${IPVS_FILTER}` },
  { table: 'filter', from: 'OUTPUT', text: `-m comment --comment "kubernetes ipvs access filter" -j ${IPVS_OUT_FILTER}` },
];

interface SetRule {
  readonly set: IpvsSetName;
  readonly table: 'nat' | 'filter';
  readonly from: string;
  readonly to: string;
  readonly directions: string;
  readonly protocol?: string;
}

/** Written where the set has members. Local node ports return before the others are marked. */
const SET_RULES: readonly SetRule[] = [
  { set: 'KUBE-LOOP-BACK', table: 'nat', from: POSTROUTING, to: 'MASQUERADE', directions: 'dst,dst,src' },
  { set: 'KUBE-LOAD-BALANCER', table: 'nat', from: SERVICES, to: LOAD_BALANCER, directions: 'dst,dst' },
  { set: 'KUBE-LOAD-BALANCER-LOCAL', table: 'nat', from: LOAD_BALANCER, to: 'RETURN', directions: 'dst,dst' },
  ...(['TCP', 'UDP', 'SCTP-HASH'] as const).flatMap((suffix): SetRule[] => {
    const more = {
      table: 'nat',
      from: NODE_PORT,
      directions: suffix === 'SCTP-HASH' ? 'dst,dst' : 'dst',
      protocol: suffix.slice(0, 4).replace('-', '').toLowerCase(),
    } as const;
    return [
      { set: `KUBE-NODE-PORT-LOCAL-${suffix}`, to: 'RETURN', ...more },
      { set: `KUBE-NODE-PORT-${suffix}`, to: MARK_MASQ, ...more },
    ];
  }),
  { set: 'KUBE-LOAD-BALANCER-FW', table: 'filter', from: PROXY_FIREWALL, to: SOURCE_RANGES_FIREWALL, directions: 'dst,dst' },
  { set: 'KUBE-LOAD-BALANCER-SOURCE-CIDR', table: 'filter', from: SOURCE_RANGES_FIREWALL, to: 'RETURN', directions: 'dst,dst,src' },
  { set: 'KUBE-LOAD-BALANCER-SOURCE-IP', table: 'filter', from: SOURCE_RANGES_FIREWALL, to: 'RETURN', directions: 'dst,dst,src' },
];

export interface IpvsChain {
  readonly table: 'nat' | 'filter';
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** Lists of rules by their text, so that nodes with the same rules share them. */
const lists = new Map<string, readonly Rule[]>();
const MAX_LISTS = 256;

function rulesOf(texts: readonly string[]): readonly Rule[] {
  const key = texts.join('\n');
  const known = lists.get(key);
  if (known !== undefined) return known;
  const rules = texts.map((text) => ({ text }));
  if (lists.size >= MAX_LISTS) lists.clear();
  lists.set(key, rules);
  return rules;
}

export function ipvsChains({ sets, forbidden }: IpvsEntries, proxy: ProxyNode): readonly IpvsChain[] {
  const { config, detector } = proxy;
  const { family } = config;
  const texts = {
    nat: new Map<string, string[]>([SERVICES, POSTROUTING, NODE_PORT, LOAD_BALANCER, MARK_MASQ].map((name) => [name, []])),
    filter: new Map<string, string[]>([FORWARD, NODE_PORT, PROXY_FIREWALL, SOURCE_RANGES_FIREWALL, IPVS_FILTER, IPVS_OUT_FILTER].map((name) => [name, []])),
  };
  const write = (table: 'nat' | 'filter', chain: string, text: string) => texts[table].get(chain)?.push(text);
  const match = (set: IpvsSetName, directions: string) => `-m set --match-set ${setNameOf(set, family)} ${directions}`;
  const explained = (set: IpvsSetName, directions: string) => `-m comment --comment "${IPVS_SETS[set][1]}" ${match(set, directions)}`;

  write('nat', SERVICES, `-s ${family === 'IPv6' ? '::1/128' : '127.0.0.0/8'} -j RETURN`);
  for (const { set, table, from, to, directions, protocol } of SET_RULES) {
    if (sets[set].size > 0) write(table, from, `${protocol === undefined ? '' : `-p ${protocol} `}${explained(set, directions)} -j ${to}`);
  }
  if (sets['KUBE-CLUSTER-IP'].size > 0) {
    const outside = ifNotLocal(detector);
    if (config.masqueradeAll) write('nat', SERVICES, `${explained('KUBE-CLUSTER-IP', 'dst,dst')} -j ${MARK_MASQ}`);
    else if (outside !== '') write('nat', SERVICES, `${explained('KUBE-CLUSTER-IP', 'dst,dst')} ${outside} -j ${MARK_MASQ}`);
    // The node's own connections have the virtual address as their source too, since it is on kube-ipvs0.
    else write('nat', SERVICES, `${explained('KUBE-CLUSTER-IP', 'src,dst')} -j ${MARK_MASQ}`);
  }
  for (const set of ['KUBE-EXTERNAL-IP', 'KUBE-EXTERNAL-IP-LOCAL'] as const) {
    if (sets[set].size === 0) continue;
    const words = explained(set, 'dst,dst');
    if (set === 'KUBE-EXTERNAL-IP') write('nat', SERVICES, `${words} -j ${MARK_MASQ}`);
    write('nat', SERVICES, `${words} -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT`);
    write('nat', SERVICES, `${words} -m addrtype --dst-type LOCAL -j ACCEPT`);
  }
  write('nat', SERVICES, `-m addrtype --dst-type LOCAL -j ${NODE_PORT}`);
  write('nat', LOAD_BALANCER, `-j ${MARK_MASQ}`);
  write('filter', SOURCE_RANGES_FIREWALL, '-j DROP');
  for (const { ip, protocol, port } of forbidden)
    write('filter', IPVS_OUT_FILTER, `-s ${ip} -m ipvs --vaddr ${ip} --vproto ${protocol} --vport ${port} -j DROP`);
  for (const set of ['KUBE-CLUSTER-IP', 'KUBE-LOAD-BALANCER'] as const) if (sets[set].size > 0) write('nat', SERVICES, `${match(set, 'dst,dst')} -j ACCEPT`);

  const mark = config.masqueradeMark;
  write('filter', FORWARD, `-m comment --comment "kubernetes forwarding rules" -m mark --mark ${mark}/${mark} -j ACCEPT`);
  write('filter', FORWARD, '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT');
  write('filter', NODE_PORT, `${explained('KUBE-HEALTH-CHECK-NODE-PORT', 'dst')} -j ACCEPT`);
  // Whatever else listens on the node must not be reached through a Service's address.
  for (const set of ['KUBE-LOAD-BALANCER', 'KUBE-CLUSTER-IP', 'KUBE-EXTERNAL-IP', 'KUBE-EXTERNAL-IP-LOCAL'] as const) {
    write('filter', IPVS_FILTER, `${match(set, 'dst,dst')} -j RETURN`);
  }
  write('filter', IPVS_FILTER, `${match('KUBE-HEALTH-CHECK-NODE-PORT', 'dst')} -j RETURN`);
  write('filter', IPVS_FILTER, `-m conntrack --ctstate NEW ${match('KUBE-IPVS-IPS', 'dst')} -j REJECT`);
  for (const rule of postroutingRules(config)) write('nat', POSTROUTING, rule.text);
  for (const rule of markMasqRules(config)) write('nat', MARK_MASQ, rule.text);
  return (['nat', 'filter'] as const).flatMap((table) => [...texts[table]].map(([name, own]) => ({ table, name, rules: rulesOf(own) })));
}
