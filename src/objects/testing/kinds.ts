/** A few small kinds for tests of the machinery: enough of a Pod and a ReplicaSet to have owners, labels, status and rules. */
import { defineController, defineKind } from '../define.ts';
import type { Controller, Kind, KubeObject, OwnerReference, Schema } from '../types.ts';
import { immutable, invalid } from '../validation/field-errors.ts';

const text: Schema = { type: 'string' };
const labels: Schema = { type: 'object', additionalProperties: text };

const podSpec: Schema = {
  type: 'object',
  required: ['containers'],
  properties: {
    nodeName: text,
    restartPolicy: { type: 'string', enum: ['Always', 'Never', 'OnFailure'], default: 'Always' },
    priority: { type: 'integer', format: 'int32', notSimulated: true, description: 'Importance.' },
    containers: {
      type: 'array',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name', 'image'],
        properties: {
          name: text,
          image: text,
          env: {
            type: 'array',
            'x-kubernetes-list-map-keys': ['name'],
            items: { type: 'object', required: ['name'], properties: { name: text, value: text } },
          },
          ports: {
            type: 'array',
            'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
            items: {
              type: 'object',
              properties: {
                containerPort: { type: 'integer', format: 'int32', minimum: 1, maximum: 65535 },
                protocol: { type: 'string', enum: ['SCTP', 'TCP', 'UDP'], default: 'TCP' },
              },
            },
          },
          resources: { type: 'object', properties: { limits: { type: 'object', additionalProperties: { type: 'string', format: 'quantity' } } } },
        },
      },
    },
  },
};

const describe = (object: KubeObject) => ({ title: object.metadata.name });
const common = { columns: [{ name: 'NAME', priority: 0 as const }], row: (object: KubeObject) => [object.metadata.name], describe };

export interface PodObject extends KubeObject {
  readonly spec: { readonly nodeName?: string; readonly containers: readonly { readonly name: string; readonly image: string }[] };
  readonly status?: { readonly phase?: string };
}
export interface SetObject extends KubeObject {
  readonly spec: {
    readonly replicas: number;
    readonly selector: Readonly<Record<string, string>>;
    readonly template: { readonly metadata?: { readonly labels?: Record<string, string> }; readonly spec: PodObject['spec'] };
  };
  readonly status?: { readonly replicas?: number; readonly ready?: number };
}

export const pod = defineKind<PodObject>({
  ...common,
  apiVersion: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  namespaced: true,
  schema: { type: 'object', required: ['spec'], properties: { spec: podSpec, status: { type: 'object', properties: { phase: text } } } },
  validate: (object, old) => (old?.spec.nodeName === undefined ? [] : immutable('spec.nodeName', object.spec.nodeName, old.spec.nodeName)),
});

export const replicaSet = defineKind<SetObject>({
  ...common,
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  namespaced: true,
  schema: {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        required: ['selector', 'template'],
        properties: {
          replicas: { type: 'integer', format: 'int32', default: 1, minimum: 0 },
          selector: labels,
          template: { type: 'object', properties: { metadata: { type: 'object', properties: { labels } }, spec: podSpec } },
        },
      },
      status: { type: 'object', properties: { replicas: { type: 'integer' }, ready: { type: 'integer' } } },
    },
  },
  validate: (object) => (Object.keys(object.spec.selector).length === 0 ? [invalid('spec.selector', object.spec.selector, 'empty selector is invalid')] : []),
});

export const namespaceKind: Kind = defineKind({
  ...common,
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  nameFormat: 'dns1123Label',
  hasGeneration: false,
  schema: {
    type: 'object',
    properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, status: { type: 'object', properties: { phase: text } } },
  },
});

export const configMap: Kind = defineKind({
  ...common,
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  namespaced: true,
  schema: { type: 'object', properties: { data: labels } },
});

export const testKinds: readonly Kind[] = [namespaceKind, pod, replicaSet, configMap];

/** Makes as many pods as a set asks for. */
export const setController: Controller = defineController({
  name: 'replicaset-controller',
  watches: ['ReplicaSet', 'Pod'],
  keysFor(changed) {
    if (changed.kind === 'ReplicaSet') return [`ReplicaSet/${changed.metadata.namespace}/${changed.metadata.name}`];
    return (changed.metadata.ownerReferences ?? []).map((owner) => `ReplicaSet/${changed.metadata.namespace}/${owner.name}`);
  },
  reconcile(key, context) {
    const set = context.view.find<SetObject>(key);
    if (set === undefined) return;
    const pods = context.view.owned<PodObject>('Pod', set.metadata.uid ?? '');
    const owner: OwnerReference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: set.metadata.name, uid: set.metadata.uid ?? '', controller: true };
    for (let i = pods.length; i < set.spec.replicas; i += 1) {
      const metadata = {
        name: '',
        generateName: `${set.metadata.name}-`,
        ...(set.metadata.namespace === undefined ? {} : { namespace: set.metadata.namespace }),
        labels: set.spec.selector,
        ownerReferences: [owner],
      };
      const made = context.create({ apiVersion: 'v1', kind: 'Pod', metadata, spec: set.spec.template.spec, status: { phase: 'Pending' } });
      if (made !== undefined) context.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`, 'replicaset-controller');
    }
    for (const extra of pods.slice(set.spec.replicas)) context.remove(`Pod/${extra.metadata.namespace}/${extra.metadata.name}`);
    const ready = pods.filter((one) => one.status?.phase === 'Running').length;
    context.updateStatus({ ...set, status: { replicas: context.view.owned('Pod', set.metadata.uid ?? '').length, ready } });
  },
});

/** Puts every pod on the one node there is, then says that it runs. */
export const nodeController: Controller = defineController({
  name: 'node-controller',
  watches: ['Pod'],
  keysFor: (changed) => [`Pod/${changed.metadata.namespace}/${changed.metadata.name}`],
  reconcile(key, context) {
    const object = context.view.find<PodObject>(key);
    if (object === undefined) return;
    if (object.spec.nodeName === undefined) context.update({ ...object, spec: { ...object.spec, nodeName: 'node01' } } as PodObject);
    else if (object.status?.phase !== 'Running') context.updateStatus({ ...object, status: { phase: 'Running' } });
  },
});
