/** The eBPF way: Services without kube-proxy in the world that ships as `examples/cilium`, and the same flows in flannel's. */
import { describe, expect, it } from 'vitest';
import { curlProgram } from '../../net/app/curl.ts';
import type { TraceEvent } from '../../net/trace-event.ts';
import type { World } from '../world.ts';
import { articleFiles, openArticle, runLine } from './article.ts';
import { laptop, openCilium } from './cilium-world.ts';

const said = (world: World, line: string): string => runLine(world, line).output;

/** All events of the packets that carried a TCP segment of port 80 in this stretch of the log. */
function httpEvents(world: World, from: number): TraceEvent[] {
  const events = world.engine.events(from, world.engine.traceLength);
  const packets = new Set(events.filter((e) => e.layers.some((l) => l.protocol === 'tcp' && (l.dport === 80 || l.sport === 80))).map((e) => e.packetId));
  return events.filter((e) => packets.has(e.packetId));
}

const nativeSettings = [
  ['routing-mode', 'native'],
  ['auto-direct-node-routes', '"true"'],
] as const;
const ways: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ['through the tunnel', []],
  ['through a Geneve tunnel', [['tunnel-protocol', 'geneve']]],
  ['routed by the network', nativeSettings],
  ['with sockets of pods left alone', [['bpf-lb-sock-hostns-only', '"true"']]],
  ["with iptables that masquerades, and so the host's stack in the way", [['enable-bpf-masquerade', '"false"']]],
  ['beside a kube-proxy', [['kube-proxy-replacement', '"false"']]],
];

