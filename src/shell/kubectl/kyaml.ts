/** -o kyaml: YAML in flow style, with braces, quoted strings and trailing commas (KEP-5295; sigs.k8s.io/yaml/kyaml). */
import { record } from '../json.ts';

/** Keys that need no quotes: no YAML reader takes them for anything but a string. */
const SAFE_KEY = /^[A-Za-z_][A-Za-z0-9_./-]*$/;
const UNSAFE_WORDS = /^(?:true|false|yes|no|on|off|y|n|null|~)$/i;

/** A text of several lines stands on several lines, each escaped at its end. */
function stringText(text: string, indent: string): string {
  const quoted = (part: string): string => JSON.stringify(part).slice(1, -1);
  if (!text.includes('\n')) return `"${quoted(text)}"`;
  const lines = text.split('\n');
  const last = lines.pop() ?? '';
  const body = lines.map((line) => `${indent}  ${line.startsWith(' ') ? '\\' : ' '}${quoted(line)}\\n\\\n`).join('');
  return `"\\\n${body}${indent}  ${last === '' ? '' : `${last.startsWith(' ') ? '\\' : ' '}${quoted(last)}`}"`;
}

const isStruct = (value: unknown): boolean => typeof value === 'object' && value !== null;

function valueText(value: unknown, indent: string): string {
  if (typeof value === 'string') return stringText(value, indent);
  if (!isStruct(value)) return value === null || value === undefined ? 'null' : String(value);
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    // Structures in a list share the lines of their brackets.
    if (value.every(isStruct)) return `[${value.map((one) => valueText(one, indent)).join(', ')}]`;
    return `[\n${value.map((one) => `${indent}  ${valueText(one, `${indent}  `)},\n`).join('')}${indent}]`;
  }
  const entries = Object.entries(record(value)).filter(([, child]) => child !== undefined);
  if (entries.length === 0) return '{}';
  const key = (name: string): string => (SAFE_KEY.test(name) && !UNSAFE_WORDS.test(name) ? name : JSON.stringify(name));
  return `{\n${entries.map(([name, child]) => `${indent}  ${key(name)}: ${valueText(child, `${indent}  `)},\n`).join('')}${indent}}`;
}

/** One document. Keys are printed in the order they come. */
export function formatKyaml(value: unknown): string {
  return `---\n${valueText(value, '')}\n`;
}
