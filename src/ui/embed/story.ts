/** What an embed tells: the packets of one command of its world, and the boxes that they touch. */
import { isIpLayer } from '../../net/wire/packet.ts';
import type { HopView, TerminalEntry, Topology } from '../../world/views.ts';
import { innerLayers } from '../canvas/capsule.ts';
import type { Item, Scene } from '../canvas/scene.ts';

/** What a built-in world does when its link asks for nothing. */
export const FIRST_COMMAND = 'kubectl exec client -- curl -s web-service';

/** All that an embed draws: the boxes, and the hops of one command. */
export interface Story {
  readonly label: string;
  readonly topology: Topology;
  readonly hops: readonly HopView[];
}

/** The story that the build put into the page (scripts/embed-story.ts): the same engine ran the same world, only earlier. */
export function readStory(element: Element | null): Story | undefined {
  const text = element?.textContent ?? '';
  return text === '' ? undefined : (JSON.parse(text) as Story);
}

/** A span of the log and what was typed for it. */
export interface Span {
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

/** The command whose packets are shown: the one around `seq`, else the last that sent any. */
export function findSpan(terminal: readonly TerminalEntry[], headSeq: number, seq: number | undefined): Span | undefined {
  const commands = terminal.filter((entry) => entry.kind === 'command' && entry.text.trim() !== '');
  const spans = commands
    .map((entry, index): Span => ({ label: entry.text.trim(), from: entry.seq, to: commands[index + 1]?.seq ?? headSeq }))
    .filter((span) => span.to > span.from);
  return (seq === undefined ? undefined : spans.find((span) => seq >= span.from && seq < span.to)) ?? spans.at(-1);
}

export interface StoryBoxes {
  /** Netns ids of pods. */
  readonly pods: ReadonlySet<string>;
  /** Object keys of Services. */
  readonly services: ReadonlySet<string>;
}

/** Pods that packets were in or were meant for, and Services whose address occurs. */
export function boxesOf(topology: Topology, hops: readonly HopView[]): StoryBoxes {
  const places = new Set<string>();
  const addresses = new Set<string>();
  for (const hop of hops) {
    if (hop.background) continue;
    places.add(hop.event.netns);
    for (const layer of innerLayers(hop.event.layers)) {
      if (!isIpLayer(layer)) continue;
      addresses.add(layer.src);
      addresses.add(layer.dst);
    }
  }
  return {
    pods: new Set(topology.netnses.filter((netns) => netns.type === 'pod' && (places.has(netns.id) || addresses.has(netns.ip))).map((netns) => netns.id)),
    services: new Set(topology.services.filter((service) => addresses.has(service.clusterIp)).map((service) => service.objectKey)),
  };
}

/** The item that a `focus` parameter names, if any: id, name, address, `kind/name` or `kind/namespace/name`. */
export function findFocus(scene: Scene, focus: string): Item | undefined {
  if (focus === '') return undefined;
  const exact = scene.itemById.get(focus);
  if (exact !== undefined) return exact;
  const wanted = focus.toLowerCase();
  const byIp = scene.itemByIp.get(focus);
  if (byIp !== undefined) return scene.itemById.get(byIp);
  const namesOf = (item: Item): string[] => {
    switch (item.kind) {
      case 'pod':
        return [item.view.title, `pod/${item.view.title}`, `pod/${item.view.namespace ?? 'default'}/${item.view.title}`];
      case 'service':
        return [item.title, `service/${item.title}`, item.id];
      case 'room':
        return [item.title, `node/${item.title}`];
      case 'kernel':
        return [];
      default:
        return [item.title];
    }
  };
  return scene.items.find((item) => namesOf(item).some((name) => name.toLowerCase() === wanted));
}