describe('Services by Cilium', () => {
  for (const [how, settings] of ways) {
    it(`are reached from pods, nodes and outside, ${how}`, () => {
      const world = openCilium({ settings });
      expect(said(world, 'kubectl exec client -- curl -sS -m 3 web-service')).toMatch(/^Hello from web-/);
      expect(said(world, 'curl -sS -m 3 10.97.253.216')).toMatch(/^Hello from web-/);
      // A backend on the node that was asked, and one that is elsewhere.
      for (const node of ['172.30.1.2', '172.30.2.2']) expect(said(world, `ssh laptop curl -sS -m 3 ${node}:30080`)).toMatch(/^Hello from web-/);
      expect(said(world, 'kubectl exec client -- curl -sS -m 3 172.30.2.2:30080')).toMatch(/^Hello from web-/);
      expect(said(world, 'curl -sS -m 3 127.0.0.1:30080')).toMatch(/^Hello from web-/);
      // Hairpin: sooner or later a pod is its own backend.
      for (let i = 0; i < 8; i += 1) expect(said(world, 'kubectl exec deploy/web -- curl -sS -m 3 web-service')).toMatch(/^Hello from web-/);
      expect(said(world, 'kubectl exec client -- ping -c 1 -W 1 203.0.113.9')).toContain('1 received');
      expect(said(world, 'ping -c 1 -W 1 10.244.1.3')).toContain('1 received');
    });
  }

  it('refuse at the call where there is no backend, with another errno than a REJECT would give', () => {
    const world = openCilium();
    runLine(world, 'kubectl scale deploy web --replicas=0');
    const refused = said(world, 'kubectl exec client -- curl -v -m 3 10.97.253.216');
    expect(refused).toContain('Immediate connect fail for 10.97.253.216: No route to host');
    const outside = said(world, 'ssh laptop curl -sS -m 3 172.30.1.2:30080');
    expect(outside).toContain('curl: (7)');
    const [drop] = world.engine.events(0, world.engine.traceLength).filter((e) => e.step.kind === 'dropped' && e.step.reason === 'TC_INGRESS');
    expect(drop?.step).toMatchObject({
      detail: 'Service backend not found: 172.30.1.2:30080/TCP has no backends (cil_from_netdev)',
      answered: expect.stringContaining('port'),
    });
  });

  it('keep silent about a missing backend outside when told to', () => {
    const world = openCilium({ settings: [['service-no-backend-response', 'drop']] });
    runLine(world, 'kubectl scale deploy web --replicas=0');
    expect(said(world, 'ssh laptop curl -sS -m 2 172.30.1.2:30080')).toContain('timed out');
  });

  it('keep the address of a client outside when the backend is on the node that was asked', () => {
    const world = openCilium();
    const from = world.engine.traceLength;
    runLine(world, 'ssh laptop curl -sS -m 3 172.30.2.2:30080');
    const taken = httpEvents(world, from).find((e) => e.step.kind === 'delivered' && e.netns.includes('web-'));
    expect(taken?.layers.find((l) => l.protocol === 'ipv4')).toMatchObject({ src: '203.0.113.9' });
    const other = world.engine.traceLength;
    runLine(world, 'ssh laptop curl -sS -m 3 172.30.1.2:30080');
    const masqueraded = httpEvents(world, other).find((e) => e.step.kind === 'delivered' && e.netns.includes('web-'));
    expect(masqueraded?.layers.find((l) => l.protocol === 'ipv4')).toMatchObject({ src: '10.244.0.1' });
  });

  it('with externalTrafficPolicy Local have two scopes: outside a node without a pod has none, inside all are reached', () => {
    const local = {
      path: 'local.yaml',
      text: 'apiVersion: v1\nkind: Service\nmetadata: {name: local}\nspec: {type: NodePort, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80, nodePort: 30090}]}\n',
    };
    const world = openCilium({ more: [local] });
    expect(said(world, 'ssh laptop curl -sS -m 3 172.30.2.2:30090')).toMatch(/^Hello from web-/);
    expect(said(world, 'ssh laptop curl -sS -m 3 172.30.1.2:30090')).toContain('curl: (7)');
    expect(said(world, 'kubectl exec client -- curl -sS -m 3 172.30.1.2:30090')).toMatch(/^Hello from web-/);
    expect(said(world, 'curl -sS -m 3 172.30.1.2:30090')).toMatch(/^Hello from web-/);
  });

  it('tell a load balancer which nodes have pods of theirs', () => {
    const balanced = {
      path: 'lb.yaml',
      text: 'apiVersion: v1\nkind: Service\nmetadata: {name: lb}\nspec: {type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 31999, selector: {app: web}, ports: [{port: 80}]}\n',
    };
    const world = openCilium({ more: [balanced] });
    expect(said(world, 'ssh laptop curl -sS -m 2 172.30.2.2:31999')).toBe('{"service":{"namespace":"default","name":"lb"},"localEndpoints":3}\n');
    expect(said(world, 'ssh laptop curl -sS -m 2 -o /dev/null -w %{http_code} 172.30.1.2:31999')).toBe('503');
  });

  it('with session affinity stay with one backend for one netns', () => {
    const sticky = {
      path: 'sticky.yaml',
      text: 'apiVersion: v1\nkind: Service\nmetadata: {name: sticky}\nspec: {sessionAffinity: ClientIP, selector: {app: web}, ports: [{port: 80}]}\n',
    };
    const world = openCilium({ more: [sticky] });
    const answers = new Set(Array.from({ length: 12 }, () => said(world, 'kubectl exec client -- curl -sS -m 3 sticky')));
    expect(answers.size).toBe(1);
    const plain = new Set(Array.from({ length: 12 }, () => said(world, 'kubectl exec client -- curl -sS -m 3 web-service')));
    expect(plain.size).toBeGreaterThan(1);
  });

  it('are not for the wire: a packet for a ClusterIP from outside is dropped', () => {
    const world = openCilium({ routerRoute: '10.96.0.0/12' });
    expect(said(world, 'ssh laptop curl -sS -m 2 10.97.253.216')).toContain('timed out');
    const drops = world.engine
      .events(0, world.engine.traceLength)
      .flatMap((e) => (e.step.kind === 'dropped' && e.step.reason === 'TC_INGRESS' ? [e.step.detail] : []));
    expect(drops[0]).toBe('Is a ClusterIP: 10.97.253.216:80 is for clients inside the cluster (cil_from_netdev)');
  });
});

