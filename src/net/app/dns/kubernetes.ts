/** The `kubernetes` plugin: questions against the compiled names of a cluster. CoreDNS: plugin/kubernetes/handler.go, plugin/backend_lookup.go. */
import { parseIp4 } from '../../addr/ip4.ts';
import { parseIp6 } from '../../addr/ip6.ts';
import type { DnsMessage, DnsQuestion, DnsRcode, DnsResourceRecord, DnsType } from '../../wire/dns-message.ts';
import type { DnsPlugin, DnsZone, DnsZoneRecord } from '../dns-server-config.ts';
import type { Job, PluginHandler, Result, Run, Step } from './chain.ts';
import { refuse, replyTo } from './chain.ts';
import { isInZone } from './zone-names.ts';

type KubernetesPlugin = Extract<DnsPlugin, { readonly name: 'kubernetes' }>;

export type ZoneOutcome =
  | {
      readonly kind: 'answer';
      readonly rcode: DnsRcode;
      readonly answers: readonly DnsResourceRecord[];
      readonly authorities: readonly DnsResourceRecord[];
      readonly additionals: readonly DnsResourceRecord[];
    }
  /** A CNAME whose target is in none of the zones: to be asked elsewhere, then joined to `records`. */
  | { readonly kind: 'chase'; readonly records: readonly DnsResourceRecord[]; readonly target: string; readonly zone: DnsZone }
  | { readonly kind: 'refused' }
  /** No zone, or one that lets it fall through. */
  | { readonly kind: 'next' };

/** A chain of aliases is followed so far and no further. CoreDNS: plugin/backend_lookup.go, A. */
const MAX_CNAMES = 8;
const NONE: readonly DnsResourceRecord[] = [];

export function lookUpZones(zones: readonly DnsZone[], { name, type }: DnsQuestion): ZoneOutcome {
  const lower = name.toLowerCase();
  const zone = findZone(zones, lower);
  if (zone === undefined) return { kind: 'next' };
  // Without the transfer plugin nobody may have the whole zone.
  if (type === 'AXFR') return { kind: 'refused' };
  const found = recordsOf(zone, lower);
  if (found === undefined) {
    if (zone.fallthrough === true) return { kind: 'next' };
    return { kind: 'answer', rcode: zone.unsynced === true ? 'SERVFAIL' : 'NXDOMAIN', answers: NONE, authorities: [soaRecord(zone)], additionals: NONE };
  }
  const answers: DnsResourceRecord[] = [];
  pushMatching(answers, zone, name, found, type);
  if (answers.length === 0) {
    const target = followAliases(zones, zone, answers, name, found, type);
    if (target !== undefined) return { kind: 'chase', records: answers, target, zone };
  }
  const nothing = answers.length === 0;
  return {
    kind: 'answer',
    rcode: 'NOERROR',
    answers,
    authorities: nothing ? [soaRecord(zone)] : NONE,
    additionals: type === 'SRV' || type === 'NS' ? targetsOf(zones, answers) : NONE,
  };
}

/** Walks aliases inside our own zones, which count only if they lead to a record; returns a target that is outside of them. */
function followAliases(
  zones: readonly DnsZone[],
  first: DnsZone,
  answers: DnsResourceRecord[],
  name: string,
  records: readonly DnsZoneRecord[],
  type: DnsType,
): string | undefined {
  const chain: DnsResourceRecord[] = [];
  let [zone, owner, found] = [first, name, records];
  for (let step = 0; step < MAX_CNAMES; step += 1) {
    const alias = found.find((record) => record.type === 'CNAME');
    if (alias === undefined) return undefined;
    const lower = alias.data.toLowerCase();
    // An alias of itself, or one that came by before: the way ends without a record.
    if (lower === owner.toLowerCase() || chain.some((record) => record.data.toLowerCase() === lower)) return undefined;
    chain.push(resource(zone, owner, alias));
    if (!isInZone(lower, first.origin)) {
      answers.push(...chain);
      return alias.data;
    }
    zone = findZone(zones, lower) ?? first;
    owner = alias.data;
    found = recordsOf(zone, lower) ?? [];
    const end: DnsResourceRecord[] = [];
    pushMatching(end, zone, owner, found, type);
    if (end.length > 0) {
      answers.push(...chain, ...end);
      return undefined;
    }
  }
  return undefined;
}

/** Addresses of SRV and NS targets go into the additional section. */
function targetsOf(zones: readonly DnsZone[], answers: readonly DnsResourceRecord[]): DnsResourceRecord[] {
  const extra: DnsResourceRecord[] = [];
  const seen = new Set<string>();
  for (const answer of answers) {
    const target = answer.type === 'NS' ? answer.data : (answer.data.split(' ')[3] ?? '');
    const zone = findZone(zones, target.toLowerCase());
    if (zone === undefined || seen.has(target)) continue;
    seen.add(target);
    for (const record of recordsOf(zone, target.toLowerCase()) ?? []) {
      if (record.type === 'A' || record.type === 'AAAA') extra.push(resource(zone, target, record));
    }
  }
  return extra;
}

function findZone(zones: readonly DnsZone[], lower: string): DnsZone | undefined {
  let best: DnsZone | undefined;
  for (const zone of zones) if (isInZone(lower, zone.origin) && (best === undefined || zone.origin.length > best.origin.length)) best = zone;
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
  const label = labels[0] ?? '';
  if (label.split('-').length === 4 && !label.includes('--')) {
    const ip = label.replaceAll('-', '.');
    return parseIp4(ip) === undefined ? undefined : [{ type: 'A', data: ip }];
  }
  const ip = label.replaceAll('-', ':');
  return parseIp6(ip) === undefined ? undefined : [{ type: 'AAAA', data: ip }];
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

const MAX_ANSWERED = 1000;

function answer(run: Run, job: Job, zones: readonly DnsZone[], at: number): Step {
  const { answered } = run.state;
  if (answered.zones !== zones) {
    answered.messages.clear();
    answered.zones = zones;
  }
  // Names keep the case they were asked in, so it is part of the key.
  const key = `${job.question.type} ${job.question.name}`;
  const known = answered.messages.get(key);
  if (known !== undefined) return { kind: 'result', message: known, rcode: known.rcode, by: 'kubernetes' };
  const outcome = lookUpZones(zones, job.question);
  if (outcome.kind === 'next') return job;
  if (outcome.kind === 'refused') return refuse('kubernetes', 'REFUSED');
  if (outcome.kind === 'chase') {
    run.ask(job, at, { name: outcome.target, type: job.question.type }, outcome.records);
    return 'wait';
  }
  const result = replyTo(job, 'kubernetes', outcome.rcode, { ...outcome, authoritative: true });
  if (answered.messages.size >= MAX_ANSWERED) answered.messages.clear();
  if (result.message !== undefined) answered.messages.set(key, result.message);
  return result;
}

export const kubernetesPlugin: PluginHandler<KubernetesPlugin> = {
  request: (run, job, plugin, at) => answer(run, job, zonesOf(run, plugin), at),
  resume: (_run, job, _plugin, _at, message: DnsMessage, data): Result =>
    replyTo(job, 'kubernetes', 'NOERROR', { authoritative: true, answers: [...(data as readonly DnsResourceRecord[]), ...message.answers] }),
};

/** A server that still runs an older Corefile sees the cluster as it is now. */
function zonesOf(run: Run, plugin: KubernetesPlugin): readonly DnsZone[] {
  return run.config === run.state.active ? plugin.zones : (run.config.live?.[plugin.key] ?? plugin.zones);
}
