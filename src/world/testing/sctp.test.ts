/** SCTP in whole clusters: associations through Services in each of kube-proxy's modes, and policies for SCTP ports held by packets in each CNI that enforces them. */
import { describe, expect, it } from 'vitest';
import { calicoManifest } from '../../kube/cni/manifests/calico.ts';
import { createShell } from '../../shell/index.ts';
import { allParts } from '../all-parts.ts';
import type { DocumentFile } from '../document.ts';
import { World } from '../world.ts';
import { articleFiles, openArticle, runLine } from './article.ts';
import { openCilium } from './cilium-world.ts';

const agnhost = 'registry.k8s.io/e2e-test-images/agnhost:2.53';
/** A server at SCTP 80 and TCP 80 on one node, and a client on another. */
const pods = (server: string, client: string): DocumentFile => ({
  path: 'sctp.yaml',
  text: `apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: sctp}}
spec:
  nodeName: ${server}
  containers: [{name: c, image: "${agnhost}", args: [porter], env: [{name: SERVE_SCTP_PORT_80, value: foo}, {name: SERVE_PORT_80, value: bar}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: asks, labels: {app: asks}}
spec:
  nodeName: ${client}
  containers: [{name: c, image: "${agnhost}", args: [pause]}]
---
apiVersion: v1
kind: Service
metadata: {name: sctp}
spec: {type: NodePort, selector: {app: sctp}, ports: [{port: 132, targetPort: 80, nodePort: 30132, protocol: SCTP}]}
`,
});
const said = (world: World, line: string): string => runLine(world, line).output;
const ip = (world: World, pod: string): string => said(world, `kubectl get pod ${pod} -o jsonpath='{.status.podIP}'`);
/** What agnhost says; `connected` where it says nothing. */
const connect = (world: World, to: string, protocol = 'sctp'): string => {
  const { output, exitCode } = runLine(world, `kubectl exec asks -- /agnhost connect ${to} --protocol=${protocol} --timeout=2s`);
  return exitCode === 0 ? `connected${output}` : (output.split('\n')[0] ?? '');
};
const policy = (port: string): string => `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: sctp}
spec:
  podSelector: {matchLabels: {app: sctp}}
  ingress: [{from: [{podSelector: {matchLabels: {app: asks}}}], ports: [${port}]}]
`;
const apply = (world: World, yaml: string): void => {
  const { exitCode, output } = runLine(world, `kubectl apply -f - <<'EOF'\n${yaml}EOF`);
  if (exitCode !== 0) throw new Error(output);
};

describe('SCTP between pods', () => {
  const world = openArticle({ files: [...articleFiles(), pods('controlplane', 'node01')] });
  const server = ip(world, 'server');

  it('is an association from INIT to SHUTDOWN COMPLETE, in tcpdump’s lines and in conntrack', () => {
    const from = world.engine.traceLength;
    expect(connect(world, `${server}:80`)).toBe('connected');
    const chunks = world.engine
      .events(from, world.engine.traceLength)
      .flatMap(({ step, device, netns, layers }) => (step.kind === 'transmitted' && device === 'eth0' && !netns.endsWith('/root') ? layers : []))
      .flatMap((layer) => (layer.protocol === 'sctp' ? [layer.text] : []));
    expect(chunks.slice(0, 5)).toEqual(['[INIT]', '[INIT ACK]', '[COOKIE ECHO]', '[COOKIE ACK]', '[DATA]']);
    expect(chunks.at(-1)).toBe('[SHUTDOWN COMPLETE]');
    const listed = new RegExp(`^sctp     132 (9|10) CLOSED src=${ip(world, 'asks')} dst=${server} sport=\\d+ dport=80 src=.* \\[ASSURED\\] mark=0 use=1$`, 'm');
    expect(said(world, 'conntrack -L -p sctp')).toMatch(listed);
    const lines = said(
      world,
      `tcpdump -nn -c 2 -i cni0 sctp and dst port 80 & sleep 1; kubectl exec asks -- agnhost connect ${server}:80 --protocol sctp --timeout 1s; wait`,
    );
    expect(lines).toMatch(
      / IP 10\.244\.1\.\d+\.\d+ > 10\.244\.0\.\d+\.80: sctp \(1\) \[INIT\] \[init tag: \d+\] \[rwnd: 106496\] \[OS: 10\] \[MIS: 65535\] \[init TSN: \d+\] $/m,
    );
  });

  it('is refused by ABORT where nobody listens, and by ICMP where no kernel has loaded the module', () => {
    expect(connect(world, `${server}:81`)).toBe('OTHER: connection refused');
    expect(connect(world, '172.30.0.1:80')).toBe('OTHER: protocol not available');
    expect(connect(world, `${server}:81`, 'tcp')).toBe('REFUSED');
    expect(said(world, 'ss -Sanp').split('\n')[0]).toMatch(/^State +Recv-Q +Send-Q/);
  });

  it.each(['iptables', 'nftables', 'ipvs'])('goes by a Service and its node port in mode %s', (mode) => {
    const config = articleFiles().find((one) => one.path === 'kube-proxy.yaml')?.text ?? '';
    world.edit('kube-proxy.yaml', config.replace('mode: iptables', `mode: ${mode}`));
    expect(connect(world, 'sctp:132')).toBe('connected');
    expect(connect(world, '172.30.1.2:30132')).toBe('connected');
    if (mode === 'ipvs')
      expect(said(world, 'ssh node01 ipvsadm -Lnc | grep SCTP')).toMatch(/^SCTP 01:0\d +CLOSED +10\.244\.1\.\d+:\d+ +\S+:132 +10\.244\.0\.\d+:80$/m);
  });
});

