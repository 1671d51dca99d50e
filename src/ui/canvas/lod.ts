/** Semantic zoom: which texts are shown from which distance, and how much letters grow so that none is smaller than 10.5 px on screen. */

export type LodName = 'near' | 'mid' | 'low' | 'far';

export interface Lod {
  readonly name: LodName;
  /** Factor for font sizes in scene units. */
  readonly k: number;
}

/** Below these zooms less is written. The boxes have room for letters grown by their inverse. */
export const NEAR_ZOOM = 0.86;
export const MID_ZOOM = 0.6;
export const LOW_ZOOM = 0.36;

/** The smallest size of any text in scene units; times zoom and `k` it is never below 10.5 px. */
export const SMALLEST_TEXT = 10.5;

export function lodAt(zoom: number): Lod {
  const name: LodName = zoom >= NEAR_ZOOM ? 'near' : zoom >= MID_ZOOM ? 'mid' : zoom >= LOW_ZOOM ? 'low' : 'far';
  // In small steps, so that styles change seldom while zooming; rounded up, never down.
  const k = Math.max(1, Math.ceil((1 / Math.max(zoom, 0.02)) * 25) / 25);
  return { name, k };
}
