/** A mesh without sidecars: istio-cni's rules in the pod, ztunnel in its netns, tunnels between pods, and who is let in. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { World } from '../world.ts';
import { openArticle, runLine } from './article.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'content', 'examples', 'mesh-ambient');
const example = ['istio.yaml', 'ambient.yaml', 'shop.yaml'].map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }));

describe('an ambient mesh', () => {
  const world: World = openArticle({ files: example, trace: true });
  const run = (line: string) => runLine(world, line);
  const inside = (line: string) => run(`kubectl exec -n shop deploy/client -- ${line}`);
  const log = (lines: number) => run(`kubectl logs -n istio-system -l app=ztunnel --tail=${lines}`).stdout.trimEnd().split('\n');
  run('kubectl rollout status -n shop deployment client --timeout=60s; kubectl rollout status -n shop deployment web --timeout=60s');

  it('has the rules that istio-cni writes into the pod, and no container more', () => {
    const rules = inside('iptables-save').stdout.split('\n');
    expect(
      rules.filter((line) => line.startsWith('-A ISTIO')).join('\n'),
    ).toBe(`-A ISTIO_OUTPUT -m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff
-A ISTIO_PRERT -m mark --mark 0x539/0xfff -j CONNMARK --set-xmark 0x111/0xfff
-A ISTIO_OUTPUT -d 169.254.7.127/32 -p tcp -m tcp -j ACCEPT
-A ISTIO_OUTPUT -p tcp -m mark --mark 0x111/0xfff -j ACCEPT
-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -j ACCEPT
-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -p tcp -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15001
-A ISTIO_PRERT -s 169.254.7.127/32 -p tcp -m tcp -j ACCEPT
-A ISTIO_PRERT ! -d 127.0.0.1/32 -p tcp -m tcp ! --dport 15008 -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15006`);
    expect(inside('ip rule').stdout).toContain('32764:\tfrom all fwmark 0x111/0xfff lookup 100\n');
    expect(inside('ip route show table 100').stdout).toBe('local default dev lo scope host \n');
    expect(inside('ss -tlnp').stdout.match(/:(\d+) .*"ztunnel"/g)).toHaveLength(3);
    expect(run('kubectl get pods -n shop').stdout.match(/1\/1 +Running/g)).toHaveLength(3);
  });

  it('carries a connection in a tunnel at port 15008, and shows the pod its client', () => {
    const client = run(`kubectl get pod -n shop -l app=client -o jsonpath='{.items[0].status.podIP}'`).stdout;
    expect(inside('curl -sS -m 3 web').stdout).toContain(`RemoteAddr: ${client}:`);
    expect(inside('ss -tn').stdout).toMatch(/ESTAB +\d+ +\d+ +10\.244\.\S+:\d+ +10\.244\.\S+:15008/);
    const [outbound, inbound] = log(2).sort((a) => (a.includes('outbound') ? -1 : 1));
    expect(outbound).toMatch(
      /^2026-04-04T\S+Z\tinfo\taccess\tconnection complete\tsrc\.addr=10\.244\.\S+:\d+ src\.workload="client-\S+" src\.namespace="shop" src\.identity="spiffe:\/\/cluster\.local\/ns\/shop\/sa\/default" dst\.addr=10\.244\.\S+:15008 dst\.hbone_addr=10\.244\.\S+:80 dst\.service="web\.shop\.svc\.cluster\.local" dst\.workload="web-\S+" dst\.namespace="shop" dst\.identity="spiffe:\/\/cluster\.local\/ns\/shop\/sa\/default" direction="outbound" bytes_sent=67 bytes_recv=\d{3} duration="\d+ms"$/,
    );
    expect(inbound).toMatch(/ dst\.hbone_addr=10\.244\.\S+:80 .* direction="inbound" bytes_sent=\d{3} bytes_recv=67 /);
  });

  it('shares the connection of a tunnel among all that go to one pod', () => {
    inside('sh -c "for i in 1 2 3; do curl -s -m 3 web > /dev/null; done"');
    expect(inside('ss -tn').stdout.match(/:15008/g)?.length).toBeLessThanOrEqual(2);
  });

  it('is told of all workloads, and by which protocol they are reached', () => {
    const { stdout } = run('istioctl ztunnel-config workloads');
    expect(stdout).toMatch(/^NAMESPACE +POD NAME +ADDRESS +NODE +WAYPOINT PROTOCOL$/m);
    expect(stdout).toMatch(/^shop +web-\S+ +10\.244\.\S+ +node01 +None +HBONE$/m);
    expect(stdout).toMatch(/^default +outsider-\S+ +10\.244\.\S+ +node01 +None +TCP$/m);
  });

  it('takes plain connections until STRICT is said', () => {
    expect(run('kubectl exec deploy/outsider -- curl -sS -m 3 web.shop').stdout).toContain('Hostname: web-');
    world.edit(
      'strict.yaml',
      'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: shop}\nspec: {mtls: {mode: STRICT}}\n',
    );
    expect(run('kubectl exec deploy/outsider -- curl -sS -m 3 web.shop').exitCode).toBe(56);
    expect(log(1)[0]).toContain('error="connection closed due to policy rejection: explicitly denied by: istio-system/istio_converted_static_strict"');
    expect(inside('curl -sS -m 3 web').exitCode).toBe(0);
    run('sleep 20');
    expect(run('kubectl get pods -n shop').stdout.match(/1\/1 +Running/g)).toHaveLength(3);
  });

  it('asks who comes by the name in his certificate, and cuts off whom no rule names', () => {
    world.edit(
      'policy.yaml',
      'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: robots, namespace: shop}\nspec: {selector: {matchLabels: {app: web}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/robot]}}]}]}\n',
    );
    expect(inside('curl -sS -m 3 web').exitCode).toBe(56);
    const lines = log(2).join('\n');
    expect(lines).toContain(
      'direction="inbound" bytes_sent=0 bytes_recv=0 duration="0ms" error="connection closed due to policy rejection: allow policies exist, but none allowed"',
    );
    expect(lines).toMatch(/direction="outbound" bytes_sent=\d+ bytes_recv=0 duration="\d+ms" error="http status: 401 Unauthorized"/);
    world.edit('policy.yaml', '');
  });

  it('lets pods go when the label goes', () => {
    run('kubectl label ns shop istio.io/dataplane-mode-');
    expect(inside('sh -c "iptables-save; ip rule"').stdout).not.toContain('ISTIO');
    expect(inside('curl -sS -m 3 web').exitCode).toBe(0);
  });
});
