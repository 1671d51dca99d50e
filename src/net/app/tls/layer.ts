/** Sockets that speak TLS, for programs that do not know how: see sessions.ts. */
import type { Prng } from '../../../base/prng.ts';
import type { Errno } from '../../stack/userland.ts';
import { bytesToText, textToBytes } from '../../wire/binary-text.ts';
import type { ArpMessage, Ip, Mac, Packet, Payload } from '../../wire/packet.ts';
import { decodeUtf8, encodeUtf8 } from '../../wire/utf8.ts';
import type {
  AppContext,
  AppEvent,
  Endpoint,
  LocalChoice,
  SctpCalls,
  SendOptions,
  SocketId,
  TcpSocketOptions,
  TlsNote,
  TlsWarning,
  UdpSocketOptions,
} from '../definition.ts';
import { type Certificate, formatName, parseCertificates } from './certificate.ts';
import { clientReceive, startClient } from './client.ts';
import { type ClientTlsConfig, findTlsName, type ServerTlsConfig, type TlsIdentityConfig } from './config.ts';
import { closeTls, type Identity, keyLog, newConnection, sendPlain, type TlsConnection, type TlsEvent, type TlsOutcome } from './connection.ts';
import { alertOf, type TlsClientOptions, type TlsServerOptions } from './judge.ts';
import { parsePrivateKey } from './keys.ts';
import { ALERT_WORDS } from './messages.ts';
import { cipherName } from './schedule.ts';
import { serverReceive } from './server.ts';
import type { TlsContext, TlsFacts, TlsLayer, TlsSession, TlsSessions } from './sessions.ts';
import { VERIFY_TEXTS, type VerifyProblem } from './verify.ts';
import { versionName } from './words.ts';

const identities = new WeakMap<TlsIdentityConfig, Identity | 'none'>();

/** Undefined where chain or key cannot be read. */
export function identityOf(config: TlsIdentityConfig): Identity | undefined {
  let found = identities.get(config);
  if (found === undefined) {
    const chain = parseCertificates(config.chain);
    const key = parsePrivateKey(config.key);
    found = chain === undefined || key === undefined ? 'none' : { chain, key };
    identities.set(config, found);
  }
  return found === 'none' ? undefined : found;
}

const bundles = new Map<string, readonly Certificate[]>();

/** The certificates of a PEM text; the latest few texts are remembered. */
export function bundleOf(text: string): readonly Certificate[] {
  let found = bundles.get(text);
  if (found === undefined) {
    found = parseCertificates(text) ?? [];
    if (bundles.size >= 64) bundles.delete(bundles.keys().next().value ?? '');
    bundles.set(text, found);
  }
  return found;
}

/** Chance of the process as bytes. */
export const randomBytes =
  (prng: Prng) =>
  (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = prng.uint32();
      for (let j = 0; j < 4 && i + j < length; j += 1) bytes[i + j] = (word >>> (8 * j)) & 255;
    }
    return bytes;
  };

const octets = (text: string): Payload => ({ bytes: text.length, octets: text });
export const payloadBytes = (payload: Payload): string => payload.octets ?? bytesToText(encodeUtf8(payload.text ?? ''));

/** Text where the bytes are text, with what is left of a letter cut in the middle. */
export function plainPayload(bytes: string): { readonly payload: Payload | undefined; readonly tail: string } {
  const whole = textToBytes(bytes) ?? new Uint8Array();
  for (let cut = 0; cut < 4 && cut < whole.length; cut += 1) {
    const text = decodeUtf8(whole.subarray(0, whole.length - cut));
    if (text !== undefined) return { payload: { bytes: whole.length - cut, text }, tail: bytes.slice(bytes.length - cut) };
  }
  return { payload: whole.length === 0 ? undefined : octets(bytes), tail: '' };
}

class Layer implements TlsContext {
  failure = '';
  readonly seen: TlsEvent[] = [];
  readonly #ended = new Map<SocketId, TlsConnection>();
  readonly #context: AppContext;
  readonly #sessions: TlsSessions;
  readonly #nowMs: number;
  readonly #plain = new Set<SocketId>();

