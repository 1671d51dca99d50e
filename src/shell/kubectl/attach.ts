/** kubectl attach: the terminal of a container's own program. Kubernetes: kubectl/pkg/cmd/attach/attach.go */
import { findContainer, statusOfContainer } from '../../kube/pod/containers.ts';
import type { Pod } from '../../kube/pod/types.ts';
import { objectKey } from '../../objects/types.ts';
import { readLog } from '../container-logs.ts';
import { getProfile } from '../images.ts';
import { at, list, text } from '../json.ts';
import { podPlace } from '../machine/places.ts';
import { defineVerb } from './client.ts';
import { enterContainer } from './exec.ts';
import { KubectlError } from './flags.ts';
import type { LogsWatchState } from './logs.ts';
import { chooseContainer, containerProblem, findPod } from './pods.ts';

export const attach = defineVerb({
  name: 'attach',
  summary: 'the output of a container’s own program from now on; with -it its shell, if it runs one',
  completes: 'pods',
  flags: [
    { name: 'stdin', short: 'i', type: 'bool' },
    { name: 'tty', short: 't', type: 'bool' },
    { name: 'container', short: 'c', type: 'string' },
    { name: 'quiet', short: 'q', type: 'bool' },
    { name: 'pod-running-timeout', type: 'string' },
  ],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    const [target, more] = flags.args;
    if (target === undefined) throw new KubectlError('error: at least 1 argument is required for attach');
    if (more !== undefined)
      throw new KubectlError(`error: expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw ${flags.args.length}: [${flags.args.join(' ')}]`);
    const pod = findPod(kubectl, target);
    const phase = text(at(pod, 'status', 'phase'));
    if (phase === 'Succeeded' || phase === 'Failed') throw new KubectlError(`error: cannot attach a container in a completed pod; current phase is ${phase}`);
    const container = chooseContainer(kubectl, pod, flags.get('container'));
    const problem = containerProblem(pod, container);
    const place = problem === undefined ? podPlace(invocation.host, pod, container) : undefined;
    if (place === undefined) throw new KubectlError(`error: ${problem ?? `unable to upgrade connection: container not found ("${container}")`}`);
    const spec = findContainer(pod as Pod, container);
    if (flags.bool('tty') && at(spec, 'tty') !== true) kubectl.err(`error: Unable to use a TTY - container ${container} did not allocate one\n`);
    if (!flags.bool('quiet')) {
      kubectl.err(
        'All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\n',
      );
      kubectl.err("If you don't see a command prompt, try pressing enter.\n");
    }
    const shells = Object.keys(getProfile(place.profile).shells);
    const command = list(at(spec, 'command')).length > 0 ? text(list(at(spec, 'command'))[0]) : shells[0];
    if (flags.bool('stdin') && at(spec, 'stdin') === true && at(spec, 'tty') === true && command !== undefined)
      return enterContainer(kubectl, pod, container, [command], { hook: 'kubectl-exec', data: {} });
    const uid = pod.metadata.uid ?? '';
    const run = statusOfContainer(pod as Pod, container)?.restartCount ?? 0;
    const { next } = readLog(invocation.shell.state, uid, container);
    const state: LogsWatchState = { sources: [{ pod: objectKey(pod), uid, container, run, prefix: '', next }], timestamps: false };
    return { kind: 'watch', watch: 'kubectl-logs', state, timeoutSeconds: Number.POSITIVE_INFINITY };
  },
});
