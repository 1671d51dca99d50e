/** openssl 3.0.19: `s_client`. What needs files (req, x509, verify) is the shell's (shell/tools/openssl.ts). OpenSSL: apps/s_client.c, apps/lib/s_cb.c. */
import { parseIp } from '../addr/ip.ts';
import type { Errno } from '../stack/userland.ts';
import { DEFAULT_EPOCH_MS } from '../wire/calendar.ts';
import type { Ip } from '../wire/packet.ts';
import { servicePort } from '../wire/tcpdump/names.ts';
import { ERRNO_TEXTS } from './curl-text.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type ParseResult, type ProgramEnvironment, type SocketId } from './definition.ts';
import { textPayload } from './http-message.ts';
import { handleResolving, type Resolving, startResolving } from './resolver.ts';
import type { ClientTlsConfig } from './tls/config.ts';
import type { TlsConnection } from './tls/connection.ts';
import { tlsLayer } from './tls/layer.ts';
import { briefText, connectedText, olderSession, verifyLines, verifyResult } from './tls/s-client-text.ts';
import type { TlsContext, TlsSessions } from './tls/sessions.ts';
import { receivedAlert } from './tls/words.ts';
import { isDnsName } from './tls-client.ts';

export interface OpensslConfig {
  readonly host: string;
  readonly port: number;
  readonly serverName?: string;
  readonly alpn: readonly string[];
  /** -quiet: no report. */
  readonly quiet: boolean;
  /** -ign_eof, which -quiet implies: it stays until the server leaves, also when its input has ended. */
  readonly stays: boolean;
  readonly brief: boolean;
  readonly showCertificates: boolean;
  /** PEM of -CAfile, or of the system's. */
  readonly ca: string;
  readonly verifyHost?: string;
  /** -verify_return_error */
  readonly insist: boolean;
  readonly identity?: { readonly chain: string; readonly key: string; readonly source: string };
  /** -tls1_2, -tls1_3: that one alone. */
  readonly version?: number;
  readonly epochMs: number;
}

interface State {
  readonly resolving: Resolving | undefined;
  readonly socket: SocketId;
  readonly connected: boolean;
  readonly done: boolean;
  /** What came on standard input before there was a connection. */
  readonly typed: string;
  readonly talking: boolean;
  /** Changed in place. */
  readonly tls: TlsSessions;
}

const MAX_TYPED_CHARACTERS = 65_536;
const ERRNO_NUMBERS: Partial<Record<Errno, number>> = { ECONNREFUSED: 111, ETIMEDOUT: 110, EHOSTUNREACH: 113, ENETUNREACH: 101, ECONNRESET: 104 };

export const openssl = defineApp<State, OpensslConfig>({
  name: 'openssl',
  start: (context, config) => {
    const state: State = { resolving: undefined, socket: -1, connected: false, done: false, typed: '', talking: false, tls: new Map() };
    const ip = parseIp(config.host);
    if (ip !== undefined) return connect(context, config, state, ip);
    return resolved(context, config, { ...state, resolving: startResolving(context, config.host) });
  },
  handle: (plain, state, event, config) => {
    const context = tlsLayer(plain, state.tls, config.epochMs + Math.floor(plain.nowNs / 1e6));
    return context.open(event).reduce((current, one) => step(context, current, one, config), state);
  },
  copy: (state) => ({ ...state, tls: new Map(state.tls) }),
});

function step(context: TlsContext, state: State, event: AppEvent, config: OpensslConfig): State {
  if (state.done) return state;
  if (event.kind === 'signal') {
    context.exit(130);
    return { ...state, done: true };
  }
  if (event.kind === 'stdin') {
    if (!state.talking) return { ...state, typed: (state.typed + event.text).slice(0, MAX_TYPED_CHARACTERS) };
    context.tcpSend(state.socket, textPayload(event.text));
    return state;
  }
  if (state.resolving !== undefined) {
    const resolving = handleResolving(context, state.resolving, event);
    return resolving === state.resolving ? state : resolved(context, config, { ...state, resolving });
  }
  return 'socket' in event && event.socket === state.socket ? talk(context, config, state, event) : state;
}

