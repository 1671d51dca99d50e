/** The kind Namespace, and the namespaces every cluster starts with. */
import { defineKind } from '../../objects/define.ts';
import type { KubeObject } from '../../objects/types.ts';
import { kindSchema, struct, text, texts } from '../schema.ts';
import type { Namespace } from './types.ts';

/** Kubernetes labels each namespace with its own name, so that selectors can find it. */
function defaults(object: Namespace): Namespace {
  const label = 'kubernetes.io/metadata.name';
  const { name, labels } = object.metadata;
  const named = labels?.[label] === name || name === '' || name === undefined;
  const hasPhase = object.status?.phase !== undefined;
  const finalizers = (object.spec as { readonly finalizers?: readonly string[] } | undefined)?.finalizers;
  if (named && hasPhase && finalizers !== undefined) return object;
  return {
    ...object,
    metadata: named ? object.metadata : { ...object.metadata, labels: { ...labels, [label]: name } },
    spec: finalizers === undefined ? { ...(object.spec ?? {}), finalizers: ['kubernetes'] } : object.spec,
    status: hasPhase ? object.status : { phase: 'Active' },
  };
}

export const namespace = defineKind<Namespace>({
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  nameFormat: 'dns1123Label',
  hasGeneration: false,
  schema: kindSchema('A scope for names. It separates names, not networks: without a NetworkPolicy all pods reach each other.', {
    spec: struct('How the namespace goes away.', { finalizers: texts('Kept by the server.') }),
    status: struct('Whether it is in use.', { phase: text('Active or Terminating.') }, [], { 'x-kubernetes-preserve-unknown-fields': true }),
  }),
  defaults,
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'STATUS', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [
    object.metadata.name,
    object.metadata.deletionTimestamp === undefined ? (object.status?.phase ?? 'Active') : 'Terminating',
    context.age(object.metadata.creationTimestamp),
  ],
  describe: (object) => ({ title: object.metadata.name }),
});

/** What stands in a cluster before anybody applies anything. */
export const initialObjects: readonly KubeObject[] = ['default', 'kube-node-lease', 'kube-public', 'kube-system'].map((name) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
}));
