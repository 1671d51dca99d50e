/** What the Policy lens asks of a world with more groups than fit, and with policies in a CNI's own words. */
import { describe, expect, it } from 'vitest';
import { createShell } from '../../shell/index.ts';
import { allParts } from '../all-parts.ts';
import { articleFiles } from '../testing/article.ts';
import { World } from '../world.ts';
import { policyLens } from './policy-lens.ts';

const deployment = (namespace: string, name: string): string =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec:\n  selector: {matchLabels: {app: ${name}}}\n  template:\n    metadata: {labels: {app: ${name}}}\n    spec: {containers: [{name: c, image: nginx, ports: [{containerPort: 80}]}]}\n`;
const open = (cni: string, documents: readonly string[]): World =>
  World.open({
    parts: allParts,
    document: {
      version: 1,
      seed: 1,
      files: [
        {
          path: 'w.yaml',
          text: [`kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking: {cni: ${cni}}\nnodes: [{role: control-plane}]\n`, ...documents].join('---\n'),
        },
      ],
      inputs: [],
      positions: {},
    },
    baseFiles: articleFiles().filter((file) => file.path !== 'web.yaml' && file.path !== 'client.yaml'),
    createShell,
  });

describe('the Policy lens', () => {
  it('shows namespaces where there are more than forty groups, and the groups of those that are opened', () => {
    const spaces = ['red', 'blue', 'green'];
    const world = open('kindnet', [
      ...spaces.map((name) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`),
      ...spaces.flatMap((name) => Array.from({ length: 14 }, (_, i) => deployment(name, `app${i}`))),
    ]);
    const closed = policyLens(world);
    expect(closed.by).toBe('namespace');
    expect(closed.groups.filter((one) => spaces.includes(one.id)).map(({ title, pods, opens }) => [title, pods.length, opens])).toEqual(
      spaces.map((name) => [name, 14, 'closed']),
    );
    const opened = policyLens(world, ['blue']);
    expect(opened.groups.filter((one) => one.namespace === 'blue').map(({ title, opens }) => `${title} ${opens}`)).toEqual(
      Array.from({ length: 14 }, (_, i) => `app${i} open`),
    );
    expect(opened.groups.find((one) => one.id === 'red')?.opens).toBe('closed');
  });

  it("counts what a CNI's own policies say, and leaves out those of another", () => {
    const own = (kind: string, apiVersion: string, spec: string): string => `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: shut}\nspec: ${spec}\n`;
    const calico = own('GlobalNetworkPolicy', 'projectcalico.org/v3', "{selector: app == 'b', types: [Ingress], ingress: [{action: Deny}]}");
    const cilium = own('CiliumClusterwideNetworkPolicy', 'cilium.io/v2', '{endpointSelector: {matchLabels: {app: b}}, ingressDeny: [{fromEntities: [all]}]}');
    const ways = (cni: string, policy: string): readonly [open: number, policies: number, unread: number] => {
      const view = policyLens(open(cni, [deployment('default', 'a'), deployment('default', 'b'), policy]));
      const at = (title: string): number => view.groups.findIndex((one) => one.title === title);
      const way = view.edges.find((one) => one.from === at('a') && one.to === at('b'))?.ways[0];
      return [way?.open ?? -1, view.policies, view.dialects];
    };
    expect(ways('calico-vxlan', calico)).toEqual([0, 1, 0]);
    expect(ways('cilium', cilium)).toEqual([0, 1, 0]);
    expect(ways('calico-vxlan', cilium)).toEqual([1, 0, 1]);
    expect(ways('kindnet', calico)).toEqual([1, 0, 1]);
  });
});
