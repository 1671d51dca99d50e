/** What a page needs for its first picture of a plain cluster. Whatever wants more throws NotLoaded, until the rest is put in. */
import { NotLoaded } from '../base/not-loaded.ts';
import { awaitParts } from '../kube/awaited-parts.ts';
import { KINDNET_MANIFEST } from '../kube/cni/manifests/kindnet.ts';
import type { App } from '../net/app/definition.ts';
import { firstApps } from '../net/app/first-apps.ts';
import { LATER_APPS } from '../net/app/later-apps.ts';
import type { WorldParts } from './parts.ts';

export interface FirstParts extends WorldParts {
  /** Puts the rest in, also where worlds are running with these. */
  fill(all: WorldParts): void;
}

function awaited(name: string): App {
  const stop = (): never => {
    throw new NotLoaded(name);
  };
  return { name, start: stop, handle: stop, copy: undefined };
}

export function firstParts(): FirstParts {
  const { fill, ...parts } = awaitParts();
  const apps = new Map([...firstApps, ...LATER_APPS.map(awaited)].map((app) => [app.name, app]));
  let manifests: WorldParts['manifest'] = (name) => {
    if (name !== 'kindnet') throw new NotLoaded(name);
    return KINDNET_MANIFEST;
  };
  const wait = (): never => {
    throw new NotLoaded('further clusters');
  };
  let further: WorldParts['further'] = { agentsOf: wait, exchange: wait, problems: wait, underlay: wait };
  return {
    ...parts,
    apps,
    manifest: (name, ranges) => manifests(name, ranges),
    get further() {
      return further;
    },
    fill: (all) => {
      fill(all);
      manifests = all.manifest;
      further = all.further;
      for (const [name, app] of all.apps) apps.set(name, app);
    },
  };
}
