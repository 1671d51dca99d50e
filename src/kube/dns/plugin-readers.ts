/** The plugins of a server block whose lines say all that a running server needs. CoreDNS: plugin/<name>/setup.go. */
import { isKnownTemplate } from '../../net/app/dns/template.ts';
import type { CacheLimits, CachePlugin, DnsPlugin, LogPlugin, NameMatch, RewriteRule, TemplatePlugin } from '../../net/app/dns-server-config.ts';
import type { Directive } from './corefile.ts';
import {
  absoluteZone,
  absoluteZones,
  argumentsOf,
  exactArguments,
  fallthroughZones,
  parseRcode,
  parseType,
  placed,
  plain,
  readDuration,
  readInteger,
  readRegexp,
  wrongArguments,
} from './plugin-words.ts';

/** What a reader may say beside its plugin: fields without effect, each with its line. */
export interface Aside {
  readonly zones: readonly string[];
  unsimulated(what: string, line: Directive): void;
}

/** Zones named behind a directive, or those of its server block. */
export const zonesOr = (names: readonly string[], aside: Aside): readonly string[] => (names.length === 0 ? aside.zones : absoluteZones(names));

const DEFAULT_CAPACITY = 9984;
const DEFAULT_TTL_SECONDS = 3600;
const MIN_TTL_SECONDS = 5;

function cacheLimits(line: Directive, before: CacheLimits): CacheLimits {
  const [capacity, ttl, minTtl] = argumentsOf(line);
  let limits: CacheLimits = { ...before, capacity: readInteger('cache', capacity, line) };
  if (ttl !== undefined) limits = { ...limits, maxTtlSeconds: cacheTtl(ttl, line) };
  if (minTtl !== undefined) {
    const seconds = readInteger('cache', minTtl, line);
    if (seconds < 0) throw plain('cache', `cache min TTL can not be negative: ${seconds}`, line);
    limits = { ...limits, minTtlSeconds: seconds };
  }
  return limits;
}

function cacheTtl(text: string, line: Directive): number {
  const seconds = readInteger('cache', text, line);
  if (seconds <= 0) throw plain('cache', `cache TTL can not be zero or negative: ${seconds}`, line);
  return seconds;
}

export function readCache(directive: Directive, aside: Aside): CachePlugin {
  const names = [...argumentsOf(directive)];
  const limits = (maxTtlSeconds: number): CacheLimits => ({ capacity: DEFAULT_CAPACITY, maxTtlSeconds, minTtlSeconds: MIN_TTL_SECONDS, except: [] });
  let success = limits(DEFAULT_TTL_SECONDS);
  let denial = limits(DEFAULT_TTL_SECONDS / 2);
  if (/^-?[0-9]+$/.test(names[0] ?? '')) {
    const seconds = cacheTtl(names.shift() ?? '', directive);
    success = limits(seconds);
    denial = limits(seconds);
  }
  let servfailSeconds = 5;
  let keepTtl = false;
  let prefetch: CachePlugin['prefetch'];
  let serveStale: CachePlugin['serveStale'];
  for (const line of directive.block) {
    const args = argumentsOf(line);
    switch (line.name) {
      case 'success':
        success = cacheLimits(line, success);
        break;
      case 'denial':
        denial = cacheLimits(line, denial);
        break;
      case 'prefetch': {
        exactArguments('cache', line, 1, 3);
        const amount = readInteger('cache', args[0], line);
        if (amount < 0) throw plain('cache', `prefetch amount should be positive: ${amount}`, line);
        const percent = args[2] ?? '10%';
        if (!percent.endsWith('%')) throw plain('cache', `last character of percentage should be \`%\`, but is: '${percent.at(-1) ?? ''}'`, line);
        const number = readInteger('cache', percent.slice(0, -1), line);
        if (number < 10 || number > 90) throw plain('cache', `percentage should fall in range [10, 90]: ${number}`, line);
        prefetch = { amount, seconds: args[1] === undefined ? 60 : readDuration('cache', args[1], line), percent: number };
        break;
      }
      case 'serve_stale': {
        exactArguments('cache', line, 0, 2);
        const seconds = args[0] === undefined ? 3600 : readDuration('cache', args[0], line);
        if (seconds < 0) throw plain('cache', 'invalid negative duration for serve_stale', line);
        const mode = args[1]?.toLowerCase() ?? 'immediate';
        if (mode !== 'immediate' && mode !== 'verify') throw plain('cache', `invalid value for serve_stale refresh mode: ${args[1]}`, line);
        serveStale = { seconds, verify: mode === 'verify' };
        break;
      }
      case 'servfail':
        exactArguments('cache', line, 1);
        servfailSeconds = readDuration('cache', args[0], line);
        if (servfailSeconds < 0) throw plain('cache', 'invalid negative ttl for servfail', line);
        if (servfailSeconds > 300) throw plain('cache', 'caching SERVFAIL responses over 5 minutes is not permitted', line);
        break;
      case 'disable': {
        const [kind, ...zones] = args;
        const except = zonesOr(zones, aside);
        if (kind === 'success') success = { ...success, except };
        else if (kind === 'denial') denial = { ...denial, except };
        else throw kind === undefined ? wrongArguments('cache', line) : plain('cache', `cache type for disable must be "success" or "denial"`, line);
        break;
      }
      case 'keepttl':
        exactArguments('cache', line, 0);
        keepTtl = true;
        break;
      default:
        throw wrongArguments('cache', line);
    }
  }
  return {
    name: 'cache',
    zones: zonesOr(names, aside),
    success,
    denial,
    servfailSeconds,
    keepTtl,
    ...(prefetch === undefined ? {} : { prefetch }),
    ...(serveStale === undefined ? {} : { serveStale }),
  };
}

