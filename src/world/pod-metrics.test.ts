import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from './testing/article.ts';

const shop = `kubectl apply -f - <<'END'
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}, annotations: {kubehop.dev/cpu-per-request: 100ms}}
    spec: {containers: [{name: c, image: nginx, resources: {requests: {cpu: 100m}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80}]}
END`;
const install = 'kubectl apply -f https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/components.yaml';
const load = (seconds: number) => `kubectl exec client -- sh -c 'for i in $(seq 1 ${seconds}); do curl -s http://shop >/dev/null; sleep 1; done'`;

describe('a metrics-server', () => {
  it('is needed by kubectl top and by autoscalers, and has numbers after its second look', () => {
    const world = openArticle();
    runLine(world, shop);
    runLine(world, 'kubectl autoscale deployment shop --cpu=50% --min=1 --max=5');
    runLine(world, 'sleep 16');
    expect(runLine(world, 'kubectl top pods').stderr).toBe('error: Metrics API not available\n');
    expect(runLine(world, 'kubectl get hpa shop --no-headers').stdout).toContain('cpu: <unknown>/50%');
    runLine(world, install);
    expect(runLine(world, 'kubectl top nodes').stderr).toBe('error: metrics not available yet\n');
    runLine(world, 'sleep 31');
    expect(runLine(world, 'kubectl top nodes').stdout).toMatch(
      /^NAME +CPU\(cores\) +CPU\(%\) +MEMORY\(bytes\) +MEMORY\(%\) *\ncontrolplane +\d+m +\d+% +\d+Mi +\d+% *\n/,
    );
    expect(runLine(world, 'kubectl top pods -l app=shop --no-headers').stdout).toMatch(/^shop-\S+ +1m +10Mi *\n$/);
    runLine(world, load(40));
    // One request a second of a tenth of a core.
    expect(runLine(world, 'kubectl top pods -l app=shop --no-headers --containers').stdout).toMatch(/^shop-\S+ +c +\d{2,3}m +10Mi/m);
    expect(runLine(world, 'kubectl get events').stdout).toContain('New size: 2; reason: cpu resource utilization (percentage of request) above target');
  });

  it('tells the same of the same world', () => {
    const told = (): string => {
      const world = openArticle();
      for (const line of [shop, install, 'sleep 20', load(10)]) runLine(world, line);
      return runLine(world, 'kubectl top pods -A').stdout;
    };
    expect(told()).toBe(told());
  });
});
