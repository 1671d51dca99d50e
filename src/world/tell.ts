/** From log to words: groups the events of each packet into hops (one stop at one place) and says for each what happened, why, and what would fix it. */

import { deepEqual } from '../base/equal.ts';
import type { Origin } from '../base/origin.ts';
import type { TraceEvent } from '../net/trace-event.ts';
import { isNeighborDiscovery } from '../net/wire/icmp6.ts';
import { tellChange } from './tell-change.ts';
import { explain } from './tell-explain.ts';
import type { TellContext } from './tell-phrases.ts';
import { probesAmong } from './tell-probes.ts';
import { tellTls } from './tell-tls.ts';
import { faceOf, ruleOption, ruleProbability } from './tell-words.ts';
import type { HopView, RuleView } from './views.ts';

/** Hops carry numbers within their packet; who asks for a window gives what came before it. */
export interface PacketPosition {
  hop: number;
  hops: number;
}

/** Which step of a group speaks for it: the greatest number wins, the first among equals. */
const weight: Readonly<Record<TraceEvent['step']['kind'], number>> = {
  dropped: 10,
  delivered: 9,
  encapsulated: 8,
  decapsulated: 8,
  translated: 7,
  bpf: 6,
  routed: 6,
  bridged: 5,
  queued: 4,
  duplicated: 4,
  created: 4,
  matched: 3,
  resolved: 2,
  transmitted: 1,
  received: 1,
  printed: 0,
  tls: 0,
  changed: 0,
};

const NO_MAC = '00:00:00:00:00:00';

/** The stop on the canvas where an event happens: a device, a kernel pill, or the whole netns. */
export function placeOf(event: TraceEvent): string {
  const device = event.device === '' ? event.netns : `${event.netns}/device/${event.device}`;
  switch (event.step.kind) {
    case 'matched':
      return `${event.netns}#${event.step.hook}`;
    case 'routed':
      return `${event.netns}#route`;
    case 'bridged':
      return `${event.netns}/device/${event.step.bridge}`;
    case 'created':
    case 'delivered':
    case 'printed':
      return event.netns;
    case 'dropped':
      return event.step.rule !== undefined ? `${event.netns}#${hookOfDrop(event)}` : device;
    default:
      return device;
  }
}

function hookOfDrop(event: TraceEvent): string {
  const chain = event.step.kind === 'dropped' ? (event.step.rule?.chain ?? '') : '';
  return /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/.test(chain) ? chain : 'FORWARD';
}

interface Group {
  place: string;
  readonly events: TraceEvent[];
}

/** What a packet has been through in the netns where it is now; decides at which hook conntrack rewrote it. */
interface Passage {
  readonly netns: string;
  madeHere: boolean;
  forHere: boolean;
}

/**
 * The hook at which conntrack rewrites a packet of a known connection, where no rule is asked: destinations at the first hook, sources at the last
 * (Linux: net/netfilter/nf_nat_core.c, nf_nat_packet).
 */
function hookOfTranslation(event: TraceEvent, passage: Passage): string {
  const how = event.step.kind === 'translated' ? event.step.how : undefined;
  // IPVS works behind the routing decision: requests at INPUT, answers on their way through.
  if (how === 'IPVS') return passage.madeHere ? 'OUTPUT' : 'INPUT';
  if (how === 'un-IPVS') return passage.madeHere ? 'OUTPUT' : passage.forHere ? 'INPUT' : 'FORWARD';
  const destination = event.step.kind === 'translated' && event.step.field === 'destination';
  if (destination) return passage.madeHere ? 'OUTPUT' : 'PREROUTING';
  return passage.forHere ? 'INPUT' : 'POSTROUTING';
}

function passageOf(passages: Map<number, Passage>, event: TraceEvent): Passage {
  const known = passages.get(event.packetId);
  const passage = known !== undefined && known.netns === event.netns ? known : { netns: event.netns, madeHere: event.step.kind === 'created', forHere: false };
  passages.set(event.packetId, passage);
  if (event.step.kind === 'routed') passage.forHere = event.step.decision === 'local';
  // The outer packet of a tunnel is this host's own.
  if (event.step.kind === 'encapsulated') passage.madeHere = true;
  if (event.step.kind === 'decapsulated') passage.madeHere = false;
  return passage;
}

