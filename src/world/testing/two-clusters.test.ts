/** Two clusters on one network: each with its own API server, and Services that both of them answer. */
import { beforeAll, describe, expect, it } from 'vitest';
import { dialsOf } from '../actions/dials.ts';
import { flows } from '../flows.ts';
import { traffic } from '../traffic.ts';
import type { World } from '../world.ts';
import { east, twoSites, west } from './two-sites.ts';

describe('two clusters', () => {
  let world: World;
  const run = (line: string): string => {
    const from = world.terminalLength;
    world.command('main', line);
    return world
      .terminalFrom(from)
      .filter((one) => one.kind === 'stdout' || one.kind === 'stderr')
      .map((one) => one.text)
      .join('');
  };
  const shares = (times: number): Record<string, number> => {
    const lines = run(`kubectl exec client -- sh -c 'for i in $(seq ${times}); do curl -s -m 3 shop.default.svc.clusterset.local; done'`);
    const found: Record<string, number> = {};
    for (const line of lines.split('\n').filter((one) => one !== '')) found[line] = (found[line] ?? 0) + 1;
    return found;
  };

  beforeAll(() => {
    world = twoSites();
  });

  it('have an API server each: the same name is another object, with another address', () => {
    expect(world.diagnostics.filter((one) => one.severity === 'error')).toEqual([]);
    expect(run('kubectl get nodes -o name')).toBe('node/east-control-plane\n');
    expect(run('kubectl --context west get nodes -o name')).toBe('node/west-control-plane\n');
    expect(run('kubectl config get-contexts -o name')).toBe('east\nkubernetes-admin@kubernetes\nwest\n');
    expect(run("kubectl --context=west get pod client -o jsonpath='{.status.podIP}'")).toMatch(/^10\.20\./);
    expect(run("kubectl get pod client -o jsonpath='{.status.podIP}'")).toMatch(/^10\.10\./);
  });

  it('speak, on a machine of a cluster, to that cluster, and follow the context that is used', () => {
    expect(run('ssh west-control-plane kubectl get nodes -o name')).toBe('node/west-control-plane\n');
    expect(run('kubectl config use-context west && kubectl get nodes -o name && kubectl exec client -- hostname -i; kubectl config use-context east')).toMatch(
      /^Switched to context "west"\.\nnode\/west-control-plane\n10\.20\.\d+\.\d+\nSwitched to context "east"\.\n$/,
    );
  });

  it('give an exported Service one name that the pods of both answer', () => {
    expect(run("kubectl get serviceimport shop -o jsonpath='{.spec.type} {.status.clusters[*].cluster}'")).toBe('ClusterSetIP east west');
    expect(run("kubectl get serviceexport shop -o jsonpath='{.status.conditions[*].type} {.status.conditions[*].status}'")).toBe(
      'Valid Ready Conflict True True False',
    );
    expect(run('kubectl get service -l multicluster.kubernetes.io/derived-service=shop -o name')).toBe('service/derived-bfi7jingo2\n');
    const { east: near = 0, west: far = 0 } = shares(20);
    expect(near + far).toBe(20);
    expect(Math.min(near, far)).toBeGreaterThanOrEqual(4);
    expect(run('kubectl exec client -- curl -s shop')).toBe('east\n');
  });

  it('tell each other at once when the pods of one are gone', () => {
    run('kubectl scale deployment shop --replicas=0; sleep 2');
    expect(shares(6)).toEqual({ west: 6 });
    run('kubectl scale deployment shop --replicas=1; kubectl --context west delete serviceexport shop; sleep 20');
    expect(shares(6)).toEqual({ east: 6 });
    expect(run('kubectl --context west apply -f west.yaml | grep -c created')).toBe('1\n');
  });

  it('shows the boxes of both, with keys of their own, and finds the objects behind them', () => {
    const { hosts, netnses, services } = world.topology();
    expect(hosts.map((one) => [one.id, one.role, one.cluster])).toEqual([
      ['east-control-plane', 'node', 'east'],
      ['underlay', 'switch', 'east'],
      ['router', 'router', 'east'],
      ['west-control-plane', 'node', 'west'],
      ['west-underlay', 'switch', 'west'],
      ['west-router', 'router', 'west'],
    ]);
    const clients = netnses.flatMap((one) => (one.title === 'client' ? [one.objectKey] : []));
    expect(clients).toEqual(['Pod/default/client', 'Pod/default/client@west']);
    expect(services.filter((one) => one.name === 'shop').map((one) => one.objectKey)).toEqual(['Service/default/shop', 'Service/default/shop@west']);
    const inspection = world.inspect({ kind: 'object', key: 'Pod/default/client@west' });
    expect(inspection).toMatchObject({ kind: 'object', title: 'client', source: { file: 'west.yaml' }, netns: 'west-control-plane/netns/client.default' });
    expect(JSON.stringify(inspection)).toContain('10.20.0.');
  });

  it('crosses the line between the routers, and can go back to any moment of it', () => {
    const from = world.headSeq;
    const ip = run("kubectl --context west get pod client -o jsonpath='{.status.podIP}'");
    expect(run(`kubectl exec client -- ping -c 1 ${ip}`)).toContain('1 packets transmitted, 1 packets received');
    const places = new Set(world.hops(from, world.headSeq).map((one) => one.event.netns));
    for (const netns of ['router/netns/root', 'west-router/netns/root', 'west-underlay/netns/root']) expect(places).toContain(netns);
    const log = JSON.stringify(world.hops(from, world.headSeq).map((one) => one.event.step));
    const middle = world.moment(from + 3);
    expect(middle.topology.hosts.filter((one) => one.cluster === 'west')).toHaveLength(3);
    expect(JSON.stringify(world.hops(from, world.headSeq).map((one) => one.event.step))).toBe(log);
  });

  it('comes and goes with its file, and names what cannot be', () => {
    expect(world.edit('west.yaml', west.text.replaceAll('west', 'east')).applied).toBe(false);
    expect(
      world
        .edit(
          'west.yaml',
          'apiVersion: v1\nkind: Pod\nmetadata: {name: x, annotations: {kubehop.dev/cluster: north}}\nspec: {containers: [{name: x, image: nginx}]}\n',
        )
        .diagnostics.map((one) => one.code),
    ).toContain('cluster-without-nodes');
    expect(world.edit('west.yaml', null).applied).toBe(true);
    world.elapse(40_000);
    expect(world.topology().hosts.map((one) => one.id)).toEqual(['east-control-plane', 'underlay', 'router']);
    expect(shares(4)).toEqual({ east: 4 });
    expect(world.edit('west.yaml', west.text).applied).toBe(true);
    world.elapse(20_000);
    expect(Object.keys(shares(20)).sort()).toEqual(['east', 'west']);
  });
});

