/** ip rule: show, add, del, flush of routing rules. iproute2: ip/iprule.c */
import type { RoutingRule } from '../../net/records.ts';
import { kernelRules, rulesOf } from '../../net/stack/fib-rules.ts';
import { formatRule, ipProtocolName, tableName } from '../../net/stack/format-route.ts';
import type { Invocation } from '../command.ts';
import { type Json, printJson } from './link-json.ts';
import type { IpOptions } from './link-words.ts';
import { parseDestination, parseProtocol, parseTable } from './route-words.ts';

const USAGE = `Usage: ip rule { add | del } SELECTOR ACTION
       ip rule { flush | save | restore }
       ip rule [ list [ SELECTOR ]]
SELECTOR := [ not ] [ from PREFIX ] [ to PREFIX ] [ tos TOS ]
            [ fwmark FWMARK[/MASK] ]
            [ iif STRING ] [ oif STRING ] [ pref NUMBER ] [ l3mdev ]
            [ uidrange NUMBER-NUMBER ]
            [ ipproto PROTOCOL ]
            [ sport [ NUMBER | NUMBER-NUMBER ]
            [ dport [ NUMBER | NUMBER-NUMBER ] ]
ACTION := [ table TABLE_ID ]
          [ protocol PROTO ]
          [ nat ADDRESS ]
          [ realms [SRCREALM/]DSTREALM ]
          [ goto NUMBER ]
          SUPPRESSOR
SUPPRESSOR := [ suppress_prefixlength NUMBER ]
              [ suppress_ifgroup DEVGROUP ]
TABLE_ID := [ local | main | default | NUMBER ]
`;

type Words = { -readonly [K in keyof RoutingRule]?: RoutingRule[K] };

export function ipRule(invocation: Invocation, options: IpOptions, words: readonly string[]): number {
  const { err } = invocation;
  const family = options.family ?? (words.some((word) => /^[0-9a-f]*:[0-9a-f:]+/i.test(word)) ? 6 : 4);
  const action = words[0] ?? 'list';
  const rest = words.slice(1);
  if (['list', 'lst', 'show'].some((name) => name.startsWith(action))) return showRules(invocation, options, family, rest);
  if ('add'.startsWith(action)) return addRule(invocation, family, rest);
  if ('delete'.startsWith(action)) return deleteRule(invocation, family, rest);
  if ('flush'.startsWith(action)) return flushRules(invocation, family);
  if ('save'.startsWith(action)) {
    err('Not sending a binary stream to stdout\n');
    return 255;
  }
  if ('help'.startsWith(action)) {
    err(USAGE);
    return 255;
  }
  err(`Command "${action}" is unknown, try "ip rule help".\n`);
  return 255;
}

function written({ host, place }: Invocation): RoutingRule[] {
  const rules: RoutingRule[] = [];
  for (const record of host.engine.records.values()) if (record.kind === 'rule' && record.netns === place.netns) rules.push(record);
  return rules;
}

export const allRules = (invocation: Invocation, family: 4 | 6): RoutingRule[] => rulesOf(invocation.place.netns, family, written(invocation));

function showRules(invocation: Invocation, options: IpOptions, family: 4 | 6, words: readonly string[]): number {
  const read = readRule(invocation, family, words, false);
  if (typeof read === 'number') return read;
  const rules = allRules(invocation, family).filter((rule) => fits(read, rule));
  if (options.json === true) invocation.out(printJson(rules.map(ruleJson), options.pretty === true));
  else for (const rule of rules) invocation.out(`${rule.priority}:\t${formatRule(rule, options.details)}\n`);
  return 0;
}

