/** The worker's entry: it begins with few tools and fetches the others when the first world is opened. */
import { coreToolbox } from '../shell/core-toolbox.ts';
import { serveScope } from './scope.ts';

serveScope({
  tools: coreToolbox,
  loadTools: () => import('../shell/full-toolbox.ts').then(({ fullToolbox }) => fullToolbox),
  loadLanguage: () => import('../world/language/language.ts').then(({ createLanguage }) => createLanguage),
});
