/** host(1) of BIND 9.18: addresses and mail exchangers of a name, the name of an address. BIND: bin/dig/host.c. */
import { parseIp } from '../addr/ip.ts';
import { parseDnsType } from '../wire/dns-codec.ts';
import type { DnsMessage, DnsResourceRecord, DnsType } from '../wire/dns-message.ts';
import { type BindQuery, type BindServers, handleBindQuery, startBindQuery } from './bind-query.ts';
import { optionProblemText, optionValue, parseOptions } from './cli-options.ts';
import { type AppContext, defineApp, defineProgram, type ParseResult } from './definition.ts';
import { DNS_PORT, isAskable, reverseName } from './dns-query.ts';
import { readResolvConf, searchNames } from './resolv-conf.ts';

export interface HostConfig {
  readonly name: string;
  readonly type?: DnsType;
  readonly server?: string;
  readonly timeoutSeconds: number;
}

interface State {
  readonly servers: BindServers;
  readonly types: readonly DnsType[];
  readonly candidates: readonly string[];
  readonly candidate: number;
  readonly query: BindQuery | undefined;
  readonly done: boolean;
}

export const host = defineApp<State, HostConfig>({
  name: 'host',
  start: (context, config) => {
    const conf = readResolvConf(context);
    const given = config.server === undefined ? undefined : parseIp(config.server);
    const ips = config.server === undefined ? conf.nameservers : given === undefined ? [] : [given];
    const address = parseIp(config.name);
    const candidates = address === undefined ? searchNames(config.name, conf).filter(isAskable) : [reverseName(address)];
    const types: readonly DnsType[] = config.type === undefined ? (address === undefined ? ['A', 'AAAA', 'MX'] : ['PTR']) : [config.type];
    const servers: BindServers = { ips, port: DNS_PORT, timeoutSeconds: config.timeoutSeconds, tries: 2, recurse: true, checkRecursion: false };
    if (config.server !== undefined) context.out(`Using domain server:\nName: ${config.server}\nAddress: ${config.server}#${DNS_PORT}\nAliases: \n\n`);
    return ask(context, config, { servers, types, candidates, candidate: 0, query: undefined, done: false });
  },
  handle: (context, state, event, config) => {
    if (state.done || state.query === undefined) return state;
    if (event.kind === 'signal') return finish(context, state, 130);
    const query = handleBindQuery(context, state.query, event);
    return query === state.query ? state : advance(context, config, { ...state, query });
  },
});

function ask(context: AppContext, config: HostConfig, state: State): State {
  const name = state.candidates[state.candidate];
  const type = state.types[0];
  if (name === undefined || type === undefined) return finish(context, state, name === undefined ? 1 : 0);
  return advance(context, config, { ...state, query: startBindQuery(context, state.servers, name, type) });
}

function advance(context: AppContext, config: HostConfig, state: State): State {
  const { query } = state;
  if (query === undefined) return state;
  if (query.failed) {
    context.out(';; no servers could be reached\n');
    return finish(context, state, 1);
  }
  if (query.answer === undefined) return state;
  const { message } = query.answer;
  if (message.rcode === 'NXDOMAIN' && state.candidate + 1 < state.candidates.length) return ask(context, config, { ...state, candidate: state.candidate + 1 });
  if (message.rcode !== 'NOERROR') {
    const code = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'].indexOf(message.rcode);
    context.out(`Host ${query.type === 'PTR' ? withoutDot(query.name) : config.name} not found: ${code}(${message.rcode})\n`);
    return finish(context, state, 1);
  }
  const text = answerText(message, query.type);
  context.out(text === '' && config.type !== undefined ? `${withoutDot(query.name)} has no ${query.type} record\n` : text);
  // The name that was found is asked for the other types.
  return ask(context, config, { ...state, candidates: [query.name], candidate: 0, types: state.types.slice(1), query: undefined });
}

function finish(context: AppContext, state: State, code: number): State {
  context.exit(code);
  return { ...state, done: true };
}

const withoutDot = (name: string): string => (name === '.' ? name : name.replace(/\.$/, ''));

function answerText(message: DnsMessage, type: DnsType): string {
  // An alias was told with the addresses already.
  const records = type === 'AAAA' || type === 'MX' ? message.answers.filter((record) => record.type !== 'CNAME') : message.answers;
  return records.map(recordText).join('');
}

function recordText(record: DnsResourceRecord): string {
  const name = withoutDot(record.name);
  switch (record.type) {
    case 'A':
      return `${name} has address ${record.data}\n`;
    case 'AAAA':
      return `${name} has IPv6 address ${record.data}\n`;
    case 'CNAME':
      return `${name} is an alias for ${record.data}\n`;
    case 'PTR':
      return `${name} domain name pointer ${record.data}\n`;
    case 'MX':
      return `${name} mail is handled by ${record.data}\n`;
    case 'NS':
      return `${name} name server ${record.data}\n`;
    case 'SRV':
      return `${name} has SRV record ${record.data}\n`;
    case 'TXT':
      return `${name} descriptive text ${record.data}\n`;
    case 'SOA':
      return `${name} has SOA record ${record.data}\n`;
    default:
      return '';
  }
}

const USAGE = 'Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time]\n            [-R number] [-m flag] [-p port] hostname [server]\n';

export function parseHostArgs(argv: readonly string[]): ParseResult<HostConfig> {
  const parsed = parseOptions(argv, { flags: 'adlrTvVw4', values: 'tWRNpc' });
  if ('problem' in parsed) return { ok: false, stderr: optionProblemText('host', parsed) + USAGE, exitCode: 1 };
  const [name, server] = parsed.operands;
  if (name === undefined) return { ok: false, stderr: USAGE, exitCode: 1 };
  const typeText = optionValue(parsed, 't');
  const type = typeText === undefined ? undefined : parseDnsType(typeText);
  if (typeText !== undefined && type === undefined) return { ok: false, stderr: `host: invalid type: ${typeText}\n`, exitCode: 1 };
  const timeoutSeconds = Number(optionValue(parsed, 'W') ?? 5);
  return {
    ok: true,
    config: {
      name,
      ...(type === undefined ? {} : { type }),
      ...(server === undefined ? {} : { server }),
      timeoutSeconds: timeoutSeconds >= 1 && timeoutSeconds <= 60 ? timeoutSeconds : 5,
    },
  };
}

export const hostProgram = defineProgram({ app: 'host', parse: (argv) => parseHostArgs(argv) });
