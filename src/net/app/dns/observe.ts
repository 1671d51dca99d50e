/** Plugins that only look: `log`, `errors` and `prometheus`, and the page with what was counted. CoreDNS: plugin/{log,errors,metrics}. */
import { matchGoRegexp } from '../../../base/go-regexp.ts';
import { formatIp } from '../../addr/ip.ts';
import { dnsMessageBytes } from '../../wire/dns-codec.ts';
import type { DnsMessage } from '../../wire/dns-message.ts';
import type { DnsPlugin, LogPlugin } from '../dns-server-config.ts';
import { count, type Job, type PluginHandler, type Result, type Run, type ServerState } from './chain.ts';
import { PLAIN_UDP_BYTES } from './fit.ts';
import { isInZone } from './zone-names.ts';

type Plugin<N extends DnsPlugin['name']> = Extract<DnsPlugin, { readonly name: N }>;

/** As the `log` plugin writes them: `qr,aa,rd`. */
function flagsText(message: DnsMessage, truncated: boolean): string {
  const flags = ['qr'];
  if (message.authoritative) flags.push('aa');
  if (truncated) flags.push('tc');
  if (message.recursionDesired) flags.push('rd');
  if (message.recursionAvailable) flags.push('ra');
  if (message.authenticData === true) flags.push('ad');
  if (message.checkingDisabled === true) flags.push('cd');
  return flags.join(',');
}

/** CoreDNS: plugin/pkg/response, Classify. */
function classOf(message: DnsMessage): string {
  if (message.rcode === 'NXDOMAIN') return 'denial';
  if (message.rcode !== 'NOERROR') return 'error';
  return message.answers.length === 0 && message.authorities.some((record) => record.type === 'SOA') ? 'denial' : 'success';
}

const COMMON = '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';
const COMBINED = COMMON.replace('{>id}', '{>id} {>opcode}');

function formatLine(run: Run, job: Job, message: DnsMessage, format: string, truncated: boolean): string {
  const { query, client } = job;
  const ip = formatIp(client.from.ip);
  const values: Readonly<Record<string, string>> = {
    remote: typeof client.from.ip === 'bigint' ? `[${ip}]` : ip,
    port: String(client.from.port),
    '>id': String(query.id),
    '>opcode': '0',
    type: job.question.type,
    class: 'IN',
    name: job.question.name,
    proto: client.transport,
    size: String(client.bytes),
    '>do': String(query.edns?.dnssecOk === true),
    '>bufsize': String(client.transport === 'tcp' ? 65535 : Math.max(query.edns?.udpBytes ?? 0, PLAIN_UDP_BYTES)),
    rcode: message.rcode,
    '>rflags': flagsText(message, truncated),
    rsize: String(dnsMessageBytes(message.edns === undefined ? message : ({ ...message, edns: undefined } as unknown as DnsMessage))),
    duration: `${((run.context.nowNs - job.startedNs) / 1e9).toFixed(9)}s`,
  };
  return format
    .replaceAll('{common}', COMMON)
    .replaceAll('{combined}', COMBINED)
    .replace(/\{([>a-z]{1,12})\}/g, (whole, name: string) => (Object.hasOwn(values, name) ? (values[name] ?? whole) : whole));
}

/** The line that a rule of `log` writes about this answer, without its end; undefined where none does. */
export function logLine(run: Run, job: Job, plugin: LogPlugin, message: DnsMessage, truncated: boolean): string | undefined {
  const lower = job.question.name.toLowerCase();
  for (const rule of plugin.rules) {
    if (!rule.zones.some((zone) => isInZone(lower, zone))) continue;
    if (!rule.classes.includes('all') && !rule.classes.includes(classOf(message))) return undefined;
    return `[INFO] ${formatLine(run, job, message, rule.format, truncated)}`;
  }
  return undefined;
}

export const CONSOLIDATE_TIMER = 'consolidate';

/** Prints an error, or counts it where a pattern says so. */
export function tellError(run: Run, job: Job, plugin: Plugin<'errors'>, result: Result): void {
  const error = result.error ?? '';
  const at = plugin.consolidate.findIndex((one) => matchGoRegexp(one.pattern, error) !== undefined);
  const pattern = plugin.consolidate[at];
  if (pattern === undefined) {
    run.context.out(`[ERROR] plugin/errors: ${CODES.indexOf(result.rcode)} ${job.question.name.toLowerCase()} ${job.question.type}: ${error}\n`);
    return;
  }
  const key = `${pattern.pattern.source} ${pattern.period} ${pattern.level}`;
  const before = run.state.consolidated.get(key) ?? 0;
  run.state.consolidated.set(key, before + 1);
  if (before === 0)
    run.context.setTimer(pattern.seconds * 1e9, CONSOLIDATE_TIMER, { key, pattern: pattern.pattern.source, period: pattern.period, level: pattern.level });
}

export function tellConsolidated(run: Run, data: { readonly key: string; readonly pattern: string; readonly period: string; readonly level: string }): void {
  const times = run.state.consolidated.get(data.key) ?? 0;
  run.state.consolidated.delete(data.key);
  if (times > 0) run.context.out(`[${data.level.toUpperCase()}] plugin/errors: ${times} errors like '${data.pattern}' occurred in last ${data.period}\n`);
}

const CODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
const pass = (_run: Run, job: Job): Job => job;

/** `log` and `errors` speak when the answer is on its way: see `serve.ts`. */
export const logPlugin: PluginHandler<LogPlugin> = { request: pass };
export const errorsPlugin: PluginHandler<Plugin<'errors'>> = { request: pass };

