/** Reading a tool's command line as getopt_long does: clustered letters, attached and separate values, `--`, options after operands. */

export interface OptionSpec {
  /** Letters that stand alone. */
  readonly flags: string;
  /** Letters that take a value. */
  readonly values: string;
  readonly longFlags?: readonly string[];
  readonly longValues?: readonly string[];
  /** True: the first operand ends the options (POSIX, busybox' nc, `sleep`). */
  readonly stopAtOperand?: boolean;
}

export interface ParsedOptions {
  /** In order; `name` is a letter or a long name without dashes. */
  readonly options: readonly { readonly name: string; readonly value: string }[];
  readonly operands: readonly string[];
}

export type OptionProblem =
  | { readonly problem: 'unknown-letter' | 'missing-value'; readonly letter: string }
  | { readonly problem: 'unknown-long' | 'missing-long-value'; readonly name: string };

export function parseOptions(argv: readonly string[], spec: OptionSpec): ParsedOptions | OptionProblem {
  const options: { name: string; value: string }[] = [];
  const operands: string[] = [];
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] as string;
    if (word === '--') {
      operands.push(...argv.slice(i + 1));
      break;
    }
    if (word.startsWith('--')) {
      const equals = word.indexOf('=');
      const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
      if (spec.longFlags?.includes(name) === true && equals < 0) options.push({ name, value: '' });
      else if (spec.longValues?.includes(name) === true) {
        const value = equals < 0 ? argv[i + 1] : word.slice(equals + 1);
        if (value === undefined) return { problem: 'missing-long-value', name };
        if (equals < 0) i += 1;
        options.push({ name, value });
      } else return { problem: 'unknown-long', name };
      continue;
    }
    if (!word.startsWith('-') || word === '-') {
      operands.push(word);
      if (spec.stopAtOperand === true) {
        operands.push(...argv.slice(i + 1));
        break;
      }
      continue;
    }
    for (let k = 1; k < word.length; k += 1) {
      const letter = word[k] as string;
      if (spec.values.includes(letter)) {
        const attached = word.slice(k + 1);
        const value = attached !== '' ? attached : argv[i + 1];
        if (value === undefined) return { problem: 'missing-value', letter };
        if (attached === '') i += 1;
        options.push({ name: letter, value });
        break;
      }
      if (!spec.flags.includes(letter)) return { problem: 'unknown-letter', letter };
      options.push({ name: letter, value: '' });
    }
  }
  return { options, operands };
}

/** The last value given to any of these names. */
export function optionValue(parsed: ParsedOptions, ...names: readonly string[]): string | undefined {
  let value: string | undefined;
  for (const option of parsed.options) if (names.includes(option.name)) value = option.value;
  return value;
}

export const hasOption = (parsed: ParsedOptions, ...names: readonly string[]): boolean => parsed.options.some((option) => names.includes(option.name));
export const countOption = (parsed: ParsedOptions, name: string): number => parsed.options.filter((option) => option.name === name).length;

/** getopt's own sentences, as util-linux, iputils and busybox print them before their usage. */
export function optionProblemText(tool: string, problem: OptionProblem): string {
  switch (problem.problem) {
    case 'unknown-letter':
      return `${tool}: invalid option -- '${problem.letter}'\n`;
    case 'missing-value':
      return `${tool}: option requires an argument -- '${problem.letter}'\n`;
    case 'unknown-long':
      return `${tool}: unrecognized option '--${problem.name}'\n`;
    case 'missing-long-value':
      return `${tool}: option '--${problem.name}' requires an argument\n`;
  }
}

/** A decimal number of seconds such as `0.2`; undefined when it is none or not finite. */
export function parseSeconds(text: string): number | undefined {
  if (!/^(\d+\.?\d*|\.\d+)$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value <= 1e9 ? value : undefined;
}

export function parseInteger(text: string, min: number, max: number): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}