function placeInPassage(event: TraceEvent, passage: Passage, current: Group | undefined): string {
  const atHook = current?.place.startsWith(`${event.netns}#`) === true && !current.place.endsWith('#route');
  if (event.step.kind === 'translated' && event.step.by === undefined) return `${event.netns}#${hookOfTranslation(event, passage)}`;
  if (event.step.kind === 'dropped' && event.step.rule !== undefined && atHook) return current.place;
  return placeOf(event);
}

/** In by one port, out by the one port that the table names: to the eye that is one stop, the bridge. */
function crossesBridge(current: Group, event: TraceEvent): boolean {
  const last = current.events[current.events.length - 1] as TraceEvent;
  if (last.netns !== event.netns) return false;
  if (event.step.kind === 'bridged') return current.events.length === 1 && last.step.kind === 'received' && last.device === event.step.fromPort;
  return event.step.kind === 'transmitted' && last.step.kind === 'bridged' && last.step.to.length === 1 && last.step.to[0] === event.device;
}

/** Groups consecutive events of one packet at one place. */
export function groupHops(events: readonly TraceEvent[]): Group[] {
  const open = new Map<number, Group>();
  const passages = new Map<number, Passage>();
  const groups: Group[] = [];
  for (const event of events) {
    if (event.packetId < 0) continue;
    const current = open.get(event.packetId);
    const place = placeInPassage(event, passageOf(passages, event), current);
    const previous = current?.events[current.events.length - 1];
    if (current !== undefined && !endsGroup(previous) && (current.place === place || crossesBridge(current, event))) {
      if (event.step.kind === 'bridged') current.place = place;
      current.events.push(event);
      continue;
    }
    const group = { place, events: [event] };
    open.set(event.packetId, group);
    groups.push(group);
  }
  return groups;
}

function endsGroup(event: TraceEvent | undefined): boolean {
  return event?.step.kind === 'delivered' || event?.step.kind === 'dropped';
}

function leader(events: readonly TraceEvent[]): TraceEvent {
  let best = events[0] as TraceEvent;
  for (const event of events) if (weight[event.step.kind] > weight[best.step.kind]) best = event;
  return best;
}

/** The chain that a verdict of nftables leads to. */
const nftTarget = (verdict: string): string | undefined => /^(?:jump|goto) (\S+)$/.exec(verdict)?.[1];

function ruleViews(events: readonly TraceEvent[]): RuleView[] {
  const rules: RuleView[] = [];
  for (const event of events) {
    if (event.step.kind !== 'matched' || event.step.rule === undefined) continue;
    const { rule, verdict } = event.step;
    const ofNft = rule.handle !== undefined;
    const target = ofNft ? nftTarget(verdict) : (ruleOption(rule.text, '-j') ?? ruleOption(rule.text, '-g'));
    const destination = ofNft ? /\bdnat (?:ip6? )?to (\S+)/.exec(rule.text)?.[1] : ruleOption(rule.text, '--to-destination');
    const probability = ruleProbability(rule.text);
    rules.push({
      table: rule.table,
      chain: rule.chain,
      text: rule.text,
      outcome:
        destination !== undefined
          ? `DNAT → ${destination}`
          : target !== undefined && target !== verdict && (ofNft || /^[A-Z]+-/.test(target))
            ? `→ ${target}`
            : (target ?? verdict),
      link: { kind: 'chain', id: rule.chainId, rule: rule.index },
      ...(probability === undefined ? {} : { probability }),
    });
  }
  return rules;
}

function originOf(event: TraceEvent): Origin | undefined {
  switch (event.step.kind) {
    case 'matched':
      return event.step.rule?.origin;
    case 'routed':
      return event.step.route.origin;
    case 'resolved':
    case 'bpf':
      return event.step.origin;
    case 'encapsulated':
      return event.step.fdbOrigin;
    case 'dropped':
      return event.step.rule?.origin ?? event.step.route?.origin;
    default:
      return undefined;
  }
}

