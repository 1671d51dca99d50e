/** The kind Pod. */
import { defineKind } from '../../objects/define.ts';
import type { StoreView } from '../../objects/types.ts';
import type { PriorityClass } from '../config/access.ts';
import { injectSidecar } from '../mesh/inject.ts';
import { anything, kindSchema } from '../schema.ts';
import { podDefaults } from './defaults.ts';
import { podColumns, podRow, summarizePod } from './row.ts';
import { withServiceAccountToken } from './service-account.ts';
import { podSpecSchema } from './spec-schema.ts';
import { gracePeriodSeconds } from './termination.ts';
import type { Pod } from './types.ts';
import { validatePod } from './validate.ts';

/** The importance that the pod's PriorityClass says. A class that does not exist counts for nothing: dumps of clusters seldom hold it. */
function withClassPriority(object: Pod, view: StoreView): Pod {
  const { priorityClassName } = object.spec;
  const found = priorityClassName === undefined || priorityClassName === '' ? undefined : view.find<PriorityClass>(`PriorityClass/${priorityClassName}`);
  if (found?.value === undefined) return object;
  const preemptionPolicy = found.preemptionPolicy ?? object.spec.preemptionPolicy;
  if (found.value === object.spec.priority && preemptionPolicy === object.spec.preemptionPolicy) return object;
  return { ...object, spec: { ...object.spec, priority: found.value, ...(preemptionPolicy === undefined ? {} : { preemptionPolicy }) } };
}

const withToken = ({ object, errors }: ReturnType<typeof injectSidecar>, view: StoreView) => ({ object: withServiceAccountToken(object, view), errors });

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
  admit: (object, old, view) => (old === undefined ? withToken(injectSidecar(withClassPriority(object, view), view), view) : { object, errors: [] }),
  gracePeriodSeconds,
  columns: podColumns,
  row: podRow,
  describe: (object) => ({
    title: object.metadata.name,
    subtitle: object.status?.podIP ?? summarizePod(object).reason,
    badges: object.spec.hostNetwork === true ? ['hostNetwork'] : [],
  }),
});
