/** What becomes of open connections when policies change, where they are cut: entries that are no longer allowed leave the connection table, so that the next packet is a first one again. kube-network-policies v1.0: pkg/dataplane/controller.go, firewallEnforcer */
import { hashText } from '../../base/prng.ts';
import { parseIp } from '../../net/addr/ip.ts';
import type { ConnectionView, Engine } from '../../net/engine.ts';
import { judge } from '../../net/netfilter/queue/judge.ts';
import type { NetRecord } from '../../net/records.ts';
import type { Agent, StoreView } from '../../objects/types.ts';
import { daemonsOf } from '../cni/daemons.ts';
import { perState } from '../node/per-state.ts';
import { rootNetnsId } from '../node/record-ids.ts';
import { DIALECT_KINDS, enforcement } from './enforcement.ts';
import { judgedModel } from './judged-model.ts';
import { POLICY_KINDS } from './policy-kinds.ts';
import { endpointAt } from './policy-model.ts';
import { queueTable } from './policy-queue.ts';
import { standalone } from './policy-queue-agent.ts';
import { verdict } from './verdict.ts';

const NAME = 'open-connections';
const PROTOCOLS = { tcp: 'TCP', udp: 'UDP', sctp: 'SCTP' } as const;
const NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const;
const KINDS = [...POLICY_KINDS, ...DIALECT_KINDS] as const;

const cuttingNodes = (view: StoreView): readonly string[] =>
  enforcement(view)
    .nodes.filter(({ open }) => [...open.values()].includes('cut'))
    .map(({ node }) => node);

/** Changes with whatever can change a verdict. */
const stateOf = perState(['Pod', 'Namespace', 'Node', 'ControlPlane', ...KINDS], (view): string => {
  const parts: string[] = [];
  for (const kind of [...KINDS, 'Namespace', 'Pod', 'ControlPlane'])
    for (const { metadata } of view.list(kind)) parts.push(`${kind} ${metadata.namespace ?? ''} ${metadata.name} ${metadata.resourceVersion ?? ''}`);
  return `${parts.length} ${hashText(parts.join('\n'))}`;
});

/** Renders nothing: has news whenever a verdict may have changed. Keys: names of nodes where connections are cut. */
export const openConnectionsAgent: Agent<NetRecord> = {
  name: NAME,
  watches: ['Pod', 'Namespace', 'Node', 'ControlPlane', ...KINDS],
  keysFor: (_changed, view) => cuttingNodes(view),
  keys: cuttingNodes,
  render: (node, view) => (cuttingNodes(view).includes(node) ? { records: [], news: stateOf(view) } : { records: [] }),
};

type Allowed = (connection: ConnectionView) => boolean;

/** What the first packet of this connection would be told now: its client, and the server after DNAT. */
function judgeOf(by: string, node: string, view: StoreView): Allowed {
  if (by === 'calico') {
    const model = judgedModel(view);
    return ({ protocol, original, reply }) => {
      const [from, to] = [parseIp(original.src), parseIp(reply.src)];
      if (from === undefined || to === undefined) return true;
      const asked = { from: endpointAt(model, from, original.src), to: endpointAt(model, to, reply.src), fromIp: from, toIp: to };
      return verdict(model, { ...asked, protocol: PROTOCOLS[protocol as 'tcp'], port: reply.sport }).allowed;
    };
  }
  const daemon = daemonsOf('kube-network-policies', view).get(node);
  const table = queueTable(view, by !== 'kindnetd' && daemon !== undefined && standalone(daemon.pod).all);
  return ({ protocol, original, reply }) => {
    const [src, dst] = [parseIp(original.src), parseIp(reply.src)];
    if (src === undefined || dst === undefined) return true;
    return judge({ program: by, table }, { src, dst, protocol: NUMBERS[PROTOCOLS[protocol as 'tcp']], dport: reply.sport }).accept;
  };
}

/** For the API server's `onNews`. Cost: O(connections) of each node that cuts them. */
export function cutConnections(agent: string, keys: readonly string[], engine: Engine, view: StoreView): void {
  if (agent !== NAME) return;
  for (const one of enforcement(view).nodes) {
    if (!keys.includes(one.node)) continue;
    for (const [by, what] of one.open) {
      if (what !== 'cut') continue;
      const allowed = judgeOf(by, one.node, view);
      engine.deleteConnections(
        rootNetnsId(one.node),
        (connection) => Object.hasOwn(PROTOCOLS, connection.protocol) && (connection.tcpState ?? 'ESTABLISHED') === 'ESTABLISHED' && !allowed(connection),
        by,
      );
    }
  }
}
