/** Ports that pods have on their node, and ports that two of them want. */
import { describe, expect, it } from 'vitest';
import { allStatuses } from '../../kube/pod/containers.ts';
import type { Pod } from '../../kube/pod/types.ts';
import type { World } from '../world.ts';
import { openArticle, runLine } from './article.ts';

const web = (name: string, ports: string, more = '') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec:\n  nodeSelector: {kubernetes.io/hostname: node01}\n  containers:\n  - {name: web, image: nginx, ports: [${ports}]${more}}\n`;
function apply(world: World, yaml: string): void {
  expect(runLine(world, `kubectl apply -f - <<'X'\n${yaml}X`).stderr).toBe('');
}
const pod = (world: World, name: string) => world.api.view.find<Pod>(`Pod/default/${name}`) as Pod;

describe('a hostPort', () => {
  it('is led to the pod by the rules of the portmap plugin', () => {
    const world = openArticle();
    apply(world, web('web', '{containerPort: 80, hostPort: 8080}, {containerPort: 53, hostPort: 5353, protocol: UDP}'));
    const ip = pod(world, 'web').status?.podIP ?? '';
    const saved = runLine(world, 'ssh node01 iptables-save -t nat').output;
    const chain = /-j (CNI-DN-[0-9a-f]{21})$/m.exec(saved)?.[1] ?? '';
    const lines = saved.split('\n').filter((line) => /CNI-/.test(line) && line.startsWith('-A'));
    expect(lines.map((line) => line.replaceAll(chain, 'CHAIN').replace(/id: \\"[0-9a-f]{64}\\"/, 'id: \\"ID\\"'))).toEqual([
      '-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
      '-A CHAIN -s 10.244.1.0/24 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK',
      '-A CHAIN -s 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK',
      `-A CHAIN -p tcp -m tcp --dport 8080 -j DNAT --to-destination ${ip}:80`,
      '-A CHAIN -s 10.244.1.0/24 -p udp -m udp --dport 5353 -j CNI-HOSTPORT-SETMARK',
      '-A CHAIN -s 127.0.0.1/32 -p udp -m udp --dport 5353 -j CNI-HOSTPORT-SETMARK',
      `-A CHAIN -p udp -m udp --dport 5353 -j DNAT --to-destination ${ip}:53`,
      '-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"cbr0\\" id: \\"ID\\"" -m multiport --dports 8080 -j CHAIN',
      '-A CNI-HOSTPORT-DNAT -p udp -m comment --comment "dnat name: \\"cbr0\\" id: \\"ID\\"" -m multiport --dports 5353 -j CHAIN',
      '-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE',
      '-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000',
    ]);
    const node = pod(world, 'web').status?.hostIP ?? '';
    for (const line of [
      `curl -s ${node}:8080`,
      `kubectl exec client -- curl -s ${node}:8080`,
      'ssh node01 curl -s 127.0.0.1:8080',
      `kubectl exec web -- curl -s ${node}:8080`,
    ])
      expect([line, runLine(world, line).output]).toEqual([line, 'Hello from web\n']);
    runLine(world, 'kubectl delete pod web');
    expect(runLine(world, 'ssh node01 iptables-save -t nat').output).not.toContain('CNI-DN-');
    expect(runLine(world, `curl -s -m 1 ${node}:8080`).exitCode).not.toBe(0);
  });

  it('is given to one pod of a node only: the scheduler finds no node for the second', () => {
    const world = openArticle();
    apply(world, web('one', '{containerPort: 80, hostPort: 8080}'));
    apply(world, web('two', '{containerPort: 80, hostPort: 8080}'));
    expect(pod(world, 'two').status?.phase).toBe('Pending');
    expect(runLine(world, 'kubectl describe pod two').output).toContain("1 node(s) didn't have free ports for the requested pod ports");
  });
});

describe('two containers of a pod that listen on one port', () => {
  it('share one netns: the second cannot bind, and crashes', () => {
    const world = openArticle();
    apply(world, `${web('both', '{containerPort: 80}')}  - {name: other, image: nginx}\n`);
    world.elapse(5_000);
    const [first, second] = allStatuses(pod(world, 'both'));
    expect([first?.state?.running !== undefined, second?.lastState?.terminated?.exitCode]).toEqual([true, 1]);
    expect(runLine(world, 'kubectl get pod both --no-headers').output).toMatch(/^both +1\/2 +CrashLoopBackOff +1 /);
    expect(runLine(world, 'kubectl logs both -c other').output).toContain('bind() to 0.0.0.0:80 failed (98: Address already in use)');
  });
});
