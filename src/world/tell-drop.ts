/** Why a packet died and what would bring it through: one entry per drop reason, in the words of somebody who debugs it. */

import type { DropReason, TraceEvent } from '../net/trace-event.ts';
import { isIpLayer } from '../net/wire/packet.ts';
import { address, mono, say, strong, type TellContext, type Words } from './tell-phrases.ts';
import { faceOf, ruleComment } from './tell-words.ts';
import type { Phrase } from './views.ts';

type Dropped = Extract<TraceEvent['step'], { kind: 'dropped' }>;

interface Advice {
  readonly why: (step: Dropped, event: TraceEvent, context: TellContext) => readonly Phrase[];
  readonly fix?: (step: Dropped, event: TraceEvent, context: TellContext) => readonly Phrase[];
}

const innermost = (event: TraceEvent) => {
  for (let i = event.layers.length - 1; i >= 0; i -= 1) {
    const layer = event.layers[i];
    if (isIpLayer(layer)) return layer;
  }
  return undefined;
};
const destinationOf = (event: TraceEvent) => innermost(event)?.dst ?? '';
const portOf = (event: TraceEvent) => {
  for (let i = event.layers.length - 1; i >= 0; i -= 1) {
    const layer = event.layers[i];
    if (layer?.protocol === 'tcp' || layer?.protocol === 'udp' || layer?.protocol === 'sctp') return layer.dport;
  }
  return undefined;
};

function whyRule(step: Dropped): readonly Phrase[] {
  // conntrack drops without a rule: a full table, a clash of entries.
  if (step.detail.includes('conntrack')) return [say(`${step.detail.replace(/^(?:nf_)?conntrack: /, 'conntrack dropped it: ')}.`)];
  if (step.rule === undefined) return [say('The chain ended and its policy is DROP.')];
  const comment = ruleComment(step.rule.text);
  return [
    say('A rule in '),
    mono(step.rule.chain),
    say(' refuses it'),
    ...(comment === undefined ? [] : [say(': «'), say(comment), say('»')]),
    say(step.answered === undefined ? '. The sender is told nothing.' : `. The sender is told: ${step.answered}.`),
  ];
}

function fixRule(step: Dropped): readonly Phrase[] {
  if (step.detail.includes('table full')) return [mono('sysctl -w net.netfilter.nf_conntrack_max=…'), say(' makes room for more connections.')];
  if (step.detail.includes('clash')) return [say('Two flows wanted the same addresses and ports at one moment; the next try takes another port.')];
  if (step.rule !== undefined && /has no (?:local )?endpoints/.test(step.rule.text)) {
    const service = /comment "?([^" ]+)/.exec(step.rule.text)?.[1] ?? 'the Service';
    return [
      say('Give '),
      mono(service),
      say(' a ready endpoint: its selector must equal the labels of running, ready pods ('),
      mono('kubectl get endpointslices'),
      say(', '),
      mono('kubectl get pods --show-labels'),
      say(').'),
    ];
  }
  if (step.rule !== undefined && /INVALID/.test(step.rule.text))
    return [say('conntrack never saw the start of this connection here: look for a reply that takes another way than the request.')];
  return [say('Remove or narrow that rule, or let an earlier one accept the packet.')];
}

/** The first half of the detail is the program's own reason, in Cilium's words. */
function whyBpf(step: Dropped, event: TraceEvent): readonly Phrase[] {
  const [reason = '', ...rest] = step.detail.split(': ');
  return [
    say('A BPF program on '),
    mono(event.device),
    say(' decided: «'),
    say(reason),
    say(`». ${rest.join(': ')}.`),
    ...(step.answered === undefined ? [] : [say(` The sender is told: ${step.answered}.`)]),
  ];
}

/** Where a policy was asked the row before says what it knew. */
function whyPolicy(events: readonly TraceEvent[], step: Dropped, event: TraceEvent): readonly Phrase[] | undefined {
  const verdict = events.map((one) => one.step).find((one) => one.kind === 'bpf' && one.verdict.endsWith(' DENIED'));
  if (verdict?.kind !== 'bpf') return undefined;
  return [
    say('The BPF program on '),
    mono(event.device),
    say(' has asked the policy of the endpoint: «'),
    say(step.detail.split(': ', 1)[0] ?? ''),
    say(`». ${verdict.detail}. It is dropped without a word: its sender waits.`),
  ];
}

