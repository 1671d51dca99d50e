/** Looking a question up in a server's compiled zones, as CoreDNS' kubernetes plugin answers it. CoreDNS: plugin/kubernetes, plugin/backend_lookup.go. */
import { parseIp4 } from '../addr/ip4.ts';
import { compressedDnsMessageBytes, dnsMessageBytes } from '../wire/dns-codec.ts';
import type { DnsMessage, DnsResourceRecord, DnsType } from '../wire/dns-message.ts';
import type { Payload } from '../wire/packet.ts';
import { dnsAnswer } from './dns-query.ts';
import type { DnsServerConfig, DnsZone, DnsZoneRecord } from './dns-server-config.ts';

export type ZoneOutcome =
  | { readonly kind: 'answer'; readonly message: DnsMessage }
  /** A CNAME whose target is in none of the zones: to be asked upstream, then joined to `records`. */
  | { readonly kind: 'chase'; readonly records: readonly DnsResourceRecord[]; readonly target: string }
  /** No zone, or one that lets it fall through. */
  | { readonly kind: 'forward' };

const MAX_CNAMES = 8;

export function lookUp(config: DnsServerConfig, query: DnsMessage): ZoneOutcome {
  const { name, type } = query.question;
  const lower = name.toLowerCase();
  const zone = findZone(config, lower);
  if (zone === undefined) return { kind: 'forward' };
  const fields = { authoritative: config.recursive !== true, recursionAvailable: config.recursive === true };
  const found = recordsOf(zone, lower);
  if (found === undefined) {
    if (zone.fallthrough === true) return { kind: 'forward' };
    return { kind: 'answer', message: dnsAnswer(query, 'NXDOMAIN', { ...fields, authorities: [soaRecord(zone)] }) };
  }
  const answers: DnsResourceRecord[] = [];
  pushMatching(answers, zone, name, found, type);
  const alias = found.find((record) => record.type === 'CNAME');
  if (answers.length === 0 && alias !== undefined) {
    answers.push(resource(zone, name, alias));
    const target = followAliases(config, answers, alias.data, type);
    if (target !== undefined) return { kind: 'chase', records: answers, target };
  }
  if (answers.length === 0) return { kind: 'answer', message: dnsAnswer(query, 'NOERROR', { ...fields, authorities: [soaRecord(zone)] }) };
  return { kind: 'answer', message: dnsAnswer(query, 'NOERROR', { ...fields, answers, additionals: type === 'SRV' ? targetsOf(config, answers) : [] }) };
}

/** Walks CNAMEs inside our own zones; returns a target that is outside of them. */
function followAliases(config: DnsServerConfig, answers: DnsResourceRecord[], first: string, type: DnsType): string | undefined {
  let target = first;
  for (let step = 0; step < MAX_CNAMES; step += 1) {
    const lower = target.toLowerCase();
    const zone = findZone(config, lower);
    if (zone === undefined) return target;
    const found = recordsOf(zone, lower) ?? [];
    pushMatching(answers, zone, target, found, type);
    const next = found.find((record) => record.type === 'CNAME');
    if (next === undefined || type === 'CNAME') return undefined;
    answers.push(resource(zone, target, next));
    target = next.data;
  }
  return undefined;
}

/** Addresses of SRV targets go into the additional section. */
function targetsOf(config: DnsServerConfig, answers: readonly DnsResourceRecord[]): DnsResourceRecord[] {
  const extra: DnsResourceRecord[] = [];
  const seen = new Set<string>();
  for (const answer of answers) {
    const target = answer.data.split(' ')[3] ?? '';
    const zone = findZone(config, target.toLowerCase());
    if (zone === undefined || seen.has(target)) continue;
    seen.add(target);
    for (const record of recordsOf(zone, target.toLowerCase()) ?? []) {
      if (record.type === 'A' || record.type === 'AAAA') extra.push(resource(zone, target, record));
    }
  }
  return extra;
}

function findZone(config: DnsServerConfig, lower: string): DnsZone | undefined {
  let best: DnsZone | undefined;
  for (const zone of config.zones) {
    const inside = zone.origin === '.' || lower === zone.origin || lower.endsWith(`.${zone.origin}`);
    if (inside && (best === undefined || zone.origin.length > best.origin.length)) best = zone;
  }
  return best;
}

/** Undefined: there is no such name. */
function recordsOf(zone: DnsZone, lower: string): readonly DnsZoneRecord[] | undefined {
  if (Object.hasOwn(zone.names, lower)) return zone.names[lower];
  if (lower === zone.origin) return [];
  return podRecords(zone, lower);
}

/** `pods insecure` believes the address in the name; it only asks that the namespace exists. */
function podRecords(zone: DnsZone, lower: string): readonly DnsZoneRecord[] | undefined {
  const pattern = zone.podPattern;
  const suffix = `.pod.${zone.origin}`;
  if (pattern === undefined || pattern.mode !== 'insecure' || !lower.endsWith(suffix)) return undefined;
  const labels = lower.slice(0, -suffix.length).split('.');
  const namespace = labels[labels.length - 1] ?? '';
  if (labels.length > 2 || !pattern.namespaces.includes(namespace)) return undefined;
  if (labels.length === 1) return [];
  const ip = (labels[0] ?? '').replaceAll('-', '.');
  return parseIp4(ip) === undefined ? undefined : [{ type: 'A', data: ip }];
}

function pushMatching(into: DnsResourceRecord[], zone: DnsZone, name: string, records: readonly DnsZoneRecord[], type: DnsType): void {
  for (const record of records) if (record.type === type || type === 'ANY') into.push(resource(zone, name, record));
  if (type === 'SOA' && name.toLowerCase() === zone.origin) into.push({ ...soaRecord(zone), name });
}

function resource(zone: DnsZone, name: string, record: DnsZoneRecord): DnsResourceRecord {
  return { name, type: record.type, ttlSeconds: record.ttlSeconds ?? zone.ttlSeconds, data: record.data };
}

function soaRecord(zone: DnsZone): DnsResourceRecord {
  const { primary, mailbox, serial, refreshSeconds, retrySeconds, expireSeconds, minimumSeconds } = zone.soa;
  return {
    name: zone.origin,
    type: 'SOA',
    ttlSeconds: zone.ttlSeconds,
    data: `${primary} ${mailbox} ${serial} ${refreshSeconds} ${retrySeconds} ${expireSeconds} ${minimumSeconds}`,
  };
}

/** Without EDNS, which is not modelled, a UDP answer may have 512 bytes (RFC 1035 section 2.3.4). */
const MAX_UDP_BYTES = 512;

/** The message as it fits a datagram: plain, then compressed, then cut with the TC flag (CoreDNS: request.Scrub). */
export function fitDatagram(message: DnsMessage): Payload {
  const plain = dnsMessageBytes(message);
  if (plain <= MAX_UDP_BYTES) return { bytes: plain, dns: message };
  const compressed = compressedDnsMessageBytes(message);
  if (compressed <= MAX_UDP_BYTES) return { bytes: compressed, dns: message };
  for (let keep = message.answers.length - 1; keep >= 0; keep -= 1) {
    const cut: DnsMessage = { ...message, truncated: true, answers: message.answers.slice(0, keep), authorities: [], additionals: [] };
    const bytes = compressedDnsMessageBytes(cut);
    if (bytes <= MAX_UDP_BYTES) return { bytes, dns: cut };
  }
  return { bytes: plain, dns: message };
}
