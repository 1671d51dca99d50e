/** The way of a question through the plugins of its server block and of its answer back through them. CoreDNS: core/dnsserver/server.go. */
import type { DnsEdns, DnsMessage, DnsQuestion } from '../../wire/dns-message.ts';
import type { Payload } from '../../wire/packet.ts';
import type { AppContext } from '../definition.ts';
import type { DnsBlock, DnsListener, DnsPlugin, DnsServerConfig } from '../dns-server-config.ts';
import { cachePlugin } from './cache.ts';
import type { DnsClient, Job, PluginHandler, Result, Run, ServerState, Step } from './chain.ts';
import { refuse, replyTo } from './chain.ts';
import { filePlugin, worldPlugin } from './file-zone.ts';
import { fitMessage, MAX_TCP_BYTES, PLAIN_UDP_BYTES } from './fit.ts';
import { forwardPlugin } from './forward.ts';
import { kubernetesPlugin } from './kubernetes.ts';
import { errorsPlugin, logLine, logPlugin, prometheusPlugin, tellError } from './observe.ts';
import { rewritePlugin } from './rewrite.ts';
import {
  aclPlugin,
  anyPlugin,
  autopathPlugin,
  bufsizePlugin,
  hostsPlugin,
  loadbalancePlugin,
  loopPlugin,
  minimalPlugin,
  whoamiPlugin,
} from './small-plugins.ts';
import { dnsStreamPayload } from './tcp-stream.ts';
import { templatePlugin } from './template.ts';
import { isInZone } from './zone-names.ts';

/** CoreDNS: core/dnsserver/server.go, maxreentries: so often a question may lead to another one. */
const MAX_DEPTH = 10;

const HANDLERS: { readonly [N in DnsPlugin['name']]: PluginHandler<Extract<DnsPlugin, { readonly name: N }>> } = {
  acl: aclPlugin,
  any: anyPlugin,
  autopath: autopathPlugin,
  bufsize: bufsizePlugin,
  cache: cachePlugin,
  errors: errorsPlugin,
  file: filePlugin,
  forward: forwardPlugin,
  hosts: hostsPlugin,
  kubernetes: kubernetesPlugin,
  loadbalance: loadbalancePlugin,
  log: logPlugin,
  loop: loopPlugin,
  minimal: minimalPlugin,
  prometheus: prometheusPlugin,
  rewrite: rewritePlugin,
  template: templatePlugin,
  whoami: whoamiPlugin,
  world: worldPlugin,
};

/** The one place where a plugin's own type is forgotten: its handler stands under its name. */
const handlerOf = (plugin: DnsPlugin): PluginHandler<DnsPlugin> => HANDLERS[plugin.name] as unknown as PluginHandler<DnsPlugin>;

export function newRun(context: AppContext, state: ServerState, config: DnsServerConfig): Run {
  const run: Run = {
    context,
    state,
    config,
    proceed: (job, at) => proceed(run, job, at),
    complete: (job, at, result) => complete(run, job, at, result),
    ask: (parent, at, question, data) => ask(run, parent, at, question, data),
  };
  return run;
}

function findBlock(listener: DnsListener, lower: string): DnsBlock | undefined {
  let best: DnsBlock | undefined;
  for (const block of listener.blocks) if (isInZone(lower, block.zone) && (best === undefined || block.zone.length > best.zone.length)) best = block;
  return best;
}

/** Takes a client's question. */
export function serve(run: Run, place: number, query: DnsMessage, client: DnsClient): void {
  const listener = run.state.active.servers[place];
  if (listener === undefined) return;
  start(run, listener, {
    kind: 'job',
    chain: [],
    zone: '.',
    listener: place,
    server: `dns://${listener.address ?? ''}:${listener.port}`,
    query,
    question: query.question,
    client,
    startedNs: run.context.nowNs,
    depth: 0,
    notes: undefined,
    parent: undefined,
    silent: false,
  });
}

function start(run: Run, listener: DnsListener, job: Job): void {
  // RFC 6891 section 6.1.3: another version than 0 is BADVERS, for which the header alone has no code.
  if ((job.query.edns?.version ?? 0) !== 0) {
    finish(run, job, refuse('', 'FORMERR'));
    return;
  }
  const block = findBlock(listener, job.question.name.toLowerCase());
  if (block === undefined || block.chain.length === 0) finish(run, job, refuse('', 'REFUSED'));
  else proceed(run, { ...job, chain: block.chain, zone: block.zone }, 0);
}