function ruleJson(rule: RoutingRule): Json {
  const prefix = (name: string, text: string | undefined, otherwise: boolean): { readonly [key: string]: string | number } => {
    if (text === undefined) return otherwise ? { [name]: 'all' } : {};
    const [ip = '', length = ''] = text.split('/');
    return length === '' || length === (ip.includes(':') ? '128' : '32') ? { [name]: ip } : { [name]: ip, [`${name}len`]: Number(length) };
  };
  const ports = (name: string, range: readonly [number, number] | undefined): { readonly [key: string]: number } =>
    range === undefined ? {} : range[0] === range[1] ? { [name]: range[0] } : { [`${name}_start`]: range[0], [`${name}_end`]: range[1] };
  return {
    priority: rule.priority,
    ...(rule.not === true ? { not: null } : {}),
    ...prefix('src', rule.from, true),
    ...prefix('dst', rule.to, false),
    ...(rule.mark === undefined ? {} : { fwmark: `0x${rule.mark.toString(16)}` }),
    ...(rule.mask === undefined ? {} : { fwmask: `0x${rule.mask.toString(16)}` }),
    ...(rule.iif === undefined ? {} : { iif: rule.iif }),
    ...(rule.oif === undefined ? {} : { oif: rule.oif }),
    ...(rule.ipProtocol === undefined ? {} : { ipproto: ipProtocolName(rule.ipProtocol) }),
    ...ports('sport', rule.sourcePorts),
    ...ports('dport', rule.destinationPorts),
    ...(rule.action === 'lookup' ? { table: tableName(rule.table ?? 254) } : rule.action === 'goto' ? { goto: rule.target ?? 0 } : { action: rule.action }),
    ...(rule.suppressPrefixLength === undefined ? {} : { suppress_prefixlen: rule.suppressPrefixLength }),
    ...(rule.protocol === undefined || rule.protocol === 'kernel' ? {} : { protocol: rule.protocol }),
  };
}

/** Reads selector and action; prints what is wrong and returns the exit code then. */
function readRule({ err }: Invocation, family: 4 | 6, words: readonly string[], action: boolean): Words | number {
  const rest = [...words];
  const read: Words = {};
  const complain = (text: string, status: number): number => {
    err(text);
    return status;
  };
  const wrong = (word: string, what: string): number => complain(`Error: argument "${word}" is wrong: ${what}\n\n`, 255);
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === 'not') {
      read.not = true;
      continue;
    }
    if (word === 'blackhole' || word === 'unreachable' || word === 'prohibit' || word === 'nop') {
      read.action = word;
      continue;
    }
    if (word === 'all' && action) continue;
    const known = [
      'from',
      'to',
      'preference',
      'order',
      'priority',
      'fwmark',
      'iif',
      'dev',
      'oif',
      'ipproto',
      'sport',
      'dport',
      'table',
      'lookup',
      'goto',
      'suppress_prefixlength',
      'sup_pl',
      'protocol',
      'type',
      'tos',
      'dsfield',
    ];
    const name =
      known.find((candidate) => candidate === word) ?? (word.length > 1 ? known.find((candidate) => candidate.startsWith(word as string)) : undefined);
    if (name === undefined) return wrong(word, action ? 'Failed to parse rule type' : 'Failed to parse rule type');
    const value = rest.shift();
    if (value === undefined) return complain('Command line is not complete. Try option "help"\n', 255);
    switch (name) {
      case 'from':
      case 'to': {
        const prefix = parseDestination(value, family);
        if (prefix === undefined) return complain(`Error: any valid prefix is expected rather than "${value}".\n`, 1);
        if (!prefix.text.endsWith('/0')) read[name] = prefix.text;
        break;
      }
      case 'preference':
      case 'order':
      case 'priority':
        if (!/^\d{1,10}$/.test(value)) return wrong(value, 'preference value is invalid');
        read.priority = Number(value);
        break;
      case 'fwmark': {
        const [mark = '', mask] = value.split('/');
        if (!/^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(mark)) return wrong(value, 'fwmark value is invalid');
        read.mark = Number(mark);
        if (mask !== undefined) read.mask = Number(mask);
        break;
      }
      case 'iif':
      case 'dev':
        read.iif = value;
        break;
      case 'oif':
        read.oif = value;
        break;
      case 'ipproto': {
        const number =
          ({ icmp: 1, tcp: 6, udp: 17, 'ipv6-icmp': 58 } as Readonly<Record<string, number>>)[value] ?? (/^\d{1,3}$/.test(value) ? Number(value) : undefined);
        if (number === undefined) return wrong(value, 'Invalid "ipproto" value');
        read.ipProtocol = number;
        break;
      }
      case 'sport':
      case 'dport': {
        const ports = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(value);
        if (ports === null) return wrong(value, `invalid ${name}`);
        read[name === 'sport' ? 'sourcePorts' : 'destinationPorts'] = [Number(ports[1]), Number(ports[2] ?? ports[1])];
        break;
      }
      case 'table':
      case 'lookup': {
        const table = parseTable(value);
        if (table === undefined) return wrong(value, 'invalid table ID');
        read.table = table;
        break;
      }
      case 'goto':
        if (!/^\d{1,10}$/.test(value)) return wrong(value, 'invalid target');
        read.action = 'goto';
        read.target = Number(value);
        break;
      case 'suppress_prefixlength':
      case 'sup_pl':
        if (!/^\d{1,3}$/.test(value)) return wrong(value, 'suppress_prefixlength value is invalid');
        read.suppressPrefixLength = Number(value);
        break;
      case 'protocol': {
        const protocol = parseProtocol(value);
        if (protocol === undefined) return wrong(value, '"protocol" value is invalid');
        read.protocol = protocol;
        break;
      }
      default:
    }
  }
  return read;
}

