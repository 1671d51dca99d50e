/** Pods of a conformance case on machines wired as Calico wires them, in a real engine, with the chains and sets that Felix writes. */
import { deepEqual } from '../../../../base/equal.ts';
import type { NetRecord } from '../../../../net/records.ts';
import type { KubeObject } from '../../../../objects/types.ts';
import { findNode } from '../../../node/cluster-network.ts';
import { objectView } from '../../../node/testing/object-view.ts';
import { node, pod } from '../../../node/testing/small-cluster.ts';
import { benchMachines, type Outcome, type Wire } from '../../../policy/testing/bench-machines.ts';
import type { Probe, Step } from '../../../policy/testing/conformance-cases.ts';
import { hostDeviceOf } from '../device-name.ts';
import { jumpsOfFelix, renderFelix } from '../felix.ts';

const GATEWAY = '169.254.1.1';
const origin = { component: 'felix', objects: [] };

export interface FelixBench {
  enforce(step: Step): void;
  send(probe: Probe): Outcome;
}

const wire: Wire = (builder, { root, netns, pod: one, ip }) => {
  const device = hostDeviceOf(one);
  builder.cable('veth', { netns: root, name: device }, { netns, name: 'eth0' }, { addressesB: [`${ip}/32`] });
  builder.records.put({ kind: 'proxy-neighbor', id: `${root}/proxy-neighbor/${device}/${GATEWAY}`, origin, netns: root, device, ip: GATEWAY });
  builder.route(root, `${ip}/32`, { device });
  builder.route(netns, '0.0.0.0/0', { gateway: GATEWAY, device: 'eth0', onlink: true });
};

export function felixBench(step: Step): FelixBench {
  const { builder, nodes, placed, send } = benchMachines(step, wire);
  const written = new Map<string, NetRecord>();
  return {
    enforce(now) {
      const cluster: KubeObject[] = nodes.flatMap(({ name, ip }) => [
        node(name, ip, '10.99.0.0/24'),
        pod(`calico-${name}`, 'kube-system', name, ip, { hostNetwork: true, containers: [{ name: 'calico-node', image: 'quay.io/calico/node:v3.30.3' }] }),
      ]);
      const view = objectView([...cluster, ...now.namespaces, ...placed(now.pods), ...now.policies]);
      const records = new Map<string, NetRecord>();
      for (const { name } of nodes) {
        const found = findNode(name, view);
        const netns = `${name}/netns/root`;
        if (found !== undefined) for (const record of renderFelix(found, origin, view)) records.set(record.id, record);
        for (const table of ['filter', 'raw', 'mangle'] as const)
          for (const from of ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const) {
            const rules = jumpsOfFelix(view).filter((one) => one.table === table && one.from === from);
            const id = `${netns}/chain/${table}/${from}`;
            if (rules.length > 0)
              records.set(id, { kind: 'chain', id, origin, netns, table, name: from, policy: 'ACCEPT', rules: rules.map(({ text }) => ({ text })) });
          }
      }
      for (const id of written.keys()) if (!records.has(id)) builder.records.remove(id);
      for (const [id, record] of records) if (!deepEqual(written.get(id), record)) builder.records.put(record);
      written.clear();
      for (const [id, record] of records) written.set(id, record);
    },
    send,
  };
}
