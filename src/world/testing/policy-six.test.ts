/** Policies for IPv6 in a kind cluster, by packets: kindnet holds them in both families. */
import { expect, it } from 'vitest';
import { createShell } from '../../shell/index.ts';
import { allParts } from '../all-parts.ts';
import { World } from '../world.ts';
import { articleFiles, runLine } from './article.ts';

const pod = (name: string, node: string, container: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {app: ${name}}}\nspec: {nodeName: ${node}, containers: [{name: c, ${container}}]}\n`;
const tools = 'image: nicolaka/netshoot, command: [sleep, infinity]';

it.each(['dual', 'ipv6'])('labels, ranges and their exceptions mean IPv6 addresses too (ipFamily: %s)', (family) => {
  const cluster = `kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking: {ipFamily: ${family}}\nnodes: [{role: control-plane}, {role: worker}]\n`;
  const text = [cluster, pod('server', 'kind-control-plane', 'image: nginx'), pod('a', 'kind-worker', tools), pod('b', 'kind-worker', tools)].join('---\n');
  const world = World.open({
    parts: allParts,
    document: { version: 1, seed: 1, files: [{ path: 'kind.yaml', text }], inputs: [], positions: {} },
    baseFiles: articleFiles().filter((file) => file.path !== 'web.yaml' && file.path !== 'client.yaml'),
    createShell,
  });
  const six = (name: string): string =>
    runLine(world, `kubectl get pod ${name} -o jsonpath='{.status.podIPs[*].ip}'`)
      .output.split(' ')
      .find((ip) => ip.includes(':')) ?? '';
  const reached = (ingress: string): string => {
    const policy = `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: six}\nspec: {podSelector: {matchLabels: {app: server}}, ingress: [${ingress}]}\n`;
    expect(runLine(world, `kubectl apply -f - <<'EOF'\n${policy}EOF`).exitCode).toBe(0);
    return ['a', 'b'].filter((from) => runLine(world, `kubectl exec ${from} -- curl -s -o /dev/null -m 1 http://[${six('server')}]/`).exitCode === 0).join(' ');
  };
  expect(reached('{}')).toBe('a b');
  expect(reached('')).toBe('');
  expect(reached('{from: [{podSelector: {matchLabels: {app: a}}}]}')).toBe('a');
  expect(reached(`{from: [{ipBlock: {cidr: "${six('b')}/128"}}]}`)).toBe('b');
  expect(reached(`{from: [{ipBlock: {cidr: "::/0", except: ["${six('b')}/128"]}}]}`)).toBe('a');
  expect(reached('{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}')).toBe('');
});
