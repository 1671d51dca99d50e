/** JSON Patch, RFC 6902, with the error words of the server's library (evanphx/json-patch). */
import { deepEqual } from '../../base/equal.ts';
import { type Fields, isFields } from './values.ts';

export type JsonPatchResult = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

/** Kubernetes: apiserver's limit on operations of one patch. */
const maxOperations = 10_000;

class PatchError extends Error {}

/** Applies the operations in order; the first that fails decides and nothing is changed. */
export function jsonPatch(live: unknown, patch: unknown): JsonPatchResult {
  if (!Array.isArray(patch)) return { ok: false, message: 'json: cannot unmarshal object into Go value of type jsonpatch.Patch' };
  if (patch.length > maxOperations) return { ok: false, message: `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}` };
  let value = live;
  try {
    for (const operation of patch) value = apply(value, isFields(operation) ? operation : {});
  } catch (error) {
    if (error instanceof PatchError) return { ok: false, message: error.message };
    throw error;
  }
  return { ok: true, value };
}

function tokens(pointer: unknown): string[] {
  if (typeof pointer !== 'string' || (pointer !== '' && !pointer.startsWith('/')))
    throw new PatchError(`jsonpatch: invalid pointer ${JSON.stringify(pointer ?? null)}`);
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function apply(document: unknown, operation: Fields): unknown {
  const path = tokens(operation.path);
  switch (operation.op) {
    case 'add':
      return change(document, path, 'add', operation, () => operation.value ?? null);
    case 'replace':
      return change(document, path, 'replace', operation, () => operation.value ?? null);
    case 'remove':
      return change(document, path, 'remove', operation, () => undefined);
    case 'test':
      if (!deepEqual(read(document, path), operation.value)) throw new PatchError(`testing value ${String(operation.path)} failed: test failed`);
      return document;
    case 'copy': {
      const value = read(document, tokens(operation.from));
      return change(document, path, 'add', operation, () => value);
    }
    case 'move': {
      const from = tokens(operation.from);
      const value = read(document, from);
      return change(
        change(document, from, 'remove', operation, () => undefined),
        path,
        'add',
        operation,
        () => value,
      );
    }
    default:
      throw new PatchError(`Unexpected kind: ${String(operation.op ?? 'unknown')}`);
  }
}

function read(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const part of path) {
    if (Array.isArray(value)) value = value[Number(part)];
    else value = isFields(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }
  return value;
}

/** A copy of the document, along the path only. `make` gives the new value; undefined removes. */
function change(node: unknown, path: readonly string[], verb: 'add' | 'replace' | 'remove', operation: Fields, make: () => unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return make();
  const missing = (what: string) => new PatchError(`${verb} operation does not apply: doc is missing ${what}: ${String(operation.path)}: missing value`);
  if (Array.isArray(node)) {
    const index = first === '-' && verb === 'add' && rest.length === 0 ? node.length : Number(first);
    if (!/^(?:0|[1-9]\d*|-)$/.test(first) || Number.isNaN(index)) throw new PatchError(`${verb} operation does not apply: invalid index ${first}`);
    const last = verb === 'add' && rest.length === 0 ? node.length : node.length - 1;
    if (index > last) throw new PatchError(`${verb} operation does not apply: Unable to access invalid index: ${first}: invalid index referenced`);
    const copy = [...node];
    if (rest.length > 0) copy[index] = change(node[index], rest, verb, operation, make);
    else if (verb === 'add') copy.splice(index, 0, make());
    else if (verb === 'remove') copy.splice(index, 1);
    else copy[index] = make();
    return copy;
  }
  if (!isFields(node)) throw missing('path');
  const known = Object.hasOwn(node, first) && node[first] !== undefined;
  if (rest.length > 0 && !known) throw missing('path');
  if (rest.length === 0 && verb !== 'add' && !known) throw missing(verb === 'remove' ? 'path' : 'key');
  const copy: Record<string, unknown> = { ...node };
  if (rest.length > 0) copy[first] = change(node[first], rest, verb, operation, make);
  else if (verb === 'remove') delete copy[first];
  else copy[first] = make();
  return copy;
}
