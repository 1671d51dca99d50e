/** Controllers and agents that few worlds need. A page fetches them after its first picture; everybody else has them from the start. To add one, put it here, into the interface beside its kin, and into awaited-parts.ts. */
import type { LaterAgents } from './agents.ts';
import { calicoAgent } from './cni/calico/calico-agent.ts';
import { calicoController } from './cni/calico/calico-controller.ts';
import { gatewayAgent } from './gateway/agent.ts';
import { gatewayController } from './gateway/controller.ts';
import { agentsWith, controllersWith, type KubeParts, type LaterControllers } from './index.ts';
import { cloudIngressAgent } from './ingress/cloud/agent.ts';
import { cloudIngressController } from './ingress/cloud/controller.ts';
import { ingressNginxAgent } from './ingress/nginx/agent.ts';
import { ingressNginxController } from './ingress/nginx/controller.ts';
import { traefikAgent } from './ingress/traefik/agent.ts';
import { traefikController } from './ingress/traefik/controller.ts';
import { meshAgent } from './mesh/agent.ts';
import { mcsController } from './multicluster/mcs-controller.ts';
import { wanAgent } from './multicluster/wan-agent.ts';
import { cutConnections, openConnectionsAgent } from './policy/open-connections-agent.ts';
import { policyLintAgent } from './policy/policy-lint.ts';
import { policyQueueAgent } from './policy/policy-queue-agent.ts';
import { ciliumAgent } from './service/cilium-agent.ts';
import { nftables } from './service/kube-proxy-nftables.ts';
import { loadBalancerAgent } from './service/load-balancer/agent.ts';
import { cloudController, metalLbController, metalLbSpeaker } from './service/load-balancer/controllers.ts';

const laterControllers: LaterControllers = {
  calico: calicoController,
  cloud: cloudController,
  cloudIngress: cloudIngressController,
  gateway: gatewayController,
  ingressNginx: ingressNginxController,
  metalLb: metalLbController,
  metalLbSpeaker,
  multicluster: mcsController,
  traefik: traefikController,
};

const laterAgents: LaterAgents = {
  calico: calicoAgent,
  cilium: ciliumAgent,
  cloudIngress: cloudIngressAgent,
  gateway: gatewayAgent,
  ingressNginx: ingressNginxAgent,
  loadBalancer: loadBalancerAgent,
  mesh: meshAgent,
  openConnections: openConnectionsAgent,
  nftables,
  policyLint: policyLintAgent,
  policyQueue: policyQueueAgent,
  wan: wanAgent,
  traefik: traefikAgent,
};

/** All that runs in a cluster. */
export const kubeParts: KubeParts = { controllers: controllersWith(laterControllers), agents: agentsWith(laterAgents), hearNews: cutConnections };