  constructor(context: AppContext, sessions: TlsSessions, nowMs: number) {
    this.#context = context;
    this.#sessions = sessions;
    this.#nowMs = nowMs;
  }

  get #random(): (length: number) => Uint8Array {
    return randomBytes(this.#context.prng(`tls ${this.#context.processId}`));
  }

  serve(socket: SocketId, config: ServerTlsConfig): void {
    this.#sessions.set(socket, { connection: newConnection('server'), server: config, client: undefined, tail: '' });
  }

  secure(socket: SocketId, config: ClientTlsConfig): void {
    this.#sessions.set(socket, { connection: newConnection('client'), server: undefined, client: config, tail: '' });
  }

  begin(socket: SocketId, config: ClientTlsConfig): void {
    this.secure(socket, config);
    this.open({ kind: 'connected', socket });
  }

  connection(socket: SocketId): TlsConnection | undefined {
    return this.#sessions.get(socket)?.connection ?? this.#ended.get(socket);
  }

  isPlain(socket: SocketId): boolean {
    return this.#plain.has(socket);
  }

  facts(socket: SocketId): TlsFacts | undefined {
    const info = this.#sessions.get(socket)?.connection.info;
    if (info === undefined) return undefined;
    const [leaf] = info.peer;
    const [problem] = info.problems;
    return {
      serverName: info.serverName,
      clientSubject: leaf === undefined ? undefined : formatName(leaf.subject, '=', ','),
      clientUris: (leaf?.altNames ?? []).flatMap((one) => (one.kind === 'uri' ? [one.value] : [])),
      clientVerify: leaf === undefined ? 'NONE' : problem === undefined ? 'SUCCESS' : `FAILED:${VERIFY_TEXTS[problem.code] ?? ''}`,
    };
  }

  open(event: AppEvent): readonly AppEvent[] {
    if (!('socket' in event)) return [event];
    const session = this.#sessions.get(event.socket);
    if (session === undefined) return [event];
    switch (event.kind) {
      case 'connected': {
        if (session.client === undefined) return [event];
        const options = this.#clientOptions(session.client);
        return this.#take(event.socket, session, startClient(options, this.#random));
      }
      case 'data': {
        const bytes = payloadBytes(event.payload);
        const { connection, server, client } = session;
        if (connection.phase === 'ended') return [];
        const outcome =
          server !== undefined
            ? serverReceive(connection, bytes, this.#serverOptions(server), this.#random)
            : clientReceive(connection, bytes, this.#clientOptions(client ?? {}), this.#random);
        if (outcome.connection.end?.by === 'nobody' && server !== undefined) {
          this.#sessions.delete(event.socket);
          this.#plain.add(event.socket);
          return [event];
        }
        return this.#take(event.socket, session, outcome);
      }
      case 'connect-failed':
      case 'aborted':
        this.#sessions.delete(event.socket);
        return [event];
      case 'peer-closed':
        // In the middle of a handshake nobody waits for the rest.
        if (session.connection.phase === 'open' || session.connection.phase === 'ended') return [event];
        this.failure = 'unexpected eof while reading';
        this.#ended.set(event.socket, session.connection);
        this.#sessions.delete(event.socket);
        if (session.server === undefined) {
          this.#context.close(event.socket);
          return [{ kind: 'aborted', socket: event.socket, errno: 'ECONNRESET' }];
        }
        return [event];
      default:
        return [event];
    }
  }

  #clientOptions(config: ClientTlsConfig): TlsClientOptions {
    const identity = config.identity === undefined ? undefined : identityOf(config.identity);
    return {
      style: config.style ?? 'openssl',
      alpn: config.alpn ?? [],
      trusted: config.ca === undefined ? [] : bundleOf(config.ca),
      nowMs: this.#nowMs,
      verify: config.ca === undefined ? 'off' : config.insecure === true ? 'report' : 'insist',
      ...(config.serverName === undefined ? {} : { serverName: config.serverName }),
      ...(config.checkName === undefined ? {} : { checkName: config.checkName }),
      ...(identity === undefined ? {} : { identity }),
      ...(config.minVersion === undefined ? {} : { min: config.minVersion }),
      ...(config.maxVersion === undefined ? {} : { max: config.maxVersion }),
    };
  }

  #serverOptions(config: ServerTlsConfig): TlsServerOptions {
    return {
      alpn: config.alpn,
      nowMs: this.#nowMs,
      tickets: config.tickets,
      ...(config.versions === undefined ? {} : { versions: config.versions.map((one) => (one === 'TLSv1.3' ? 0x0304 : 0x0303)) }),
      choose: (name) => {
        const found = findTlsName(config.names, name);
        const wanted = found === undefined ? undefined : config.identities[found.identity];
        const identity = wanted === undefined ? undefined : identityOf(wanted);
        if (found === undefined || identity === undefined) return undefined;
        const { clients } = found;
        return {
          identity,
          index: found.identity,
          ...(clients === undefined
            ? {}
            : { clients: { mode: clients.mode, trusted: bundleOf(clients.ca), ...(clients.insecure === true ? { insecure: true } : {}) } }),
        };
      },
    };
  }

