/** The schema of `metadata`, the same for every kind. Kubernetes: apimachinery/pkg/apis/meta/v1, ObjectMeta. */
import type { Schema } from '../types.ts';

const text = (description: string): Schema => ({ type: 'string', description });
const texts = (description: string): Schema => ({ type: 'object', description, additionalProperties: { type: 'string' } });

export const objectMetaSchema: Schema = {
  type: 'object',
  description: 'What every object has: its name, its labels, and what the server keeps about it.',
  properties: {
    name: text('Name, unique within its kind and namespace. It cannot be changed.'),
    generateName: text('Prefix of a name that the server completes with five random characters when no name is given.'),
    namespace: text('Namespace the object lives in; "default" when absent.'),
    labels: texts('Labels: how Services, controllers and policies find objects.'),
    annotations: texts('Notes for tools and people; never used to select.'),
    uid: { ...text('Identity in time and space, set by the server.'), goType: 'types.UID' },
    resourceVersion: text('Version of this object, set by the server.'),
    generation: { type: 'integer', format: 'int64', description: 'Version of the wanted state, set by the server.' },
    creationTimestamp: text('When the object was created, set by the server.'),
    deletionTimestamp: text('When the object will go, set by the server.'),
    deletionGracePeriodSeconds: { type: 'integer', format: 'int64', description: 'Seconds a graceful deletion may take, set by the server.' },
    ownerReferences: {
      type: 'array',
      description: 'Objects this one depends on; it goes when the last of them has gone.',
      'x-kubernetes-list-map-keys': ['uid'],
      items: {
        type: 'object',
        goType: 'OwnerReference',
        properties: {
          apiVersion: text('API version of the owner.'),
          kind: text('Kind of the owner.'),
          name: text('Name of the owner.'),
          uid: { ...text('UID of the owner.'), goType: 'types.UID' },
          controller: { type: 'boolean', description: 'This owner manages the object.' },
          blockOwnerDeletion: { type: 'boolean', description: 'The owner cannot go in the foreground before this object.' },
        },
      },
    },
    finalizers: { type: 'array', description: 'Words that must be taken away before the object goes.', items: { type: 'string' } },
    managedFields: {
      type: 'array',
      description: 'Who manages which field; kept by the server.',
      items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
    selfLink: text('Obsolete.'),
  },
};
