/** Plugins of a few lines each. CoreDNS: plugin/{acl,any,autopath,bufsize,hosts,loadbalance,loop,minimal,whoami}. */
import { formatIp, inPrefix, parseIpPrefix } from '../../addr/ip.ts';
import type { DnsResourceRecord } from '../../wire/dns-message.ts';
import type { Ip } from '../../wire/packet.ts';
import type { AclRule, DnsPlugin, HostsPlugin } from '../dns-server-config.ts';
import { type Job, noteOf, type PluginHandler, type Result, refuse, replyTo, withNote } from './chain.ts';
import { fallsThrough, isInZone, matchingZone } from './zone-names.ts';

type Plugin<N extends DnsPlugin['name']> = Extract<DnsPlugin, { readonly name: N }>;

export const hostsPlugin: PluginHandler<HostsPlugin> = {
  request: (_run, job, plugin) => {
    const { name, type } = job.question;
    const lower = name.toLowerCase();
    const reverse = type === 'PTR' && Object.hasOwn(plugin.reverse, lower) ? plugin.reverse[lower] : undefined;
    if (type === 'PTR' && reverse === undefined) return job;
    if (reverse === undefined && matchingZone(lower, plugin.zones) === undefined) return job;
    const { ttlSeconds } = plugin;
    const addresses = Object.hasOwn(plugin.names, lower) ? plugin.names[lower] : undefined;
    if (reverse === undefined && addresses === undefined) {
      if (fallsThrough(lower, plugin.fallthrough)) return job;
      // There is no SOA for an NXDOMAIN.
      return refuse('hosts', 'SERVFAIL');
    }
    const answers =
      reverse !== undefined
        ? reverse.map((data): DnsResourceRecord => ({ name, type: 'PTR', ttlSeconds, data }))
        : (addresses ?? []).flatMap((data): DnsResourceRecord[] => {
            const kind = data.includes(':') ? 'AAAA' : 'A';
            return kind === type ? [{ name, type: kind, ttlSeconds, data }] : [];
          });
    return replyTo(job, 'hosts', 'NOERROR', { authoritative: true, answers });
  },
};

export const whoamiPlugin: PluginHandler<Plugin<'whoami'>> = {
  request: (_run, job) => {
    const { ip, port } = job.client.from;
    const { name } = job.question;
    const additionals: DnsResourceRecord[] = [
      { name, type: typeof ip === 'bigint' ? 'AAAA' : 'A', ttlSeconds: 0, data: formatIp(ip) },
      { name: `_${job.client.transport}.${name}`, type: 'SRV', ttlSeconds: 0, data: `0 0 ${port} .` },
    ];
    return replyTo(job, 'whoami', 'NOERROR', { authoritative: true, additionals });
  },
};

export const anyPlugin: PluginHandler<Plugin<'any'>> = {
  request: (_run, job) => {
    if (job.question.type !== 'ANY') return job;
    const hinfo: DnsResourceRecord = { name: job.question.name, type: 'HINFO', ttlSeconds: 8482, data: '"ANY obsoleted" "See RFC 8482"' };
    return replyTo(job, 'any', 'NOERROR', { answers: [hinfo] });
  },
};

export const minimalPlugin: PluginHandler<Plugin<'minimal'>> = {
  request: (_run, job) => job,
  response: (_run, _job, _plugin, _at, result) => {
    const { message } = result;
    // Negative answers and delegations need what they have.
    if (message === undefined || message.answers.length === 0 || message.rcode !== 'NOERROR') return result;
    return { ...result, message: { ...message, authorities: [], additionals: [] } };
  },
};

const isAddress = (record: DnsResourceRecord): boolean => record.type === 'A' || record.type === 'AAAA';

/** Aliases first, then the rest, then addresses and mail exchangers in a new order. */
function shuffled(records: readonly DnsResourceRecord[], below: (bound: number) => number): readonly DnsResourceRecord[] {
  const shuffle = (list: DnsResourceRecord[]): DnsResourceRecord[] => {
    for (let i = list.length - 1; i > 0; i -= 1) {
      const other = below(i + 1);
      [list[i], list[other]] = [list[other] as DnsResourceRecord, list[i] as DnsResourceRecord];
    }
    return list;
  };
  const of = (test: (record: DnsResourceRecord) => boolean) => records.filter(test);
  return [
    ...of((record) => record.type === 'CNAME'),
    ...of((record) => record.type !== 'CNAME' && record.type !== 'MX' && !isAddress(record)),
    ...shuffle([...of(isAddress)]),
    ...shuffle([...of((record) => record.type === 'MX')]),
  ];
}