  #take(socket: SocketId, session: TlsSession, outcome: TlsOutcome): readonly AppEvent[] {
    const { connection, events } = outcome;
    this.seen.push(...events);
    for (const record of outcome.send) this.#context.tcpSend(socket, octets(record));
    for (const { message, direction } of events) {
      if (direction === 'in' && message === 1 && session.server !== undefined) this.#context.tell(chosen(session.server, connection));
    }
    if (outcome.opened) this.#context.tell(openedNote(session, connection, this.#nowMs));
    // HTTP/2 is no text, whatever its bytes look like.
    const { payload, tail } =
      connection.info.alpn === 'h2'
        ? { payload: outcome.plain === '' ? undefined : octets(outcome.plain), tail: '' }
        : plainPayload(session.tail + outcome.plain);
    this.#sessions.set(socket, { ...session, connection, tail });
    const { end } = connection;
    if (end !== undefined) return this.#end(socket, session, connection);
    const out: AppEvent[] = [];
    if (outcome.opened) out.push({ kind: 'connected', socket });
    if (payload !== undefined) out.push({ kind: 'data', socket, payload });
    return out;
  }

  #end(socket: SocketId, session: TlsSession, connection: TlsConnection): readonly AppEvent[] {
    const { end, info } = connection;
    const words = end === undefined || end.by === 'nobody' ? 'what came is no TLS' : (ALERT_WORDS[end.alert] ?? `alert ${end.alert}`);
    const problem = info.problems.find(({ code }) => end?.by === 'us' && alertOf(code) === end.alert);
    this.failure = problem === undefined ? words : (VERIFY_TEXTS[problem.code] ?? words);
    this.#context.tell({
      what: `TLS ends: ${words}`,
      why:
        end?.by === 'peer'
          ? `the other end gave up with the alert ${words}`
          : problem === undefined
            ? `${words}${info.serverName === undefined ? '' : ` (asked for ${info.serverName})`}`
            : `the certificate is not believed: ${VERIFY_TEXTS[problem.code]}${session.client?.checkName === undefined ? '' : ` (wanted: ${session.client.checkName})`}`,
      keys: keyLog(connection),
      ...(session.client === undefined ? {} : { warning: warningOf(connection, problem, this.#nowMs) }),
    });
    this.#ended.set(socket, connection);
    this.#sessions.delete(socket);
    // What was not read makes the close a reset.
    if (end?.by === 'nobody') this.#context.abort(socket);
    else this.#context.close(socket);
    return [{ kind: 'aborted', socket, errno: 'ECONNRESET' }];
  }

  tcpSend(socket: SocketId, payload: Payload): void {
    const session = this.#sessions.get(socket);
    if (session === undefined) {
      this.#context.tcpSend(socket, payload);
      return;
    }
    const outcome = sendPlain(session.connection, textToBytes(payloadBytes(payload)) ?? new Uint8Array());
    this.#sessions.set(socket, { ...session, connection: outcome.connection });
    for (const record of outcome.send) this.#context.tcpSend(socket, octets(record));
  }

  close(socket: SocketId): void {
    const session = this.#sessions.get(socket);
    if (session !== undefined) {
      const outcome = closeTls(session.connection);
      this.seen.push(...outcome.events);
      for (const record of outcome.send) this.#context.tcpSend(socket, octets(record));
      this.#sessions.delete(socket);
    }
    this.#context.close(socket);
  }

  abort(socket: SocketId): void {
    this.#sessions.delete(socket);
    this.#context.abort(socket);
  }

  // ---- all else as it is

  get nowNs(): number {
    return this.#context.nowNs;
  }
  get processId(): string {
    return this.#context.processId;
  }
  get name(): string {
    return this.#context.name;
  }
  get netns(): string {
    return this.#context.netns;
  }
  get hostname(): string {
    return this.#context.hostname;
  }
  get libc(): 'glibc' | 'musl' {
    return this.#context.libc;
  }
  file(path: string): string | undefined {
    return this.#context.file(path);
  }
  prng(name: string): Prng {
    return this.#context.prng(name);
  }
  out(text: string): void {
    this.#context.out(text);
  }
  err(text: string): void {
    this.#context.err(text);
  }
  save(text: string): void {
    this.#context.save(text);
  }
  tell(note: TlsNote): void {
    this.#context.tell(note);
  }
  exit(code: number): void {
    this.#context.exit(code);
  }
  setTimer(delayNs: number, tag: string, data?: unknown, housekeeping?: boolean): number {
    return this.#context.setTimer(delayNs, tag, data, housekeeping);
  }
  cancelTimer(id: number): void {
    this.#context.cancelTimer(id);
  }
  udpBind(ip: Ip, port: number, options?: UdpSocketOptions): SocketId | Errno {
    return this.#context.udpBind(ip, port, options);
  }
  udpConnect(to: Endpoint, from?: LocalChoice): SocketId | Errno {
    return this.#context.udpConnect(to, from);
  }
  udpSend(socket: SocketId, payload: Payload, to?: Endpoint, options?: SendOptions): 'ok' | Errno {
    return this.#context.udpSend(socket, payload, to, options);
  }
  get sctp(): SctpCalls {
    return this.#context.sctp;
  }

  tcpListen(ip: Ip, port: number, backlog: number, options?: TcpSocketOptions): SocketId | Errno {
    return this.#context.tcpListen(ip, port, backlog, options);
  }
  tcpConnect(to: Endpoint, from?: LocalChoice & TcpSocketOptions): SocketId | Errno {
    return this.#context.tcpConnect(to, from);
  }
  shutdown(socket: SocketId): void {
    this.#context.shutdown(socket);
  }
  setReading(socket: SocketId, on: boolean): void {
    this.#context.setReading(socket, on);
  }
  localEndpoint(socket: SocketId): Endpoint {
    return this.#context.localEndpoint(socket);
  }
  remoteEndpoint(socket: SocketId): Endpoint {
    return this.#context.remoteEndpoint(socket);
  }
  originalDestination(socket: SocketId): Endpoint | undefined {
    return this.#context.originalDestination(socket);
  }
  echoOpen(id: number): SocketId | Errno {
    return this.#context.echoOpen(id);
  }
  echoSend(socket: SocketId, to: Ip, sequence: number, bytes: number, options?: SendOptions): 'ok' | Errno {
    return this.#context.echoSend(socket, to, sequence, bytes, options);
  }
  rawSend(packet: Packet): 'ok' | Errno {
    return this.#context.rawSend(packet);
  }
  tap(device: string, on: boolean, promiscuous?: boolean): void {
    this.#context.tap(device, on, promiscuous);
  }
  deviceIsRaw(device: string): boolean {
    return this.#context.deviceIsRaw(device);
  }
  listenConnections(on: boolean): void {
    this.#context.listenConnections(on);
  }
  collectConnections(): void {
    this.#context.collectConnections();
  }
  deviceIndex(device: string): number | undefined {
    return this.#context.deviceIndex(device);
  }
  routeFor(to: Ip, bound?: { readonly device?: string; readonly source?: Ip }): ReturnType<AppContext['routeFor']> {
    return this.#context.routeFor(to, bound);
  }
  findDevice(name: string): ReturnType<AppContext['findDevice']> {
    return this.#context.findDevice(name);
  }
  sendArp(device: string, arp: ArpMessage, destination: Mac): 'ok' | Errno {
    return this.#context.sendArp(device, arp, destination);
  }
  isLocalAddress(ip: Ip): boolean {
    return this.#context.isLocalAddress(ip);
  }
  isBroadcast(ip: Ip): boolean {
    return this.#context.isBroadcast(ip);
  }
}

