/** Label and field selectors as a query carries them. Kubernetes: apimachinery/pkg/labels/selector.go, apimachinery/pkg/fields */
import { parseLabelSelector } from '../label-selector-text.ts';
import type { KubeObject } from '../types.ts';

export type Selection = { readonly ok: true; readonly accepts: (object: KubeObject) => boolean } | { readonly ok: false; readonly message: string };

type Test = (object: KubeObject) => boolean;
const MAX_REQUIREMENTS = 100;

export function labelSelector(text: string): Selection {
  const parsed = parseLabelSelector(text);
  return parsed.ok ? { ok: true, accepts: (object) => parsed.test(object.metadata.labels ?? {}) } : parsed;
}

/** A field by its path, as text; '' where it is absent. */
function fieldOf(object: KubeObject, path: string): string {
  let value: unknown = object;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return '';
    value = (value as Record<string, unknown>)[key];
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** `status.phase!=Running,spec.nodeName=node01`. The real server knows a few fields of each kind; ours compares any. */
export function fieldSelector(text: string): Selection {
  const tests: Test[] = [];
  for (const term of text.split(',').slice(0, MAX_REQUIREMENTS)) {
    if (term === '') continue;
    const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(term);
    if (match === null) return { ok: false, message: `invalid selector: '${text}'; can't understand '${term}'` };
    const [, path = '', operator, wanted = ''] = match;
    tests.push((object) => (fieldOf(object, path) === wanted) === (operator !== '!='));
  }
  return { ok: true, accepts: (object) => tests.every((test) => test(object)) };
}
