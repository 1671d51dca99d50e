/** Who may talk to whom as the policies say, between groups of pods and per port: what the Policy lens draws. */
import { enforcement } from '../../kube/policy/enforcement.ts';
import { judgedModel, unreadPolicies } from '../../kube/policy/judged-model.ts';
import { type MatrixPort, policyMatrix } from '../../kube/policy/matrix.ts';
import type { PolicyEndpoint } from '../../kube/policy/policy-types.ts';
import { type PodGroup, podGroups } from '../suggest/pod-groups.ts';
import type { NetnsView } from '../views.ts';
import type { ProbedWorld } from './probe.ts';
import type { PolicyLensEdge, PolicyLensView, PolicyLensWay } from './reach-views.ts';

/** More groups than this by label, and they are namespaces instead; more namespaces, and the rest is left out. */
const MAX_GROUPS = 40;
/** Ports of one group. */
const MAX_PORTS = 6;
const MAX_ALL_PORTS = 40;

interface Group {
  readonly id: string;
  readonly title: string;
  readonly namespace: string;
  readonly pods: readonly NetnsView[];
  readonly opens?: 'closed' | 'open';
}

function groupsOf(
  world: ProbedWorld,
  opened: ReadonlySet<string>,
): { readonly by: PolicyLensView['by']; readonly groups: readonly Group[]; readonly beyond: number } {
  const byLabel = [...new Set(podGroups(world).values())];
  if (byLabel.length <= MAX_GROUPS) return { by: 'label', groups: byLabel.map((one) => ({ ...one, id: one.key, title: one.name })), beyond: 0 };
  const spaces = new Map<string, PodGroup[]>();
  for (const group of byLabel) {
    const known = spaces.get(group.namespace);
    if (known === undefined) spaces.set(group.namespace, [group]);
    else known.push(group);
  }
  const all = [...spaces].flatMap(([namespace, own]): Group[] =>
    opened.has(namespace)
      ? own.slice(0, MAX_GROUPS).map((one) => ({ ...one, id: one.key, title: one.name, opens: 'open' }))
      : [{ id: namespace, title: namespace, namespace, pods: own.flatMap((one) => one.pods), ...(own.length > 1 ? { opens: 'closed' } : {}) }],
  );
  const shown = all.slice(0, 2 * MAX_GROUPS);
  return { by: 'namespace', groups: shown, beyond: all.length - shown.length };
}

const textOf = ({ port, protocol }: MatrixPort): string => `${port}/${protocol}`;
const idOf = (pod: NetnsView): string => `${pod.namespace ?? 'default'}/${pod.title}`;

/** How many of a group's ends are in each group of the matrix. */
type Spread = ReadonlyMap<number, number>;

/** @param opened Namespaces whose groups are wanted where there are too many groups for all of them. */
export function policyLens(world: ProbedWorld, opened: readonly string[] = []): PolicyLensView {
  const { view } = world.api;
  const model = judgedModel(view);
  const { by, groups, beyond } = groupsOf(world, new Set(opened));
  const ends = groups.map(({ pods }) => pods.map((pod) => model.byId.get(idOf(pod))).filter((one): one is PolicyEndpoint => one !== undefined));
  const ports = new Map<string, MatrixPort>();
  const portsOf = ends.map((list) => {
    const own = new Map<string, MatrixPort>();
    for (const { ports: declared } of list)
      for (const { port, protocol } of declared)
        if (own.size < MAX_PORTS)
          own.set(textOf({ port, protocol: protocol as MatrixPort['protocol'] }), { port, protocol: protocol as MatrixPort['protocol'] });
    for (const [text, port] of own) if (ports.size < MAX_ALL_PORTS) ports.set(text, port);
    return [...own].flatMap(([text, port]) => (ports.has(text) ? [{ text, port }] : [])).sort((a, b) => a.port.port - b.port.port);
  });
  const order = [...ports.keys()];
  const matrix = policyMatrix(model, [...ports.values()], [...new Set(ends.flat())]);
  const spreads: readonly Spread[] = ends.map((list) => {
    const spread = new Map<number, number>();
    for (const { id } of list) {
      const group = matrix.groupOf.get(id);
      if (group !== undefined) spread.set(group, (spread.get(group) ?? 0) + 1);
    }
    return spread;
  });
  const way = (from: number, to: number, text: string): PolicyLensWay => {
    const index = order.indexOf(text);
    let open = 0;
    let pairs = 0;
    for (const [a, many] of spreads[from] ?? []) {
      for (const [b, more] of spreads[to] ?? []) {
        // Nobody is asked about itself.
        const count = from === to && a === b ? many * (many - 1) : many * more;
        pairs += count;
        if (count > 0 && matrix.open(index, a, b)) open += count;
      }
    }
    return { port: text, open, pairs };
  };
  const edges = groups.flatMap((_, from) =>
    groups.flatMap((__, to): PolicyLensEdge[] => {
      const ways = (portsOf[to] ?? []).map(({ text }) => way(from, to, text)).filter((one) => one.pairs > 0);
      return ways.length === 0 ? [] : [{ from, to, ways }];
    }),
  );
  const { nodes, sentence, openConnections } = enforcement(view);
  return {
    sentence,
    enforced: nodes.some((node) => node.kinds.includes('NetworkPolicy')),
    openConnections,
    policies: new Set(model.policies.map(({ key }) => key)).size,
    dialects: unreadPolicies(view),
    by,
    groups: groups.map(({ id, title, namespace, pods, opens }) => ({
      id,
      title,
      namespace,
      pods: pods.map((one) => one.id),
      first: `pod/${idOf(pods[0] as NetnsView)}`,
      ...(opens === undefined ? {} : { opens }),
    })),
    edges,
    beyond,
  };
}
