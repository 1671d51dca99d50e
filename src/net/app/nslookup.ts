/** nslookup as BIND 9.18 has it (netshoot, dnsutils, Debian): A then AAAA, the search list until the first name that exists. BIND: bin/dig/nslookup.c. */
import { formatIp, parseIp } from '../addr/ip.ts';
import { parseDnsType } from '../wire/dns-codec.ts';
import type { DnsMessage, DnsResourceRecord, DnsType } from '../wire/dns-message.ts';
import type { Ip } from '../wire/packet.ts';
import { type BindQuery, type BindServers, handleBindQuery, startBindQuery } from './bind-query.ts';
import { parseInteger } from './cli-options.ts';
import { type AppContext, defineApp, defineProgram, type ParseResult } from './definition.ts';
import { addressesOf, DNS_PORT, isAskable, reverseName } from './dns-query.ts';
import { readResolvConf, searchNames } from './resolv-conf.ts';
import { handleResolving, type Resolving, startResolving } from './resolver.ts';

export interface NslookupConfig {
  readonly name: string;
  /** Absent: addresses, or the name of an address. */
  readonly type?: DnsType;
  /** As typed: an address or a name. */
  readonly server?: string;
  readonly port: number;
  readonly timeoutSeconds: number;
  readonly tries: number;
  readonly search: boolean;
}

interface State {
  readonly servers: BindServers;
  /** What `Server:` shows. */
  readonly serverName: string;
  readonly candidates: readonly string[];
  readonly candidate: number;
  readonly query: BindQuery | undefined;
  /** The server's name is being looked up. */
  readonly resolving: Resolving | undefined;
  readonly done: boolean;
}

