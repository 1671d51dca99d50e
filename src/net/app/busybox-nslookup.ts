/** nslookup of busybox since 1.29: every suffix for A and AAAA at once, printed in order, NXDOMAIN of the others included. busybox: networking/nslookup.c. */
import { formatIp, parseIp } from '../addr/ip.ts';
import { parseDnsType } from '../wire/dns-codec.ts';
import type { DnsMessage, DnsResourceRecord, DnsType } from '../wire/dns-message.ts';
import type { Ip } from '../wire/packet.ts';
import { handleSmall, isSmallNslookup, type SmallNslookupConfig, type SmallNslookupState, startSmall } from './busybox-nslookup-small.ts';
import { optionProblemText, parseOptions } from './cli-options.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type ParseResult, type SocketId } from './definition.ts';
import { DNS_PORT, dnsPayload, dnsQuestion, isAskable, newDnsId, reverseName } from './dns-query.ts';
import { readResolvConf } from './resolv-conf.ts';
import { handleResolving, type Resolving, startResolving } from './resolver.ts';

export interface BusyboxNslookupConfig {
  readonly kind: 'big';
  readonly name: string;
  readonly types: readonly DnsType[];
  readonly server?: string;
}

interface Question {
  readonly id: number;
  readonly name: string;
  readonly type: DnsType;
}

interface State {
  readonly kind: 'big';
  readonly server: Ip;
  readonly questions: readonly Question[];
  readonly answers: readonly (DnsMessage | undefined)[];
  readonly socket: SocketId;
  readonly attempt: number;
  readonly timer: number;
  readonly resolving: Resolving | undefined;
  readonly done: boolean;
}

/** 5 s in all, asked again after half of it. */
const RETRY_NS = 2_500_000_000;
const ATTEMPTS = 2;

export const busyboxNslookup = defineApp<State | SmallNslookupState, BusyboxNslookupConfig | SmallNslookupConfig>({
  name: 'busybox-nslookup',
  start: (context, config) => (config.kind === 'small' ? startSmall(context, config) : start(context, config)),
  handle: (context, state, event, config) => {
    if (state.kind === 'small') return handleSmall(context, state, event);
    return config.kind === 'small' ? state : handle(context, state, event, config);
  },
});

function start(context: AppContext, config: BusyboxNslookupConfig): State {
  const conf = readResolvConf(context);
  const address = parseIp(config.name);
  const names =
    address !== undefined
      ? [reverseName(address)]
      : config.name.includes('.') || conf.search.length === 0
        ? [withDot(config.name)]
        : conf.search.map((domain) => withDot(`${config.name}.${domain}`));
  const types: readonly DnsType[] = config.types.length > 0 ? config.types : address !== undefined ? ['PTR'] : ['A', 'AAAA'];
  const chance = context.prng('dns-id');
  const questions = types.flatMap((type) => names.filter(isAskable).map((name) => ({ id: newDnsId(chance), name, type })));
  const state: State = {
    kind: 'big',
    server: 0,
    questions,
    answers: questions.map(() => undefined),
    socket: -1,
    attempt: 0,
    timer: -1,
    resolving: undefined,
    done: false,
  };
  if (questions.length === 0) {
    context.err(`nslookup: invalid name '${config.name}'\n`);
    return finish(context, state, 1);
  }
  if (config.server === undefined) return ask(context, { ...state, server: conf.nameservers[0] ?? 0 });
  return withServer(context, config, { ...state, resolving: startResolving(context, config.server) });
}

function handle(context: AppContext, state: State, event: AppEvent, config: BusyboxNslookupConfig): State {
  if (state.done) return state;
  if (event.kind === 'signal') return finish(context, state, 130);
  if (state.resolving !== undefined) {
    const resolving = handleResolving(context, state.resolving, event);
    return resolving === state.resolving ? state : withServer(context, config, { ...state, resolving });
  }
  if (event.kind === 'timer' && event.tag === 'retry') return retry(context, { ...state, timer: -1 });
  if (event.kind !== 'datagram' || event.payload.dns === undefined) return state;
  const message = event.payload.dns;
  const at = state.questions.findIndex((question) => question.id === message.id);
  if (at < 0 || !message.response) return state;
  const answers = state.answers.map((answer, i) => (i === at ? message : answer));
  return answers.every((answer) => answer !== undefined) ? print(context, { ...state, answers }) : { ...state, answers };
}

const withDot = (name: string): string => (name.endsWith('.') ? name : `${name}.`);
const withoutDot = (name: string): string => name.replace(/\.$/, '');

function withServer(context: AppContext, config: BusyboxNslookupConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  const ip = result.ok ? result.addresses[0] : undefined;
  if (ip !== undefined) return ask(context, { ...state, resolving: undefined, server: ip });
  context.err(`nslookup: bad address '${config.server ?? ''}'\n`);
  return finish(context, state, 1);
}