export const loadbalancePlugin: PluginHandler<Plugin<'loadbalance'>> = {
  request: (_run, job) => job,
  response: (run, job, _plugin, _at, result) => {
    const { message } = result;
    if (message === undefined || message.rcode !== 'NOERROR' || job.question.type === 'AXFR') return result;
    const { answers, authorities, additionals } = message;
    if (answers.length < 2 && authorities.length < 2 && additionals.length < 2) return result;
    const below = (bound: number) => run.context.prng('dns-loadbalance').below(bound);
    const again = (list: readonly DnsResourceRecord[]) => (list.length < 2 ? list : shuffled(list, below));
    return { ...result, message: { ...message, answers: again(answers), authorities: again(authorities), additionals: again(additionals) } };
  },
};

export const bufsizePlugin: PluginHandler<Plugin<'bufsize'>> = {
  request: (_run, job, plugin) => {
    const { edns } = job.query;
    return edns === undefined || edns.udpBytes <= plugin.bytes ? job : { ...job, query: { ...job.query, edns: { ...edns, udpBytes: plugin.bytes } } };
  },
};

function isNetOf(rule: AclRule, ip: Ip): boolean {
  if (rule.nets.length === 0) return true;
  return rule.nets.some((net) => {
    const prefix = parseIpPrefix(net);
    return prefix !== undefined && inPrefix(prefix.network, prefix.prefixLength, ip);
  });
}

export const aclPlugin: PluginHandler<Plugin<'acl'>> = {
  request: (_run, job, plugin) => {
    const lower = job.question.name.toLowerCase();
    const rule = plugin.rules.find(
      (one) =>
        one.zones.some((zone) => isInZone(lower, zone)) &&
        (one.types.length === 0 || one.types.includes(job.question.type)) &&
        isNetOf(one, job.client.from.ip),
    );
    switch (rule?.action) {
      case 'block':
        return refuse('acl', 'REFUSED');
      case 'filter':
        return replyTo(job, 'acl', 'NOERROR', {});
      case 'drop':
        return { ...refuse('acl', 'NOERROR'), dropped: true };
      default:
        return job;
    }
  },
};

interface AutopathNote {
  readonly original: string;
  readonly base: string;
  readonly search: readonly string[];
  readonly place: number;
  readonly first: Result | undefined;
}

function attempt(job: Job, at: number, note: AutopathNote): Job {
  const domain = note.search[note.place] ?? '';
  return withNote({ ...job, question: { ...job.question, name: domain === '' ? note.base : `${note.base}${domain}` } }, at, note);
}

/** The client takes only an answer to its own question: an alias leads to the name that was found. */
function aliased(result: Result, original: string): Result {
  const { message } = result;
  if (message === undefined) return result;
  const other = message.answers.find((record) => record.name.toLowerCase() !== original.toLowerCase());
  const alias: DnsResourceRecord[] = other === undefined ? [] : [{ name: original, type: 'CNAME', ttlSeconds: other.ttlSeconds, data: other.name }];
  return { ...result, message: { ...message, question: { ...message.question, name: original }, answers: [...alias, ...message.answers] } };
}

export const autopathPlugin: PluginHandler<Plugin<'autopath'>> = {
  request: (_run, job, plugin, at) => {
    const lower = job.question.name.toLowerCase();
    if (matchingZone(lower, plugin.zones) === undefined) return job;
    const client = formatIp(job.client.from.ip);
    const search = plugin.byPod === undefined ? plugin.search : Object.hasOwn(plugin.byPod, client) ? (plugin.byPod[client] ?? []) : [];
    const [first] = search;
    if (first === undefined || !isInZone(lower, first) || lower === first) return job;
    const base = job.question.name.slice(0, job.question.name.length - first.length);
    return attempt(job, at, { original: job.question.name, base, search: [...search, ''], place: 0, first: undefined });
  },
  response: (_run, job, _plugin, at, result) => {
    const note = noteOf(job, at) as AutopathNote | undefined;
    if (note === undefined) return result;
    if (result.error !== undefined) return result;
    const first = note.first ?? result;
    if (result.message !== undefined && result.rcode !== 'NXDOMAIN') return aliased(result, note.original);
    if (note.place + 1 < note.search.length) return attempt(job, at, { ...note, place: note.place + 1, first });
    return first;
  },
};

/** Counts how often the server's own probe comes back to it. */
export const loopPlugin: PluginHandler<Plugin<'loop'>> = {
  request: (run, job, plugin) => {
    const { loop } = run.state;
    if (job.question.type !== 'HINFO' || loop === undefined || job.question.name.toLowerCase() !== loop.name) return job;
    const seen = loop.seen + 1;
    run.state.loop = { ...loop, seen };
    if (seen <= 2) return job;
    const { ip, port } = job.client.from;
    const local = run.config.servers[job.listener];
    const from = typeof ip === 'bigint' ? `[${formatIp(ip)}]` : formatIp(ip);
    run.context.out(
      `[FATAL] plugin/loop: Loop (${from}:${port} -> ${local?.address ?? ''}:${local?.port ?? 53}) detected for zone "${plugin.zone}", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${loop.name}"\n`,
    );
    run.context.exit(1);
    return { ...refuse('loop', 'SERVFAIL'), dropped: true };
  },
};