const bpfFixes: readonly (readonly [RegExp, string, string])[] = [
  [
    /^Policy denied by denylist/,
    'kubectl get cnp,ccnp',
    ' : one of them has a rule under ingressDeny or egressDeny that means this peer; no permission is stronger.',
  ],
  [
    /^Policy denied/,
    'cilium-dbg bpf policy get',
    ' with the number of the endpoint prints who may talk to it on which port; nothing there allows this. A rule for the labels of the peer (cilium-dbg identity get) and the port of the pod, not of the Service, would.',
  ],
  [/^Service backend not found/, 'cilium-dbg service list', ' shows what is behind the frontend: its Service has no ready endpoint.'],
  [/^Stale or unroutable IP/, 'cilium-dbg bpf endpoint list', ' and ipcache list show which addresses exist: nobody has this one any more.'],
  [/^Invalid source ip/, 'ip addr', ' in the pod: it sends from an address that is not the one it was given.'],
  [/^Is a ClusterIP/, 'kubectl expose', ' with type NodePort or LoadBalancer makes a Service for clients outside.'],
  [/^Denied by LB src range check/, 'spec.loadBalancerSourceRanges', ' names who may come.'],
];
function fixBpf(step: Dropped): readonly Phrase[] {
  const found = bpfFixes.find(([pattern]) => pattern.test(step.detail));
  return [mono(found?.[1] ?? 'cilium-dbg monitor --type drop'), say(found?.[2] ?? ' shows such drops as they happen.')];
}

