/** cordon, uncordon, drain, taint: verbs on nodes. */
import { formatRfc3339 } from '../../base/time.ts';
import type { Pod } from '../../kube/pod/types.ts';
import { evictPod } from '../../kube/policy/eviction.ts';
import { type KubeObject, objectKey } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { at, list, text } from '../json.ts';
import {
  checkDryRun,
  defineVerb,
  dryRunFlag,
  dryRunSuffix,
  expectOk,
  findKind,
  getObject,
  type Kubectl,
  keyOf,
  parseSelector,
  selectorFlag,
} from './client.ts';
import { KubectlError } from './flags.ts';

function nodesOf(kubectl: Kubectl, args: readonly string[]): readonly KubeObject[] {
  const kind = findKind(kubectl, 'nodes');
  const selector = kubectl.flags.get('selector');
  if (selector !== '') {
    if (args.length > 0) throw new KubectlError('error: cannot specify both a node name and a --selector option');
    const matches = parseSelector(selector, kind);
    return kubectl.invocation.host.api.view.list('Node').filter((node) => matches(node.metadata.labels ?? {}));
  }
  if (args.length === 0) throw new KubectlError(`error: USAGE: ${kubectl.verb} NODE [flags]\nSee 'kubectl ${kubectl.verb} -h' for help and examples`);
  return args.map((name) => getObject(kubectl, kind, name.replace(/^nodes?\//, '')));
}

function setUnschedulable(kubectl: Kubectl, node: KubeObject, value: boolean): void {
  const { name } = node.metadata;
  const done = value ? 'cordoned' : 'uncordoned';
  if ((at(node, 'spec', 'unschedulable') === true) === value) {
    kubectl.out(`node/${name} already ${done}${dryRunSuffix(kubectl.flags)}\n`);
    return;
  }
  const dryRun = checkDryRun(kubectl.flags);
  expectOk(kubectl.invocation.host.api.patch(`Node/${name}`, { spec: { unschedulable: value ? true : null } }, 'merge', { dryRun, fieldManager: 'kubectl' }));
  kubectl.out(`node/${name} ${done}${dryRunSuffix(kubectl.flags)}\n`);
}

export const cordon = defineVerb({
  name: 'cordon',
  summary: 'no new pods on a node',
  completes: 'nodes',
  flags: [dryRunFlag, selectorFlag],
  run: (kubectl) => {
    for (const node of nodesOf(kubectl, kubectl.flags.args)) setUnschedulable(kubectl, node, true);
    kubectl.invocation.host.settle();
    return 0;
  },
});
export const uncordon = defineVerb({
  name: 'uncordon',
  summary: 'pods may come to a node again',
  completes: 'nodes',
  flags: [dryRunFlag, selectorFlag],
  run: (kubectl) => {
    for (const node of nodesOf(kubectl, kubectl.flags.args)) setUnschedulable(kubectl, node, false);
    kubectl.invocation.host.settle();
    return 0;
  },
});

const ownerKind = (pod: KubeObject): string => pod.metadata.ownerReferences?.find((owner) => owner.controller === true)?.kind ?? '';

function removeAll(kubectl: Kubectl, pods: readonly KubeObject[]): string {
  for (const pod of pods) {
    expectOk(kubectl.invocation.host.api.remove(objectKey(pod)));
    kubectl.out(`pod/${pod.metadata.name} deleted\n`);
  }
  return '';
}

/** Evicts one after the other, and lets others come up in between. A pod that must stay is told and, where kubectl would try for ever, given up. */
function evictAll(kubectl: Kubectl, pods: readonly KubeObject[]): string {
  const { host } = kubectl.invocation;
  let refused = '';
  for (const pod of pods) {
    const current = host.api.view.find<Pod>(objectKey(pod));
    if (current === undefined) continue;
    const result = evictPod(host.api, current, formatRfc3339(host.epochMs + host.nowNs / 1e6));
    const what = `error when evicting pods/${JSON.stringify(pod.metadata.name)} -n ${JSON.stringify(pod.metadata.namespace)}`;
    if (result.ok) kubectl.out(`pod/${pod.metadata.name} evicted\n`);
    else {
      if (result.reason === 'TooManyRequests') kubectl.err(`${what} (will retry after 5s): ${result.message}\n`);
      refused += `${what}: ${result.message}\n`;
    }
    host.settle();
  }
  return refused;
}

export const drain = defineVerb({
  name: 'drain',
  summary: 'moves the pods of a node away (--ignore-daemonsets, --force)',
  completes: 'nodes',
  flags: [
    dryRunFlag,
    selectorFlag,
    { name: 'ignore-daemonsets', type: 'bool' },
    { name: 'force', type: 'bool' },
    { name: 'delete-emptydir-data', type: 'bool' },
    { name: 'grace-period', type: 'int' },
    { name: 'timeout', type: 'string' },
    { name: 'disable-eviction', type: 'bool' },
    { name: 'pod-selector', type: 'string' },
  ],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    let status = 0;
    for (const node of nodesOf(kubectl, flags.args)) {
      setUnschedulable(kubectl, node, true);
      const { name } = node.metadata;
      const chosen = parseSelector(flags.get('pod-selector'), findKind(kubectl, 'pods'));
      const pods = invocation.host.api.view.list('Pod').filter((pod) => text(at(pod, 'spec', 'nodeName')) === name && chosen(pod.metadata.labels ?? {}));
      const daemons = pods.filter((pod) => ownerKind(pod) === 'DaemonSet');
      const bare = pods.filter((pod) => ownerKind(pod) === '');
      const title = (pod: KubeObject): string => `${pod.metadata.namespace ?? ''}/${pod.metadata.name}`;
      const problems: string[] = [];
      if (daemons.length > 0 && !flags.bool('ignore-daemonsets'))
        problems.push(`cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): ${daemons.map(title).join(', ')}`);
      // The real one's words, twice included.
      if (bare.length > 0 && !flags.bool('force'))
        problems.push(`cannot delete cannot delete Pods that declare no controller (use --force to override): ${bare.map(title).join(', ')}`);
      const local = pods.filter((pod) => !daemons.includes(pod) && list(at(pod, 'spec', 'volumes')).some((volume) => at(volume, 'emptyDir') !== undefined));
      if (local.length > 0 && !flags.bool('delete-emptydir-data'))
        problems.push(`cannot delete Pods with local storage (use --delete-emptydir-data to override): ${local.map(title).join(', ')}`);
      if (problems.length > 0) {
        kubectl.err(
          `error: unable to drain node "${name}" due to error: ${problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`}, continuing command...\nThere are pending nodes to be drained:\n ${name}\n${problems.join('\n')}\n`,
        );
        status = 1;
        continue;
      }
      if (daemons.length > 0) kubectl.err(`Warning: ignoring DaemonSet-managed Pods: ${daemons.map(title).join(', ')}\n`);
      if (bare.length > 0) kubectl.err(`Warning: deleting Pods that declare no controller: ${bare.map(title).join(', ')}\n`);
      const evicted = pods.filter((pod) => !daemons.includes(pod));
      const suffix = dryRunSuffix(flags);
      for (const pod of evicted) kubectl.out(`evicting pod ${title(pod)}${suffix}\n`);
      const refused = checkDryRun(flags) ? '' : flags.bool('disable-eviction') ? removeAll(kubectl, evicted) : evictAll(kubectl, evicted);
      if (refused !== '') {
        kubectl.err(`There are pending nodes to be drained:\n ${name}\n${refused}`);
        status = 1;
        continue;
      }
      kubectl.out(`node/${name} drained${suffix}\n`);
    }
    invocation.host.settle();
    return status;
  },
});

interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
  readonly remove: boolean;
}

function parseTaint(word: string): Taint {
  const remove = word.endsWith('-');
  const match = /^([^=:]+)(?:=([^:]*))?(?::(.*))?$/.exec(remove ? word.slice(0, -1) : word);
  if (match === null) throw new KubectlError(`error: invalid taint spec: ${word}`);
  const [, key = '', value = '', effect = ''] = match;
  if (!remove && effect === '') throw new KubectlError(`error: at least one taint update is required`);
  if (effect !== '' && !['NoSchedule', 'PreferNoSchedule', 'NoExecute'].includes(effect))
    throw new KubectlError(`error: invalid taint effect: ${effect}, unsupported taint effect`);
  return { key, value, effect, remove };
}

export const taint = defineVerb({
  name: 'taint',
  summary: 'taint nodes NODE KEY=VALUE:EFFECT (KEY:EFFECT- removes)',
  completes: 'nodes',
  flags: [dryRunFlag, selectorFlag, { name: 'overwrite', type: 'bool' }, { name: 'all', type: 'bool' }, { name: 'field-manager', type: 'string' }],
  run: (kubectl): Outcome => {
    const { flags, invocation } = kubectl;
    const [resource, ...args] = flags.args;
    if (resource === undefined) throw new KubectlError('error: one or more resources must be specified as <resource> <name>');
    if (findKind(kubectl, resource).kind !== 'Node') throw new KubectlError(`error: invalid resource type ${resource}, only node(s) is supported`);
    const names = args.filter((word) => !/[=:]/.test(word) && !word.endsWith('-'));
    const taints = args.filter((word) => !names.includes(word)).map(parseTaint);
    if (taints.length === 0) throw new KubectlError('error: at least one taint update is required');
    const dryRun = checkDryRun(flags);
    const nodes = flags.bool('all') ? invocation.host.api.view.list('Node') : nodesOf(kubectl, names);
    for (const node of nodes) {
      let current = list(at(node, 'spec', 'taints')).map((entry) => ({
        key: text(at(entry, 'key')),
        value: text(at(entry, 'value')),
        effect: text(at(entry, 'effect')),
      }));
      let done = 'tainted';
      for (const change of taints) {
        const same = (entry: { readonly key: string; readonly effect: string }): boolean =>
          entry.key === change.key && (change.effect === '' || entry.effect === change.effect);
        if (change.remove) {
          if (!current.some(same)) throw new KubectlError(`error: taint "${change.key}${change.effect === '' ? '' : `:${change.effect}`}" not found`);
          current = current.filter((entry) => !same(entry));
          done = 'untainted';
          continue;
        }
        if (current.some(same) && !flags.bool('overwrite'))
          throw new KubectlError(`error: node ${node.metadata.name} already has ${change.key} taint(s) with same effect(s) and --overwrite is false`);
        if (current.some(same)) done = 'modified';
        current = [...current.filter((entry) => !same(entry)), { key: change.key, value: change.value, effect: change.effect }];
      }
      const written = current.map((entry) => ({ key: entry.key, ...(entry.value === '' ? {} : { value: entry.value }), effect: entry.effect }));
      expectOk(
        invocation.host.api.patch(
          keyOf({ kind: 'Node', namespaced: false }, '', node.metadata.name),
          { spec: { taints: written.length === 0 ? null : written } },
          'merge',
          { dryRun, fieldManager: flags.get('field-manager') || 'kubectl-taint' },
        ),
      );
      kubectl.out(`node/${node.metadata.name} ${done}\n`);
    }
    invocation.host.settle();
    return 0;
  },
});
