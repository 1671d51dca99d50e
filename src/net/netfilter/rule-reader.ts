/** Reads the words of a rule one after the other, as iptables' own option parser does. Linux: iptables, iptables/xshared.c, do_parse() */
import { type MaskedAddress, parseAddress } from './address.ts';
import type { Family, GivenOption, MatchDefinition, OptionDefinition, RuleError, TargetDefinition } from './definition.ts';
import { findMatch, matchOfProtocol } from './match/index.ts';
import { protocolOf } from './names.ts';
import { cannotBeInverted, onlyOnce } from './options.ts';
import type { NameTest } from './rule.ts';
import { findTarget } from './target/index.ts';
import { parseUnsigned } from './text.ts';

/** Long and short names of what the rule itself has; everything else belongs to a match or the target. */
const SHORT_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['-s', 's'],
  ['-d', 'd'],
  ['-i', 'i'],
  ['-o', 'o'],
  ['-p', 'p'],
  ['-f', 'f'],
  ['-m', 'm'],
  ['-j', 'j'],
  ['-g', 'g'],
  ['-c', 'c'],
  ['-4', '4'],
  ['-6', '6'],
]);
const LONG_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['source', 's'],
  ['src', 's'],
  ['destination', 'd'],
  ['dst', 'd'],
  ['in-interface', 'i'],
  ['out-interface', 'o'],
  ['protocol', 'p'],
  ['proto', 'p'],
  ['fragments', 'f'],
  ['fragment', 'f'],
  ['match', 'm'],
  ['jump', 'j'],
  ['goto', 'g'],
  ['set-counters', 'c'],
  ['ipv4', '4'],
  ['ipv6', '6'],
]);
/** Long options of the command line around the rule: a shortened word must not be one of them either. */
const COMMAND_OPTIONS = [
  'delete',
  'delete-chain',
  'insert',
  'replace',
  'append',
  'check',
  'list',
  'list-rules',
  'flush',
  'zero',
  'new-chain',
  'policy',
  'rename-chain',
  'table',
];

/** The rule belongs to the other family: `-6` in iptables, `-4` in ip6tables. */
export const OTHER_FAMILY = 'other family';

interface Open {
  readonly extension: string;
  readonly options: readonly OptionDefinition[];
  readonly given: Map<string, GivenOption>;
}
interface OpenMatch extends Open {
  readonly definition: MatchDefinition;
}

/** Takes options that are not the rule's (`-A CHAIN`, `-v`) as they come by: false: not one of them; a text: what is wrong. */
export interface CommandOptions {
  take(word: string, negated: boolean, next: () => string | undefined, peek: () => string | undefined): boolean | string;
}

export class RuleReader {
  readonly sources: MaskedAddress[] = [];
  readonly destinations: MaskedAddress[] = [];
  sourceNegated = false;
  destinationNegated = false;
  inDevice: NameTest | undefined;
  outDevice: NameTest | undefined;
  protocol = 0;
  protocolNegated = false;
  fragment: -1 | 0 | 1 = 0;
  counters: readonly [number, number] | undefined;
  readonly matches: OpenMatch[] = [];
  target: TargetDefinition | undefined;
  readonly targetOptions = new Map<string, GivenOption>();
  jump: string | undefined;
  goto = false;
  /** What the tool says on stderr although it goes on. */
  readonly warnings: string[] = [];
  #openTarget: Open | undefined;
  #protocolGiven = false;
  #at = 0;
  readonly #words: readonly string[];
  readonly #family: Family;

  readonly #commands: CommandOptions | undefined;

  constructor(words: readonly string[], family: Family, commands?: CommandOptions) {
    this.#words = words;
    this.#family = family;
    this.#commands = commands;
  }

  read(): RuleError | undefined {
    let negated = false;
    while (this.#at < this.#words.length) {
      const word = this.#words[this.#at] as string;
      this.#at += 1;
      if (word === '!') {
        if (negated) return { error: 'multiple consecutive ! not allowed' };
        if (this.#at === this.#words.length) return { error: 'nothing appropriate following !' };
        negated = true;
        continue;
      }
      const error = this.#option(word, negated);
      if (error !== undefined) return typeof error === 'string' ? { error } : error;
      negated = false;
    }
    return undefined;
  }

  #value(): string | undefined {
    const value = this.#words[this.#at];
    if (value !== undefined) this.#at += 1;
    return value;
  }

