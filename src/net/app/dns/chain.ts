/** A question on its way through a server block's plugins: what plugins see of it, what they may say, and what a server remembers. CoreDNS: plugin/plugin.go, core/dnsserver/server.go. */
import type { DnsMessage, DnsQuestion, DnsRcode, DnsResourceRecord } from '../../wire/dns-message.ts';
import type { Payload } from '../../wire/packet.ts';
import type { AppContext, Endpoint, SocketId } from '../definition.ts';
import type { DnsPlugin, DnsServerConfig, DnsZone } from '../dns-server-config.ts';

/** Where a question came from. */
export interface DnsClient {
  readonly transport: 'udp' | 'tcp';
  /** UDP: the listening socket; TCP: the connection. */
  readonly socket: SocketId;
  readonly from: Endpoint;
  readonly bytes: number;
}

/** What a plugin noted about a question for when its answer comes by. Plain data. */
interface Note {
  readonly at: number;
  readonly data: unknown;
  readonly next: Note | undefined;
}

/** Plain data, replaced and never changed; a reload does not change the chain it goes through. */
export interface Job {
  readonly kind: 'job';
  readonly chain: readonly DnsPlugin[];
  /** Zone of the server block. */
  readonly zone: string;
  readonly listener: number;
  /** `dns://:53`, as metrics name the server. */
  readonly server: string;
  /** As the client sent it. */
  readonly query: DnsMessage;
  /** As the plugins before this one have made it. */
  readonly question: DnsQuestion;
  readonly client: DnsClient;
  readonly startedNs: number;
  /** Of questions that a plugin asks the server itself. */
  readonly depth: number;
  readonly notes: Note | undefined;
  /** Who asked, when it was a plugin: its job, its place and what it needs to go on. */
  readonly parent: { readonly job: Job; readonly at: number; readonly data: unknown } | undefined;
  /** Nobody waits for the answer: a cache refreshes an entry. */
  readonly silent: boolean;
}

/** A whole answer, or only a code, for which the server writes the answer. */
export interface Result {
  readonly kind: 'result';
  readonly message?: DnsMessage;
  readonly rcode: DnsRcode;
  readonly error?: string;
  /** The plugin that answered. */
  readonly by: string;
  /** Nothing is sent at all. */
  readonly dropped?: boolean;
}

/** What a plugin does with a question: lets it on, answers, or will answer later by `Run.complete`. */
export type Step = Job | Result | 'wait';

/** What the plugins of a running server work with during one event. */
export interface Run {
  readonly context: AppContext;
  readonly state: ServerState;
  readonly config: DnsServerConfig;
  /** Goes on with the plugin at this place. */
  proceed(job: Job, at: number): void;
  /** The plugin at this place has an answer. */
  complete(job: Job, at: number, result: Result): void;
  /** Asks the whole server another question; the plugin's `resume` gets the answer. */
  ask(parent: Job, at: number, question: DnsQuestion, data: unknown): void;
}

export interface PluginHandler<P extends DnsPlugin> {
  readonly request: (run: Run, job: Job, plugin: P, at: number) => Step;
  /** Sees every answer of the plugins behind this one; a job asks them again. */
  readonly response?: (run: Run, job: Job, plugin: P, at: number, result: Result) => Result | Job | 'wait';
  /** The answer to a question of `Run.ask`. */
  readonly resume?: (run: Run, job: Job, plugin: P, at: number, answer: DnsMessage, data: unknown) => Step;
}

export function withNote(job: Job, at: number, data: unknown): Job {
  return { ...job, notes: { at, data, next: job.notes } };
}

/** The latest note of a plugin; undefined if there is none. */
export function noteOf(job: Job, at: number): unknown {
  for (let note = job.notes; note !== undefined; note = note.next) if (note.at === at) return note.data;
  return undefined;
}

