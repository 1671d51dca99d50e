/** The least that pods need, from the flows that were seen: NetworkPolicies for each group of pods, by the labels that their owner gives them. */
import type { YamlValue } from '../../base/yaml/index.ts';
import { parseYaml } from '../../base/yaml/index.ts';
import type { Node } from '../../kube/node/types.ts';
import type { Pod } from '../../kube/pod/types.ts';
import { declaredPorts, type MatrixPort, policyMatrix } from '../../kube/policy/matrix.ts';
import { POLICY_KINDS } from '../../kube/policy/policy-kinds.ts';
import { buildModel, type PolicyModel, policyModel } from '../../kube/policy/policy-model.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { Action } from '../actions/action-views.ts';
import { freeName } from '../actions/free-name.ts';
import { asName, namespaceSelectorOf, POLICY_FILE, policyText, selectorOf } from '../actions/policy-words.ts';
import { appendDocument } from '../reach/text-edit.ts';
import type { World } from '../world.ts';
import { type GroupedWorld, type PodGroup, podGroups } from './pod-groups.ts';
import { hostRange, type SeenFlow, seenFlows } from './seen-flows.ts';

/** Where policies are wanted: all pods of a namespace, or the group of one pod. */
export interface SuggestScope {
  readonly namespace: string;
  /** Pod's netns id. */
  readonly pod?: string;
}

export interface SuggestedPolicy {
  readonly name: string;
  readonly namespace: string;
  readonly text: string;
  /** Of the pods that it is for, by name. */
  readonly pods: readonly string[];
  /** `from client: TCP 80 (12 times)` */
  readonly seen: readonly string[];
}

export interface Suggestion {
  readonly policies: readonly SuggestedPolicy[];
  /** Pods that no selector can name, since they have no labels that last. */
  readonly nameless: readonly string[];
}

/** Ports of containers that are counted. */
const MAX_PORTS = 60;

type Suggested = GroupedWorld & Pick<World, 'engine' | 'headSeq' | 'files'>;

const isDns = (group: PodGroup): boolean => group.namespace === 'kube-system' && group.labels['k8s-app'] === 'kube-dns';

/** The other end as a peer, with what it is called. */
interface Peer {
  readonly key: string;
  readonly title: string;
  readonly peer: { readonly [key: string]: YamlValue };
  readonly dns: boolean;
}

function peerOf(end: string, byPod: ReadonlyMap<string, PodGroup>, namespace: string): Peer {
  const group = byPod.get(end);
  if (group === undefined) return { key: end, title: end, peer: { ipBlock: { cidr: hostRange(end) } }, dns: false };
  const nameless = Object.keys(group.labels).length === 0;
  const elsewhere = group.namespace !== namespace;
  return {
    key: group.key,
    title: nameless ? `any pod of ${group.namespace}` : elsewhere ? `${group.namespace}/${group.name}` : group.name,
    peer: { ...(elsewhere ? { namespaceSelector: namespaceSelectorOf(group.namespace) } : {}), podSelector: selectorOf(group.labels) },
    dns: isDns(group),
  };
}

interface Port {
  readonly protocol: string;
  readonly port: number;
}
const DNS_PORTS: readonly Port[] = [
  { protocol: 'UDP', port: 53 },
  { protocol: 'TCP', port: 53 },
];

/** Rules of one direction: peers that need the same ports share one. */
function rulesOf(
  flows: readonly (readonly [other: Peer, flow: SeenFlow])[],
  side: 'from' | 'to',
): { readonly rules: { readonly [key: string]: YamlValue }[]; readonly seen: string[] } {
  const peers = new Map<string, { readonly peer: Peer; readonly ports: Map<string, Port>; count: number }>();
  for (const [peer, { protocol, port, count }] of flows) {
    const known = peers.get(peer.key) ?? { peer, ports: new Map<string, Port>(), count: 0 };
    peers.set(peer.key, known);
    known.count += count;
    // Large answers are asked for again by TCP: who may ask by one may ask by both.
    const wanted = peer.dns && side === 'to' && port === 53 ? DNS_PORTS : [{ protocol, port }];
    for (const one of wanted) known.ports.set(`${one.protocol} ${one.port}`, one);
  }
  const byPorts = new Map<string, { readonly ports: readonly Port[]; readonly peers: Peer[] }>();
  const seen: string[] = [];
  for (const { peer, ports, count } of peers.values()) {
    const list = [...ports.values()].sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : 0));
    const key = list.map((one) => `${one.protocol} ${one.port}`).join(', ');
    seen.push(`${side} ${peer.title}: ${key} (${count === 1 ? 'once' : `${count} times`})`);
    const rule = byPorts.get(key);
    if (rule === undefined) byPorts.set(key, { ports: list, peers: [peer] });
    else rule.peers.push(peer);
  }
  const rules = [...byPorts.values()].map(({ ports, peers: who }) => ({
    [side]: who.map((one) => one.peer),
    ports: ports.map(({ protocol, port }) => ({ protocol, port })),
  }));
  return { rules, seen };
}

