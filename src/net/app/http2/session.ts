/** One end of an HTTP/2 connection as plain data: frames in, whole messages out, and the other way round, within the windows (RFC 9113). */
import type { HttpHeader } from '../http-message.ts';
import { decodeHeaders, encodeHeaders, type HeaderTable } from './hpack.ts';

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;

const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const PADDED = 8;
const PRIORITY = 32;

const FRAME_HEAD = 9;
const MAX_FRAME = 16_384;
const START_WINDOW = 65_535;
const MAX_STREAMS = 1000;
const MAX_MESSAGE = 16 * 1024 * 1024;

/** Error codes of RFC 9113 section 7. */
export const H2_ERROR = { none: 0, protocol: 1, internal: 2, flow: 3, frameSize: 6, refused: 7, cancel: 8, compression: 9 } as const;

/** Octets are characters U+0000 to U+00FF, also in `body`. */
export interface H2Message {
  /** With `:method`, `:status` and their like first. */
  readonly headers: readonly HttpHeader[];
  readonly body: string;
  /** Behind the body; undefined where there are none. */
  readonly trailers: readonly HttpHeader[] | undefined;
}

interface Stream {
  readonly headers: readonly HttpHeader[] | undefined;
  readonly body: string;
  readonly trailers: readonly HttpHeader[] | undefined;
  /** What the other end may still be sent. */
  readonly window: number;
  readonly waiting: string;
  readonly waitingTrailers: readonly HttpHeader[] | undefined;
  /** Our message has not gone out whole. */
  readonly sending: boolean;
  readonly heard: boolean;
}

export interface H2Session {
  readonly role: 'client' | 'server';
  readonly buffer: string;
  /** A server has seen the client's first words. */
  readonly begun: boolean;
  readonly decoding: HeaderTable;
  readonly encoding: HeaderTable;
  readonly streams: ReadonlyMap<number, Stream>;
  readonly nextStream: number;
  /** Of the whole connection. */
  readonly window: number;
  /** What new streams begin with, as the other end wants it. */
  readonly startWindow: number;
  /** A header block that goes on in CONTINUATION frames. */
  readonly block: { readonly stream: number; readonly octets: string; readonly ends: boolean } | undefined;
  /** The other end says goodbye. */
  readonly goingAway: boolean;
}

export interface H2Outcome {
  readonly session: H2Session;
  /** Octets to send. */
  readonly send: string;
  readonly messages: readonly { readonly stream: number; readonly message: H2Message }[];
  readonly resets: readonly { readonly stream: number; readonly code: number }[];
  /** The connection cannot go on. */
  readonly failed: boolean;
}

const octet = (value: number): string => String.fromCharCode(value & 255);
const word = (value: number): string => octet(value >>> 24) + octet(value >>> 16) + octet(value >>> 8) + octet(value);
const readWord = (text: string, at: number): number =>
  ((text.charCodeAt(at) << 24) | (text.charCodeAt(at + 1) << 16) | (text.charCodeAt(at + 2) << 8) | text.charCodeAt(at + 3)) >>> 0;
const frame = (type: number, flags: number, stream: number, payload: string): string =>
  octet(payload.length >>> 16) + octet(payload.length >>> 8) + octet(payload.length) + octet(type) + octet(flags) + word(stream) + payload;

/** SETTINGS_MAX_CONCURRENT_STREAMS of a server, SETTINGS_ENABLE_PUSH 0 of a client. */
const settings = (role: H2Session['role']): string => frame(SETTINGS, 0, 0, role === 'client' ? `\u0000\u0002${word(0)}` : `\u0000\u0003${word(MAX_STREAMS)}`);

export function startH2(role: H2Session['role']): { readonly session: H2Session; readonly send: string } {
  const session: H2Session = {
    role,
    buffer: '',
    begun: role === 'client',
    decoding: [],
    encoding: [],
    streams: new Map(),
    nextStream: role === 'client' ? 1 : 2,
    window: START_WINDOW,
    startWindow: START_WINDOW,
    block: undefined,
    goingAway: false,
  };
  return { session, send: role === 'client' ? PREFACE + settings(role) : settings(role) };
}

const newStream = (window: number): Stream => ({
  headers: undefined,
  body: '',
  trailers: undefined,
  window,
  waiting: '',
  waitingTrailers: undefined,
  sending: false,
  heard: false,
});

/** What changes while frames are read or written. */
class Turn {
  session: H2Session;
  send = '';
  failed = false;
  readonly streams: Map<number, Stream>;
  readonly messages: { stream: number; message: H2Message }[] = [];
  readonly resets: { stream: number; code: number }[] = [];

  constructor(session: H2Session) {
    this.session = session;
    this.streams = new Map(session.streams);
  }

