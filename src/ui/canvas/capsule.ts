/** What a packet looks like: a capsule with its label; in a tunnel a capsule in a capsule; a dropped one a cross in a circle. Pure, for canvas and SVG alike. */
import { isIpLayer, type Layer } from '../../net/wire/packet.ts';
import type { HopView } from '../../world/views.ts';
import type { Tone } from './scene.ts';

export interface Capsule {
  readonly label: string;
  readonly tone: Tone;
  /** In a tunnel's packet. */
  readonly tunnelled: boolean;
  /** An answer: filled, with a bent arrow; a question is outlined. */
  readonly reply: boolean;
  readonly dropped: boolean;
  /** Size at scale 1, in pixels. */
  readonly w: number;
  readonly h: number;
}

/** Advance of the mono face at 10.5 px. */
const LETTER = 6.35;
const MAX_LABEL = 24;

const isTunnelHeader = (layer: Layer): boolean =>
  layer.protocol === 'vxlan' || layer.protocol === 'geneve' || layer.protocol === 'ipip' || (layer.protocol === 'wireguard' && layer.sealed);

export const isTunnelled = (hop: HopView): boolean => hop.event.layers.some(isTunnelHeader);

/** Layers of the packet that was sent, without what carries it through a tunnel. */
export function innerLayers(layers: readonly Layer[]): readonly Layer[] {
  let from = 0;
  layers.forEach((layer, index) => {
    if (isTunnelHeader(layer)) from = index + 1;
  });
  return layers.slice(from);
}

/** Is this an answer? Servers listen on lower ports than clients ask from. */
export function isReply(layers: readonly Layer[]): boolean {
  for (const layer of innerLayers(layers)) {
    if (layer.protocol === 'arp') return layer.operation === 'reply';
    if (layer.protocol === 'icmp') return layer.type !== 8;
    if (layer.protocol === 'tcp' || layer.protocol === 'udp' || layer.protocol === 'sctp') return layer.sport < layer.dport;
  }
  return false;
}

/** The colour of what is inside: a tunnelled TCP packet is still violet. */
function innerTone(hop: HopView): Tone {
  if (hop.family !== 'tunnel') return hop.family;
  const inner = innerLayers(hop.event.layers);
  if (inner.some((layer) => layer.protocol === 'dns' || layer.protocol === 'http' || layer.protocol === 'tls')) return 'l7';
  if (inner.some((layer) => layer.protocol === 'tcp' || layer.protocol === 'udp' || layer.protocol === 'sctp')) return 'l4';
  return inner.some(isIpLayer) ? 'l3' : 'l2';
}

/** What fits into a capsule: of a name that is asked for only its first part, the search domain is told elsewhere. */
export function shortLabel(label: string): string {
  const question = /^([A-Z]+\? [^.\s]+)\../.exec(label);
  const words = question === null ? label : `${question[1]}…`;
  return words.length <= MAX_LABEL ? words : `${words.slice(0, MAX_LABEL - 1)}…`;
}

export function capsuleOf(hop: HopView): Capsule {
  const dropped = hop.event.step.kind === 'dropped' && hop.family === 'drop';
  const tunnelled = isTunnelled(hop);
  const reply = isReply(hop.event.layers);
  const label = shortLabel(hop.label);
  const inner = label.length * LETTER + (reply ? 14 : 0) + 20;
  if (dropped) return { label, tone: 'drop', tunnelled: false, reply, dropped, w: 30 + 8 + label.length * LETTER, h: 30 };
  return { label, tone: innerTone(hop), tunnelled, reply, dropped, w: tunnelled ? inner + 30 : inner, h: tunnelled ? 30 : 20 };
}

/** Two capsules with equal keys look the same. */
export const capsuleKey = (capsule: Capsule): string =>
  `${capsule.tone}${capsule.tunnelled ? 't' : ''}${capsule.reply ? 'r' : ''}${capsule.dropped ? 'd' : ''}|${capsule.label}`;