export function readLog(directives: readonly Directive[], aside: Aside): LogPlugin {
  const rules = directives.map((directive) => {
    const args = [...argumentsOf(directive)];
    const last = args.at(-1) ?? '';
    const format = args.length > 0 && last.includes('{') ? (args.pop() as string) : '{common}';
    const classes: string[] = [];
    for (const line of directive.block) {
      if (line.name === 'class') {
        if (line.args.length === 0) throw wrongArguments('log', line);
        for (const { text } of line.args) {
          if (!['all', 'success', 'denial', 'error'].includes(text)) throw plain('log', `invalid Class: ${text}`, line);
          classes.push(text);
        }
      } else if (line.name === 'minDuration') aside.unsimulated('log minDuration', line);
      else throw wrongArguments('log', line);
    }
    return { zones: args.length === 0 ? ['.'] : absoluteZones(args), format, classes: classes.length === 0 ? ['all'] : classes };
  });
  return { name: 'log', rules };
}

export function readErrors(directive: Directive): Extract<DnsPlugin, { readonly name: 'errors' }> {
  if (directive.args.length > 0 && directive.args[0]?.text !== 'stdout') throw plain('errors', `invalid log file: ${directive.args[0]?.text ?? ''}`, directive);
  const consolidate = directive.block.flatMap((line) => {
    if (line.name === 'stacktrace') return [];
    if (line.name !== 'consolidate') throw wrongArguments('errors', line);
    const [period, pattern, level = 'error'] = exactArguments('errors', line, 2, 3);
    const seconds = readDuration('errors', period, line);
    if (seconds <= 0) throw plain('errors', `invalid duration: ${period}`, line);
    return [{ pattern: readRegexp('errors', pattern ?? '', line), seconds, period: goDuration(seconds), level }];
  });
  return { name: 'errors', consolidate };
}

/** Go: time.Duration.String for whole seconds and milliseconds. */
export function goDuration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1e6) / 1000}ms`;
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${rest}s`;
}

const MATCHES = ['exact', 'prefix', 'suffix', 'substring', 'regex'];

function nameMatch(how: string, text: string, line: Directive): NameMatch {
  if (how === 'regex') return { how, regexp: readRegexp('rewrite', text, line) };
  const whole = how === 'exact' || how === 'suffix';
  return { how: how as 'exact', text: whole ? absoluteZone(text) : text.toLowerCase() };
}

