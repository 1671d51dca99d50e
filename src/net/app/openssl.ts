/** openssl 3.0.19: `s_client`, which sends a ClientHello and shows what it gets; other commands are not simulated. */
import { parseIp } from '../addr/ip.ts';
import type { Errno } from '../stack/userland.ts';
import type { Ip } from '../wire/packet.ts';
import { servicePort } from '../wire/tcpdump/names.ts';
import { ERRNO_TEXTS } from './curl-text.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type ParseResult, type SocketId } from './definition.ts';
import { handleResolving, type Resolving, startResolving } from './resolver.ts';
import { helloPayload, isDnsName, judgeAnswer, streamText, type TlsFailure, UNEXPECTED_EOF } from './tls-client.ts';

export interface OpensslConfig {
  readonly host: string;
  readonly port: number;
  readonly serverName?: string;
  readonly alpn: readonly string[];
  /** -quiet, -brief: no report. */
  readonly quiet: boolean;
}

interface State {
  readonly resolving: Resolving | undefined;
  readonly socket: SocketId;
  readonly writtenBytes: number;
  readonly received: string;
  readonly done: boolean;
}

const ERRNO_NUMBERS: Partial<Record<Errno, number>> = { ECONNREFUSED: 111, ETIMEDOUT: 110, EHOSTUNREACH: 113, ENETUNREACH: 101, ECONNRESET: 104 };

export const openssl = defineApp<State, OpensslConfig>({
  name: 'openssl',
  start: (context, config) => {
    const state: State = { resolving: undefined, socket: -1, writtenBytes: 0, received: '', done: false };
    const ip = parseIp(config.host);
    if (ip !== undefined) return connect(context, config, state, ip);
    return resolved(context, config, { ...state, resolving: startResolving(context, config.host) });
  },
  handle: (context, state, event, config) => {
    if (state.done) return state;
    if (event.kind === 'signal') {
      context.exit(130);
      return { ...state, done: true };
    }
    if (state.resolving !== undefined) {
      const resolving = handleResolving(context, state.resolving, event);
      return resolving === state.resolving ? state : resolved(context, config, { ...state, resolving });
    }
    return 'socket' in event && event.socket === state.socket ? talk(context, config, state, event) : state;
  },
});

function resolved(context: AppContext, config: OpensslConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (!result.ok) {
    context.err(
      `${thread(context)}:error:10080002:BIO routines:BIO_lookup_ex:system lib:../crypto/bio/bio_addr.c:738:Name or service not known\nconnect:errno=0\n`,
    );
    return finish(context, state);
  }
  return connect(context, config, { ...state, resolving: undefined }, result.addresses[0] as Ip);
}

function connect(context: AppContext, config: OpensslConfig, state: State, ip: Ip): State {
  const socket = context.tcpConnect({ ip, port: config.port });
  return typeof socket === 'string' ? refused(context, state, socket) : { ...state, socket };
}

function refused(context: AppContext, state: State, errno: Errno): State {
  const number = ERRNO_NUMBERS[errno] ?? 0;
  const id = thread(context);
  context.err(
    `${id}:error:800000${number.toString(16).toUpperCase().padStart(2, '0')}:system library:BIO_connect:${ERRNO_TEXTS[errno] ?? errno}:../crypto/bio/bio_sock2.c:117:calling connect()\n` +
      `${id}:error:10000067:BIO routines:BIO_connect:connect error:../crypto/bio/bio_sock2.c:119:\nconnect:errno=${number}\n`,
  );
  return finish(context, state);
}

function talk(context: AppContext, config: OpensslConfig, state: State, event: AppEvent): State {
  switch (event.kind) {
    case 'connected': {
      const name = config.serverName ?? (isDnsName(config.host) ? config.host : undefined);
      const hello = helloPayload(context, { style: 'openssl', alpn: config.alpn, ...(name === undefined || name === '' ? {} : { serverName: name }) });
      context.tcpSend(state.socket, hello);
      context.out('CONNECTED(00000003)\n');
      return { ...state, writtenBytes: hello.bytes };
    }
    case 'connect-failed':
      return refused(context, state, event.errno);
    case 'data': {
      const received = state.received + streamText(event.payload);
      const failure = judgeAnswer(received);
      return failure === undefined ? { ...state, received } : failed(context, config, state, failure);
    }
    case 'peer-closed':
      return failed(context, config, state, UNEXPECTED_EOF);
    case 'aborted':
      if (state.writtenBytes === 0) return refused(context, state, event.errno);
      context.err(`write:errno=${ERRNO_NUMBERS[event.errno] ?? 104}\n`);
      report(context, config, state.writtenBytes, 0);
      return finish(context, { ...state, socket: -1 });
    default:
      return state;
  }
}

