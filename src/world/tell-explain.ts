/** Why a hop happened: title, row text, a reason in one to three sentences, and for a drop what would fix it. Facts come from the event alone. */

import type { TraceEvent } from '../net/trace-event.ts';
import { isIpLayer } from '../net/wire/packet.ts';
import { explainDrop } from './tell-drop.ts';
import { address, mono, say, strong, type TellContext, type Words } from './tell-phrases.ts';
import { faceOf, ruleComment, ruleProbability, tunnelWord } from './tell-words.ts';
import type { Phrase } from './views.ts';

function innerIp(event: TraceEvent): { src: string; dst: string; ttl: number } | undefined {
  for (let i = event.layers.length - 1; i >= 0; i -= 1) {
    const layer = event.layers[i];
    if (isIpLayer(layer)) return layer;
  }
  return undefined;
}

const outerIp = (event: TraceEvent) => event.layers.find(isIpLayer);

/** Words for one hop: `events` are all of its steps, `main` the telling one. */
export function explain(events: readonly TraceEvent[], main: TraceEvent, context: TellContext): Words {
  const { step } = main;
  const face = faceOf(main.layers);
  const here = context.netns(main.netns);
  switch (step.kind) {
    case 'created':
      return { title: `${step.by} sends ${face.label}`, summary: step.summary === '' ? face.label : step.summary, why: whyCreated(main, context) };
    case 'received':
    case 'transmitted':
      return {
        title: step.kind === 'received' ? `arrives at ${main.device}` : `leaves by ${main.device}`,
        summary: passing(main, face.label),
        why: whyOnWire(events, main, context),
      };
    case 'bridged':
      return {
        title: `${step.bridge} ${step.how === 'flood' ? 'floods' : step.how === 'local' ? 'hands up' : 'forwards'}`,
        summary: bridgedSummary(step),
        why: whyBridged(main, step),
      };
    case 'matched':
      return { title: `${step.hook} passes`, summary: matchedSummary(events, step.hook), why: whyMatched(events, step.hook, here.title) };
    case 'translated':
      return {
        title: `${step.how} in ${step.by === 'bpf' ? 'a BPF program' : hookName(events)}`,
        summary: `${face.label}, ${step.how} ${step.before} → ${step.after}`,
        why: whyTranslated(events, main, context),
      };
    case 'routed':
      return {
        title: step.decision === 'local' ? `for ${here.title} itself` : `routed to ${step.device}`,
        summary: step.decision === 'local' ? 'destination is local' : `route ${step.route.text.trim()}`,
        why: whyRouted(main, step, context),
      };
    case 'resolved':
      return { title: `next hop is ${step.mac}`, summary: `${step.ip} is at ${step.mac}`, why: whyResolved(step) };
    case 'bpf':
      return explainBpf(main, step, face.label);
    case 'queued':
      return {
        title: `waits for ${step.ip}`,
        summary: `who has ${step.ip}?`,
        why: [
          say('The MAC address of '),
          mono(step.ip),
          say(` is not known yet. The kernel keeps the packet and asks by ${step.ip.includes(':') ? 'neighbour discovery' : 'ARP'} first.`),
        ],
      };
    case 'duplicated':
      return {
        title: `${main.device} sends it twice`,
        summary: `${face.label} duplicated by netem`,
        why: [
          say('The queueing discipline of '),
          mono(main.device),
          say(' (netem) makes two of some packets. Both go on; the receiver sees the same one again.'),
        ],
      };
    case 'encapsulated':
      return {
        title: `encapsulated by ${main.device}`,
        summary: `encapsulated, ${step.overheadBytes} bytes added`,
        why: whyEncapsulated(events, main, step, context),
      };
    case 'decapsulated':
      return {
        title: `unwrapped by ${main.device}`,
        summary: `${tunnelWord(step.protocol)} header removed${step.vni === 0 ? '' : `, vni ${step.vni}`}`,
        why: whyDecapsulated(main, step),
      };
    case 'delivered':
      return { title: `delivered to ${step.process ?? step.to}`, summary: `${face.label} delivered to ${here.title}`, why: whyDelivered(main, step, context) };
    case 'printed':
      return { title: `${step.process} prints`, summary: step.text.trimEnd(), why: [mono(step.text.trimEnd())] };
    case 'tls':
    case 'changed':
      // Have no packet: told by tell-change.ts and tell-tls.ts.
      return { title: step.kind, summary: '', why: [] };
    case 'dropped':
      return explainDrop(events, main, context);
  }
}

