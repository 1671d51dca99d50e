/** What can be done to a box, to the empty canvas, or between two pods: as the smallest change of a text, else as the line an administrator would type. */

import type { KubeObject } from '../../objects/types.ts';
import { ownText } from '../reach/fixed-world.ts';
import { annotate, setScalar } from '../reach/text-edit.ts';
import { suggestions } from '../suggest/suggest-policies.ts';
import type { LinkTarget, NetnsView } from '../views.ts';
import type { World } from '../world.ts';
import type { Action, ActionQuestion } from './action-views.ts';
import { dialsOf, turnDial } from './dials.ts';
import { networkChoices } from './network.ts';
import { additions } from './palette.ts';
import { policiesBetween } from './policy-draft.ts';
import { waysIn } from './ways-in.ts';
import { wireActions } from './wires.ts';

interface ServiceLike extends KubeObject {
  readonly spec?: { readonly type?: string; readonly clusterIP?: string; readonly sessionAffinity?: string };
}
interface Scaled extends KubeObject {
  readonly spec?: { readonly replicas?: number };
}

const STOPPED = 'kubehop.dev/stopped';

export function actionsFor(world: World, question: ActionQuestion): readonly Action[] {
  switch (question.kind) {
    case 'dials':
      return dialsOf(world);
    case 'dial':
      return turnDial(world, question.id, question.value);
    case 'ways-in':
      return waysIn(world);
    case 'network':
      return networkChoices(world);
    case 'add':
      return additions(world, question.what, question.node);
    case 'policy':
      return policiesBetween(world, question.from, question.to);
    case 'suggest':
      return suggestions(world, question);
    case 'box':
      return ofBox(world, question.target);
  }
}

function ofBox(world: World, target: LinkTarget): readonly Action[] {
  const topology = world.topology();
  if (target.kind === 'device') return wireActions(world, target.id);
  if (target.kind === 'object') {
    if (target.key.startsWith('Service/')) return serviceActions(world, target.key);
    const netns = topology.netnses.find((one) => one.objectKey === target.key);
    return netns === undefined ? [] : netns.type === 'pod' ? podActions(world, netns) : nodeActions(world, netns);
  }
  if (target.kind !== 'netns') return [];
  const netns = topology.netnses.find((one) => one.id === target.id);
  return netns === undefined ? [] : netns.type === 'pod' ? podActions(world, netns) : nodeActions(world, netns);
}

const mainHost = (world: World): string => {
  const { hosts } = world.topology();
  return (hosts.find((one) => one.controlPlane === true) ?? hosts.find((one) => one.role === 'node'))?.id ?? '';
};

