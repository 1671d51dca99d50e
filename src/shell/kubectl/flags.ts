/** kubectl's command line flags, read as its flag library does (interspersed, `-ojson`, `--output=json`, `-it`). */

export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** `optional`: `--dry-run` alone means its `bare` value. */
  readonly type: 'bool' | 'string' | 'int' | 'list' | 'optional';
  readonly bare?: string;
}

export interface ParsedFlags {
  /** Words that are no flags. */
  readonly args: readonly string[];
  /** How many of `args` stood before `--`; all when there was none. */
  readonly beforeDash: number;
  readonly hasDash: boolean;
  has(name: string): boolean;
  /** The last value, '' when absent. */
  get(name: string): string;
  all(name: string): readonly string[];
  bool(name: string): boolean;
}

/** Thrown by everything in kubectl; printed once in index.ts. */
export class KubectlError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export const globalFlags: readonly Flag[] = [
  { name: 'namespace', short: 'n', type: 'string' },
  { name: 'context', type: 'string' },
  { name: 'cluster', type: 'string' },
  { name: 'user', type: 'string' },
  { name: 'kubeconfig', type: 'string' },
  { name: 'server', short: 's', type: 'string' },
  { name: 'request-timeout', type: 'string' },
  { name: 'as', type: 'string' },
  { name: 'as-group', type: 'list' },
  { name: 'as-uid', type: 'string' },
  { name: 'token', type: 'string' },
  { name: 'v', short: 'v', type: 'string' },
  { name: 'help', short: 'h', type: 'bool' },
  { name: 'warnings-as-errors', type: 'bool' },
  { name: 'insecure-skip-tls-verify', type: 'bool' },
];

/** @throws {KubectlError} with the usage line kubectl prints. */
export function parseFlags(verb: string, words: readonly string[], own: readonly Flag[]): ParsedFlags {
  const flags = [...own, ...globalFlags];
  const values = new Map<string, string[]>();
  const args: string[] = [];
  let dashAt = -1;
  const fail = (text: string): never => {
    throw new KubectlError(`error: ${text}\nSee 'kubectl ${verb} --help' for usage.`);
  };
  const add = (flag: Flag, value: string): void => {
    if (flag.type === 'bool' && !/^(?:1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value)) {
      fail(
        `invalid argument "${value}" for "${flag.short === undefined ? '' : `-${flag.short}, `}--${flag.name}" flag: strconv.ParseBool: parsing "${value}": invalid syntax`,
      );
    }
    if (flag.type === 'int' && !/^-?\d+$/.test(value)) {
      fail(
        `invalid argument "${value}" for "${flag.short === undefined ? '' : `-${flag.short}, `}--${flag.name}" flag: strconv.ParseInt: parsing "${value}": invalid syntax`,
      );
    }
    const list = values.get(flag.name) ?? [];
    list.push(value);
    values.set(flag.name, list);
  };
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (word === '--') {
      dashAt = args.length;
      args.push(...words.slice(i + 1));
      break;
    }
    if (word.startsWith('--')) {
      const equals = word.indexOf('=');
      const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
      const flag = flags.find((candidate) => candidate.name === name);
      if (flag === undefined) return fail(`unknown flag: --${name}`);
      if (equals >= 0) add(flag, word.slice(equals + 1));
      else if (flag.type === 'bool') add(flag, 'true');
      else if (flag.type === 'optional') add(flag, flag.bare ?? '');
      else {
        const value = words[i + 1];
        if (value === undefined) return fail(`flag needs an argument: --${name}`);
        i += 1;
        add(flag, value);
      }
    } else if (word.startsWith('-') && word.length > 1) {
      for (let j = 1; j < word.length; j += 1) {
        const letter = word[j] ?? '';
        const flag = flags.find((candidate) => candidate.short === letter);
        if (flag === undefined) return fail(`unknown shorthand flag: '${letter}' in ${word}`);
        const rest = word.slice(j + 1);
        if (flag.type === 'bool') {
          if (rest.startsWith('=')) {
            add(flag, rest.slice(1));
            break;
          }
          add(flag, 'true');
          continue;
        }
        const value = rest.startsWith('=') ? rest.slice(1) : rest !== '' ? rest : words[i + 1];
        if (value === undefined) return fail(`flag needs an argument: '${letter}' in ${word}`);
        if (rest === '') i += 1;
        add(flag, value);
        break;
      }
    } else args.push(word);
  }
  const all = (name: string): readonly string[] => values.get(name) ?? [];
  return {
    args,
    beforeDash: dashAt < 0 ? args.length : dashAt,
    hasDash: dashAt >= 0,
    has: (name) => values.has(name),
    get: (name) => all(name).at(-1) ?? '',
    all,
    bool: (name) => /^(?:1|t|true)$/i.test(all(name).at(-1) ?? ''),
  };
}