export interface ReplyParts {
  readonly authoritative?: boolean;
  readonly recursionAvailable?: boolean;
  readonly answers?: readonly DnsResourceRecord[];
  readonly authorities?: readonly DnsResourceRecord[];
  readonly additionals?: readonly DnsResourceRecord[];
}

export function replyTo(job: Job, by: string, rcode: DnsRcode, parts: ReplyParts): Result {
  const { query } = job;
  const message: DnsMessage = {
    id: query.id,
    response: true,
    authoritative: parts.authoritative ?? false,
    truncated: false,
    recursionDesired: query.recursionDesired,
    recursionAvailable: parts.recursionAvailable ?? false,
    rcode,
    question: job.question,
    answers: parts.answers ?? [],
    authorities: parts.authorities ?? [],
    additionals: parts.additionals ?? [],
  };
  return { kind: 'result', message, rcode, by };
}

/** Codes with which a plugin leaves it to the server to write the answer. */
export function refuse(by: string, rcode: DnsRcode, error?: string): Result {
  return { kind: 'result', rcode, by, ...(error === undefined ? {} : { error }) };
}

/** One answer in a cache. */
export interface CacheItem {
  readonly message: DnsMessage;
  readonly storedNs: number;
  readonly ttlSeconds: number;
  readonly hits: number;
  readonly lastNs: number;
}
export interface CacheStore {
  readonly success: Map<string, CacheItem>;
  readonly denial: Map<string, CacheItem>;
}

/** A question that waits for an upstream. */
export interface Waiting {
  readonly job: Job;
  readonly at: number;
  /** Places of the upstreams in the order of the policy. */
  readonly order: readonly number[];
  readonly next: number;
  readonly fails: number;
  readonly address: string;
  readonly tcp: boolean;
  readonly id: number;
  readonly timer: number;
  readonly startedNs: number;
  /** TCP: what has come of the answer. */
  readonly received: string;
}

export interface Upstream {
  readonly fails: number;
  /** A probe is under way or waits for its next try. */
  readonly checking: boolean;
}

/** Changed in place. */
export interface ServerState {
  /** The configuration that runs, which may be older than the record's. */
  active: DnsServerConfig;
  /** The last one `reload` has tried. */
  tried: string | undefined;
  readonly startedNs: number;
  /** Listening sockets by what they serve: `udp 0`, `tcp 0`, `http 1`. */
  readonly listening: Map<SocketId, string>;
  /** Connections and what has come on them; `serves`: of `listening`. */
  readonly connections: Map<SocketId, { readonly serves: string; readonly received: string; readonly timer: number }>;
  readonly caches: Map<string, CacheStore>;
  readonly waiting: Map<SocketId, Waiting>;
  /** Sockets to upstreams that may be used again, by `udp ADDRESS`; the last is taken first. */
  readonly idle: Map<string, readonly { readonly socket: SocketId; readonly sinceNs: number }[]>;
  readonly upstreams: Map<string, Upstream>;
  readonly probes: Map<SocketId, { readonly upstream: string; readonly at: number; readonly job: Job; readonly timer: number }>;
  readonly counters: Map<string, number>;
  /** Errors that are counted instead of printed, by pattern. */
  readonly consolidated: Map<string, number>;
  loop: { readonly name: string; readonly seen: number; readonly untilNs: number; readonly socket: SocketId; readonly listener: number } | undefined;
  /** Of a server with a CPU limit: what it has used, ns, up to which period of the scheduler that was counted, and whether it waits for the next. */
  cpu: { readonly usedNs: number; readonly period: number; readonly stopped: boolean };
  readonly answered: Answered;
}

/** What zone data said to questions before: only to look nothing up twice, so it goes with that data and is no part of a snapshot. */
export interface Answered {
  zones: readonly DnsZone[] | undefined;
  readonly messages: Map<string, DnsMessage>;
  readonly payloads: WeakMap<DnsMessage, Payload>;
}

export const count = (state: ServerState, counter: string, by = 1): void => {
  state.counters.set(counter, (state.counters.get(counter) ?? 0) + by);
};