type NameRule = Extract<RewriteRule, { field: 'name' }>;

/** `answer auto`, `answer name FROM TO`, `answer value FROM TO`, any number of them. */
function readAnswers(words: readonly string[], line: Directive): Pick<NameRule, 'auto' | 'answers'> {
  let auto = false;
  const answers: NameRule['answers'][number][] = [];
  for (let at = 0; at < words.length; ) {
    if (words[at] !== 'answer') throw plain('rewrite', `exceeded the number of arguments for a non-exact name rule argument`, line);
    if (words[at + 1] === 'auto') {
      auto = true;
      at += 2;
      continue;
    }
    const named = words[at + 1] === 'name' || words[at + 1] === 'value';
    const part = words[at + 1] === 'value' ? 'value' : 'name';
    const [from, to] = named ? [words[at + 2], words[at + 3]] : [words[at + 1], words[at + 2]];
    if (from === undefined || to === undefined) throw plain('rewrite', `invalid arguments for a response rule: ${words.slice(at).join(' ')}`, line);
    answers.push({ part, regexp: readRegexp('rewrite', from, line), to: to.endsWith('.') ? to : `${to}.` });
    at += named ? 4 : 3;
  }
  return { auto, answers };
}

function readRewriteRule(words: readonly string[], stop: boolean, line: Directive, aside: Aside): RewriteRule | undefined {
  const [field, ...rest] = words;
  switch (field) {
    case 'name': {
      const how = MATCHES.includes(rest[0] ?? '') && rest.length > 2 ? (rest.shift() as string) : 'exact';
      const [from, to, ...more] = rest;
      if (from === undefined || to === undefined) throw plain('rewrite', 'too few arguments for a name rule', line);
      const { auto, answers } = readAnswers(more, line);
      const target = how === 'exact' || how === 'suffix' ? absoluteZone(to) : how === 'regex' && !to.endsWith('.') ? `${to}.` : to;
      return { field, stop, match: nameMatch(how, from, line), to: target, auto: auto || how === 'exact', answers };
    }
    case 'type': {
      const [from, to] = [parseType(rest[0] ?? ''), parseType(rest[1] ?? '')];
      if (from === undefined || to === undefined) throw plain('rewrite', `invalid type "${(from === undefined ? rest[0] : rest[1]) ?? ''}"`, line);
      return { field, stop, from, to };
    }
    case 'class':
      // There is only one class here, so that such a rule never matches or never changes anything.
      if (rest.length !== 2) throw plain('rewrite', `class rules must have exactly two arguments`, line);
      return undefined;
    case 'ttl': {
      const how = MATCHES.includes(rest[0] ?? '') && rest.length > 2 ? (rest.shift() as string) : 'exact';
      const [from, range] = rest;
      if (from === undefined || range === undefined) throw plain('rewrite', 'too few arguments for a ttl rule', line);
      const match = /^([0-9]{0,9})(-?)([0-9]{0,9})$/.exec(range);
      if (match === null || range === '-' || range === '') throw plain('rewrite', `invalid TTL '${range}' for a ttl rule`, line);
      const min = match[1] === '' ? 0 : Number(match[1]);
      const max = match[2] === '' ? min : match[3] === '' ? 0x7fffffff : Number(match[3]);
      return { field, stop, match: nameMatch(how, from, line), min, max };
    }
    case 'rcode': {
      const how = MATCHES.includes(rest[0] ?? '') && rest.length > 3 ? (rest.shift() as string) : 'exact';
      const [name, from, to] = [rest[0], parseRcode(rest[1] ?? ''), parseRcode(rest[2] ?? '')];
      if (name === undefined || from === undefined || to === undefined) throw plain('rewrite', 'too few arguments for a rcode rule', line);
      return { field, stop, match: nameMatch(how, name, line), from, to };
    }
    case 'edns0':
    case 'cname':
      aside.unsimulated(`rewrite ${field}`, line);
      return undefined;
    default:
      throw plain('rewrite', `invalid rule type "${field ?? ''}"`, line);
  }
}

