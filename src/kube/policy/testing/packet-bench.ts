/** Pods of a conformance case on machines wired as kindnet wires them, in a real engine, where policies are enforced by what kindnetd or kube-network-policies write. */
import { buildModel } from '../policy-model.ts';
import { buildQueueTable } from '../policy-queue.ts';
import { type Enforcer, enforcerRecords, selectedPods } from '../policy-queue-agent.ts';
import { benchMachines, type Outcome, type Wire } from './bench-machines.ts';
import type { Probe, Step } from './conformance-cases.ts';

const GATEWAY = '169.254.1.1';

export interface PacketBench {
  /** The policies, labels and namespaces of this step hold from now on. */
  enforce(step: Step): void;
  send(probe: Probe): Outcome;
}

const wire: Wire = (builder, { root, netns, ip, index }) => {
  builder.cable('veth', { netns: root, name: `veth${index}` }, { netns, name: 'eth0' }, { addressesA: [`${GATEWAY}/32`], addressesB: [`${ip}/32`] });
  builder.route(root, `${ip}/32`, { device: `veth${index}` });
  builder.route(netns, '0.0.0.0/0', { gateway: GATEWAY, device: 'eth0', onlink: true });
};

export function packetBench(step: Step, enforcer: Enforcer): PacketBench {
  const { builder, nodes, placed, send } = benchMachines(step, wire);
  return {
    enforce(now) {
      const model = buildModel({ ...now, pods: placed(now.pods) });
      const table = buildQueueTable(model, enforcer.all);
      const selected = selectedPods(model);
      for (const { name } of nodes) {
        for (const record of enforcerRecords(enforcer, `${name}/netns/root`, { component: 'test', objects: [] }, table, selected.get(name)))
          builder.records.put(record);
      }
    },
    send,
  };
}
