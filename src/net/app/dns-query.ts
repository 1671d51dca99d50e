/** Building DNS questions and reading answers, for resolvers and dig. */
import type { Prng } from '../../base/prng.ts';
import { formatIp, parseIp } from '../addr/ip.ts';
import { dnsMessageBytes, isWireName } from '../wire/dns-codec.ts';
import type { DnsMessage, DnsRcode, DnsResourceRecord, DnsType } from '../wire/dns-message.ts';
import type { Ip, Payload } from '../wire/packet.ts';
import { utf8Length } from '../wire/utf8.ts';

export const DNS_PORT = 53;

export function dnsQuestion(id: number, name: string, type: DnsType, recursionDesired = true): DnsMessage {
  return {
    id,
    response: false,
    authoritative: false,
    truncated: false,
    recursionDesired,
    recursionAvailable: false,
    rcode: 'NOERROR',
    question: { name, type },
    answers: [],
    authorities: [],
    additionals: [],
  };
}

export function dnsAnswer(
  query: DnsMessage,
  rcode: DnsRcode,
  fields: {
    readonly authoritative?: boolean;
    readonly recursionAvailable?: boolean;
    readonly answers?: readonly DnsResourceRecord[];
    readonly authorities?: readonly DnsResourceRecord[];
    readonly additionals?: readonly DnsResourceRecord[];
  },
): DnsMessage {
  return {
    id: query.id,
    response: true,
    authoritative: fields.authoritative ?? false,
    truncated: false,
    recursionDesired: query.recursionDesired,
    recursionAvailable: fields.recursionAvailable ?? false,
    rcode,
    question: query.question,
    answers: fields.answers ?? [],
    authorities: fields.authorities ?? [],
    additionals: fields.additionals ?? [],
  };
}

export function dnsPayload(message: DnsMessage): Payload {
  return { bytes: dnsMessageBytes(message), dns: message };
}

/** What is wrong with a name as typed, in BIND's words (lib/dns/name.c, dns_name_fromtext); undefined where nothing is. */
export function nameProblem(name: string): string | undefined {
  if (name === '.') return undefined;
  const labels = name.replace(/\.$/, '').split('.');
  if (labels.some((label) => label === '')) return 'empty label';
  if (labels.some((label) => utf8Length(label) > 63)) return 'label too long';
  return utf8Length(labels.join('.')) > 253 ? 'ran out of space' : undefined;
}

export const newDnsId = (prng: Prng): number => prng.below(65536);

/** Whether it can be asked at all. */
export const isAskable = (name: string): boolean => PLAIN_NAME.test(name) || (isWireName(name) && !/[\s"\\]/.test(name));

/** What nearly every name looks like: short labels of ordinary characters. */
const PLAIN_NAME = /^(?:[\w-]{1,30}\.){1,8}$/;

/** Addresses at the end of the CNAME chain that starts at the question, in the order of the answer; `canonical` is the chain's last name. */
export function addressesOf(message: DnsMessage): { readonly addresses: readonly Ip[]; readonly canonical: string; readonly aliases: readonly string[] } {
  let canonical = message.question.name;
  const aliases: string[] = [];
  for (let step = 0; step < 16; step += 1) {
    const at = canonical.toLowerCase();
    const next = message.answers.find((record) => record.type === 'CNAME' && record.name.toLowerCase() === at);
    if (next === undefined) break;
    aliases.push(canonical);
    canonical = next.data;
  }
  const owner = canonical.toLowerCase();
  const addresses: Ip[] = [];
  for (const record of message.answers) {
    const ip =
      record.type === message.question.type && (record.type === 'A' || record.type === 'AAAA') && record.name.toLowerCase() === owner
        ? parseIp(record.data)
        : undefined;
    if (ip !== undefined) addresses.push(ip);
  }
  return { addresses, canonical, aliases };
}

/** `4.3.2.1.in-addr.arpa.`, or nibble by nibble under ip6.arpa (RFC 3596 section 2.5). */
export function reverseName(ip: Ip): string {
  if (typeof ip === 'bigint') return `${[...ip.toString(16).padStart(32, '0')].reverse().join('.')}.ip6.arpa.`;
  return `${formatIp(ip).split('.').reverse().join('.')}.in-addr.arpa.`;
}
