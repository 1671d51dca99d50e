/** The same server in a classic script, which cannot fetch a second part: all is in it. */
import { fullEquipment } from './full-equipment.ts';
import { serveScope } from './scope.ts';

export function serveClassicWorker(): void {
  serveScope({ equipment: fullEquipment });
}
