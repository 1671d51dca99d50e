/** The way of one write through the API server: decode, default, validate, admit. Nothing is stored here. */
import { deepEqual } from '../base/equal.ts';
import type { ApiFailure } from './api.ts';
import type { KindInfo } from './kind-registry.ts';
import { decodeObject } from './schema/decode.ts';
import { applyDefaults } from './schema/defaults.ts';
import { checkRules } from './schema/rules.ts';
import { badRequest, internalError, invalidObject } from './status.ts';
import type { AdmissionPlugin, FieldError, KubeObject, StoreView } from './types.ts';
import { validateMetadata } from './validation/metadata.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export type Admitted = { readonly ok: true; readonly object: KubeObject; readonly changed: boolean; readonly warnings: readonly string[] } | ApiFailure;

/** Fills what the server gives an object's metadata before validation (namespace, generated name, identity of the old one). */
export type PrepareMetadata = (object: KubeObject) => KubeObject;

/**
 * `old`: the stored object on update. Parts that are the very same reference as in `old` were checked before and are not looked at again.
 * `changed` is false when the result equals `old`; then `object` is `old`.
 */
export function admit(
  info: KindInfo,
  given: unknown,
  old: KubeObject | undefined,
  prepare: PrepareMetadata,
  validation: FieldValidation,
  view: StoreView,
  plugins: readonly AdmissionPlugin[] = [],
  subresource?: string,
): Admitted {
  const { kind } = info;
  const decoded = decodeObject(info.schema, given, old);
  const name = nameOf(given);
  const wrong = `${kind.kind} in version ${JSON.stringify(info.version)} cannot be handled as a ${kind.kind}: `;
  if (decoded.wrongTypes.length > 0) return badRequest(wrong + (decoded.wrongTypes[0]?.message ?? ''), kind, name, decoded.wrongTypes);
  const unknown = decoded.unknownFields.map((one) => one.message);
  if (unknown.length > 0 && validation === 'Strict')
    return badRequest(`${wrong}strict decoding error: ${unknown.join(', ')}`, kind, name, decoded.unknownFields);
  const warnings = validation === 'Warn' ? unknown : [];

  const whole = decoded.value as KubeObject;
  const prepared = prepare(whole.metadata === undefined ? { ...whole, metadata: { name: '' } } : whole);
  let object = applyDefaults(info.schema, prepared, old) as KubeObject;
  if (kind.defaults !== undefined) object = kind.defaults(object);
  if (old === undefined) for (const plugin of plugins) object = plugin.mutate?.(object, view) ?? object;
  else object = shareWith(object, old);
  if (old !== undefined && object === old) return { ok: true, object: old, changed: false, warnings };

  const errors = check(info, object, old, subresource);
  if (errors.length > 0) return invalidObject(kind, object.metadata.name, errors);
  if (kind.admit !== undefined) {
    const admitted = kind.admit(object, old, view);
    if (admitted.errors.some((error) => error.type === 'Internal error')) return internalError(kind, object.metadata.name, admitted.errors);
    if (admitted.errors.length > 0) return invalidObject(kind, object.metadata.name, admitted.errors);
    object = old === undefined ? admitted.object : shareWith(admitted.object, old);
    if (old !== undefined && object === old) return { ok: true, object: old, changed: false, warnings };
  }
  return { ok: true, object, changed: true, warnings };
}

function check(info: KindInfo, object: KubeObject, old: KubeObject | undefined, subresource: string | undefined): readonly FieldError[] {
  const errors: FieldError[] = validateMetadata(info.kind, object.metadata, old?.metadata);
  const rules = checkRules(info.schema, object, old);
  const isIncomplete = rules.some((one) => one.type === 'Required value');
  const own = isIncomplete || info.kind.validate === undefined ? [] : info.kind.validate(object, old, subresource);
  const told = new Set(own.map((one) => one.path));
  for (const one of rules) if (!told.has(one.path)) errors.push(one);
  errors.push(...own);
  return errors;
}

/** The same content with as many references of `old` as possible; `old` itself when all is equal (its resource version does not count). */
function shareWith(object: KubeObject, old: KubeObject): KubeObject {
  const now = object as unknown as Record<string, unknown>;
  const before = old as unknown as Record<string, unknown>;
  const result: Record<string, unknown> = {};
  let same = true;
  for (const key of Object.keys(now)) {
    if (now[key] === undefined) continue;
    const value =
      key === 'metadata'
        ? shareMetadata(now[key] as Record<string, unknown>, before[key] as Record<string, unknown>)
        : deepEqual(now[key], before[key])
          ? before[key]
          : now[key];
    result[key] = value;
    if (value !== before[key]) same = false;
  }
  for (const key of Object.keys(before)) if (before[key] !== undefined && now[key] === undefined) same = false;
  return same ? old : (result as unknown as KubeObject);
}

function shareMetadata(now: Record<string, unknown>, before: Record<string, unknown>): Record<string, unknown> {
  const { resourceVersion: _now, ...rest } = now;
  const { resourceVersion: _before, ...old } = before;
  if (deepEqual(rest, old)) return before;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(now)) result[key] = deepEqual(now[key], before[key]) ? before[key] : now[key];
  return result;
}

export function nameOf(object: unknown): string {
  const metadata = typeof object === 'object' && object !== null ? (object as { readonly metadata?: unknown }).metadata : undefined;
  const name = typeof metadata === 'object' && metadata !== null ? (metadata as { readonly name?: unknown }).name : undefined;
  return typeof name === 'string' ? name : '';
}