const advice: Readonly<Partial<Record<DropReason, Advice>>> = {
  NETFILTER_DROP: { why: whyRule, fix: fixRule },
  TCP_LISTEN_OVERFLOW: {
    why: (step) => [say(`The server has no room for another half-open connection: ${step.detail}.`)],
    fix: () => [mono('sysctl -w net.ipv4.tcp_syncookies=1'), say(' answers without keeping anything; a larger backlog (net.core.somaxconn) keeps more.')],
  },
  TCP_RFC7323_PAWS: {
    why: () => [say('Its timestamp is older than one this connection has seen: a duplicate from long ago, or two machines that share an address behind NAT.')],
  },
  TCP_OLD_DATA: { why: () => [say('This data was here before: its acknowledgement was lost or late. It is acknowledged again.')] },
  TCP_INVALID_SYN: {
    why: () => [say('A SYN inside a connection that exists is answered with a challenge ACK: whoever really lost the connection then sends a RST (RFC 5961).')],
  },
  TCP_ACK_UNSENT_DATA: { why: () => [say('It acknowledges data that was never sent: it belongs to another connection of the same addresses and ports.')] },
  TCP_TOO_OLD_ACK: { why: () => [say('Its acknowledgement is older than a whole window (RFC 5961).')] },
  NO_SOCKET: {
    why: (step, event, context) => [
      say('Nothing listens on port '),
      mono(String(portOf(event) ?? '')),
      say(' in '),
      strong(context.netns(event.netns).title),
      say(step.answered === undefined ? '.' : `, so the kernel answers: ${step.answered}.`),
    ],
    fix: (_step, event) => [
      say("Compare the Service's "),
      mono('targetPort'),
      say(' with the port the container really listens on; here it was '),
      mono(String(portOf(event) ?? '')),
      say('.'),
    ],
  },
  SOCKET_RCVBUFF: {
    why: (step) => [say('The program does not read as fast as datagrams come, and the socket has no room left: '), say(step.detail), say('.')],
    fix: () => [say('Give the program more CPU, or send it less. A larger buffer ('), mono('net.core.rmem_default'), say(') only makes the queue longer.')],
  },
  OTHERHOST: { why: () => [say("A copy that the bridge flooded: its destination MAC is somebody else's, so this receiver ignores it.")] },
  IPV6_NDISC_NS_OTHERHOST: {
    why: (step) => [
      say('A neighbour solicitation that asks for somebody else: several addresses share the last 24 bits, or it was flooded here. '),
      say(step.detail),
      say('.'),
    ],
  },
  IPV6_NDISC_HOP_LIMIT: {
    why: (step) => [
      say('Neighbour discovery must arrive with hop limit 255: anything less has passed a router and could come from anywhere. '),
      say(step.detail),
      say('.'),
    ],
  },
  IPV6_NDISC_BAD_CODE: { why: (step) => [say(step.detail), say('.')] },
  IPV6_NDISC_BAD_OPTIONS: { why: (step) => [say(step.detail), say('.')] },
  IPV6DISABLED: {
    why: (step, event, context) => [say('IPv6 is switched off on '), strong(context.netns(event.netns).title), say(': '), mono(step.detail), say('.')],
    fix: () => [say('Set '), mono('net.ipv6.conf.all.disable_ipv6'), say(' to 0 there.')],
  },
  IP_INNOROUTES: {
    why: (_step, event, context) => [strong(context.netns(event.netns).title), say(' has no route to '), ...address(destinationOf(event), context), say('.')],
    fix: (_step, event) => [
      say('Put the route back ('),
      mono('ip route'),
      say(" shows what is there); the network add-on writes one route for each node's pod range, and "),
      mono(destinationOf(event)),
      say(' fits none.'),
    ],
  },
  IP_OUTNOROUTES: {
    why: (_step, event, context) => [
      strong(context.netns(event.netns).title),
      say(' has no route to '),
      ...address(destinationOf(event), context),
      say(', not even a default one.'),
    ],
    fix: () => [say('Add a route for it, or a default route.')],
  },
  IP_INADDRERRORS: { why: (step) => [say(step.detail), say('.')] },
  IP_INVALID_SOURCE: { why: (step) => [say('No packet may come from such an address: '), say(step.detail), say('.')] },
  IP_INVALID_DEST: { why: (step) => [say('Nothing here is for such an address: '), say(step.detail), say('.')] },
  IP_LOCALNET: {
    why: (step) => [say('Loopback addresses stay inside a host: '), say(step.detail), say('.')],
    fix: () => [mono('sysctl -w net.ipv4.conf.all.route_localnet=1'), say(' lets them in, which kube-proxy does for node ports on localhost.')],
  },
  IP_LOCAL_SOURCE: {
    why: (_step, event, context) => [
      say('The packet claims to come from an address of '),
      strong(context.netns(event.netns).title),
      say(' itself, yet it came in from outside.'),
    ],
    fix: () => [say('Look for a loop or for an address that exists twice; '), mono('net.ipv4.conf.<device>.accept_local=1'), say(' lets such packets in.')],
  },
  IP_RPFILTER: {
    why: (step) => [say('The reverse path check failed: an answer to this source would leave by another device. '), say(step.detail)],
    fix: () => [say('Set '), mono('net.ipv4.conf.all.rp_filter'), say(' to 2 (loose), or make the way there and back the same.')],
  },
  IP_FORWARDING_DISABLED: {
    why: (_step, event, context) => [strong(context.netns(event.netns).title), say(' does not forward packets.')],
    fix: () => [mono('sysctl -w net.ipv4.ip_forward=1')],
  },
  PKT_TOO_BIG: {
    why: (step) => [say("The packet is larger than the device's MTU and must not be fragmented. "), say(step.detail)],
    fix: () => [say("Give the pods the smaller MTU (VXLAN needs 50 bytes of the underlay's), or let the ICMP answer through.")],
  },
  DUP_FRAG: { why: () => [say('This piece of the datagram was here already.')] },
  FRAG_REASM_TIMEOUT: {
    why: (step) => [
      say("The datagram's other pieces did not come in time"),
      say(step.answered === undefined ? '.' : `; the sender is told: ${step.answered}.`),
    ],
    fix: () => [say('Find where another piece was lost; or send datagrams that fit the smallest MTU of the way.')],
  },
  NOMEM: { why: (step) => [say(step.detail), say('.')], fix: () => [mono('sysctl -w net.ipv4.ipfrag_high_thresh=…'), say(' allows more.')] },
  IP_TTL_EXPIRED: {
    why: (step) => [say('The time to live ran out here'), say(step.answered === undefined ? '.' : `; the sender is told: ${step.answered}.`)],
    fix: () => [say('Unless somebody traced the route on purpose, two routers send this packet to each other: look at their routes.')],
  },
  HOP_LIMIT: {
    why: (step) => [say('The packet went round without an end; the simulator stopped it. '), say(step.detail)],
    fix: () => [say('Find the loop in the bridges or routes it crossed.')],
  },
  NEIGH_FAILED: {
    why: (step) => [say('Nobody answered the ARP questions. '), say(step.detail)],
    fix: (_step, event) => [say('No pod has the address '), mono(destinationOf(event)), say(' any more, or the bridge does not reach it.')],
  },
  NEIGH_QUEUEFULL: { why: () => [say('Too many packets were already waiting for the same ARP answer.')] },
  NEIGH_CREATEFAIL: {
    why: (_step, event, context) => [
      say('The neighbour table of '),
      strong(context.netns(event.netns).title),
      say(' is full: no entry could be made for the next hop.'),
    ],
    fix: () => [mono('sysctl -w net.ipv4.neigh.default.gc_thresh3=…'), say(' makes room for more neighbours.')],
  },
  BRIDGE_NO_EGRESS_PORT: {
    why: (step) => [say('The bridge may not send a frame out of the port it came in by, and no other port leads there. '), say(step.detail)],
    fix: () => [say('A pod that calls its own Service needs hairpin mode on its bridge port.')],
  },
  VXLAN_NO_REMOTE: {
    why: (_step, event) => [
      say('The forwarding table of '),
      mono(event.device),
      say(' has no entry for this MAC, so the tunnel does not know which node to send to.'),
    ],
    fix: () => [mono('bridge fdb show dev flannel.1'), say(' should list one entry for each other node; flannel writes them.')],
  },
  VXLAN_VNI_NOT_FOUND: {
    why: () => [say('No tunnel device here has this VXLAN network identifier.')],
    fix: () => [say('Both nodes must use the same VNI in '), mono('net-conf.json'), say('.')],
  },
  GENEVE_VNI_NOT_FOUND: {
    why: () => [say('No Geneve device here has this network identifier and this remote address.')],
    fix: () => [say('Both ends must use the same VNI, and each must name the other as its remote ('), mono('ip -d link'), say(').')],
  },
  TUNNEL_NO_ROUTE: {
    why: (step, event) => [mono(event.device), say(' does not know where this packet belongs. '), say(step.detail)],
    fix: () => [
      say(
        'WireGuard: no peer has the destination among its allowed IPs, or its endpoint is not known yet. IPIP: the route needs a gateway, or the device a remote address.',
      ),
    ],
  },
  TUNNEL_NO_SESSION: {
    why: (step, event) => [mono(event.device), say(' has no key for it. '), say(step.detail)],
    fix: () => [say('The handshake must succeed first: public keys, endpoints and UDP ports of both ends must fit.')],
  },
  TUNNEL_SOURCE_REFUSED: {
    why: (step) => [say('What was inside claims an address that this peer may not use. '), say(step.detail)],
    fix: () => [say('Add the address to the allowed IPs of that peer.')],
  },
  TC_INGRESS: { why: whyBpf, fix: fixBpf },
  TC_EGRESS: { why: whyBpf, fix: fixBpf },
  QDISC_DROP: {
    why: (step, event) => [say('The queueing discipline of '), mono(event.device), say(' dropped it before it left. '), say(step.detail)],
    fix: (_step, event) => [mono(`tc -s qdisc show dev ${event.device}`), say(' shows what is set there and how often it dropped.')],
  },
  VLAN_NO_DEVICE: {
    why: (step, event) => [say('The frame carries a VLAN tag that nothing on '), mono(event.device), say(' takes. '), say(step.detail)],
    fix: (_step, event) => [mono(`ip link add link ${event.device} name ${event.device}.N type vlan id N`), say(' would take frames of VLAN N.')],
  },
  IP_CSUM: { why: (step) => [say('The header checksum is wrong. '), say(step.detail)] },
  TCP_CSUM: { why: (step) => [say('The checksum is wrong. '), say(step.detail)] },
  UDP_CSUM: { why: (step) => [say('The checksum is wrong. '), say(step.detail)] },
  ICMP_CSUM: { why: (step) => [say('The checksum is wrong. '), say(step.detail)] },
  LINK_LOSS: { why: () => [say('The wire lost it: the link is set to lose a share of its packets.')] },
  DEV_READY: {
    why: (step, event) => [mono(event.device), say(' is down or leads nowhere. '), say(step.detail)],
    fix: (_step, event) => [mono(`ip link set ${event.device} up`)],
  },
  TCP_CLOSE: { why: (step) => [say('The connection it belongs to is closed already. '), say(step.detail)] },
  TCP_RESET: { why: (step) => [say('The peer reset this connection. '), say(step.detail)] },
};

/** Words for a hop that ends in a drop. */
export function explainDrop(events: readonly TraceEvent[], main: TraceEvent, context: TellContext): Words {
  const step = main.step as Dropped;
  const face = faceOf(main.layers);
  const here = context.netns(main.netns);
  const entry = advice[step.reason];
  const rejected = step.answered !== undefined;
  const why = whyPolicy(events, step, main) ??
    entry?.why(step, main, context) ?? [say(step.detail === '' ? `The kernel dropped it: ${step.reason}.` : `${step.detail}.`)];
  const fix = entry?.fix?.(step, main, context);
  return {
    title: step.reason === 'OTHERHOST' ? `not for ${here.title}` : `${rejected ? 'refused' : 'dropped'} on ${here.title}`,
    summary:
      step.reason === 'OTHERHOST'
        ? 'flooded copy, ignored'
        : `${face.label} ✕ ${step.reason.startsWith('TC_') ? step.detail.split(': ', 1)[0] : step.reason}${step.rule === undefined ? '' : ` by ${step.rule.chain}`}`,
    why: [...why, say(' '), { text: step.reason, style: 'drop' }],
    ...(fix === undefined ? {} : { fix }),
  };
}
