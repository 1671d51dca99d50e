/** What the first picture of a plain cluster needs. */
import { coreToolbox } from '../shell/core-toolbox.ts';
import { firstParts } from '../world/first-parts.ts';
import type { Equipment } from './equipment.ts';

/** Of one server. */
export function firstEquipment(): Equipment {
  const parts = firstParts();
  return { tools: coreToolbox, parts, fill: (all) => parts.fill(all.parts) };
}
