/** HTTP messages line by line and TLS records field by field (RFC 9112 section 2, RFC 8446 sections 4 and 5.1). */
import type { FieldReader } from './field.ts';
import { textOf } from './field.ts';

const MAX_LINES = 200;
const LF = 10;

/** Headers for which Wireshark has a field of their own. */
const HEADERS: Readonly<Record<string, string>> = {
  host: 'http.host',
  'user-agent': 'http.user_agent',
  accept: 'http.accept',
  connection: 'http.connection',
  'content-type': 'http.content_type',
  'content-length': 'http.content_length_header',
  server: 'http.server',
  date: 'http.date',
  location: 'http.location',
  'transfer-encoding': 'http.transfer_encoding',
  cookie: 'http.cookie',
  authorization: 'http.authorization',
  'x-forwarded-for': 'http.x_forwarded_for',
};

const trimEnd = (bytes: Uint8Array): Uint8Array => {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === LF || bytes[end - 1] === 13)) end -= 1;
  return bytes.subarray(0, end);
};

/** The words of a first line, each where it stands. */
function takeFirstLine(reader: FieldReader, length: number): void {
  const line = textOf(trimEnd(reader.slice(length)));
  const start = reader.at;
  const response = line.startsWith('HTTP/');
  reader.take('', response ? 'status line' : 'request line', length, { value: line });
  const words = response ? line.split(' ', 2) : line.split(' ', 3);
  const names = response
    ? (['http.response.version|version', 'http.response.code|status'] as const)
    : (['http.request.method|method', 'http.request.uri|URI', 'http.request.version|version'] as const);
  let at = start;
  for (const [i, word] of words.entries()) {
    const [name = '', label = ''] = names[i]?.split('|') ?? [];
    if (name !== '') reader.part(name, label, at, word.length, { value: word });
    at += word.length + 1;
  }
  const phrase = response ? line.slice(words.join(' ').length + 1) : '';
  if (phrase !== '') reader.part('http.response.phrase', 'phrase', at, phrase.length, { value: phrase });
}

export function takeHttp(reader: FieldReader): void {
  for (let i = 0; i < MAX_LINES && reader.left > 0; i += 1) {
    const end = reader.bytes.indexOf(LF, reader.at);
    const length = (end < 0 ? reader.bytes.length : end + 1) - reader.at;
    const line = textOf(trimEnd(reader.slice(length)));
    if (i === 0) takeFirstLine(reader, length);
    else if (line === '') {
      reader.take('', 'end of the headers', length, { value: '' });
      break;
    } else {
      const colon = line.indexOf(':');
      const name = line.slice(0, Math.max(0, colon));
      reader.take(HEADERS[name.toLowerCase()] ?? '', name === '' ? 'line' : name, length, { value: line.slice(colon + 1).trim() });
    }
  }
  reader.rest('http.file_data', 'body', 'text');
}

const CONTENT: Readonly<Record<number, string>> = { 20: 'Change Cipher Spec', 21: 'Alert', 22: 'Handshake', 23: 'Application Data' };
const HANDSHAKE: Readonly<Record<number, string>> = {
  0: 'Hello Request',
  1: 'Client Hello',
  2: 'Server Hello',
  4: 'New Session Ticket',
  8: 'Encrypted Extensions',
  11: 'Certificate',
  12: 'Server Key Exchange',
  13: 'Certificate Request',
  14: 'Server Hello Done',
  15: 'Certificate Verify',
  16: 'Client Key Exchange',
  20: 'Finished',
};
const named = (names: Readonly<Record<number, string>>, code: number) => ({ value: names[code] === undefined ? String(code) : `${names[code]} (${code})` });

/** Names by number where one says something to people. */
const EXTENSIONS: Readonly<Record<number, string>> = {
  0: 'server_name',
  5: 'status_request',
  10: 'supported_groups',
  11: 'ec_point_formats',
  13: 'signature_algorithms',
  16: 'ALPN',
  21: 'padding',
  22: 'encrypt_then_mac',
  23: 'extended_master_secret',
  35: 'session_ticket',
  43: 'supported_versions',
  45: 'psk_key_exchange_modes',
  49: 'post_handshake_auth',
  51: 'key_share',
};

