/** What the canvas needs from whoever shows it (the app, the embed, the presenter). */
import type { HopView, LinkTarget, Topology } from '../../world/views.ts';
import type { Deliveries } from './deliveries.ts';

export type Lens = 'wires' | 'services' | 'policy';

/** Read by the canvas each frame, outside React. */
export interface PlaybackSource {
  /** The loaded span of the log, in order of seq. Replaced, never mutated. */
  hops(): readonly HopView[];
  /** Where the playhead stands: index of the last hop reached (-1: before the first) and how far on the way to the next (0..1). */
  position(): { readonly index: number; readonly fraction: number };
  readonly playing: boolean;
  /** Called after each change of hops or position (each frame while playing). */
  subscribe(listener: () => void): () => void;
}

export interface CanvasProps {
  readonly topology: Topology;
  readonly lens: Lens;
  readonly playback: PlaybackSource;
  readonly positions: Readonly<Record<string, readonly [number, number]>>;
  readonly selection: LinkTarget | undefined;
  /** What late components have not heard yet; absent where nothing is late. */
  readonly deliveries?: Deliveries | undefined;
  /** The wheel scrolls the page instead of zooming (embeds). */
  readonly embedded: boolean;
  onSelect(target: LinkTarget | undefined): void;
  onMove(id: string, offset: readonly [number, number]): void;
}
