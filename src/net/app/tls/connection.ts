/** One end of a TLS connection, as plain data, and the hands that work on it for the time of one event. RFC 8446, RFC 5246. */
import { bytesToText, textToBytes } from '../../wire/binary-text.ts';
import type { Certificate, DistinguishedName } from './certificate.ts';
import { concatBytes } from './der.ts';
import type { PrivateKey } from './keys.ts';
import { ALERT, HANDSHAKE, RECORD } from './messages.ts';
import { type HandshakeSecrets, HEADER_BYTES, hashOf, MAX_RECORD_BYTES, nextKey, seal, type TrafficKey, type TrafficSecrets, unseal } from './schedule.ts';
import type { VerifyProblem } from './verify.ts';

/** What an end shows to prove who it is: the chain, the shown one first, and the key of that one. */
export interface Identity {
  readonly chain: readonly Certificate[];
  readonly key: PrivateKey;
}

/** A record's part that went by, in order, for those who tell of it (curl -v, s_client). */
export interface TlsEvent {
  readonly direction: 'in' | 'out';
  readonly record: number;
  /** Of handshake records. */
  readonly message?: number;
  readonly alert?: number;
  /** Of the message, without the record's header. */
  readonly bytes: number;
  /** Of sealed records that came: which one by this key, from 0. */
  readonly sequence?: number;
  /** The record was encrypted. */
  readonly sealed: boolean;
  /** What was agreed on when it went by; before that, the newest that this end can do. */
  readonly version: number;
}

/** What is known of a connection once it is open, or was when it ended. */
export interface TlsInfo {
  /** What the client asked for. */
  readonly serverName?: string;
  readonly alpn?: string;
  readonly offered: readonly string[];
  /** The other end's certificates. */
  readonly peer: readonly Certificate[];
  readonly problems: readonly VerifyProblem[];
  readonly chain: readonly Certificate[];
  /** Of the peer's CertificateVerify. */
  readonly scheme?: number;
  /** Subjects of those whose certificates the server wants. */
  readonly wanted?: readonly Uint8Array[];
  readonly wantedNames?: readonly DistinguishedName[];
  /** Index into the server's identities. */
  readonly identity?: number;
}

export type TlsEnd =
  /** We gave up, and said so. */
  | { readonly by: 'us'; readonly alert: number }
  | { readonly by: 'peer'; readonly alert: number }
  /** The first bytes are no TLS. */
  | { readonly by: 'nobody'; readonly bytes: number };

export interface OlderSecrets {
  readonly serverRandom: Uint8Array;
  readonly sessionId: Uint8Array;
  /** The secret of the key exchange, then the master secret. */
  readonly secret: Uint8Array;
  readonly isMaster: boolean;
  readonly extendedMaster: boolean;
  /** Holds from the peer's ChangeCipherSpec on. */
  readonly nextRead: TrafficKey | undefined;
}

export interface TlsConnection {
  readonly role: 'client' | 'server';
  /** What is waited for. */
  readonly phase: 'hello' | 'parameters' | 'certificate' | 'key-exchange' | 'hello-done' | 'certificate-verify' | 'finished' | 'open' | 'ended';
  /** What both ends agreed on (0x0304: TLS 1.3); before that the newest that this end can do. */
  readonly version: number;
  /** The cipher suite; 0 before there is one. */
  readonly suite: number;
  /** Bytes of a record that is not whole yet. */
  readonly received: string;
  /** Of a handshake message that is not whole yet. */
  readonly partial: Uint8Array;
  readonly transcript: Uint8Array;
  readonly read: TrafficKey | undefined;
  readonly write: TrafficKey | undefined;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Of the client: what key logs go by. */
  readonly random: Uint8Array;
  readonly shareNumber: number;
  /** What TLS 1.2 alone needs to remember. */
  readonly older: OlderSecrets | undefined;
  readonly secrets: HandshakeSecrets | undefined;
  readonly application: TrafficSecrets | undefined;
  readonly info: TlsInfo;
  readonly end: TlsEnd | undefined;
}

const EMPTY = new Uint8Array();

