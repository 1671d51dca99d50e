/** `kubehop recorded` as a command: its table, its exit codes, and manifests that make the same cluster again. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createShell } from '../shell/index.ts';
import { allParts } from '../world/all-parts.ts';
import { World } from '../world/world.ts';
import { recorded } from './recorded.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubehop-recorded-'));
afterAll(() => rmSync(folder, { recursive: true }));

const world = {
  id: '01-two-pods',
  title: 'two pods',
  cluster: {
    cni: { mode: 'vxlan', mtu: 1400 },
    nodes: [{ name: 'node1' }, { name: 'node2', ip: '172.30.1.77' }],
    pods: [
      { name: 'client', node: 'node1', ip: '10.244.0.5' },
      { name: 'web', node: 'node2', ip: '10.244.1.66', labels: { app: 'web' }, tcp: [8080] },
    ],
    services: [
      {
        name: 'web',
        type: 'LoadBalancer',
        clusterIP: '10.96.0.20',
        selector: { app: 'web' },
        ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }],
        loadBalancerIPs: ['203.0.113.200'],
      },
      { name: 'given', clusterIP: '10.96.0.21', ports: [{ port: 81 }], endpoints: [{ ip: '203.0.113.9' }] },
    ],
    externals: [
      { name: 'laptop', ip: '203.0.113.10', tcp: [9000] },
      { name: 'printer', ip: '172.30.1.50', udp: [9100] },
    ],
    underlay: { routerRoutes: ['10.244.1.0/24 via 172.30.1.77'] },
  },
  steps: [
    { name: 'by the service', from: 'pod:client', to: '10.96.0.20:80', expect: { status: 'ok', server: 'web', server_saw_ip: '10.244.0.5' } },
    {
      name: 'to the same wire',
      from: 'pod:client',
      to: 'ext:printer:9100',
      proto: 'udp',
      expect: { status: 'ok', server: 'printer', server_saw_ip: '172.30.1.2' },
    },
    { name: 'from outside, routed', from: 'ext:laptop', to: 'pod:web:8080', expect: { status: 'ok', server_saw_ip: '203.0.113.10' } },
  ],
};

function run(...argv: readonly string[]): { readonly code: number; readonly out: string; readonly err: string } {
  let out = '';
  let err = '';
  const code = recorded(argv, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

describe('kubehop recorded', () => {
  const path = join(folder, '01-two-pods.world.json');
  writeFileSync(path, JSON.stringify(world));

  it('prints a line a world, and exits with 0 where all is as expected', () => {
    const { code, out } = run(path, '--level', '1');
    expect(out).toBe('WORLD        1 result\n01-two-pods  3/3\ntotal        3/3\n');
    expect(code).toBe(0);
  });

  it('shows the first differences and exits with 1', () => {
    const other = join(folder, 'other.json');
    writeFileSync(other, JSON.stringify({ ...world, steps: [{ ...world.steps[0], expect: { status: 'timeout' } }] }));
    const { code, out } = run(other);
    expect(code).toBe(1);
    expect(out).toContain('01-two-pods, step "by the service", level 1: expect status\n    recorded timeout\n    here     ok\n');
  });

  it('names fields that nobody knows, and refuses what is no world', () => {
    const odd = join(folder, 'odd.json');
    writeFileSync(odd, JSON.stringify({ ...world, cluster: { ...world.cluster, cni: { mode: 'vxlan', colour: 'red' } }, steps: [] }));
    expect(run(odd).out).toContain('note: cni.colour is not a field that is known here');
    expect(() => run(join(folder, 'nothing.json'))).toThrow('does not exist');
    writeFileSync(odd, '{"cluster": {"cni": {"mode": "smoke"}}}');
    expect(() => run(odd)).toThrow('cni.mode is neither vxlan nor host-gw: smoke');
    writeFileSync(odd, '{"cluster": {"__proto__": {}}, "steps": []}');
    expect(() => run(odd)).toThrow('__proto__');
  });

  it('writes manifests from which the same addresses come', () => {
    const manifests = join(folder, 'manifests');
    expect(run(path, '--manifests', manifests).code).toBe(0);
    const files = readdirSync(manifests).map((name) => ({ path: name, text: readFileSync(join(manifests, name), 'utf8') }));
    const made = World.open({ parts: allParts, document: { version: 1, seed: 1, files, inputs: [], positions: {} }, baseFiles: [], createShell });
    expect(made.diagnostics.filter((one) => one.severity !== 'info')).toEqual([]);
    made.openSession('n', { host: 'node1' });
    const ask = (line: string): string => {
      const from = made.terminalLength;
      made.command('n', line);
      return made
        .terminalFrom(from)
        .flatMap((one) => (one.kind === 'stdout' ? [one.text] : []))
        .join('');
    };
    expect(ask("kubectl get pods -o jsonpath='{.items[*].status.podIP}'")).toBe('10.244.0.5 10.244.1.66');
    expect(ask('kubectl get nodes -o wide')).toMatch(/node2 .* 172\.30\.1\.77 /);
    expect(ask('kubectl get svc web -o wide')).toMatch(/LoadBalancer +10\.96\.0\.20 +203\.0\.113\.200 +80:30080\/TCP/);
    expect(ask('kubectl get endpointslices')).toMatch(/given-given +IPv4 +81 +203\.0\.113\.9/);
    expect(ask('iptables-save -t nat')).toContain('--to-destination 203.0.113.9:81');
    expect(ask('kubectl exec client -- ping -c 1 203.0.113.10')).toContain('1 received');
    expect(ask('kubectl exec client -- nc -z -v 203.0.113.200 80')).toBe('');
    expect(ask('ping -c 1 172.30.1.50')).toContain('1 received');
  });
});