function passing(event: TraceEvent, label: string): string {
  const ip = outerIp(event);
  return ip === undefined ? label : `${label}, ttl ${innerIp(event)?.ttl ?? ip.ttl}`;
}

function whyCreated(event: TraceEvent, context: TellContext): Phrase[] {
  const { netns, step } = event;
  const here = context.netns(netns);
  const ip = innerIp(event);
  const by = step.kind === 'created' ? step.by : '';
  const arp = event.layers.find((layer) => layer.protocol === 'arp');
  if (arp !== undefined) {
    // A program with a packet socket speaks for an address: MetalLB's speaker, arping.
    if (!by.startsWith('kernel') && arp.senderIp === arp.targetIp)
      return [strong(by), say(' in '), strong(here.title), say(' tells everybody on this wire that '), mono(arp.senderIp), say(' is here.')];
    if (!by.startsWith('kernel') && arp.operation !== 'request')
      return [
        strong(by),
        say(' in '),
        strong(here.title),
        say(' answers for '),
        mono(arp.senderIp),
        say(' with this MAC address; no device needs to have the address.'),
      ];
    return arp.operation === 'request'
      ? [strong(here.title), say(' needs the MAC address of '), ...address(arp.targetIp, context), say(' and asks everybody on this wire.')]
      : [strong(here.title), say(' owns '), mono(arp.senderIp), say(' and answers with its MAC address.')];
  }
  if (ip === undefined) return [say(`Made by ${by} in `), strong(here.title), say('.')];
  const answer = event.causeSeq >= 0 ? ' It answers what came in before.' : '';
  return [
    strong(by),
    say(' in '),
    strong(here.title),
    say(' sends from '),
    ...address(ip.src, context),
    say(' to '),
    ...address(ip.dst, context),
    say(`.${answer}`),
    ...(step.kind === 'created' && step.why !== undefined ? [say(` Asked ${step.why}.`)] : []),
  ];
}

function whyOnWire(events: readonly TraceEvent[], event: TraceEvent, context: TellContext): Phrase[] {
  const sent = events.find((one) => one.step.kind === 'transmitted');
  const resolved = events.find((one) => one.step.kind === 'resolved');
  const phrases: Phrase[] = [];
  if (resolved?.step.kind === 'resolved') {
    const how =
      resolved.step.how === 'permanent'
        ? 'a permanent neighbour entry says so'
        : resolved.step.how === 'arp'
          ? 'ARP just answered'
          : resolved.step.how === 'nd'
            ? 'neighbour discovery just answered'
            : 'the neighbour table remembers';
    phrases.push(say('The next hop '), mono(resolved.step.ip), say(' has MAC '), mono(resolved.step.mac), say(` (${how}). `));
  }
  if (sent?.step.kind === 'transmitted' && sent.step.to !== undefined) {
    const [, device] = sent.step.to.split('/device/');
    const peer = context.netns(sent.step.to.split('/device/')[0] ?? '');
    phrases.push(mono(event.device), say(' puts the frame on its wire; the other end is '), mono(device ?? ''), say(' in '), strong(peer.title), say('.'));
  } else if (sent !== undefined) {
    phrases.push(mono(event.device), say(' sends the frame.'));
  } else {
    phrases.push(mono(event.device), say(' takes the frame in. '), mono('tcpdump'), say(' on this device would see it with these addresses.'));
  }
  return phrases;
}

type Bridged = Extract<TraceEvent['step'], { kind: 'bridged' }>;

function bridgedSummary(step: Bridged): string {
  if (step.how === 'local') return `${step.bridge} hands the frame to its host`;
  if (step.how === 'flood') return `flooded to ${step.to.length} port${step.to.length === 1 ? '' : 's'}`;
  return `forwarded to port ${step.to.join(', ')}`;
}