describe('a backend that goes', () => {
  const echo = `apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  replicas: 1
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec: {containers: [{name: echo, image: 'example.com/echo', ports: [{containerPort: 9000, protocol: UDP}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {clusterIP: 10.96.77.7, selector: {app: echo}, ports: [{port: 9000, protocol: UDP}]}
`;

  it('takes the sockets of datagrams with it that are connected to it', () => {
    const world = openCilium({ more: [{ path: 'echo.yaml', text: echo }] });
    runLine(world, 'kubectl exec client -- sh -c "(echo hi; sleep 30) | nc -u 10.96.77.7 9000" > heard 2>&1 &');
    runLine(world, 'sleep 1');
    expect(said(world, 'cat heard')).toContain('echo-');
    expect(said(world, 'kubectl exec client -- ss -uan')).toMatch(/ESTAB .* 10\.244\.1\.\d+:9000/);
    runLine(world, 'kubectl scale deploy echo --replicas=0 && sleep 2');
    expect(said(world, 'kubectl exec client -- ss -uan')).not.toContain(':9000');
  });

  it('refuses the next call until there is another', () => {
    const world = openCilium({ more: [{ path: 'echo.yaml', text: echo }] });
    runLine(world, 'kubectl scale deploy echo --replicas=0');
    expect(said(world, 'kubectl exec client -- nc -zvuw 1 10.96.77.7 9000')).toContain('No route to host');
    runLine(world, 'kubectl scale deploy echo --replicas=1');
    expect(said(world, 'kubectl exec client -- nc -zvuw 1 10.96.77.7 9000')).toContain('succeeded');
  });
});

describe('the host', () => {
  it('cannot bind what a Service has taken on it, and its pods can', () => {
    const world = openCilium();
    expect(said(world, 'nc -l 30080 2> refused & sleep 1; cat refused')).toContain('nc: Operation not permitted\n');
    expect(said(world, 'kubectl exec client -- sh -c "nc -l 30080 & sleep 0.1; ss -ltn"')).toContain(':30080');
  });

  it('is told by ICMP of what became of masqueraded packets, and passes it on to the pod', () => {
    const world = openCilium();
    const hops = said(world, 'kubectl exec client -- traceroute -n 203.0.113.9');
    expect(hops).toMatch(/ 1 {2}10\.244\.0\.1 .*\n 2 {2}172\.30\.0\.1 .*\n 3 {2}203\.0\.113\.9 /);
  });

  it('goes on serving while its agent is stopped, by what the agent knew last', () => {
    const world = openCilium();
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/stopped=cilium-agent');
    runLine(world, 'kubectl scale deploy web --replicas=1 && sleep 40');
    const answers = Array.from({ length: 12 }, () => said(world, 'kubectl exec client -- curl -sS -m 1 web-service'));
    expect(answers.some((one) => one.startsWith('Hello'))).toBe(true);
    expect(answers.some((one) => one.includes('timed out'))).toBe(true);
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/stopped-');
    for (let i = 0; i < 6; i += 1) expect(said(world, 'kubectl exec client -- curl -sS -m 1 web-service')).toMatch(/^Hello/);
  });

  it('passes datagrams that are too large for one packet', () => {
    for (const settings of [[], nativeSettings])
      expect(said(openCilium({ settings }), 'kubectl exec client -- ping -c 1 -W 1 -s 5000 10.244.1.3')).toContain('1 received');
  });

  it('drops what a pod sends under another address', () => {
    const world = openCilium();
    runLine(world, 'kubectl exec client -- ip addr add 10.244.0.77/32 dev eth0');
    runLine(world, 'kubectl exec client -- ping -c 1 -W 1 -I 10.244.0.77 10.244.1.3');
    const drops = world.engine
      .events(0, world.engine.traceLength)
      .flatMap((e) => (e.step.kind === 'dropped' && e.step.reason === 'TC_INGRESS' ? [e.step.detail] : []));
    expect(drops[0]).toBe('Invalid source ip: 10.244.0.77 is not the address of this endpoint, 10.244.0.3 (cil_from_container)');
  });

  it('has Services as soon as kube-proxy is replaced by editing the settings, and loses them likewise', () => {
    const world = openCilium({ settings: [['kube-proxy-replacement', '"false"']] });
    const text = world.files.find((file) => file.path === 'cilium.yaml')?.text ?? '';
    expect(said(world, 'iptables-save -t nat')).toContain('KUBE-SVC-');
    expect(world.edit('cilium.yaml', text.replace('kube-proxy-replacement: "false"', 'kube-proxy-replacement: "true"')).applied).toBe(true);
    expect(said(world, 'iptables-save -t nat')).not.toContain('KUBE-SVC-');
    expect(said(world, 'kubectl exec client -- curl -sS -m 3 web-service')).toMatch(/^Hello from web-/);
    expect(world.edit('cilium.yaml', text.replace('routing-mode: tunnel', 'routing-mode: sideways')).applied).toBe(true);
    expect(world.diagnostics.map((one) => one.message)).toContain('invalid routing mode "sideways", valid modes = ["native", "tunnel"]');
  });
});

