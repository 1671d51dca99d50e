/** kubectl debug: what it adds to pods and nodes, and what the server keeps of it. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';

describe('kubectl debug', () => {
  const world = openArticle();
  const run = (line: string) => runLine(world, line);
  const pod = run('kubectl get pods -l app=web -o name | head -1').stdout.trim();

  it('adds an ephemeral container, runs its program in the pod’s network and reports its end', () => {
    const ran = run(`kubectl debug -it ${pod} --image=nicolaka/netshoot --profile=general --target=nginx -- curl -s -o /dev/null -w '%{http_code}' localhost`);
    const target = run(`kubectl get ${pod} -o jsonpath='{.spec.containers[0].name}'`).stdout;
    if (target !== 'nginx') {
      expect(ran.stderr).toContain('spec.ephemeralContainers[0].targetContainerName: Not found: "nginx"');
      expect(run(`kubectl debug -it ${pod} --image=nicolaka/netshoot --profile=general --target=${target} -- curl -s localhost`).exitCode).toBe(0);
    }
    const name = run(`kubectl get ${pod} -o jsonpath='{.spec.ephemeralContainers[0].name}'`).stdout;
    expect(name).toMatch(/^debugger-[b-z2-9]{5}$/);
    expect(
      run(
        `kubectl get ${pod} -o jsonpath='{.status.ephemeralContainerStatuses[0].state.terminated.exitCode} {.spec.ephemeralContainers[0].targetContainerName}'`,
      ).stdout,
    ).toBe(`0 ${target}`);
    const described = run(`kubectl describe ${pod}`).stdout;
    expect(described).toMatch(
      new RegExp(`Ephemeral Containers:\\n  ${name}:\\n    Container ID:  containerd://[0-9a-f]+\\n    Image:         nicolaka/netshoot\\n`),
    );
    expect(described).toContain(`Started container ${name}`);
    expect(run(`kubectl get ${pod} --no-headers`).stdout).toMatch(/ 1\/1 +Running /);
  });

  it('keeps one that runs, names it among the pod’s containers and lets others in', () => {
    const made = run('kubectl debug client --image=busybox --profile=general -c tools');
    expect(made.output).toBe('');
    expect(run("kubectl get pod client -o jsonpath='{.status.ephemeralContainerStatuses[0].state.running.startedAt}'").stdout).toMatch(/^2026-/);
    expect(run('kubectl exec client -c tools -- hostname').stdout).toBe('client\n');
    expect(run('kubectl exec client -- hostname').stderr).toBe('Defaulted container "netshoot" out of: netshoot, tools (ephem)\n');
    expect(run('kubectl debug client --image=nicolaka/netshoot --profile=general -c tools').stderr).toContain(
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "tools" may not be changed\n',
    );
    expect(run(`kubectl patch pod client -p '{"spec":{"ephemeralContainers":[{"name":"more","image":"busybox"}]}}'`).stderr).toContain(
      'pod updates may not change fields other than',
    );
  });

  it('copies a pod with a container more, without its labels', () => {
    const copied = run(`kubectl debug ${pod} --image=busybox --profile=general --copy-to=again -c tools`);
    expect(copied.output).toBe('');
    expect(run("kubectl get pod again -o jsonpath='{.status.phase} {.spec.containers[1].name} {.metadata.labels} {.spec.shareProcessNamespace}'").stdout).toBe(
      'Running tools  true',
    );
  });

  it('debugs a node from its own network', () => {
    const node = run('kubectl debug node/node01 -it --image=busybox --profile=general -- hostname');
    expect(node.stdout).toMatch(/^Creating debugging pod node-debugger-node01-[b-z2-9]{5} with container debugger on node node01\.\n[\s\S]*node01\n$/);
    expect(run('kubectl get pods --no-headers | grep node-debugger').stdout).toMatch(/ 0\/1 +Completed /);
  });
});
