/** The ipsets of one netns as commands read and change them; what many lines change is written once. */
import { setError } from '../../net/netfilter/command/apply.ts';
import { parsedRule } from '../../net/netfilter/command/tables.ts';
import { formatElement, keyOf, type Part } from '../../net/netfilter/ipset/element.ts';
import { formatList, formatSave, type IpSetError, nameError, parseCreate, parseEntry, type ShownMember } from '../../net/netfilter/ipset/text.ts';
import { ipSetTypeOf } from '../../net/netfilter/ipset/type.ts';
import type { IpSet, IpSetEntry } from '../../net/records.ts';
import type { Invocation } from '../command.ts';

export const NO_SET: IpSetError = { error: 'The set with the given name does not exist' };

export interface IpSetOptions {
  exist: boolean;
  quiet: boolean;
  names: boolean;
  terse: boolean;
  sorted: boolean;
  save: boolean;
  file: string | undefined;
}

export type IpSetResult = { readonly out: string; readonly err?: string; readonly exitCode?: number } | IpSetError;

/** The sets of one netns and the commands on them. */
export class IpSets {
  readonly #invocation: Pick<Invocation, 'host' | 'place'>;

  constructor(invocation: Pick<Invocation, 'host' | 'place'>) {
    this.#invocation = invocation;
  }