  outcome(): H2Outcome {
    return { session: { ...this.session, streams: this.streams }, send: this.send, messages: this.messages, resets: this.resets, failed: this.failed };
  }

  fail(code: number): void {
    this.failed = true;
    this.send += frame(GOAWAY, 0, 0, word(0) + word(code));
  }

  headers(stream: number, headers: readonly HttpHeader[], ends: boolean): void {
    const { table, block } = encodeHeaders(this.session.encoding, headers);
    this.session = { ...this.session, encoding: table };
    let rest = block;
    let type = HEADERS;
    do {
      const part = rest.slice(0, MAX_FRAME);
      rest = rest.slice(MAX_FRAME);
      this.send += frame(type, (rest === '' ? END_HEADERS : 0) | (type === HEADERS && ends ? END_STREAM : 0), stream, part);
      type = CONTINUATION;
    } while (rest !== '');
  }

  /** As much of what waits as both windows have room for. */
  flush(id: number): void {
    let stream = this.streams.get(id);
    while (stream?.sending === true) {
      const room = Math.min(stream.window, this.session.window, MAX_FRAME);
      if (stream.waiting !== '' && room <= 0) break;
      const part = stream.waiting.slice(0, room);
      const rest = stream.waiting.slice(part.length);
      const { waitingTrailers } = stream;
      const last = rest === '';
      if (part !== '' || waitingTrailers === undefined) this.send += frame(DATA, last && waitingTrailers === undefined ? END_STREAM : 0, id, part);
      this.session = { ...this.session, window: this.session.window - part.length };
      stream = { ...stream, waiting: rest, window: stream.window - part.length, sending: !last };
      if (last && waitingTrailers !== undefined) this.headers(id, waitingTrailers, true);
      this.#keep(id, stream);
    }
  }

  /** A stream that has nothing to say and nothing to hear is gone. */
  #keep(id: number, stream: Stream): void {
    if (!stream.sending && stream.heard && this.session.role === 'server') this.streams.delete(id);
    else this.streams.set(id, stream);
  }

  heard(id: number, stream: Stream): void {
    const { headers = [], body, trailers } = stream;
    this.messages.push({ stream: id, message: { headers, body, trailers } });
    if (this.session.role === 'client') this.streams.delete(id);
    else this.streams.set(id, { ...stream, heard: true, body: '' });
  }

  block(id: number, octets: string, ends: boolean): void {
    const read = decodeHeaders(this.session.decoding, octets);
    if (read === undefined) {
      this.fail(H2_ERROR.compression);
      return;
    }
    this.session = { ...this.session, decoding: read.table };
    let stream = this.streams.get(id);
    if (stream === undefined) {
      // A server's client opens streams; what comes on others was cancelled.
      if (this.session.role === 'client') return;
      if (this.streams.size >= MAX_STREAMS) {
        this.send += frame(RST_STREAM, 0, id, word(H2_ERROR.refused));
        return;
      }
      stream = newStream(this.session.startWindow);
    }
    // 100 and its like are not the answer yet.
    if (this.session.role === 'client' && /^1\d\d$/.test(read.headers.find(({ name }) => name === ':status')?.value ?? '')) return;
    stream = stream.headers === undefined ? { ...stream, headers: read.headers } : { ...stream, trailers: read.headers };
    if (ends) this.heard(id, stream);
    else this.streams.set(id, stream);
  }

  frame(type: number, flags: number, id: number, given: string): void {
    const { session } = this;
    if (session.block !== undefined && (type !== CONTINUATION || id !== session.block.stream)) {
      this.fail(H2_ERROR.protocol);
      return;
    }
    const padding = (type === DATA || type === HEADERS) && (flags & PADDED) !== 0 ? given.charCodeAt(0) : -1;
    let payload = padding < 0 ? given : given.slice(1, given.length - padding);
    if (type === HEADERS && (flags & PRIORITY) !== 0) payload = payload.slice(5);
    switch (type) {
      case HEADERS:
        if ((flags & END_HEADERS) !== 0) this.block(id, payload, (flags & END_STREAM) !== 0);
        else this.session = { ...session, block: { stream: id, octets: payload, ends: (flags & END_STREAM) !== 0 } };
        break;
      case CONTINUATION: {
        const before = session.block;
        if (before === undefined || before.octets.length > 4 * MAX_FRAME) this.fail(H2_ERROR.protocol);
        else if ((flags & END_HEADERS) === 0) this.session = { ...session, block: { ...before, octets: before.octets + payload } };
        else {
          this.session = { ...session, block: undefined };
          this.block(id, before.octets + payload, before.ends);
        }
        break;
      }
      case DATA: {
        const stream = this.streams.get(id);
        // What has been read makes room again, at once: nobody here reads slowly.
        if (given.length > 0) this.send += frame(WINDOW_UPDATE, 0, 0, word(given.length));
        if (stream === undefined) return;
        const next = { ...stream, body: stream.body + payload };
        if (next.body.length > MAX_MESSAGE) {
          this.streams.delete(id);
          this.send += frame(RST_STREAM, 0, id, word(H2_ERROR.cancel));
          this.resets.push({ stream: id, code: H2_ERROR.cancel });
        } else if ((flags & END_STREAM) !== 0) this.heard(id, next);
        else {
          this.streams.set(id, next);
          if (given.length > 0) this.send += frame(WINDOW_UPDATE, 0, id, word(given.length));
        }
        break;
      }
      case RST_STREAM:
        if (this.streams.delete(id)) this.resets.push({ stream: id, code: readWord(payload, 0) });
        break;
      case SETTINGS:
        if ((flags & ACK) !== 0) return;
        for (let at = 0; at + 6 <= payload.length; at += 6) {
          const key = (payload.charCodeAt(at) << 8) | payload.charCodeAt(at + 1);
          const value = readWord(payload, at + 2);
          if (key !== 4) continue;
          const change = value - this.session.startWindow;
          this.session = { ...this.session, startWindow: value };
          for (const [key2, stream] of this.streams) this.streams.set(key2, { ...stream, window: stream.window + change });
        }
        this.send += frame(SETTINGS, ACK, 0, '');
        break;
      case PING:
        if ((flags & ACK) === 0) this.send += frame(PING, ACK, 0, payload);
        break;
      case GOAWAY:
        this.session = { ...session, goingAway: true };
        break;
      case WINDOW_UPDATE: {
        const more = readWord(payload, 0) & 0x7fff_ffff;
        if (id === 0) {
          this.session = { ...session, window: session.window + more };
          for (const key of this.streams.keys()) this.flush(key);
        } else {
          const stream = this.streams.get(id);
          if (stream !== undefined) this.streams.set(id, { ...stream, window: stream.window + more });
          this.flush(id);
        }
        break;
      }
    }
  }
}

