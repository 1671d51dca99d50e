/** The control plane over the machines: the API server with its revision, who watches it from where, and each step on its way while it happens. */
import type { ControlPlaneView, ControlStepView, Topology, WatcherView } from '../../../world/views.ts';
import type { Palette } from '../../theme/palette.ts';
import type { Fonts, OverlayLayer } from '../overlay.ts';
import type { Point, Rect, Scene } from '../scene.ts';

/** Viewer's time for one step. */
export const STEP_MS = 620;
/** Steps that are played one by one; of more, the first and the last. */
export const MAX_PLAYED = 24;
const NODE_AGENTS = ['kubelet', 'kube-proxy', 'cilium-agent'];
const MAX_LETTERS = 58;

export interface ControlPicture {
  readonly view: ControlPlaneView;
  /** Host id of the API server. */
  readonly home: string;
  /** Machines whose agents watch it. */
  readonly nodes: readonly string[];
  /** What is being played, and since when on the page's clock. */
  readonly played: readonly ControlStepView[];
  readonly startMs: number;
}

export function apiServerHost({ hosts }: Topology): string {
  return hosts.find((host) => host.controlPlane === true)?.id ?? hosts.find((host) => host.role === 'node')?.id ?? '';
}

/** The steps after the one that was seen last, in order; of a flood its beginning and its end. */
export function stepsToPlay(before: ControlPlaneView | undefined, now: ControlPlaneView): readonly ControlStepView[] {
  if (before === undefined) return [];
  const last = before.steps.at(-1);
  const key = (step: ControlStepView) => `${step.seq} ${step.by} ${step.verb} ${step.objectKey ?? step.host} ${step.revision ?? ''}`;
  const from = last === undefined ? 0 : now.steps.findLastIndex((step) => key(step) === key(last)) + 1;
  const fresh = now.steps.slice(from);
  return fresh.length <= MAX_PLAYED ? fresh : [...fresh.slice(0, MAX_PLAYED / 2), ...fresh.slice(-MAX_PLAYED / 2)];
}

/** Who of a node's agents is behind; '' where all have heard of everything. */
function behindOf(watchers: readonly WatcherView[], host: string): string {
  return watchers
    .filter((one) => one.host === host && one.waiting > 0)
    .map((one) => `${one.component} ${one.stopped === true ? 'does not listen' : `behind by ${one.waiting}`}`)
    .join(' · ');
}

const top = (rect: Rect): Point => ({ x: rect.x + rect.w / 2, y: rect.y });

/** Where a step happens, and its words. */
function wayOf(scene: Scene, step: ControlStepView, api: Point): { readonly from: Point; readonly to: Point } {
  const machine = step.host === undefined ? undefined : scene.itemById.get(step.host);
  if (machine !== undefined) return { from: api, to: top(machine.rect) };
  const object =
    step.objectKey?.startsWith('Pod/') === true ? scene.items.find((item) => item.kind === 'pod' && item.view.objectKey === step.objectKey) : undefined;
  const service = step.objectKey?.startsWith('Service/') === true ? scene.itemById.get(step.objectKey) : undefined;
  const about = object ?? service;
  // A controller of the control plane speaks to the API server where both are.
  return about === undefined ? { from: { x: api.x - 70, y: api.y - 46 }, to: api } : { from: api, to: { x: about.rect.x + about.rect.w / 2, y: about.rect.y } };
}

function badge(
  context: CanvasRenderingContext2D,
  at: Point,
  words: string,
  size: number,
  ink: string,
  stroke: string,
  palette: Palette,
  fonts: Fonts,
  dash: number[],
): void {
  context.font = `600 ${size}px ${fonts.sans}`;
  const w = context.measureText(words).width + size * 1.5;
  const h = size * 1.9;
  context.beginPath();
  context.roundRect(at.x - w / 2, at.y - h / 2, w, h, h / 2);
  context.fillStyle = palette.panel;
  context.fill();
  context.setLineDash(dash);
  context.strokeStyle = stroke;
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = ink;
  context.textAlign = 'center';
  context.fillText(words, at.x, at.y + size * 0.05);
}

export function controlLayer(picture: ControlPicture): OverlayLayer {
  const { view: control, home, nodes, played, startMs } = picture;
  return {
    at: 'over',
    draw({ context, scene, view, palette, fonts }) {
      const room = scene.itemById.get(home);
      if (room === undefined) return;
      const thin = 1 / Math.max(0.4, view.zoom);
      const size = 11 * Math.max(1, 0.9 / view.zoom);
      const api: Point = { x: room.rect.x + room.rect.w / 2, y: room.rect.y - size * 1.5 };
      context.save();
      context.textBaseline = 'middle';
      context.lineWidth = 1.3 * thin;
      // Each machine's watches, as lines above the roofs: never on a wire.
      for (const id of nodes) {
        const machine = scene.itemById.get(id);
        if (machine === undefined || id === home) continue;
        const behind = behindOf(control.watchers, id);
        const to = top(machine.rect);
        context.strokeStyle = behind === '' ? palette.mute : palette.drop;
        context.globalAlpha = behind === '' ? 0.55 : 0.9;
        context.setLineDash([1.5 * thin, 4 * thin]);
        context.beginPath();
        context.moveTo(api.x, api.y);
        context.quadraticCurveTo((api.x + to.x) / 2, Math.min(api.y, to.y) - 34, to.x, to.y);
        context.stroke();
        context.setLineDash([]);
        context.globalAlpha = 1;
        if (behind !== '') badge(context, { x: to.x, y: to.y - size }, behind, size, palette.ink, palette.drop, palette, fonts, [4 * thin, 2.5 * thin]);
      }
      const own = behindOf(control.watchers, home);
      badge(context, api, `API server · revision ${control.revision}${own === '' ? '' : ` · ${own}`}`, size, palette.ink, palette.mute, palette, fonts, []);
      const passed = (performance.now() - startMs) / STEP_MS;
      const step = played[Math.floor(passed)];
      if (step !== undefined && passed >= 0) {
        const { from, to } = wayOf(scene, step, api);
        const part = Math.min(1, (passed % 1) * 1.5);
        const eased = part * part * (3 - 2 * part);
        const lift = Math.min(60, 18 + Math.abs(to.x - from.x) * 0.12);
        const at = { x: from.x + (to.x - from.x) * eased, y: from.y + (to.y - from.y) * eased - 4 * lift * eased * (1 - eased) };
        const words = step.sentence.length <= MAX_LETTERS ? step.sentence : `${step.sentence.slice(0, MAX_LETTERS - 1)}…`;
        context.lineWidth = 1.6 * thin;
        badge(context, at, words, size, palette.ink, NODE_AGENTS.includes(step.by) || step.verb === 'writes' ? palette.l3 : palette.l7, palette, fonts, []);
      }
      context.restore();
    },
  };
}
