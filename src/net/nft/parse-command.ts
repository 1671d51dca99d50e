/** nft's commands: a text becomes a list of things to do, with table blocks unrolled in the order in which nft hands them to the kernel. nft: src/parser_bison.y, src/rule.c */
import {
  type ChainSpec,
  type ChainType,
  type Command,
  FAMILIES,
  type Family,
  type HookSpec,
  type KeySpec,
  type Name,
  type NftHookName,
  type ObjectType,
  type ObjectValue,
  type Place,
  type SetSpec,
  type TableRef,
} from './ast.ts';
import { StmtParser } from './parse-stmt.ts';
import { NftError, type Span, type Token } from './scanner.ts';

/** Commands that one text may hold. */
const MAX_COMMANDS = 2_000_000;

const HOOKS: readonly NftHookName[] = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress', 'egress'];
const PRIORITIES: Readonly<Record<string, number>> = { raw: -300, mangle: -150, dstnat: -100, filter: 0, security: 50, srcnat: 100 };
const BRIDGE_PRIORITIES: Readonly<Record<string, number>> = { dstnat: -300, filter: -200, out: 100, srcnat: 300 };
const RULE_END = 'newline or semicolon';
const COMMAND_END = 'end of file or newline or semicolon';

/** Names of priorities that mean something in this family (and, for dstnat and srcnat, at this hook). */
export function priorityNames(family: Family): Readonly<Record<string, number>> {
  return family === 'bridge' ? BRIDGE_PRIORITIES : PRIORITIES;
}

/** @throws {NftError} at the first mistake. */
export function parseCommands(text: string): Command[] {
  return new CommandParser(text).read();
}

class CommandParser extends StmtParser {
  readonly #commands: Command[] = [];

  read(): Command[] {
    for (;;) {
      this.skipSeparators();
      if (this.peek().kind === 'end') return this.#commands;
      this.#command();
      if (this.#commands.length > MAX_COMMANDS) throw new NftError('too many commands', this.peek());
      if (!this.atSeparator() && this.peek().kind !== 'end') this.unexpected(COMMAND_END);
    }
  }

  #add(command: Command): void {
    this.#commands.push(command);
  }

