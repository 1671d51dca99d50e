/** What somebody would type on a machine to bring a packet through: by the reason of the drop, and by what is unusual on the way. */

import { parseIp } from '../../net/addr/ip.ts';
import { maskOf } from '../../net/addr/ip4.ts';
import type { Netns, NetRecord } from '../../net/records.ts';
import type { TraceEvent } from '../../net/trace-event.ts';
import type { NetnsView } from '../views.ts';
import { type FixedWorld, ownText } from './fixed-world.ts';
import type { Target } from './peers.ts';
import { endpointsOf } from './question.ts';
import type { Fix, ReachAnswer } from './reach-views.ts';
import { replaceValue } from './text-edit.ts';

const typed = (host: string, line: string, because: string): Fix => ({ title: line, because, commands: [{ host, line }] });

function contains(cidr: string, address: string): boolean {
  const [network = '', length = '32'] = cidr.split('/');
  const ip = parseIp(address);
  const net = parseIp(network);
  return typeof ip === 'number' && typeof net === 'number' && ((ip ^ net) & maskOf(Number(length))) === 0;
}

export function hostFixes(world: FixedWorld, answer: ReachAnswer, from: NetnsView, to: Target): Fix[] {
  const drops = answer.rows
    .filter((row) => row.result.outcome !== 'open')
    .flatMap((row) => (row.result.failing === undefined ? [] : [row.result.failing.event]));
  const seen = new Set<string>();
  const fixes: Fix[] = [];
  for (const event of drops) {
    for (const one of byReason(world, event)) {
      if (seen.has(one.title)) continue;
      seen.add(one.title);
      fixes.push(one);
    }
  }
  const ends = to.kind === 'netns' ? [to.view] : to.kind === 'service' ? endpointsOf(world, to.view).flatMap((one) => one.netns ?? []) : [];
  const end = ends.find((one) => one.hostId !== from.hostId);
  if (end !== undefined) fixes.push(...routeFixes(world, from.hostId, end.ip), ...routeFixes(world, end.hostId, from.ip));
  for (const host of new Set([from.hostId, ...ends.map((one) => one.hostId)])) fixes.push(...unusual(world, host));
  return fixes;
}

/** Switches that a node of a cluster has on. */
function unusual(world: FixedWorld, host: string): Fix[] {
  const root = world.records.find(`${host}/netns/root`);
  const sysctl = (name: string): number | undefined => (root?.kind === 'netns' ? (root as Netns).sysctls[name] : undefined);
  const node = ownText(world, `Node/${host}`);
  const stopped = world.api.view.find(`Node/${host}`)?.metadata.annotations?.['kubehop.dev/stopped'];
  const main = world.topology().hosts.find((one) => one.controlPlane === true)?.id ?? host;
  const edit =
    node?.object.metadata.annotations?.['kubehop.dev/stopped'] === undefined
      ? undefined
      : replaceValue(world.files, node, 'metadata.annotations["kubehop.dev/stopped"]', '""');
  return [
    ...(sysctl('net.ipv4.ip_forward') === 0 ? [typed(host, 'sysctl -w net.ipv4.ip_forward=1', `${host} does not forward packets.`)] : []),
    ...(sysctl('net.bridge.bridge-nf-call-iptables') === 0
      ? [
          typed(
            host,
            'sysctl -w net.bridge.bridge-nf-call-iptables=1',
            `Answers that cross the bridge of ${host} are not seen by iptables, so no address is changed back.`,
          ),
        ]
      : []),
    ...(edit === undefined && stopped !== undefined && stopped !== ''
      ? [
          {
            title: `Let ${stopped} of ${host} hear of changes`,
            because: 'It is stopped, so what it wrote is old.',
            commands: [{ host: main, line: `kubectl annotate node ${host} kubehop.dev/stopped-` }],
          },
        ]
      : []),
    ...(edit === undefined ? [] : [{ title: `Let ${stopped} of ${host} hear of changes`, because: `It is stopped, so what it wrote is old.`, edit }]),
  ];
}

function byReason(world: FixedWorld, event: TraceEvent): Fix[] {
  const { step, hostId: host, device } = event;
  if (step.kind !== 'dropped') return [];
  switch (step.reason) {
    case 'IP_FORWARDING_DISABLED':
      return [typed(host, 'sysctl -w net.ipv4.ip_forward=1', `${host} does not forward packets.`)];
    case 'IP_RPFILTER':
      return [
        typed(
          host,
          `sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.${device}.rp_filter=2`,
          `An answer to this source would leave ${host} by another device; 2 asks only for some way.`,
        ),
      ];
    case 'DEV_READY':
      return [typed(host, `ip link set ${device} up`, `${device} is down.`)];
    case 'VXLAN_NO_REMOTE':
      return fdbFixes(world, event);
    case 'BRIDGE_NO_EGRESS_PORT':
      return hairpinFixes(world, event);
    case 'NETFILTER_DROP':
      return ruleFixes(world, step, host);
    default:
      return [];
  }
}

