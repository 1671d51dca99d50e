/** The pod-template-hash of a Deployment's template. Kubernetes: pkg/controller/controller_utils.go, ComputeHash; apimachinery/pkg/util/rand, SafeEncodeString. */
import type { PodTemplate } from '../pod/types.ts';

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** FNV-1a, 32 bits, of the UTF-16 code units. */
function fnv1a(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** JSON with sorted keys, so that the order in which somebody wrote the fields does not count. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = value as Readonly<Record<string, unknown>>;
  return `{${Object.keys(members)
    .filter((key) => members[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(members[key])}`)
    .join(',')}}`;
}

/** Each decimal digit becomes a letter that forms no words: only `456789bcdf` appear. */
export function safeEncode(text: string): string {
  let result = '';
  for (let i = 0; i < text.length; i += 1) result += alphabet[text.charCodeAt(i) % alphabet.length];
  return result;
}

/** Up to ten characters. The real number comes from the memory layout of Go structs; ours has the same form and, like it, depends on the template alone. */
export const templateHash = (template: PodTemplate, collisionCount = 0): string =>
  safeEncode(`${fnv1a(`${canonical(template)}${collisionCount === 0 ? '' : collisionCount}`)}`);
