/** What Deployments, ReplicaSets, DaemonSets and StatefulSets have in common: their template, its defaults, its rules and its columns. */
import type { FieldError, Schema } from '../../objects/types.ts';
import { validateLabels } from '../../objects/validation/metadata.ts';
import { formatValue, invalid, notNegative, required } from '../field-errors.ts';
import { isEmptySelector, type LabelSelector, labelSelectorSchema, matchesSelector, validateSelector } from '../label-selector.ts';
import { podSpecDefaults } from '../pod/defaults.ts';
import { rateErrors } from '../pod/load.ts';
import { podTemplateSchema } from '../pod/spec-schema.ts';
import type { PodTemplate } from '../pod/types.ts';
import { validatePodSpec } from '../pod/validate.ts';
import { integer, intOrString, struct } from '../schema.ts';

interface TemplateSpec {
  readonly selector: LabelSelector;
  readonly template: PodTemplate;
}

export const selectorAndTemplate: Readonly<Record<string, Schema>> = {
  selector: labelSelectorSchema('Labels by which its pods are known. It cannot be changed, and the template must have these labels.'),
  template: podTemplateSchema,
};
export const minReadySeconds = integer('Seconds a new pod must be ready before it counts as available.', { default: 0 });
export const rollingUpdateSchema = struct('How fast pods are replaced.', {
  maxSurge: intOrString('How many pods there may be beyond the wanted number, as a number or a percentage.'),
  maxUnavailable: intOrString('How many of the wanted pods may be missing, as a number or a percentage.'),
});

/** What is missing altogether is told by the schema's rules, which run later. */
export function templateDefaults<S extends TemplateSpec>(spec: S): S {
  if (spec.template?.spec === undefined) return spec;
  const podSpec = podSpecDefaults(spec.template.spec, false);
  return podSpec === spec.template.spec ? spec : { ...spec, template: { ...spec.template, spec: podSpec } };
}

/** Kubernetes: pkg/apis/apps/validation/validation.go, ValidatePodTemplateSpecForReplicaSet and its relatives. `word`: what messages call the object. */
export function validateTemplate(spec: TemplateSpec, old: TemplateSpec | undefined, word: 'deployment' | 'daemonset' | 'statefulset'): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.selector === undefined) errors.push(required('spec.selector'));
  else {
    if (old !== undefined) errors.push(...selectorChange(spec.selector, old.selector));
    errors.push(...validateSelector('spec.selector', spec.selector));
    if (isEmptySelector(spec.selector)) errors.push(invalid('spec.selector', spec.selector, `empty selector is invalid for ${word}`));
  }
  if (old !== undefined && old.template === spec.template) return errors;
  const labels = spec.template.metadata?.labels ?? {};
  if (spec.selector !== undefined && !matchesSelector(spec.selector, labels)) {
    errors.push(invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
  }
  errors.push(...validateLabels(labels, 'spec.template.labels'), ...rateErrors('spec.template.metadata.annotations', spec.template.metadata?.annotations));
  if (spec.template.spec === undefined) return [...errors, required('spec.template.spec.containers')];
  // A StatefulSet's pods get volumes that the template does not name, so what its pod spec says is judged with each pod.
  if (word !== 'statefulset') errors.push(...validatePodSpec('spec.template.spec', spec.template.spec));
  const policy = spec.template.spec.restartPolicy;
  if (policy === 'Never' || policy === 'OnFailure') {
    errors.push({
      path: 'spec.template.spec.restartPolicy',
      type: 'Unsupported value',
      message: `Unsupported value: ${formatValue(policy)}: supported values: "Always"`,
    });
  }
  return errors;
}

function selectorChange(selector: LabelSelector, old: LabelSelector): FieldError[] {
  return selector === old || JSON.stringify(selector) === JSON.stringify(old) ? [] : [invalid('spec.selector', selector, 'field is immutable')];
}

export const validateReplicas = (replicas: number | undefined): FieldError[] => notNegative('spec.replicas', replicas);

/** A number as it is; a percentage of `total`, rounded up or down. Kubernetes: apimachinery/pkg/util/intstr. */
export function resolveIntOrPercent(value: number | string | undefined, total: number, roundUp: boolean): number {
  if (typeof value === 'number') return value;
  const percent = Number(/^(\d{1,9})%$/.exec(value ?? '')?.[1] ?? 0);
  const exact = (percent * total) / 100;
  return roundUp ? Math.ceil(exact) : Math.floor(exact);
}

/** Errors of maxSurge or maxUnavailable by themselves. */
export function validateIntOrPercent(path: string, value: number | string | undefined): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'number') return notNegative(path, value);
  return /^\d{1,9}%$/.test(value)
    ? []
    : [
        invalid(
          path,
          value,
          "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ),
      ];
}

export const containerNames = (template: PodTemplate): string => template.spec.containers.map((container) => container.name).join(',');
export const containerImages = (template: PodTemplate): string => template.spec.containers.map((container) => container.image ?? '').join(',');
