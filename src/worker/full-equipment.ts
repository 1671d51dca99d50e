/** Everything. */
import { fullToolbox } from '../shell/full-toolbox.ts';
import { allParts } from '../world/all-parts.ts';
import type { Equipment } from './equipment.ts';
import { reach } from './reach.ts';

export const fullEquipment: Equipment = { tools: fullToolbox, parts: allParts, reach };