describe('requests to a Service of two clusters', () => {
  it('are counted with the share of each pod of both', () => {
    const rate = '{name: client, annotations: {kubehop.dev/rate: "http://shop.default.svc.clusterset.local/ 20/s constant"}}';
    const world = twoSites([{ ...east, text: east.text.replace('{name: client}', rate) }, west]);
    world.elapse(4_000);
    const derived = world.api.view.list('Service').find((one) => one.metadata.name.startsWith('derived-'));
    const seen = traffic(world, `Service/default/${derived?.metadata.name}`);
    expect(seen?.streams.map((one) => one.key)).toEqual(['Pod/default/client']);
    expect(seen?.seconds.at(-1)?.requests).toBe(20);
    expect(seen?.totals.map((one) => one.outcome)).toEqual(['2xx']);
    const shares = seen?.endpoints.map((one) => [one.name.includes('@west'), one.share > 0.2 && one.share < 0.8]) ?? [];
    expect(shares.sort()).toEqual([
      [false, true],
      [true, true],
    ]);
    // Their plain Services are asked by nobody: who answers is all that is known.
    expect(traffic(world, 'Service/default/shop@west')?.countedBy).toBe('servers');
    expect(dialsOf(world).map((one) => one.title)).toEqual(['Requests of client', 'Replicas of shop', 'Replicas of shop in west']);
    expect(flows(world).marks.map((one) => one.key)).toContain(`Service/default/${derived?.metadata.name}`);
  });
});

describe('exports that do not agree', () => {
  it('have the condition Conflict, and the older one counts', () => {
    const headless = west.text.replace('spec: {selector: {app: shop}', 'spec: {clusterIP: None, selector: {app: shop}');
    const world = twoSites([east, { path: 'west.yaml', text: headless }]);
    const statusOf = (key: string) =>
      world.planes
        .find<{ readonly status?: { readonly conditions?: readonly unknown[] } } & ReturnType<typeof world.planes.find> & object>(key)
        ?.status?.conditions?.at(-1);
    expect(statusOf('ServiceExport/default/shop@west')).toMatchObject({ type: 'Conflict', status: 'True', reason: 'TypeConflict' });
    expect(world.planes.find('ServiceImport/default/shop@west')).toMatchObject({ spec: { type: 'ClusterSetIP' } });
    expect(world.api.view.list('EndpointSlice').map((one) => one.metadata.name)).not.toContain('imported-west-shop-0');
  });
});

describe('clusters with the same ranges', () => {
  it('reach each other through the Gateway that is marked for it: by its address, for the names that its listeners take', () => {
    const gateway = `---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: proxy}
spec: {controllerName: kubehop.dev/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: eastwest, labels: {topology.istio.io/network: west}}
spec:
  gatewayClassName: proxy
  addresses: [{value: 172.32.1.2}]
  listeners:
    - {name: https, port: 15443, protocol: TLS, hostname: "*.clusterset.local", tls: {mode: Passthrough}}
    - {name: http, port: 15080, protocol: HTTP, hostname: "*.clusterset.local"}
`;
    const ports = 'ports: [{name: http, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]';
    const world = twoSites([east, { path: 'west.yaml', text: `${west.text.replace(/ports: \[\{name: http.*\]/, ports)}${gateway}` }]);
    expect(world.diagnostics.filter((one) => one.severity === 'error')).toEqual([]);
    expect(world.api.view.find('EndpointSlice/default/imported-west-shop-0')).toMatchObject({
      addressType: 'IPv4',
      ports: [
        { name: 'http', port: 15080 },
        { name: 'https', port: 15443 },
      ],
      endpoints: [{ addresses: ['172.32.1.2'], conditions: { ready: true } }],
    });
    // Its own cluster goes straight to the pods.
    expect(JSON.stringify(world.planes.find('EndpointSlice/default/imported-west-shop-0@west'))).toContain('10.20.');
    world.command('main', 'kubectl --context west scale deployment shop --replicas=0; sleep 2');
    expect(world.api.view.find('EndpointSlice/default/imported-west-shop-0')).toMatchObject({ endpoints: [{ conditions: { ready: false } }] });
  });
});
