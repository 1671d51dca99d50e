/** Policies by Cilium, judged by packets: who is answered, who is dropped where, in every dialect, and what its tools say of it. */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../base/prng.ts';
import { policyModel } from '../../kube/policy/policy-model.ts';
import { verdict } from '../../kube/policy/verdict.ts';
import { formatIp } from '../../net/addr/ip.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { World } from '../world.ts';
import { runLine } from './article.ts';
import { openCilium } from './cilium-world.ts';

const said = (world: World, line: string): string => runLine(world, line).output;
const agent = (world: World, line: string): string => runLine(world, `kubectl -n kube-system exec ds/cilium -- ${line}`).stdout;
const apply = (world: World, yaml: string): void => {
  const { exitCode, output } = runLine(world, `kubectl apply -f - <<'EOF'\n${yaml}EOF`);
  if (exitCode !== 0) throw new Error(output);
};
const drops = (world: World, from: number): string[] =>
  world.engine
    .events(from, world.engine.traceLength)
    .flatMap((e) => (e.step.kind === 'dropped' && e.step.reason.startsWith('TC_') ? [e.step.detail.split(': ')[0] ?? ''] : []));
const cnp = (name: string, spec: string): string => `apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: ${name}}\nspec: ${spec}\n`;

const world = openCilium();
const reaches = (path = ''): string => said(world, `kubectl exec client -- curl -sS -m 1 web-service${path}`);

describe('a NetworkPolicy', () => {
  it('denies what it does not allow, in its direction alone, and drops without a word', () => {
    expect(reaches()).toMatch(/^Hello/);
    apply(world, 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {matchLabels: {app: web}}}\n');
    const from = world.engine.traceLength;
    expect(reaches()).toContain('timed out');
    expect(new Set(drops(world, from))).toEqual(new Set(['Policy denied']));
    expect(said(world, 'kubectl exec deploy/web -- curl -sS -m 2 10.244.0.2:8080/health')).toBe('OK');
    // The kubelet reaches its own pods; seen from the other node this one is a stranger.
    expect(said(world, 'ssh node01 curl -sS -m 1 10.244.1.3')).toMatch(/^Hello/);
    expect(said(world, 'curl -sS -m 1 10.244.1.3')).toContain('timed out');
    expect(said(world, 'ssh laptop curl -sS -m 1 172.30.1.2:30080')).toContain('timed out');
  });

  it("is told by hubble and the monitor in Cilium's lines", () => {
    const flows = said(world, 'hubble observe --verdict DROPPED --from-pod default/client --to-pod default/web --last 2').trimEnd().split('\n');
    const ends = String.raw`default/client:\d+ \(ID:\d+\) <> default/web-[0-9a-z]+-[0-9a-z]+:80 \(ID:\d+\)`;
    expect(flows[0]).toMatch(new RegExp(`^Apr  4 \\d\\d:\\d\\d:\\d\\d\\.\\d{3}: ${ends} policy-verdict:none INGRESS DENIED \\(TCP Flags: SYN\\)$`));
    expect(flows[1]).toMatch(new RegExp(`: ${ends} Policy denied DROPPED \\(TCP Flags: SYN\\)$`));
    runLine(world, 'ssh node01 "cilium-dbg monitor -t drop -t policy-verdict > seen" & sleep 1; kubectl exec client -- curl -s -m 1 10.97.253.216');
    const seen = said(world, 'ssh node01 cat seen');
    expect(seen).toMatch(
      /^Policy verdict log: flow 0x[0-9a-f]+ local EP ID \d+, remote ID \d+, proto 6, ingress, action deny, auth: disabled, match none, 10\.244\.0\.3:\d+ -> 10\.244\.1\.\d:80 tcp SYN$/m,
    );
    expect(seen).toMatch(
      /^xx drop \(Policy denied\) flow 0x[0-9a-f]+ to endpoint \d+, ifindex \d+, file bpf_lxc\.c:\d+, , identity \d+->\d+: 10\.244\.0\.3:\d+ -> 10\.244\.1\.\d:80 tcp SYN$/m,
    );
    const json = JSON.parse(said(world, 'hubble observe --verdict DROPPED --last 1 -o jsonpb')) as { flow: Record<string, unknown> };
    expect(json.flow).toMatchObject({
      verdict: 'DROPPED',
      drop_reason: 133,
      drop_reason_desc: 'POLICY_DENIED',
      node_name: 'node01',
      Summary: 'TCP Flags: SYN',
    });
    expect(said(world, 'hubble observe --verdict LOST')).toBe('Error: invalid argument "LOST" for "--verdict" flag: LOST\n');
  });

  it('allows by labels and port, and ICMP only where it names no port', () => {
    apply(
      world,
      `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]
`,
    );
    expect(reaches()).toMatch(/^Hello/);
    expect(said(world, 'kubectl exec client -- ping -c 1 -W 1 10.244.1.3')).toContain('100% packet loss');
    runLine(world, 'kubectl delete netpol allow deny');
    expect(said(world, 'kubectl exec client -- ping -c 1 -W 1 10.244.1.3')).toContain('1 received');
  });

  it('ends connections that it does not allow any more: every packet of who began it is asked again', () => {
    runLine(world, 'kubectl exec client -- sh -c "(sleep 9; echo GET /; sleep 3) | nc 10.244.1.3 80" > late 2>&1 &');
    runLine(world, 'sleep 1');
    apply(world, 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: late}\nspec: {podSelector: {matchLabels: {app: web}}}\n');
    const from = world.engine.traceLength;
    runLine(world, 'sleep 10');
    expect(drops(world, from)).toContain('Policy denied');
    runLine(world, 'kubectl delete netpol late; sleep 9');
  });
});

