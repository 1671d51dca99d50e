/** A DNS message field by field: header, questions and records, with names that point back (RFC 1035 section 4.1, RFC 6891). */
import type { FieldReader, Reading } from './field.ts';
import { DNS_HEAD } from './forms.ts';

/** A name has at most 255 bytes: so many labels, so many pointers. */
const MAX_LABELS = 128;
const MAX_RECORDS = 200;
const OPT = 41;
const TYPES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  13: 'HINFO',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  41: 'OPT',
  255: 'ANY',
};
const typeName = (type: number): string => TYPES[type] ?? String(type);

/** The name at `at` and how many bytes it takes there; a pointer leads back into the message that begins at `origin`. */
function nameAt(bytes: Uint8Array, origin: number, at: number): { readonly name: string; readonly length: number } {
  const labels: string[] = [];
  let place = at;
  let length = 0;
  for (let i = 0; i < MAX_LABELS; i += 1) {
    const size = bytes[place] ?? 0;
    if ((size & 0xc0) === 0xc0) {
      if (length === 0) length = place + 2 - at;
      place = origin + (size & 0x3f) * 256 + (bytes[place + 1] ?? 0);
      continue;
    }
    place += 1;
    if (size === 0 || place + size > bytes.length) break;
    labels.push(String.fromCharCode(...bytes.subarray(place, place + size)));
    place += size;
  }
  return { name: labels.length === 0 ? '<Root>' : labels.join('.'), length: length === 0 ? place - at : length };
}

function takeName(reader: FieldReader, origin: number, field: string, label: string): void {
  const { name, length } = nameAt(reader.bytes, origin, reader.at);
  reader.take(field, label, length, { value: name });
}

/** Types whose data are one name. */
const NAMES: Readonly<Record<number, string>> = { 2: 'dns.ns', 5: 'dns.cname', 12: 'dns.ptr.domain_name' };
const ADDRESSES: Readonly<Record<number, readonly [string, Reading]>> = { 1: ['dns.a', 'ip4'], 28: ['dns.aaaa', 'ip6'] };

function takeData(reader: FieldReader, origin: number, type: number, length: number): void {
  const [field, as] = ADDRESSES[type] ?? [];
  if (field !== undefined && as !== undefined) reader.take(field, 'address', length, as);
  else if (NAMES[type] !== undefined) reader.take(NAMES[type], 'name', length, { value: nameAt(reader.bytes, origin, reader.at).name });
  else if (type === 33) {
    reader.take('dns.srv.priority', 'priority', 2, 'count');
    reader.take('dns.srv.weight', 'weight', 2, 'count');
    reader.take('dns.srv.port', 'port', 2, 'count');
    reader.take('dns.srv.target', 'target', length - 6, { value: nameAt(reader.bytes, origin, reader.at).name });
  } else if (type === 15) {
    reader.take('dns.mx.preference', 'preference', 2, 'count');
    reader.take('dns.mx.mail_exchange', 'mail exchange', length - 2, { value: nameAt(reader.bytes, origin, reader.at).name });
  } else if (type === 16) {
    const end = reader.at + length;
    for (let i = 0; i < MAX_RECORDS && reader.at < end; i += 1) {
      const size = Math.min(reader.u8(), end - reader.at - 1);
      reader.take('dns.txt.length', 'length', 1, 'count');
      reader.take('dns.txt', 'text', size, 'text');
    }
  } else if (type === 6) {
    const end = reader.at + length;
    takeName(reader, origin, 'dns.soa.mname', 'primary server');
    takeName(reader, origin, 'dns.soa.rname', 'mailbox');
    for (const [name, label] of [
      ['serial_number', 'serial'],
      ['refresh_interval', 'refresh in s'],
      ['retry_interval', 'retry in s'],
      ['expire_limit', 'expire in s'],
      ['minimum_ttl', 'minimum TTL in s'],
    ] as const)
      reader.take(`dns.soa.${name}`, label, Math.min(4, end - reader.at), 'count');
  } else reader.take('', 'data', length, 'bytes');
}

/** RFC 6891 section 6.1.2: the fields of an OPT record mean something else. */
function takeOpt(reader: FieldReader): number {
  reader.take('dns.rr.udp_payload_size', 'UDP payload size', 2, 'count');
  reader.take('dns.resp.ext_rcode', 'higher bits of the reply code', 1, 'count');
  reader.take('dns.resp.edns0_version', 'EDNS version', 1, 'count');
  reader.take('dns.resp.z', 'flags', 2, 'hex');
  const length = reader.u16();
  reader.take('dns.resp.len', 'data length', 2, 'count');
  return length;
}

/** `overTcp`: two bytes of length come first (RFC 1035 section 4.2.2). */
export function takeDns(reader: FieldReader, overTcp: boolean): void {
  if (overTcp) reader.take('dns.length', 'length', 2, 'count');
  const origin = reader.at;
  const questions = reader.u16(4);
  const records = reader.u16(6) + reader.u16(8) + reader.u16(10);
  reader.form(DNS_HEAD);
  for (let i = 0; i < Math.min(questions, MAX_RECORDS) && reader.left > 0; i += 1) {
    takeName(reader, origin, 'dns.qry.name', 'question: name');
    reader.take('dns.qry.type', 'question: type', 2, { value: typeName(reader.u16()) });
    reader.take('dns.qry.class', 'question: class', 2, 'hex');
  }
  for (let i = 0; i < Math.min(records, MAX_RECORDS) && reader.left > 0; i += 1) {
    takeName(reader, origin, 'dns.resp.name', 'record: name');
    const type = reader.u16();
    reader.take('dns.resp.type', 'record: type', 2, { value: typeName(type) });
    if (type === OPT) {
      const length = takeOpt(reader);
      reader.take('', 'options', length, 'bytes');
      continue;
    }
    reader.take('dns.resp.class', 'record: class', 2, 'hex');
    reader.take('dns.resp.ttl', 'record: TTL in s', 4, 'count');
    const length = reader.u16();
    reader.take('dns.resp.len', 'record: data length', 2, 'count');
    takeData(reader, origin, type, length);
  }
}