/** Every word that was said holds. */
function fits(read: Words, rule: RoutingRule): boolean {
  return (Object.keys(read) as (keyof RoutingRule)[]).every((key) => JSON.stringify(read[key]) === JSON.stringify(rule[key]));
}

const identity = (rule: Words): string =>
  JSON.stringify([
    rule.not,
    rule.from,
    rule.to,
    rule.iif,
    rule.oif,
    rule.mark,
    rule.mask,
    rule.ipProtocol,
    rule.sourcePorts,
    rule.destinationPorts,
    rule.action,
    rule.table,
    rule.target,
    rule.suppressPrefixLength,
  ]);

/** A rule without a number comes just before the second one there is (fib_default_rule_pref). */
function defaultPriority(rules: readonly RoutingRule[]): number {
  const second = rules[1];
  return second === undefined || second.priority === 0 ? 0 : second.priority - 1;
}

function addRule(invocation: Invocation, family: 4 | 6, words: readonly string[]): number {
  const { host, place, err } = invocation;
  const read = readRule(invocation, family, words, true);
  if (typeof read === 'number') return read;
  const rules = allRules(invocation, family);
  const priority = read.priority ?? defaultPriority(rules);
  const action = read.action ?? 'lookup';
  const { priority: _priority, ...selector } = read;
  const fields: Words = { ...selector, action, ...(action === 'lookup' ? { table: read.table ?? 254 } : {}) };
  const same = rules.filter((rule) => rule.priority === priority);
  if (same.some((rule) => identity(rule) === identity(fields) && rule.protocol === fields.protocol)) {
    err('RTNETLINK answers: File exists\n');
    return 2;
  }
  const base = `${place.netns}/rule/${family}/${priority}`;
  let order = 0;
  while (
    order < 10_000 &&
    (same.some((rule) => rule.id === (order === 0 ? base : `${base}#${order}`)) || (order > 0 && host.engine.records.has(`${base}#${order}`)))
  )
    order += 1;
  host.engine.records.put({
    ...fields,
    kind: 'rule',
    id: order === 0 ? base : `${base}#${order}`,
    origin: { component: 'user', objects: [] },
    netns: place.netns,
    family,
    priority,
    action,
  });
  host.settle();
  return 0;
}

/** Takes a rule away: its record, or the kernel's own by a record that says so. */
function removeRule({ host, place }: Invocation, family: 4 | 6, rule: RoutingRule): void {
  const own = kernelRules(place.netns, family).find((one) => one.id === rule.id);
  if (own === undefined) host.engine.records.remove(rule.id);
  else host.engine.records.put({ ...own, origin: { component: 'user', objects: [] }, action: 'absent' });
}

function deleteRule(invocation: Invocation, family: 4 | 6, words: readonly string[]): number {
  const { host, err } = invocation;
  if (words.length === 0) {
    err('"ip rule del" requires arguments.\n');
    return 255;
  }
  const read = readRule(invocation, family, words, true);
  if (typeof read === 'number') return read;
  const found = allRules(invocation, family).find((rule) => fits(read, rule));
  if (found === undefined) {
    err('RTNETLINK answers: No such file or directory\n');
    return 2;
  }
  removeRule(invocation, family, found);
  host.settle();
  return 0;
}

/** All but the one of priority 0. */
function flushRules(invocation: Invocation, family: 4 | 6): number {
  for (const rule of allRules(invocation, family)) if (rule.priority > 0) removeRule(invocation, family, rule);
  invocation.host.settle();
  return 0;
}