/** The rule that a person wrote goes; a chain's policy lets through. */
function ruleFixes(world: FixedWorld, step: Extract<TraceEvent['step'], { kind: 'dropped' }>, host: string): Fix[] {
  const { rule } = step;
  if (rule === undefined) {
    const chain = /\b(FORWARD|INPUT|OUTPUT)\b/.exec(step.detail)?.[1];
    const line = `iptables -P ${chain} ACCEPT`;
    if (chain === undefined) return [];
    const strict = world.topology().hosts.filter((one) => {
      const record = world.records.find(`${one.id}/netns/root/chain/filter/${chain}`);
      return one.id === host || (record?.kind === 'chain' && record.policy === 'DROP');
    });
    const because = `No rule of ${chain} decided, and its policy is DROP`;
    return [{ title: line, because: `${because} on ${strict.map((one) => one.name).join(' and ')}.`, commands: strict.map((one) => ({ host: one.id, line })) }];
  }
  const record = world.records.find(rule.chainId);
  const owner = rule.origin.component;
  if (record?.kind !== 'chain' || owner !== 'user') return [];
  return [typed(host, `iptables -t ${rule.table} -D ${rule.chain} ${rule.index + 1}`, `Somebody wrote this rule by hand: ${rule.text}`)];
}

/** The way to the node with the pod range of this address, as the network add-on writes it, where only a default route leads (or none). */
function routeFixes(world: FixedWorld, host: string, destination: string): Fix[] {
  const { hosts } = world.topology();
  const node = hosts.find((one) => one.podCidr !== undefined && contains(one.podCidr, destination));
  if (node?.podCidr === undefined || node.id === host) return [];
  const chosen = world.engine.routeGet(`${host}/netns/root`, destination);
  const record = 'error' in chosen || chosen.recordId === undefined ? undefined : world.records.find(chosen.recordId);
  if (record?.kind === 'route' && !/\/0$/.test(record.destination)) return [];
  const because = `${destination} is in the pod range ${node.podCidr} of ${node.name}, and no route of ${host} has it.`;
  const network = node.podCidr.split('/')[0] ?? '';
  const tunnel = (id: string) => world.records.find(`${id}/netns/root/device/flannel.1`);
  const own = tunnel(host);
  return [
    ...(own?.kind === 'device' && tunnel(node.id)?.kind === 'device'
      ? [typed(host, `ip route add ${node.podCidr} via ${network} dev flannel.1 onlink`, because)]
      : []),
    typed(host, `ip route add ${node.podCidr} via ${node.ip}`, because),
  ];
}

/** The port behind which the frame's receiver sits, which is also where it came in. */
function hairpinFixes(world: FixedWorld, { layers, netns, hostId: host }: TraceEvent): Fix[] {
  const frame = layers.find((layer) => layer.protocol === 'ethernet');
  let port: string | undefined;
  for (const record of world.records.values() as Iterable<NetRecord>) {
    if (record.kind !== 'device' || frame?.protocol !== 'ethernet' || record.mac !== frame.dst || record.type !== 'veth') continue;
    const peer = world.records.find(record.peer);
    if (peer?.kind === 'device' && peer.netns === netns) port = peer.name;
  }
  return port === undefined
    ? []
    : [
        typed(
          host,
          `ip link set ${port} type bridge_slave hairpin on`,
          'The frame must leave by the port it came in by, which a bridge does in hairpin mode only.',
        ),
      ];
}

/** Which machine has the device with the MAC that the tunnel looked for. */
function fdbFixes(world: FixedWorld, event: TraceEvent): Fix[] {
  const frame = event.layers.find((layer) => layer.protocol === 'ethernet');
  const mac = frame?.protocol === 'ethernet' ? frame.dst : '';
  for (const record of world.records.values() as Iterable<NetRecord>) {
    if (record.kind !== 'device' || record.type !== 'vxlan' || record.mac !== mac) continue;
    const owner = world.topology().hosts.find((one) => record.netns === `${one.id}/netns/root`);
    if (owner === undefined) continue;
    return [
      typed(
        event.hostId,
        `bridge fdb append ${mac} dev ${event.device} dst ${owner.ip}`,
        `${mac} is ${record.name} of ${owner.name}, and the tunnel does not know where that is.`,
      ),
    ];
  }
  return [];
}