/** @param taken Names that other suggestions of the same call have. */
function policyFor(world: Suggested, group: PodGroup, flows: readonly SeenFlow[], byPod: ReadonlyMap<string, PodGroup>, taken: Set<string>): SuggestedPolicy {
  const inside = new Set(group.pods.map((one) => one.id));
  const nodesOf = new Set(group.pods.map((one) => one.hostId));
  const own = (ip: string): boolean => world.topology().netnses.some((one) => one.type === 'root' && nodesOf.has(one.hostId) && one.ip === ip);
  const into = flows.filter((one) => inside.has(one.to) && !own(one.from)).map((one) => [peerOf(one.from, byPod, group.namespace), one] as const);
  const out = flows.filter((one) => inside.has(one.from)).map((one) => [peerOf(one.to, byPod, group.namespace), one] as const);
  const ingress = rulesOf(into, 'from');
  const egress = rulesOf(out, 'to');
  const base = asName(`${group.name}-as-seen`);
  let name = freeName(world as World, ['NetworkPolicy'], group.namespace, base);
  for (let i = 2; taken.has(`${group.namespace}/${name}`) && i < 1_000; i += 1) name = `${base}-${i}`;
  taken.add(`${group.namespace}/${name}`);
  const spec = {
    podSelector: selectorOf(group.labels),
    policyTypes: ['Ingress', 'Egress'],
    ...(ingress.rules.length === 0 ? {} : { ingress: ingress.rules }),
    ...(egress.rules.length === 0 ? {} : { egress: egress.rules }),
  };
  return {
    name,
    namespace: group.namespace,
    text: policyText(name, group.namespace, spec),
    pods: group.pods.map((one) => one.title),
    seen: [...ingress.seen, ...egress.seen],
  };
}

/** What the pods of the scope have been seen to need, in the order in which the pods stand. Flows of which nothing arrived are not needed. */
export function suggestPolicies(world: Suggested, scope: SuggestScope): Suggestion {
  const byPod = podGroups(world);
  const wanted = new Set(
    [...byPod].filter(([id, group]) => group.namespace === scope.namespace && (scope.pod === undefined || scope.pod === id)).map(([, group]) => group),
  );
  if (wanted.size === 0) return { policies: [], nameless: [] };
  const flows = seenFlows(world);
  const taken = new Set<string>();
  const named = [...wanted].filter((group) => Object.keys(group.labels).length > 0);
  return {
    policies: named.map((group) => policyFor(world, group, flows, byPod, taken)),
    nameless: [...wanted].filter((group) => !named.includes(group)).flatMap((group) => group.pods.map((one) => one.title)),
  };
}

type Ways = { readonly model: PolicyModel; readonly ports: readonly MatrixPort[] };

/** Ordered pairs of different pods that may talk, counted once for each port that the containers of the second declare. */
function openWays({ model, ports }: Ways): number {
  const pods = model.endpoints.filter((one) => one.pod !== undefined);
  const matrix = policyMatrix(model, ports, pods);
  return ports.reduce((sum, { port, protocol }, index) => {
    const serving = matrix.groups.map(({ members }) => members.filter((one) => one.ports.some((own) => own.port === port && own.protocol === protocol)).length);
    let open = sum;
    matrix.groups.forEach(({ members }, from) => {
      serving.forEach((targets, to) => {
        // Nobody is counted as a way to itself.
        const pairs = members.length * targets - (from === to ? targets : 0);
        if (pairs > 0 && matrix.open(index, from, to)) open += pairs;
      });
    });
    return open;
  }, 0);
}

/** Ways between pods that are open without these policies and with them. */
function effectOf(world: Suggested, texts: readonly string[]): { readonly before: number; readonly after: number } {
  const { view } = world.api;
  const model = policyModel(view);
  const more = texts.flatMap((text) => parseYaml('', text).documents.map((one) => one.value as unknown as KubeObject));
  const then = buildModel({
    pods: view.list<Pod>('Pod'),
    namespaces: view.list('Namespace'),
    nodes: view.list<Node>('Node'),
    policies: [...POLICY_KINDS.flatMap((kind) => view.list(kind)), ...more],
  });
  const ports = declaredPorts(model, MAX_PORTS);
  return { before: openWays({ model, ports }), after: openWays({ model: then, ports }) };
}

/** The same as changes of a text: all of them at once, then each. */
export function suggestions(world: World, scope: SuggestScope): readonly Action[] {
  const { policies, nameless } = suggestPolicies(world, scope);
  const without =
    nameless.length === 0 ? '' : ` ${nameless.slice(0, 3).join(', ')} ${nameless.length === 1 ? 'has' : 'have'} no labels that a policy could name.`;
  const action = (title: string, chosen: readonly SuggestedPolicy[], more: string): Action => {
    const texts = chosen.map((one) => one.text);
    const { before, after } = effectOf(world, texts);
    const edit = texts.reduce<{ readonly file: string; readonly before: string | null; readonly after: string } | undefined>((edited, text) => {
      const files = edited === undefined ? world.files : [{ path: POLICY_FILE, text: edited.after }];
      return {
        ...appendDocument(files, POLICY_FILE, text),
        before: edited === undefined ? (world.files.find((one) => one.path === POLICY_FILE)?.text ?? null) : edited.before,
      };
    }, undefined);
    const seen = chosen.length === 1 ? (chosen[0]?.seen ?? []) : [];
    const what = seen.length === 0 ? '' : ` Seen: ${seen.slice(0, 6).join('; ')}${seen.length > 6 ? '; …' : ''}.`;
    return {
      title,
      because: `Of ${before} ways that are open between pods, at ports of their containers, ${after} stay open.${what}${more}`,
      ...(edit === undefined ? {} : { edit }),
    };
  };
  const single = policies.map((one) => {
    const quiet = one.seen.length === 0 ? ' Nothing of it was seen in the log, so that it would be cut off.' : '';
    return action(`Only what ${one.name.replace(/-as-seen(?:-\d+)?$/, '')} was seen to need`, [one], quiet);
  });
  if (policies.length < 2) return single;
  return [action(`Only what was seen in ${scope.namespace}: ${policies.length} policies`, policies, without), ...single];
}