export function readRewrite(directives: readonly Directive[], aside: Aside): Extract<DnsPlugin, { readonly name: 'rewrite' }> {
  const rules = directives.flatMap((directive) => {
    const words = [...argumentsOf(directive)];
    const mode = words[0] === 'stop' || words[0] === 'continue' ? words.shift() : 'stop';
    if (directive.block.length > 0) {
      const lines = directive.block.map((line) => [line.name, ...argumentsOf(line)]);
      words.push(...lines.flat());
    }
    if (words.length < 2) throw plain('rewrite', 'no rule type specified for rewrite', directive);
    const rule = readRewriteRule(words, mode === 'stop', directive, aside);
    return rule === undefined ? [] : [rule];
  });
  return { name: 'rewrite', rules };
}

export function readTemplates(directives: readonly Directive[], aside: Aside): TemplatePlugin {
  const templates = directives.map((directive): TemplatePlugin['templates'][number] => {
    const [dnsClass, typeName, ...zones] = argumentsOf(directive);
    if (dnsClass === undefined || typeName === undefined) throw wrongArguments('template', directive);
    if (!/^(IN|CH|HS|ANY|NONE)$/i.test(dnsClass)) throw placed('template', `invalid query class ${dnsClass}`, directive);
    const type = parseType(typeName);
    if (type === undefined) throw placed('template', `invalid RR class ${typeName}`, directive);
    const of = (name: string) =>
      directive.block
        .filter((line) => line.name === name)
        .flatMap((line) => {
          if (line.args.length === 0) throw wrongArguments('template', line);
          for (const { text } of line.args) if (name !== 'match' && !isKnownTemplate(text)) aside.unsimulated(`the template ${text}`, line);
          return argumentsOf(line);
        });
    let rcode: TemplatePlugin['templates'][number]['rcode'] = 'NOERROR';
    let fallthrough: readonly string[] = [];
    for (const line of directive.block) {
      if (line.name === 'rcode') {
        const code = parseRcode(exactArguments('template', line, 1)[0] ?? '');
        if (code === undefined) throw placed('template', `unknown rcode ${line.args[0]?.text ?? ''}`, line);
        rcode = code;
      } else if (line.name === 'fallthrough') fallthrough = fallthroughZones(line);
      else if (line.name === 'ederror') aside.unsimulated('template ederror', line);
      else if (!['match', 'answer', 'additional', 'authority', 'upstream'].includes(line.name)) throw wrongArguments('template', line);
    }
    const lines = directive.block.filter((line) => line.name === 'match');
    const match = lines.flatMap((line) => argumentsOf(line).map((text) => readRegexp('template', text, line)));
    return { type, zones: zonesOr(zones, aside), match, answer: of('answer'), additional: of('additional'), authority: of('authority'), rcode, fallthrough };
  });
  return { name: 'template', templates };
}

export function readAcl(directives: readonly Directive[], aside: Aside): Extract<DnsPlugin, { readonly name: 'acl' }> {
  const rules = directives.flatMap((directive) => {
    const zones = zonesOr(argumentsOf(directive), aside);
    return directive.block.map((line) => {
      const action = line.name.toLowerCase();
      if (action !== 'allow' && action !== 'block' && action !== 'filter' && action !== 'drop')
        throw placed('acl', `unexpected token '${line.name}'; expect 'allow', 'block', 'filter' or 'drop'`, line);
      const words = argumentsOf(line);
      const sectionOf = (word: string) => {
        const from = words.indexOf(word);
        if (from < 0) return [];
        const to = words.findIndex((one, i) => i > from && (one === 'type' || one === 'net'));
        return words.slice(from + 1, to < 0 ? undefined : to);
      };
      const types = sectionOf('type').filter((type) => type !== '*');
      const nets = sectionOf('net').filter((net) => net !== '*');
      return { zones, action, types: types.map((type) => type.toUpperCase()), nets } as const;
    });
  });
  return { name: 'acl', rules };
}