function failed(context: AppContext, config: OpensslConfig, state: State, failure: TlsFailure): State {
  context.err(`${thread(context)}:error:${failure.code}:SSL routines:${failure.where}:\n`);
  let { writtenBytes } = state;
  if (failure.alert !== undefined) {
    context.tcpSend(state.socket, failure.alert);
    writtenBytes += failure.alert.bytes;
  }
  report(context, config, writtenBytes, failure.readBytes);
  // What was not read makes the close a reset.
  if (failure.alert === undefined) context.abort(state.socket);
  else context.close(state.socket);
  return finish(context, { ...state, socket: -1 });
}

function report(context: AppContext, config: OpensslConfig, writtenBytes: number, readBytes: number): void {
  if (config.quiet) return;
  context.out(
    `---\nno peer certificate available\n---\nNo client certificate CA names sent\n---\nSSL handshake has read ${readBytes} bytes and written ${writtenBytes} bytes\n` +
      'Verification: OK\n---\nNew, (NONE), Cipher is (NONE)\nSecure Renegotiation IS NOT supported\nCompression: NONE\nExpansion: NONE\nNo ALPN negotiated\n' +
      'Early data was not sent\nVerify return code: 0 (ok)\n---\n',
  );
}

/** OpenSSL begins its error lines with the bytes of a thread's id. */
function thread(context: AppContext): string {
  return `40${context.prng(`openssl ${context.processId}`).below(0x1000000).toString(16).toUpperCase().padStart(6, '0')}F97F0000`;
}

function finish(context: AppContext, state: State): State {
  context.exit(1);
  return { ...state, resolving: undefined, done: true };
}

const FLAGS: ReadonlySet<string> = new Set([
  '-quiet',
  '-brief',
  '-showcerts',
  '-noservername',
  '-tls1_2',
  '-tls1_3',
  '-ign_eof',
  '-no_ign_eof',
  '-4',
  '-debug',
  '-msg',
  '-state',
]);
const VALUES: ReadonlySet<string> = new Set(['-connect', '-servername', '-alpn', '-CAfile', '-CApath', '-verify', '-host', '-port']);

export function parseOpensslArgs(argv: readonly string[]): ParseResult<OpensslConfig> {
  const bad = (stderr: string, exitCode = 1): ParseResult<OpensslConfig> => ({ ok: false, stderr, exitCode });
  if (argv[0] === 'version') return { ok: false, stdout: 'OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19 27 Jan 2026)\n', stderr: '', exitCode: 0 };
  if (argv[0] !== 's_client')
    return bad(argv[0] === undefined ? 'openssl: a command is needed: s_client\n' : `openssl: ${argv[0]} is not simulated in Kubehop\n`);
  const given = new Map<string, string>();
  for (let i = 1; i < argv.length; i += 1) {
    const word = (argv[i] as string).replace(/^--/, '-');
    if (FLAGS.has(word)) given.set(word, '');
    else if (VALUES.has(word)) {
      const value = argv[i + 1];
      if (value === undefined) return bad(`s_client: Option ${word} needs a value\ns_client: Use -help for summary.\n`);
      given.set(word, value);
      i += 1;
    } else if (word.startsWith('-')) return bad(`s_client: Unknown option: ${word.slice(1)}\ns_client: Use -help for summary.\n`);
    else given.set('-connect', word);
  }
  const target = given.get('-connect') ?? `${given.get('-host') ?? 'localhost'}:${given.get('-port') ?? '4433'}`;
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]*)):(.+)$/.exec(target);
  const host = match?.[1] ?? match?.[2] ?? target;
  const portText = match?.[3] ?? '4433';
  const port = /^\d+$/.test(portText) ? Number(portText) : servicePort(portText);
  if (port === undefined || port < 1 || port > 65535) return bad('s_client: -connect argument or target parameter malformed or ambiguous\n');
  const serverName = given.has('-noservername') ? '' : given.get('-servername');
  return {
    ok: true,
    config: {
      host: host === '' ? 'localhost' : host,
      port,
      alpn: (given.get('-alpn') ?? '').split(',').filter((name) => name !== ''),
      quiet: given.has('-quiet') || given.has('-brief'),
      ...(serverName === undefined ? {} : { serverName }),
    },
  };
}

export const opensslProgram = defineProgram({ app: 'openssl', parse: parseOpensslArgs });