function resolved(context: AppContext, config: OpensslConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (!result.ok) {
    context.err(
      `${thread(context)}:error:10080002:BIO routines:BIO_lookup_ex:system lib:../crypto/bio/bio_addr.c:738:Name or service not known\nconnect:errno=0\n`,
    );
    return finish(context, state, 1);
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
  return finish(context, state, 1);
}

function talk(context: TlsContext, config: OpensslConfig, state: State, event: AppEvent): State {
  if (state.talking) return converse(context, state, event);
  switch (event.kind) {
    case 'connected':
      return state.connected ? opened(context, config, state) : begin(context, config, state);
    case 'connect-failed':
      return refused(context, state, event.errno);
    case 'aborted':
      return state.connected ? failed(context, config, state, event.errno) : refused(context, state, event.errno);
    default:
      return state;
  }
}

function begin(context: TlsContext, config: OpensslConfig, state: State): State {
  const { serverName, verifyHost, identity } = config;
  const options: ClientTlsConfig = {
    alpn: config.alpn,
    ca: config.ca,
    ...(config.insist ? {} : { insecure: true }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(verifyHost === undefined ? {} : { checkName: verifyHost }),
    ...(identity === undefined ? {} : { identity }),
    ...(config.version === undefined ? {} : { minVersion: config.version, maxVersion: config.version }),
  };
  context.begin(state.socket, options);
  if (!config.brief && !config.quiet) context.out('CONNECTED(00000003)\n');
  return { ...state, connected: true };
}

function opened(context: TlsContext, config: OpensslConfig, state: State): State {
  const connection = context.connection(state.socket);
  if (connection === undefined) return state;
  if (config.serverName === undefined) context.err("Can't use SSL_get_servername\n");
  context.err(verifyLines(connection.info, config.brief));
  if (config.brief) context.err(briefText(connection));
  else if (!config.quiet) context.out(connectedText(connection, config.showCertificates, config.epochMs + Math.floor(context.nowNs / 1e6)));
  if (state.typed !== '') context.tcpSend(state.socket, textPayload(state.typed));
  if (state.typed !== '' && config.stays) return { ...state, typed: '', talking: true };
  // Its standard input has ended.
  context.err('DONE\n');
  context.close(state.socket);
  return finish(context, { ...state, socket: -1 }, 0);
}

/** What the server says is printed until it leaves. */
function converse(context: TlsContext, state: State, event: AppEvent): State {
  if (event.kind === 'data') context.out(event.payload.text ?? '');
  if (event.kind !== 'peer-closed' && event.kind !== 'aborted') return state;
  if (event.kind === 'peer-closed') context.close(state.socket);
  else context.err(`read:errno=${ERRNO_NUMBERS[event.errno] ?? 104}\n`);
  return finish(context, { ...state, socket: -1 }, event.kind === 'aborted' ? 1 : 0);
}

/** Where OpenSSL reports each failure from. */
function failureOf(context: TlsContext, connection: TlsConnection | undefined): string | undefined {
  const end = connection?.end;
  if (end?.by === 'nobody') return 'error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../ssl/record/ssl3_record.c:350:';
  if (end?.by === 'us')
    return (connection?.info.problems.length ?? 0) > 0
      ? 'error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:1889:'
      : 'error:0A0000F4:SSL routines:ossl_statem_client_read_transition:unexpected message:../ssl/statem/statem_clnt.c:398:';
  if (end?.by === 'peer') {
    const { code, reason } = receivedAlert(end.alert);
    return `error:${code}:SSL routines:ssl3_read_bytes:${reason}:../ssl/record/rec_layer_s3.c:1601:SSL alert number ${end.alert}`;
  }
  return context.failure === '' ? undefined : 'error:0A000126:SSL routines:ssl3_read_n:unexpected eof while reading:../ssl/record/rec_layer_s3.c:318:';
}

function failed(context: TlsContext, config: OpensslConfig, state: State, errno: Errno): State {
  const connection = context.connection(state.socket);
  const failure = failureOf(context, connection);
  if (connection !== undefined) context.err(verifyLines(connection.info, config.brief));
  context.err(failure === undefined ? `write:errno=${ERRNO_NUMBERS[errno] ?? 104}\n` : `${thread(context)}:${failure}\n`);
  if (!config.quiet && !config.brief) report(context, config, connection);
  return finish(context, { ...state, socket: -1 }, 1);
}

function report(context: AppContext, config: OpensslConfig, connection: TlsConnection | undefined): void {
  const result = verifyResult(connection?.info.problems ?? []);
  context.out(
    `---\nno peer certificate available\n---\nNo client certificate CA names sent\n---\nSSL handshake has read ${connection?.readBytes ?? 0} bytes and written ${connection?.writtenBytes ?? 0} bytes\n` +
      `Verification${result.code === 0 ? ': OK' : ` error: ${result.text}`}\n---\nNew, (NONE), Cipher is (NONE)\nSecure Renegotiation IS NOT supported\nCompression: NONE\nExpansion: NONE\nNo ALPN negotiated\n` +
      (config.version === 0x0303
        ? olderSession(connection, result, config.epochMs + Math.floor(context.nowNs / 1e6))
        : `Early data was not sent\nVerify return code: ${result.code} (${result.text})\n---\n`),
  );
}

/** OpenSSL begins its error lines with the bytes of a thread's id. */
function thread(context: AppContext): string {
  return `40${context.prng(`openssl ${context.processId}`).below(0x1000000).toString(16).toUpperCase().padStart(6, '0')}F97F0000`;
}

function finish(context: AppContext, state: State, code: number): State {
  context.exit(code);
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
  '-prexit',
  '-status',
  '-tlsextdebug',
  '-verify_quiet',
  '-verify_return_error',
  '-no-CApath',
]);
const VALUES: ReadonlySet<string> = new Set([
  '-connect',
  '-servername',
  '-alpn',
  '-CAfile',
  '-CApath',
  '-verify',
  '-verify_hostname',
  '-host',
  '-port',
  '-cert',
  '-key',
]);

export function parseOpensslArgs(argv: readonly string[], environment: ProgramEnvironment): ParseResult<OpensslConfig> {
  const bad = (stderr: string, exitCode = 1): ParseResult<OpensslConfig> => ({ ok: false, stderr, exitCode });
  if (argv[0] !== 's_client') return bad(argv[0] === undefined ? 'openssl: a command is needed\n' : `openssl: ${argv[0]} is not simulated in Kubehop\n`);
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
  const name = given.get('-servername') ?? (isDnsName(host) ? host : undefined);
  const read = (file: string): string | undefined => environment.readFile?.(file);
  const caFile = given.get('-CAfile');
  const ca = read(caFile ?? '/etc/ssl/certs/ca-certificates.crt');
  if (caFile !== undefined && ca === undefined) return bad(`Could not open file or uri for loading CAs from ${caFile}\n`);
  const certFile = given.get('-cert');
  const keyFile = given.get('-key') ?? certFile;
  const [chain, key] = [certFile === undefined ? undefined : read(certFile), keyFile === undefined ? undefined : read(keyFile)];
  if (certFile !== undefined && chain === undefined)
    return bad(`Could not open file or uri for loading client certificate from ${certFile}\nunable to load client certificate\n`);
  if (keyFile !== undefined && key === undefined) return bad(`Could not open file or uri for loading client certificate private key from ${keyFile}\n`);
  const verifyHost = given.get('-verify_hostname');
  return {
    ok: true,
    config: {
      host: host === '' ? 'localhost' : host,
      port,
      alpn: (given.get('-alpn') ?? '').split(',').filter((one) => one !== ''),
      quiet: given.has('-quiet'),
      stays: (given.has('-quiet') || given.has('-ign_eof')) && !given.has('-no_ign_eof'),
      brief: given.has('-brief'),
      showCertificates: given.has('-showcerts'),
      insist: given.has('-verify_return_error'),
      ca: ca ?? '',
      epochMs: environment.epochMs ?? DEFAULT_EPOCH_MS,
      ...(given.has('-tls1_2') ? { version: 0x0303 } : given.has('-tls1_3') ? { version: 0x0304 } : {}),
      ...(verifyHost === undefined ? {} : { verifyHost }),
      ...(chain === undefined || key === undefined ? {} : { identity: { chain, key, source: certFile ?? '' } }),
      ...(name === undefined || name === '' || given.has('-noservername') ? {} : { serverName: name }),
    },
  };
}

export const opensslProgram = defineProgram({ app: 'openssl', parse: parseOpensslArgs });
