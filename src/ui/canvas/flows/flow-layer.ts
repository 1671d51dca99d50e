/** Marks of requests that flow: how many a second a box asks or answers, and wires that are the denser the more packets their devices count. */
import type { FlowsView } from '../../../world/traffic-views.ts';
import type { OverlayLayer } from '../overlay.ts';
import { pathData } from '../paint.ts';
import type { Item, Scene, Wire } from '../scene.ts';

/** Wires are marked from so many packets a second on. */
const LEAST = 0.5;
const LEVELS = 4;

/** Packets a second by device, between two looks; {} where there is nothing to compare with. */
export function packetRates(before: FlowsView | undefined, now: FlowsView): ReadonlyMap<string, number> {
  const seconds = before === undefined ? 0 : (now.nowNs - before.nowNs) / 1e9;
  const rates = new Map<string, number>();
  if (before === undefined || seconds <= 0) return rates;
  const old = new Map(before.devices);
  for (const [id, packets] of now.devices) {
    const rate = (packets - (old.get(id) ?? 0)) / seconds;
    if (rate >= LEAST) rates.set(id, rate);
  }
  return rates;
}

/** 0 (about one packet a second) to LEVELS - 1 (thousands): each ten times as many. */
export const levelOf = (rate: number): number => Math.max(0, Math.min(LEVELS - 1, Math.floor(Math.log10(rate))));

/** `20 req/s`, `0.4 req/s · 3 failed` */
export function rateWords(requests: number, errors: number): string {
  const number = (value: number) => (value >= 10 ? String(Math.round(value)) : value.toFixed(1).replace(/\.0$/, ''));
  return `${number(requests)} req/s${errors >= 0.05 ? ` · ${number(errors)} failed` : ''}`;
}

const rateOf = (wire: Wire, rates: ReadonlyMap<string, number>): number => {
  if (wire.kind !== 'veth' && wire.kind !== 'uplink') return 0;
  const [near = '', far = ''] = wire.id.split('|');
  return Math.max(rates.get(near) ?? 0, rates.get(far) ?? 0);
};

function itemsByKey(scene: Scene): ReadonlyMap<string, Item> {
  const items = new Map<string, Item>();
  for (const item of scene.items) {
    if (item.kind === 'pod' && item.view.objectKey !== undefined) items.set(item.view.objectKey, item);
    else if (item.kind === 'service') items.set(item.id, item);
    else if (item.kind === 'outside') items.set(`Host/${item.title}`, item);
  }
  return items;
}

function wireLayer(rates: ReadonlyMap<string, number>): OverlayLayer {
  let of: Scene | undefined;
  let levels: Path2D[] = [];
  return {
    at: 'under',
    draw({ context, scene, view, palette }) {
      if (of !== scene) {
        of = scene;
        levels = Array.from({ length: LEVELS }, () => new Path2D());
        for (const wire of scene.wires) {
          const rate = rateOf(wire, rates);
          if (rate > 0) levels[levelOf(rate)]?.addPath(new Path2D(pathData(wire.points, wire.curve)));
        }
      }
      const thin = 1 / Math.max(0.4, view.zoom);
      context.save();
      context.lineCap = 'round';
      context.strokeStyle = palette.l7;
      levels.forEach((path, level) => {
        context.globalAlpha = 0.16;
        context.setLineDash([]);
        context.lineWidth = (5 + level * 2.5) * thin;
        context.stroke(path);
        context.globalAlpha = 0.75;
        context.lineWidth = (2 + level * 0.8) * thin;
        context.setLineDash([0.1, (16 / (level + 1)) * thin]);
        context.stroke(path);
      });
      context.restore();
    },
  };
}

function wordLayer(flows: FlowsView): OverlayLayer {
  let of: Scene | undefined;
  let items: ReadonlyMap<string, Item> = new Map();
  return {
    at: 'over',
    draw({ context, scene, view, palette, fonts }) {
      if (of !== scene) {
        of = scene;
        items = itemsByKey(scene);
      }
      const size = 10.5 * Math.max(1, 1 / view.zoom);
      context.save();
      context.font = `600 ${size}px ${fonts.sans}`;
      context.textBaseline = 'middle';
      context.textAlign = 'center';
      context.lineWidth = 1.2 / Math.max(0.4, view.zoom);
      for (const { key, requests, errors } of flows.marks) {
        const item = items.get(key);
        // On a tile, or from afar, there is no room for words.
        if (item === undefined || item.rect.w * view.zoom < 44) continue;
        const words = rateWords(requests, errors);
        const w = context.measureText(words).width + size * 1.1;
        const x = item.rect.x + item.rect.w / 2;
        const y = item.kind === 'service' ? item.rect.y + item.rect.h + size * 0.5 : item.rect.y - size * 0.3;
        context.beginPath();
        context.roundRect(x - w / 2, y - size * 0.8, w, size * 1.6, size * 0.8);
        context.fillStyle = palette.panel;
        context.fill();
        context.strokeStyle = errors >= 0.05 ? palette.drop : palette.l7;
        context.stroke();
        context.fillStyle = palette.ink;
        context.fillText(words, x, y + size * 0.05);
      }
      context.restore();
    },
  };
}

/** Wires lie under the way of the current packet, words over it. */
export const flowLayers = (flows: FlowsView, rates: ReadonlyMap<string, number>): readonly OverlayLayer[] => [wireLayer(rates), wordLayer(flows)];