function nodeActions(world: World, netns: NetnsView): Action[] {
  const name = netns.title;
  const key = `Node/${name}`;
  const node = world.api.view.find(key);
  if (node === undefined) return [];
  const stopped = (node.metadata.annotations?.[STOPPED] ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  const agents = ['kubelet', world.api.view.find('DaemonSet/kube-system/cilium') === undefined ? 'kube-proxy' : 'cilium-agent'];
  const own = ownText(world, key);
  const actions = agents.map((agent): Action => {
    const running = !stopped.includes(agent) && !stopped.includes('true');
    const next = (running ? [...stopped, agent] : stopped.filter((one) => one !== agent && one !== 'true')).join(',');
    const edit = own === undefined ? undefined : annotate(world.files, own, STOPPED, next);
    const line = (value: string) => [
      { host: mainHost(world), line: `kubectl annotate --overwrite node ${name} ${value === '' ? `${STOPPED}-` : `${STOPPED}=${value}`}` },
    ];
    return {
      title: `${running ? 'Stop' : 'Start'} ${agent} on ${name}`,
      because: !running
        ? 'It hears of everything that has changed since it was stopped.'
        : agent === 'kubelet'
          ? 'After 40 s without its lease the node is NotReady; its pods go on until they are evicted.'
          : 'Rules that are there go on working; what changes from now on is not heard of.',
      ...(edit === undefined ? { commands: line(next), undo: line(stopped.join(',')) } : { edit }),
    };
  });
  const cordoned = (node as { readonly spec?: { readonly unschedulable?: boolean } }).spec?.unschedulable === true;
  const uplink = world.topology().devices.find((one) => one.netns === netns.id && one.type === 'ethernet');
  const at = mainHost(world);
  const line = (verb: string) => [{ host: at, line: `kubectl ${verb} ${name}` }];
  const cordon = own === undefined ? undefined : setScalar(world.files, own, 'spec', 'unschedulable', cordoned ? 'false' : 'true');
  return [
    ...(uplink === undefined ? [] : wireActions(world, uplink.id).slice(0, 1)),
    ...actions,
    {
      title: cordoned ? `Uncordon ${name}` : `Cordon ${name}`,
      because: cordoned ? 'The scheduler may use it again.' : 'No new pod is put there; those that run stay.',
      ...(cordon === undefined ? { commands: line(cordoned ? 'uncordon' : 'cordon'), undo: line(cordoned ? 'cordon' : 'uncordon') } : { edit: cordon }),
    },
  ];
}

const TYPES = ['ClusterIP', 'NodePort', 'LoadBalancer'] as const;

function serviceActions(world: World, key: string): Action[] {
  const service = world.api.view.find<ServiceLike>(key);
  const own = ownText(world, key);
  if (service === undefined || own === undefined) return [];
  const { name } = service.metadata;
  const type = service.spec?.type ?? 'ClusterIP';
  const words: Readonly<Record<string, string>> = {
    ClusterIP: 'Only the cluster can reach it, at its own address.',
    NodePort: 'Every node answers for it at one high port as well.',
    LoadBalancer: 'It asks for an address outside of the cluster as well, if something hands them out.',
  };
  const types = (service.spec?.clusterIP === 'None' ? [] : TYPES.filter((one) => one !== type)).flatMap((one): Action[] => {
    const edit = setScalar(world.files, own, 'spec', 'type', one);
    return edit === undefined ? [] : [{ title: `Make ${name} a ${one}`, because: words[one] ?? '', edit }];
  });
  const sticky = service.spec?.sessionAffinity === 'ClientIP';
  const affinity = setScalar(world.files, own, 'spec', 'sessionAffinity', sticky ? 'None' : 'ClientIP');
  return [
    ...types,
    ...(affinity === undefined
      ? []
      : [
          {
            title: sticky ? 'Choose anew for each connection' : 'Keep each client at one endpoint',
            because: sticky ? 'Connections spread over the endpoints by chance again.' : 'For three hours a client address goes where it went first.',
            edit: affinity,
          },
        ]),
  ];
}

function podActions(world: World, netns: NetnsView): Action[] {
  const namespace = netns.namespace ?? 'default';
  const name = netns.title;
  const key = `Pod/${namespace}/${name}`;
  const actions: Action[] = [];
  // The object with `replicas` that stands behind it.
  const admitted = world.sourceOf(key);
  const owner = admitted === undefined ? undefined : world.api.view.find<Scaled>(admitted.key);
  const own = admitted === undefined ? undefined : ownText(world, admitted.key);
  if (owner !== undefined && own !== undefined && owner.kind !== 'Pod' && owner.spec?.replicas !== undefined) {
    const now = owner.spec.replicas;
    for (const next of [now + 1, now - 1]) {
      const edit = next < 0 ? undefined : setScalar(world.files, own, 'spec', 'replicas', String(next));
      if (edit !== undefined)
        actions.push({
          title: `${next > now ? 'One more' : 'One less'} of ${owner.metadata.name}: ${next}`,
          because: `${owner.kind} ${owner.metadata.name} has ${now}.`,
          edit,
        });
    }
  }
  const eth = world.topology().devices.find((one) => one.netns === netns.id && one.type === 'veth');
  return [
    ...actions,
    ...(eth === undefined ? [] : wireActions(world, eth.id).slice(0, 1)),
    {
      title: `Delete ${name}`,
      because:
        owner !== undefined && owner.kind !== 'Pod'
          ? `${owner.kind} ${owner.metadata.name} makes another one.`
          : 'Nobody makes it again until its text changes.',
      commands: [{ host: mainHost(world), line: `kubectl delete pod ${name}${namespace === 'default' ? '' : ` -n ${namespace}`}` }],
    },
  ];
}
