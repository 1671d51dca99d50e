/** What the canvas needs from whoever shows it (the app, the embed, the presenter). */
import type { HopView, LinkTarget, Topology } from '../../world/views.ts';
import type { Overlay } from './overlay.ts';
import type { Arrangement } from './plan.ts';
import type { Item, Point, Scene } from './scene.ts';

export type Lens = 'wires' | 'services' | 'policy';

/** Read by the canvas each frame, outside React. */
export interface PlaybackSource {
  /** The loaded span of the log, in order of seq. Replaced, never mutated. */
  hops(): readonly HopView[];
  /** Where the playhead stands: index of the last hop reached (-1: before the first) and how far on the way to the next (0..1). */
  position(): { readonly index: number; readonly fraction: number };
  /** An event that is looked at between two hops: its packet stands at this place instead of at its last hop; `of` is the hop that it is part of, -1: none. */
  stop?(): { readonly hop: HopView | undefined; readonly of: number } | undefined;
  readonly playing: boolean;
  /** Called after each change of hops or position (each frame while playing). */
  subscribe(listener: () => void): () => void;
}

/** What somebody needs who builds on the canvas. */
export interface CanvasTools {
  readonly scene: Scene;
  readonly overlay: Overlay | undefined;
  /** The element that all of the canvas is in. */
  readonly frame: HTMLElement | null;
  /** What the keyboard stands on, else what is selected. */
  readonly current: Item | undefined;
  /** Under a pointer, in client coordinates. */
  itemAt(event: { readonly clientX: number; readonly clientY: number }): Item | undefined;
  /** The device at which a wire under a pointer begins. */
  wireEndAt(event: { readonly clientX: number; readonly clientY: number }): Item | undefined;
  /** The middle of an item, in pixels of the canvas. */
  screenOf(item: Item): Point;
  /** Until the function that is returned is called, what is chosen on the canvas goes there instead of being selected. */
  intercept(choose: (item: Item | undefined) => void): () => void;
}

export interface CanvasProps {
  /** Drawn over the canvas. */
  readonly tools?: ((tools: CanvasTools) => React.ReactNode) | undefined;
  readonly topology: Topology;
  readonly lens: Lens;
  readonly playback: PlaybackSource;
  readonly positions: Readonly<Record<string, readonly [number, number]>>;
  readonly selection: LinkTarget | undefined;
  /** Pods that stand together by something else than their node, or folded. */
  readonly arrangement?: Arrangement | undefined;
  /** The wheel scrolls the page instead of zooming (embeds). */
  readonly embedded: boolean;
  onSelect(target: LinkTarget | undefined): void;
  onMove(id: string, offset: readonly [number, number]): void;
}