describe('a CiliumNetworkPolicy', () => {
  it('reads requests: what no rule has is answered by Envoy', () => {
    apply(
      world,
      cnp(
        'l7',
        `{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: [{matchLabels: {app: client}}], toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET, path: "/|/public/.*"}]}}]}]}`,
      ),
    );
    expect(said(world, 'kubectl get cnp')).toMatch(/^NAME +AGE +VALID\nl7 +\S+ +True\n$/);
    expect(reaches()).toMatch(/^Hello/);
    expect(reaches('/admin')).toBe('Access denied\r\n');
    expect(said(world, 'kubectl exec client -- curl -s -o /dev/null -w %{http_code} -m 1 -X POST web-service')).toBe('403');
    expect(said(world, 'hubble observe --protocol http --last 3')).toMatch(
      /http-request FORWARDED \(HTTP\/1\.1 GET http:\/\/web-service\/\)\n.*http-request DROPPED \(HTTP\/1\.1 GET http:\/\/web-service\/admin\)\n.*http-request DROPPED \(HTTP\/1\.1 POST http:\/\/web-service\/\)/,
    );
    expect(agent(world, 'cilium-dbg endpoint list')).toContain('Disabled');
    expect(said(world, 'ssh node01 cilium-dbg bpf policy get --all -n')).toMatch(/^Allow +Ingress +\d+ +80\/TCP +1\d{4} +disabled +\d+ +\d+ +24$/m);
    const [rule] = JSON.parse(said(world, 'cilium-dbg policy get').replace(/Revision: \d+\n$/, '')) as [Record<string, unknown>];
    expect(rule).toMatchObject({
      endpointSelector: { matchLabels: { 'any:app': 'web', 'k8s:io.kubernetes.pod.namespace': 'default' } },
      ingress: [{ toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }], rules: { http: [{ method: 'GET', path: '/|/public/.*' }] } }] }],
    });
    runLine(world, 'kubectl delete cnp l7');
  });

  it('reads names: others are refused, and addresses are learned from the answers', () => {
    apply(
      world,
      cnp(
        'names',
        `{endpointSelector: {matchLabels: {app: client}}, egress: [{toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system, k8s-app: kube-dns}}], toPorts: [{ports: [{port: "53", protocol: ANY}], rules: {dns: [{matchPattern: "*.example.com"}]}}]}, {toFQDNs: [{matchName: www.example.com}]}]}`,
      ),
    );
    expect(said(world, 'kubectl exec client -- dig +noall +comments example.org')).toContain('status: REFUSED');
    const visit = 'kubectl exec client -- curl -s -m 1 -o /dev/null -w %{http_code} --resolve www.example.com:80:93.184.215.14 www.example.com';
    expect(said(world, visit)).toContain('000');
    expect(said(world, 'kubectl exec client -- dig +short www.example.com')).toContain('93.184.215.14');
    expect(said(world, visit)).toBe('200');
    expect(said(world, 'kubectl exec client -- ping -c 1 -W 1 203.0.113.9')).toContain('100% packet loss');
    expect(said(world, 'cilium-dbg fqdn cache list')).toMatch(/^\d+ +lookup +www\.example\.com\. +30 +2026-04-04T\S+Z +93\.184\.215\.14 *$/m);
    expect(said(world, 'cilium-dbg bpf ipcache list')).toMatch(/^93\.184\.215\.14\/32 +identity=16777217 /m);
    expect(said(world, 'hubble observe --to-port 80 --last 1')).toMatch(/-> www\.example\.com:80 \(ID:16777217\) to-network FORWARDED/);
    runLine(world, 'kubectl delete cnp names');
  });

  it('knows the world in ranges, hosts by what they are, and denies before it allows', () => {
    apply(
      world,
      cnp(
        'outside',
        '{endpointSelector: {matchLabels: {app: client}}, egress: [{toCIDRSet: [{cidr: 203.0.113.0/24, except: [203.0.113.8/31]}]}, {toEntities: [host]}]}',
      ),
    );
    const ping = (ip: string): boolean => said(world, `kubectl exec client -- ping -c 1 -W 1 ${ip}`).includes('1 received');
    expect([ping('203.0.113.9'), ping('172.30.1.2'), ping('172.30.2.2'), ping('10.244.1.3')]).toEqual([false, true, false, false]);
    expect(said(world, 'cilium-dbg identity list')).toMatch(/^16777217 +cidr:203\.0\.113\.0\/24 *\n +reserved:world/m);
    apply(world, cnp('outside', '{endpointSelector: {matchLabels: {app: client}}, egress: [{toEntities: [all]}], egressDeny: [{toEntities: [remote-node]}]}'));
    const from = world.engine.traceLength;
    expect([ping('203.0.113.9'), ping('172.30.2.2')]).toEqual([true, false]);
    expect(drops(world, from)).toEqual(['Policy denied by denylist']);
    runLine(world, 'kubectl delete cnp outside');
  });

  it('knows the API server wherever it runs', () => {
    const ask = (pod: string): boolean => said(world, `kubectl exec ${pod} -- curl -sv -m 1 172.30.1.2:6443`).includes('Connected to');
    const spec = (entity: string): string => cnp('server', `{endpointSelector: {}, egress: [{toEntities: [${entity}]}]}`);
    apply(world, spec('kube-apiserver'));
    expect([ask('client'), ask('deploy/web')]).toEqual([true, true]);
    expect(said(world, 'ssh node01 cilium-dbg bpf ipcache list')).toMatch(/^172\.30\.1\.2\/32 +identity=7 /m);
    apply(world, spec('world'));
    expect([ask('client'), ask('deploy/web')]).toEqual([false, false]);
    runLine(world, 'kubectl delete cnp server');
  });

  it('is refused in words where it cannot be read', () => {
    const refuse = (spec: string): string => said(world, `kubectl apply -f - <<'EOF'\n${cnp('bad', spec)}EOF`);
    expect(refuse('{endpointSelector: {}, ingress: [{fromCIDR: [10.0.0.0/40]}]}')).toContain('unable to parse CIDRRule "10.0.0.0/40"');
    expect(refuse('{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "70000"}]}]}]}')).toContain('value out of range');
    expect(refuse('{ingress: []}')).toContain('rule must have one of EndpointSelector or NodeSelector');
    expect(refuse('{endpointSelector: {}, egress: [{toFQDNs: [{matchName: "*.example.com"}]}]}')).toContain('Invalid characters in FQDN');
  });
});

