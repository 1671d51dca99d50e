/** dig as of BIND 9.18: one or more questions, without EDNS (which is not modelled), over UDP. */
import { formatIp, parseIp } from '../addr/ip.ts';
import { DEFAULT_EPOCH_MS } from '../wire/calendar.ts';
import { parseDnsType } from '../wire/dns-codec.ts';
import type { DnsType } from '../wire/dns-message.ts';
import { type BindQuery, type BindServers, handleBindQuery, startBindQuery } from './bind-query.ts';
import { parseInteger } from './cli-options.ts';
import { type AppContext, defineApp, defineProgram, type ParseResult, type ProgramEnvironment } from './definition.ts';
import { bannerText, DIG_VERSION, type DigSections, replyText } from './dig-text.ts';
import { DNS_PORT, isAskable, reverseName } from './dns-query.ts';
import { readResolvConf, searchNames } from './resolv-conf.ts';
import { handleResolving, type Resolving, startResolving } from './resolver.ts';

export interface DigConfig {
  readonly questions: readonly { readonly name: string; readonly type: DnsType }[];
  readonly server?: string;
  readonly port: number;
  readonly short: boolean;
  readonly search: boolean;
  readonly recurse: boolean;
  readonly timeoutSeconds: number;
  readonly tries: number;
  readonly sections: DigSections;
  readonly argv: string;
  readonly epochMs: number;
}

interface State {
  readonly servers: BindServers;
  readonly question: number;
  readonly candidates: readonly string[];
  readonly candidate: number;
  readonly query: BindQuery | undefined;
  readonly resolving: Resolving | undefined;
  readonly done: boolean;
}

export const dig = defineApp<State, DigConfig>({
  name: 'dig',
  start: (context, config) => {
    const conf = readResolvConf(context);
    const named = config.server === undefined ? undefined : parseIp(config.server);
    const ips = config.server === undefined ? conf.nameservers : named === undefined ? [] : [named];
    const servers: BindServers = {
      ips,
      port: config.port,
      timeoutSeconds: config.timeoutSeconds,
      tries: config.tries,
      recurse: config.recurse,
      checkRecursion: false,
    };
    const state: State = { servers, question: 0, candidates: [], candidate: 0, query: undefined, resolving: undefined, done: false };
    if (config.server !== undefined && named === undefined) return withServer(context, config, { ...state, resolving: startResolving(context, config.server) });
    return askQuestion(context, config, state);
  },
  handle: (context, state, event, config) => {
    if (state.done) return state;
    if (event.kind === 'signal') return finish(context, state, 130);
    if (state.resolving !== undefined) {
      const resolving = handleResolving(context, state.resolving, event);
      return resolving === state.resolving ? state : withServer(context, config, { ...state, resolving });
    }
    if (state.query === undefined) return state;
    const query = handleBindQuery(context, state.query, event);
    return query === state.query ? state : advance(context, config, { ...state, query });
  },
});

function withServer(context: AppContext, config: DigConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (result.ok) return askQuestion(context, config, { ...state, resolving: undefined, servers: { ...state.servers, ips: result.addresses } });
  context.err(`dig: couldn't get address for '${config.server ?? ''}': ${result.error === 'try-again' ? 'failure' : 'not found'}\n`);
  return finish(context, state, 10);
}

function askQuestion(context: AppContext, config: DigConfig, state: State): State {
  const question = config.questions[state.question];
  if (question === undefined) return finish(context, state, 0);
  const typed = question.name.endsWith('.') ? question.name : `${question.name}.`;
  const candidates = (config.search ? searchNames(question.name, readResolvConf(context)) : [typed]).filter(isAskable);
  if (candidates.length === 0) {
    context.err(`dig: '${question.name}' is not a legal name (unexpected end of input)\n`);
    return finish(context, state, 10);
  }
  return ask(context, config, { ...state, candidates, candidate: 0 });
}

function ask(context: AppContext, config: DigConfig, state: State): State {
  const question = config.questions[state.question];
  const name = state.candidates[state.candidate];
  if (question === undefined || name === undefined) return finish(context, state, 0);
  return advance(context, config, { ...state, query: startBindQuery(context, state.servers, name, question.type) });
}

function advance(context: AppContext, config: DigConfig, state: State): State {
  const { query } = state;
  if (query === undefined) return state;
  const banner = bannerText({ argv: config.argv, serverGiven: config.server !== undefined, first: state.question === 0 }, config.sections);
  if (query.failed) {
    context.out(`${config.short ? '' : banner};; no servers could be reached\n`);
    return finish(context, state, 9);
  }
  if (query.answer === undefined) return state;
  const { message, bytes, from, milliseconds } = query.answer;
  if (message.rcode === 'NXDOMAIN' && state.candidate + 1 < state.candidates.length) return ask(context, config, { ...state, candidate: state.candidate + 1 });
  if (config.short) context.out(message.answers.map((record) => `${record.data}\n`).join(''));
  else {
    const unixMs = config.epochMs + Math.floor(context.nowNs / 1e6);
    context.out(banner + replyText(message, config.sections, { milliseconds, server: formatIp(from), port: config.port, unixMs, bytes }));
  }
  return askQuestion(context, config, { ...state, query: undefined, question: state.question + 1 });
}

