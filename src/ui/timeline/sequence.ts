/** A run as a sequence diagram: a lifeline for each network namespace that packets pass, an arrow for each crossing. */
import type { HopView, Topology } from '../../world/views.ts';

export interface Lifeline {
  /** Netns id. */
  readonly id: string;
  readonly title: string;
  readonly type: 'pod' | 'host';
}
export interface Arrow {
  /** Places in `lifelines`. */
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly family: HopView['family'];
  readonly timeNs: number;
  /** Index of the hop that ends it. */
  readonly hop: number;
  readonly lost: boolean;
}
export interface Sequence {
  readonly lifelines: readonly Lifeline[];
  readonly arrows: readonly Arrow[];
  /** There were more than may be drawn. */
  readonly cut: boolean;
}

export const MAX_ARROWS = 400;
const MAX_LIFELINES = 12;

type Boxes = Pick<Topology, 'netnses' | 'hosts'>;

/**
 * Arrows in order of time. A packet that is dropped ends in an arrow to itself with a cross; switches of the underlay are wire, not lifelines.
 * `packets`: only these (a conversation), or all.
 */
export function sequenceOf(hops: readonly HopView[], topology: Boxes | undefined, packets: ReadonlySet<number> | undefined): Sequence {
  const switches = new Set((topology?.hosts ?? []).filter((host) => host.role === 'switch').map((host) => host.id));
  const boxes = new Map((topology?.netnses ?? []).map((netns) => [netns.id, netns]));
  const lifelines: Lifeline[] = [];
  const places = new Map<string, number>();
  const at = new Map<number, string>();
  const arrows: Arrow[] = [];
  let cut = false;
  const placeOf = (hop: HopView): number | undefined => {
    const { netns, hostId } = hop.event;
    const known = places.get(netns);
    if (known !== undefined) return known;
    if (lifelines.length === MAX_LIFELINES) {
      cut = true;
      return undefined;
    }
    const box = boxes.get(netns);
    const pod = box === undefined ? !netns.endsWith('/netns/root') : box.type === 'pod';
    places.set(netns, lifelines.length);
    lifelines.push({ id: netns, title: box?.title ?? (pod ? (netns.split('/').at(-1) ?? netns) : hostId), type: pod ? 'pod' : 'host' });
    return lifelines.length - 1;
  };
  for (const [index, hop] of hops.entries()) {
    const { event } = hop;
    if (event.packetId < 0 || hop.background || switches.has(event.hostId)) continue;
    if (packets !== undefined && !packets.has(event.packetId)) continue;
    const before = at.get(event.packetId);
    const lost = event.step.kind === 'dropped';
    if (before === event.netns && !lost) continue;
    const to = placeOf(hop);
    if (to === undefined) continue;
    const from = before === undefined ? to : places.get(before);
    at.set(event.packetId, event.netns);
    if (before === undefined && !lost) continue;
    if (arrows.length === MAX_ARROWS) {
      cut = true;
      break;
    }
    arrows.push({ from: from ?? to, to, label: hop.label, family: lost ? 'drop' : hop.family, timeNs: event.timeNs, hop: index, lost });
  }
  return { lifelines, arrows, cut };
}

/** Mermaid takes `;` and `#` for its own, and a line for a line. */
const mermaidText = (text: string): string =>
  text
    .replace(/[\r\n]+/g, ' ')
    .replaceAll('#', '#35;')
    .replaceAll(';', '#59;');

/** The same as Mermaid's text. */
export function mermaidSequence(sequence: Sequence): string {
  const lines = ['sequenceDiagram'];
  for (const [index, lifeline] of sequence.lifelines.entries()) lines.push(`  participant n${index} as ${mermaidText(lifeline.title)}`);
  for (const arrow of sequence.arrows) lines.push(`  n${arrow.from}${arrow.lost ? '-x' : '->>'}n${arrow.to}: ${mermaidText(arrow.label) || 'packet'}`);
  return `${lines.join('\n')}\n`;
}
