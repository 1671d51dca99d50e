/** Label and field selectors as a query carries them. Kubernetes: apimachinery/pkg/labels/selector.go, apimachinery/pkg/fields */
import type { KubeObject } from '../types.ts';

export type Selection = { readonly ok: true; readonly accepts: (object: KubeObject) => boolean } | { readonly ok: false; readonly message: string };

type Test = (object: KubeObject) => boolean;
const MAX_REQUIREMENTS = 100;

const labelOf = (object: KubeObject, name: string): string | undefined => {
  const labels = object.metadata.labels;
  return labels !== undefined && Object.hasOwn(labels, name) ? labels[name] : undefined;
};

/** `app=web,tier in (a,b),!canary` */
export function labelSelector(text: string): Selection {
  const tests: Test[] = [];
  let rest = text.trim();
  while (rest !== '') {
    if (tests.length >= MAX_REQUIREMENTS) return { ok: false, message: `more than ${MAX_REQUIREMENTS} requirements` };
    const set = /^([\w./-]+)\s+(in|notin)\s+\(([^)]*)\)\s*(,|$)/.exec(rest);
    const equal = /^([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)\s*(,|$)/.exec(rest);
    const exists = /^(!?)\s*([\w./-]+)\s*(,|$)/.exec(rest);
    const match = set ?? equal ?? exists;
    if (match === null) return { ok: false, message: `unable to parse requirement: found '${rest.split(',')[0]}', expected: identifier` };
    if (set !== null) {
      const [, name = '', operator, inside = ''] = set;
      const allowed = new Set(inside.split(',').map((word) => word.trim()));
      tests.push((object) => {
        const value = labelOf(object, name);
        const among = value !== undefined && allowed.has(value);
        return operator === 'in' ? among : !among;
      });
    } else if (equal !== null) {
      const [, name = '', operator, wanted] = equal;
      tests.push((object) => (labelOf(object, name) === wanted) === (operator !== '!='));
    } else {
      const [, negated, name = ''] = exists ?? [];
      tests.push((object) => (labelOf(object, name) !== undefined) === (negated === ''));
    }
    rest = rest.slice(match[0].length).trim();
  }
  return { ok: true, accepts: (object) => tests.every((test) => test(object)) };
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
