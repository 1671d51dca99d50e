/**
 * What stands in a page for the parts that come later. Until they are put in, a stand-in does nothing, as the real one does in a cluster without objects of its own,
 * and says that its part has to be loaded where there is one; from then on it is the real one.
 */
import { NotLoaded } from '../base/not-loaded.ts';
import type { NetRecord } from '../net/records.ts';
import type { Agent, Controller, KubeObject } from '../objects/types.ts';
import { agentsWith, controllersWith, type KubeParts, kinds } from './index.ts';
import { type ImageRole, imageRole } from './pod/images.ts';
import type { Pod } from './pod/types.ts';
import { POLICY_KINDS } from './policy/policy-kinds.ts';
import { loadBalancerKinds } from './service/load-balancer/kinds.ts';

/** A cluster of which some parts are still to come. */
export interface AwaitedParts extends KubeParts {
  /** Puts them in, also where worlds are running with these. */
  fill(all: KubeParts): void;
}

interface Need {
  readonly kinds?: readonly string[];
  /** Of a Pod's containers. */
  readonly roles?: readonly ImageRole[];
}

/** A stand-in hears of everything, since what the real one watches is known only with it. */
const everything = kinds.map(({ kind }) => kind);

const isNeeded = ({ kinds = [], roles = [] }: Need, { kind, ...object }: KubeObject): boolean =>
  kinds.includes(kind) || (kind === 'Pod' && roles.length > 0 && (object as Pod).spec.containers.some(({ image = '' }) => roles.includes(imageRole(image))));

function wait(name: string, need: Need, changed: KubeObject): readonly never[] {
  if (isNeeded(need, changed)) throw new NotLoaded(name);
  return [];
}

interface Loaded {
  readonly controllers: ReadonlyMap<string, Controller>;
  readonly agents: ReadonlyMap<string, Agent<NetRecord>>;
  readonly hearNews: KubeParts['hearNews'];
}

function standInController(name: string, need: Need, loaded: () => Loaded | undefined): Controller {
  const real = (): Controller | undefined => loaded()?.controllers.get(name);
  return {
    name,
    watches: everything,
    keysFor: (changed, view) => {
      const controller = real();
      if (controller === undefined) return wait(name, need, changed);
      return controller.watches.includes(changed.kind) ? controller.keysFor(changed, view) : [];
    },
    reconcile: (key, context) => real()?.reconcile(key, context),
  };
}

function standInAgent(name: string, need: Need, loaded: () => Loaded | undefined): Agent<NetRecord> {
  const real = (): Agent<NetRecord> | undefined => loaded()?.agents.get(name);
  return {
    name,
    watches: everything,
    keysFor: (changed, view) => {
      const agent = real();
      if (agent === undefined) return wait(name, need, changed);
      return agent.watches.includes(changed.kind) ? agent.keysFor(changed, view) : [];
    },
    keys: (view) => real()?.keys(view) ?? everything.flatMap((kind) => view.list(kind).flatMap((object) => wait(name, need, object))),
    render: (key, view, before) => real()?.render(key, view, before) ?? { records: [] },
    rewrites: (key, view) => real()?.rewrites?.(key, view) ?? 'differences',
    get repairs() {
      return real()?.repairs ?? [];
    },
  };
}

export function awaitParts(): AwaitedParts {
  let loaded: Loaded | undefined;
  const controller = (name: string, need: Need): Controller => standInController(name, need, () => loaded);
  const agent = (name: string, need: Need): Agent<NetRecord> => standInAgent(name, need, () => loaded);
  const stop = (): never => {
    throw new NotLoaded('kube-proxy nftables');
  };
  const gateway: Need = { kinds: ['Gateway', 'GatewayClass', 'ListenerSet'], roles: ['gateway-proxy', 'gateway-controller'] };
  const ingressNginx: Need = { roles: ['ingress-nginx'] };
  const traefik: Need = { roles: ['traefik'] };
  const loadBalancer: Need = { kinds: loadBalancerKinds.map(({ kind }) => kind) };
  const agents = agentsWith({
    calico: agent('calico', { roles: ['calico'] }),
    cilium: agent('cilium-agent', { roles: ['cilium'] }),
    cloudIngress: agent('cloud-ingress', loadBalancer),
    gateway: agent('gateway', gateway),
    ingressNginx: agent('ingress-nginx', ingressNginx),
    loadBalancer: agent('load-balancer', loadBalancer),
    mesh: agent('mesh', { roles: ['gateway-proxy', 'gateway-controller'] }),
    nftables: { base: stop, service: stop },
    // Where it has anything to do, the policies' own agents have been waited for.
    openConnections: agent('open-connections', {}),
    policyLint: agent('policy-lint', { kinds: POLICY_KINDS }),
    wan: agent('wan', { kinds: ['ClusterPeer'] }),
    policyQueue: agent('policy-queue', { roles: ['kindnet', 'kube-network-policies'] }),
    traefik: agent('traefik', traefik),
  });
  return {
    controllers: controllersWith({
      calico: controller('calico-node', { roles: ['calico'] }),
      cloud: controller('service-lb-controller', loadBalancer),
      cloudIngress: controller('cloud-ingress', loadBalancer),
      gateway: controller('gateway-controller', gateway),
      ingressNginx: controller('ingress-nginx', ingressNginx),
      metalLb: controller('metallb-controller', loadBalancer),
      metalLbSpeaker: controller('metallb-speaker', loadBalancer),
      multicluster: controller('mcs-controller', { kinds: ['ServiceExport', 'ServiceImport', 'ClusterPeer'] }),
      traefik: controller('traefik', traefik),
    }),
    agents: agents.map((one) => (one.name === 'kube-proxy' ? withModes(one, () => loaded?.agents.get(one.name)) : one)),
    hearNews: (...news) => loaded?.hearNews?.(...news),
    fill: (all) => {
      loaded = {
        controllers: new Map(all.controllers.map((one) => [one.name, one])),
        agents: new Map(all.agents.map((one) => [one.name, one])),
        hearNews: all.hearNews,
      };
    },
  };
}

/** kube-proxy is here from the start, but for one of its modes. */
function withModes(first: Agent<NetRecord>, real: () => Agent<NetRecord> | undefined): Agent<NetRecord> {
  return { ...first, render: (key, view, before) => (real() ?? first).render(key, view, before) };
}
