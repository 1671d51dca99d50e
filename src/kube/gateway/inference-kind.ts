/** InferencePool as a kind. gateway-api-inference-extension: api/v1/inferencepool_types.go. */
import { defineKind } from '../../objects/define.ts';
import type { Kind, KubeObject } from '../../objects/types.ts';
import { columnsOf } from '../columns.ts';
import { anything, anythings, choice, kindSchema, struct, text, textMap } from '../schema.ts';

export const inferencePool: Kind = defineKind<KubeObject>({
  apiVersion: 'inference.networking.k8s.io/v1',
  kind: 'InferencePool',
  plural: 'inferencepools',
  singular: 'inferencepool',
  shortNames: ['infpool'],
  namespaced: true,
  schema: kindSchema(
    'Model servers that have a model in common.',
    {
      spec: struct(
        'What is wanted.',
        {
          selector: struct('The pods.', { matchLabels: textMap('Labels that they have.') }),
          targetPorts: anythings('The port that they serve at: number.'),
          endpointPickerRef: struct('The Service of the endpoint picker.', {
            name: text('Name.'),
            group: text('API group.'),
            kind: text('Service.'),
            port: anything('number.'),
            failureMode: choice('Without a picker.', ['FailOpen', 'FailClose'], { default: 'FailClose' }),
          }),
        },
        ['selector', 'targetPorts'],
      ),
      status: anything('What implementations report.'),
    },
    ['spec'],
  ),
  columns: columnsOf('NAME, AGE'),
  row: ({ metadata }, { age }) => [metadata.name, age(metadata.creationTimestamp)],
  describe: ({ metadata }) => ({ title: metadata.name }),
});
