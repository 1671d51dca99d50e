/** Changes on their way from the API server to components that hear late: a kind of message of their own, above the machines and never on a wire. */
import type { DeliveryView } from '../../world/views.ts';
import type { Palette } from '../theme/palette.ts';
import type { Point, Scene } from './scene.ts';

/** What the worker said last, and when (milliseconds of the page's clock): in between, virtual time runs with the wall clock. */
export interface Deliveries {
  readonly list: readonly DeliveryView[];
  readonly nowNs: number;
  readonly receivedMs: number;
}

/** One message on the canvas: all changes that leave at one instant for one component. Points in scene units. */
export interface Message {
  readonly from: Point;
  /** Control point of a quadratic curve. */
  readonly bend: Point;
  readonly to: Point;
  readonly label: string;
  readonly sentNs: number;
  /** Undefined: the component is stopped, and the message waits. */
  readonly arrivesNs: number | undefined;
}

const MAX_MESSAGES = 40;
/** How far a stopped component's messages come. */
const WAITING_AT = 0.82;
const LIFT = 15;
const STACK = 20;

const kindOf = (key: string): string => key.slice(0, key.indexOf('/'));

/** Messages with their ways; `apiServer` is the host on which the API server runs. Empty without such a room. */
export function messagesOf(scene: Scene, list: readonly DeliveryView[], apiServer: string): Message[] {
  const home = scene.itemById.get(apiServer);
  if (home === undefined) return [];
  const groups = new Map<string, { readonly first: DeliveryView; count: number }>();
  for (const one of list) {
    const id = `${one.component} ${one.host ?? ''} ${one.sentNs}`;
    const group = groups.get(id);
    if (group === undefined) groups.set(id, { first: one, count: 1 });
    else group.count += 1;
  }
  const ways = new Map<string, number>();
  return [...groups.values()].slice(0, MAX_MESSAGES).map(({ first, count }) => {
    const room = scene.itemById.get(first.host ?? apiServer) ?? home;
    const own = room === home;
    // Several to one room run above each other.
    const lane = ways.get(room.id) ?? 0;
    ways.set(room.id, lane + 1);
    const from = { x: home.rect.x + home.rect.w * (own ? 0.32 : 0.5), y: home.rect.y };
    const to = { x: room.rect.x + room.rect.w * (own ? 0.72 : 0.5), y: room.rect.y };
    const what = count === 1 ? kindOf(first.objectKey) : `${kindOf(first.objectKey)} +${count - 1}`;
    return {
      from,
      bend: { x: (from.x + to.x) / 2, y: Math.min(from.y, to.y) - LIFT * 2 - lane * STACK * 2 },
      to,
      label: `${what} → ${first.component}`,
      sentNs: first.sentNs,
      arrivesNs: first.arrivesNs,
    };
  });
}

/** 0 at the API server, 1 on arrival. */
export function progressOf(message: Message, nowNs: number): number {
  const { sentNs, arrivesNs } = message;
  if (arrivesNs === undefined) return WAITING_AT;
  return Math.max(0, Math.min(1, arrivesNs <= sentNs ? 1 : (nowNs - sentNs) / (arrivesNs - sentNs)));
}

export function pointAt({ from, bend, to }: Message, t: number): Point {
  const u = 1 - t;
  return { x: u * u * from.x + 2 * u * t * bend.x + t * t * to.x, y: u * u * from.y + 2 * u * t * bend.y + t * t * to.y };
}

/** Draws all messages. The context is in scene units; `zoom` keeps letters readable. */
export function drawMessages(
  context: CanvasRenderingContext2D,
  messages: readonly Message[],
  nowNs: number,
  zoom: number,
  palette: Palette,
  sans: string,
): void {
  const thin = 1 / Math.max(0.5, zoom);
  const size = 11 * Math.max(1, 0.8 / zoom);
  context.save();
  context.font = `600 ${size}px ${sans}`;
  context.textBaseline = 'middle';
  for (const message of messages) {
    const waiting = message.arrivesNs === undefined;
    const tone = waiting ? palette.drop : palette.mute;
    context.strokeStyle = tone;
    context.lineWidth = 1.3 * thin;
    context.setLineDash([1.5 * thin, 4 * thin]);
    context.globalAlpha = 0.8;
    context.beginPath();
    context.moveTo(message.from.x, message.from.y);
    context.quadraticCurveTo(message.bend.x, message.bend.y, message.to.x, message.to.y);
    context.stroke();
    context.globalAlpha = 1;
    const at = pointAt(message, progressOf(message, nowNs));
    const left = message.arrivesNs === undefined ? 'not listening' : `${Math.max(0, (message.arrivesNs - nowNs) / 1e9).toFixed(1)} s`;
    const words = `${message.label}  ${left}`;
    const w = context.measureText(words).width + size * 1.6;
    const h = size * 1.9;
    context.beginPath();
    context.roundRect(at.x - w / 2, at.y - h / 2, w, h, 4 * thin);
    context.fillStyle = palette.panel;
    context.fill();
    context.setLineDash([4 * thin, 2.5 * thin]);
    context.lineWidth = 1.4 * thin;
    context.stroke();
    context.fillStyle = palette.ink;
    context.textAlign = 'center';
    context.fillText(words, at.x, at.y + size * 0.05);
  }
  context.restore();
}
