/** The checks that libxtables makes for every extension, and the values its options have. Linux: iptables, libxtables/xtoptions.c */
import type { GivenOption, GivenOptions, OptionDefinition, RuleError } from './definition.ts';
import { parseMarkMask, parseUnsigned } from './text.ts';

/** What the words of the options alone get wrong, in the tool's sentence: before the extension itself looks at them. */
export function checkOptions(extension: string, options: readonly OptionDefinition[], given: GivenOptions): string | undefined {
  for (const option of options) {
    if (!given.has(option.name)) {
      if (option.mandatory === true) return `${extension}: option "--${option.name}" must be specified\n`;
      continue;
    }
    const excluded = option.excludes?.find((name) => given.has(name));
    if (excluded !== undefined)
      return `${extension}: option "--${spelled(options, option.name)}" cannot be used together with "--${spelled(options, excluded)}".\n`;
    const missing = option.requires?.find((name) => !given.has(name));
    if (missing !== undefined) return `${extension}: option "--${option.name}" also requires "--${missing}".\n`;
  }
  return undefined;
}

/** The name by which the tool speaks of an option: sometimes its long form. */
const spelled = (options: readonly OptionDefinition[], name: string): string => options.find((o) => o.name === name)?.twice ?? name;

export const cannotBeInverted = (extension: string, name: string): string => `${extension}: option "--${name}" cannot be inverted.\n`;
export const onlyOnce = (extension: string, name: string): string => `${extension}: option "--${name}" can only be used once.\n`;

/** A number of an option, or the tool's sentence. */
export function numberOption(extension: string, name: string, text: string, min: number, max: number): number | RuleError {
  const value = parseUnsigned(text, max);
  return value === undefined || value < min ? { error: `${extension}: bad value for option "--${name}", or out of range (${min}-${max}).\n` } : value;
}

export const badValue = (extension: string, name: string, text: string): RuleError => ({ error: `${extension}: Bad value for "--${name}" option: "${text}"` });

/** `value[/mask]` of an option. */
export function markOption(extension: string, name: string, text: string): { readonly value: number; readonly mask: number } | RuleError {
  return parseMarkMask(text) ?? { error: `${extension}: bad integer value for option "--${name}", or out of range.\n` };
}

export const givenValue = (given: GivenOptions, name: string): string | undefined => given.get(name)?.values[0];
export const isNegated = (option: GivenOption | undefined): boolean => option?.negated === true;

/** ` --flag` for each that was given, in this order. */
export const flagText = (given: GivenOptions, names: readonly string[]): string =>
  names
    .filter((n) => given.has(n))
    .map((n) => ` --${n}`)
    .join('');
