import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';

const world = openArticle();
const run = (line: string): string => runLine(world, line).output;

describe('processes, netns and the container runtime of a node', () => {
  it('crictl inspectp shows what the CNI plugin answered: the address, its gateway, both ends of the veth pair and the bridge', () => {
    const pod = JSON.parse(run('crictl inspectp $(crictl pods --name client -q)')) as {
      info: { pid: number; cniResult: { Interfaces: Record<string, { IPConfigs: unknown; Mac: string }> } };
      status: { network: { ip: string }; state: string };
    };
    expect(pod.status).toMatchObject({ network: { ip: '10.244.0.3' }, state: 'SANDBOX_READY' });
    const { Interfaces: interfaces } = pod.info.cniResult;
    expect(interfaces.eth0?.IPConfigs).toEqual([{ IP: '10.244.0.3', Gateway: '10.244.0.1' }]);
    expect(run('kubectl exec client -- ip link show eth0')).toContain(interfaces.eth0?.Mac ?? 'no MAC');
    expect(Object.keys(interfaces).filter((name) => !name.startsWith('veth'))).toEqual(['cni0', 'eth0', 'lo']);
  });

  it('the pid that crictl inspect prints leads nsenter into the container’s netns', () => {
    const { info } = JSON.parse(run('crictl inspect $(crictl ps --name netshoot -q)')) as { info: { pid: number } };
    expect(run(`nsenter -t ${info.pid} -n ip -br addr show eth0`)).toContain('10.244.0.3/24');
    expect(run('nsenter -t 1 -n hostname')).toBe('controlplane\n');
    expect(run('nsenter -t 99999 -n ip addr')).toBe('nsenter: cannot open /proc/99999/ns/net: No such file or directory\n');
  });

  it('a pod has one pause process, and all its containers share its netns', () => {
    const lines = run('lsns -t net').trim().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines.filter((line) => line.endsWith('/pause'))).toHaveLength(2);
    expect(run('ps aux | grep -c /pause')).toBe('4\n');
  });

  it('a container sees its own processes from pid 1', () => {
    expect(run('kubectl exec client -- ps')).toBe('PID   USER     TIME  COMMAND\n    1 root      0:00 sleep infinity\n    8 root      0:00 ps\n');
  });

  it('an id nobody has is not found, in containerd’s words', () => {
    expect(run('crictl inspectp nosuch')).toContain('code = NotFound desc = an error occurred when try to find sandbox "nosuch": not found');
  });
});
