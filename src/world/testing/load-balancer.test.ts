/** Load balancers as a client outside meets them: none, MetalLB in layer 2 and over BGP, a cloud's. */
import { describe, expect, it } from 'vitest';
import type { World } from '../world.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

const nodes = ['controlplane:172.30.1.2:10.244.0.0/24', 'node01:172.30.2.2:10.244.1.0/24', 'node02:172.30.3.2:10.244.2.0/24'].map((text, i) => {
  const [name, ip, cidr] = text.replace(/:/g, ' ').split(' ');
  const labels = i === 0 ? '{node-role.kubernetes.io/control-plane: ""}' : '{}';
  return `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}, labels: ${labels}}\nspec: {podCIDR: ${cidr}}\nstatus: {addresses: [{type: InternalIP, address: ${ip}}]}`;
});
const network = articleFiles().flatMap((file) => (/flannel|kube-proxy/.test(file.path) ? [file.text] : []));
const common = `apiVersion: kubehop.dev/v1alpha1
kind: Host
metadata: {name: laptop}
spec: {address: 203.0.113.10}
---
apiVersion: v1
kind: Namespace
metadata: {name: metallb-system}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: registry.k8s.io/e2e-test-images/agnhost, args: [netexec], ports: [{containerPort: 8080}]}]}`;
const service = (name: string, more = '', annotations = '') => `apiVersion: v1
kind: Service
metadata: {name: ${name}, annotations: {${annotations}}}
spec: {type: LoadBalancer, ${more}selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}`;
const metallb = (kind: string, name: string, spec: string, version = 'v1beta1') =>
  `apiVersion: metallb.io/${version}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: metallb-system}\nspec: ${spec}`;
const pool = metallb('IPAddressPool', 'first', '{addresses: [172.30.240.10-172.30.240.11]}');

const routerRecords = (world: World) => [...world.records.values()].filter((record) => 'netns' in record && record.netns === 'router/netns/root');

function open(...texts: string[]) {
  const world = openArticle({ files: [{ path: 'all.yaml', text: [...nodes, ...network, common, ...texts].join('\n---\n') }] });
  const run = (line: string) => runLine(world, line).output;
  const address = (name: string) => run(`kubectl get svc ${name} -o jsonpath='{.status.loadBalancer.ingress[0].ip}'`);
  const get = (ip: string, path = 'hostname') => run(`ssh laptop curl -s -m 3 http://${ip}/${path}`);
  return { world, run, address, get };
}

describe('without a load balancer', () => {
  it('a Service stays pending', () => {
    const { run } = open(service('lb'));
    expect(run('kubectl get svc lb')).toMatch(/LoadBalancer +10\.[0-9.]+ +<pending> /);
  });
});

describe('MetalLB in layer 2', () => {
  it('gives addresses in order, tells so, and refuses in its allocator’s words', () => {
    const { run, address } = open(
      pool,
      metallb('IPAddressPool', 'reserved', '{addresses: [172.30.241.0/30], autoAssign: false, avoidBuggyIPs: true}'),
      service('a'),
      service('b', '', 'metallb.io/loadBalancerIPs: 172.30.240.11'),
      service('c'),
      service('d', '', 'metallb.io/address-pool: reserved'),
      service('e', '', 'metallb.io/address-pool: nowhere'),
      service('f', 'loadBalancerIP: 192.0.2.1, '),
      service('g', 'loadBalancerClass: other.io/lb, '),
      service('h', 'loadBalancerIP: 172.30.240.10, '),
    );
    const reasons = (name: string) => run(`kubectl get events --field-selector involvedObject.name=${name} -o jsonpath='{.items[*].message}'`);
    expect([address('a'), address('b'), address('d')]).toEqual(['172.30.240.10', '172.30.240.11', '172.30.241.1']);
    expect(reasons('a')).toContain('Assigned IP ["172.30.240.10"]');
    expect(reasons('c')).toContain('Failed to allocate IP for "default/c": no available IPs');
    expect(reasons('e')).toContain('Failed to allocate IP for "default/e": unknown pool "nowhere"');
    expect(reasons('f')).toContain('Failed to allocate IP for "default/f": ["192.0.2.1"] is not allowed in config');
    expect(reasons('h')).toContain('address also in use by default/a');
    expect(address('g')).toBe('');
    // An address that comes free goes to who waits for one.
    run('kubectl delete svc a');
    run('kubectl annotate svc c again=1');
    expect(address('c')).toBe('172.30.240.10');
    run(`kubectl patch svc c --type=merge -p '{"spec":{"type":"ClusterIP"}}'`);
    expect(address('c')).toBe('');
  });

  it('lets one node answer ARP; another takes over, and tells everybody, when it fails', () => {
    const { world, run, address, get } = open(pool, metallb('L2Advertisement', 'l2', '{}'), service('lb'));
    const ip = address('lb');
    const owner = () => run("kubectl get servicel2statuses -n metallb-system -o jsonpath='{.items[*].status.node}'");
    const first = owner();
    expect(first).toMatch(/^node0[12]$/);
    expect(get(ip)).toMatch(/^web-/);
    // Nobody has the address, somebody answers for it.
    expect(run(`ssh ${first} ip addr`)).not.toContain(ip);
    const macOf = (host: string) => /link\/ether ([0-9a-f:]+)/.exec(run(`ssh ${host} ip link show eth0`))?.[1] ?? 'none';
    const heard = () => world.engine.neighbors('router/netns/root').find((entry) => entry.ip === ip)?.mac;
    expect(heard()).toBe(macOf(first));
    // Its answer has a sentence, and the objects behind it.
    const answers = world.engine.events(0, world.headSeq).filter((event) => event.step.kind === 'delivered' && event.step.to === 'metallb-speaker');
    expect(answers.length).toBeGreaterThan(0);
    expect(world.records.get(`${first}/netns/root/proxy-neighbor/eth0/${ip}`).origin.objects[0]).toBe('Service/default/lb');
    run(`kubectl annotate node ${first} kubehop.dev/stopped=kubelet`);
    world.elapse(60_000);
    const second = owner();
    expect(second).toMatch(/^node0[12]$/);
    expect(second).not.toBe(first);
    expect(heard()).toBe(macOf(second));
    expect(get(ip)).toMatch(/^web-/);
  });

  it('keeps the client’s address with policy Local, and not with Cluster', () => {
    const { address, get } = open(pool, metallb('L2Advertisement', 'l2', '{}'), service('cluster'), service('local', 'externalTrafficPolicy: Local, '));
    expect(get(address('local'), 'clientip')).toMatch(/^203\.0\.113\.10:/);
    expect(get(address('cluster'), 'clientip')).not.toMatch(/^203\.0\.113\.10:/);
  });

  it('answers nothing without an advertisement or without a ready pod', () => {
    const { run, address, get } = open(pool, service('lb'));
    expect(get(address('lb'))).toBe('');
    expect(run('kubectl get servicel2statuses -A')).toContain('No resources found');
  });
});

