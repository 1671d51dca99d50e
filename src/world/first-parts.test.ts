/** What a page has in its first moment against everything. */
import { describe, expect, it } from 'vitest';
import { NotLoaded } from '../base/not-loaded.ts';
import { apps } from '../net/app/index.ts';
import { fullToolbox } from '../shell/full-toolbox.ts';
import { ShellSessions } from '../shell/shell.ts';
import { allParts } from './all-parts.ts';
import { firstParts } from './first-parts.ts';
import type { WorldParts } from './parts.ts';
import { articleFiles } from './testing/article.ts';
import { World } from './world.ts';

const names = (all: readonly { readonly name: string }[]) => all.map(({ name }) => name);

function open(parts: WorldParts, more = ''): World {
  const files = [...articleFiles(), { path: 'more.yaml', text: more }];
  const document = { version: 1, seed: 1, files, inputs: [], positions: {} } as const;
  return World.open({ parts, document, baseFiles: [], createShell: (host) => new ShellSessions(host, fullToolbox) });
}

const policy = 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: deny }\nspec: { podSelector: {} }\n';
const pod = (image: string) => `apiVersion: v1\nkind: Pod\nmetadata: { name: one }\nspec: { containers: [{ name: c, image: "${image}" }] }\n`;

describe('the parts that are there first', () => {
  const first = firstParts();

  it('have every name that all parts have, in the same order', () => {
    expect(names(first.controllers)).toEqual(names(allParts.controllers));
    expect(names(first.agents)).toEqual(names(allParts.agents));
    expect([...first.apps.keys()].sort()).toEqual([...apps.keys()].sort());
  });

  it('make the same plain cluster, event for event', () => {
    const [few, all] = [open(firstParts()), open(allParts)];
    for (const world of [few, all]) {
      world.input('main', 'kubectl exec client -- curl -s http://web-service/');
      world.pump(1_000_000);
    }
    expect(few.headSeq).toBeGreaterThan(100);
    expect(few.hops(0, few.headSeq)).toEqual(all.hops(0, all.headSeq));
  });

  it('become the real ones in a world that runs, and it goes on as one that had them from the start', () => {
    const parts = firstParts();
    const [few, all] = [open(parts), open(allParts)];
    few.elapse(90_000);
    all.elapse(90_000);
    parts.fill(allParts);
    for (const world of [few, all]) {
      world.input('main', 'kubectl exec client -- nslookup web-service');
      world.pump(1_000_000);
      world.edit('more.yaml', `${pod('docker.io/kindest/kindnetd:v20241212')}---\n${policy}`);
      world.input('main', 'kubectl exec client -- curl -s http://web-service/');
      world.pump(1_000_000);
    }
    expect(few.headSeq).toBeGreaterThan(200);
    expect(few.hops(0, few.headSeq)).toEqual(all.hops(0, all.headSeq));
    expect(few.diagnostics).toEqual(all.diagnostics);
    expect(all.diagnostics.some(({ message }) => message.includes('deny') || message.includes('flannel'))).toBe(true);
  });

  it.each([
    ['an ingress controller', pod('registry.k8s.io/ingress-nginx/controller:v1.12.0')],
    [
      'a gateway class',
      'apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: { name: g }\nspec: { controllerName: kubehop.dev/gateway-controller }\n',
    ],
    ['Calico', pod('quay.io/calico/node:v3.30.0')],
    ['Cilium', pod('quay.io/cilium/cilium:v1.17.0')],
    ['kindnet', pod('docker.io/kindest/kindnetd:v20241212')],
    ['a policy', policy],
  ])('say of %s that its part has to be loaded', (_what, yaml) => {
    expect(() => open(firstParts(), yaml)).toThrow(NotLoaded);
    expect(open(allParts, yaml).headSeq).toBeGreaterThanOrEqual(0);
  });
});
