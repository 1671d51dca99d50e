/** kubectl rollout: status, history, undo, restart, pause, resume. */
import { formatRfc3339 } from '../../base/time.ts';
import type { Kind, KubeObject } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { at } from '../json.ts';
import { formatTable } from '../table.ts';
import {
  defineVerb,
  dryRunFlag,
  expectOk,
  filenameFlag,
  getObject,
  type Kubectl,
  keyOf,
  MUST_PROVIDE,
  outputFlag,
  qualifiedName,
  readResources,
  selectorFlag,
} from './client.ts';
import { describeTemplate } from './describe/containers.ts';
import { PrefixWriter, renderTabs } from './describe/writer.ts';
import { KubectlError } from './flags.ts';
import { parseDuration } from './logs.ts';
import type { WaitState } from './watches.ts';

const REVISION = 'deployment.kubernetes.io/revision';
const CAUSE = 'kubernetes.io/change-cause';

export const rollout = defineVerb({
  name: 'rollout',
  summary: 'rollout status|history|undo|restart|pause|resume deployment/NAME',
  completes: 'resources',
  flags: [
    filenameFlag,
    selectorFlag,
    outputFlag,
    dryRunFlag,
    { name: 'revision', type: 'int' },
    { name: 'to-revision', type: 'int' },
    { name: 'watch', short: 'w', type: 'bool' },
    { name: 'timeout', type: 'string' },
  ],
  run: (kubectl) => {
    const [subcommand, ...args] = kubectl.flags.args;
    if (subcommand === undefined || !['status', 'history', 'undo', 'restart', 'pause', 'resume'].includes(subcommand)) {
      throw new KubectlError(
        subcommand === undefined
          ? "error: must specify a subcommand: history, pause, restart, resume, status, undo\nSee 'kubectl rollout -h' for help and examples"
          : `error: invalid subcommand "${subcommand}" for "kubectl rollout"\nSee 'kubectl rollout -h' for help and examples`,
      );
    }
    if (args.length === 0) throw new KubectlError(MUST_PROVIDE);
    const { requests } = readResources(kubectl, args);
    let outcome: Outcome = 0;
    for (const { kind, name } of requests) {
      if (name === undefined) throw new KubectlError('error: resource(s) were provided, but no name was specified');
      const object = getObject(kubectl, kind, name);
      if (!['Deployment', 'DaemonSet', 'StatefulSet'].includes(kind.kind))
        throw new KubectlError(
          `error: no ${subcommand === 'status' ? 'status viewer' : 'history viewer'} has been implemented for {"${kind.apiVersion.includes('/') ? kind.apiVersion.split('/')[0] : ''}" "${kind.kind}"}`,
        );
      outcome = act(kubectl, subcommand, kind, object);
    }
    return outcome;
  },
});