  get #netns(): string {
    return this.#invocation.place.netns;
  }

  /** Sets that were changed, with their elements by key, until `commit`. */
  readonly #changed = new Map<string, Map<unknown, IpSetEntry>>();

  /** Writes what `change` has changed. */
  commit(): void {
    for (const [name, entries] of this.#changed) {
      const set = this.#record(name);
      if (set !== undefined) this.put(set, [...entries.values()]);
    }
    this.#changed.clear();
  }

  all(): IpSet[] {
    this.commit();
    return [...this.#invocation.host.engine.records.values()].filter((r): r is IpSet => r.kind === 'ipset' && r.netns === this.#netns);
  }

  find(name: string): IpSet | undefined {
    this.commit();
    return this.#record(name);
  }

  #record(name: string): IpSet | undefined {
    return this.#invocation.host.engine.records.find(`${this.#netns}/ipset/${name}`) as IpSet | undefined;
  }

  members(set: IpSet): ShownMember[] {
    return this.#invocation.host.engine.ipSetMembers(set.id);
  }

  /** Rules that use it, and lists it is in. */
  references(set: IpSet): number {
    let count = 0;
    for (const record of this.#invocation.host.engine.records.values()) {
      if (record.kind === 'ipset' && record.netns === this.#netns && record.type === 'list:set')
        count += record.entries.filter((e) => e.element === set.name).length;
      if (record.kind === 'chain' && record.netns === this.#netns) {
        for (const rule of record.rules) {
          const parsed = rule.text.includes(set.name) ? parsedRule(rule, record.family ?? 'ipv4') : undefined;
          if (parsed !== undefined && setError(parsed, (name) => (name === set.name ? undefined : { family: 'inet', holdsAddresses: false })) !== undefined)
            count += 1;
        }
      }
    }
    return count;
  }

  #usedByRules(set: IpSet): boolean {
    return this.references(set) > 0;
  }

  put(set: IpSet, entries: readonly IpSetEntry[]): void {
    this.#invocation.host.engine.records.put({ ...set, entries });
  }

  /** Members as entries: what they are now is what the record says from then on. */
  entries(set: IpSet): IpSetEntry[] {
    return this.members(set).map((m) => ({
      element: m.element,
      ...(set.timeoutSeconds === undefined ? {} : { expiresNs: m.expiresNs }),
      ...(set.counters === true ? { packets: m.packets, bytes: m.bytes } : {}),
      ...(m.nomatch ? { nomatch: true } : {}),
      ...(m.comment === '' ? {} : { comment: m.comment }),
    }));
  }

  create(name: string, typeName: string, words: readonly string[], exist: boolean): IpSetResult {
    const wrong = nameError(name);
    if (wrong !== undefined) return wrong;
    const header = parseCreate(typeName, words);
    if ('error' in header) return header;
    const known = this.find(name);
    if (known !== undefined) {
      const same = known.type === header.type && known.family === header.family && known.timeoutSeconds === header.timeoutSeconds;
      return exist && same ? { out: '' } : { error: 'Set cannot be created: set with the same name already exists' };
    }
    this.#invocation.host.engine.records.put({
      kind: 'ipset',
      id: `${this.#netns}/ipset/${name}`,
      origin: { component: 'user', objects: [] },
      netns: this.#netns,
      name,
      entries: [],
      ...header,
    });
    return { out: '' };
  }

  change(action: 'add' | 'del', name: string, text: string, words: readonly string[], exist: boolean): IpSetResult {
    const set = this.#record(name);
    if (set === undefined) return NO_SET;
    const parsed = parseEntry(set, text, words);
    if ('error' in parsed) return parsed;
    const list = this.#listError(set, parsed.elements);
    if (list !== undefined) return list;
    const type = ipSetTypeOf(set.type);
    let entries = this.#changed.get(name);
    if (entries === undefined) {
      entries = new Map(this.entries(set).map((entry) => [this.#key(set, entry.element), entry]));
      this.#changed.set(name, entries);
    }
    const range = parsed.elements.length > 1;
    for (const parts of parsed.elements) {
      const key = keyOf(parts);
      const known = entries.get(key);
      if (action === 'del') {
        if (known === undefined && !exist && !range) return { error: "Element cannot be deleted from the set: it's not added" };
        entries.delete(key);
        continue;
      }
      if (known !== undefined && !exist && !range) return { error: "Element cannot be added to the set: it's already added" };
      if (known === undefined && entries.size >= (set.maxelem ?? set.size ?? Number.POSITIVE_INFINITY))
        return { error: 'Hash is full, cannot add more elements' };
      const { timeoutSeconds, ...extension } = parsed.extension;
      const timeout = timeoutSeconds ?? set.timeoutSeconds;
      const expiresNs = timeout === undefined || timeout === 0 ? 0 : this.#invocation.host.nowNs + timeout * 1e9;
      entries.set(key, { element: formatElement(parts, type), ...extension, ...(set.timeoutSeconds === undefined ? {} : { expiresNs }) });
    }
    if (set.type === 'list:set') {
      this.#changed.delete(name);
      this.put(set, ordered([...entries.values()], set, parsed.before, parsed.after));
    }
    return { out: '' };
  }

  #key(set: IpSet, element: string): unknown {
    const parsed = parseEntry(set, element, []);
    return 'error' in parsed ? element : keyOf(parsed.elements[0] ?? []);
  }

  /** A list holds sets that exist and are no lists. */
  #listError(set: IpSet, elements: readonly (readonly Part[])[]): IpSetError | undefined {
    if (set.type !== 'list:set') return undefined;
    for (const [part] of elements) {
      const inner = part?.kind === 'set' ? this.#record(part.name) : undefined;
      if (inner === undefined) return { error: 'Set to be added/deleted/tested as element does not exist.' };
      if (inner.type === 'list:set') return { error: 'Sets with list:set type cannot be added to the set.' };
    }
    return undefined;
  }

  test(name: string, text: string, words: readonly string[]): IpSetResult {
    const set = this.find(name);
    if (set === undefined) return NO_SET;
    const parsed = parseEntry(set, text, words);
    if ('error' in parsed) return parsed;
    const parts = parsed.elements[0] ?? [];
    const shown = formatElement(parts, ipSetTypeOf(set.type));
    const found = this.#covers(set, parts);
    return found ? { out: '', err: `Warning: ${shown} is in set ${name}.\n` } : { out: '', err: `${shown} is NOT in set ${name}.\n`, exitCode: 1 };
  }

  /** The element itself, or, of single addresses, the longest network around it. */
  #covers(set: IpSet, parts: readonly Part[]): boolean {
    const type = ipSetTypeOf(set.type);
    let best: { readonly length: number; readonly nomatch: boolean } | undefined;
    for (const member of this.members(set)) {
      const entry = parseEntry(set, member.element, []);
      if ('error' in entry) continue;
      const own = entry.elements[0] ?? [];
      if (keyOf(own) === keyOf(parts)) return !member.nomatch;
      const length = containment(own, parts);
      if (type.dimensions.includes('net') && length !== undefined && (best === undefined || length > best.length)) best = { length, nomatch: member.nomatch };
    }
    return best !== undefined && !best.nomatch;
  }

  destroy(name: string | undefined): IpSetResult {
    const { records } = this.#invocation.host.engine;
    const sets = name === undefined ? this.all() : [this.find(name)];
    const lists = name === undefined ? new Set(sets.filter((s) => s?.type === 'list:set').map((s) => s?.name)) : new Set<string>();
    for (const set of sets) {
      if (set === undefined) return NO_SET;
      const others = this.all().filter((s) => s.type === 'list:set' && !lists.has(s.name) && s.entries.some((e) => e.element === set.name));
      if (others.length > 0 || (this.#usedByRules(set) && this.#ruleReferences(set) > 0))
        return { error: 'Set cannot be destroyed: it is in use by a kernel component' };
    }
    for (const set of sets) if (set !== undefined) records.remove(set.id);
    return { out: '' };
  }

  #ruleReferences(set: IpSet): number {
    const inLists = this.all().reduce((sum, s) => sum + (s.type === 'list:set' ? s.entries.filter((e) => e.element === set.name).length : 0), 0);
    return this.references(set) - inLists;
  }

  flush(name: string | undefined): IpSetResult {
    for (const set of name === undefined ? this.all() : [this.find(name)]) {
      if (set === undefined) return NO_SET;
      this.put(set, []);
    }
    return { out: '' };
  }

  rename(from: string, to: string): IpSetResult {
    const set = this.find(from);
    if (set === undefined) return NO_SET;
    const wrong = nameError(to);
    if (wrong !== undefined) return wrong;
    if (this.find(to) !== undefined) return { error: 'Set cannot be renamed: a set with the new name already exists' };
    if (this.#usedByRules(set)) return { error: 'Set cannot be renamed: it is in use by another system' };
    const entries = this.entries(set);
    const { records } = this.#invocation.host.engine;
    records.remove(set.id);
    records.put({ ...set, id: `${this.#netns}/ipset/${to}`, name: to, entries });
    return { out: '' };
  }

  swap(from: string, to: string): IpSetResult {
    const [a, b] = [this.find(from), this.find(to)];
    if (a === undefined) return NO_SET;
    if (b === undefined) return { error: 'Sets cannot be swapped: the second set does not exist' };
    if (a.type !== b.type || a.family !== b.family) return { error: 'The sets cannot be swapped: their type does not match' };
    const [ofA, ofB] = [this.entries(a), this.entries(b)];
    const { records } = this.#invocation.host.engine;
    records.put({ ...b, id: a.id, name: a.name, entries: ofB });
    records.put({ ...a, id: b.id, name: b.name, entries: ofA });
    return { out: '' };
  }

  list(name: string | undefined, options: IpSetOptions, saved: boolean): IpSetResult {
    const sets = name === undefined ? this.all() : [this.find(name)];
    const { nowNs } = this.#invocation.host;
    const texts: string[] = [];
    for (const set of sets) {
      if (set === undefined) return NO_SET;
      if (options.names) {
        texts.push(`${set.name}\n`);
        continue;
      }
      const members = this.members(set);
      const shown = options.sorted || set.type.startsWith('bitmap:') ? sortedMembers(set, members) : members;
      texts.push(saved ? formatSave(set, shown, nowNs) : formatList(set, shown, nowNs, this.references(set), options.terse));
    }
    return { out: texts.join(saved || options.names ? '' : '\n') };
  }
}

/** How long the network is that holds the element; undefined where it does not. */
function containment(own: readonly Part[], wanted: readonly Part[]): number | undefined {
  let length = 0;
  for (const [i, part] of own.entries()) {
    const other = wanted[i];
    if (part.kind === 'net' && other?.kind === 'net') {
      if (other.prefixLength < part.prefixLength || typeof part.network !== typeof other.network) return undefined;
      const bits = typeof part.network === 'bigint' ? 128 : 32;
      const shift = BigInt(bits - part.prefixLength);
      if (BigInt.asUintN(bits, BigInt(part.network)) >> shift !== BigInt.asUintN(bits, BigInt(other.network)) >> shift) return undefined;
      length += part.prefixLength;
    } else if (other === undefined || keyOf([part]) !== keyOf([other])) return undefined;
  }
  return length;
}

function sortedMembers(set: IpSet, members: readonly ShownMember[]): ShownMember[] {
  const keys = members.map((member): readonly [ShownMember, bigint] => {
    const parsed = parseEntry(set, member.element, []);
    const part = 'error' in parsed ? undefined : parsed.elements[0]?.[0];
    if (part?.kind === 'ip') return [member, BigInt.asUintN(128, typeof part.ip === 'bigint' ? part.ip : BigInt(part.ip >>> 0))];
    if (part?.kind === 'net') return [member, BigInt.asUintN(128, typeof part.network === 'bigint' ? part.network : BigInt(part.network >>> 0))];
    return [member, part?.kind === 'port' ? BigInt(part.port) : 0n];
  });
  return keys.sort(([a, x], [b, y]) => (x < y ? -1 : x > y ? 1 : a.element < b.element ? -1 : 1)).map(([member]) => member);
}

/** list:set: the one that came last goes before or behind another. */
function ordered(entries: IpSetEntry[], set: IpSet, before: string | undefined, after: string | undefined): IpSetEntry[] {
  const at = entries.findIndex((e) => e.element === (before ?? after));
  if (set.type !== 'list:set' || at < 0) return entries;
  const last = entries.pop() as IpSetEntry;
  entries.splice(before === undefined ? at + 1 : at, 0, last);
  return entries;
}
