/** kubectl debug: a container with other tools in a pod's network, or a pod on a node's. Kubernetes: kubectl/pkg/cmd/debug/debug.go */
import { stableSuffix } from '../../objects/identity.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { Hook, Outcome } from '../command.ts';
import { getProfile, profileOfImage } from '../images.ts';
import { at, text } from '../json.ts';
import { hostPlace, podPlace } from '../machine/places.ts';
import { defineVerb, expectOk, findKind, getObject, type Kubectl } from './client.ts';
import { enterPlace } from './exec.ts';
import { KubectlError } from './flags.ts';
import { containersOf } from './pods.ts';

const PROFILES = ['legacy', 'general', 'baseline', 'netadmin', 'restricted', 'sysadmin'];

export const debug = defineVerb({
  name: 'debug',
  summary: 'a container with other tools in a pod’s network: debug -it POD --image=nicolaka/netshoot; debug node/NODE',
  completes: 'pods',
  flags: [
    { name: 'stdin', short: 'i', type: 'bool' },
    { name: 'tty', short: 't', type: 'bool' },
    { name: 'container', short: 'c', type: 'string' },
    { name: 'image', type: 'string' },
    { name: 'target', type: 'string' },
    { name: 'profile', type: 'string' },
    { name: 'copy-to', type: 'string' },
    { name: 'attach', type: 'bool' },
    { name: 'quiet', short: 'q', type: 'bool' },
    { name: 'env', type: 'list' },
    { name: 'image-pull-policy', type: 'string' },
    { name: 'share-processes', type: 'bool' },
    { name: 'replace', type: 'bool' },
    { name: 'same-node', type: 'bool' },
    { name: 'set-image', type: 'list' },
    { name: 'keep-labels', type: 'bool' },
  ],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    const words = flags.args.slice(0, flags.beforeDash);
    const command = flags.args.slice(flags.beforeDash);
    const image = flags.get('image');
    if (flags.has('copy-to')) throw new KubectlError('error: --copy-to is not part of this simulated kubectl; debug the pod itself with --image');
    if (image === '') throw new KubectlError('error: you must specify --image when not using --copy-to.');
    const profile = flags.get('profile') || 'legacy';
    if (!PROFILES.includes(profile)) throw new KubectlError(`error: unknown profile: ${profile}`);
    if (flags.bool('tty') && !flags.bool('stdin')) throw new KubectlError('error: -i/--stdin is required for containers with -t/--tty=true');
    const [target] = words;
    if (target === undefined) throw new KubectlError('error: NAME or filename is required for debug');
    if (profile === 'legacy')
      kubectl.err(
        '--profile=legacy is deprecated and will be removed in the future. It is recommended to explicitly specify a profile, for example "--profile=general".\n',
      );
    const slash = target.indexOf('/');
    const kind = findKind(kubectl, slash < 0 ? 'pods' : target.slice(0, slash));
    const object = getObject(kubectl, kind, target.slice(slash + 1));
    const name = flags.get('container') || `debugger-${stableSuffix(invocation.host.prng.uint32(), 'debugger', 5)}`;
    if (kind.kind === 'Node') return debugNode(kubectl, object, image, command);
    if (kind.kind !== 'Pod') throw new KubectlError(`error: ${kind.kind.toLowerCase()} is not supported by debug`);
    if (!flags.has('container') && !flags.bool('quiet')) kubectl.err(`Defaulting debug container name to ${name}.\n`);
    const place = podPlace(invocation.host, object, containersOf(object)[0] ?? '');
    if (place === undefined) throw new KubectlError(`error: pod ${object.metadata.name} is not running`);
    const own = {
      ...place,
      profile: profileOfImage(image).name,
      pod: { namespace: object.metadata.namespace ?? '', name: object.metadata.name, container: name, image, layer: `${object.metadata.uid ?? ''}/${name}/0` },
    };
    if (!flags.bool('stdin') && !flags.bool('attach')) return 0;
    if (!flags.bool('quiet')) {
      kubectl.err(
        'All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\n',
      );
      kubectl.err("If you don't see a command prompt, try pressing enter.\n");
    }
    return enterPlace(kubectl, own, command.length > 0 ? command : shellOf(image), {
      hook: 'kubectl-debug',
      data: { pod: object.metadata.name, container: name },
    });
  },
});

const shellOf = (image: string): readonly string[] => Object.keys(getProfile(profileOfImage(image).name).shells).slice(0, 1);

/** A pod in the node's own network, with its file system under /host. */
function debugNode(kubectl: Kubectl, node: KubeObject, image: string, command: readonly string[]): Outcome {
  const { flags, invocation } = kubectl;
  const { host } = invocation;
  const name = `node-debugger-${node.metadata.name}-${stableSuffix(host.prng.uint32(), 'debugger', 5)}`;
  const container = flags.get('container') || 'debugger';
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: kubectl.namespace, labels: { 'app.kubernetes.io/managed-by': 'kubectl-debug' } },
    spec: {
      containers: [
        {
          name: container,
          image,
          stdin: flags.bool('stdin'),
          tty: flags.bool('tty'),
          volumeMounts: [{ name: 'host-root', mountPath: '/host' }],
          ...(command.length === 0 ? {} : { command }),
        },
      ],
      hostIPC: true,
      hostNetwork: true,
      hostPID: true,
      nodeName: node.metadata.name,
      restartPolicy: 'Never',
      tolerations: [{ operator: 'Exists' }],
      volumes: [{ name: 'host-root', hostPath: { path: '/' } }],
    },
  } as unknown as KubeObject;
  const created = expectOk(host.api.create(pod));
  kubectl.out(`Creating debugging pod ${name} with container ${container} on node ${node.metadata.name}.\n`);
  host.settle();
  if (!flags.bool('stdin') && !flags.bool('attach')) return 0;
  if (!flags.bool('quiet')) {
    kubectl.err(
      'All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\n',
    );
    kubectl.err("If you don't see a command prompt, try pressing enter.\n");
  }
  const running = host.api.view.find(`Pod/${kubectl.namespace}/${name}`) ?? created;
  const phase = text(at(running, 'status', 'phase'));
  const place = hostPlace(host, node.metadata.name);
  if (phase === '' || phase === 'Pending' || place === undefined)
    throw new KubectlError(`error: timed out waiting for the condition (see kubectl describe pod ${name})`);
  const inside = { namespace: kubectl.namespace, name, container, image, layer: `${running.metadata.uid ?? name}/${container}/0` };
  return enterPlace(kubectl, { ...place, profile: profileOfImage(image).name, pod: inside }, command.length > 0 ? command : shellOf(image), {
    hook: 'kubectl-exec',
    data: {},
  });
}

export const debugHook: Hook = (data: { readonly pod: string; readonly container: string }, status, io) => {
  io.err(
    `Session ended, the ephemeral container will not be restarted but may be reattached using 'kubectl attach ${data.pod} -c ${data.container} -i -t' if it is still running\n`,
  );
  return status;
};
