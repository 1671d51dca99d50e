/** A new pod as the log tells it: its netns, its devices, the veth to the node and its routes appear in the order of their rows, each with its words. */
import type { HopView, Topology } from '../../world/views.ts';
import type { OverlayLayer } from './overlay.ts';
import { pathData } from './paint.ts';

/** Viewer's time for one row. */
export const ROW_MS = 420;
const MAX_ROWS = 16;
const MAX_LETTERS = 52;

export interface Birth {
  readonly pod: string;
  /** Device ids: in the pod, and its end on the node. */
  readonly eth: string | undefined;
  readonly peer: string | undefined;
  readonly rows: readonly HopView[];
}

/** Changes that made a pod's network, in order; nothing for a pod whose rows are not in the log. */
export function birthOf(pod: string, topology: Topology, hops: readonly HopView[]): Birth | undefined {
  const eth = topology.devices.find((device) => device.netns === pod && device.peer !== undefined);
  const rows = hops
    .filter(({ event }) => event.step.kind === 'changed' && event.step.before === undefined && (event.netns === pod || event.step.recordId === eth?.peer))
    .slice(0, MAX_ROWS);
  return rows.length === 0 ? undefined : { pod, eth: eth?.id, peer: eth?.peer, rows };
}

/** `startMs`: on the page's clock. What has no row yet is covered. */
export function birthLayer(births: readonly Birth[], startMs: number): OverlayLayer {
  return {
    at: 'over',
    draw({ context, scene, view, palette, fonts }) {
      const at = Math.floor((performance.now() - startMs) / ROW_MS);
      const thin = 1 / Math.max(0.4, view.zoom);
      context.save();
      for (const { pod, eth, peer, rows } of births) {
        const item = scene.itemById.get(pod);
        const row = rows[at];
        if (item === undefined || row === undefined) continue;
        const seen = new Set(rows.slice(0, at + 1).map(({ event }) => (event.step.kind === 'changed' ? event.step.recordId : '')));
        const { x, y, w, h } = item.rect;
        const wire = scene.wires.find((one) => one.id === `${eth}|${peer}`);
        context.globalAlpha = 1;
        if (wire !== undefined && !seen.has(peer ?? '')) {
          context.strokeStyle = palette.room;
          context.lineWidth = 5;
          context.stroke(new Path2D(pathData(wire.points, wire.curve)));
        }
        const chip = eth === undefined ? undefined : scene.itemById.get(eth);
        if (chip !== undefined && chip !== item && !seen.has(eth ?? '')) {
          context.fillStyle = palette.room;
          context.fillRect(chip.rect.x - 2, chip.rect.y - 2, chip.rect.w + 4, chip.rect.h + 4);
        }
        context.globalAlpha = 0.85 * (1 - (at + 1) / rows.length);
        context.fillStyle = palette.room;
        context.fillRect(x - 1, y - 1, w + 2, h + 2);
        context.globalAlpha = 1;
        context.strokeStyle = palette.l2;
        context.lineWidth = 2 * thin;
        context.setLineDash([5 * thin, 4 * thin]);
        context.beginPath();
        context.roundRect(x - 2, y - 2, w + 4, h + 4, 11);
        context.stroke();
        context.setLineDash([]);
        const words = `${row.source}: ${row.summary}`.slice(0, MAX_LETTERS);
        const size = 11 * Math.max(1, 1 / view.zoom);
        context.font = `600 ${size}px ${fonts.mono}`;
        const width = context.measureText(words).width + size * 1.4;
        // It stays in the picture at both sides.
        const left = Math.max((8 - view.x) / view.zoom, Math.min(x + w / 2 - width / 2, (view.width - 8 - view.x) / view.zoom - width));
        context.beginPath();
        context.roundRect(left, y - size * 2.3, width, size * 1.9, size * 0.6);
        context.fillStyle = palette.panel;
        context.fill();
        context.strokeStyle = palette.l2;
        context.lineWidth = 1.3 * thin;
        context.stroke();
        context.fillStyle = palette.ink;
        context.textAlign = 'left';
        context.textBaseline = 'middle';
        context.fillText(words, left + size * 0.7, y - size * 1.32);
      }
      context.restore();
    },
  };
}