function finish(context: AppContext, state: State, code: number): State {
  context.exit(code);
  return { ...state, done: true };
}

const ALL: DigSections = { command: true, comments: true, question: true, answer: true, authority: true, additional: true, statistics: true };
const NONE: DigSections = { command: false, comments: false, question: false, answer: false, authority: false, additional: false, statistics: false };
const SECTION_WORDS: Readonly<Record<string, keyof DigSections>> = {
  cmd: 'command',
  comments: 'comments',
  question: 'question',
  answer: 'answer',
  authority: 'authority',
  additional: 'additional',
  stats: 'statistics',
};

export function parseDigArgs(argv: readonly string[], environment: ProgramEnvironment): ParseResult<DigConfig> {
  let server: string | undefined;
  let port = DNS_PORT;
  let short = false;
  let search = false;
  let recurse = true;
  let timeoutSeconds = 5;
  let tries = 3;
  let sections = ALL;
  let type: DnsType | undefined;
  const names: { name: string; type?: DnsType }[] = [];
  const bad = (stderr: string, exitCode = 1): ParseResult<DigConfig> => ({ ok: false, stderr, exitCode });
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] as string;
    if (word.startsWith('@')) server = word.slice(1);
    else if (word.startsWith('+')) {
      const off = word.startsWith('+no');
      const [key = '', value] = (off ? word.slice(3) : word.slice(1)).split('=');
      const section = Object.hasOwn(SECTION_WORDS, key) ? SECTION_WORDS[key] : undefined;
      if (key === 'all') sections = off ? NONE : ALL;
      else if (section !== undefined) sections = { ...sections, [section]: !off };
      else if (key === 'short') short = !off;
      else if (key === 'search' || key === 'defname') search = !off;
      else if (key === 'recurse' || key === 'rec') recurse = !off;
      else if (key === 'time' || key === 'timeout') timeoutSeconds = parseInteger(value ?? '', 1, 60) ?? 5;
      else if (key === 'tries') tries = parseInteger(value ?? '', 1, 10) ?? 3;
      else if (key === 'retry') tries = (parseInteger(value ?? '', 0, 9) ?? 2) + 1;
      else if (/^(tcp|vc|trace|dnssec|nssearch|https|tls)$/.test(key) && !off) return bad(`dig: +${key} is not simulated in Kubehop\n`);
      else if (
        !/^(edns|cookie|adflag|cdflag|dnssec|tcp|vc|idnin|idnout|qr|multiline|ttlid|crypto|keepopen|rrcomments|besteffort|ignore|fail|showsearch|identify|nsid|expire|bufsize|badcookie|trace)$/.test(
          key,
        )
      ) {
        return bad(
          `Invalid option: ${word}\nUsage:  dig [@global-server] [domain] [q-type] [q-class] {q-opt}\n            {global-d-opt} host [@local-server] {local-d-opt}\n            [ host [@local-server] {local-d-opt} [...]]\n\nUse "dig -h" (or "dig -h | more") for complete list of options\n`,
        );
      }
    } else if (word === '-x') {
      const ip = parseIp(argv[i + 1] ?? '');
      if (ip === undefined) return bad(`dig: invalid IP address ${argv[i + 1] ?? ''}\n`);
      names.push({ name: reverseName(ip), type: 'PTR' });
      i += 1;
    } else if (word === '-t' || word === '-q' || word === '-p' || word === '-c' || word === '-b') {
      const value = argv[i + 1];
      if (value === undefined) return bad(`dig: option requires an argument -- ${word.slice(1)}\n`);
      i += 1;
      if (word === '-t') {
        type = parseDnsType(value);
        if (type === undefined) return bad(`dig: the record type ${value} is not simulated in Kubehop\n`);
      } else if (word === '-q') names.push({ name: value });
      else if (word === '-p') port = parseInteger(value, 1, 65535) ?? DNS_PORT;
    } else if (word === '-4' || word === '-u' || word === '-r') continue;
    else if (word === '-v') return { ok: false, stderr: `DiG ${DIG_VERSION}\n`, exitCode: 0 };
    else if (word.startsWith('-')) return bad(`Invalid option: ${word}\n`);
    else if (parseDnsType(word) !== undefined && (word === word.toUpperCase() || names.length > 0)) type = parseDnsType(word);
    else if (word.toUpperCase() !== 'IN') names.push({ name: word });
  }
  const questions =
    names.length === 0 ? [{ name: '.', type: type ?? ('NS' as const) }] : names.map((one) => ({ name: one.name, type: one.type ?? type ?? ('A' as const) }));
  return {
    ok: true,
    config: {
      questions,
      ...(server === undefined ? {} : { server }),
      port,
      short,
      search,
      recurse,
      timeoutSeconds,
      tries,
      sections,
      argv: argv.join(' '),
      epochMs: environment.epochMs ?? DEFAULT_EPOCH_MS,
    },
  };
}

export const digProgram = defineProgram({ app: 'dig', parse: parseDigArgs });
