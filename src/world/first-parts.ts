/** What a page needs for its first picture of a plain cluster. Whatever wants more throws NotLoaded. */
import { NotLoaded } from '../base/not-loaded.ts';
import { awaitedParts } from '../kube/awaited-parts.ts';
import type { App } from '../net/app/definition.ts';
import { firstApps } from '../net/app/first-apps.ts';
import { LATER_APPS } from '../net/app/later-apps.ts';
import type { WorldParts } from './parts.ts';

function awaited(name: string): App {
  const stop = (): never => {
    throw new NotLoaded(name);
  };
  return { name, start: stop, handle: stop, copy: undefined };
}

export const firstParts: WorldParts = {
  ...awaitedParts,
  apps: new Map([...firstApps, ...LATER_APPS.map(awaited)].map((app) => [app.name, app])),
};
