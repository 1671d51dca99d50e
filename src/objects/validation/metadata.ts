/** Checks of `metadata` that hold for every kind. Kubernetes: apimachinery/pkg/api/validation/objectmeta.go. */
import type { FieldError, Kind, ObjectMeta } from '../types.ts';
import { forbidden, immutable, invalid, required, tooLong } from './field-errors.ts';
import { dnsLabelErrors, labelValueErrors, nameErrors, qualifiedNameErrors } from './names.ts';

/** UTF-8 bytes of all keys and values of an object's annotations. */
const maxAnnotationBytes = 256 * 1024;

function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

/** Labels of any object or template, at `path`. */
export function validateLabels(labels: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const key in labels) {
    for (const words of qualifiedNameErrors(key)) errors.push(invalid(path, key, words));
    const value = labels[key] ?? '';
    for (const words of labelValueErrors(value)) errors.push(invalid(path, value, words));
  }
  return errors;
}

/** Annotations of any object or template, at `path`. */
export function validateAnnotations(annotations: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const key in annotations) {
    for (const words of qualifiedNameErrors(key.toLowerCase())) errors.push(invalid(path, key, words));
    bytes += utf8Length(key) + utf8Length(annotations[key] ?? '');
  }
  if (bytes > maxAnnotationBytes) errors.push(tooLong(path, maxAnnotationBytes));
  return errors;
}

/** `metadata` of a whole object, in the server's order. The name is already filled from `generateName` where that was asked for. */
export function validateMetadata(kind: Kind, metadata: ObjectMeta, old: ObjectMeta | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const check = nameErrors[kind.nameFormat ?? 'dns1123Subdomain'];
  if (metadata.generateName !== undefined && metadata.generateName !== '') {
    for (const words of check(metadata.generateName.replace(/-+$/, '') || 'x')) errors.push(invalid('metadata.generateName', metadata.generateName, words));
  }
  if (metadata.name === undefined || metadata.name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else for (const words of check(metadata.name)) errors.push(invalid('metadata.name', metadata.name, words));
  if (kind.namespaced && metadata.namespace !== undefined) {
    for (const words of dnsLabelErrors(metadata.namespace)) errors.push(invalid('metadata.namespace', metadata.namespace, words));
  }
  if (metadata.labels !== old?.labels) errors.push(...validateLabels(metadata.labels, 'metadata.labels'));
  if (metadata.annotations !== old?.annotations) errors.push(...validateAnnotations(metadata.annotations, 'metadata.annotations'));
  (metadata.ownerReferences ?? []).forEach((owner, index) => {
    const path = `metadata.ownerReferences[${index}]`;
    if (owner.apiVersion === undefined || owner.apiVersion === '')
      errors.push(invalid(`${path}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'));
    if (owner.kind === undefined || owner.kind === '') errors.push(invalid(`${path}.kind`, '', 'must not be empty'));
    if (owner.name === undefined || owner.name === '') errors.push(invalid(`${path}.name`, '', 'must not be empty'));
    if (owner.uid === undefined || owner.uid === '') errors.push(invalid(`${path}.uid`, '', 'must not be empty'));
  });
  const controllers = (metadata.ownerReferences ?? []).filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    errors.push(
      invalid(
        'metadata.ownerReferences',
        metadata.ownerReferences,
        `Only one reference can have Controller set to true. Found "true" in references for ${controllers[0]?.kind}/${controllers[0]?.name} and ${controllers[1]?.kind}/${controllers[1]?.name}`,
      ),
    );
  }
  (metadata.finalizers ?? []).forEach((finalizer, index) => {
    for (const words of qualifiedNameErrors(finalizer)) errors.push(invalid(`metadata.finalizers[${index}]`, finalizer, words));
    if (!finalizer.includes('/') && !standardFinalizers.has(finalizer)) {
      errors.push(invalid('metadata.finalizers', finalizer, 'name is neither a standard finalizer name nor is it fully qualified'));
    }
  });
  if (old?.deletionTimestamp !== undefined) {
    const added = (metadata.finalizers ?? []).filter((one) => old.finalizers?.includes(one) !== true);
    if (added.length > 0) {
      const shown = `[]string{${added.map((one) => JSON.stringify(one)).join(', ')}}`;
      errors.push(forbidden('metadata.finalizers', `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`));
    }
  }
  if (old !== undefined) {
    errors.push(...immutable('metadata.name', metadata.name, old.name), ...immutable('metadata.namespace', metadata.namespace, old.namespace));
    errors.push(...immutable('metadata.uid', metadata.uid, old.uid));
  }
  return errors;
}

const standardFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);
