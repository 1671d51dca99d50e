/** What stands in a page for the parts that come later: it does nothing, as they would in a cluster without objects of theirs, and where there is one it says that its part has to be loaded. */
import { NotLoaded } from '../base/not-loaded.ts';
import type { NetRecord } from '../net/records.ts';
import type { Agent, Controller, KubeObject } from '../objects/types.ts';
import { agentsWith, controllersWith, type KubeParts } from './index.ts';
import { type ImageRole, imageRole } from './pod/images.ts';
import type { Pod } from './pod/types.ts';
import { POLICY_KINDS } from './policy/policy-rules.ts';
import { loadBalancerKinds } from './service/load-balancer/kinds.ts';

interface Need {
  readonly kinds?: readonly string[];
  /** Of a Pod's containers. */
  readonly roles?: readonly ImageRole[];
}

const isNeeded = ({ kinds = [], roles = [] }: Need, { kind, ...object }: KubeObject): boolean =>
  kinds.includes(kind) || (kind === 'Pod' && roles.length > 0 && (object as Pod).spec.containers.some(({ image = '' }) => roles.includes(imageRole(image))));

const watches = (need: Need): readonly string[] => [...(need.kinds ?? []), ...(need.roles === undefined ? [] : ['Pod'])];

function wait(name: string, need: Need, changed: KubeObject): readonly never[] {
  if (isNeeded(need, changed)) throw new NotLoaded(name);
  return [];
}

const controller = (name: string, need: Need): Controller => ({
  name,
  watches: watches(need),
  keysFor: (changed) => wait(name, need, changed),
  reconcile: () => undefined,
});

const agent = (name: string, need: Need): Agent<NetRecord> => ({
  name,
  watches: watches(need),
  keysFor: (changed) => wait(name, need, changed),
  keys: (view) => watches(need).flatMap((kind) => view.list(kind).flatMap((object) => wait(name, need, object))),
  render: () => ({ records: [] }),
});

const calico: Need = { roles: ['calico'] };
const gateway: Need = { kinds: ['Gateway', 'GatewayClass'], roles: ['gateway-proxy', 'gateway-controller'] };
const ingressNginx: Need = { roles: ['ingress-nginx'] };
const loadBalancer: Need = { kinds: loadBalancerKinds.map(({ kind }) => kind) };
const stop = (): never => {
  throw new NotLoaded('kube-proxy nftables');
};

/** A cluster whose later parts have not come. */
export const awaitedParts: KubeParts = {
  controllers: controllersWith({
    calico: controller('calico-node', calico),
    cloud: controller('service-lb-controller', loadBalancer),
    gateway: controller('gateway-controller', gateway),
    ingressNginx: controller('ingress-nginx', ingressNginx),
    metalLb: controller('metallb-controller', loadBalancer),
    metalLbSpeaker: controller('metallb-speaker', loadBalancer),
  }),
  agents: agentsWith({
    calico: agent('calico', calico),
    cilium: agent('cilium-agent', { roles: ['cilium'] }),
    gateway: agent('gateway', gateway),
    ingressNginx: agent('ingress-nginx', ingressNginx),
    loadBalancer: agent('load-balancer', loadBalancer),
    nftables: { base: stop, service: stop },
    policyLint: agent('policy-lint', { kinds: POLICY_KINDS }),
    policyQueue: agent('policy-queue', { roles: ['kindnet', 'kube-network-policies'] }),
  }),
};