/** Which certificate a server shows, and why. */
function chosen(config: ServerTlsConfig, { info }: TlsConnection): TlsNote {
  const asked = info.serverName === undefined ? 'no server name' : `the name ${info.serverName}`;
  const found = findTlsName(config.names, info.serverName);
  const identity = found === undefined ? undefined : config.identities[found.identity];
  if (found === undefined || identity === undefined)
    return { what: 'no certificate for this name', why: `the client asks for ${asked}; no certificate here is for it` };
  return {
    what: `shows ${identity.source}`,
    why: `the client asks for ${asked}; ${found.why}`,
    ...(identity.source.includes('/') ? { objects: [identity.source] } : {}),
  };
}

/** What a browser in the client's place would have to go by. */
export function warningOf({ info, end }: TlsConnection, problem: VerifyProblem | undefined, nowMs: number): TlsWarning {
  const one = problem === undefined ? info.peer[0] : (info.chain[problem.depth] ?? info.peer[0]);
  const alert = end === undefined ? undefined : end.by === 'nobody' ? 255 : end.alert;
  return {
    code: problem?.code ?? 0,
    nowMs,
    ...(alert === undefined ? {} : { alert }),
    ...(info.serverName === undefined ? {} : { asked: info.serverName }),
    ...(one === undefined
      ? {}
      : {
          subject: formatName(one.subject),
          issuer: formatName(one.issuer),
          notBeforeMs: one.notBeforeMs,
          notAfterMs: one.notAfterMs,
          names: (one.altNames ?? []).flatMap(({ kind, value }) => (kind === 'dns' ? [String(value)] : [])),
        }),
  };
}

