/** From Ingress v1beta1 (gone since 1.22) to v1: `serviceName` and `servicePort` become `service`, and each path says how it is compared. */
import { insertField, replaceSpan, valueAt } from './edit-text.ts';
import type { TextEdit } from './requests.ts';
import { isRecord, spanOf, type TextObject } from './text-object.ts';

function backendEdit(object: TextObject, path: string): TextEdit[] {
  const backend = valueAt(object, path);
  if (!isRecord(backend) || typeof backend.serviceName !== 'string') return [];
  const span = spanOf(object, path);
  const indent = ' '.repeat(span.startColumn - 1);
  const port = typeof backend.servicePort === 'number' ? `number: ${backend.servicePort}` : `name: ${String(backend.servicePort)}`;
  return [replaceSpan(span, `service:\n${indent}  name: ${backend.serviceName}\n${indent}  port:\n${indent}    ${port}`)];
}

export function ingressEdits(text: string, object: TextObject): readonly (TextEdit | undefined)[] {
  const edits: (TextEdit | undefined)[] = [];
  const rules = valueAt(object, 'spec.rules');
  (Array.isArray(rules) ? (rules as readonly unknown[]) : []).forEach((_, rule) => {
    const paths = valueAt(object, `spec.rules[${rule}].http.paths`);
    (Array.isArray(paths) ? (paths as readonly unknown[]) : []).forEach((one, index) => {
      const path = `spec.rules[${rule}].http.paths[${index}]`;
      const backend = backendEdit(object, `${path}.backend`);
      const type = isRecord(one) && one.pathType === undefined ? insertField(text, object, path, 'pathType', 'ImplementationSpecific') : undefined;
      const last = backend[0];
      // Both end at the same place where the backend is the last field of its path.
      if (type !== undefined && last !== undefined && type.startOffset <= last.endOffset + 80 && type.startOffset >= last.endOffset)
        edits.push({ ...last, endOffset: type.startOffset, text: last.text + text.slice(last.endOffset, type.startOffset) + type.text });
      else edits.push(...backend, ...(type === undefined ? [] : [type]));
    });
  });
  const whole = backendEdit(object, 'spec.backend')[0];
  if (whole !== undefined)
    edits.push(replaceSpan(keyBefore(text, spanOf(object, 'spec.backend').startOffset, spanOf(object, 'spec.backend')), 'defaultBackend'), whole);
  return edits;
}

/** The word `backend` in front of its mapping. */
function keyBefore(text: string, at: number, span: ReturnType<typeof spanOf>): ReturnType<typeof spanOf> {
  const start = text.lastIndexOf('backend', at - 1);
  return { ...span, startOffset: start, endOffset: start + 'backend'.length };
}