  #command(): void {
    const token = this.peek();
    if (token.kind !== 'string') this.unexpected();
    switch (token.text) {
      case 'define':
      case 'redefine':
        this.#define();
        return;
      case 'undefine':
        this.next();
        this.variables.delete(this.word().text);
        return;
      case 'include':
        throw new NftError('include: no such file here', token);
      case 'add':
      case 'create':
        this.next();
        this.#addObject(token, token.text);
        return;
      case 'insert':
        this.next();
        this.accept('rule');
        this.#rule(token, 'insert');
        return;
      case 'replace':
        this.next();
        this.expect('rule');
        this.#rule(token, 'replace');
        return;
      case 'delete':
      case 'destroy':
        this.next();
        this.#remove(token, token.text === 'destroy');
        return;
      case 'flush':
        this.next();
        this.#flush(token);
        return;
      case 'rename':
        this.next();
        this.#rename(token);
        return;
      case 'list':
      case 'reset':
        this.next();
        this.#list(token, token.text === 'reset');
        return;
      case 'get': {
        this.next();
        this.expect('element');
        this.#elements(token, 'get');
        return;
      }
      case 'monitor':
      case 'describe':
      case 'export':
      case 'import':
        throw new NftError('Could not process rule: Operation not supported', token);
      default:
        this.#addObject(token, 'add');
        return;
    }
  }

  #define(): void {
    this.next();
    const name = this.word().text;
    this.expect('=');
    this.variables.set(name, this.right());
  }

  #family(): Family {
    const family = FAMILIES.find((f) => this.is(f));
    if (family === undefined) return 'ip';
    this.next();
    return family;
  }

  #name(): Name {
    if (this.is('last')) return this.unexpected('string');
    const token = this.word();
    return { text: token.text, span: token };
  }

  #tableRef(): TableRef {
    const family = this.#family();
    return { family, table: this.#name() };
  }

  #addObject(start: Token, verb: 'add' | 'create'): void {
    const create = verb === 'create';
    const kind = this.peek().text;
    switch (kind) {
      case 'table':
        this.next();
        this.#table(start, create);
        return;
      case 'chain': {
        this.next();
        const ref = this.#tableRef();
        const name = this.#name();
        const { spec, rules } = this.is('{') ? this.nest(() => this.#chainBlock(ref)) : { spec: NO_SPEC, rules: [] };
        this.#add({ c: 'add-chain', create, ref, name, spec, span: this.spanFrom(start.start) });
        for (const rule of rules) this.#add({ c: 'add-rule', verb: 'add', ref, chain: name, place: undefined, rule: rule.rule, span: rule.span });
        return;
      }
      case 'rule':
        this.next();
        this.#rule(start, verb);
        return;
      case 'set':
      case 'map': {
        this.next();
        const ref = this.#tableRef();
        const name = this.#name();
        this.#add({ c: 'add-set', create, ref, name, spec: this.nest(() => this.#setBlock(kind === 'map')), span: this.spanFrom(start.start) });
        return;
      }
      case 'element':
        this.next();
        this.#elements(start, create ? 'create' : 'add');
        return;
      case 'counter':
      case 'quota':
      case 'limit': {
        this.next();
        const ref = this.#tableRef();
        const name = this.#name();
        const { value, comment } = this.#objectBlock(kind, true);
        this.#add({ c: 'add-object', create, ref, name, type: kind, value, comment, span: this.spanFrom(start.start) });
        return;
      }
      case 'flowtable':
      case 'ct':
      case 'secmark':
      case 'synproxy':
        throw new NftError('Could not process rule: Operation not supported', this.peek());
    }
    if (create) this.unexpected();
    this.#rule(start, 'add');
    return;
  }

  #table(start: Token, create: boolean): void {
    const ref = this.#tableRef();
    const sorted: Command[][] = [[], [], [], []];
    let comment: string | undefined;
    let dormant = false;
    if (this.accept('{')) {
      for (;;) {
        this.skipSeparators();
        const token = this.peek();
        if (this.accept('}')) break;
        if (token.kind === 'end') this.unexpected();
        if (this.accept('comment')) comment = this.quoted();
        else if (this.accept('flags')) dormant = this.word().text === 'dormant' || dormant;
        else this.#member(ref, sorted);
        if (!this.atSeparator()) this.unexpected(RULE_END);
      }
    }
    this.#add({ c: 'add-table', create, ref, comment, dormant, span: create ? ref.table.span : this.spanFrom(start.start) });
    for (const group of sorted) for (const command of group) this.#add(command);
  }

  /** One chain, set, map or object of a table block. `sorted`: chains, objects, sets, rules. */
  #member(ref: TableRef, sorted: Command[][]): void {
    const [chains, objects, sets, rules] = sorted as [Command[], Command[], Command[], Command[]];
    const token = this.peek();
    const start = token.start;
    switch (token.text) {
      case 'chain': {
        this.next();
        const name = this.#name();
        const block = this.nest(() => this.#chainBlock(ref));
        chains.push({ c: 'add-chain', create: false, ref, name, spec: block.spec, span: name.span });
        for (const rule of block.rules) rules.push({ c: 'add-rule', verb: 'add', ref, chain: name, place: undefined, rule: rule.rule, span: rule.span });
        return;
      }
      case 'set':
      case 'map': {
        this.next();
        const name = this.#name();
        const spec = this.nest(() => this.#setBlock(token.text === 'map'));
        sets.push({ c: 'add-set', create: false, ref, name, spec, span: this.spanFrom(start) });
        return;
      }
      case 'counter':
      case 'quota':
      case 'limit': {
        this.next();
        const name = this.#name();
        const { value, comment } = this.#objectBlock(token.text, true);
        objects.push({ c: 'add-object', create: false, ref, name, type: token.text, value, comment, span: name.span });
        return;
      }
      case 'flowtable':
      case 'ct':
      case 'secmark':
      case 'synproxy':
        throw new NftError('Could not process rule: Operation not supported', token);
      default:
        throw this.unexpected();
    }
  }

  #chainBlock(ref: TableRef): { readonly spec: ChainSpec; readonly rules: readonly { readonly rule: ReturnType<StmtParser['rule']>; readonly span: Span }[] } {
    this.expect('{');
    let hook: HookSpec | undefined;
    let policy: 'accept' | 'drop' | undefined;
    let comment: string | undefined;
    const rules: { rule: ReturnType<StmtParser['rule']>; span: Span }[] = [];
    for (;;) {
      this.skipSeparators();
      const token = this.peek();
      if (this.accept('}')) return { spec: { hook, policy, comment }, rules };
      if (token.kind === 'end') this.unexpected();
      if (this.accept('type')) hook = this.#hook(ref.family, token.start);
      else if (this.accept('policy')) {
        if (policy !== undefined) throw new NftError('you cannot set chain policy twice', token);
        policy = this.is('accept') || this.is('drop') ? (this.next().text as 'accept') : this.unexpected();
      } else if (this.accept('comment')) comment = this.quoted();
      else if (this.accept('flags')) throw new NftError('Could not process rule: Operation not supported', token);
      else rules.push({ rule: this.rule(RULE_END), span: this.spanFrom(token.start) });
      if (!this.atSeparator()) this.unexpected(RULE_END);
    }
  }

  #hook(family: Family, start: number): HookSpec {
    const type = this.word();
    if (type.text !== 'filter' && type.text !== 'nat' && type.text !== 'route') throw new NftError('unknown chain type', type);
    this.expect('hook');
    const hook = this.word();
    const known = HOOKS.find((h) => h === hook.text);
    if (known === undefined) throw new NftError('unknown chain hook', hook);
    if (this.accept('device') || this.accept('devices')) {
      this.accept('=');
      if (this.is('{')) this.elements();
      else this.word();
    }
    const from = this.expect('priority').start;
    return { type: type.text as ChainType, hook: known, priority: this.#priority(family, known, from), span: this.spanFrom(start) };
  }

  #priority(family: Family, hook: NftHookName, from: number): number {
    const sign = this.accept('-') ? -1 : 1;
    if (this.peek().kind === 'number') return sign * this.number();
    const name = this.word();
    // `srcnat-5` is one word to the scanner.
    const glued = /^([a-z]+)-(\d+)$/.exec(name.text);
    const word = glued?.[1] ?? name.text;
    const names = priorityNames(family);
    const allowed = word === 'dstnat' ? hook === 'prerouting' : word === 'srcnat' ? hook === 'postrouting' : true;
    if (!Object.hasOwn(names, word) || !allowed) throw new NftError('invalid priority expression value in this context.', { start: from, end: name.end });
    const base = names[word] as number;
    if (glued !== null) return base - Number(glued[2]);
    if (this.accept('+')) return base + this.number();
    return this.accept('-') ? base - this.number() : base;
  }

  #setBlock(map: boolean): SetSpec {
    const start = this.peek().start;
    this.expect('{');
    let key: KeySpec | undefined;
    let data: KeySpec | undefined;
    let dataInterval = false;
    let flags: string[] = [];
    let timeoutMs: number | undefined;
    let gcIntervalMs: number | undefined;
    let size: number | undefined;
    let policy: SetSpec['policy'];
    let autoMerge = false;
    let comment: string | undefined;
    let counter = false;
    let elements: SetSpec['elements'] = [];
    for (;;) {
      this.skipSeparators();
      const token = this.peek();
      if (this.accept('}')) break;
      if (token.kind === 'end') this.unexpected();
      if (this.is('type') || this.is('typeof')) {
        const isTypeof = this.next().text === 'typeof';
        key = this.keySpec(isTypeof);
        if (this.accept(':')) {
          if (!map) this.unexpected();
          dataInterval = this.accept('interval');
          data = this.is('verdict') ? { typeof: isTypeof, types: [{ name: 'verdict', span: this.next() }], exprs: [], span: token } : this.keySpec(isTypeof);
        }
      } else if (this.accept('flags')) {
        flags = [this.word().text];
        while (this.accept(',')) flags.push(this.word().text);
        const bad = flags.find((f) => !['constant', 'interval', 'timeout', 'dynamic'].includes(f));
        if (bad !== undefined) throw new NftError(`syntax error, unexpected string`, this.tokens[this.at - 1] as Token);
      } else if (this.accept('timeout')) timeoutMs = this.time();
      else if (this.accept('gc-interval')) gcIntervalMs = this.time();
      else if (this.accept('size')) size = this.number();
      else if (this.accept('policy')) policy = this.word().text === 'memory' ? 'memory' : 'performance';
      else if (this.accept('auto-merge')) autoMerge = true;
      else if (this.accept('comment')) comment = this.quoted();
      else if (this.accept('counter')) counter = true;
      else if (this.accept('elements')) {
        this.expect('=');
        const given = this.peek().text === '$' ? this.set() : undefined;
        elements = given === undefined ? this.elements() : given.k === 'set' ? given.elements : [];
        continue;
      } else this.unexpected();
      if (!this.atSeparator()) this.unexpected(RULE_END);
    }
    return { map, key, data, dataInterval, flags, timeoutMs, gcIntervalMs, size, policy, autoMerge, comment, counter, elements, span: this.spanFrom(start) };
  }

  /** What stands in the braces of a named object; a counter may go without. */
  #objectBlock(type: ObjectType, mayBeBare: boolean): { readonly value: ObjectValue; readonly comment: string | undefined } {
    let comment: string | undefined;
    let value: ObjectValue | undefined;
    const one = (): void => {
      if (this.accept('comment')) comment = this.quoted();
      else if (type === 'counter') {
        const [packets, bytes] = this.counts();
        value = { type, packets, bytes };
      } else if (type === 'quota') value = { type, quota: this.quotaValue() };
      else value = { type, limit: this.rate() };
    };
    if (this.accept('{')) {
      this.skipSeparators();
      while (!this.is('}')) {
        const at = this.at;
        one();
        if (this.at === at) this.unexpected();
        this.skipSeparators();
      }
      this.expect('}');
    } else if (!this.atSeparator() && this.peek().kind !== 'end') one();
    else if (!mayBeBare) this.unexpected();
    if (value === undefined) {
      if (type !== 'counter') return this.unexpected();
      value = { type, packets: 0, bytes: 0 };
    }
    return { value, comment };
  }

  #rule(start: Token, verb: 'add' | 'insert' | 'create' | 'replace'): void {
    const ref = this.#tableRef();
    const chain = this.#name();
    let place: Place | undefined;
    const token = this.peek();
    if (this.is('handle') || this.is('position') || this.is('index')) {
      const how = this.next().text === 'index' ? 'index' : 'handle';
      const at = this.peek();
      place = { how, number: this.number(), span: token.text === 'handle' ? at : this.spanFrom(token.start) };
    } else if (verb === 'replace') this.unexpected('handle');
    const rule = this.rule(COMMAND_END);
    // nft's place of a rule reaches over the end of its line.
    const { end } = this.spanFrom(start.start);
    this.#add({ c: 'add-rule', verb, ref, chain, place, rule, span: { start: start.start, end: this.peek().kind === 'newline' ? end + 1 : end } });
  }

  #elements(start: Token, verb: 'add' | 'create' | 'delete' | 'destroy' | 'get'): void {
    const ref = this.#tableRef();
    const name = this.#name();
    const given = this.set();
    if (given.k !== 'set') this.unexpected();
    else this.#add({ c: 'elements', verb, ref, name, elements: given.elements, span: this.spanFrom(start.start) });
  }

  #remove(start: Token, destroy: boolean): void {
    const what = this.peek().text;
    if (what === 'rule') {
      this.next();
      const ref = this.#tableRef();
      const chain = this.#name();
      this.expect('handle', 'handle');
      const token = this.peek();
      const handle: Place = { how: 'handle', number: this.number(), span: token };
      this.#add({ c: 'remove-rule', destroy, ref, chain, handle, span: this.spanFrom(start.start) });
      return;
    }
    if (what === 'element') {
      this.next();
      this.#elements(start, destroy ? 'destroy' : 'delete');
      return;
    }
    if (what === 'flowtable') throw new NftError('Could not process rule: No such file or directory', this.peek());
    if (what !== 'table' && what !== 'chain' && what !== 'set' && what !== 'map' && what !== 'counter' && what !== 'quota' && what !== 'limit')
      throw this.unexpected();
    this.next();
    const family = this.#family();
    if (what === 'table' && this.accept('handle')) {
      const token = this.peek();
      const handle: Place = { how: 'handle', number: this.number(), span: token };
      this.#add({ c: 'remove', destroy, what, ref: { family, table: { text: '', span: token } }, name: undefined, handle, span: this.spanFrom(start.start) });
      return;
    }
    const ref: TableRef = { family, table: this.#name() };
    if (what === 'table') {
      this.#add({ c: 'remove', destroy, what, ref, name: undefined, handle: undefined, span: this.spanFrom(start.start) });
      return;
    }
    if (this.accept('handle')) {
      const token = this.peek();
      const handle: Place = { how: 'handle', number: this.number(), span: token };
      this.#add({ c: 'remove', destroy, what, ref, name: undefined, handle, span: this.spanFrom(start.start) });
      return;
    }
    const name = this.#name();
    // `delete chain t c { type … }` names the hook again; the name is enough.
    if (what === 'chain' && this.is('{')) this.nest(() => this.#chainBlock(ref));
    this.#add({ c: 'remove', destroy, what, ref, name, handle: undefined, span: this.spanFrom(start.start) });
  }

  #flush(start: Token): void {
    const what = this.peek().text;
    if (what === 'ruleset') {
      this.next();
      const family = FAMILIES.find((f) => this.is(f));
      if (family !== undefined) this.next();
      this.#add({ c: 'flush', what, family, table: undefined, name: undefined, span: this.spanFrom(start.start) });
      return;
    }
    if (what !== 'table' && what !== 'chain' && what !== 'set' && what !== 'map') throw this.unexpected();
    this.next();
    const { family, table } = this.#tableRef();
    const name = what === 'table' ? undefined : this.#name();
    this.#add({ c: 'flush', what, family, table, name, span: this.spanFrom(start.start) });
  }

  #rename(start: Token): void {
    this.expect('chain', 'chain');
    const ref = this.#tableRef();
    const chain = this.#name();
    const to = this.#name();
    this.#add({ c: 'rename-chain', ref, chain, to, span: this.spanFrom(start.start) });
  }

  #list(start: Token, reset: boolean): void {
    const what = this.peek();
    const plural = ['ruleset', 'tables', 'chains', 'sets', 'maps', 'counters', 'quotas', 'limits', 'flowtables', 'hooks'];
    const single = ['table', 'chain', 'set', 'map', 'counter', 'quota', 'limit', 'rules', 'rule'];
    if (plural.includes(what.text)) {
      this.next();
      const family = FAMILIES.find((f) => this.is(f));
      if (family !== undefined) this.next();
      let table: Name | undefined;
      if (what.text !== 'ruleset' && what.text !== 'tables' && this.accept('table')) table = this.#name();
      this.#add({ c: 'list', reset, what: what.text, family, table, name: undefined, span: this.spanFrom(start.start) });
      return;
    }
    if (!single.includes(what.text)) throw this.unexpected();
    this.next();
    const { family, table } = this.#tableRef();
    const name = what.text === 'table' || what.text === 'rules' ? undefined : this.#name();
    this.#add({ c: 'list', reset, what: what.text, family, table, name, span: this.spanFrom(start.start) });
  }
}

const NO_SPEC: ChainSpec = { hook: undefined, policy: undefined, comment: undefined };
