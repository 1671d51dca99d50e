/** What rights and their bindings must fulfil. Kubernetes: pkg/apis/rbac/{v1/defaults.go,validation/validation.go}. */
import { deepEqual } from '../../base/equal.ts';
import type { FieldError, KubeObject } from '../../objects/types.ts';
import { invalid, invalidEach, required, unsupported } from '../field-errors.ts';
import { dnsSubdomainErrors, pathSegmentErrors } from '../names.ts';

const rbacGroup = 'rbac.authorization.k8s.io';

export interface Role extends KubeObject {
  readonly rules?: readonly {
    readonly verbs?: readonly string[];
    readonly apiGroups?: readonly string[];
    readonly resources?: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly nonResourceURLs?: readonly string[];
  }[];
}
interface Subject {
  readonly kind?: string;
  readonly apiGroup?: string;
  readonly name?: string;
  readonly namespace?: string;
}
export interface Binding extends KubeObject {
  readonly roleRef?: { readonly apiGroup?: string; readonly kind?: string; readonly name?: string };
  readonly subjects?: readonly Subject[];
}

const isEmpty = (texts: readonly string[] | undefined): boolean => (texts ?? []).length === 0;

export function ruleErrors(role: Role, namespaced: boolean): FieldError[] {
  return (role.rules ?? []).flatMap((rule, index) => {
    const path = `rules[${index}]`;
    const errors: FieldError[] = [];
    if (isEmpty(rule.verbs)) errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
    if (!isEmpty(rule.nonResourceURLs)) {
      if (namespaced) errors.push(invalid(`${path}.nonResourceURLs`, rule.nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
      if (!isEmpty(rule.apiGroups) || !isEmpty(rule.resources) || !isEmpty(rule.resourceNames))
        errors.push(invalid(`${path}.nonResourceURLs`, rule.nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'));
      return errors;
    }
    if (isEmpty(rule.apiGroups)) errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
    if (isEmpty(rule.resources)) errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
    return errors;
  });
}

/** A role is of the RBAC group, and so are users and groups. */
export function bindingDefaults(object: Binding): Binding {
  const isOpen = (subject: Subject): boolean => subject.apiGroup === undefined && (subject.kind === 'User' || subject.kind === 'Group');
  const { roleRef, subjects } = object;
  const needsRef = roleRef !== undefined && (roleRef.apiGroup ?? '') === '';
  if (!needsRef && subjects?.some(isOpen) !== true) return object;
  return {
    ...object,
    ...(needsRef ? { roleRef: { ...roleRef, apiGroup: rbacGroup } } : {}),
    ...(subjects === undefined ? {} : { subjects: subjects.map((subject) => (isOpen(subject) ? { ...subject, apiGroup: rbacGroup } : subject)) }),
  };
}

function subjectErrors(path: string, subject: Subject, namespaced: boolean): FieldError[] {
  const { kind = '', name = '', apiGroup = '' } = subject;
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(`${path}.name`));
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') errors.push(...invalidEach(`${path}.name`, name, dnsSubdomainErrors(name)));
      if (apiGroup !== '') errors.push(unsupported(`${path}.apiGroup`, apiGroup, ['']));
      if (!namespaced && (subject.namespace ?? '') === '') errors.push(required(`${path}.namespace`));
      return errors;
    case 'User':
    case 'Group':
      if (name === '') errors.push(invalid(`${path}.name`, name, `${kind.toLowerCase()} name cannot be empty`));
      if (apiGroup !== rbacGroup) errors.push(unsupported(`${path}.apiGroup`, apiGroup, [rbacGroup]));
      return errors;
    default:
      return [...errors, unsupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group'])];
  }
}

export function bindingErrors(object: Binding, old: Binding | undefined, namespaced: boolean): FieldError[] {
  const { apiGroup = '', kind = '', name = '' } = object.roleRef ?? {};
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  return [
    ...(apiGroup === rbacGroup ? [] : [unsupported('roleRef.apiGroup', apiGroup, [rbacGroup])]),
    ...(kinds.includes(kind) ? [] : [unsupported('roleRef.kind', kind, kinds)]),
    ...(name === '' ? [required('roleRef.name')] : invalidEach('roleRef.name', name, pathSegmentErrors(name))),
    ...(object.subjects ?? []).flatMap((subject, index) => subjectErrors(`subjects[${index}]`, subject, namespaced)),
    ...(old === undefined || deepEqual(object.roleRef, old.roleRef) ? [] : [invalid('roleRef', object.roleRef, 'cannot change roleRef')]),
  ];
}
