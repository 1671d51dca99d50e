/** Manifests and sessions as Kubernetes' own tutorials have them: what they print there, they print here. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from './article.ts';

const statefulSet = `apiVersion: v1
kind: Service
metadata: {name: nginx, labels: {app: nginx}}
spec:
  ports: [{port: 80, name: web}]
  clusterIP: None
  selector: {app: nginx}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: sts}
spec:
  serviceName: nginx
  replicas: 2
  selector: {matchLabels: {app: nginx}}
  template:
    metadata: {labels: {app: nginx}}
    spec:
      containers:
      - name: nginx
        image: registry.k8s.io/nginx-slim:0.24
        ports: [{containerPort: 80, name: web}]
        volumeMounts: [{name: www, mountPath: /usr/share/nginx/html}]
  volumeClaimTemplates:
  - metadata: {name: www}
    spec:
      accessModes: [ReadWriteOnce]
      resources: {requests: {storage: 1Gi}}
`;

const world = openArticle();
const run = (line: string) => runLine(world, line).output;
run(`kubectl apply -f - <<'X'\n${statefulSet}X`);
run('kubectl run dns-test --image=busybox:1.28 --restart=Never -- sleep 1000; sleep 3');

describe('StatefulSet basics', () => {
  it('takes a mount of a volume that only a claim template names', () => {
    expect(run("kubectl get pods -l app=nginx -o jsonpath='{.items[*].metadata.name}'")).toBe('sts-0 sts-1');
    expect(run("kubectl get pod sts-1 -o jsonpath='{.spec.volumes[0].persistentVolumeClaim.claimName}'")).toBe('www-sts-1');
  });

  it('says at the set why its pod is refused, since the set itself is not judged by its pod spec', () => {
    run(`kubectl apply -f - <<'X'\n${statefulSet.replace('name: sts', 'name: odd').replace('{name: www, mountPath', '{name: gone, mountPath')}X`);
    expect(run('kubectl get events --field-selector involvedObject.name=odd')).toContain('spec.containers[0].volumeMounts[0].name: Not found: "gone"');
    run('kubectl delete sts odd');
  });

  it('has names for its pods, as busybox 1.28 shows them', () => {
    const ip = run("kubectl get pod sts-0 -o jsonpath='{.status.podIP}'");
    expect(run('kubectl exec dns-test -- nslookup sts-0.nginx')).toBe(
      `Server:    10.96.0.10\nAddress 1: 10.96.0.10 kube-dns.kube-system.svc.cluster.local\n\nName:      sts-0.nginx\nAddress 1: ${ip} sts-0.nginx.default.svc.cluster.local\n`,
    );
    expect(run('kubectl exec sts-1 -- curl -sI sts-0.nginx')).toMatch(/^HTTP\/1.1 200 OK\r\nServer: nginx/);
  });
});

describe('a pod’s ServiceAccount', () => {
  it('is mounted in each container that has nothing else there', () => {
    const shown = run('kubectl describe pod sts-0');
    const [, volume] = /serviceaccount from (kube-api-access-\w{5}) \(ro\)/.exec(shown) ?? [];
    expect(shown).toContain(
      `  ${volume}:\n    Type:                    Projected (a volume that contains injected data from multiple sources)\n    TokenExpirationSeconds:  3607\n    ConfigMapName:           kube-root-ca.crt\n    Optional:                false\n    DownwardAPI:             true\n`,
    );
    expect(run('kubectl exec dns-test -- cat /var/run/secrets/kubernetes.io/serviceaccount/namespace')).toBe('default');
    run('kubectl run bare --image=busybox --overrides=\'{"spec":{"automountServiceAccountToken":false}}\' -- sleep 10');
    expect(run("kubectl get pod bare -o jsonpath='{.spec.volumes}'")).toBe('');
  });
});

describe('Debugging DNS resolution', () => {
  it('ends with the words that the guide looks for', () => {
    expect(run('kubectl exec dns-test -- nslookup kubernetes.default')).toContain(
      'Name:      kubernetes.default\nAddress 1: 10.96.0.1 kubernetes.default.svc.cluster.local\n',
    );
    expect(run('kubectl exec dns-test -- nslookup nope')).toMatch(/\n\nnslookup: can't resolve 'nope'\ncommand terminated with exit code 1\n$/);
    expect(run('kubectl exec dns-test -- nslookup web-service 1.1.1.1')).toMatch(
      /^Server: {4}1\.1\.1\.1\nAddress 1: 1\.1\.1\.1.*\n\nnslookup: can't resolve 'web-service'\n/,
    );
  });
});

describe('a name that is written into /etc/hosts', () => {
  it('is known to the programs of that place from then on, until it is taken out', () => {
    const ip = run("kubectl get svc web-service -o jsonpath='{.spec.clusterIP}'");
    run(`echo "${ip} shop.example" | sudo tee -a /etc/hosts`);
    expect(run('curl -s shop.example')).toMatch(/^Hello from web-/);
    run('sudo sed -i /shop/d /etc/hosts');
    expect(run('curl -sS shop.example')).toBe('curl: (6) Could not resolve host: shop.example\n');
    expect(run(`kubectl exec dns-test -- sh -c 'echo ${ip} foo.local >> /etc/hosts; wget -qO- foo.local'`)).toMatch(/^Hello from web-/);
  });

  it('goes for resolv.conf too', () => {
    run('echo "nameserver 10.96.0.10" > /etc/resolv.conf');
    expect(run('curl -s web-service.default.svc.cluster.local')).toMatch(/^Hello from web-/);
    run('rm /etc/resolv.conf');
  });
});
