/** hostPort: the rules by which the CNI plugin `portmap` leads ports of a node to its pods. CNI: plugins/meta/portmap/{portmap_iptables,chain}.go. */
import type { Origin } from '../../base/origin.ts';
import type { Chain, Rule } from '../../net/records.ts';
import { objectKey, type StoreView } from '../../objects/types.ts';
import { formatCidr, parseCidr } from '../addresses.ts';
import { podsOn } from '../node/pods-by-node.ts';
import { chainId, rootNetnsId } from '../node/record-ids.ts';
import { digest64, sandboxId } from '../pod/identity.ts';
import { hasSandbox } from '../pod/running.ts';
import type { ContainerPort, Pod } from '../pod/types.ts';
import type { BuiltInJump } from '../service/kube-proxy-base-rules.ts';
import type { CniSite } from './cni.ts';

/** Its entry in the network's configuration. */
export interface Portmap {
  /** Of the network. */
  readonly network: string;
  readonly snat: boolean;
  readonly masqAll: boolean;
  readonly markBit: number;
}

const DNAT = 'CNI-HOSTPORT-DNAT';
const SETMARK = 'CNI-HOSTPORT-SETMARK';
const MASQ = 'CNI-HOSTPORT-MASQ';
/** A chain's name has 28 characters. CNI: pkg/utils, MaxChainLength. */
const chainOf = (pod: Pod, network: string): string => `CNI-DN-${digest64(network + sandboxId(pod.metadata.uid ?? ''))}`.slice(0, 28);
/** Of one `multiport` match. */
const MAX_PORTS = 15;

/** Ports of pods with a netns of their own, by the spec. */
const portsOfSpecs = new WeakMap<object, readonly ContainerPort[]>();

export function mappedPorts(pod: Pod): readonly ContainerPort[] {
  let ports = portsOfSpecs.get(pod.spec);
  if (ports === undefined) {
    ports =
      pod.spec.hostNetwork === true
        ? []
        : [...(pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always'), ...pod.spec.containers].flatMap((one) =>
            (one.ports ?? []).filter((port) => (port.hostPort ?? 0) !== 0),
          );
    portsOfSpecs.set(pod.spec, ports);
  }
  return ports;
}

const isMapped = (pod: Pod): boolean => mappedPorts(pod).length > 0 && hasSandbox(pod) && !(pod.status?.podIP ?? '').includes(':');

/** Pods of a node with host ports, in the order in which they were plugged in. */
function mappedPods(node: string, view: StoreView): readonly Pod[] {
  const start = (pod: Pod): string => pod.status?.startTime ?? '';
  return podsOn(view, node)
    .filter(isMapped)
    .sort((a, b) => (start(a) < start(b) ? -1 : start(a) > start(b) ? 1 : 0));
}

const protocolOf = ({ protocol = 'TCP' }: ContainerPort): string => protocol.toLowerCase();

function entryRules(pod: Pod, portmap: Portmap): readonly Rule[] {
  const comment = `-m comment --comment "dnat name: \\"${portmap.network}\\" id: \\"${sandboxId(pod.metadata.uid ?? '')}\\""`;
  const byProtocol = new Map<string, number[]>();
  for (const port of mappedPorts(pod)) byProtocol.set(protocolOf(port), [...(byProtocol.get(protocolOf(port)) ?? []), port.hostPort ?? 0]);
  const rules: Rule[] = [];
  for (const [protocol, ports] of [...byProtocol].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const all = [...new Set(ports)].sort((a, b) => a - b);
    for (let at = 0; at < all.length; at += MAX_PORTS)
      rules.push({
        text: `-p ${protocol} ${comment} -m multiport --dports ${all.slice(at, at + MAX_PORTS).join(',')} -j ${chainOf(pod, portmap.network)}`,
        origin: { component: 'portmap', objects: [objectKey(pod)] },
      });
  }
  return rules;
}

function portRules(pod: Pod, portmap: Portmap, podCidr: string): readonly Rule[] {
  const range = parseCidr(podCidr);
  const own = portmap.masqAll ? '' : `-s ${range === undefined ? `${pod.status?.podIP}/32` : formatCidr(range)} `;
  return mappedPorts(pod).flatMap((port) => {
    const ip = port.hostIP ?? '';
    if (ip.includes(':') && ip !== '::') return [];
    const protocol = protocolOf(port);
    const to = ip === '' || ip === '0.0.0.0' || ip === '::' ? '' : `-d ${ip}/32 `;
    const what = `-p ${protocol} -m ${protocol} --dport ${port.hostPort}`;
    const marks = portmap.snat ? [`${own}${to}${what} -j ${SETMARK}`, ...(portmap.masqAll ? [] : [`-s 127.0.0.1/32 ${to}${what} -j ${SETMARK}`])] : [];
    return [...marks, `${to}${what} -j DNAT --to-destination ${pod.status?.podIP}:${port.containerPort}`].map((text) => ({ text }));
  });
}

export function portmapChains(site: CniSite, portmap: Portmap): readonly Chain[] {
  const node = site.node.name;
  const pods = mappedPods(node, site.view);
  if (pods.length === 0) return [];
  const netns = rootNetnsId(node);
  const chain = (name: string, rules: readonly Rule[], origin: Origin): Chain => ({
    kind: 'chain',
    id: chainId(netns, 'nat', name),
    origin,
    netns,
    table: 'nat',
    name,
    rules,
  });
  const own: Origin = { component: 'portmap', objects: [site.node.key] };
  const mark = `0x${(2 ** portmap.markBit).toString(16)}`;
  return [
    ...(portmap.snat
      ? [
          chain(SETMARK, [{ text: `-m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark ${mark}/${mark}` }], own),
          chain(MASQ, [{ text: `-m mark --mark ${mark}/${mark} -j MASQUERADE` }], own),
        ]
      : []),
    chain(
      DNAT,
      pods.flatMap((pod) => entryRules(pod, portmap)),
      own,
    ),
    ...pods.map((pod) =>
      chain(chainOf(pod, portmap.network), portRules(pod, portmap, site.node.podCidr ?? ''), {
        component: 'portmap',
        objects: [objectKey(pod), site.node.key],
      }),
    ),
  ];
}

export function portmapJumps(site: CniSite, portmap: Portmap): readonly BuiltInJump[] {
  if (!podsOn(site.view, site.node.name).some(isMapped)) return [];
  return [
    ...(portmap.snat
      ? [{ table: 'nat', from: 'POSTROUTING', text: `-m comment --comment "CNI portfwd requiring masquerade" -j ${MASQ}`, first: true } as const]
      : []),
    { table: 'nat', from: 'PREROUTING', text: `-m addrtype --dst-type LOCAL -j ${DNAT}` },
    { table: 'nat', from: 'OUTPUT', text: `-m addrtype --dst-type LOCAL -j ${DNAT}` },
  ];
}
