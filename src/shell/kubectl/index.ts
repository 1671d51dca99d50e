/** kubectl: its verbs, and what happens before and after each. */
import { type Command, defineCommand, type Invocation, type Outcome } from '../command.ts';
import { namespaceOfContext } from '../kubeconfig.ts';
import { apply, replace } from './apply.ts';
import { attach } from './attach.ts';
import { auth } from './auth.ts';
import { autoscale } from './autoscale.ts';
import { annotate, deleteVerb, label, patch, scale } from './change.ts';
import type { Kubectl, Verb } from './client.ts';
import { completeKubectl } from './complete.ts';
import { checkContext, config } from './config.ts';
import { create } from './create.ts';
import { debug } from './debug.ts';
import { describe } from './describe.ts';
import { diff } from './diff.ts';
import { edit } from './edit.ts';
import { exec } from './exec.ts';
import { expose } from './expose.ts';
import { globalFlags, KubectlError, parseFlags } from './flags.ts';
import { get } from './get.ts';
import { overview, verbHelp } from './help.ts';
import { apiResources, apiVersions, clusterInfo, events, explain, version, wait } from './info.ts';
import { logs } from './logs.ts';
import { certificate, completion, cp, kustomize, options, plugin, proxy } from './missing.ts';
import { cordon, drain, taint, uncordon } from './nodes.ts';
import { portForward } from './port-forward.ts';
import { rollout } from './rollout.ts';
import { run } from './run.ts';
import { set } from './set.ts';
import { top } from './top.ts';

/** In the order and groups of the real one's help. */
const groups: readonly (readonly [string, readonly Verb[]])[] = [
  ['Basic Commands (Beginner)', [create, expose, run, set]],
  ['Basic Commands (Intermediate)', [explain, get, edit, deleteVerb]],
  ['Deploy Commands', [rollout, scale, autoscale]],
  ['Cluster Management Commands', [certificate, clusterInfo, top, cordon, uncordon, drain, taint]],
  ['Troubleshooting and Debugging Commands', [describe, logs, attach, exec, portForward, proxy, cp, auth, debug, events]],
  ['Advanced Commands', [diff, apply, patch, replace, wait, kustomize]],
  ['Settings Commands', [label, annotate, completion]],
  ['Other Commands', [apiResources, apiVersions, config, plugin, version]],
];

const verbs: readonly Verb[] = [...groups.flatMap(([, members]) => members), options];

const verbsByName: ReadonlyMap<string, Verb> = new Map(verbs.map((verb) => [verb.name, verb]));

export const kubectl: Command = defineCommand({
  name: 'kubectl',
  summary: 'the Kubernetes command line: get, describe, apply, exec, logs, expose, scale …',
  group: 'kubernetes',
  run: (invocation) => runKubectl(invocation, invocation.argv),
  complete: (words, current, invocation) => completeKubectl(verbs, words, current, invocation),
});

function runKubectl(invocation: Invocation, argv: readonly string[]): Outcome {
  try {
    // Global flags may stand before the verb.
    const at = verbPosition(argv);
    const name = argv[at];
    const about = name === 'help' ? verbsByName.get(argv[at + 1] ?? '') : undefined;
    if (about !== undefined) {
      invocation.out(verbHelp(about));
      return 0;
    }
    if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
      invocation.out(overview(groups));
      return 0;
    }
    if (name.startsWith('-')) {
      parseFlags('', argv, []);
      throw new KubectlError(`error: unknown flag: ${name}\nSee 'kubectl --help' for usage.`);
    }
    const verb = verbsByName.get(name);
    if (verb === undefined) throw new KubectlError(unknownCommand(name));
    const flags = parseFlags(verb.name, [...argv.slice(0, at), ...argv.slice(at + 1)], verb.flags);
    if (flags.bool('help')) {
      invocation.out(verbHelp(verb));
      return 0;
    }
    const { kubeconfig } = invocation.shell.state;
    const namespace = flags.get('namespace') || namespaceOfContext(kubeconfig, flags.get('context') || kubeconfig.current);
    const call: Kubectl = { invocation, flags, verb: verb.name, namespace, out: invocation.out, err: invocation.err };
    checkContext(call, kubeconfig);
    return verb.run(call);
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error;
    invocation.err(`${error.message}\n`);
    return error.exitCode;
  }
}

function verbPosition(argv: readonly string[]): number {
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    if (!word.startsWith('-')) return i;
    const flag = globalFlags.find((candidate) => `--${candidate.name}` === word || `-${candidate.short}` === word);
    if (flag === undefined && !word.includes('=') && !/^-[ns]./.test(word)) return i;
    if (flag !== undefined && flag.type !== 'bool') i += 1;
    else if (flag?.name === 'help') return i;
  }
  return argv.length;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}

function unknownCommand(name: string): string {
  const near = verbs.map((verb) => verb.name).filter((candidate) => distance(name.slice(0, 40), candidate) <= 2 || candidate.startsWith(name.toLowerCase()));
  const hint = near.length === 0 ? '' : `\n\nDid you mean this?\n${near.map((candidate) => `\t${candidate}\n`).join('')}`;
  return `error: unknown command "${name}" for "kubectl"${hint}`.trimEnd();
}
