/** kubectl rollout: status, history, undo, restart, pause, resume. */
import { formatRfc3339 } from '../../base/time.ts';
import type { Kind, KubeObject } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { at, number as numberOf, record } from '../json.ts';
import { formatTable } from '../table.ts';
import { defineVerb, expectOk, groupOf, type Kubectl, keyOf, qualifiedName, qualifiedPlural } from './client.ts';
import { describeTemplate } from './describe/containers.ts';
import { PrefixWriter } from './describe/writer.ts';
import { KubectlError } from './flags.ts';
import { groupHelp, unknownSubcommand } from './help.ts';
import { parseDuration } from './logs.ts';
import { selectObjects, targetFlags } from './select.ts';
import type { WaitState } from './watches.ts';
import { patchObject, teller, writeFlags, writeOptions } from './write.ts';

const REVISION = 'deployment.kubernetes.io/revision';
const RESTARTED = 'kubectl.kubernetes.io/restartedAt';
const CAUSE = 'kubernetes.io/change-cause';

const subcommands = {
  history: { summary: 'The revisions there were' },
  pause: { summary: 'No rollout until it is resumed' },
  restart: { summary: 'New pods in place of all' },
  resume: { summary: 'Rollouts go on' },
  status: { summary: 'How far a rollout is' },
  undo: { summary: 'Back to a revision there was' },
} as const;

export const rollout = defineVerb({
  name: 'rollout',
  summary: 'manages rollouts of deployments, daemonsets and statefulsets',
  examples: ['rollout undo deployment/abc', 'rollout status daemonset/foo', 'rollout restart deployment --selector=app=nginx'],
  completes: 'resources',
  subcommands,
  flags: [
    ...targetFlags.filter(({ name }) => name !== 'all'),
    ...writeFlags,
    { name: 'revision', type: 'int' },
    { name: 'to-revision', type: 'int' },
    { name: 'watch', short: 'w', type: 'bool' },
    { name: 'timeout', type: 'string' },
  ],
  run: (kubectl) => {
    const [subcommand, ...args] = kubectl.flags.args;
    if (subcommand === undefined) {
      kubectl.out(groupHelp(rollout));
      return 1;
    }
    if (!Object.hasOwn(subcommands, subcommand)) throw unknownSubcommand(kubectl, subcommand);
    const { objects, failed } = selectObjects(kubectl, args, 'error: required resource not specified');
    if (objects.length === 0 && !failed) throw new KubectlError(`error: no objects passed to ${subcommand}`);
    const tell = teller(kubectl);
    let outcome: Outcome = 0;
    for (const [kind, object] of objects) outcome = act(kubectl, subcommand, kind, object, tell);
    kubectl.invocation.host.settle();
    return failed ? 1 : outcome;
  },
});

const GERUNDS = { restart: 'restarting', pause: 'pausing', resume: 'resuming' } as const;

/** What the subcommand does not do with this kind. */
function refusal(subcommand: string, kind: Kind, name: string): KubectlError | undefined {
  const group = groupOf(kind.apiVersion);
  if (Object.hasOwn(GERUNDS, subcommand)) {
    const able = subcommand === 'restart' ? ROLLING : ['Deployment'];
    if (able.includes(kind.kind)) return undefined;
    return new KubectlError(`error: ${qualifiedPlural(kind)} "${name}" ${GERUNDS[subcommand as keyof typeof GERUNDS]} is not supported`);
  }
  if (ROLLING.includes(kind.kind)) return undefined;
  if (subcommand === 'status') return new KubectlError(`error: no status viewer has been implemented for ${kind.kind}`);
  return new KubectlError(
    `error: no ${subcommand === 'undo' ? 'rollbacker' : 'history viewer'} has been implemented for {${JSON.stringify(group)} "${kind.kind}"}`,
  );
}

const ROLLING = ['Deployment', 'DaemonSet', 'StatefulSet'];

function act(kubectl: Kubectl, subcommand: string, kind: Kind, object: KubeObject, tell: ReturnType<typeof teller>): Outcome {
  const { flags, invocation } = kubectl;
  const { name } = object.metadata;
  const problem = refusal(subcommand, kind, name);
  if (problem !== undefined) throw problem;
  const key = keyOf(kind, object.metadata.namespace ?? '', name);
  const title = `${qualifiedName(kind)}/${name}`;
  const paused = at(object, 'spec', 'paused') === true;
  const change = (body: unknown, done: string): Outcome => {
    tell(kind, expectOk(patchObject(kubectl, kind, object, body, writeOptions(kubectl, 'kubectl-rollout'))), done);
    return 0;
  };
  switch (subcommand) {
    case 'status': {
      const type = at(object, 'spec', 'updateStrategy', 'type');
      if (kind.kind !== 'Deployment' && type !== undefined && type !== 'RollingUpdate')
        throw new KubectlError('error: rollout status is only available for RollingUpdate strategy type');
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
      if (paused) throw new KubectlError(`error: ${qualifiedPlural(kind)} "${name}" can't restart paused deployment (run rollout resume first)`);
      const time = formatRfc3339(invocation.host.epochMs + invocation.host.nowNs / 1e6);
      if (at(object, 'spec', 'template', 'metadata', 'annotations', RESTARTED) === time)
        throw new KubectlError(
          `error: failed to create patch for ${name}: if restart has already been triggered within the past second, please wait before attempting to trigger another`,
        );
      return change({ spec: { template: { metadata: { annotations: { [RESTARTED]: time } } } } }, 'restarted');
    }
    case 'pause':
      if (paused) throw new KubectlError(`error: ${qualifiedPlural(kind)} "${name}" is already paused`);
      return change({ spec: { paused: true } }, 'paused');
    case 'resume':
      if (!paused) throw new KubectlError(`error: ${qualifiedPlural(kind)} "${name}" is not paused`);
      return change({ spec: { paused: null } }, 'resumed');
    case 'history':
      return history(kubectl, kind, object);
    default:
      return undo(kubectl, kind, object, change);
  }
}

