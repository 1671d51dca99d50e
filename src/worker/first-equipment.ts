/** What the first picture of a plain cluster needs. */
import { coreToolbox } from '../shell/core-toolbox.ts';
import { firstParts } from '../world/first-parts.ts';
import type { Equipment } from './equipment.ts';

export const firstEquipment: Equipment = { tools: coreToolbox, parts: firstParts };
