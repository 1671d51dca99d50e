/** kubectl describe: the long text about objects. */
import type { KubeObject } from '../../objects/types.ts';
import { allNamespacesFlag, defineVerb, filenameFlag, listObjects, parseSelector, selectorFlag } from './client.ts';
import { describeObject } from './describe/index.ts';
import { findRequested, requestsOf } from './select.ts';

export const describe = defineVerb({
  name: 'describe',
  summary: 'everything about an object, with its events',
  completes: 'resources',
  flags: [filenameFlag, selectorFlag, allNamespacesFlag, { name: 'show-events', type: 'bool' }, { name: 'chunk-size', type: 'int' }],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    const { requests } = requestsOf(
      kubectl,
      flags.args,
      'error: You must specify the type of resource to describe. Use "kubectl api-resources" for a complete list of supported resources.',
    );
    const showEvents = !flags.has('show-events') || flags.bool('show-events');
    const found: KubeObject[] = [];
    const errors: string[] = [];
    for (const request of requests) {
      const { kind, name } = request;
      if (name === undefined) {
        const matches = parseSelector(flags.get('selector'), kind);
        found.push(...listObjects(kubectl, kind).filter((object) => matches(object.metadata.labels ?? {})));
        continue;
      }
      const exact = findRequested(kubectl, request);
      if (typeof exact !== 'string') {
        found.push(exact);
        continue;
      }
      // One name that is not there is tried as a prefix.
      const similar = flags.args.length === 2 ? listObjects(kubectl, kind).filter((object) => object.metadata.name.startsWith(name)) : [];
      for (const object of similar) kubectl.out(`${describeObject(invocation.host, object, showEvents)}\n`);
      if (similar.length > 0) return 0;
      errors.push(exact);
    }
    kubectl.out(found.map((object) => describeObject(invocation.host, object, showEvents)).join('\n\n'));
    if (found.length === 0 && errors.length === 0)
      kubectl.err(flags.bool('all-namespaces') ? 'No resources found\n' : `No resources found in ${kubectl.namespace} namespace.\n`);
    for (const error of errors) kubectl.err(`${error}\n`);
    return errors.length > 0 ? 1 : 0;
  },
});