interface Revision {
  readonly number: number;
  readonly cause: string;
  readonly template: unknown;
}

/** A Deployment's ReplicaSets, or the ControllerRevisions of a DaemonSet or StatefulSet, oldest first. */
function revisionsOf(kubectl: Kubectl, kind: Kind, object: KubeObject): readonly Revision[] {
  const { api } = kubectl.invocation.host;
  const byDeployment = kind.kind === 'Deployment';
  if (!byDeployment && api.findKind('ControllerRevision') === undefined)
    throw new KubectlError(
      `error: unable to find history controlled by ${kind.kind} ${object.metadata.name}: the server could not find the requested resource`,
    );
  return api.view
    .owned(byDeployment ? 'ReplicaSet' : 'ControllerRevision', object.metadata.uid ?? '')
    .map((one) => ({
      number: byDeployment ? Number(one.metadata.annotations?.[REVISION] ?? 0) : numberOf(at(one, 'revision')),
      cause: one.metadata.annotations?.[CAUSE] ?? '<none>',
      template: byDeployment ? at(one, 'spec', 'template') : at(one, 'data', 'spec', 'template'),
    }))
    .filter((revision) => revision.number > 0)
    .toSorted((a, b) => a.number - b.number);
}

function history(kubectl: Kubectl, kind: Kind, object: KubeObject): Outcome {
  const revisions = revisionsOf(kubectl, kind, object);
  const wanted = kubectl.flags.has('revision') ? Number(kubectl.flags.get('revision')) : 0;
  if (wanted > 0) {
    const revision = revisions.find((one) => one.number === wanted);
    if (revision === undefined) throw new KubectlError('error: unable to find the specified revision');
    const writer = new PrefixWriter();
    describeTemplate(writer, 0, revision.template);
    // The real one writes the tabs as they are here.
    kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} with revision #${wanted}\n${writer.text}\n`);
    return 0;
  }
  kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} \n`);
  kubectl.out(formatTable([['REVISION', 'CHANGE-CAUSE'], ...revisions.map((one) => [String(one.number), one.cause])], 0, 2));
  kubectl.out('\n');
  return 0;
}

function undo(kubectl: Kubectl, kind: Kind, object: KubeObject, change: (body: unknown, done: string) => Outcome): Outcome {
  const { flags } = kubectl;
  if (at(object, 'spec', 'paused') === true)
    throw new KubectlError(`error: you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again`);
  const revisions = revisionsOf(kubectl, kind, object);
  const wanted = Number(flags.get('to-revision') || 0);
  const target = wanted > 0 ? revisions.find((one) => one.number === wanted) : revisions.at(-2);
  if (target === undefined) {
    if (wanted > 0) throw new KubectlError(`error: unable to find specified revision ${wanted} in history`);
    throw new KubectlError(
      kind.kind === 'Deployment' ? `error: no rollout history found for deployment "${object.metadata.name}"` : 'error: no last revision to roll back to',
    );
  }
  const { 'pod-template-hash': _hash, ...labels } = record(at(target.template, 'metadata', 'labels'));
  const template = { ...record(target.template), metadata: { ...record(at(target.template, 'metadata')), labels } };
  if (target.number === revisions.at(-1)?.number) {
    kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} skipped rollback (current template already matches revision ${target.number})\n`);
    return 0;
  }
  const { metadata, spec, ...rest } = record(at(object, 'spec', 'template'));
  return change(
    { spec: { template: { ...absent(rest), metadata: replaceBy(metadata, template.metadata), spec: replaceBy(spec, at(template, 'spec')) } } },
    'rolled back',
  );
}

const absent = (value: unknown): Readonly<Record<string, null>> => Object.fromEntries(Object.keys(record(value)).map((key) => [key, null]));

/** A merge patch that makes one object another, whole. */
function replaceBy(before: unknown, after: unknown): Readonly<Record<string, unknown>> {
  const next = record(after);
  return Object.fromEntries([
    ...Object.keys(record(before))
      .filter((key) => !Object.hasOwn(next, key))
      .map((key) => [key, null] as const),
    ...Object.entries(next).map(([key, value]) => {
      const old = record(before)[key];
      const nested = typeof value === 'object' && value !== null && !Array.isArray(value) && typeof old === 'object' && old !== null;
      return [key, nested ? replaceBy(old, value) : value] as const;
    }),
  ]);
}
