/** The kind Deployment. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError } from '../../objects/types.ts';
import { invalid } from '../field-errors.ts';
import { formatSelector } from '../label-selector.ts';
import { anything, choice, flag, integer, kindSchema, struct } from '../schema.ts';
import { deploymentSpecErrors } from './spec-errors.ts';
import {
  containerImages,
  containerNames,
  minReadySeconds,
  resolveIntOrPercent,
  rollingUpdateSchema,
  selectorAndTemplate,
  templateDefaults,
  validateIntOrPercent,
  validateReplicas,
  validateTemplate,
} from './template.ts';
import type { Deployment } from './types.ts';

const schema = kindSchema(
  'Keeps a number of equal pods running and replaces them step by step when the template changes.',
  {
    spec: struct(
      'What is wanted.',
      {
        replicas: integer('How many pods.', { default: 1 }),
        ...selectorAndTemplate,
        strategy: struct('How pods are replaced.', {
          type: choice('RollingUpdate: a few at a time. Recreate: all old ones go first.', ['Recreate', 'RollingUpdate']),
          rollingUpdate: rollingUpdateSchema,
        }),
        minReadySeconds,
        revisionHistoryLimit: integer('How many old ReplicaSets are kept for a way back.', { default: 10 }),
        progressDeadlineSeconds: integer('Seconds after which a rollout that does not move is reported as failed.', {
          default: 600,
        }),
        paused: flag('Template changes wait.'),
      },
      ['selector', 'template'],
      { goType: 'DeploymentSpec' },
    ),
    status: anything('What the controller reports.'),
  },
  ['spec'],
);

/** Kubernetes: pkg/apis/apps/v1/defaults.go. */
function defaults(deployment: Deployment): Deployment {
  if (deployment.spec === undefined) return deployment;
  const spec = templateDefaults(deployment.spec);
  const type = spec.strategy?.type ?? 'RollingUpdate';
  const rolling = spec.strategy?.rollingUpdate;
  const complete = type !== 'RollingUpdate' || (rolling?.maxSurge !== undefined && rolling.maxUnavailable !== undefined);
  if (complete && spec.strategy?.type !== undefined) return spec === deployment.spec ? deployment : { ...deployment, spec };
  const strategy =
    type === 'RollingUpdate'
      ? { ...spec.strategy, type, rollingUpdate: { ...rolling, maxSurge: rolling?.maxSurge ?? '25%', maxUnavailable: rolling?.maxUnavailable ?? '25%' } }
      : { ...spec.strategy, type };
  return { ...deployment, spec: { ...spec, strategy } };
}

function validate(deployment: Deployment, old: Deployment | undefined): readonly FieldError[] {
  const { spec } = deployment;
  const errors = [...validateReplicas(spec.replicas), ...deploymentSpecErrors(deployment), ...validateTemplate(spec, old?.spec, 'deployment')];
  const rolling = spec.strategy?.rollingUpdate;
  if (spec.strategy?.type === 'Recreate' && rolling !== undefined) {
    errors.push({ path: 'spec.strategy.rollingUpdate', type: 'Forbidden', message: "Forbidden: may not be specified when strategy `type` is 'Recreate'" });
  } else if (rolling !== undefined) {
    errors.push(
      ...validateIntOrPercent('spec.strategy.rollingUpdate.maxUnavailable', rolling.maxUnavailable),
      ...validateIntOrPercent('spec.strategy.rollingUpdate.maxSurge', rolling.maxSurge),
    );
    if (resolveIntOrPercent(rolling.maxUnavailable, 100, false) === 0 && resolveIntOrPercent(rolling.maxSurge, 100, false) === 0) {
      errors.push(invalid('spec.strategy.rollingUpdate.maxUnavailable', rolling.maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
    }
    if (resolveIntOrPercent(rolling.maxUnavailable, 100, false) > 100 && typeof rolling.maxUnavailable === 'string') {
      errors.push(invalid('spec.strategy.rollingUpdate.maxUnavailable', rolling.maxUnavailable, 'must not be greater than 100%'));
    }
  }
  return errors;
}

export const deployment = defineKind<Deployment>({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  namespaced: true,
  schema,
  defaults,
  validate,
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'READY', priority: 0 },
    { name: 'UP-TO-DATE', priority: 0 },
    { name: 'AVAILABLE', priority: 0 },
    { name: 'AGE', priority: 0 },
    { name: 'CONTAINERS', priority: 1 },
    { name: 'IMAGES', priority: 1 },
    { name: 'SELECTOR', priority: 1 },
  ],
  row: (object, context) => [
    object.metadata.name,
    `${object.status?.readyReplicas ?? 0}/${object.spec.replicas ?? 1}`,
    `${object.status?.updatedReplicas ?? 0}`,
    `${object.status?.availableReplicas ?? 0}`,
    context.age(object.metadata.creationTimestamp),
    containerNames(object.spec.template),
    containerImages(object.spec.template),
    formatSelector(object.spec.selector),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: `${object.status?.readyReplicas ?? 0}/${object.spec.replicas ?? 1} ready` }),
});
