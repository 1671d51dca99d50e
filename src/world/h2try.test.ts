import { it } from 'vitest';
import { openArticle, runLine } from './testing/article.ts';
it('x', () => {
  const world = openArticle();
  for (const line of ['nslookup web-service', 'nslookup nope', 'curl -v web-service','curl -m 3 example.com', 'dig example.com', 'nslookup kubernetes.default', 'ping -c 1 web-service', 'ping -c 2 172.30.2.2', 'traceroute -n 10.244.1.3', 'nc -zv web-service 80', 'nc -zv 10.96.0.10 53', 'wget -qO- web-service', 'dig +short kube-dns.kube-system.svc.cluster.local', 'curl https://web', 'ping -c 1 1.1.1.1']) {
    const r = runLine(world, `kubectl exec client -- ${line}`);
    console.log(`$ ${line}\n${r.output}[${r.exitCode}]`);
  }
}, 60000);
