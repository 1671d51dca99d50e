/** The options around a rule: what is to be done, where, and how it is shown. Linux: iptables, iptables/xshared.c, do_parse() */
import type { CommandOptions } from '../rule-reader.ts';

export type Action =
  | 'append'
  | 'insert'
  | 'delete'
  | 'replace'
  | 'check'
  | 'list'
  | 'list-rules'
  | 'flush'
  | 'zero'
  | 'new'
  | 'delete-chain'
  | 'rename'
  | 'policy';

interface ActionOption {
  readonly action: Action;
  readonly letter: string;
  readonly long: readonly string[];
  /** The chain's name: needed, possible. */
  readonly chain: 'needed' | 'optional';
}

const ACTIONS: readonly ActionOption[] = [
  { action: 'append', letter: 'A', long: ['append'], chain: 'needed' },
  { action: 'check', letter: 'C', long: ['check'], chain: 'needed' },
  { action: 'delete', letter: 'D', long: ['delete'], chain: 'needed' },
  { action: 'replace', letter: 'R', long: ['replace'], chain: 'needed' },
  { action: 'insert', letter: 'I', long: ['insert'], chain: 'needed' },
  { action: 'list', letter: 'L', long: ['list'], chain: 'optional' },
  { action: 'list-rules', letter: 'S', long: ['list-rules'], chain: 'optional' },
  { action: 'flush', letter: 'F', long: ['flush'], chain: 'optional' },
  { action: 'zero', letter: 'Z', long: ['zero'], chain: 'optional' },
  { action: 'new', letter: 'N', long: ['new-chain', 'new'], chain: 'needed' },
  { action: 'delete-chain', letter: 'X', long: ['delete-chain'], chain: 'optional' },
  { action: 'rename', letter: 'E', long: ['rename-chain'], chain: 'needed' },
  { action: 'policy', letter: 'P', long: ['policy'], chain: 'needed' },
];
const FLAGS: Readonly<Record<string, string>> = { n: 'numeric', v: 'verbose', x: 'exact' };
const LONG_FLAGS: readonly (readonly [string, string])[] = [
  ['numeric', 'n'],
  ['verbose', 'v'],
  ['exact', 'x'],
  ['line-numbers', '0'],
];
/** Takes the options around the rule out of the words while the reader goes through them. */
export class CommandReader implements CommandOptions {
  table: string | undefined;
  action: ActionOption | undefined;
  chain: string | undefined;
  numberText: string | undefined;
  argument: string | undefined;
  zeroAfter = false;
  zeroChain: string | undefined;
  special: 'version' | 'help' | undefined;
  waits = false;
  interval = false;
  readonly flags = new Set<string>();
  readonly #restoring: boolean;

  constructor(restoring: boolean) {
    this.#restoring = restoring;
  }

  take(word: string, negated: boolean, next: () => string | undefined, peek: () => string | undefined): boolean | string {
    if (word.startsWith('--')) {
      const name = word.slice(2);
      const action = ACTIONS.find((a) => a.long.includes(name));
      if (action !== undefined) return this.#act(action, word, negated, next, peek, undefined);
      const flag = LONG_FLAGS.find(([long]) => name.length > 2 && long.startsWith(name) && (name === long || long === 'line-numbers'));
      if (flag !== undefined) {
        this.flags.add(flag[1]);
        return true;
      }
      return this.#other(
        name === 'table'
          ? 't'
          : name === 'wait'
            ? 'w'
            : name === 'wait-interval'
              ? 'W'
              : name === 'modprobe'
                ? 'M'
                : name === 'version'
                  ? 'V'
                  : name === 'help'
                    ? 'h'
                    : '',
        word,
        next,
        peek,
        undefined,
      );
    }
    if (!/^-[A-Za-z]/.test(word)) return false;
    return this.#cluster(word, negated, next, peek);
  }

  /** `-nvL` is three options; what follows one that takes a value is its value. */
  #cluster(word: string, negated: boolean, next: () => string | undefined, peek: () => string | undefined): boolean | string {
    let taken = false;
    for (let i = 1; i < word.length; i += 1) {
      const letter = word[i] as string;
      const rest = word.slice(i + 1);
      if (FLAGS[letter] !== undefined) {
        this.flags.add(letter);
        taken = true;
        continue;
      }
      const action = ACTIONS.find((a) => a.letter === letter);
      if (action !== undefined) return this.#act(action, `-${letter}`, negated, next, peek, rest === '' ? undefined : rest);
      const other = this.#other(letter, `-${letter}`, next, peek, rest === '' ? undefined : rest);
      if (other !== false) return other;
      return taken ? `unknown option "-${letter}"` : false;
    }
    return taken;
  }

  #other(letter: string, word: string, next: () => string | undefined, peek: () => string | undefined, stuck: string | undefined): boolean | string {
    const number = (): boolean => /^\d+$/.test(stuck ?? peek() ?? '');
    switch (letter) {
      case 't': {
        if (this.#restoring) return 'The -t option cannot be used in iptables-restore.\n';
        const value = stuck ?? next();
        if (value === undefined) return `option "${word}" requires an argument`;
        this.table = value;
        return true;
      }
      case 'w':
        this.waits = true;
        if (number() && stuck === undefined) next();
        return true;
      case 'W':
        this.interval = true;
        if (stuck === undefined) next();
        return true;
      case 'M':
        return stuck !== undefined || next() !== undefined ? true : `option "${word}" requires an argument`;
      case 'V':
        this.special ??= 'version';
        return true;
      case 'h':
        this.special ??= 'help';
        return true;
      default:
        return false;
    }
  }

  #act(
    action: ActionOption,
    word: string,
    negated: boolean,
    next: () => string | undefined,
    peek: () => string | undefined,
    stuck: string | undefined,
  ): boolean | string {
    if (negated) return `unexpected ! flag before --${action.long[0]}`;
    const isValue = (text: string | undefined): text is string => text !== undefined && !text.startsWith('-') && text !== '!';
    const optional = (): string | undefined => (isValue(peek()) ? next() : undefined);
    const needed = action.chain === 'needed' && stuck === undefined && !isValue(peek());
    if (needed) return `option "${word}" requires an argument`;
    if (this.action !== undefined) {
      const listing = this.action.action === 'list' || this.action.action === 'list-rules';
      if (action.action === 'zero' && listing) {
        this.zeroAfter = true;
        this.chain ??= stuck ?? optional();
        return true;
      }
      if ((action.action === 'list' || action.action === 'list-rules') && this.action.action === 'zero') {
        this.zeroAfter = true;
        this.action = action;
        this.chain ??= stuck ?? optional();
        return true;
      }
      return `Cannot use -${action.letter} with -${this.action.letter}`;
    }
    this.action = action;
    this.chain = stuck ?? optional();
    switch (action.action) {
      case 'rename':
        this.argument = optional();
        return this.argument === undefined ? '-E requires old-chain-name and new-chain-name' : true;
      case 'policy':
        this.argument = optional();
        return this.argument === undefined ? '-P requires a chain and a policy' : true;
      case 'replace':
        this.numberText = optional();
        return this.numberText === undefined ? '-R requires a rule number' : true;
      case 'insert':
      case 'delete': {
        const candidate = peek();
        // Any word that begins with a digit is meant as a number.
        if (candidate !== undefined && /^\d/.test(candidate)) this.numberText = next();
        return true;
      }
      case 'list':
      case 'list-rules':
      case 'zero':
        if (this.chain !== undefined) this.numberText = optional();
        return true;
      default:
        return true;
    }
  }
}
