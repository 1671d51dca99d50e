/** The worker's entry: it begins with little and fetches the rest when the first world is opened. */
import { firstEquipment } from './first-equipment.ts';
import { serveScope } from './scope.ts';

serveScope({
  equipment: firstEquipment(),
  isApart: true,
  loadRest: () => import('./full-equipment.ts').then(({ fullEquipment }) => fullEquipment),
  loadLanguage: () => import('../world/language/language.ts').then(({ createLanguage }) => createLanguage),
});
