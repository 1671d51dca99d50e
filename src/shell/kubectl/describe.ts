/** kubectl describe: the long text about objects. */
import type { Kind, KubeObject } from '../../objects/types.ts';
import { filesOf } from './apply.ts';
import {
  allNamespacesFlag,
  defineVerb,
  filenameFlag,
  type Kubectl,
  keyOf,
  listObjects,
  notFoundText,
  parseSelector,
  readResources,
  selectorFlag,
} from './client.ts';
import { describeObject } from './describe/index.ts';
import { KubectlError } from './flags.ts';

export const describe = defineVerb({
  name: 'describe',
  summary: 'everything about an object, with its events',
  completes: 'resources',
  flags: [filenameFlag, selectorFlag, allNamespacesFlag, { name: 'show-events', type: 'bool' }, { name: 'chunk-size', type: 'int' }],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    const args = flags.has('filename') ? filesOf(kubectl, flags.all('filename')).map(({ kind, name }) => `${kind}/${name}`) : flags.args;
    if (args.length === 0)
      throw new KubectlError(
        'error: You must specify the type of resource to describe. Use "kubectl api-resources" for a complete list of supported resources.',
      );
    const { requests } = readResources(kubectl, args);
    const found: KubeObject[] = [];
    const errors: string[] = [];
    for (const { kind, name } of requests) {
      if (name === undefined) {
        const matches = parseSelector(flags.get('selector'));
        found.push(...listObjects(kubectl, kind).filter((object) => matches(object.metadata.labels ?? {})));
        continue;
      }
      const objects = byNameOrPrefix(kubectl, kind, name);
      if (objects.length === 0) errors.push(notFoundText(kind, name));
      found.push(...objects);
    }
    const showEvents = !flags.has('show-events') || flags.bool('show-events');
    kubectl.out(found.map((object) => describeObject(invocation.host, object, showEvents)).join('\n\n'));
    if (found.length === 0 && errors.length === 0)
      kubectl.err(flags.bool('all-namespaces') ? 'No resources found\n' : `No resources found in ${kubectl.namespace} namespace.\n`);
    for (const error of errors) kubectl.err(`${error}\n`);
    return errors.length > 0 ? 1 : 0;
  },
});

/** A name that is not there is tried as a prefix. */
function byNameOrPrefix(kubectl: Kubectl, kind: Kind, name: string): readonly KubeObject[] {
  const { view } = kubectl.invocation.host.api;
  const exact = view.find(keyOf(kind, kubectl.namespace, name));
  if (exact !== undefined) return [exact];
  return listObjects(kubectl, kind).filter((object) => object.metadata.name.startsWith(name));
}