function whyBridged(event: TraceEvent, step: Bridged): Phrase[] {
  const ethernet = event.layers.find((layer) => layer.protocol === 'ethernet');
  const mac = ethernet?.dst ?? '';
  if (step.how === 'local')
    return [
      say('The destination MAC '),
      mono(mac),
      say(` is ${step.bridge}'s own, so the bridge does not forward: the frame goes up to the IP layer of the host.`),
    ];
  if (step.how === 'flood') {
    return mac === 'ff:ff:ff:ff:ff:ff'
      ? [say('A broadcast frame goes out of every other port of '), mono(step.bridge), say('.')]
      : [say('The forwarding table of '), mono(step.bridge), say(' does not know '), mono(mac), say(' yet, so the frame goes out of every other port.')];
  }
  return [say('The forwarding table of '), mono(step.bridge), say(' has learnt that '), mono(mac), say(' is behind port '), mono(step.to.join(', ')), say('.')];
}

function matchedRules(events: readonly TraceEvent[]) {
  return events.flatMap((event) => (event.step.kind === 'matched' && event.step.rule !== undefined ? [event.step.rule] : []));
}

const hookName = (events: readonly TraceEvent[]) => {
  for (const event of events) if (event.step.kind === 'matched') return event.step.hook;
  return 'conntrack';
};

function matchedSummary(events: readonly TraceEvent[], hook: string): string {
  const rules = matchedRules(events);
  const last = rules[rules.length - 1];
  return last === undefined
    ? `${hook}: no rule matched, policy ACCEPT`
    : `${hook}: ${rules.length} rule${rules.length === 1 ? '' : 's'} matched, last in ${last.chain}`;
}

function whyMatched(events: readonly TraceEvent[], hook: string, title: string): Phrase[] {
  const rules = matchedRules(events);
  if (rules.length === 0) return [say(`No rule of the ${hook} chains on `), strong(title), say(' matched this packet; the policy lets it pass.')];
  const last = rules[rules.length - 1];
  const comment = last === undefined ? undefined : ruleComment(last.text);
  return [
    say(`${rules.length} rule${rules.length === 1 ? '' : 's'} matched on the way through ${hook}; the last one stands in `),
    mono(last?.chain ?? ''),
    ...(comment === undefined ? [] : [say(' («'), say(comment), say('»)')]),
    say(' and changes nothing in the addresses.'),
  ];
}

function whyTranslated(events: readonly TraceEvent[], event: TraceEvent, context: TellContext): Phrase[] {
  const { step } = event;
  if (step.kind !== 'translated') return [];
  if (step.by === 'bpf') return whyTranslatedByBpf(events, step, context);
  if (step.how === 'un-DNAT' || step.how === 'un-SNAT') {
    return [
      say('conntrack knows this connection and undoes its translation: the '),
      say(step.field),
      say(' becomes '),
      ...address(step.after, context),
      say(' again, so that the receiver sees the address it spoke to.'),
    ];
  }
  if (step.how === 'IPVS' || step.how === 'un-IPVS') return whyIpvs(events, step, context);
  const rules = matchedRules(events);
  const service = rules.find((rule) => /^(?:KUBE-(SVC|EXT|SVL)-|service-|external-)/.test(rule.chain));
  const chance = rules.map((rule) => ruleProbability(rule.text)).find((value) => value !== undefined);
  const last = rules[rules.length - 1];
  if (step.field === 'destination') {
    return [
      ...(service !== undefined && last !== undefined
        ? [
            say('A Service address exists only as rules. '),
            mono(service.chain),
            say(chance === undefined ? ' led to ' : ` chose (this rule wins with probability ${chance.toFixed(2)}) `),
            mono(last.chain),
            say(', which rewrites the destination '),
          ]
        : last !== undefined
          ? [say('A rule in '), mono(last.chain), say(' rewrites the destination ')]
          : [say("conntrack remembers the choice of this connection's first packet and rewrites the destination ")]),
      mono(step.before),
      say(' to '),
      ...address(step.after, context),
      say(rules.length === 0 ? '. No rule is asked again.' : '. conntrack notes it, so that later packets and replies need no rule.'),
    ];
  }
  return [
    say('The source '),
    mono(step.before),
    say(' becomes '),
    ...address(step.after, context),
    say(last === undefined ? ', as for the first packet of this connection.' : ', so that the answer comes back through this host.'),
  ];
}

