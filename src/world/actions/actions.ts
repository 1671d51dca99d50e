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

interface ServiceLike extends KubeObject {
  readonly spec?: { readonly type?: string; readonly clusterIP?: string; readonly sessionAffinity?: string };
}
interface Scaled extends KubeObject {
  readonly spec?: { readonly replicas?: number };
}

const STOPPED = 'kubehop.dev/stopped';
const DOWN = 'kubehop.dev/down';

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

/** The wire as a fact of the text: of a node's card, or of the pod network's end in a pod that has a text of its own. */
function wireText(world: World, netns: NetnsView, device: string, up: boolean): Action['edit'] | undefined {
  if (device !== 'eth0' || netns.objectKey === undefined) return undefined;
  const own = ownText(world, netns.objectKey);
  // A pod of a Deployment has no text: one in its template would be all of them, made anew.
  if (own === undefined) return undefined;
  const down = (world.api.view.find(netns.objectKey)?.metadata.annotations?.[DOWN] ?? '').split(',').map((one) => one.trim());
  // What a command has cut a command mends.
  if (!up && !down.includes(device)) return undefined;
  const others = down.filter((one) => one !== '' && one !== device);
  return annotate(world.files, own, DOWN, (up ? [...others, device] : others).join(','));
}

/** On the host whose root netns has the device, or whose pods do. */
function wireActions(world: World, id: string): Action[] {
  const device = world.topology().devices.find((one) => one.id === id);
  const netns = world.topology().netnses.find((one) => one.id === device?.netns);
  if (device === undefined || netns === undefined || device.type === 'loopback') return [];
  // A pod has no tools of its own for this: its other end, on the node, is as good.
  const near = netns.type === 'root' ? device : world.topology().devices.find((one) => one.id === device.peer);
  if (near === undefined || !near.netns.endsWith('/netns/root')) return [];
  const host = netns.hostId;
  const type = (line: string) => [{ host, line }];
  const { name } = near;
  const text = wireText(world, netns, device.name, device.up && near.up);
  const lossy: Action = {
    title: `Make ${name} lose every fifth packet`,
    because: 'netem on its way out drops 20 % by chance.',
    commands: type(`tc qdisc add dev ${name} root netem loss 20%`),
    undo: type(`tc qdisc del dev ${name} root`),
  };
  const slow: Action = {
    title: `Make ${name} slow`,
    because: 'netem holds each packet for 50 ms on its way out.',
    commands: type(`tc qdisc add dev ${name} root netem delay 50ms`),
    undo: type(`tc qdisc del dev ${name} root`),
  };
  return device.up && near.up
    ? [
        {
          title: `Cut ${name}`,
          because:
            near.type === 'veth' ? 'The pod at its other end is alone: its eth0 loses its carrier.' : `Nothing passes ${name} of ${host} until it is up again.`,
          ...(text === undefined ? { commands: type(`ip link set ${name} down`), undo: type(`ip link set ${name} up`) } : { edit: text }),
        },
        slow,
        lossy,
      ]
    : [
        {
          title: `Mend ${name}`,
          because: 'It is down.',
          ...(text === undefined ? { commands: type(`ip link set ${name} up`), undo: type(`ip link set ${name} down`) } : { edit: text }),
        },
      ];
}

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