export const newConnection = (role: TlsConnection['role'], version = 0x0304): TlsConnection => ({
  role,
  phase: 'hello',
  version,
  suite: 0,
  received: '',
  partial: EMPTY,
  transcript: EMPTY,
  read: undefined,
  write: undefined,
  readBytes: 0,
  writtenBytes: 0,
  random: EMPTY,
  shareNumber: 0,
  older: undefined,
  secrets: undefined,
  application: undefined,
  info: { offered: [], peer: [], problems: [], chain: [] },
  end: undefined,
});

/** What came of some bytes. */
export interface TlsOutcome {
  readonly connection: TlsConnection;
  /** To be sent, in writes of its own. */
  readonly send: readonly string[];
  /** What the peer's program said, a character a byte. */
  readonly plain: string;
  readonly events: readonly TlsEvent[];
  readonly opened: boolean;
  /** The peer says that nothing more comes. */
  readonly closed: boolean;
}

/** A connection while one event is worked on. */
export class Work {
  state: TlsConnection;
  readonly events: TlsEvent[] = [];
  readonly #send: string[] = [];
  #flight = '';
  plain = '';
  opened = false;
  closed = false;

  constructor(state: TlsConnection) {
    this.state = state;
  }

  set(changes: Partial<TlsConnection>): void {
    this.state = { ...this.state, ...changes };
  }

  get transcriptHash(): Uint8Array {
    return hashOf(this.state.transcript);
  }

