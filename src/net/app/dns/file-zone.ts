/** The `file` plugin: questions against a master file, with its wildcards and delegations. RFC 1034 section 4.3.2; CoreDNS: plugin/file/lookup.go. */
import type { DnsMessage, DnsQuestion, DnsRcode, DnsResourceRecord } from '../../wire/dns-message.ts';
import type { DnsFileZone, DnsPlugin } from '../dns-server-config.ts';
import type { Job, PluginHandler, ReplyParts, Result, Step } from './chain.ts';
import { refuse, replyTo } from './chain.ts';
import { fallsThrough, isInZone } from './zone-names.ts';

export interface FileAnswer extends ReplyParts {
  readonly rcode: DnsRcode;
  /** An alias leads out of the zone. */
  readonly target?: string;
}

/** Aliases that one zone is followed through: the first, and nine more. */
const MAX_CNAMES = 10;
/** So deep among the server's own questions no zone is looked at any more: its aliases lead in a circle. */
const MAX_QUESTIONS = 9;

export function findFileZone(zones: readonly DnsFileZone[], lower: string): DnsFileZone | undefined {
  let best: DnsFileZone | undefined;
  for (const zone of zones) if (isInZone(lower, zone.origin) && (best === undefined || zone.origin.length > best.origin.length)) best = zone;
  return best;
}

const at = (zone: DnsFileZone, lower: string): readonly DnsResourceRecord[] | undefined => (Object.hasOwn(zone.names, lower) ? zone.names[lower] : undefined);

/** The name above; '.' above a single label. */
function parentOf(lower: string): string {
  const dot = lower.indexOf('.');
  return dot < 0 || dot === lower.length - 1 ? '.' : lower.slice(dot + 1);
}

/** The topmost cut between a zone's own name and the one asked for. */
function delegation(zone: DnsFileZone, lower: string): readonly DnsResourceRecord[] | undefined {
  let cut: readonly DnsResourceRecord[] | undefined;
  for (let name = lower; name !== zone.origin && name !== '.'; name = parentOf(name)) {
    const servers = at(zone, name)?.filter((record) => record.type === 'NS') ?? [];
    if (servers.length > 0) cut = servers;
  }
  return cut;
}

function glue(zone: DnsFileZone, records: readonly DnsResourceRecord[]): readonly DnsResourceRecord[] {
  const targets = records.flatMap((record) =>
    record.type === 'NS'
      ? [record.data]
      : record.type === 'SRV'
        ? [record.data.split(' ')[3] ?? '']
        : record.type === 'MX'
          ? [record.data.split(' ')[1] ?? '']
          : [],
  );
  return [...new Set(targets)].flatMap((target) => at(zone, target.toLowerCase())?.filter((record) => record.type === 'A' || record.type === 'AAAA') ?? []);
}

/** The records of a name, or those of the wildcard that covers it. */
function recordsOf(zone: DnsFileZone, name: string): readonly DnsResourceRecord[] | undefined {
  const lower = name.toLowerCase();
  const own = at(zone, lower);
  if (own !== undefined) return own;
  for (let above = parentOf(lower); isInZone(above, zone.origin); above = parentOf(above)) {
    const wild = at(zone, above === '.' ? '*.' : `*.${above}`);
    if (wild !== undefined) return wild.map((record) => ({ ...record, name }));
    // The closest name that exists is where a wildcard would have to be.
    if (at(zone, above) !== undefined || above === '.') return undefined;
  }
  return undefined;
}

