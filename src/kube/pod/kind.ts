/** The kind Pod. */
import { defineKind } from '../../objects/define.ts';
import { anything, kindSchema } from '../schema.ts';
import { podDefaults } from './defaults.ts';
import { podColumns, podRow, summarizePod } from './row.ts';
import { podSpecSchema } from './spec-schema.ts';
import type { Pod } from './types.ts';
import { validatePod } from './validate.ts';

export const pod = defineKind<Pod>({
  apiVersion: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  namespaced: true,
  schema: kindSchema(
    'Containers that run together on one node and share one network namespace.',
    { spec: podSpecSchema, status: anything('What the kubelet reports.') },
    ['spec'],
  ),
  defaults: podDefaults,
  validate: validatePod,
  columns: podColumns,
  row: podRow,
  describe: (object) => ({
    title: object.metadata.name,
    subtitle: object.status?.podIP ?? summarizePod(object).reason,
    badges: object.spec.hostNetwork === true ? ['hostNetwork'] : [],
  }),
});
