/** The agents, in the order in which a machine comes up: hosts and wires, sandboxes, what the CNI, kube-proxy and CoreDNS write. */
import type { NetRecord } from '../net/records.ts';
import type { Agent } from '../objects/types.ts';
import { calicoAgent } from './cni/calico/calico-agent.ts';
import { cniAgent } from './cni/cni-agent.ts';
import { coreDnsAgent } from './dns/coredns-agent.ts';
import { gatewayAgent } from './gateway/agent.ts';
import { ingressNginxAgent } from './ingress/nginx/agent.ts';
import { builtInChainsAgent } from './node/built-in-chains-agent.ts';
import { hostAgent } from './node/host-agent.ts';
import { outsideHostAgent } from './node/outside-host-agent.ts';
import { underlayAgent } from './node/underlay-agent.ts';
import { sandboxAgent } from './pod/sandbox-agent.ts';
import { policyLintAgent } from './policy/policy-lint.ts';
import { policyQueueAgent } from './policy/policy-queue-agent.ts';
import { ciliumAgent } from './service/cilium-agent.ts';
import { kubeProxyAgent } from './service/kube-proxy-agent.ts';
import { loadBalancerAgent } from './service/load-balancer/agent.ts';

export const agents: readonly Agent<NetRecord>[] = [
  hostAgent,
  underlayAgent,
  outsideHostAgent,
  cniAgent,
  policyQueueAgent,
  builtInChainsAgent,
  sandboxAgent,
  kubeProxyAgent,
  loadBalancerAgent,
  ciliumAgent,
  calicoAgent,
  coreDnsAgent,
  ingressNginxAgent,
  gatewayAgent,
  policyLintAgent,
];
