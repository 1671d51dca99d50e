/** A scene while it is being laid out: lists to append to, and the transformation of a room's own coordinates. */
import type { Item, Place, Point, Rect, TileGrid, Wire } from './scene.ts';

/** Places by id. Those of a node whose pods are tiles are five for each pod: they are made when the first of them is asked for. */
export class Places extends Map<string, Place> {
  readonly #later = new Map<string, () => void>();

  /** `make` puts the places whose ids begin with the host's. */
  later(host: string, make: () => void): void {
    this.#later.set(host, make);
  }

  #make(id: string): void {
    if (this.#later.size === 0) return;
    const host = id.slice(0, id.indexOf('/'));
    const make = this.#later.get(host);
    if (make === undefined) return;
    this.#later.delete(host);
    make();
  }

  /** All of them, so that they can be listed. */
  makeAll(): void {
    for (const host of [...this.#later.keys()]) this.#make(`${host}/`);
  }

  override get(id: string): Place | undefined {
    const known = super.get(id);
    if (known !== undefined) return known;
    this.#make(id);
    return super.get(id);
  }

  override has(id: string): boolean {
    if (super.has(id)) return true;
    this.#make(id);
    return super.has(id);
  }
}

export interface Draft {
  readonly items: Item[];
  readonly itemById: Map<string, Item>;
  readonly wires: Wire[];
  readonly tiles: TileGrid[];
  readonly places: Places;
  readonly itemByIp: Map<string, string>;
}

export const newDraft = (): Draft => ({ items: [], itemById: new Map(), wires: [], tiles: [], places: new Places(), itemByIp: new Map() });

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
