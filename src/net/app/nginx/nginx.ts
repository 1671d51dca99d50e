/** nginx as its configuration files have it: a web server and a reverse proxy that resolves its backends' names once, when it starts. nginx: src/core/nginx.c, src/http/ngx_http_upstream.c. */
import { type AppContext, defineApp } from '../definition.ts';
import { listenAddress } from '../listen-address.ts';
import { handleResolving, startResolving } from '../resolver.ts';
import { tlsLayer } from '../tls/layer.ts';
import { errorPrefix } from './answer.ts';
import { readNginx } from './config.ts';
import { NginxConfigError } from './parse.ts';
import type { NginxPlan } from './plan.ts';
import { Run } from './run.ts';
import { copyState, type NginxConfig, type NginxState, newState, nowMsOf } from './state.ts';

const BACKLOG = 511;

const plans = new WeakMap<NginxConfig, NginxPlan>();

/** @throws {NginxConfigError} */
function planOf(config: NginxConfig): NginxPlan {
  let plan = plans.get(config);
  if (plan === undefined) {
    plan = readNginx(config.files, config.hidden.includes('/etc/nginx/conf.d'));
    plans.set(config, plan);
  }
  return plan;
}

export const nginx = defineApp<NginxState, NginxConfig>({
  name: 'nginx',
  start: (context, config) => {
    const state = newState(context.nowNs);
    try {
      planOf(config);
    } catch (error) {
      if (!(error instanceof NginxConfigError)) throw error;
      return ends(context, config, state, error.message);
    }
    return resolveNames(context, config, state);
  },
  handle: (context, state, event, config) => {
    if (state.phase === 'resolving') {
      if (state.resolving === undefined) return state;
      state.resolving = handleResolving(context, state.resolving, event);
      return resolveNames(context, config, state);
    }
    if (state.phase !== 'serving') return state;
    const plan = planOf(config);
    if (!speaksTls(plan)) {
      new Run(context, state, config, plan, undefined).handle(event);
      return state;
    }
    const sealed = tlsLayer(context, state.tls, nowMsOf(context, config));
    if (event.kind === 'accepted') {
      const { port } = context.localEndpoint(event.socket);
      const tls = plan.listeners.find((one) => one.port === port)?.tls;
      if (tls !== undefined) sealed.serve(event.socket, tls);
    }
    for (const opened of sealed.open(event)) new Run(sealed, state, config, plan, sealed).handle(opened);
    return state;
  },
  copy: copyState,
  tally: (state) => state.tally,
});

const speaksTls = (plan: NginxPlan): boolean =>
  plan.listeners.some(
    ({ tls, servers }) => tls !== undefined || servers.some(({ locations }) => locations.some(({ settings }) => settings.pass?.scheme === 'https')),
  );

function ends(context: AppContext, config: NginxConfig, state: NginxState, words: string): NginxState {
  context.err(`${errorPrefix('emerg', nowMsOf(context, config))}${words}\nnginx: [emerg] ${words}\n`);
  context.exit(1);
  state.phase = 'ended';
  return state;
}

/** One name after the other; an unknown one is the end. */
function resolveNames(context: AppContext, config: NginxConfig, state: NginxState): NginxState {
  const { names, notSimulated } = planOf(config);
  for (; state.at < names.length; state.at += 1) {
    const { host, at } = names[state.at] as (typeof names)[number];
    if (state.addresses.has(host)) continue;
    state.resolving ??= startResolving(context, host);
    const { result } = state.resolving;
    if (result === undefined) return state;
    state.resolving = undefined;
    if (!result.ok) return ends(context, config, state, `host not found in upstream "${host}" in ${at}`);
    state.addresses.set(host, result.addresses);
  }
  state.phase = 'serving';
  for (const listener of planOf(config).listeners) {
    const socket = context.tcpListen(listenAddress(context, listener.address), listener.port, BACKLOG, { noDelay: true });
    if (typeof socket !== 'string') continue;
    const why = socket === 'EADDRINUSE' ? '98: Address already in use' : '99: Cannot assign requested address';
    return ends(context, config, state, `bind() to ${listener.address ?? '0.0.0.0'}:${listener.port} failed (${why})`);
  }
  if (notSimulated.length > 0)
    context.err(`${errorPrefix('warn', nowMsOf(context, config))}Kubehop reads these directives without doing what they say: ${notSimulated.join(', ')}\n`);
  return state;
}