function openedNote(session: TlsSession, connection: TlsConnection, nowMs: number): TlsNote {
  const { info } = connection;
  const alpn = info.alpn === undefined ? '' : `, ${info.alpn} by ALPN`;
  const leaf = info.peer[0];
  const [problem] = info.problems;
  const verdict =
    session.client?.ca === undefined
      ? ', which nobody checked'
      : problem === undefined
        ? ', which is believed'
        : `, which is not believed (${VERIFY_TEXTS[problem.code]}) and taken all the same`;
  const peer =
    session.server === undefined
      ? leaf === undefined
        ? ''
        : `; the server showed ${formatName(leaf.subject)}${verdict}`
      : leaf === undefined
        ? ''
        : `; the client showed ${formatName(leaf.subject)}`;
  return {
    what: `${versionName(connection.version)} with ${info.serverName ?? 'its peer'}`,
    why: `both ends have ${cipherName(connection.suite)} keys by X25519${alpn}${peer}${session.client?.why === undefined ? '' : `; ${session.client.why}`}`,
    // Both ends have the same secrets; one line of each is enough.
    ...(session.server === undefined ? {} : { keys: keyLog(connection) }),
    ...(session.client === undefined || problem === undefined ? {} : { warning: warningOf(connection, problem, nowMs) }),
  };
}

export const tlsLayer: TlsLayer = (context, sessions, nowMs) => new Layer(context, sessions, nowMs);