  #write(type: number, content: Uint8Array, version = 3): void {
    const { write } = this.state;
    const record =
      write === undefined || type === RECORD.changeCipherSpec
        ? bytesToText(Uint8Array.of(type, 3, version, content.length >> 8, content.length & 255)) + bytesToText(content)
        : seal(write, type, content);
    if (write !== undefined && type !== RECORD.changeCipherSpec) this.set({ write: nextKey(write) });
    this.#flight += record;
    this.set({ writtenBytes: this.state.writtenBytes + record.length });
  }

  #note(direction: 'in' | 'out', record: number, bytes: number, sealed: boolean, more: Pick<TlsEvent, 'message' | 'alert' | 'sequence'> = {}): void {
    this.events.push({ direction, record, bytes, sealed, version: this.state.version, ...more });
  }

  /** A handshake message in a record of its own. */
  handshake(message: Uint8Array, inTranscript = true): void {
    this.#note('out', RECORD.handshake, message.length, this.state.write !== undefined, { message: message[0] ?? 0 });
    if (inTranscript) this.set({ transcript: concatBytes(this.state.transcript, message) });
    for (let at = 0; at < message.length; at += MAX_RECORD_BYTES)
      this.#write(RECORD.handshake, message.subarray(at, at + MAX_RECORD_BYTES), message[0] === HANDSHAKE.clientHello ? 1 : 3);
  }

  changeCipherSpec(): void {
    this.#note('out', RECORD.changeCipherSpec, 1, false);
    this.#write(RECORD.changeCipherSpec, Uint8Array.of(1));
  }

  alert(description: number): void {
    const level = description === ALERT.closeNotify ? 1 : 2;
    this.#note('out', RECORD.alert, 2, this.state.write !== undefined, { alert: description });
    this.#write(RECORD.alert, Uint8Array.of(level, description));
  }

  /** Gives up. */
  fail(description: number): void {
    this.alert(description);
    this.set({ phase: 'ended', end: { by: 'us', alert: description } });
  }

  data(content: Uint8Array): void {
    for (let at = 0; at < content.length || at === 0; at += MAX_RECORD_BYTES) this.#write(RECORD.applicationData, content.subarray(at, at + MAX_RECORD_BYTES));
    this.flush();
  }

  flush(): void {
    if (this.#flight !== '') this.#send.push(this.#flight);
    this.#flight = '';
  }

  /** Takes whole records from the bytes received; `onMessage` sees handshake messages. */
  receive(octets: string, onMessage: (type: number, body: Uint8Array, whole: Uint8Array) => void): void {
    this.set({ received: this.state.received + octets });
    while (this.state.phase !== 'ended') {
      const { received, read } = this.state;
      if (received.length < HEADER_BYTES) break;
      const [type, major, length] = [received.charCodeAt(0), received.charCodeAt(1), (received.charCodeAt(3) << 8) | received.charCodeAt(4)];
      if (type < 20 || type > 23 || major !== 3) {
        this.set({ phase: 'ended', end: { by: 'nobody', bytes: HEADER_BYTES }, readBytes: this.state.readBytes + HEADER_BYTES });
        break;
      }
      if (length > MAX_RECORD_BYTES + 256) {
        this.fail(ALERT.decodeError);
        break;
      }
      if (received.length < HEADER_BYTES + length) break;
      const header = received.slice(0, HEADER_BYTES);
      const body = received.slice(HEADER_BYTES, HEADER_BYTES + length);
      this.set({ received: received.slice(HEADER_BYTES + length), readBytes: this.state.readBytes + HEADER_BYTES + length });
      if (type === RECORD.changeCipherSpec) {
        this.#note('in', RECORD.changeCipherSpec, 1, false);
        const { older } = this.state;
        if (older?.nextRead !== undefined) this.set({ read: older.nextRead, older: { ...older, nextRead: undefined } });
        continue;
      }
      // An alert of a client that does not believe the server comes before it has turned to its keys.
      const isOpen = read === undefined || (read.older !== true && type !== RECORD.applicationData);
      const opened = isOpen ? { type, content: textToBytes(body) ?? EMPTY } : unseal(read, header, body);
      if (opened === undefined) {
        this.fail(ALERT.badRecordMac);
        break;
      }
      if (!isOpen) this.set({ read: nextKey(read) });
      this.#record(opened.type, opened.content, !isOpen, onMessage);
    }
    this.flush();
  }

  #record(type: number, content: Uint8Array, sealed: boolean, onMessage: (type: number, body: Uint8Array, whole: Uint8Array) => void): void {
    if (type === RECORD.alert) {
      const description = content[1] ?? 0;
      this.#note('in', RECORD.alert, content.length, sealed, { alert: description });
      if (description === ALERT.closeNotify) this.closed = true;
      else this.set({ phase: 'ended', end: { by: 'peer', alert: description } });
    } else if (type === RECORD.applicationData) {
      if (this.state.phase === 'open') this.plain += bytesToText(content);
      else this.fail(ALERT.unexpectedMessage);
    } else if (type === RECORD.handshake) {
      let bytes = concatBytes(this.state.partial, content);
      while (bytes.length >= 4 && this.state.phase !== 'ended') {
        const length = 4 + (((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0));
        if (length > 4 + 65_536) {
          this.fail(ALERT.decodeError);
          break;
        }
        if (bytes.length < length) break;
        const whole = bytes.slice(0, length);
        bytes = bytes.slice(length);
        const { read } = this.state;
        this.#note('in', RECORD.handshake, length, sealed, { message: whole[0] ?? 0, ...(read === undefined ? {} : { sequence: read.sequence - 1 }) });
        onMessage(whole[0] ?? 0, whole.subarray(4), whole);
      }
      this.set({ partial: bytes });
    }
  }

  outcome(): TlsOutcome {
    this.flush();
    return { connection: this.state, send: this.#send, plain: this.plain, events: this.events, opened: this.opened, closed: this.closed };
  }
}

/** What a program says, sealed. */
export function sendPlain(connection: TlsConnection, content: Uint8Array): TlsOutcome {
  const work = new Work(connection);
  if (connection.phase === 'open') work.data(content);
  return work.outcome();
}

/** close_notify, where the connection is still good. */
export function closeTls(connection: TlsConnection): TlsOutcome {
  const work = new Work(connection);
  if (connection.phase === 'open') {
    work.alert(ALERT.closeNotify);
    work.set({ phase: 'ended' });
  }
  return work.outcome();
}

const hex = (bytes: Uint8Array): string => {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
};

/** The connection's secrets as lines of an SSLKEYLOGFILE (draft-ietf-tls-keylogfile). */
export function keyLog({ random, secrets, application, older }: TlsConnection): string {
  if (older !== undefined) return older.isMaster ? `CLIENT_RANDOM ${hex(random)} ${hex(older.secret)}\n` : '';
  const lines: [string, Uint8Array | undefined][] = [
    ['CLIENT_HANDSHAKE_TRAFFIC_SECRET', secrets?.client],
    ['SERVER_HANDSHAKE_TRAFFIC_SECRET', secrets?.server],
    ['CLIENT_TRAFFIC_SECRET_0', application?.client],
    ['SERVER_TRAFFIC_SECRET_0', application?.server],
  ];
  return lines.map(([label, secret]) => (secret === undefined ? '' : `${label} ${hex(random)} ${hex(secret)}\n`)).join('');
}