function act(kubectl: Kubectl, subcommand: string, kind: Kind, object: KubeObject): Outcome {
  const { flags, invocation } = kubectl;
  const { name } = object.metadata;
  const key = keyOf(kind, kubectl.namespace, name);
  const title = `${qualifiedName(kind)}/${name}`;
  switch (subcommand) {
    case 'status': {
      const state: WaitState = { waiting: [{ key, title }], condition: { kind: 'rollout' }, lastLine: '' };
      const timeout = parseDuration(flags.get('timeout'));
      const once = flags.has('watch') && !flags.bool('watch');
      return {
        kind: 'watch',
        watch: 'kubectl-wait',
        state,
        timeoutSeconds: once ? 0 : timeout === undefined || timeout === 0 ? Number.POSITIVE_INFINITY : timeout,
      };
    }
    case 'restart': {
      const time = formatRfc3339(invocation.host.epochMs + invocation.host.nowNs / 1e6);
      expectOk(
        invocation.host.api.patch(key, { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': time } } } } }, 'strategic'),
      );
      invocation.host.settle();
      kubectl.out(`${title} restarted\n`);
      return 0;
    }
    case 'pause':
    case 'resume': {
      const paused = at(object, 'spec', 'paused') === true;
      if (paused === (subcommand === 'pause'))
        throw new KubectlError(`error: ${kind.plural}.${kind.apiVersion.split('/')[0]} "${name}" is ${paused ? 'already' : 'not'} paused`);
      expectOk(invocation.host.api.patch(key, { spec: { paused: subcommand === 'pause' ? true : null } }, 'merge'));
      invocation.host.settle();
      kubectl.out(`${title} ${subcommand}d\n`);
      return 0;
    }
    case 'history':
      return history(kubectl, kind, object);
    default:
      return undo(kubectl, kind, object);
  }
}

/** The ReplicaSets of a Deployment by revision. */
function revisionsOf(kubectl: Kubectl, object: KubeObject): readonly (readonly [number, KubeObject])[] {
  return kubectl.invocation.host.api.view
    .owned('ReplicaSet', object.metadata.uid ?? '')
    .map((set) => [Number(set.metadata.annotations?.[REVISION] ?? 0), set] as const)
    .filter(([revision]) => revision > 0)
    .toSorted(([a], [b]) => a - b);
}

function needDeployment(kind: Kind): void {
  if (kind.kind !== 'Deployment') throw new KubectlError(`error: revisions of a ${kind.kind} are not kept in this simulation`);
}

function history(kubectl: Kubectl, kind: Kind, object: KubeObject): Outcome {
  needDeployment(kind);
  const revisions = revisionsOf(kubectl, object);
  const wanted = kubectl.flags.has('revision') ? Number(kubectl.flags.get('revision')) : 0;
  if (wanted > 0) {
    const set = revisions.find(([revision]) => revision === wanted)?.[1];
    if (set === undefined) throw new KubectlError('error: unable to find the specified revision');
    const writer = new PrefixWriter();
    describeTemplate(writer, 0, at(set, 'spec', 'template'));
    kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} with revision #${wanted}\n${renderTabs(writer.text)}\n`);
    return 0;
  }
  kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} \n`);
  kubectl.out(
    formatTable([['REVISION', 'CHANGE-CAUSE'], ...revisions.map(([revision, set]) => [String(revision), set.metadata.annotations?.[CAUSE] ?? '<none>'])], 0, 2),
  );
  kubectl.out('\n');
  return 0;
}

function undo(kubectl: Kubectl, kind: Kind, object: KubeObject): Outcome {
  needDeployment(kind);
  const { flags, invocation } = kubectl;
  if (at(object, 'spec', 'paused') === true)
    throw new KubectlError(`error: you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again`);
  const revisions = revisionsOf(kubectl, object);
  const wanted = Number(flags.get('to-revision') || 0);
  const target = wanted > 0 ? revisions.find(([revision]) => revision === wanted) : revisions.at(-2);
  if (target === undefined)
    throw new KubectlError(
      wanted > 0 ? `error: unable to find specified revision ${wanted} in history` : `error: no rollout history found for deployment "${object.metadata.name}"`,
    );
  if (target[0] === revisions.at(-1)?.[0]) {
    kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} skipped rollback (current template already matches revision ${target[0]})\n`);
    return 0;
  }
  const template = at(target[1], 'spec', 'template');
  const labels = Object.fromEntries(
    Object.entries((at(template, 'metadata', 'labels') ?? {}) as Readonly<Record<string, string>>).filter(([key]) => key !== 'pod-template-hash'),
  );
  const metadata = { ...((at(template, 'metadata') ?? {}) as Readonly<Record<string, unknown>>), labels };
  const spec = { ...(object.spec as Readonly<Record<string, unknown>>), template: { ...(template as Readonly<Record<string, unknown>>), metadata } };
  expectOk(invocation.host.api.update({ ...object, spec }));
  invocation.host.settle();
  kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} rolled back\n`);
  return 0;
}