/** The origin that names most: the last matching rule's, since later chains are more specific. */
function originOfGroup(events: readonly TraceEvent[], main: TraceEvent): Origin | undefined {
  const own = originOf(main);
  if (own !== undefined && own.objects.length > 0) return own;
  for (let i = events.length - 1; i >= 0; i -= 1) {
    const origin = originOf(events[i] as TraceEvent);
    if (origin !== undefined && origin.objects.length > 0) return origin;
  }
  return own;
}

/** Before the next hop's MAC is known a frame has no Ethernet header to show; on the loopback device zeros are what is really there. */
export function shownLayers(event: TraceEvent): TraceEvent['layers'] {
  const first = event.layers[0];
  if (first?.protocol !== 'ethernet' || event.device === 'lo') return event.layers;
  return first.src === NO_MAC && first.dst === NO_MAC ? event.layers.slice(1) : event.layers;
}

const isBackground = (event: TraceEvent) =>
  event.layers.some((layer) => layer.protocol === 'arp' || (layer.protocol === 'icmp6' && isNeighborDiscovery(layer.type))) ||
  (event.step.kind === 'dropped' && event.step.reason === 'OTHERHOST');

/**
 * Hops of these events in order of their main event. `positions` numbers hops within packets and is advanced; give a fresh Map for a window that
 * starts at the packet's first event.
 */
export function tell(events: readonly TraceEvent[], context: TellContext, positions: Map<number, PacketPosition> = new Map()): HopView[] {
  const groups = groupHops(events);
  const isProbe = probesAmong(events);
  const numbers = groups.map(({ events: [first] }) => {
    const packet = (first as TraceEvent).packetId;
    const position = positions.get(packet) ?? { hop: 0, hops: 0 };
    position.hop += 1;
    position.hops = position.hop;
    positions.set(packet, position);
    return position.hop;
  });
  const seen = new Map<number, TraceEvent['layers']>();
  const hops = groups.map((group, index): HopView => {
    const main = leader(group.events);
    const last = group.events[group.events.length - 1] as TraceEvent;
    const face = faceOf(last.layers);
    const where = context.netns(main.netns);
    const layers = shownLayers(last);
    const before = seen.get(main.packetId);
    seen.set(main.packetId, layers);
    const words = explain(group.events, main, context);
    const origin = originOfGroup(group.events, main);
    const yaml = origin === undefined ? undefined : context.sourceOf(origin);
    const at = group.place.includes('#') ? (group.place.split('#')[1] ?? '') : (group.place.split('/device/')[1] ?? '');
    const hop = numbers[index] as number;
    return {
      event: main.layers === layers ? main : { ...main, layers },
      place: group.place,
      protocol: face.protocol,
      family: main.step.kind === 'dropped' && main.step.reason !== 'OTHERHOST' ? 'drop' : face.family,
      source: face.source,
      destination: face.destination,
      lengthBytes: face.lengthBytes,
      label: face.label,
      where: at === '' ? where.title : `${where.title} ${at}`,
      title: words.title,
      summary: words.summary,
      why: words.why,
      rules: ruleViews(group.events),
      background: isBackground(main) || isProbe(main),
      hop,
      hops: positions.get(main.packetId)?.hops ?? hop,
      ...(words.fix === undefined ? {} : { fix: words.fix }),
      ...(before === undefined || deepEqual(before, layers) ? {} : { before }),
      ...(yaml === undefined ? {} : { yaml }),
    };
  });
  for (const event of events) {
    if (event.step.kind === 'changed') hops.push(tellChange(event, event.step, context));
    else if (event.step.kind === 'tls') hops.push(tellTls(event, event.step, context));
  }
  // In order of the log: a stop that began earlier may have its telling event after another packet's.
  return hops.sort((a, b) => a.event.seq - b.event.seq);
}
