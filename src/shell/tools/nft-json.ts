/** `nft -j list …`: the same listing as libnftables-json. nft: src/json.c */
import type { Command, Element, Expr, Stmt } from '../../net/nft/ast.ts';
import { formatExpr, sortElements } from '../../net/nft/format.ts';
import type { NftListing } from '../../net/nft/list.ts';
import type { NftChain, NftObject, NftSet, NftTable } from '../../net/nft/nft-records.ts';
import { readObject, readRule, typesOfSet } from '../../net/nft/read-record.ts';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Python's way of spacing, which jansson has too. */
function text(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(text).join(', ')}]`;
  if (value !== null && typeof value === 'object')
    return `{${Object.entries(value)
      .map(([k, v]) => `${JSON.stringify(k)}: ${text(v)}`)
      .join(', ')}}`;
  return JSON.stringify(value);
}

export function jsonOf(listing: NftListing, command: Extract<Command, { c: 'list' }>, version: string): string {
  const [, number = '', name = ''] = /v(\S+) \((.*)\)/.exec(version) ?? [];
  const items: Json[] = [{ metainfo: { version: number, release_name: name, json_schema_version: 1 } }];
  for (const table of listing.tables) {
    if (command.family !== undefined && table.family !== command.family) continue;
    if (command.table !== undefined && table.name !== command.table.text) continue;
    items.push(...tableItems(listing, table, command));
  }
  return `${text({ nftables: items })}\n`;
}

function tableItems(listing: NftListing, table: NftTable, command: Extract<Command, { c: 'list' }>): Json[] {
  const { what } = command;
  const all = what === 'ruleset' || what === 'table';
  const named = (name: string): boolean => command.name === undefined || command.name.text === name;
  const items: Json[] = [];
  if (all || what === 'tables') items.push({ table: { family: table.family, name: table.name, handle: table.handle } });
  const objectType = what.replace(/s$/, '');
  for (const o of listing.objects(table)) if (all || (o.type === objectType && named(o.name))) items.push(objectItem(o));
  for (const s of listing.sets(table))
    if (all || (named(s.name) && (what === 'sets' || what === 'set' || what === 'maps' || what === 'map'))) items.push(setItem(listing, s));
  for (const c of listing.chains(table)) {
    if (!(all || ((what === 'chain' || what === 'chains') && named(c.name)))) continue;
    items.push(chainItem(c));
    if (what !== 'chains') items.push(...ruleItems(listing, c));
  }
  return items;
}

function objectItem(o: NftObject): Json {
  const value = readObject(o);
  const base = { family: o.family, name: o.name, table: o.table, handle: o.handle };
  if (value.type === 'counter') return { counter: { ...base, packets: value.packets, bytes: value.bytes } };
  if (value.type === 'quota') return { quota: { ...base, bytes: value.quota.bytes, used: value.quota.used, inv: value.quota.over } };
  return { limit: { ...base, rate: value.limit.rate, per: value.limit.per, burst: value.limit.burst } };
}

function setItem(listing: NftListing, s: NftSet): Json {
  const types = typesOfSet(s);
  const names = (list: readonly { readonly name: string }[]): Json => (list.length === 1 ? (list[0]?.name ?? '') : list.map((t) => t.name));
  const elements = sortElements(listing.elements(s));
  return {
    [s.data === undefined ? 'set' : 'map']: {
      family: s.family,
      name: s.name,
      table: s.table,
      type: names(types.key),
      handle: s.handle,
      ...(types.data === undefined ? {} : { map: types.data.map((t) => t.name).join(' . ') }),
      ...(s.comment === undefined ? {} : { comment: s.comment }),
      ...(s.policy === 'memory' ? { policy: 'memory' } : {}),
      ...(s.size === undefined ? {} : { size: s.size }),
      ...(s.flags.length === 0 ? {} : { flags: [...s.flags] }),
      ...(s.timeoutMs === undefined ? {} : { timeout: Math.floor(s.timeoutMs / 1000) }),
      ...(s.gcIntervalMs === undefined ? {} : { 'gc-interval': Math.floor(s.gcIntervalMs / 1000) }),
      ...(elements.length === 0 ? {} : { elem: elements.map(element) }),
    },
  };
}

function element(e: Element): Json {
  const plain = e.timeoutMs === undefined && e.expiresMs === undefined && e.comment === undefined && e.counter === undefined;
  const key: Json = plain
    ? expr(e.key)
    : {
        elem: {
          val: expr(e.key),
          ...(e.timeoutMs === undefined ? {} : { timeout: Math.floor(e.timeoutMs / 1000) }),
          ...(e.expiresMs === undefined ? {} : { expires: Math.floor(e.expiresMs / 1000) }),
          ...(e.comment === undefined ? {} : { comment: e.comment }),
          ...(e.counter === undefined ? {} : { counter: { packets: e.counter[0], bytes: e.counter[1] } }),
        },
      };
  return e.data === undefined ? key : [key, expr(e.data)];
}

function chainItem(c: NftChain): Json {
  return {
    chain: {
      family: c.family,
      table: c.table,
      name: c.name,
      handle: c.handle,
      ...(c.hook === undefined ? {} : { type: c.hook.type, hook: c.hook.hook, prio: c.hook.priority, policy: c.policy ?? 'accept' }),
    },
  };
}

function ruleItems(listing: NftListing, c: NftChain): Json[] {
  const sets = new Map(
    listing.tables.filter((t) => t.family === c.family && t.name === c.table).flatMap((t) => listing.sets(t).map((s) => [s.name, typesOfSet(s)] as const)),
  );
  return c.rules.map((r) => {
    const parsed = readRule(r, c.family, (name) => sets.get(name));
    return {
      rule: {
        family: c.family,
        table: c.table,
        chain: c.name,
        handle: r.handle,
        ...(parsed.comment === undefined ? {} : { comment: parsed.comment }),
        expr: parsed.stmts.map(statement),
      },
    };
  });
}

const OPERATORS: Readonly<Record<string, string>> = { '': '==', '!': '!=' };

function verdict(kind: string, chain: string | undefined): Json {
  return { [kind]: chain === undefined ? null : { target: chain } };
}

function statement(s: Stmt): Json {
  switch (s.s) {
    case 'match': {
      const flags = s.operator === '' && s.right.k === 'value' && s.right.type.bitmask === true;
      return {
        match: {
          op: flags || (s.right.k === 'list' && s.operator === '') ? 'in' : (OPERATORS[s.operator] ?? s.operator),
          left: expr(s.left),
          right: s.right.k === 'list' ? s.right.items.map(expr) : expr(s.right),
        },
      };
    }
    case 'vmap':
      return { vmap: { key: expr(s.key), data: expr(s.map) } };
    case 'verdict':
      return verdict(s.verdict, s.chain);
    case 'counter':
      return { counter: { packets: s.packets, bytes: s.bytes } };
    case 'objref':
      return { [s.type]: s.name };
    case 'quota':
      return { quota: { val: s.quota.bytes, val_unit: 'bytes', inv: s.quota.over } };
    case 'limit':
      return { limit: { rate: s.limit.rate, burst: s.limit.burst, per: s.limit.per, ...(s.limit.over ? { inv: true } : {}) } };
    case 'log':
      return s.prefix === undefined ? { log: null } : { log: { prefix: s.prefix, ...(s.level === undefined ? {} : { level: s.level }) } };
    case 'reject':
      return s.reject.with === '' ? { reject: null } : { reject: { type: s.reject.with } };
    case 'nat':
      return {
        [s.kind]:
          s.address === undefined && s.port === undefined && s.flags.length === 0
            ? null
            : {
                ...(s.family === undefined ? {} : { family: s.family }),
                ...(s.address === undefined ? {} : { addr: expr(s.address) }),
                ...(s.port === undefined ? {} : { port: expr(s.port) }),
                ...(s.flags.length === 0 ? {} : { flags: s.flags.length === 1 ? (s.flags[0] as string) : [...s.flags] }),
              },
      };
    case 'notrack':
      return { notrack: null };
    case 'queue':
      return {
        queue: {
          num: s.first === s.last ? s.first : { range: [s.first, s.last] },
          ...(s.flags.length === 0 ? {} : { flags: s.flags.length === 1 ? (s.flags[0] as string) : [...s.flags] }),
        },
      };
    case 'set':
      return { mangle: { key: expr(s.target), value: expr(s.value) } };
    case 'dynset':
      return { set: { op: s.operation, elem: expr(s.key), set: `@${s.set}` } };
    case 'connlimit':
      return { 'ct count': { val: s.count, ...(s.over ? { inv: true } : {}) } };
  }
}

function expr(e: Expr): Json {
  switch (e.k) {
    case 'value':
      return typeof e.v === 'number' && (e.type.name === 'mark' || e.type.name === 'inet_service' || e.type.name === 'integer')
        ? e.v
        : formatExpr(e).replace(/^"|"$/g, '');
    case 'payload':
      return { payload: { protocol: e.proto, field: e.field } };
    case 'meta':
      return { meta: { key: e.key } };
    case 'ct':
      return { ct: { key: e.key, ...(e.direction === undefined ? {} : { dir: e.direction }) } };
    case 'fib':
      return { fib: { result: e.result, flags: e.flags.length === 1 ? (e.flags[0] as string) : [...e.flags] } };
    case 'numgen':
      return { numgen: { mode: e.mode, mod: e.modulus, offset: e.offset } };
    case 'hash':
      return e.key === undefined ? { symhash: { mod: e.modulus, offset: e.offset } } : { jhash: { mod: e.modulus, offset: e.offset, expr: expr(e.key) } };
    case 'concat':
      return { concat: e.parts.map(expr) };
    case 'list':
      return e.items.map(expr);
    case 'prefix':
      return { prefix: { addr: expr(e.base), len: e.length } };
    case 'range':
      return { range: [expr(e.low), expr(e.high)] };
    case 'binary':
      return { [e.operator]: [expr(e.left), expr(e.right)] };
    case 'set':
      return { set: sortElements(e.elements).map(element) };
    case 'map':
      return { map: { key: expr(e.key), data: expr(e.map) } };
    case 'verdict':
      return verdict(e.verdict, e.chain);
    default:
      return formatExpr(e);
  }
}
