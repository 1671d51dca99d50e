/** kubectl top: what the metrics-server knows of pods and nodes. Kubernetes: kubectl/pkg/cmd/top, kubectl/pkg/metricsutil */

import type { Node } from '../../kube/node/types.ts';
import { milliUnits, wholeUnits } from '../../kube/pod/quantity.ts';
import type { Pod } from '../../kube/pod/types.ts';
import { containerUsages, metricsState, nodeUsage, type Usage } from '../../kube/workload/pod-metrics.ts';
import { formatTable } from '../table.ts';
import { allNamespacesFlag, defineVerb, findKind, type Kubectl, parseSelector, selectorFlag } from './client.ts';
import { KubectlError } from './flags.ts';

const MIB = 2 ** 20;
const cells = ({ cpuMilli, memoryBytes }: Usage): readonly string[] => [`${cpuMilli}m`, `${Math.floor(memoryBytes / MIB)}Mi`];

interface Line {
  readonly name: readonly string[];
  readonly usage: Usage;
}

/** By name, or with `--sort-by` the busiest first. */
function sorted(kubectl: Kubectl, lines: readonly Line[]): readonly Line[] {
  const by = kubectl.flags.get('sort-by');
  if (by !== '' && by !== 'cpu' && by !== 'memory') throw new KubectlError('error: --sort-by accepts only cpu or memory');
  const text = ({ name }: Line): string => name.join(' ');
  const byName = (a: Line, b: Line): number => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0);
  const amount = ({ usage }: Line): number => (by === 'cpu' ? usage.cpuMilli : usage.memoryBytes);
  return lines.toSorted((a, b) => (by === '' ? 0 : amount(b) - amount(a)) || byName(a, b));
}

function print(kubectl: Kubectl, header: readonly string[], rows: readonly (readonly string[])[]): void {
  kubectl.out(formatTable(kubectl.flags.bool('no-headers') ? rows : [header, ...rows]));
}

function topNodes(kubectl: Kubectl, name: string | undefined): number {
  const { view } = kubectl.invocation.host.api;
  const matches = parseSelector(kubectl.flags.get('selector'), findKind(kubectl, 'nodes'));
  const nodes = view.list<Node>('Node').filter((node) => (name === undefined ? matches(node.metadata.labels ?? {}) : node.metadata.name === name));
  if (name !== undefined && nodes.length === 0) throw new KubectlError(`Error from server (NotFound): nodemetrics.metrics.k8s.io "${name}" not found`);
  const lines = nodes.flatMap((node): Line[] => {
    const usage = nodeUsage(node, view);
    return usage === undefined ? [] : [{ name: [node.metadata.name], usage }];
  });
  const rows = sorted(kubectl, lines).map(({ name: [one = ''], usage }) => {
    const { cpu, memory } = view.find<Node>(`Node/${one}`)?.status?.allocatable ?? {};
    const [cpuText = '', memoryText = ''] = cells(usage);
    const percent = (used: number, all: number): string => (all === 0 ? '<unknown>' : `${Math.floor((100 * used) / all)}%`);
    return [one, cpuText, percent(usage.cpuMilli, milliUnits(cpu)), memoryText, percent(usage.memoryBytes, wholeUnits(memory))];
  });
  print(kubectl, ['NAME', 'CPU(cores)', 'CPU(%)', 'MEMORY(bytes)', 'MEMORY(%)'], rows);
  return 0;
}

function topPods(kubectl: Kubectl, name: string | undefined): number {
  const { view } = kubectl.invocation.host.api;
  const everywhere = kubectl.flags.bool('all-namespaces');
  const byContainer = kubectl.flags.bool('containers');
  const matches = parseSelector(kubectl.flags.get('selector'), findKind(kubectl, 'pods'));
  const pods = (everywhere ? view.list<Pod>('Pod') : view.list<Pod>('Pod', kubectl.namespace)).filter((pod) =>
    name === undefined ? matches(pod.metadata.labels ?? {}) : pod.metadata.name === name,
  );
  if (name !== undefined && pods.length === 0) throw new KubectlError(`Error from server (NotFound): pods "${name}" not found`);
  const lines = pods.flatMap((pod): Line[] => {
    const usages = containerUsages(pod, view);
    if (usages === undefined) return [];
    const place = [...(everywhere ? [pod.metadata.namespace ?? ''] : []), pod.metadata.name];
    if (byContainer) return usages.map(([container, usage]) => ({ name: [...place, container], usage }));
    const total = { cpuMilli: 0, memoryBytes: 0 };
    for (const [, usage] of usages) {
      total.cpuMilli += usage.cpuMilli;
      total.memoryBytes += usage.memoryBytes;
    }
    return [{ name: place, usage: total }];
  });
  if (lines.length === 0) {
    kubectl.err(everywhere ? 'No resources found\n' : `No resources found in ${kubectl.namespace} namespace.\n`);
    return 0;
  }
  const header = [...(everywhere ? ['NAMESPACE'] : []), ...(byContainer ? ['POD', 'NAME'] : ['NAME']), 'CPU(cores)', 'MEMORY(bytes)'];
  print(
    kubectl,
    header,
    sorted(kubectl, lines).map(({ name: words, usage }) => [...words, ...cells(usage)]),
  );
  return 0;
}

export const top = defineVerb({
  name: 'top',
  summary: 'top pods|nodes: how busy they are, as a metrics-server sees it',
  examples: ['top node', 'top pod --containers', 'top pods -A --sort-by=cpu'],
  completes: 'resources',
  flags: [allNamespacesFlag, selectorFlag, { name: 'containers', type: 'bool' }, { name: 'no-headers', type: 'bool' }, { name: 'sort-by', type: 'string' }],
  run: (kubectl) => {
    const [what, name] = kubectl.flags.args;
    if (what === undefined || !/^(?:pods?|po|nodes?|no)$/.test(what)) {
      kubectl.out('Display resource (CPU/memory) usage.\n\nAvailable Commands:\n  node          Usage of nodes\n  pod           Usage of pods\n');
      return 1;
    }
    const state = metricsState(kubectl.invocation.host.api.view);
    if (state === 'absent') throw new KubectlError('error: Metrics API not available');
    if (state === 'not yet') throw new KubectlError('error: metrics not available yet');
    return what.startsWith('n') ? topNodes(kubectl, name) : topPods(kubectl, name);
  },
});