/** Types that metrics name; others are counted together. CoreDNS: plugin/metrics/vars/monitor.go. */
const COUNTED = new Set(['A', 'AAAA', 'MX', 'SOA', 'CNAME', 'PTR', 'TXT', 'NS', 'SRV', 'DS', 'DNSKEY', 'HTTPS', 'ANY']);
const BUCKETS = Array.from({ length: 16 }, (_gone, i) => 0.00025 * 2 ** i);

export const prometheusPlugin: PluginHandler<Plugin<'prometheus'>> = {
  request: pass,
  response: (run, job, _plugin, _at, result) => {
    const family = typeof job.client.from.ip === 'bigint' ? 2 : 1;
    const type = COUNTED.has(job.question.type) ? job.question.type : 'other';
    const where = `server="${job.server}"`;
    const { state } = run;
    count(state, `coredns_dns_requests_total{family="${family}",proto="${job.client.transport}",${where},type="${type}",view="",zone="${job.zone}"}`);
    const by = result.message === undefined ? '' : result.by;
    count(state, `coredns_dns_responses_total{plugin="${by}",rcode="${result.rcode}",${where},view="",zone="${job.zone}"}`);
    const seconds = (run.context.nowNs - job.startedNs) / 1e9;
    const place = `${where},view="",zone="${job.zone}"`;
    const bucket = BUCKETS.find((bound) => seconds <= bound);
    count(state, `duration-bucket ${bucket ?? '+Inf'} ${place}`);
    count(state, `coredns_dns_request_duration_seconds_sum{${place}}`, seconds);
    count(state, `coredns_dns_request_duration_seconds_count{${place}}`);
    return result;
  },
};

const HELP: Readonly<Record<string, readonly [help: string, type: string]>> = {
  coredns_cache_entries: ['The number of elements in the cache.', 'gauge'],
  coredns_cache_evictions_total: ['The count of cache evictions.', 'counter'],
  coredns_cache_hits_total: ['The count of cache hits.', 'counter'],
  coredns_cache_misses_total: ['The count of cache misses. Deprecated, derive misses from cache hits/requests counters.', 'counter'],
  coredns_cache_prefetch_total: ['The number of times the cache has prefetched a cached item.', 'counter'],
  coredns_cache_requests_total: ['The count of cache requests.', 'counter'],
  coredns_cache_served_stale_total: ['The number of requests served from stale cache entries.', 'counter'],
  coredns_dns_request_duration_seconds: ['Histogram of the time (in seconds) each request took per zone.', 'histogram'],
  coredns_dns_requests_total: ['Counter of DNS requests made per zone, protocol and family.', 'counter'],
  coredns_dns_responses_total: ['Counter of response status codes.', 'counter'],
  coredns_forward_healthcheck_broken_total: ['Counter of the number of complete failures of the healthchecks.', 'counter'],
  coredns_forward_max_concurrent_rejects_total: ['Counter of the number of queries rejected because the concurrent queries were at maximum.', 'counter'],
  coredns_health_request_failures_total: ['The number of times the health check failed.', 'counter'],
  coredns_panics_total: ['A metrics that counts the number of panics.', 'counter'],
  coredns_proxy_healthcheck_failures_total: ['Counter of the number of failed healthchecks.', 'counter'],
  coredns_proxy_request_duration_seconds: ['Histogram of the time each request took.', 'histogram'],
  coredns_reload_failed_total: ['Counter of the number of failed reload attempts.', 'counter'],
};

function lines(state: ServerState): string[] {
  const all = [...state.counters].filter(([name]) => name.startsWith('coredns_')).map(([name, value]) => `${name} ${value}`);
  for (const [store, { success, denial }] of state.caches) {
    const [server, zone] = store.split(' ');
    all.push(`coredns_cache_entries{server="${server}",type="denial",zones="${zone}"} ${denial.size}`);
    all.push(`coredns_cache_entries{server="${server}",type="success",zones="${zone}"} ${success.size}`);
  }
  const places = new Set([...state.counters.keys()].flatMap((name) => /^duration-bucket \S+ (.*)$/.exec(name)?.[1] ?? []));
  for (const place of places) {
    let sum = 0;
    for (const bound of [...BUCKETS, '+Inf']) {
      sum += state.counters.get(`duration-bucket ${bound} ${place}`) ?? 0;
      all.push(`coredns_dns_request_duration_seconds_bucket{${place},le="${bound}"} ${sum}`);
    }
  }
  all.push('coredns_health_request_failures_total 0', 'coredns_panics_total 0', `coredns_reload_failed_total ${state.counters.get('reload-failed') ?? 0}`);
  return all;
}

/** The page that the `prometheus` plugin serves, as far as it counts here. */
export function metricsText(state: ServerState): string {
  const byName = new Map<string, string[]>();
  for (const line of lines(state)) {
    const name = (/^[a-z_]+/.exec(line)?.[0] ?? '').replace(/_(bucket|sum|count)$/, (suffix, _part, _at, whole: string) =>
      whole.includes('duration') ? '' : suffix,
    );
    const list = byName.get(name);
    if (list === undefined) byName.set(name, [line]);
    else list.push(line);
  }
  let text = '';
  for (const name of [...byName.keys()].sort()) {
    const [help, type] = (Object.hasOwn(HELP, name) ? HELP[name] : undefined) ?? [name, 'counter'];
    const list = byName.get(name) ?? [];
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${(type === 'histogram' ? list : [...list].sort()).join('\n')}\n`;
  }
  return text;
}
