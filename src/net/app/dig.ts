/** dig as of BIND 9.18: questions over UDP with EDNS and a cookie, over TCP, and from the root down. BIND: bin/dig/{dig,dighost}.c. */
import { formatIp, parseIp } from '../addr/ip.ts';
import type { DnsEdns } from '../wire/dns-message.ts';
import type { Ip } from '../wire/packet.ts';
import { type BindAnswer, type BindQuery, type BindServers, handleBindQuery, startBindQuery } from './bind-query.ts';
import { type AppContext, defineApp, defineProgram } from './definition.ts';
import { type DigConfig, parseDigArgs } from './dig-args.ts';
import { bannerText, recordLine, replyText } from './dig-text.ts';
import { isAskable, nameProblem } from './dns-query.ts';
import { readResolvConf, searchNames } from './resolv-conf.ts';
import { handleResolving, type Resolving, startResolving } from './resolver.ts';

/** Where `+trace` is on its way down. */
interface Trace {
  /** Names of the servers of the zone reached, the next of which is looked up. */
  readonly names: readonly string[];
  readonly serverName: string;
  readonly steps: number;
}
/** BIND: bin/dig/dighost.c bounds how many referrals are followed. */
const MAX_REFERRALS = 16;

interface State {
  readonly servers: BindServers;
  readonly question: number;
  readonly candidates: readonly string[];
  readonly candidate: number;
  readonly query: BindQuery | undefined;
  readonly resolving: Resolving | undefined;
  readonly trace: Trace | undefined;
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
      authenticData: config.authenticData,
      checkingDisabled: config.checkingDisabled,
      tcp: config.tcp,
      ignoreTruncation: config.ignoreTruncation,
      quiet: config.short,
    };
    const state: State = {
      servers,
      question: 0,
      candidates: [],
      candidate: 0,
      query: undefined,
      resolving: undefined,
      trace: undefined,
      done: false,
    };
    if (config.server !== undefined && named === undefined) return withServer(context, config, { ...state, resolving: startResolving(context, config.server) });
    return askQuestion(context, config, state);
  },
  handle: (context, state, event, config) => {
    if (state.done) return state;
    if (event.kind === 'signal') return finish(context, state, 130);
    if (state.resolving !== undefined) {
      const resolving = handleResolving(context, state.resolving, event);
      if (resolving === state.resolving) return state;
      const after = { ...state, resolving };
      return state.trace === undefined ? withServer(context, config, after) : withZoneServer(context, config, after, state.trace);
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
  const problem = nameProblem(question.name);
  const typed = question.name.endsWith('.') ? question.name : `${question.name}.`;
  const candidates = (config.search ? searchNames(question.name, readResolvConf(context)) : [typed]).filter(isAskable);
  if (problem !== undefined || candidates.length === 0) {
    context.err(`dig: '${question.name}' is not a legal name (${problem ?? 'bad escape'})\n`);
    return finish(context, state, 10);
  }
  if (config.trace) return ask(context, config, { ...state, candidates: ['.'], candidate: 0, trace: { names: [], serverName: '', steps: 0 } });
  return ask(context, config, { ...state, candidates, candidate: 0 });
}

const COOKIE_HALF = 2 ** 32;

/** A cookie of its own for each question (RFC 7873). */
function ednsOf(context: AppContext, config: DigConfig): DnsEdns | undefined {
  if (config.edns === undefined) return undefined;
  const { udpBytes, dnssecOk, cookie } = config.edns;
  const half = () => context.prng('dns-cookie').below(COOKIE_HALF).toString(16).padStart(8, '0');
  return { udpBytes, ...(dnssecOk ? { dnssecOk } : {}), ...(cookie ? { cookie: half() + half() } : {}) };
}

function ask(context: AppContext, config: DigConfig, state: State): State {
  const question = config.questions[state.question];
  const name = state.candidates[state.candidate];
  if (question === undefined || name === undefined) return finish(context, state, 0);
  const edns = ednsOf(context, config);
  const servers: BindServers = { ...state.servers, ...(edns === undefined ? {} : { edns }) };
  const type = config.trace && name === '.' && state.trace?.steps === 0 ? 'NS' : question.type;
  return advance(context, config, { ...state, query: startBindQuery(context, servers, name, type) });
}

function advance(context: AppContext, config: DigConfig, state: State): State {
  const { query } = state;
  if (query === undefined) return state;
  const first = state.question === 0 && (state.trace?.steps ?? 0) === 0;
  const banner = config.short ? '' : bannerText({ argv: config.argv, serverGiven: config.server !== undefined, first }, config.sections);
  if (query.failed) {
    context.out(`${banner};; no servers could be reached\n`);
    return finish(context, state, 9);
  }
  const { answer } = query;
  if (answer === undefined) return state;
  if (state.trace !== undefined) return traced(context, config, state, state.trace, answer, banner);
  const { message, bytes, from, milliseconds, tcp } = answer;
  if (message.rcode === 'NXDOMAIN' && state.candidate + 1 < state.candidates.length) return ask(context, config, { ...state, candidate: state.candidate + 1 });
  if (config.short) context.out(message.answers.map((record) => `${record.data}\n`).join(''));
  else {
    const unixMs = config.epochMs + Math.floor(context.nowNs / 1e6);
    const server = formatIp(from);
    const statistics = { milliseconds, server, serverName: config.server ?? server, port: config.port, unixMs, bytes, tcp };
    context.out(banner + replyText(message, config.sections, { ...config, cookie: query.servers.edns?.cookie }, statistics));
  }
  return askQuestion(context, config, { ...state, query: undefined, question: state.question + 1 });
}

// ---- +trace

/** Prints what a server said, and goes on to the servers that it names. */
function traced(context: AppContext, config: DigConfig, state: State, trace: Trace, { message, bytes, from, milliseconds }: BindAnswer, banner: string): State {
  const records = [...message.answers, ...message.authorities];
  const server = formatIp(from);
  const lines = records.map((record) => recordLine(record, config)).join('');
  const name = trace.serverName === '' ? (config.server ?? server) : trace.serverName;
  context.out(`${banner}${lines};; Received ${bytes} bytes from ${server}#${config.port}(${name}) in ${milliseconds} ms\n\n`);
  const names = (trace.steps === 0 ? message.answers : message.answers.length > 0 || message.rcode !== 'NOERROR' ? [] : message.authorities)
    .filter((record) => record.type === 'NS')
    .map((record) => record.data);
  if (names.length === 0 || trace.steps >= MAX_REFERRALS)
    return askQuestion(context, config, { ...state, query: undefined, trace: undefined, question: state.question + 1 });
  return nextZoneServer(context, config, { ...state, query: undefined }, { ...trace, names, steps: trace.steps + 1 });
}

function nextZoneServer(context: AppContext, config: DigConfig, state: State, trace: Trace): State {
  const [name, ...names] = trace.names;
  if (name === undefined) {
    context.out(';; no servers could be reached\n');
    return finish(context, state, 9);
  }
  const next: Trace = { ...trace, names, serverName: name.replace(/\.$/, '') };
  return withZoneServer(context, config, { ...state, trace: next, resolving: startResolving(context, name, 4) }, next);
}

function withZoneServer(context: AppContext, config: DigConfig, state: State, trace: Trace): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (!result.ok) {
    context.out(`dig: couldn't get address for '${trace.serverName}': ${result.error === 'try-again' ? 'failure' : 'not found'}\n`);
    return nextZoneServer(context, config, { ...state, resolving: undefined }, trace);
  }
  const ips: readonly Ip[] = result.addresses.slice(0, 1);
  const question = config.questions[state.question];
  const typed = question === undefined || question.name.endsWith('.') ? (question?.name ?? '.') : `${question.name}.`;
  const servers = { ...state.servers, ips, recurse: false, authenticData: false };
  return ask(context, config, { ...state, resolving: undefined, candidates: [typed], candidate: 0, trace, servers });
}

function finish(context: AppContext, state: State, code: number): State {
  context.exit(code);
  return { ...state, done: true };
}

export const digProgram = defineProgram({ app: 'dig', parse: parseDigArgs });
