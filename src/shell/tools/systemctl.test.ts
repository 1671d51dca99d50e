import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';

describe('a kubelet stopped and started by systemctl', () => {
  it('is inactive, its node NotReady and its Lease no longer renewed; started it is Ready again', () => {
    const world = openArticle();
    expect(runLine(world, 'ssh node01 systemctl is-active kubelet').stdout).toBe('active\n');
    runLine(world, 'ssh node01 systemctl stop kubelet');
    runLine(world, 'sleep 60');
    const stopped = runLine(world, 'ssh node01 systemctl status kubelet').stdout;
    expect(stopped).toContain('     Active: inactive (dead) since Sat 2026-04-04 09:15:00 UTC; 1min ago\n   Duration: 15min\n');
    const lease = 'kubectl -n kube-node-lease get lease node01 -o jsonpath={.spec.renewTime}';
    expect(runLine(world, lease).stdout).toBe('2026-04-04T09:15:00.000000Z');
    expect(runLine(world, lease.replace('node01', 'controlplane')).stdout).toBe('2026-04-04T09:16:00.000000Z');
    expect(runLine(world, 'kubectl get node node01 --no-headers').stdout).toContain('NotReady');
    runLine(world, 'ssh node01 systemctl start kubelet');
    expect(runLine(world, 'kubectl get node node01 --no-headers').stdout).toMatch(/node01 +Ready/);
    expect(runLine(world, 'ssh node01 journalctl -u kubelet -n 3').stdout).toContain(
      'systemd[1]: Started kubelet.service - kubelet: The Kubernetes Node Agent.\n',
    );
    expect(runLine(world, lease).stdout).toBe('2026-04-04T09:16:00.000000Z');
  });

  it('is the only one: a pod has no systemd, and other units do not exist', () => {
    const world = openArticle();
    expect(runLine(world, 'systemctl stop kube-proxy').stderr).toBe('Failed to stop kube-proxy.service: Unit kube-proxy.service not loaded.\n');
    expect(runLine(world, 'systemctl status kube-proxy')).toMatchObject({ exitCode: 4, stderr: 'Unit kube-proxy.service could not be found.\n' });
    expect(runLine(world, 'kubectl exec client -- systemctl status kubelet').stdout).toBe('');
  });
});
