/** Which of the layouts suits a place on screen, and how a scene fits into it. */
import type { Topology } from '../../world/views.ts';
import { buildScene, type LayoutOptions } from './layout.ts';
import { clustersOf } from './layout-clusters.ts';
import { NEAR_ZOOM } from './lod.ts';
import type { Rect, Scene } from './scene.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}
/** Air to leave at each side, in CSS pixels. */
export interface Margins {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

export const MAX_FIT_ZOOM = 1.25;
export const MIN_ZOOM = 0.03;

export interface Fit {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

/** The view that shows all of `bounds` in the middle. */
export function fitView(bounds: Rect, size: Size, margins: Margins): Fit {
  const width = Math.max(1, size.width - margins.left - margins.right);
  const height = Math.max(1, size.height - margins.top - margins.bottom);
  const zoom = Math.max(MIN_ZOOM, Math.min(MAX_FIT_ZOOM, width / bounds.w, height / bounds.h));
  return {
    zoom,
    x: margins.left + (width - bounds.w * zoom) / 2 - bounds.x * zoom,
    y: margins.top + (height - bounds.h * zoom) / 2 - bounds.y * zoom,
  };
}

export type Shape = Pick<LayoutOptions, 'density' | 'direction'>;

const shapes: readonly Shape[] = [
  { density: 'full', direction: 'row' },
  { density: 'full', direction: 'column' },
  { density: 'compact', direction: 'row' },
  { density: 'compact', direction: 'column' },
];

/** Worlds with more hosts than this are always full rows; the others would not be read any better. */
const MAX_HOSTS_TO_TRY = 8;
/** A change of layout must be worth it: a window that is dragged does not flicker. */
const GAIN = 1.12;

/**
 * The scene whose letters are largest in this place; the fullest of those that can be read. `previous` is kept while it is good enough.
 */
export function chooseScene(
  topology: Topology,
  options: Omit<LayoutOptions, 'density' | 'direction'>,
  size: Size,
  margins: Margins,
  previous?: Shape,
): { readonly scene: Scene; readonly shape: Shape } {
  const zoomOf = (scene: Scene) => fitView(scene.bounds, size, margins).zoom;
  const build = (shape: Shape) => ({ shape, scene: buildScene(topology, { ...options, ...shape }) });
  const first = shapes[0] as Shape;
  if (topology.hosts.length > MAX_HOSTS_TO_TRY || options.slots?.tiles === true) return build(first);
  const twoNodes = topology.hosts.filter((host) => host.role === 'node').length === 2 || clustersOf(topology).length > 1;
  const tried = shapes.filter((shape) => shape.direction === 'row' || twoNodes).map(build);
  const readable = tried.find(({ scene }) => zoomOf(scene) >= NEAR_ZOOM);
  const best = readable ?? tried.reduce((a, b) => (zoomOf(b.scene) > zoomOf(a.scene) * 1.05 ? b : a));
  if (previous === undefined) return best;
  const kept = tried.find(({ shape }) => shape.density === previous.density && shape.direction === previous.direction);
  if (kept === undefined || kept === best) return best;
  const better = zoomOf(best.scene) / zoomOf(kept.scene);
  const richer = best.shape.density === 'full' && kept.shape.density === 'compact' && zoomOf(best.scene) >= NEAR_ZOOM * 1.04;
  return richer || better > GAIN ? best : kept;
}
