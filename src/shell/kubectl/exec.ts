/** kubectl exec: a program or a shell inside a running container. */
import type { KubeObject } from '../../objects/types.ts';
import type { Hook, Outcome } from '../command.ts';
import { getProfile } from '../images.ts';
import { podPlace } from '../machine/places.ts';
import type { After, Place } from '../state.ts';
import { defineVerb, type Kubectl } from './client.ts';
import { KubectlError } from './flags.ts';
import { chooseContainer, containerProblem, findPod } from './pods.ts';

export const exec = defineVerb({
  name: 'exec',
  summary: 'runs a command in a pod (-it POD -- sh)',
  completes: 'pods',
  flags: [
    { name: 'stdin', short: 'i', type: 'bool' },
    { name: 'tty', short: 't', type: 'bool' },
    { name: 'container', short: 'c', type: 'string' },
    { name: 'quiet', short: 'q', type: 'bool' },
    { name: 'filename', short: 'f', type: 'list' },
    { name: 'pod-running-timeout', type: 'string' },
  ],
  run: (kubectl) => {
    const { flags } = kubectl;
    const target = flags.args[0];
    if (target === undefined || flags.beforeDash === 0) throw new KubectlError('error: pod, type/name or --filename must be specified');
    const command = flags.args.slice(1);
    if (!flags.hasDash && command.length > 0)
      throw new KubectlError(
        "error: exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'kubectl exec -h' for help and examples",
      );
    if (flags.hasDash && flags.beforeDash > 1)
      throw new KubectlError(
        "error: exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'kubectl exec -h' for help and examples",
      );
    if (command.length === 0) throw new KubectlError('error: you must specify at least one command for the container');
    const pod = findPod(kubectl, target);
    const container = chooseContainer(kubectl, pod, flags.get('container'));
    return enterContainer(kubectl, pod, container, command, { hook: 'kubectl-exec', data: {} });
  },
});

/** @throws {KubectlError} when the container does not run. */
export function enterContainer(kubectl: Kubectl, pod: KubeObject, container: string, command: readonly string[], after: After): Outcome {
  const { invocation } = kubectl;
  const problem = containerProblem(pod, container);
  const place = problem === undefined ? podPlace(invocation.host, pod, container) : undefined;
  if (problem !== undefined || place === undefined) {
    const text = problem ?? `unable to upgrade connection: container not found ("${container}")`;
    throw new KubectlError(
      text.startsWith('unable') ? `error: ${text}` : text.startsWith('cannot exec') ? `error: ${text}` : `Error from server (BadRequest): ${text}`,
    );
  }
  return enterPlace(kubectl, place, command, after);
}

/** Runs a command, or enters a shell with -it, at a container's place. */
export function enterPlace(kubectl: Kubectl, place: Place, command: readonly string[], after: After): Outcome {
  const { invocation, flags } = kubectl;
  if (flags.bool('tty') && !invocation.inTty) kubectl.err('Unable to use a TTY - input is not a terminal or the right kind of file\n');
  const program = command[0] ?? '';
  const name = program.slice(program.lastIndexOf('/') + 1);
  const interactive = Object.hasOwn(getProfile(place.profile).shells, name) && command.slice(1).every((word) => word === '-i' || word === '-l');
  if (interactive) {
    // Without -i the shell reads an empty standard input and is gone at once.
    if (!flags.bool('stdin')) return 0;
    if (flags.bool('tty')) return { kind: 'shell', program: name, place, farewell: farewellOf(place, name), login: true, after };
  }
  return {
    kind: 'call',
    argv: command,
    place,
    after,
    withoutTerminal: !flags.bool('tty'),
    missing: {
      text: `OCI runtime exec failed: exec failed: unable to start container process: exec: "${program}": ${program.startsWith('/') ? `stat ${program}: no such file or directory` : 'executable file not found in $PATH'}: unknown\n`,
      exitCode: program.startsWith('/') ? 127 : 126,
    },
  };
}

function farewellOf(place: Place, program: string): string {
  return getProfile(place.profile).shells[program] === 'bash' ? 'exit\n' : '';
}

export const execHook: Hook = (_data: unknown, status, io) => {
  if (status !== 0) io.err(`command terminated with exit code ${status}\n`);
  return status;
};
