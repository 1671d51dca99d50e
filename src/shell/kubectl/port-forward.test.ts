/** kubectl port-forward: a tunnel that ends on the pod's own loopback. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';

const shop = readFileSync(new URL('../../content/examples/app-on-loopback/shop.yaml', import.meta.url), 'utf8');

describe('kubectl port-forward', () => {
  it('reaches a server that listens on the pod’s loopback alone', () => {
    const world = openArticle({ files: [{ path: 'shop.yaml', text: shop }] });
    expect(runLine(world, "curl -sS -m 2 $(kubectl get pods -l app=shop -o jsonpath='{.items[0].status.podIP}'):5678").exitCode).not.toBe(0);
    const told = runLine(world, 'kubectl port-forward deploy/shop 8080:5678 & sleep 1; curl -s 127.0.0.1:8080; kill %1').output;
    expect(told).toContain('Forwarding from 127.0.0.1:8080 -> 5678\n');
    expect(told).toContain('Handling connection for 8080\n');
    expect(told).toContain('hello from the shop\n');
  });

  it('ends with the container runtime’s words when nobody listens', () => {
    const world = openArticle();
    const told = runLine(world, 'kubectl port-forward client 8081:81 & sleep 1; curl -sS 127.0.0.1:8081; sleep 1').output;
    expect(told).toMatch(
      /^E0404 \d\d:\d\d:\d\d\.\d{6} +\d+ portforward\.go:424\] "Unhandled Error" err="an error occurred forwarding 8081 -> 81: error forwarding port 81 to pod [0-9a-f]{64}, uid : /m,
    );
    expect(told).toMatch(
      /failed to connect to localhost:81 inside namespace \\"[0-9a-f]{64}\\", IPv4: dial tcp4 127\.0\.0\.1:81: connect: connection refused IPv6 dial tcp6 \[::1\]:81: connect: /,
    );
    expect(told).toContain('error: lost connection to pod\n');
  });
});
