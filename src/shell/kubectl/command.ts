/** kubectl as a command: finds the verb, reads its flags and the context, and runs it. The verbs are given, so that a page can begin with few. */

import { meetClusters } from '../clusters.ts';
import { type Command, defineCommand, type Invocation, type Outcome } from '../command.ts';
import { namespaceOfContext } from '../kubeconfig.ts';
import type { Kubectl, Verb } from './client.ts';
import { checkContext, otherCluster } from './context.ts';
import { globalFlags, KubectlError, parseFlags } from './flags.ts';
import { overview, verbHelp } from './help.ts';

/** Verbs in the order and groups of the real one's help. */
export type VerbGroups = readonly (readonly [string, readonly Verb[]])[];

interface Verbs {
  readonly groups: VerbGroups;
  readonly byName: ReadonlyMap<string, Verb>;
  readonly bundled: Kubectl['bundled'];
}

export const KUBECTL_SUMMARY = 'the Kubernetes command line: get, describe, apply, exec, logs, expose, scale …';

/** `hidden`: verbs that no group lists. `bundled`: what stands for manifests at well-known addresses. */
export function kubectlCommand(
  groups: VerbGroups,
  hidden: readonly Verb[],
  complete: (verbs: readonly Verb[]) => NonNullable<Command['complete']>,
  bundled: Kubectl['bundled'],
): Command {
  const all = [...groups.flatMap(([, members]) => members), ...hidden];
  const verbs: Verbs = { groups, byName: new Map(all.map((verb) => [verb.name, verb])), bundled };
  return defineCommand({
    name: 'kubectl',
    summary: KUBECTL_SUMMARY,
    group: 'kubernetes',
    run: (invocation) => runKubectl(invocation, invocation.argv, verbs),
    complete: complete(all),
  });
}

function runKubectl(invocation: Invocation, argv: readonly string[], verbs: Verbs): Outcome {
  try {
    // Global flags may stand before the verb.
    const at = verbPosition(argv);
    const name = argv[at];
    const about = name === 'help' ? verbs.byName.get(argv[at + 1] ?? '') : undefined;
    if (about !== undefined) {
      invocation.out(verbHelp(about));
      return 0;
    }
    if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
      invocation.out(overview(verbs.groups));
      return 0;
    }
    if (name.startsWith('-')) {
      parseFlags('', argv, []);
      throw new KubectlError(`error: unknown flag: ${name}\nSee 'kubectl --help' for usage.`);
    }
    const verb = verbs.byName.get(name);
    if (verb === undefined) throw new KubectlError(unknownCommand(name, verbs));
    const flags = parseFlags(verb.name, [...argv.slice(0, at), ...argv.slice(at + 1)], verb.flags);
    if (flags.bool('help')) {
      invocation.out(verbHelp(verb));
      return 0;
    }
    const { kubeconfig } = invocation.shell.state;
    meetClusters(kubeconfig, invocation.host);
    const cluster = otherCluster(invocation, flags, kubeconfig);
    if (cluster !== undefined) return { kind: 'call', argv: ['kubectl', ...argv], cluster };
    const namespace = flags.get('namespace') || namespaceOfContext(kubeconfig, flags.get('context') || kubeconfig.current);
    const call: Kubectl = { invocation, flags, verb: verb.name, namespace, out: invocation.out, err: invocation.err, bundled: verbs.bundled };
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

function unknownCommand(name: string, verbs: Verbs): string {
  const near = [...verbs.byName.keys()].filter((candidate) => distance(name.slice(0, 40), candidate) <= 2 || candidate.startsWith(name.toLowerCase()));
  const hint = near.length === 0 ? '' : `\n\nDid you mean this?\n${near.map((candidate) => `\t${candidate}\n`).join('')}`;
  return `error: unknown command "${name}" for "kubectl"${hint}`.trimEnd();
}