describe('policies for SCTP ports, by packets', () => {
  const calico = (): World =>
    World.open({
      parts: allParts,
      document: {
        version: 1,
        seed: 1,
        files: [
          ...articleFiles().filter((file) => !file.path.includes('flannel')),
          { path: 'calico.yaml', text: calicoManifest('vxlan') },
          pods('controlplane', 'node01'),
        ],
        inputs: [],
        positions: {},
      },
      baseFiles: [],
      createShell,
    });
  const kind = (): World =>
    World.open({
      parts: allParts,
      document: {
        version: 1,
        seed: 1,
        files: [
          { path: 'kind.yaml', text: 'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane}, {role: worker}]\n' },
          pods('kind-control-plane', 'kind-worker'),
        ],
        inputs: [],
        positions: {},
      },
      baseFiles: articleFiles().filter((file) => file.path !== 'web.yaml' && file.path !== 'client.yaml'),
      createShell,
    });
  const cilium = (): World => openCilium({ settings: [['cluster-name', 'default\n  enable-sctp: "true"']], more: [pods('controlplane', 'node01')] });

  it.each([
    ['kindnet', kind],
    ['Calico', calico],
    ['Cilium with enable-sctp', cilium],
  ])('%s tells them from TCP ports of the same number, and a range holds what is in it', (_cni, open) => {
    const world = open();
    const server = ip(world, 'server');
    const outcomes = (): string[] => [connect(world, `${server}:80`), connect(world, `${server}:80`, 'tcp'), connect(world, `${server}:81`)];
    expect(outcomes()).toEqual(['connected', 'connected', 'OTHER: connection refused']);
    apply(world, policy('{protocol: SCTP, port: 80}'));
    expect(outcomes()).toEqual(['connected', 'TIMEOUT', 'TIMEOUT']);
    apply(world, policy('{protocol: TCP, port: 80}'));
    expect(outcomes()).toEqual(['TIMEOUT', 'connected', 'TIMEOUT']);
    apply(world, policy('{protocol: SCTP, port: 81, endPort: 90}'));
    expect(outcomes()).toEqual(['TIMEOUT', 'TIMEOUT', 'OTHER: connection refused']);
  });

  it('Cilium knows no SCTP unless it is told to: its programs drop it, whatever policies say', () => {
    const world = openCilium({ more: [pods('controlplane', 'node01')] });
    const from = world.engine.traceLength;
    expect(connect(world, `${ip(world, 'server')}:80`)).toBe('TIMEOUT');
    const drops = world.engine.events(from, world.engine.traceLength).flatMap(({ step }) => (step.kind === 'dropped' ? [step.detail] : []));
    expect(drops[0]).toContain('CT: Unknown L4 protocol');
  });
});