it('a look into the past, with policies, proxies and names on the way there, changes nothing of the present', () => {
  const [looked, untouched] = [openCilium(), openCilium()];
  const lines = [
    'kubectl exec client -- dig +short www.example.com',
    'kubectl exec client -- curl -s -m 1 web-service/admin',
    'kubectl exec client -- curl -s -m 1 web-service',
  ];
  const spec = `{endpointSelector: {matchLabels: {app: client}}, egress: [{toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system}}], toPorts: [{ports: [{port: "53", protocol: UDP}], rules: {dns: [{matchPattern: "*"}]}}]}, {toEndpoints: [{matchLabels: {app: web}}], toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{path: /}]}}]}]}`;
  for (const one of [looked, untouched]) apply(one, cnp('past', spec));
  for (const line of lines) {
    const answers = [looked, untouched].map((one) => said(one, line));
    expect(answers[0]).toBe(answers[1]);
    expect(looked.inspect({ kind: 'netns', id: 'controlplane/netns/root' }, looked.engine.traceLength - 20)).not.toBeNull();
  }
  const log = (one: World): string => JSON.stringify(one.engine.events(0, one.engine.traceLength));
  expect(log(looked)).toBe(log(untouched));
  for (const node of ['controlplane', 'node01']) expect(looked.engine.bpf(node)?.save()).toEqual(untouched.engine.bpf(node)?.save());
  expect(
    looked.engine
      .bpf('controlplane')
      ?.save()
      .conntrack.some(({ proxySeq }) => proxySeq >= 0),
  ).toBe(true);
});

describe('beside a kube-proxy', () => {
  it('takes nobody for the node who has only got its address from MASQUERADE', () => {
    const other = openCilium({ settings: [['kube-proxy-replacement', '"false"']] });
    expect(said(other, 'ssh laptop curl -sS -m 1 172.30.2.2:30080')).toMatch(/^Hello/);
    apply(other, 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {matchLabels: {app: web}}}\n');
    expect(said(other, 'ssh laptop curl -sS -m 1 172.30.2.2:30080')).toContain('timed out');
    expect(said(other, 'ssh node01 curl -sS -m 1 10.244.1.3')).toMatch(/^Hello/);
    expect(said(other, 'kubectl get pods -l app=web')).toContain('1/1');
  });
});

