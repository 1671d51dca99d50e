/** Where an ingress controller's memory stands: an object, so that it is part of the cluster's state. */
import { defineKind } from '../../../objects/define.ts';
import type { KubeObject } from '../../../objects/types.ts';
import { anything, kindSchema } from '../../schema.ts';

/** What a controller pod remembers: the Ingresses it has heard of, as they were, and when it last wrote addresses. Named after the pod. */
export interface IngressMemory extends KubeObject {
  readonly spec: { readonly podUid: string; readonly seen: Readonly<Record<string, string>>; readonly wroteNs: number; readonly loaded: string };
}

export const ingressMemory = defineKind<IngressMemory>({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'IngressMemory',
  plural: 'ingressmemories',
  singular: 'ingressmemory',
  shortNames: [],
  namespaced: true,
  followsOwner: true,
  schema: kindSchema('What an ingress controller has heard of.', { spec: anything('Versions by Ingress.') }),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name }),
});
