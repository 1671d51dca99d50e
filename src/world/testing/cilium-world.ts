/** The world of `examples/cilium` as tests open it, with a machine outside, other settings, and more manifests. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createShell } from '../../shell/index.ts';
import { allParts } from '../all-parts.ts';
import type { DocumentFile } from '../document.ts';
import { World } from '../world.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'content', 'examples', 'cilium');
/** A machine beyond the router. */
export const laptop = { path: 'laptop.yaml', text: 'apiVersion: kubehop.dev/v1alpha1\nkind: Host\nmetadata: {name: laptop}\nspec: {address: 203.0.113.9}\n' };

function files(edits: readonly (readonly [key: string, value: string])[], routerRoute: string | undefined): DocumentFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((path) => {
      let text = readFileSync(join(folder, path), 'utf8');
      if (path === 'cilium.yaml') for (const [key, value] of edits) text = text.replace(new RegExp(`(${key}: ).*`), `$1${value}`);
      if (path === 'cluster.yaml' && routerRoute !== undefined)
        text = text.replace('mtuBytes: 1500', `mtuBytes: 1500\n  routes: [{ destination: ${routerRoute}, gateway: 172.30.1.2 }]`);
      return { path, text };
    });
}

export function openCilium(
  options: { readonly settings?: readonly (readonly [string, string])[]; readonly more?: readonly DocumentFile[]; readonly routerRoute?: string } = {},
): World {
  return World.open({
    parts: allParts,
    document: {
      version: 1,
      seed: 1,
      files: [...files(options.settings ?? [], options.routerRoute), laptop, ...(options.more ?? [])],
      inputs: [],
      positions: {},
    },
    baseFiles: [],
    createShell,
  });
}