  #option(word: string, negated: boolean): string | RuleError | undefined {
    const short = SHORT_OPTIONS.get(word);
    if (short !== undefined) return this.#head(short, word, negated);
    const taken = this.#commands?.take(
      word,
      negated,
      () => this.#value(),
      () => this.#words[this.#at],
    );
    if (taken === true) return undefined;
    if (typeof taken === 'string') return taken;
    // A value stuck to its option: version 1.8.9 takes the whole word for it, and says so.
    const stuck = /^(?:-([sdp])[^-]|--(source|src|destination|dst|protocol|proto)=)/.exec(word);
    if (stuck !== null) return this.#head(stuck[1] ?? LONG_OPTIONS.get(stuck[2] as string) ?? '', word, negated, word);
    if (!word.startsWith('--')) return word.startsWith('-') && word !== '-' ? `unknown option "${word}"` : `Bad argument \`${word}'`;
    const name = word.slice(2);
    const long = LONG_OPTIONS.get(name) ?? (this.#extension(name) === undefined ? this.#shortened(name) : undefined);
    if (long !== undefined) return this.#head(long, word, negated);
    const found = this.#extension(name) ?? this.#extensionBeginning(name);
    if (found === undefined) return `unknown option "${word}"`;
    return this.#extensionOption(found.open, found.option, word, negated);
  }

  #extensionOption(open: Open, option: OptionDefinition, word: string, negated: boolean): string | undefined {
    if (negated && option.invertible !== true) return cannotBeInverted(open.extension, option.name);
    if (open.given.has(option.name)) {
      const twice = option.twice ?? option.name;
      return /[ `]/.test(twice) ? twice : onlyOnce(open.extension, twice);
    }
    const values: string[] = [];
    for (let i = 0; i < option.values; i += 1) {
      const next = this.#words[this.#at];
      if (i > 0 && (next === undefined || next.startsWith('-') || next === '!')) return option.tooFew ?? `option "${word}" requires an argument`;
      const value = this.#value();
      if (value === undefined) return `option "${word}" requires an argument`;
      values.push(value);
    }
    open.given.set(option.name, { negated, values });
    return undefined;
  }

  /** Options that may be given now, by their owner: the target, then loaded matches from the last one back, then the match that `-p` implies. */
  #owners(): Open[] {
    const owners: Open[] = this.#openTarget === undefined ? [] : [this.#openTarget];
    for (let i = this.matches.length - 1; i >= 0; i -= 1) owners.push(this.matches[i] as OpenMatch);
    return owners;
  }

  #implied(): MatchDefinition | undefined {
    return this.protocol === 0 ? undefined : matchOfProtocol(this.protocol, this.#family);
  }

  #loadImplied(definition: MatchDefinition): Open {
    const open: OpenMatch = { definition, extension: definition.name, options: definition.options, given: new Map() };
    this.matches.push(open);
    return open;
  }

  #extension(name: string): { readonly open: Open; readonly option: OptionDefinition } | undefined {
    const own = (options: readonly OptionDefinition[]): OptionDefinition | undefined =>
      options.find((o) => o.name === name || (o.aliases?.includes(name) ?? false));
    for (const open of this.#owners()) {
      const option = own(open.options);
      if (option !== undefined) return { open, option };
    }
    const implied = this.#implied();
    const option = implied === undefined ? undefined : own(implied.options);
    return implied === undefined || option === undefined ? undefined : { open: this.#loadImplied(implied), option };
  }

  /** getopt_long() takes the beginning of a name where only one fits. */
  #extensionBeginning(name: string): { readonly open: Open; readonly option: OptionDefinition } | undefined {
    if (name === '') return undefined;
    const fits = (options: readonly OptionDefinition[]): OptionDefinition[] =>
      options.filter((o) => [o.name, ...(o.aliases ?? [])].some((n) => n.startsWith(name)));
    const found = this.#owners().flatMap((open) => fits(open.options).map((option) => ({ open, option })));
    if (found.length === 1) return found[0];
    const implied = found.length > 0 ? undefined : this.#implied();
    const options = implied === undefined ? [] : fits(implied.options);
    return implied !== undefined && options.length === 1 ? { open: this.#loadImplied(implied), option: options[0] as OptionDefinition } : undefined;
  }

  #shortened(name: string): string | undefined {
    if (name === '') return undefined;
    const commands = COMMAND_OPTIONS.filter((o) => o.startsWith(name));
    const heads = new Set([...LONG_OPTIONS].filter(([o]) => o.startsWith(name)).map(([, letter]) => letter));
    const extensions = [...this.#owners().map((o) => o.options), this.#implied()?.options ?? []].flat();
    if (commands.length > 0 || heads.size !== 1 || extensions.some((o) => [o.name, ...(o.aliases ?? [])].some((n) => n.startsWith(name)))) return undefined;
    return [...heads][0];
  }

  #head(letter: string, word: string, negated: boolean, stuck?: string): string | RuleError | undefined {
    switch (letter) {
      case 'f':
        if (this.#family === 'ipv6') return "`-f' is not supported in IPv6, use -m frag instead";
        this.fragment = negated ? -1 : 1;
        return undefined;
      case '4':
      case '6':
        return (letter === '6') === (this.#family === 'ipv6') ? undefined : OTHER_FAMILY;
      case 'c':
        return this.#counters();
    }
    const value = stuck ?? this.#value();
    if (value === undefined) return `option "${word}" requires an argument`;
    if (negated && letter === 'm') return 'unexpected ! flag before --match';
    if (negated && (letter === 'j' || letter === 'g')) return `cannot have ! before -${letter}`;
    switch (letter) {
      case 's':
      case 'd':
        return this.#addresses(letter, value, negated);
      case 'i':
      case 'o':
        return this.#device(letter, value, negated);
      case 'p':
        return this.#protocol(value, negated);
      case 'm': {
        const definition = findMatch(value, this.#family);
        if (definition === undefined) return `Couldn't load match \`${value}':No such file or directory\n`;
        this.matches.push({ definition, extension: definition.name, options: definition.options, given: new Map() });
        return undefined;
      }
      default:
        return this.#jump(letter, value);
    }
  }

  #counters(): string | undefined {
    const first = this.#value();
    if (first === undefined) return 'option "-c" requires an argument';
    const [packets = '', bytes = first.includes(',') ? '' : (this.#words[this.#at] ?? '')] = first.split(',');
    if (!first.includes(',')) {
      if (bytes === '' || bytes.startsWith('-')) return '-c requires packet and byte counter';
      this.#at += 1;
    }
    if (!/^[0-9]{1,15}$/.test(packets)) return '-c packet counter not numeric';
    if (!/^[0-9]{1,15}$/.test(bytes)) return '-c byte counter not numeric';
    this.counters = [Number(packets), Number(bytes)];
    return undefined;
  }

  #addresses(letter: 's' | 'd', value: string, negated: boolean): string | undefined {
    const list = letter === 's' ? this.sources : this.destinations;
    if (list.length > 0) return `multiple -${letter} flags not allowed`;
    for (const text of value.split(',')) {
      const address = parseAddress(text, this.#family);
      if ('error' in address) return address.error;
      list.push(address);
    }
    if (letter === 's') this.sourceNegated = negated;
    else this.destinationNegated = negated;
    return undefined;
  }

  #device(letter: 'i' | 'o', value: string, negated: boolean): string | undefined {
    if ((letter === 'i' ? this.inDevice : this.outDevice) !== undefined) return `multiple -${letter} flags not allowed`;
    if (value === '') return 'Empty interface is likely to be undesired';
    if (value.length > 15) return `interface name \`${value}' must be shorter than IFNAMSIZ (15)`;
    if (/[/ ]/.test(value)) this.warnings.push(`Warning: weird character in interface \`${value}' ('/' and ' ' are not allowed by the kernel).\n`);
    if (letter === 'i') this.inDevice = { name: value, negated };
    else this.outDevice = { name: value, negated };
    return undefined;
  }

  #protocol(value: string, negated: boolean): string | undefined {
    if (this.#protocolGiven) return 'multiple -p flags not allowed';
    const word = value.toLowerCase();
    const protocol = word === 'all' ? 0 : (protocolOf(word) ?? parseUnsigned(value, 255));
    if (protocol === undefined) return `unknown protocol "${word}" specified`;
    if (protocol === 0 && negated) return 'rule would never match protocol';
    this.#protocolGiven = true;
    this.protocol = protocol;
    this.protocolNegated = negated;
    return undefined;
  }

  #jump(letter: string, value: string): string | undefined {
    if (this.jump !== undefined) return `multiple -${this.goto ? 'g' : 'j'} flags not allowed`;
    if (letter === 'j') {
      if (value === '') return 'Invalid target name (too short)';
      if (value.length > 28) return `Invalid target name \`${value}' (28 chars max)`;
      if (/\s/.test(value)) return `Invalid target name \`${value}'`;
    }
    this.jump = value;
    this.goto = letter === 'g';
    if (this.goto) return undefined;
    this.target = findTarget(value, this.#family);
    if (this.target !== undefined) this.#openTarget = { extension: this.target.name, options: this.target.options, given: this.targetOptions };
    return undefined;
  }
}