describe('every kind of Service', () => {
  const service = (name: string, more: string): string =>
    `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {selector: {app: web}, ports: [{port: 80, targetPort: 80}], ${more}}\n`;
  const manifests = [
    service('plain', 'clusterIP: 10.96.50.1'),
    service('inside-local', 'clusterIP: 10.96.50.2, internalTrafficPolicy: Local'),
    service('outside-local', 'clusterIP: 10.96.50.3, type: LoadBalancer, externalTrafficPolicy: Local'),
    service('outside', 'clusterIP: 10.96.50.4, type: NodePort, externalIPs: [172.30.1.200]'),
  ]
    .join('---\n')
    .replace('port: 80, targetPort: 80}], clusterIP: 10.96.50.3', 'port: 80, targetPort: 80, nodePort: 30503}], clusterIP: 10.96.50.3')
    .replace('port: 80, targetPort: 80}], clusterIP: 10.96.50.4', 'port: 80, targetPort: 80, nodePort: 30504}], clusterIP: 10.96.50.4');
  const callers = ['kubectl exec client --', 'ssh node01'];
  const inside = ['10.96.50.1', '10.96.50.2', '10.96.50.3', '10.96.50.4', '172.30.1.2:30504', '172.30.2.2:30504'];
  const outside = ['172.30.1.2:30503', '172.30.2.2:30503', '172.30.1.2:30504', '172.30.2.2:30504'];

  /** Which pods answer until all three have, or thirty calls are over; a refusal and silence are both nobody. */
  const reached = (world: World, caller: string, target: string): string => {
    const answers = new Set<string>();
    for (let i = 0; i < 30 && answers.size < 3; i += 1) {
      const text = said(world, `${caller} curl -s -m 1 ${target}`);
      if (!text.startsWith('Hello')) return 'nobody';
      answers.add(text);
    }
    return [...answers].sort().join('');
  };
  const table = (world: World): readonly string[] => [
    ...callers.flatMap((caller) => inside.map((target) => `${caller} ${target}: ${reached(world, caller, target)}`)),
    ...outside.map((target) => `laptop ${target}: ${reached(world, 'ssh laptop', target)}`),
  ];

  it('reaches the same backends as by kube-proxy', () => {
    const more = [{ path: 'services.yaml', text: manifests }];
    const byCilium = table(openCilium({ more }));
    const byRules = table(openArticle({ files: [...articleFiles(), ...more, laptop], trace: false }));
    expect(byCilium).toEqual(byRules);
    // The table says something: some reach all, some only their node's, some nobody.
    expect(new Set(byCilium.map((line) => line.split(': ')[1])).size).toBeGreaterThan(1);
  });
});

