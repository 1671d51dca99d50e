/** Tab completion: commands, files, and what each command offers for its own words. */
import type { Command, Invocation } from './command.ts';
import { hasProgram } from './has-program.ts';
import { resolvePath } from './paths.ts';
import type { Scope } from './state.ts';

export interface CompletionContext {
  readonly commands: ReadonlyMap<string, Command>;
  readonly builtins: ReadonlySet<string>;
  readonly scope: Scope;
  readonly invocation: Invocation;
}

/** So many candidates at most. */
const MAX_CANDIDATES = 200;

/** Candidates for the word that ends at the cursor; `start` is where that word begins. */
export function completeLine(line: string, cursor: number, context: CompletionContext): { readonly start: number; readonly candidates: readonly string[] } {
  const before = line.slice(0, cursor);
  // The last simple command: what follows the last operator outside quotes.
  let from = 0;
  let quote = '';
  for (let i = 0; i < before.length; i += 1) {
    const c = before[i] ?? '';
    if (quote !== '') {
      if (c === quote) quote = '';
    } else if (c === "'" || c === '"') quote = c;
    else if ('|;&('.includes(c)) from = i + 1;
  }
  const words = before.slice(from).trimStart().split(/\s+/);
  const current = words.pop() ?? '';
  const start = cursor - current.length;
  while (
    words.length > 0 &&
    (/^[A-Za-z_]\w*=/.test(words[0] ?? '') || ['do', 'then', 'else', 'time', 'trace', 'watch', 'sudo', '!', '{'].includes(words[0] ?? ''))
  )
    words.shift();
  const candidates = words.length === 0 ? commandNames(current, context) : argumentsFor(words, current, context);
  return { start, candidates: [...new Set(candidates)].sort().slice(0, MAX_CANDIDATES) };
}

function commandNames(current: string, context: CompletionContext): string[] {
  const { place } = context.invocation;
  const names = [...context.commands.keys()].filter((name) => !name.startsWith('busybox-') && hasProgram(context.commands, place, name));
  return [...names, ...context.builtins, ...context.scope.aliases.keys(), ...context.scope.functions.keys()].filter(
    (name) => /^[a-z]/.test(name) && name.startsWith(current),
  );
}

function argumentsFor(words: readonly string[], current: string, context: CompletionContext): readonly string[] {
  const alias = context.scope.aliases.get(words[0] ?? '');
  if (alias !== undefined)
    return argumentsFor([...alias.trim().split(/\s+/), ...words.slice(1)], current, { ...context, scope: { ...context.scope, aliases: new Map() } });
  const name = words[0] ?? '';
  const command = hasProgram(context.commands, context.invocation.place, name) ? context.commands.get(name) : undefined;
  const offered = command?.complete?.(words, current, context.invocation) ?? [];
  return offered.length > 0 ? offered : files(current, context);
}

function files(current: string, context: CompletionContext): string[] {
  const { shell, place, cwd } = context.invocation;
  const slash = current.lastIndexOf('/');
  const typedFolder = current.slice(0, slash + 1);
  const folder = resolvePath(cwd, typedFolder === '' ? '.' : typedFolder);
  const under = folder === '/' ? '/' : `${folder}/`;
  const names = new Set<string>();
  for (const path of shell.filePaths(place)) {
    if (!path.startsWith(under)) continue;
    const rest = path.slice(under.length);
    const cut = rest.indexOf('/');
    names.add(cut < 0 ? rest : rest.slice(0, cut + 1));
  }
  return [...names].map((entry) => typedFolder + entry).filter((entry) => entry.startsWith(current));
}