export function lookUpFile(zone: DnsFileZone, { name, type }: DnsQuestion): FileAnswer {
  const answers: DnsResourceRecord[] = [];
  let owner = name;
  const servers = (at(zone, zone.origin) ?? []).filter((record) => record.type === 'NS');
  // However an alias ends, the zone's servers stand beside it.
  const aliased = (): FileAnswer => ({ rcode: 'NOERROR', authoritative: true, answers, authorities: servers });
  for (let step = 0; step < MAX_CNAMES; step += 1) {
    const cut = delegation(zone, owner.toLowerCase());
    if (cut !== undefined) {
      const authoritative = answers.length > 0;
      return { rcode: 'NOERROR', authoritative, answers, authorities: cut, additionals: glue(zone, cut) };
    }
    const records = recordsOf(zone, owner);
    if (records === undefined)
      return answers.length > 0 ? { ...aliased(), rcode: 'NXDOMAIN' } : { rcode: 'NXDOMAIN', authoritative: true, authorities: [zone.soa] };
    const found = records.filter((record) => record.type === type || type === 'ANY');
    const alias = records.find((record) => record.type === 'CNAME');
    if (found.length > 0) {
      answers.push(...found);
      return { ...aliased(), additionals: glue(zone, found), ...(type === 'NS' && owner.toLowerCase() === zone.origin ? { authorities: [] } : {}) };
    }
    if (alias === undefined) return answers.length > 0 ? aliased() : { ...aliased(), authorities: [zone.soa] };
    answers.push(alias);
    owner = alias.data;
    if (!isInZone(owner.toLowerCase(), zone.origin)) return { ...aliased(), target: owner };
  }
  return aliased();
}

type FilePlugin = Extract<DnsPlugin, { readonly name: 'file' }>;

export const filePlugin: PluginHandler<FilePlugin> = {
  request: (run, job, plugin, place): Step => {
    const lower = job.question.name.toLowerCase();
    const zone = findFileZone(plugin.zones, lower);
    if (zone === undefined) return job;
    if (job.question.type === 'AXFR') return refuse('file', 'REFUSED');
    if (job.depth >= MAX_QUESTIONS) return refuse('file', 'SERVFAIL');
    const found = lookUpFile(zone, job.question);
    if (found.rcode === 'NXDOMAIN' && (found.answers ?? []).length === 0 && fallsThrough(lower, plugin.fallthrough)) return job;
    if (found.target === undefined) return replyTo(job, 'file', found.rcode, found);
    run.ask(job, place, { name: found.target, type: job.question.type }, found);
    return 'wait';
  },
  // The code is that of the name the alias leads to. RFC 6604 section 3.
  resume: (_run, job, _plugin, _place, message: DnsMessage, data): Result => {
    const { answers = [], authorities = [] } = data as FileAnswer;
    const rcode = message.rcode === 'NXDOMAIN' || message.rcode === 'SERVFAIL' ? message.rcode : 'NOERROR';
    return replyTo(job, 'file', rcode, { authoritative: true, answers: [...answers, ...message.answers], authorities });
  },
};

type WorldPlugin = Extract<DnsPlugin, { readonly name: 'world' }>;
/** Delegations and aliases that a resolver follows for one question. */
const MAX_STEPS = 16;

/** What a resolver finds that starts at the deepest zone it knows: referrals lead to a zone it has too, or the server of that zone does not answer. */
export function resolveInWorld(zones: readonly DnsFileZone[], question: DnsQuestion): FileAnswer {
  const answers: DnsResourceRecord[] = [];
  let { name } = question;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const zone = findFileZone(zones, name.toLowerCase());
    if (zone === undefined) return { rcode: 'SERVFAIL' };
    const found = lookUpFile(zone, { name, type: question.type });
    answers.push(...(found.answers ?? []));
    if (found.target === undefined) {
      const lame = (found.answers ?? []).length === 0 && (found.authorities ?? []).some((record) => record.type === 'NS');
      return lame
        ? { rcode: 'SERVFAIL' }
        : {
            rcode: found.rcode,
            answers,
            authorities: found.rcode === 'NXDOMAIN' ? [zone.soa] : (found.authorities ?? []).filter((record) => record.type === 'SOA'),
          };
    }
    name = found.target;
  }
  return { rcode: 'SERVFAIL' };
}

export const worldPlugin: PluginHandler<WorldPlugin> = {
  request: (_run, job: Job, plugin) => {
    const found = resolveInWorld(plugin.zones, job.question);
    return replyTo(job, 'world', found.rcode, { ...found, authoritative: false, recursionAvailable: true });
  },
};