function proceed(run: Run, from: Job, first: number): void {
  let job = from;
  const { chain } = job;
  for (let at = first; at < chain.length; at += 1) {
    const plugin = chain[at] as DnsPlugin;
    const step = handlerOf(plugin).request(run, job, plugin, at);
    if (step === 'wait') return;
    if (step.kind === 'result') {
      complete(run, job, at, step);
      return;
    }
    job = step;
  }
  complete(run, job, chain.length, refuse('', 'SERVFAIL', `plugin/${chain.at(-1)?.name ?? ''}: no next plugin found`));
}

function complete(run: Run, job: Job, from: number, answer: Result): void {
  let result = answer;
  for (let at = from - 1; at >= 0; at -= 1) {
    const plugin = job.chain[at] as DnsPlugin;
    const next = handlerOf(plugin).response?.(run, job, plugin, at, result);
    if (next === undefined) continue;
    if (next === 'wait') return;
    if (next.kind === 'job') {
      proceed(run, next, at + 1);
      return;
    }
    result = next;
  }
  finish(run, job, result);
}

/** A plugin's own question goes through the whole server, as a client's would. */
function ask(run: Run, parent: Job, at: number, question: DnsQuestion, data: unknown): void {
  const job: Job = { ...parent, question, depth: parent.depth + 1, notes: undefined, parent: { job: parent, at, data }, chain: [], silent: false };
  const listener = run.state.active.servers[parent.listener];
  if (listener === undefined || job.depth > MAX_DEPTH) finish(run, job, refuse('', 'SERVFAIL'));
  else start(run, listener, job);
}

function finish(run: Run, job: Job, result: Result): void {
  const message = result.message ?? (replyTo(job, result.by, result.rcode, {}).message as DnsMessage);
  if (job.silent || result.dropped === true) return;
  if (job.parent !== undefined) {
    tell(run, job, result, message, false);
    resume(run, job.parent, message);
    return;
  }
  const payload = send(run, job, message);
  tell(run, job, result, message, payload.dns?.truncated === true || message.truncated);
}

function resume(run: Run, parent: NonNullable<Job['parent']>, message: DnsMessage): void {
  const plugin = parent.job.chain[parent.at] as DnsPlugin;
  const step: Step | undefined = handlerOf(plugin).resume?.(run, parent.job, plugin, parent.at, message, parent.data);
  if (step === undefined || step === 'wait') return;
  if (step.kind === 'result') complete(run, parent.job, parent.at, step);
  else proceed(run, step, parent.at + 1);
}

/** `log` and `errors` write when the answer has left. */
function tell(run: Run, job: Job, result: Result, message: DnsMessage, truncated: boolean): void {
  for (const plugin of job.chain) {
    if (plugin.name !== 'log') continue;
    const original = { ...job, question: { ...job.question, name: job.parent === undefined ? job.query.question.name : job.question.name } };
    const line = logLine(run, original, plugin, message, truncated);
    if (line !== undefined) run.context.out(`${line}\n`);
  }
  if (result.error === undefined) return;
  for (const plugin of job.chain) if (plugin.name === 'errors') tellError(run, job, plugin, result);
}

/** The OPT record of an answer: only for those who sent one, with their own size and cookie. CoreDNS: request/request.go, SizeAndDo. */
function answerEdns(asked: DnsEdns | undefined, answered: DnsEdns | undefined): DnsEdns | undefined {
  if (asked === undefined) return undefined;
  const cookie = answered === undefined ? asked.cookie : answered.cookie;
  return {
    udpBytes: asked.udpBytes,
    ...(asked.dnssecOk === true ? { dnssecOk: true } : {}),
    ...(cookie === undefined ? {} : { cookie }),
  };
}

function send(run: Run, job: Job, message: DnsMessage): Payload {
  const { query, client } = job;
  const { edns: answered, ...rest } = message;
  const edns = answerEdns(query.edns, answered);
  const whole: DnsMessage = {
    ...rest,
    id: query.id,
    question: query.question,
    recursionDesired: query.recursionDesired,
    ...(query.checkingDisabled === true ? { checkingDisabled: true } : {}),
    ...(edns === undefined ? {} : { edns }),
  };
  if (client.transport === 'tcp') {
    const fitted = fitMessage(whole, MAX_TCP_BYTES);
    const payload = dnsStreamPayload(fitted.dns ?? whole, false);
    run.context.tcpSend(client.socket, payload);
    return fitted;
  }
  const payload = fitMessage(whole, Math.max(query.edns?.udpBytes ?? 0, PLAIN_UDP_BYTES));
  run.context.udpSend(client.socket, payload, client.from);
  return payload;
}