describe('MetalLB over BGP', () => {
  it('gives the router a route with a way for each node, and for policy Local only to those with pods', () => {
    const { world, run, address, get } = open(
      metallb('IPAddressPool', 'far', '{addresses: [198.51.100.0/24]}'),
      metallb('BGPPeer', 'router', '{myASN: 64512, peerASN: 64513, peerAddress: 172.30.0.1}', 'v1beta2'),
      metallb('BGPAdvertisement', 'all', '{}'),
      service('lb'),
    );
    const route = () => routerRecords(world).find((record) => record.kind === 'route' && record.destination === `${address('lb')}/32`);
    expect(route()).toMatchObject({ protocol: 'bgp', nextHops: [{ gateway: '172.30.2.2' }, { gateway: '172.30.3.2' }] });
    expect(get(address('lb'))).toMatch(/^web-/);
    run(`kubectl patch ds web --type=merge -p '{"spec":{"template":{"spec":{"nodeSelector":{"kubernetes.io/hostname":"node02"}}}}}'`);
    run(`kubectl patch svc lb --type=merge -p '{"spec":{"externalTrafficPolicy":"Local"}}'`);
    world.elapse(60_000);
    expect(route()).toMatchObject({ gateway: '172.30.3.2' });
    expect(get(address('lb'), 'clientip')).toMatch(/^203\.0\.113\.10:/);
  });
});

describe("a cloud's load balancer", () => {
  it('sends to the node ports of healthy nodes and keeps the client’s address as far as kube-proxy does', () => {
    const cloud = 'apiVersion: kubehop.dev/v1alpha1\nkind: CloudProvider\nmetadata: {name: cloud}\nspec: {addresses: [192.0.2.0/28]}';
    const { world, run, address, get } = open(cloud, service('cluster'), service('local', 'externalTrafficPolicy: Local, '));
    const ip = address('local');
    expect(ip).toMatch(/^192\.0\.2\.\d+$/);
    expect(run("kubectl get events --field-selector involvedObject.name=local -o jsonpath='{.items[*].reason}'")).toBe(
      'EnsuringLoadBalancer EnsuredLoadBalancer',
    );
    expect(get(ip, 'clientip')).toMatch(/^203\.0\.113\.10:/);
    expect(get(address('cluster'))).toMatch(/^web-/);
    run(`kubectl patch ds web --type=merge -p '{"spec":{"template":{"spec":{"nodeSelector":{"kubernetes.io/hostname":"node02"}}}}}'`);
    world.elapse(60_000);
    const rules = routerRecords(world).flatMap((record) => (record.kind === 'chain' ? record.rules.map((rule) => rule.text) : []));
    expect(rules.filter((rule) => rule.includes(`-d ${ip}/32`))).toEqual([expect.stringMatching(/--dport 80 -j DNAT --to-destination 172\.30\.3\.2:3\d{4}$/)]);
    expect(get(ip, 'clientip')).toMatch(/^203\.0\.113\.10:/);
  });
});

describe('a world with speakers', () => {
  it('gives the same log again, byte for byte', () => {
    const texts = [pool, metallb('L2Advertisement', 'l2', '{}'), service('lb')];
    const logOf = (world: World) => JSON.stringify(world.engine.events(0, world.headSeq));
    const [first, second] = [open(...texts), open(...texts)];
    expect(logOf(second.world)).toBe(logOf(first.world));
    for (const { get, address } of [first, second]) get(address('lb'));
    expect(logOf(second.world)).toBe(logOf(first.world));
  });
});
