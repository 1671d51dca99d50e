/** How curl speaks TLS and tells of it. curl: lib/vtls/openssl.c, lib/vtls/vtls.c. */
import { parseIp } from '../addr/ip.ts';
import type { Errno } from '../stack/userland.ts';
import type { CurlConfig } from './curl-args.ts';
import { type CurlH2, hearCurlH2, type SentH2, sendCurlH2 } from './curl-http2.ts';
import { ERRNO_TEXTS } from './curl-text.ts';
import type { AppContext, AppEvent, SocketId } from './definition.ts';
import { certificateDate, formatName } from './tls/certificate.ts';
import type { TlsConnection } from './tls/connection.ts';
import { tlsLayer, warningOf } from './tls/layer.ts';
import { HANDSHAKE, RECORD } from './tls/messages.ts';
import { cipherName } from './tls/schedule.ts';
import type { TlsContext, TlsSessions } from './tls/sessions.ts';
import { findHostName, VERIFY_TEXTS } from './tls/verify.ts';
import { curlRecord, receivedAlert, versionName } from './tls/words.ts';

export interface HttpsManners {
  /** Sends the hello. */
  hello(config: CurlConfig, socket: SocketId, host: string): void;
  /** The records of this event, for -v. */
  print(config: CurlConfig): void;
  /** The handshake is over, or has failed (`errno`): what -v says, and the failure with curl's exit code. */
  told(
    config: CurlConfig,
    socket: SocketId,
    host: string,
    port: number,
    errno: Errno | undefined,
  ): { readonly code: number; readonly text: string } | undefined;
  /** The line of bytes that stands before what is said or heard in TLS. */
  data(config: CurlConfig, direction: '{' | '}'): void;
  /** Sends it as HTTP/2 where both ends speak it; undefined where they do not. */
  request(config: CurlConfig, socket: SocketId, head: string, scheme: string): SentH2 | undefined;
  /** Events as HTTP/1.1 would have brought them. */
  hear(event: AppEvent): readonly AppEvent[];
  /** What an alert on the open connection is to curl. */
  alertText(socket: SocketId): string | undefined;
  /** X509_V_ERR_…, 0 if all is well. */
  readonly verifyCode: number;
}

export type HttpsContext = TlsContext & { readonly https: HttpsManners };
export type CurlHttps = (context: AppContext, sessions: TlsSessions, http2: CurlH2, nowMs: number) => HttpsContext;

const LIBRARY = 'OpenSSL/3.0.19';
const ALPN: readonly string[] = ['h2', 'http/1.1'];

export const curlHttps: CurlHttps = (context, sessions, http2, nowMs) => {
  const tls = tlsLayer(context, sessions, nowMs);
  return Object.assign(tls, { https: new Manners(tls, sessions, http2, nowMs) });
};

class Manners implements HttpsManners {
  readonly #tls: TlsContext;
  readonly #sessions: TlsSessions;
  readonly #http2: CurlH2;
  readonly #nowMs: number;
  #printed = 0;
  #verifyCode = 0;

  constructor(tls: TlsContext, sessions: TlsSessions, http2: CurlH2, nowMs: number) {
    this.#http2 = http2;
    this.#nowMs = nowMs;
    this.#tls = tls;
    this.#sessions = sessions;
  }

  get verifyCode(): number {
    for (const { connection } of this.#sessions.values()) return connection.info.problems[0]?.code ?? 0;
    return this.#verifyCode;
  }

  #info(config: CurlConfig, text: string): void {
    if (config.verbose) this.#tls.err(`* ${text}\n`);
  }