function ask(context: AppContext, state: State): State {
  const socket = state.socket >= 0 ? state.socket : context.udpConnect({ ip: state.server, port: DNS_PORT });
  if (typeof socket === 'string') {
    context.err('nslookup: connect: Network is unreachable\n');
    return finish(context, state, 1);
  }
  state.questions.forEach((question, i) => {
    if (state.answers[i] === undefined) context.udpSend(socket, dnsPayload(dnsQuestion(question.id, question.name, question.type)));
  });
  return { ...state, socket, attempt: state.attempt + 1, timer: context.setTimer(RETRY_NS, 'retry') };
}

function retry(context: AppContext, state: State): State {
  if (state.attempt < ATTEMPTS) return ask(context, state);
  if (state.answers.some((answer) => answer !== undefined)) return print(context, state);
  context.out(';; connection timed out; no servers could be reached\n\n');
  return finish(context, state, 1);
}

function print(context: AppContext, state: State): State {
  let text = `Server:\t\t${formatIp(state.server)}\nAddress:\t${formatIp(state.server)}:${DNS_PORT}\n\n`;
  let failed = false;
  state.questions.forEach((question, i) => {
    const answer = state.answers[i];
    if (answer === undefined) text += `*** Can't find ${withoutDot(question.name)}: No answer\n\n`;
    else if (answer.rcode !== 'NOERROR') {
      text += `** server can't find ${withoutDot(question.name)}: ${answer.rcode}\n\n`;
      failed = true;
    } else {
      const own = answer.answers.map(recordText).join('');
      text += `${answer.authoritative || own === '' ? '' : 'Non-authoritative answer:\n'}${own}\n`;
    }
  });
  context.out(text);
  return finish(context, state, failed ? 1 : 0);
}

function recordText(record: DnsResourceRecord): string {
  const name = withoutDot(record.name);
  const data = withoutDot(record.data);
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return `Name:\t${name}\nAddress: ${record.data}\n`;
    case 'CNAME':
      return `${name}\tcanonical name = ${data}\n`;
    case 'PTR':
      return `${name}\tname = ${data}\n`;
    case 'NS':
      return `${name}\tnameserver = ${data}\n`;
    case 'SRV':
      return `${name}\tservice = ${data}\n`;
    case 'MX':
      return `${name}\tmail exchanger = ${data}\n`;
    case 'TXT':
      return `${name}\ttext = ${record.data}\n`;
    default:
      return '';
  }
}

function finish(context: AppContext, state: State, code: number): State {
  if (state.timer >= 0) context.cancelTimer(state.timer);
  context.exit(code);
  return { ...state, done: true };
}

export function parseBusyboxNslookupArgs(argv: readonly string[], image: string): ParseResult<BusyboxNslookupConfig | SmallNslookupConfig> {
  if (isSmallNslookup(image)) return parseSmallArgs(argv);
  const types: DnsType[] = [];
  const rest: string[] = [];
  for (const word of argv) {
    const match = /^-(?:query|querytype|type|q)=(.*)$/.exec(word);
    if (match === null) {
      rest.push(word);
      continue;
    }
    const type = parseDnsType(match[1] ?? '');
    if (type === undefined) return { ok: false, stderr: `nslookup: invalid query type "${match[1] ?? ''}"\n`, exitCode: 1 };
    types.push(type);
  }
  const parsed = parseOptions(rest, { flags: '', values: '', longFlags: ['help'] });
  const usage = 'Usage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]\n\nQuery DNS about HOST\n\nQUERY_TYPE: soa,ns,a,aaaa,cname,mx,txt,ptr,srv,any\n';
  if ('problem' in parsed) return { ok: false, stderr: optionProblemText('nslookup', parsed) + usage, exitCode: 1 };
  const [name, server] = parsed.operands;
  if (name === undefined) return { ok: false, stderr: usage, exitCode: 1 };
  return { ok: true, config: { kind: 'big', name, types, ...(server === undefined ? {} : { server }) } };
}

function parseSmallArgs(argv: readonly string[]): ParseResult<SmallNslookupConfig> {
  const [name, server] = argv;
  if (name === undefined || argv.length > 2 || name.startsWith('-'))
    return {
      ok: false,
      stderr: 'Usage: nslookup [HOST] [SERVER]\n\nQuery the nameserver for the IP address of the given HOST\noptionally using a specified DNS server\n',
      exitCode: 1,
    };
  return { ok: true, config: { kind: 'small', name, ...(server === undefined ? {} : { server }) } };
}

export const busyboxNslookupProgram = defineProgram({ app: 'busybox-nslookup', parse: (argv, { image }) => parseBusyboxNslookupArgs(argv, image) });