function whyIpvs(events: readonly TraceEvent[], step: Extract<TraceEvent['step'], { kind: 'translated' }>, context: TellContext): Phrase[] {
  if (step.how === 'un-IPVS')
    return [
      say("An answer of a real server: IPVS' table knows the connection and puts the virtual service "),
      mono(step.after),
      say(' back as its source, in the place of '),
      ...address(step.before, context),
      say('.'),
    ];
  const chosen = matchedRules(events).find((rule) => rule.table === 'ipvs');
  const scheduler = chosen === undefined ? undefined : /-s (\S+)/.exec(chosen.text)?.[1];
  return [
    say('The virtual service '),
    mono(step.before),
    ...(scheduler === undefined
      ? [say(' has this connection in its table already: it goes to ')]
      : [say(' is one entry of a hash table, however many there are. Its scheduler '), mono(scheduler), say(' chose ')]),
    ...address(step.after, context),
    say(', and the packet leaves through OUTPUT and POSTROUTING without passing FORWARD.'),
  ];
}

type Bpf = Extract<TraceEvent['step'], { kind: 'bpf' }>;

function explainBpf(event: TraceEvent, step: Bpf, label: string): Words {
  const [, match, way = '', action = ''] = /^policy-verdict:(\S+) (\S+) (\S+)$/.exec(step.verdict) ?? [];
  if (match !== undefined)
    return {
      title: `policy: ${way.toLowerCase()} ${action.toLowerCase()}`,
      summary: `${label}, ${way.toLowerCase()} ${action.toLowerCase()} (${match})`,
      why: [
        say('Cilium asks the policy map of the endpoint, by the identity of the peer and the port: '),
        say(`${step.detail}.`),
        ...(action === 'DENIED' ? [say(' The packet is dropped without a word, so that its sender waits.')] : []),
      ],
    };
  const [, protocol, said] = /^(http|dns)-\w+ (FORWARDED|DROPPED)$/.exec(step.verdict) ?? [];
  if (protocol !== undefined)
    return {
      title: `${protocol === 'http' ? 'Envoy' : 'DNS proxy'}: ${said === 'DROPPED' ? 'refused' : 'let pass'}`,
      summary: `${label}, ${step.verdict}`,
      why: [say('A rule about contents sends this connection through the proxy of the node, which has read: '), say(`${step.detail}.`)],
    };
  const onSocket = step.hook.startsWith('cgroup/');
  return {
    title: onSocket ? 'the socket call got another address' : `${step.program}: ${step.verdict}`,
    summary: onSocket ? step.verdict : `${label}, ${step.verdict}`,
    why: onSocket
      ? [
          say('Before there was any packet, the program '),
          mono(step.program),
          say(` (${step.hook}) looked at the call: `),
          mono(step.verdict),
          say(`. ${step.detail}. The packet is made for the backend at once, so that no rule, no NAT and no connection table has anything to do.`),
        ]
      : [say('The BPF program '), mono(step.program), say(' on '), mono(event.device), say(` (${step.hook}) decides: ${step.verdict}. ${step.detail}.`)],
  };
}

function whyTranslatedByBpf(events: readonly TraceEvent[], step: Extract<TraceEvent['step'], { kind: 'translated' }>, context: TellContext): Phrase[] {
  const notes = events.flatMap((one) => (one.step.kind === 'bpf' ? [one.step] : []));
  const [first] = notes;
  return [
    ...(first === undefined ? [say('A BPF program')] : [say('The BPF program '), mono(first.program)]),
    say(` rewrites the ${step.field} `),
    mono(step.before),
    say(' to '),
    ...address(step.after, context),
    say(step.how.startsWith('un-') ? ', as its maps remember it for this connection.' : '.'),
    ...notes.map((one) => say(` ${one.detail}.`)),
  ];
}

type Routed = Extract<TraceEvent['step'], { kind: 'routed' }>;

function whyRouted(event: TraceEvent, step: Routed, context: TellContext): Phrase[] {
  // Routing looks at the outermost header only, also when a packet travels inside.
  const ip = outerIp(event);
  const here = context.netns(event.netns);
  if (step.decision === 'local') return [mono(ip?.dst ?? ''), say(' is an address of '), strong(here.title), say(' itself, so the packet goes up to INPUT.')];
  return [
    say('Route '),
    mono(step.route.text.trim()),
    say(` won for ${ip?.dst ?? ''} (longest matching prefix /${step.route.prefixLength}`),
    ...(step.route.origin.component === 'kernel' ? [say(').')] : [say(`, written by ${step.route.origin.component}).`)]),
    ...(step.nextHop === undefined ? [say(' The destination is on that link.')] : [say(' Next hop is '), mono(step.nextHop), say('.')]),
    ...(step.decision === 'forward' ? [say(' The TTL goes down by one.')] : []),
  ];
}

