/** The annotation in which kubectl apply remembers the text it applied. Kubernetes: kubectl/pkg/util/apply.go. */
import { type Kind, type KubeObject, writtenKind } from '../types.ts';
import { type Fields, goJson, isFields } from './values.ts';

export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** The object with its own text in the annotation; the annotation itself is not part of that text. */
export function withLastApplied(object: KubeObject): KubeObject {
  const { [lastAppliedAnnotation]: _, ...annotations } = isFields(object.metadata.annotations) ? (object.metadata.annotations as Record<string, string>) : {};
  const text = `${goJson({ ...object, kind: writtenKind(object.kind), metadata: { ...object.metadata, annotations } })}\n`;
  return { ...object, metadata: { ...object.metadata, annotations: { ...annotations, [lastAppliedAnnotation]: text } } };
}

/** What was applied last; undefined when the object was not made by apply or the annotation is not readable. */
export function lastAppliedOf(object: KubeObject): Fields | undefined {
  const text = object.metadata.annotations?.[lastAppliedAnnotation];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Without status and what the server keeps in metadata, which a dump of a cluster carries and an update must not touch. */
export function withoutServerFields(object: KubeObject): Fields {
  const { status: _status, ...rest } = object;
  const {
    uid: _uid,
    resourceVersion: _version,
    generation: _generation,
    creationTimestamp: _created,
    deletionTimestamp: _deleted,
    managedFields: _managed,
    ...metadata
  } = object.metadata;
  return { ...rest, metadata };
}

export const missingAnnotationWarning = (kind: Kind, name: string): string =>
  `resource ${kind.plural}/${name} is missing the ${lastAppliedAnnotation} annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.`;