describe('the same curl by rules and by sockets', () => {
  it('is a shorter way: no rule about Services, no translation, no entry in conntrack, and the pod sees a pod', () => {
    const flannel = openArticle();
    const cilium = openCilium();
    const measured = [flannel, cilium].map((world) => {
      // Names and neighbours are known from here on.
      runLine(world, 'kubectl exec client -- curl -sS -m 3 10.97.253.216');
      runLine(world, 'conntrack -F');
      const from = world.engine.traceLength;
      expect(said(world, 'kubectl exec client -- curl -sS -m 3 10.97.253.216')).toMatch(/^Hello from web-/);
      const events = httpEvents(world, from);
      const count = (test: (e: TraceEvent) => boolean): number => events.filter(test).length;
      return {
        rows: events.length,
        rules: count((e) => e.step.kind === 'matched' && e.step.rule !== undefined),
        serviceRules: count((e) => e.step.kind === 'matched' && /^KUBE-S/.test(e.step.rule?.chain ?? '')),
        translations: count((e) => e.step.kind === 'translated'),
        natEntries: world.engine.connections('controlplane/netns/root').filter((c) => c.nat.length > 0).length,
        clusterIp: count((e) => e.layers.some((l) => l.protocol === 'ipv4' && (l.dst === '10.97.253.216' || l.src === '10.97.253.216'))),
      };
    });
    const [byRules, bySockets] = measured as [(typeof measured)[0], (typeof measured)[0]];
    expect(byRules.serviceRules).toBeGreaterThan(0);
    expect(byRules.natEntries).toBe(1);
    expect(byRules.clusterIp).toBeGreaterThan(0);
    expect(bySockets).toMatchObject({ serviceRules: 0, translations: 0, natEntries: 0, clusterIp: 0 });
    expect(bySockets.rows).toBeLessThan(0.8 * byRules.rows);
    expect(bySockets.rules).toBeLessThan(byRules.rules);
  });

  it('shows tcpdump in the pod the backend, and curl the Service', () => {
    const world = openCilium();
    runLine(world, 'kubectl exec client -- tcpdump -nni eth0 -c 3 tcp port 80 > seen &');
    const curl = said(world, 'kubectl exec client -- curl -v -m 3 10.97.253.216');
    expect(curl).toContain('Connected to 10.97.253.216 (10.97.253.216) port 80');
    const seen = said(world, 'cat seen');
    expect(seen).toMatch(/IP 10\.244\.0\.\d+\.\d+ > 10\.244\.1\.\d+\.80: Flags \[S\]/);
    expect(seen).not.toContain('10.97.253.216');
  });
});

describe('a world with BPF', () => {
  it('gives the same log again, and runs on the same from a snapshot', () => {
    const lines = ['kubectl exec client -- curl -sS web-service', 'ssh laptop curl -sS 172.30.1.2:30080', 'kubectl exec client -- ping -c 2 203.0.113.9'];
    const first = openCilium();
    const second = openCilium();
    for (const line of lines) runLine(first, line);
    for (const line of lines) runLine(second, line);
    const all = (world: World, to = world.engine.traceLength): string =>
      JSON.stringify(world.engine.events(0, to), (_, v) => (typeof v === 'bigint' ? String(v) : v));
    expect(all(second)).toBe(all(first));
    const { engine } = first;
    const saved = engine.snapshot();
    const records = first.records.snapshot();
    const at = engine.traceLength;
    const parsed = curlProgram.parse(['-s', '10.97.253.216'], { tty: false, image: 'netshoot' });
    const go = (): string => {
      engine.spawn({ netns: 'controlplane/netns/client.default', app: 'curl', name: 'again', config: parsed.ok ? parsed.config : undefined });
      engine.run({ untilNs: engine.nowNs + 2e9, maxEvents: 100_000 });
      return JSON.stringify(engine.events(at, engine.traceLength));
    };
    const once = go();
    first.records.restore(records);
    engine.restore(saved);
    expect(go()).toBe(once);
    expect(engine.bpf('controlplane')?.conntrack.list(engine.nowNs).length).toBeGreaterThan(0);
  });
});
