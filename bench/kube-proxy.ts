/** kube-proxy in its three modes with 1,000 and 10,000 Services: all rules of a node, one endpoint that changes, and what a new connection costs, in our time and in the simulated kernel's. */
import { RecordStore } from '../src/base/record-store.ts';
import { objectView } from '../src/kube/node/testing/object-view.ts';
import { FLOW_NETNS, FLOW_NODE, flowTimeNs, openFlows } from '../src/kube/service/testing/engine-flows.ts';
import { kubeProxyAgent } from '../src/kube/service/testing/kube-proxy.ts';
import { proxyRecords } from '../src/kube/service/testing/proxy-records.ts';
import type { NetRecord } from '../src/net/records.ts';
import { AgentRunner } from '../src/objects/agent-runner.ts';
import type { KubeObject } from '../src/objects/types.ts';
import { objectKey } from '../src/objects/types.ts';
import { cpuMilliseconds, type Figure, report } from './harness.ts';

const MODES = ['iptables', 'nftables', 'ipvs'] as const;
const NODE_IP = '192.168.0.2';
const ipOf = (base: string, i: number): string => `${base}.${Math.floor(i / 250)}.${(i % 250) + 1}`;

function service(i: number): KubeObject {
  const spec = { type: 'ClusterIP', clusterIP: ipOf('10.96', i), ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: `s${100000 + i}`, namespace: 'default' }, spec } as unknown as KubeObject;
}

/** Three endpoints; `shift` makes other ones. */
function slice(i: number, shift = 0): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `s${100000 + i}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': `s${100000 + i}` } },
    addressType: 'IPv4',
    ports: [{ port: 8080, protocol: 'TCP' }],
    endpoints: [0, 1, 2].map((n) => ({ addresses: [`10.${244 + n}.${Math.floor(i / 250)}.${((i + (n === 2 ? shift : 0)) % 250) + 1}`], nodeName: 'other' })),
  } as unknown as KubeObject;
}

const configuration = (mode: string): KubeObject =>
  ({ apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', metadata: { name: 'config' }, mode }) as unknown as KubeObject;
const node = (): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: FLOW_NODE },
    spec: {},
    status: { addresses: [{ type: 'InternalIP', address: NODE_IP }] },
  }) as unknown as KubeObject;

function cluster(mode: string, count: number) {
  const objects = [node(), configuration(mode)];
  for (let i = 0; i < count; i += 1) objects.push(service(i), slice(i));
  const view = objectView(objects);
  const records = new RecordStore<NetRecord>();
  return { view, records, runner: new AgentRunner<NetRecord>([kubeProxyAgent], view, records) };
}

const figures: Figure[] = [];
for (const mode of MODES) {
  for (const count of [1_000, 10_000]) {
    const runs = count === 1_000 ? 5 : 3;
    const full = cpuMilliseconds(
      runs,
      ({ runner }) => runner.run(),
      () => cluster(mode, count),
    );
    figures.push({ name: `kube-proxy, ${mode}: all rules of ${count} Services`, value: full, unit: 'ms' });
    const running = cluster(mode, count);
    running.runner.run();
    let shift = 0;
    const one = cpuMilliseconds(9, () => {
      shift += 1;
      const after = slice(count >> 1, shift);
      const before = running.view.find(objectKey(after));
      running.view.put(after);
      running.runner.changed({ id: objectKey(after), ...(before === undefined ? {} : { before }), after });
      running.runner.run();
    });
    figures.push({ name: `kube-proxy, ${mode}: one endpoint of ${count} Services`, value: one, unit: 'ms' });
    const objects = [...running.view.list('Service'), ...running.view.list('EndpointSlice')];
    const records = proxyRecords(FLOW_NETNS, FLOW_NODE, NODE_IP, { mode, nodePortAddresses: [] }, objects);
    const flow = { sourceIP: '203.0.113.5', protocol: 'TCP', destIP: ipOf('10.96', count - 1), destPort: 80 };
    const flows = openFlows([NODE_IP], records, false);
    let sourcePort = 1_024;
    const connections = 2_000;
    const opened = cpuMilliseconds(5, () => {
      for (let i = 0; i < connections; i += 1) {
        flows.send(flow, sourcePort);
        sourcePort += 1;
      }
    });
    figures.push({ name: `kube-proxy, ${mode}: a new connection to the last of ${count} Services`, value: (opened * 1e6) / connections, unit: 'ns' });
    console.log(`${mode}, ${count} Services: ${flowTimeNs([NODE_IP], records, flow)} ns of virtual time before the destination is translated`);
  }
}
report(figures);
