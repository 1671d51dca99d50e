/** The agents, in the order in which a machine comes up: hosts and wires, sandboxes, what the CNI, kube-proxy and CoreDNS write. */
import type { NetRecord } from '../net/records.ts';
import type { Agent } from '../objects/types.ts';
import { cniAgent } from './cni/cni-agent.ts';
import { coreDnsAgent } from './dns/coredns-agent.ts';
import { builtInChainsAgent } from './node/built-in-chains-agent.ts';
import { hostAgent } from './node/host-agent.ts';
import { outsideHostAgent } from './node/outside-host-agent.ts';
import { underlayAgent } from './node/underlay-agent.ts';
import { sandboxAgent } from './pod/sandbox-agent.ts';
import { createKubeProxyAgent, type NftablesRendering } from './service/kube-proxy-agent.ts';

/** Agents, and parts of them, that few worlds need. */
export interface LaterAgents {
  readonly calico: Agent<NetRecord>;
  readonly cilium: Agent<NetRecord>;
  readonly cloudIngress: Agent<NetRecord>;
  readonly gateway: Agent<NetRecord>;
  readonly ingressNginx: Agent<NetRecord>;
  readonly loadBalancer: Agent<NetRecord>;
  readonly mesh: Agent<NetRecord>;
  readonly openConnections: Agent<NetRecord>;
  readonly policyLint: Agent<NetRecord>;
  readonly policyQueue: Agent<NetRecord>;
  readonly wan: Agent<NetRecord>;
  readonly traefik: Agent<NetRecord>;
  readonly nftables: NftablesRendering;
}

export const agentsWith = (later: LaterAgents): readonly Agent<NetRecord>[] => [
  hostAgent,
  underlayAgent,
  outsideHostAgent,
  cniAgent,
  later.policyQueue,
  builtInChainsAgent,
  sandboxAgent,
  createKubeProxyAgent(later.nftables),
  later.loadBalancer,
  later.cilium,
  later.calico,
  coreDnsAgent,
  later.ingressNginx,
  later.traefik,
  later.cloudIngress,
  later.gateway,
  later.mesh,
  later.policyLint,
  later.openConnections,
  later.wan,
];