export const nslookup = defineApp<State, NslookupConfig>({
  name: 'nslookup',
  start: (context, config) => {
    const conf = readResolvConf(context);
    const named = config.server === undefined ? undefined : parseIp(config.server);
    const ips: readonly Ip[] = config.server === undefined ? conf.nameservers : named === undefined ? [] : [named];
    const servers: BindServers = { ips, port: config.port, timeoutSeconds: config.timeoutSeconds, tries: config.tries, recurse: true, checkRecursion: true };
    const address = parseIp(config.name);
    const candidates =
      address !== undefined && config.type === undefined
        ? [reverseName(address)]
        : (config.search ? searchNames(config.name, conf) : [absolute(config.name)]).filter(isAskable);
    const state: State = {
      servers,
      serverName: config.server ?? formatIp(ips[0] ?? 0),
      candidates,
      candidate: 0,
      query: undefined,
      resolving: undefined,
      done: false,
    };
    if (config.server !== undefined && named === undefined) return withServer(context, config, { ...state, resolving: startResolving(context, config.server) });
    return ask(context, config, state, firstType(config));
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

const absolute = (name: string): string => (name.endsWith('.') ? name : `${name}.`);

function firstType(config: NslookupConfig): DnsType {
  return config.type ?? (parseIp(config.name) === undefined ? 'A' : 'PTR');
}

function withServer(context: AppContext, config: NslookupConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (!result.ok) {
    context.out(`nslookup: couldn't get address for '${config.server ?? ''}': not found\n`);
    return finish(context, state, 1);
  }
  return ask(context, config, { ...state, resolving: undefined, servers: { ...state.servers, ips: result.addresses } }, firstType(config));
}

function ask(context: AppContext, config: NslookupConfig, state: State, type: DnsType): State {
  const name = state.candidates[state.candidate];
  if (name === undefined) {
    context.out(`nslookup: '${config.name}' is not a legal IDNA2008 name (string contains a disallowed character), use +noidnin\n`);
    return finish(context, state, 1);
  }
  return advance(context, config, { ...state, query: startBindQuery(context, state.servers, name, type) });
}

function advance(context: AppContext, config: NslookupConfig, state: State): State {
  const { query } = state;
  if (query === undefined) return state;
  if (query.failed) {
    context.out(';; no servers could be reached\n\n\n');
    return finish(context, state, 1);
  }
  if (query.answer === undefined) return state;
  const { message, from } = query.answer;
  if (message.rcode === 'NXDOMAIN' && state.candidate + 1 < state.candidates.length)
    return ask(context, config, { ...state, candidate: state.candidate + 1 }, query.type);
  const asked = config.type !== undefined;
  if (asked || query.type === 'A') {
    const server = config.server === undefined ? formatIp(from) : state.serverName;
    context.out(`Server:\t\t${server}\nAddress:\t${formatIp(from)}#${config.port}\n\n`);
  }
  if (message.rcode !== 'NOERROR') {
    context.out(`** server can't find ${withoutDot(query.name)}: ${message.rcode}\n\n`);
    return finish(context, state, 1);
  }
  if (!message.authoritative && (asked || query.type === 'A')) context.out('Non-authoritative answer:\n');
  context.out(answerText(message));
  if (!asked && query.type === 'A') {
    // The name at the end of the answer is asked for the other kind of address, without the search list.
    const { canonical } = addressesOf(message);
    return advance(context, config, { ...state, candidates: [canonical], candidate: 0, query: startBindQuery(context, state.servers, canonical, 'AAAA') });
  }
  if (message.answers.length === 0 && query.type !== 'AAAA') context.out(`*** Can't find ${withoutDot(config.name)}: No answer\n`);
  if (!message.authoritative && query.type !== 'AAAA') context.out('\nAuthoritative answers can be found from:\n');
  context.out('\n');
  return finish(context, state, 0);
}

function finish(context: AppContext, state: State, code: number): State {
  context.exit(code);
  return { ...state, done: true };
}

const withoutDot = (name: string): string => (name === '.' ? name : name.replace(/\.$/, ''));

function answerText(message: DnsMessage): string {
  return message.answers.map(recordText).join('');
}

function recordText(record: DnsResourceRecord): string {
  const name = withoutDot(record.name);
  const words = record.data.split(' ');
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return `Name:\t${name}\nAddress: ${record.data}\n`;
    case 'CNAME':
      return `${name}\tcanonical name = ${record.data}\n`;
    case 'PTR':
      return `${name}\tname = ${record.data}\n`;
    case 'NS':
      return `${name}\tnameserver = ${record.data}\n`;
    case 'MX':
      return `${name}\tmail exchanger = ${record.data}\n`;
    case 'SRV':
      return `${name}\tservice = ${record.data}\n`;
    case 'TXT':
      return `${name}\ttext = ${record.data}\n`;
    case 'SOA':
      return `${name}\n\torigin = ${withoutDot(words[0] ?? '')}\n\tmail addr = ${withoutDot(words[1] ?? '')}\n\tserial = ${words[2]}\n\trefresh = ${words[3]}\n\tretry = ${words[4]}\n\texpire = ${words[5]}\n\tminimum = ${words[6]}\n`;
    default:
      return '';
  }
}

export function parseNslookupArgs(argv: readonly string[]): ParseResult<NslookupConfig> {
  const operands: string[] = [];
  let type: DnsType | undefined;
  let port = DNS_PORT;
  let timeoutSeconds = 5;
  let tries = 3;
  let search = true;
  for (const word of argv) {
    if (!word.startsWith('-') || word === '-') {
      operands.push(word);
      continue;
    }
    const [key, value = ''] = word.slice(1).split('=');
    const name = (key ?? '').toLowerCase();
    if (/^(type|ty|query|querytype|q|qt)$/.test(name)) {
      type = parseDnsType(value);
      if (type === undefined) return { ok: false, stdout: `unknown query type: ${value}\n`, stderr: '', exitCode: 1 };
    } else if (name === 'port') port = parseInteger(value, 1, 65535) ?? DNS_PORT;
    else if (name === 'timeout') timeoutSeconds = parseInteger(value, 1, 60) ?? 5;
    else if (name === 'retry') tries = (parseInteger(value, 0, 10) ?? 2) + 1;
    else if (name === 'nosearch' || name === 'nosea') search = false;
    else if (!/^(debug|d2|nodebug|nod2|search|sea|recurse|rec|fail|nofail|class|cl)$/.test(name))
      return { ok: false, stdout: `*** Invalid option: ${key}\n`, stderr: '', exitCode: 1 };
  }
  const [name, server] = operands;
  if (name === undefined || name === '-')
    return { ok: false, stderr: 'nslookup: the interactive mode is not simulated in Kubehop: nslookup NAME [SERVER]\n', exitCode: 1 };
  return {
    ok: true,
    config: { name, ...(type === undefined ? {} : { type }), ...(server === undefined ? {} : { server }), port, timeoutSeconds, tries, search },
  };
}

export const nslookupProgram = defineProgram({ app: 'nslookup', parse: (argv) => parseNslookupArgs(argv) });
