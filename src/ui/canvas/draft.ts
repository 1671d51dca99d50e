/** A scene while it is being laid out: lists to append to, and the transformation of a room's own coordinates. */
import type { Item, Place, Point, Rect, TileGrid, Wire } from './scene.ts';

export interface Draft {
  readonly items: Item[];
  readonly itemById: Map<string, Item>;
  readonly wires: Wire[];
  readonly tiles: TileGrid[];
  readonly places: Map<string, Place>;
  readonly itemByIp: Map<string, string>;
}

export const newDraft = (): Draft => ({ items: [], itemById: new Map(), wires: [], tiles: [], places: new Map(), itemByIp: new Map() });

export const addItem = (draft: Draft, item: Item): void => {
  draft.items.push(item);
  draft.itemById.set(item.id, item);
};

export const addPlace = (draft: Draft, place: Place): void => {
  draft.places.set(place.id, place);
};

/** Own coordinates: x from the left edge, y from the room's bottom edge upwards negative; `flip` turns it upside down below its top edge. */
export interface Frame {
  readonly dx: number;
  readonly dy: number;
  readonly flip: boolean;
}

export const pointAt = (frame: Frame, x: number, y: number): Point => ({ x: frame.dx + x, y: frame.dy + (frame.flip ? -y : y) });

export const rectAt = (frame: Frame, x: number, y: number, w: number, h: number): Rect => ({ x: frame.dx + x, y: frame.dy + (frame.flip ? -y - h : y), w, h });
