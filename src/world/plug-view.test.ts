import { describe, expect, it } from 'vitest';
import { podPlugView } from './plug-view.ts';
import { openArticle, runLine } from './testing/article.ts';

const world = openArticle({ trace: false });
const run = (line: string) => runLine(world, line).output;

describe('how a pod was plugged in', () => {
  const view = podPlugView(world, 'Pod/default/client');

  it('is every program in its order, each below the one that runs it', () => {
    expect(view?.steps.map((step) => `${'-'.repeat(step.depth)}${step.who}`)).toEqual([
      'kubelet',
      'containerd',
      '-loopback',
      '-flannel',
      '--bridge',
      '---host-local',
      '-portmap',
      'containerd',
      'kubelet',
    ]);
    expect(view?.environment.slice(0, 1)).toEqual([['CNI_COMMAND', 'ADD']]);
    expect(view?.removal).toEqual(['portmap', 'flannel']);
    expect(JSON.parse(view?.steps[6]?.answers ?? '').ips[0].address).toBe('10.244.0.3/24');
  });

  it('names files that are there', () => {
    const files = view?.steps.flatMap((step) => step.files) ?? [];
    expect(files.map((path) => path.replace(/[0-9a-f]{64}/, 'ID'))).toEqual([
      '/etc/cni/net.d/10-flannel.conflist',
      '/run/flannel/subnet.env',
      '/var/lib/cni/flannel/ID',
      '/var/lib/cni/networks/cbr0/10.244.0.3',
      '/var/lib/cni/networks/cbr0/last_reserved_ip.0',
      '/var/lib/cni/results/cbr0-ID-eth0',
    ]);
    for (const path of files) expect(runLine(world, `cat ${path}`).exitCode, path).toBe(0);
  });

  it('is none for a pod of its node’s network, and for what is no pod', () => {
    const proxy = run('kubectl -n kube-system get pods -l k8s-app=kube-proxy -o name').split('\n')[0]?.replace('pod/', '');
    expect(podPlugView(world, `Pod/kube-system/${proxy}`)).toBeUndefined();
    expect(podPlugView(world, 'Service/default/web-service')).toBeUndefined();
  });

  it('waits in the kubelet’s words where a plugin fails', () => {
    run(`echo '{"cniVersion":"1.0.0","name":"w","plugins":[{"type":"weave-net"}]}' > /etc/cni/net.d/01-weave.conflist`);
    run('kubectl run late --image=nginx --overrides=\'{"spec":{"nodeName":"controlplane"}}\'');
    expect(run('kubectl get pod late --no-headers')).toMatch(/ContainerCreating/);
    expect(podPlugView(world, 'Pod/default/late')).toMatchObject({
      waiting: expect.stringContaining('failed to find plugin "weave-net" in path [/opt/cni/bin]'),
      steps: [{ who: 'kubelet' }, { who: 'containerd', files: ['/etc/cni/net.d/01-weave.conflist'] }],
    });
  });
});