export function receiveH2(before: H2Session, octets: string): H2Outcome {
  const turn = new Turn({ ...before, buffer: '' });
  let rest = before.buffer + octets;
  if (!before.begun) {
    if (rest.length < PREFACE.length && PREFACE.startsWith(rest)) return { ...turn.outcome(), session: { ...before, buffer: rest } };
    if (!rest.startsWith(PREFACE)) {
      turn.fail(H2_ERROR.protocol);
      return turn.outcome();
    }
    rest = rest.slice(PREFACE.length);
    turn.session = { ...turn.session, begun: true };
  }
  while (rest.length >= FRAME_HEAD && !turn.failed) {
    const length = (rest.charCodeAt(0) << 16) | (rest.charCodeAt(1) << 8) | rest.charCodeAt(2);
    if (length > MAX_FRAME) {
      turn.fail(H2_ERROR.frameSize);
      break;
    }
    if (rest.length < FRAME_HEAD + length) break;
    turn.frame(rest.charCodeAt(3), rest.charCodeAt(4), readWord(rest, 5) & 0x7fff_ffff, rest.slice(FRAME_HEAD, FRAME_HEAD + length));
    rest = rest.slice(FRAME_HEAD + length);
  }
  turn.session = { ...turn.session, buffer: rest };
  return turn.outcome();
}

/** Without `stream` a client opens the next one. */
export function sendH2(
  before: H2Session,
  given: number | undefined,
  message: H2Message,
): { readonly session: H2Session; readonly send: string; readonly stream: number } {
  const turn = new Turn(before);
  const id = given ?? before.nextStream;
  if (given === undefined) turn.session = { ...turn.session, nextStream: id + 2 };
  const stream = turn.streams.get(id) ?? newStream(before.startWindow);
  const { headers, body, trailers } = message;
  turn.headers(id, headers, body === '' && trailers === undefined);
  turn.streams.set(id, { ...stream, waiting: body, waitingTrailers: trailers, sending: body !== '' || trailers !== undefined });
  if (body !== '' || trailers !== undefined) turn.flush(id);
  else if (before.role === 'server') turn.streams.delete(id);
  const { session, send } = turn.outcome();
  return { session, send, stream: id };
}

export function resetH2(before: H2Session, stream: number, code: number): { readonly session: H2Session; readonly send: string } {
  const streams = new Map(before.streams);
  if (!streams.delete(stream)) return { session: before, send: '' };
  return { session: { ...before, streams }, send: frame(RST_STREAM, 0, stream, word(code)) };
}