function takeExtensions(reader: FieldReader, end: number): void {
  if (reader.at + 2 > end) return;
  reader.take('tls.handshake.extensions_length', 'extensions length', 2, 'count');
  for (let i = 0; i < MAX_LINES && reader.at + 4 <= end; i += 1) {
    const type = reader.u16();
    const length = Math.min(reader.u16(2), end - reader.at - 4);
    reader.take('tls.handshake.extension.type', 'extension', 2, named(EXTENSIONS, type));
    reader.take('tls.handshake.extension.len', 'extension length', 2, 'count');
    const start = reader.at;
    if (type === 0 && length > 5) {
      reader.take('', 'server name list', length, { value: textOf(reader.slice(length).subarray(5)) });
      reader.part('tls.handshake.extensions_server_name', 'server name', start + 5, length - 5, 'text');
    } else if (type === 16 && length > 3) {
      reader.take('', 'protocols', length, 'bytes');
      for (let at = start + 2; at < start + length && at - start < 256; at += 1 + (reader.bytes[at] ?? 0))
        reader.part('tls.handshake.extensions_alpn_str', 'protocol', at + 1, reader.bytes[at] ?? 0, 'text');
    } else reader.take('', 'extension data', length, 'bytes');
  }
}

function takeHello(reader: FieldReader, type: number, end: number): void {
  reader.take('tls.handshake.version', 'version', 2, 'hex');
  reader.take('tls.handshake.random', 'random', 32, 'bytes');
  const session = reader.u8();
  reader.take('tls.handshake.session_id_length', 'session ID length', 1, 'count');
  reader.take('tls.handshake.session_id', 'session ID', session, 'bytes');
  if (type === 1) {
    const suites = reader.u16();
    reader.take('tls.handshake.cipher_suites_length', 'cipher suites length', 2, 'count');
    reader.take('tls.handshake.ciphersuites', 'cipher suites', suites, 'bytes');
    const methods = reader.u8();
    reader.take('tls.handshake.comp_methods_length', 'compression methods length', 1, 'count');
    reader.take('tls.handshake.comp_methods', 'compression methods', methods, 'bytes');
  } else {
    reader.take('tls.handshake.ciphersuite', 'cipher suite', 2, 'hex');
    reader.take('tls.handshake.comp_method', 'compression method', 1, 'count');
  }
  takeExtensions(reader, end);
}

/** A handshake message whose type is not in the clear has none that is known. */
function takeHandshake(reader: FieldReader, end: number): void {
  for (let i = 0; i < MAX_LINES && reader.at + 4 <= end; i += 1) {
    const type = reader.u8();
    const stop = reader.at + 4 + reader.u8(1) * 65536 + reader.u16(2);
    if (HANDSHAKE[type] === undefined || stop > end) break;
    reader.take('tls.handshake.type', 'handshake type', 1, named(HANDSHAKE, type));
    reader.take('tls.handshake.length', 'handshake length', 3, 'count');
    if (type === 1 || type === 2) takeHello(reader, type, stop);
    reader.take('', 'handshake body', stop - reader.at, 'bytes');
  }
  reader.take('tls.handshake', 'encrypted or continued', end - reader.at, 'bytes');
}

export function takeTls(reader: FieldReader): void {
  for (let i = 0; i < MAX_LINES && reader.left >= 5 && CONTENT[reader.u8()] !== undefined; i += 1) {
    const type = reader.u8();
    const end = Math.min(reader.bytes.length, reader.at + 5 + reader.u16(3));
    reader.take(type === 23 ? 'tls.record.opaque_type' : 'tls.record.content_type', 'record type', 1, named(CONTENT, type));
    reader.take('tls.record.version', 'record version', 2, 'hex');
    reader.take('tls.record.length', 'record length', 2, 'count');
    if (type === 22) takeHandshake(reader, end);
    else if (type === 21 && end - reader.at === 2) {
      reader.take('tls.alert_message.level', 'alert level', 1, 'count');
      reader.take('tls.alert_message.desc', 'alert', 1, 'count');
    } else reader.take(type === 23 ? 'tls.app_data' : '', type === 20 ? 'message' : 'encrypted', end - reader.at, 'bytes');
  }
  reader.rest('', 'continues a record', 'bytes');
}