describe('drawn NetworkPolicies', () => {
  const pod = (name: string, namespace: string, node: string, tier: string): string =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: ${namespace}, labels: {name: ${name}, tier: ${tier}}}\nspec: {nodeName: ${node}, containers: [{name: c, image: example.com/app, ports: [{name: web, containerPort: 8080}, {name: more, containerPort: 9090}]}, {name: tools, image: nicolaka/netshoot, command: [sleep, infinity]}]}\n`;
  const pods = [
    ['a', 'one', 'controlplane', 'front'],
    ['b', 'one', 'node01', 'back'],
    ['c', 'two', 'node01', 'front'],
    ['d', 'two', 'controlplane', 'back'],
  ] as const;
  const manifest = ['one', 'two'].map((name) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {team: ${name}}}\n`);
  const drawn = openCilium({
    more: [{ path: 'drawn.yaml', text: [...manifest, ...pods.map(([name, namespace, node, tier]) => pod(name, namespace, node, tier))].join('---\n') }],
  });
  const prng = new Prng(7);
  const pick = <T>(list: readonly T[]): T => list[prng.below(list.length)] as T;
  const selector = (): unknown =>
    pick([
      {},
      { matchLabels: { tier: 'front' } },
      { matchLabels: { name: 'b' } },
      { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['front'] }] },
    ]);
  const team = (): unknown => pick([{}, { matchLabels: { team: 'one' } }, { matchExpressions: [{ key: 'team', operator: 'Exists' }] }]);
  const peer = (): unknown =>
    pick([() => ({ podSelector: selector() }), () => ({ namespaceSelector: team() }), () => ({ namespaceSelector: team(), podSelector: selector() })])();
  const port = (): unknown => pick([{ port: 8080 }, { port: 'more' }, { port: 8000, endPort: 8191 }, { protocol: 'UDP', port: 8080 }]);
  const rule = (side: string): unknown => ({ [side]: pick([[], [peer()], [peer(), peer()]]), ports: pick([[], [port()], [port(), port()]]) });
  const policy = (i: number): KubeObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: `drawn-${i}`, namespace: pick(['one', 'two']) },
    spec: {
      podSelector: selector(),
      policyTypes: pick([['Ingress'], ['Egress'], ['Ingress', 'Egress']]),
      ingress: pick([[], [rule('from')]]),
      egress: pick([[], [rule('to')], [{}]]),
    },
  });

  it('let the same packets through as the rules say', () => {
    const seen = new Set<boolean>();
    for (let round = 0; round < 6; round += 1) {
      const policies = [0, 1, 2].map(policy);
      apply(drawn, `${policies.map((one) => JSON.stringify(one)).join('\n---\n')}\n`);
      const model = policyModel(drawn.api.view);
      for (const [from, fromNamespace] of pods)
        for (const [to, toNamespace] of pods)
          for (const number of from === to ? [] : [8080, 9090]) {
            const [source, target] = [model.byId.get(`${fromNamespace}/${from}`), model.byId.get(`${toNamespace}/${to}`)];
            if (source === undefined || target === undefined) throw new Error('no such pod');
            const { allowed } = verdict(model, { from: source, to: target, protocol: 'TCP', port: number });
            const ip = formatIp(target.ips[0] ?? 0);
            const answer = said(drawn, `kubectl -n ${fromNamespace} exec ${from} -c tools -- curl -s -m 1 ${ip}:${number}`);
            expect(answer === `${to}\n`, `${from} to ${to}:${number}, ${JSON.stringify(policies)}`).toBe(allowed);
            seen.add(allowed);
          }
      runLine(drawn, policies.map(({ metadata }) => `kubectl -n ${metadata.namespace} delete netpol ${metadata.name}`).join('; '));
    }
    expect(seen.size).toBe(2);
  });
});

describe("Cilium's objects", () => {
  it('stand in the API beside the pods', () => {
    expect(said(world, 'kubectl get ciliumendpoints')).toMatch(/^NAME +SECURITY IDENTITY +ENDPOINT STATE +IPV4 +IPV6\nclient +\d+ +ready +10\.244\.0\.3/);
    expect(said(world, 'kubectl get ciliumnodes')).toMatch(/^NAME +CILIUMINTERNALIP +INTERNALIP +AGE\ncontrolplane +10\.244\.0\.1 +172\.30\.1\.2 /);
    expect(said(world, "kubectl get ciliumid -o jsonpath='{.items[*].security-labels.k8s:app}'")).toContain('client');
  });

  it('come back from a snapshot with what the proxy has learned', () => {
    const before = world.engine.bpf('controlplane')?.save();
    expect(before?.learned.map(({ name }) => name)).toContain('www.example.com');
    expect(before?.policyCounters.length).toBe(2);
  });
});
