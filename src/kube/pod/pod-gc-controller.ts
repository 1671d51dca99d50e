/** Removes pods whose node has been deleted; their controllers make new ones elsewhere. Kubernetes: pkg/controller/podgc, without its forty seconds of quarantine. */
import { defineController } from '../../objects/define.ts';
import { objectKey } from '../../objects/types.ts';
import { podsOn } from '../node/pods-by-node.ts';

export const podGcController = defineController({
  name: 'pod-garbage-collector',
  // Only a node that goes makes orphans: pods bound by hand to a node that does not exist yet wait for it.
  watches: ['Node'],
  keysFor: (changed) => [objectKey(changed)],
  reconcile(key, context) {
    if (context.view.find(key) !== undefined) return;
    for (const pod of podsOn(context.view, key.slice(key.indexOf('/') + 1))) context.remove(objectKey(pod), 0);
  },
});
