/** Words for wires on which packets are held up or lost: short ones on the wire, whole ones to be read out. */
import type { DeviceView } from '../../world/views.ts';
import type { Point, Wire } from './scene.ts';

/** `delay 50ms loss 20%` as `50ms ✕20%`: what has another name is only said to be there. */
export function shortImpairment(words: string): string {
  const delay = /\bdelay (\S+)/.exec(words)?.[1];
  const loss = /\bloss (\S+)/.exec(words)?.[1];
  const known = [...(delay === undefined ? [] : [delay]), ...(loss === undefined ? [] : [`✕${loss}`])].join(' ');
  return known === '' ? 'netem' : known;
}

/** Both ends of a wire do what they do to packets that leave by them. */
const impairmentOf = (ends: readonly DeviceView[]): string | undefined => ends.find((one) => one.impaired !== undefined)?.impaired;

export function spokenImpairment(...ends: readonly DeviceView[]): string {
  const words = impairmentOf(ends);
  return words === undefined ? '' : `, netem: ${words}`;
}

/** On the wire between two points, at this part of its way (0..1). */
export function impairedLabel(ends: readonly DeviceView[], from: Point, to: Point, part = 0.5): Pick<Wire, 'label'> {
  const words = impairmentOf(ends);
  if (words === undefined) return {};
  return {
    label: { text: shortImpairment(words), at: { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part }, anchor: 'middle', warns: true },
  };
}
