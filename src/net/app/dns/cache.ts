/** The `cache` plugin: answers kept for as long as their records live, popular ones fetched again in time, old ones in need. CoreDNS: plugin/cache. */
import type { DnsMessage, DnsResourceRecord } from '../../wire/dns-message.ts';
import type { CachePlugin } from '../dns-server-config.ts';
import { type CacheItem, type CacheStore, count, type Job, noteOf, type PluginHandler, type Result, type Run, withNote } from './chain.ts';
import { isInZone, matchingZone } from './zone-names.ts';

type Kind = 'success' | 'denial' | 'failure' | 'none';

/** What a question left for its answer: the time it was stored, or why it was asked again. */
interface CacheNote {
  readonly key: string;
  /** The stale answer that is sent if the fresh one is worth nothing. */
  readonly stale: CacheItem | undefined;
  readonly hits: number;
}

/** CoreDNS: plugin/pkg/response, Typify. */
function kindOf(message: DnsMessage): Kind {
  if (message.truncated) return 'none';
  const soa = message.authorities.some((record) => record.type === 'SOA');
  if (message.answers.length > 0 && message.rcode === 'NOERROR') return 'success';
  if (message.rcode === 'NOERROR') return soa ? 'denial' : 'success';
  if (message.rcode === 'NXDOMAIN') return soa ? 'denial' : 'none';
  return message.rcode === 'SERVFAIL' || message.rcode === 'NOTIMP' ? 'failure' : 'none';
}

/** CoreDNS: plugin/pkg/dnsutil, MinimalTTL: an answer without any record is kept for five seconds. */
function minimalTtl(message: DnsMessage, kind: Kind): number {
  let ttl = Number.POSITIVE_INFINITY;
  for (const record of message.answers) ttl = Math.min(ttl, record.ttlSeconds);
  for (const record of message.authorities) {
    ttl = Math.min(ttl, record.ttlSeconds, kind === 'denial' && record.type === 'SOA' ? Number(record.data.split(' ')[6] ?? 0) : Number.POSITIVE_INFINITY);
  }
  for (const record of message.additionals) ttl = Math.min(ttl, record.ttlSeconds);
  return ttl === Number.POSITIVE_INFINITY ? 5 : ttl;
}

function lifeOf(message: DnsMessage, kind: Kind, plugin: CachePlugin): number {
  if (kind === 'failure') return plugin.servfailSeconds;
  const limits = kind === 'denial' ? plugin.denial : plugin.success;
  return Math.min(Math.max(minimalTtl(message, kind), limits.minTtlSeconds), limits.maxTtlSeconds);
}

function storeOf(run: Run, job: Job): CacheStore {
  const key = `${job.server} ${job.zone}`;
  let store = run.state.caches.get(key);
  if (store === undefined) {
    store = { success: new Map(), denial: new Map() };
    run.state.caches.set(key, store);
  }
  return store;
}

const labels = (job: Job): string => `server="${job.server}",zones="${job.zone}"`;
const keyOf = (job: Job): string => `${job.query.edns?.dnssecOk === true ? 1 : 0} ${job.question.type} ${job.question.name.toLowerCase()}`;
const leftSeconds = (item: CacheItem, nowNs: number): number => item.ttlSeconds - Math.floor((nowNs - item.storedNs) / 1e9);

const withTtl = (records: readonly DnsResourceRecord[], ttlSeconds: number): readonly DnsResourceRecord[] =>
  records.every((record) => record.ttlSeconds === ttlSeconds) ? records : records.map((record) => ({ ...record, ttlSeconds }));

function aged(message: DnsMessage, ttlSeconds: number): DnsMessage {
  const answers = withTtl(message.answers, ttlSeconds);
  const authorities = withTtl(message.authorities, ttlSeconds);
  const additionals = withTtl(message.additionals, ttlSeconds);
  if (answers === message.answers && authorities === message.authorities && additionals === message.additionals) return message;
  return { ...message, answers, authorities, additionals };
}

/** An answer out of the cache says that it is authoritative: some clients would throw it away otherwise. CoreDNS: plugin/cache/item.go, toMsg. */
function fromItem(job: Job, item: CacheItem, ttlSeconds: number, plugin: CachePlugin): Result {
  const message = aged(item.message, plugin.keepTtl ? item.ttlSeconds : ttlSeconds);
  return { kind: 'result', message: { ...message, authoritative: true, id: job.query.id, question: job.question }, rcode: message.rcode, by: 'cache' };
}