function whyResolved(step: Extract<TraceEvent['step'], { kind: 'resolved' }>): Phrase[] {
  const how =
    step.how === 'permanent'
      ? 'A permanent entry of the neighbour table'
      : step.how === 'arp'
        ? 'The ARP answer'
        : step.how === 'nd'
          ? 'The neighbour advertisement'
          : 'The neighbour table';
  return [say(`${how} says that `), mono(step.ip), say(' has the MAC address '), mono(step.mac), say('.')];
}

function whyEncapsulated(
  events: readonly TraceEvent[],
  event: TraceEvent,
  step: Extract<TraceEvent['step'], { kind: 'encapsulated' }>,
  context: TellContext,
): Phrase[] {
  const resolved = events.find((one) => one.step.kind === 'resolved');
  if (step.protocol === 'ipip')
    return [
      mono(event.device),
      say(' puts a second IP header before the packet, for '),
      ...address(step.remoteIp, context),
      say(`: +${step.overheadBytes} bytes.`),
    ];
  if (step.protocol === 'wireguard') {
    return [
      say('The destination is one of the allowed IPs of the peer at '),
      ...address(step.remoteIp, context),
      say('. '),
      mono(event.device),
      say(` encrypts the packet and wraps it into UDP: +${step.overheadBytes} bytes. Nobody on the wire can read what is inside.`),
    ];
  }
  if (step.protocol === 'geneve' && step.fdbOrigin?.component !== 'bpf') {
    return [
      mono(event.device),
      say(' leads to one place, '),
      ...address(step.remoteIp, context),
      say(`: the whole frame is wrapped into UDP (Geneve, vni ${step.vni}): +${step.overheadBytes} bytes.`),
    ];
  }
  if (step.fdbOrigin?.component === 'bpf')
    return [
      say('The packet brought its tunnel key: node '),
      ...address(step.remoteIp, context),
      say(
        `. The whole frame is wrapped into UDP: +${step.overheadBytes} bytes. The VNI ${step.vni} is no network's number but the sender's security identity.`,
      ),
    ];
  return [
    ...(resolved?.step.kind === 'resolved' ? [say('The neighbour table maps '), mono(resolved.step.ip), say(' to '), mono(resolved.step.mac), say('. ')] : []),
    say('The forwarding table of '),
    mono(event.device),
    say(' says that this MAC lives behind '),
    ...address(step.remoteIp, context),
    say(`, so the whole frame is wrapped into UDP (vni ${step.vni}): +${step.overheadBytes} bytes.`),
  ];
}

function whyDecapsulated(event: TraceEvent, step: Extract<TraceEvent['step'], { kind: 'decapsulated' }>): Phrase[] {
  const inside = 'goes on as if it had arrived on that device.';
  if (step.protocol === 'ipip')
    return [
      say('IP protocol 4 between these two addresses belongs to '),
      mono(event.device),
      say(`. The outer IP header comes off; the packet inside ${inside}`),
    ];
  if (step.protocol === 'wireguard') {
    return [
      mono(event.device),
      say(` has a session for this receiver index: the data is decrypted, its source address is one of the peer's allowed IPs, and the packet ${inside}`),
    ];
  }
  const word = tunnelWord(step.protocol);
  return [
    say('This UDP port with VNI '),
    mono(String(step.vni)),
    say(' belongs to '),
    mono(event.device),
    say(`. The outer Ethernet, IP, UDP and ${word} headers come off; the frame inside ${inside}`),
  ];
}

function whyDelivered(event: TraceEvent, step: Extract<TraceEvent['step'], { kind: 'delivered' }>, context: TellContext): Phrase[] {
  const here = context.netns(event.netns);
  const ip = innerIp(event);
  const to = step.process === undefined ? step.to : `${step.process} (${step.to})`;
  return [
    strong(here.title),
    say(' takes the packet: '),
    mono(to),
    ...(ip === undefined ? [] : [say('. It sees '), ...address(ip.src, context), say(' as the sender')]),
    say('.'),
  ];
}
