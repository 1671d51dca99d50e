/** kubectl describe: the long text about objects. */
import type { KubeObject } from '../../objects/types.ts';
import { filesOf } from './apply.ts';
import {
  allNamespacesFlag,
  defineVerb,
  filenameFlag,
  keyOf,
  listObjects,
  namespaceMissing,
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
    const showEvents = !flags.has('show-events') || flags.bool('show-events');
    const found: KubeObject[] = [];
    const errors: string[] = [];
    for (const { kind, name } of requests) {
      if (name === undefined) {
        const matches = parseSelector(flags.get('selector'));
        found.push(...listObjects(kubectl, kind).filter((object) => matches(object.metadata.labels ?? {})));
        continue;
      }
      const exact = invocation.host.api.view.find(keyOf(kind, kubectl.namespace, name));
      if (exact !== undefined) {
        found.push(exact);
        continue;
      }
      // One name that is not there is tried as a prefix.
      const similar = args.length === 2 ? listObjects(kubectl, kind).filter((object) => object.metadata.name.startsWith(name)) : [];
      for (const object of similar) kubectl.out(`${describeObject(invocation.host, object, showEvents)}\n`);
      if (similar.length > 0) return 0;
      errors.push(namespaceMissing(kubectl, kind) ?? notFoundText(kind, name));
    }
    kubectl.out(found.map((object) => describeObject(invocation.host, object, showEvents)).join('\n\n'));
    if (found.length === 0 && errors.length === 0)
      kubectl.err(flags.bool('all-namespaces') ? 'No resources found\n' : `No resources found in ${kubectl.namespace} namespace.\n`);
    for (const error of errors) kubectl.err(`${error}\n`);
    return errors.length > 0 ? 1 : 0;
  },
});
