/** What was seen becomes policies that allow it, and nothing else. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../testing/article.ts';
import { seenFlows } from './seen-flows.ts';
import { suggestions, suggestPolicies } from './suggest-policies.ts';

const cluster = `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker}, {role: worker}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop, version: v1}}
    spec: {containers: [{name: nginx, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 8000, targetPort: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec: {containers: [{name: client, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: stranger}
spec: {containers: [{name: client, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: kubehop.dev/v1alpha1
kind: Host
metadata: {name: outside}
spec: {address: 203.0.113.9, listen: [{port: 80}]}
`;
const world = openArticle({ files: [{ path: 'kind.yaml', text: cluster }] });
const exit = (line: string): number => runLine(world, line).exitCode;
const idOf = (title: string): string => world.topology().netnses.find((one) => one.title.startsWith(title))?.id ?? '';
exit('kubectl exec client -- curl -sS -m 3 shop:8000');
exit('kubectl exec client -- ping -c 1 203.0.113.9');
exit('kubectl exec client -- nc -z -w 1 shop 81');

describe('flows that were seen', () => {
  it('are those of first packets that arrived, at the port of the pod and between pods, whatever Service stood between', () => {
    const flows = seenFlows(world);
    const between = flows.filter((one) => one.from === idOf('client')).map((one) => `${one.protocol} ${one.port}`);
    expect(between).toContain('TCP 80');
    expect(between).toContain('UDP 53');
    expect(between).not.toContain('TCP 8000');
    // Answers are no flows of their own.
    expect(flows.filter((one) => one.to === idOf('client'))).toEqual([]);
  });
});

describe('the policies that are suggested', () => {
  it('name pods by the labels of their owner, peers by namespace where it is another one, and DNS by both protocols', () => {
    const { policies, nameless } = suggestPolicies(world, { namespace: 'default' });
    expect(policies.map((one) => one.name)).toEqual(['client-as-seen', 'shop-as-seen']);
    expect(nameless).toEqual(['stranger']);
    const [client, shop] = policies.map((one) => one.text);
    expect(client).toContain('kubernetes.io/metadata.name: kube-system');
    expect(client).toMatch(/port: 53\n +protocol: TCP\n +- port: 53\n +protocol: UDP/);
    expect(client).not.toContain('ingress:');
    expect(shop).toContain('matchLabels:\n          app: client');
    expect(shop).not.toMatch(/version|pod-template-hash/);
    expect(suggestPolicies(world, { namespace: 'default', pod: idOf('client') }).policies.map((one) => one.name)).toEqual(['client-as-seen']);
  });
  it('are one change of a text, say how much they close, and hold: what was seen goes on, other ways are shut', () => {
    const [all] = suggestions(world, { namespace: 'default' });
    expect(all?.title).toBe('Only what was seen in default: 2 policies');
    expect(all?.because).toMatch(/^Of \d+ ways that are open between pods, at ports of their containers, \d+ stay open\. stranger has no labels/);
    expect(all?.edit).toMatchObject({ file: 'policies.yaml', before: null });
    expect(exit('kubectl exec stranger -- curl -sS -m 1 shop:8000')).toBe(0);
    expect(world.edit('policies.yaml', all?.edit?.after ?? '').applied).toBe(true);
    expect(exit('kubectl exec client -- curl -sS -m 3 shop:8000')).toBe(0);
    expect(exit('kubectl exec stranger -- curl -sS -m 1 shop:8000')).toBe(28);
    expect(exit('kubectl exec client -- nc -z -w 1 203.0.113.9 80')).toBe(1);
  });
});
