/** Regular expressions for jq's test, match, capture and sub, on the shell's own bounded matcher. */
import { compileRegex } from '../regex.ts';
import { JqError } from './ast.ts';

export interface MatchObject {
  readonly offset: number;
  readonly length: number;
  readonly string: string;
  readonly captures: readonly { readonly offset: number; readonly length: number; readonly string: string | null; readonly name: string | null }[];
}

const MAX_MATCHES = 10_000;

/** Oniguruma's shorthands in terms of POSIX; what the groups are called, and which do not capture. */
function translate(pattern: string): { readonly source: string; readonly groups: readonly { readonly name: string | null; readonly captures: boolean }[] } {
  const groups: { name: string | null; captures: boolean }[] = [];
  let source = '';
  let inClass = false;
  for (let i = 0; i < pattern.length; i += 1) {
    const char = pattern[i] as string;
    if (char === '\\') {
      const next = pattern[i + 1] ?? '';
      i += 1;
      const within: Readonly<Record<string, string>> = { d: '0-9', w: '[:alnum:]_', s: '[:space:]', n: '\n', t: '\t', r: '\r' };
      const alone: Readonly<Record<string, string>> = { d: '[0-9]', D: '[^0-9]', h: '[0-9a-fA-F]', n: '\n', t: '\t', r: '\r', A: '^', z: '$', Z: '$' };
      if (inClass) source += within[next] ?? (next === '\\' ? '\\\\' : next);
      else source += alone[next] ?? `\\${next}`;
    } else if (inClass) {
      if (char === ']') inClass = false;
      source += char;
    } else if (char === '[') {
      inClass = true;
      source += char;
    } else if (char === '(') {
      const special = /^\(\?(?:<([A-Za-z_]\w*)>|:)/.exec(pattern.slice(i, i + 80));
      groups.push({ name: special?.[1] ?? null, captures: special === null || special[1] !== undefined });
      source += '(';
      if (special !== null) i += special[0].length - 1;
      else if (pattern[i + 1] === '?') throw new JqError(`${pattern} (at offset 0) is not a valid regex: undefined group option`);
    } else if (char === '?' && /[*+?}]$/.test(source) && !source.endsWith('\\')) {
      throw new JqError(`${pattern} (at offset 0) is not a valid regex here: lazy repetition is not simulated`);
    } else source += char;
  }
  return { source, groups };
}

/** Flags: g (all), i (any case), x, s, n and l are taken without effect. @throws {JqError} */
export function matches(text: string, pattern: string, flags: string): readonly MatchObject[] {
  const bad = /[^gimnplsx]/.exec(flags);
  if (bad !== null) throw new JqError(`${flags} is not a valid modifier string`);
  const { source, groups } = translate(pattern);
  const regex = compileRegex(source, { syntax: 'extended', ignoreCase: flags.includes('i') });
  if ('error' in regex) throw new JqError(`${pattern} (at offset 0) is not a valid regex: ${regex.error}`);
  const found: MatchObject[] = [];
  for (let from = 0; from <= text.length && found.length < MAX_MATCHES; ) {
    const match = regex.find(text, from);
    if (match === undefined) break;
    const matched = text.slice(match.start, match.end);
    found.push({
      offset: match.start,
      length: match.end - match.start,
      string: matched,
      captures: groups.flatMap((group, i) => {
        if (!group.captures) return [];
        const string = match.groups[i] ?? null;
        const offset = string === null ? -1 : match.start + Math.max(0, matched.indexOf(string));
        return [{ offset, length: string?.length ?? 0, string, name: group.name }];
      }),
    });
    if (!flags.includes('g')) break;
    from = match.end > match.start ? match.end : match.end + 1;
  }
  return found;
}

export function substitute(text: string, found: readonly MatchObject[], replacement: (match: MatchObject) => string): string {
  let result = '';
  let from = 0;
  for (const match of found) {
    result += text.slice(from, match.offset) + replacement(match);
    from = match.offset + match.length;
  }
  return result + text.slice(from);
}
