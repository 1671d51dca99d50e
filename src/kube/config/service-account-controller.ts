/** Gives each namespace its default ServiceAccount. Kubernetes: pkg/controller/serviceaccount. */
import { defineController } from '../../objects/define.ts';

export const serviceAccountController = defineController({
  name: 'serviceaccount-controller',
  watches: ['Namespace', 'ServiceAccount'],
  keysFor: (changed) => [`Namespace/${changed.kind === 'Namespace' ? changed.metadata.name : (changed.metadata.namespace ?? 'default')}`],
  reconcile(key, context) {
    const namespace = context.view.find(key);
    if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return;
    const { name } = namespace.metadata;
    if (context.view.find(`ServiceAccount/${name}/default`) !== undefined) return;
    context.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } });
  },
});
