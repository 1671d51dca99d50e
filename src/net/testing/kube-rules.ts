/** iptables chains like those of kube-proxy (iptables mode) and flannel, as text, for tests of the engine without the floor above it. */
import { hashText } from '../../base/prng.ts';
import type { WorldBuilder } from './world-builder.ts';

export interface ServicePort {
  /** `default/web:http` */
  readonly name: string;
  readonly clusterIp: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly nodePort?: number;
  /** `ip:port` */
  readonly endpoints: readonly string[];
}

export interface RuleOptions {
  readonly clusterCidr: string;
  readonly podCidr: string;
  readonly services: readonly ServicePort[];
  /** Rules in front of everything in FORWARD, and their chains: a stand-in for NetworkPolicy. */
  readonly policy?: { readonly forward: readonly string[]; readonly chains: Readonly<Record<string, readonly string[]>> };
  readonly flannel?: boolean;
}

const id = (kind: string, text: string): string => `KUBE-${kind}-${hashText(text).toString(36).toUpperCase().padStart(7, '0')}`;
const says = (text: string): string => `-m comment --comment "${text}"`;

/** Puts (or replaces) all chains of a node. */
export function putKubeRules(b: WorldBuilder, netns: string, options: RuleOptions): void {
  const nat = new Map<string, string[]>();
  const services: string[] = [];
  const nodePorts: string[] = [];
  const rejects: string[] = [];
  for (const s of options.services) {
    const head = `-d ${s.clusterIp}/32 -p ${s.protocol}`;
    if (s.endpoints.length === 0) {
      rejects.push(`${head} ${says(`${s.name} has no endpoints`)} -m ${s.protocol} --dport ${s.port} -j REJECT --reject-with icmp-port-unreachable`);
      continue;
    }
    const chain = id('SVC', s.name);
    services.push(`${head} ${says(`${s.name} cluster IP`)} -m ${s.protocol} --dport ${s.port} -j ${chain}`);
    const rules = [`! -s ${options.clusterCidr} ${head} ${says(`${s.name} cluster IP`)} -m ${s.protocol} --dport ${s.port} -j KUBE-MARK-MASQ`];
    s.endpoints.forEach((endpoint, i) => {
      const left = s.endpoints.length - i;
      const chance = left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}`;
      const sep = id('SEP', `${s.name} ${endpoint}`);
      rules.push(`${says(`${s.name} -> ${endpoint}`)}${chance} -j ${sep}`);
      nat.set(sep, [
        `-s ${endpoint.split(':')[0]}/32 ${says(s.name)} -j KUBE-MARK-MASQ`,
        `-p ${s.protocol} ${says(s.name)} -m ${s.protocol} -j DNAT --to-destination ${endpoint}`,
      ]);
    });
    nat.set(chain, rules);
    if (s.nodePort !== undefined) {
      const external = id('EXT', s.name);
      nodePorts.push(`-p ${s.protocol} ${says(s.name)} -m ${s.protocol} --dport ${s.nodePort} -j ${external}`);
      nat.set(external, [`${says(`masquerade traffic for ${s.name} external destinations`)} -j KUBE-MARK-MASQ`, `-j ${chain}`]);
    }
  }
  services.push(`${says('kubernetes service nodeports; NOTE: this must be the last rule in this chain')} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS`);
  const portals = `${says('kubernetes service portals')} -j KUBE-SERVICES`;
  b.chain(netns, 'nat', 'PREROUTING', [portals], 'ACCEPT');
  b.chain(netns, 'nat', 'INPUT', [], 'ACCEPT');
  b.chain(netns, 'nat', 'OUTPUT', [portals], 'ACCEPT');
  const flannel = options.flannel !== false;
  b.chain(
    netns,
    'nat',
    'POSTROUTING',
    [`${says('kubernetes postrouting rules')} -j KUBE-POSTROUTING`, ...(flannel ? [`${says('flanneld masq')} -j FLANNEL-POSTRTG`] : [])],
    'ACCEPT',
  );
  b.chain(netns, 'nat', 'KUBE-SERVICES', services);
  b.chain(netns, 'nat', 'KUBE-NODEPORTS', nodePorts);
  b.chain(netns, 'nat', 'KUBE-MARK-MASQ', ['-j MARK --set-xmark 0x4000/0x4000']);
  b.chain(netns, 'nat', 'KUBE-POSTROUTING', [
    '-m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-j MARK --set-xmark 0x4000/0x0',
    `${says('kubernetes service traffic requiring SNAT')} -j MASQUERADE --random-fully`,
  ]);
  for (const [name, rules] of nat) b.chain(netns, 'nat', name, rules);
  if (flannel) {
    const c = options.clusterCidr;
    const masq = says('flanneld masq');
    b.chain(netns, 'nat', 'FLANNEL-POSTRTG', [
      `-m mark --mark 0x4000/0x4000 ${masq} -j RETURN`,
      `-s ${options.podCidr} -d ${c} ${masq} -j RETURN`,
      `-s ${c} -d ${options.podCidr} ${masq} -j RETURN`,
      `! -s ${c} -d ${options.podCidr} ${masq} -j RETURN`,
      `-s ${c} ! -d 224.0.0.0/4 ${masq} -j MASQUERADE --random-fully`,
      `! -s ${c} -d ${c} ${masq} -j MASQUERADE --random-fully`,
    ]);
    b.chain(netns, 'filter', 'FLANNEL-FWD', [`-s ${c} ${says('flanneld forward')} -j ACCEPT`, `-d ${c} ${says('flanneld forward')} -j ACCEPT`]);
  }
  const isNew = (text: string, target: string): string => `-m conntrack --ctstate NEW ${says(text)} -j ${target}`;
  b.chain(netns, 'filter', 'INPUT', ['-j KUBE-FIREWALL'], 'ACCEPT');
  b.chain(
    netns,
    'filter',
    'FORWARD',
    [
      ...(options.policy?.forward ?? []),
      `${says('kubernetes forwarding rules')} -j KUBE-FORWARD`,
      isNew('kubernetes service portals', 'KUBE-SERVICES'),
      ...(flannel ? [`${says('flanneld forward')} -j FLANNEL-FWD`] : []),
    ],
    'ACCEPT',
  );
  b.chain(netns, 'filter', 'OUTPUT', [isNew('kubernetes service portals', 'KUBE-SERVICES'), '-j KUBE-FIREWALL'], 'ACCEPT');
  b.chain(netns, 'filter', 'KUBE-SERVICES', rejects);
  b.chain(netns, 'filter', 'KUBE-FIREWALL', [
    `! -s 127.0.0.0/8 -d 127.0.0.0/8 ${says('block incoming localnet connections')} -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP`,
  ]);
  b.chain(netns, 'filter', 'KUBE-FORWARD', [
    '-m conntrack --ctstate INVALID -j DROP',
    `${says('kubernetes forwarding rules')} -m mark --mark 0x4000/0x4000 -j ACCEPT`,
    `${says('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  ]);
  for (const [name, rules] of Object.entries(options.policy?.chains ?? {})) b.chain(netns, 'filter', name, rules);
}