function put(run: Run, job: Job, plugin: CachePlugin, note: CacheNote, message: DnsMessage): number {
  const kind = kindOf(message);
  const ttlSeconds = kind === 'none' ? 5 : lifeOf(message, kind, plugin);
  if (kind === 'none' || ttlSeconds <= 0) return ttlSeconds;
  const lower = job.question.name.toLowerCase();
  const limits = kind === 'success' ? plugin.success : plugin.denial;
  if (limits.except.some((zone) => isInZone(lower, zone))) return ttlSeconds;
  const store = storeOf(run, job);
  const [into, out] = kind === 'success' ? [store.success, store.denial] : [store.denial, store.success];
  const { nowNs } = run.context;
  into.delete(note.key);
  if (kind === 'success') out.delete(note.key);
  into.set(note.key, { message, storedNs: nowNs, ttlSeconds, hits: note.hits, lastNs: nowNs });
  if (into.size > limits.capacity) {
    const oldest = into.keys().next().value;
    if (oldest !== undefined) into.delete(oldest);
    count(run.state, `coredns_cache_evictions_total{${labels(job)},type="${kind === 'success' ? 'success' : 'denial'}"}`);
  }
  return ttlSeconds;
}

export const cachePlugin: PluginHandler<CachePlugin> = {
  request: (run, job, plugin, at) => {
    const lower = job.question.name.toLowerCase();
    if (matchingZone(lower, plugin.zones) === undefined) return job;
    const { nowNs } = run.context;
    const key = keyOf(job);
    const store = storeOf(run, job);
    count(run.state, `coredns_cache_requests_total{${labels(job)}}`);
    const staleSeconds = plugin.serveStale?.seconds ?? 0;
    const usable = (item: CacheItem | undefined) => item !== undefined && (leftSeconds(item, nowNs) > 0 || -leftSeconds(item, nowNs) < staleSeconds);
    const denial = store.denial.get(key);
    const success = store.success.get(key);
    const item = usable(denial) ? denial : usable(success) ? success : undefined;
    if (item === undefined) {
      count(run.state, `coredns_cache_misses_total{${labels(job)}}`);
      return withNote(job, at, { key, stale: undefined, hits: 0 } satisfies CacheNote);
    }
    count(run.state, `coredns_cache_hits_total{${labels(job)},type="${item === denial ? 'denial' : 'success'}"}`);
    const left = leftSeconds(item, nowNs);
    if (left <= 0) {
      if (plugin.serveStale?.verify === true) return withNote(job, at, { key, stale: item, hits: 0 } satisfies CacheNote);
      refresh(run, job, at, key, 0);
      count(run.state, `coredns_cache_served_stale_total{${labels(job)}}`);
      return fromItem(job, item, 0, plugin);
    }
    if (plugin.prefetch !== undefined) {
      const gap = nowNs - item.lastNs > plugin.prefetch.seconds * 1e9;
      const hits = gap ? 1 : item.hits + 1;
      (item === denial ? store.denial : store.success).set(key, { ...item, hits, lastNs: nowNs });
      if (hits >= plugin.prefetch.amount && left <= Math.ceil((plugin.prefetch.percent / 100) * item.ttlSeconds)) refresh(run, job, at, key, hits);
    }
    return fromItem(job, item, left, plugin);
  },
  response: (run, job, plugin, at, result) => {
    const note = noteOf(job, at) as CacheNote | undefined;
    if (note === undefined) return result;
    const { message } = result;
    if (note.stale !== undefined && (message === undefined || (message.rcode !== 'NOERROR' && message.rcode !== 'NXDOMAIN'))) {
      count(run.state, `coredns_cache_served_stale_total{${labels(job)}}`);
      return fromItem(job, note.stale, 0, plugin);
    }
    if (message === undefined) return result;
    const ttlSeconds = put(run, job, plugin, note, message);
    return { ...result, message: plugin.keepTtl ? message : aged(message, ttlSeconds) };
  },
};

/** Asks the plugins behind the cache once more; nobody is told. */
function refresh(run: Run, job: Job, at: number, key: string, hits: number): void {
  count(run.state, `coredns_cache_prefetch_total{${labels(job)}}`);
  run.proceed(withNote({ ...job, silent: true, parent: undefined, notes: undefined }, at, { key, stale: undefined, hits } satisfies CacheNote), at + 1);
}