  #bytes(config: CurlConfig, direction: '{' | '}', bytes: number): void {
    if (config.verbose && !config.tty) this.#tls.err(`${direction} [${bytes} bytes data]\n`);
  }

  data(config: CurlConfig, direction: '{' | '}'): void {
    if (this.#sessions.size > 0) this.#bytes(config, direction, 5);
  }

  request(config: CurlConfig, socket: SocketId, head: string, scheme: string): SentH2 | undefined {
    const agreed = this.#http2.has(socket) || this.#tls.connection(socket)?.info.alpn === 'h2' || config.http === '2-prior-knowledge';
    return agreed ? sendCurlH2(this.#tls, this.#http2, socket, head, config.data ?? '', scheme) : undefined;
  }

  hear(event: AppEvent): readonly AppEvent[] {
    return hearCurlH2(this.#tls, this.#http2, event);
  }

  hello(config: CurlConfig, socket: SocketId, host: string): void {
    const offers = config.http === '1.1' ? ALPN.slice(1) : ALPN;
    if (config.alpn) this.#info(config, `ALPN: offers ${offers.join(',')}`);
    this.#tls.begin(socket, {
      style: 'curl',
      alpn: config.alpn ? offers : [],
      ca: config.ca.text,
      ...(config.insecure ? { insecure: true } : {}),
      ...(parseIp(host) === undefined ? { serverName: host } : {}),
      ...(config.identity === undefined ? {} : { identity: config.identity }),
      ...(config.minVersion === undefined ? {} : { minVersion: config.minVersion }),
      ...(config.maxVersion === undefined ? {} : { maxVersion: config.maxVersion }),
    });
    this.print(config);
    if (config.insecure) return;
    this.#info(config, ` CAfile: ${config.ca.file}`);
    this.#info(config, ' CApath: /etc/ssl/certs');
  }

  print(config: CurlConfig): void {
    const seen = this.#tls.seen.slice(this.#printed);
    this.#printed += seen.length;
    const fresh = seen.filter((event) => !(event.direction === 'in' && event.record === RECORD.changeCipherSpec));
    fresh.forEach((event, i) => {
      const way = event.direction === 'in' ? '{' : '}';
      // The record's own header is told where nothing else was just before it.
      const first =
        i === 0 && (event.message === HANDSHAKE.clientHello || event.message === HANDSHAKE.serverHello || event.message === HANDSHAKE.newSessionTicket);
      if (first || (i === 0 && event.record === RECORD.alert)) this.#bytes(config, way, 5);
      this.#info(config, curlRecord(event));
      this.#bytes(config, way, event.bytes);
      if (event.message === HANDSHAKE.newSessionTicket && (event.sequence ?? 0) > 0) this.#info(config, 'old SSL session ID is stale, removing');
    });
  }

  told(
    config: CurlConfig,
    socket: SocketId,
    host: string,
    port: number,
    errno: Errno | undefined,
  ): { readonly code: number; readonly text: string } | undefined {
    const connection = this.#tls.connection(socket);
    const problem = connection?.info.problems[0];
    this.#verifyCode = problem?.code ?? 0;
    if (errno !== undefined || connection === undefined) {
      const text = this.#failure(connection, host, port, errno);
      this.#info(config, text.text);
      return text;
    }
    const { info } = connection;
    const [leaf] = info.peer;
    if (leaf === undefined) return undefined;
    this.#info(config, `SSL connection using ${versionName(connection.version)} / ${cipherName(connection.suite)}`);
    if (config.alpn)
      this.#info(config, info.alpn === undefined ? 'ALPN: server did not agree on a protocol. Uses default.' : `ALPN: server accepted ${info.alpn}`);
    this.#info(config, 'Server certificate:');
    this.#info(config, ` subject: ${formatName(leaf.subject, '=', '; ')}`);
    this.#info(config, ` start date: ${certificateDate(leaf.notBeforeMs)}`);
    this.#info(config, ` expire date: ${certificateDate(leaf.notAfterMs)}`);
    if (!config.insecure) {
      const fits = findHostName(leaf, host);
      const hasNames = leaf.altNames?.some(({ kind }) => kind === 'dns' || kind === 'ip') === true;
      const common = leaf.subject.findLast(({ type }) => type === 'CN')?.value;
      if (fits === undefined) {
        const kind = parseIp(host) === undefined ? 'host name' : parseIp(host) !== undefined && host.includes(':') ? 'ipv6 address' : 'ipv4 address';
        if (hasNames) this.#info(config, ` subjectAltName does not match ${host}`);
        const text = hasNames
          ? `SSL: no alternative certificate subject name matches target ${kind} '${host}'`
          : common === undefined
            ? 'SSL: unable to obtain common name from peer certificate'
            : `SSL: certificate subject name '${common}' does not match target host name '${host}'`;
        this.#info(config, text);
        this.#tls.tell({
          what: 'TLS ends: the certificate is for another name',
          why: `the handshake went well, but ${text.slice('SSL: '.length)}; the certificate is for ${(leaf.altNames ?? []).map(({ value }) => String(value)).join(', ') || common || 'nobody'}`,
          warning: { ...warningOf(connection, { code: 62, depth: 0 }, this.#nowMs), asked: host },
        });
        return { code: 60, text };
      }
      this.#info(config, hasNames ? ` subjectAltName: host "${host}" matched cert's "${fits}"` : ` common name: ${fits} (matched)`);
    }
    this.#info(config, ` issuer: ${formatName(leaf.issuer, '=', '; ')}`);
    this.#info(
      config,
      problem === undefined
        ? ' SSL certificate verify ok.'
        : ` SSL certificate verify result: ${VERIFY_TEXTS[problem.code]} (${problem.code}), continuing anyway.`,
    );
    this.#info(config, info.alpn === 'h2' ? 'using HTTP/2' : 'using HTTP/1.1');
    return undefined;
  }

  #failure(connection: TlsConnection | undefined, host: string, port: number, errno: Errno | undefined): { readonly code: number; readonly text: string } {
    const end = connection?.end;
    const problem = connection?.info.problems[0];
    if (end?.by === 'us' && problem !== undefined) return { code: 60, text: `SSL certificate problem: ${VERIFY_TEXTS[problem.code]}` };
    if (end?.by === 'peer') {
      const { code, reason } = receivedAlert(end.alert);
      return { code: 35, text: `${LIBRARY}: error:${code}:SSL routines::${reason}` };
    }
    if (end?.by === 'nobody') return { code: 35, text: `${LIBRARY}: error:0A00010B:SSL routines::wrong version number` };
    if (end?.by === 'us') return { code: 35, text: `${LIBRARY}: error:0A0000F4:SSL routines::unexpected message` };
    const reason = this.#tls.failure !== '' ? 'SSL_ERROR_SYSCALL' : (ERRNO_TEXTS[errno ?? 'ECONNRESET'] ?? 'Connection reset by peer');
    return { code: 35, text: `OpenSSL SSL_connect: ${reason} in connection to ${host}:${port} ` };
  }

  alertText(socket: SocketId): string | undefined {
    const end = this.#tls.connection(socket)?.end;
    if (end?.by !== 'peer') return undefined;
    const { code, reason } = receivedAlert(end.alert);
    return `OpenSSL SSL_read: ${LIBRARY}: error:${code}:SSL routines::${reason}, errno 0`;
  }
}
