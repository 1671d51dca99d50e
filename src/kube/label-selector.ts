/** Label selectors: how one object finds others by their labels. Kubernetes: apimachinery/pkg/apis/meta/v1, LabelSelector. */
import type { FieldError, KubeObject, Schema, StoreView } from '../objects/types.ts';
import { forbidden, invalidEach, required, unsupported } from './field-errors.ts';
import { labelValueErrors, qualifiedNameErrors } from './names.ts';
import { choice, list, struct, text, textMap, texts } from './schema.ts';

export interface LabelSelectorRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}
export type Labels = Readonly<Record<string, string>>;

export const labelSelectorSchema = (description: string): Schema =>
  struct(description, {
    matchLabels: textMap('Labels that must all be there with these values.'),
    matchExpressions: list(
      'Conditions that must all hold.',
      struct(
        'A condition on one label.',
        {
          key: text('The label.'),
          operator: choice('How the label relates to the values.', ['In', 'NotIn', 'Exists', 'DoesNotExist']),
          values: texts('Values for In and NotIn.'),
        },
        ['key', 'operator'],
      ),
    ),
  });

const none: Labels = {};

/** An empty selector matches everything, an absent one nothing. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels = none): boolean {
  if (selector === undefined) return false;
  if (selector.matchLabels !== undefined && !matchesLabels(selector.matchLabels, labels)) return false;
  for (const requirement of selector.matchExpressions ?? []) if (!meets(requirement, labels)) return false;
  return true;
}

export function matchesLabels(wanted: Labels, labels: Labels = none): boolean {
  for (const key in wanted) if (labels[key] !== wanted[key]) return false;
  return true;
}

function meets(requirement: LabelSelectorRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && (requirement.values ?? []).includes(value);
    case 'NotIn':
      return value === undefined || !(requirement.values ?? []).includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}

/** Objects of a kind in a namespace that a selector matches; the label index serves `matchLabels`. */
export function selectObjects<T extends KubeObject>(view: StoreView, kind: string, namespace: string, selector: LabelSelector): readonly T[] {
  const found = view.select<T>(kind, namespace, selector.matchLabels ?? none);
  if ((selector.matchExpressions ?? []).length === 0) return found;
  return found.filter((object) => matchesSelector(selector, object.metadata.labels));
}

export const isEmptySelector = (selector: LabelSelector): boolean =>
  Object.keys(selector.matchLabels ?? none).length === 0 && (selector.matchExpressions ?? []).length === 0;

/** As kubectl prints it: `app=web,tier in (a,b),!canary`; `<none>` when there is nothing to match. */
export function formatSelector(selector: LabelSelector | undefined): string {
  if (selector === undefined || isEmptySelector(selector)) return '<none>';
  const parts: { readonly key: string; readonly text: string }[] = Object.entries(selector.matchLabels ?? none).map(([key, value]) => ({
    key,
    text: `${key}=${value}`,
  }));
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const set = `(${[...values].sort().join(',')})`;
    const word = operator === 'In' ? `${key} in ${set}` : operator === 'NotIn' ? `${key} notin ${set}` : operator === 'Exists' ? key : `!${key}`;
    parts.push({ key, text: word });
  }
  return parts
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map((part) => part.text)
    .join(',');
}

/** `app=web,tier=db`, sorted; `<none>` when empty. */
export function formatLabels(labels: Labels | undefined): string {
  const entries = Object.entries(labels ?? none);
  if (entries.length === 0) return '<none>';
  return entries
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}

export function validateSelector(path: string, selector: LabelSelector): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? none)) {
    errors.push(...invalidEach(`${path}.matchLabels`, key, qualifiedNameErrors(key)), ...invalidEach(`${path}.matchLabels`, value, labelValueErrors(value)));
  }
  (selector.matchExpressions ?? []).forEach(({ key, operator, values = [] }, index) => {
    const at = `${path}.matchExpressions[${index}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else errors.push(unsupported(`${at}.operator`, operator, ['In', 'NotIn', 'Exists', 'DoesNotExist']));
    errors.push(...invalidEach(`${at}.key`, key, qualifiedNameErrors(key)));
  });
  return errors;
}
