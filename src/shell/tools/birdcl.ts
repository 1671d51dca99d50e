/** birdcl: what the BIRD of this node knows. BIRD 1.6: nest/proto.c, nest/rt-table.c; Calico runs its own build of it. */
import { bgpSpeakers, learnedRoutes, sessionStatus } from '../../kube/cni/calico/bgp.ts';
import { DEFAULT_AS_NUMBER } from '../../kube/cni/calico/settings.ts';
import { daemonsOf } from '../../kube/cni/daemons.ts';
import { parseCidr } from '../../net/addr/ip4.ts';
import type { Route } from '../../net/records.ts';
import { defineCommand, type Invocation, type Outcome } from '../command.ts';

const READY = 'BIRD v0.3.3+birdv1.6.8 ready.\n';
const clock = (timestamp: string): string => timestamp.slice(11, 19);

function protocols(invocation: Invocation, all: boolean): string {
  const { view } = invocation.host.api;
  const node = invocation.place.hostId;
  const speaker = bgpSpeakers(view).get(node);
  const since = clock(daemonsOf('calico', view).get(node)?.pod.status?.startTime ?? '');
  const line = (name: string, proto: string, state: string, when: string, info: string): string =>
    `${name.padEnd(8)} ${proto.padEnd(8)} ${'master'.padEnd(8)} ${state.padEnd(5)}  ${when.padEnd(10)}  ${info}\n`;
  let text = 'name     proto    table    state  since       info\n';
  for (const [name, proto] of [
    ['static1', 'Static'],
    ['kernel1', 'Kernel'],
    ['device1', 'Device'],
    ['direct1', 'Direct'],
  ] as const)
    text += line(name, proto, 'up', since, '');
  for (const session of speaker?.sessions ?? []) {
    const status = sessionStatus(speaker as NonNullable<typeof speaker>, session, view);
    text += line(session.name, 'BGP', status.state, clock(status.since), `${status.info}   `);
    if (!all) continue;
    const imported = learnedRoutes(node, view).filter((route) => route.from === session.peerIp).length;
    text += `  Description:    Connection to BGP peer\n  Preference:     100\n  Input filter:   ACCEPT\n  Output filter:  calico_export_to_bgp_peers\n  Routes:         ${imported} imported\n  BGP state:          ${status.info.split(' ')[0]}\n    Neighbor address: ${session.peerIp}\n    Neighbor AS:      ${session.peerAs}\n    Source address:   ${speaker?.ip ?? ''}\n`;
  }
  return text;
}

function routes({ host, place }: Invocation): string {
  const { view } = host.api;
  const node = place.hostId;
  const since = clock(daemonsOf('calico', view).get(node)?.pod.status?.startTime ?? '');
  const speaker = bgpSpeakers(view).get(node);
  const learned = new Map(learnedRoutes(node, view).map((route) => [route.destination, route]));
  const lines: (readonly [destination: string, text: string])[] = [];
  for (const record of host.engine.records.values()) {
    if (record.kind !== 'route' || record.netns !== place.netns || record.table !== 254 || record.destination.includes(':')) continue;
    const bgp = record.origin.component === 'bird' && record.type === 'unicast' ? learned.get(record.destination) : undefined;
    lines.push([
      record.destination,
      routeText(
        record,
        since,
        bgp === undefined ? undefined : { session: speaker?.sessions.find((one) => one.peerIp === bgp.from)?.name ?? '', path: bgp.path },
      ),
    ]);
  }
  const order = (destination: string): number => parseCidr(destination)?.network ?? 0;
  return lines
    .sort(([a], [b]) => (order(a) >>> 0) - (order(b) >>> 0))
    .map(([destination, text]) => `${destination.padEnd(18)} ${text}\n`)
    .join('');
}

function routeText(route: Route, since: string, bgp: { readonly session: string; readonly path: readonly number[] } | undefined): string {
  const way =
    route.type === 'blackhole'
      ? 'blackhole'
      : route.gateway === undefined
        ? `dev ${route.device}`
        : `via ${route.gateway} on ${bgp === undefined ? route.device : 'eth0'}`;
  if (bgp !== undefined) return `${way} [${bgp.session} ${since}] * (100/0) [${bgp.path.length === 0 ? '' : `AS${bgp.path.at(-1)}`}i]`;
  if (route.type === 'blackhole') return `${way} [static1 ${since}] * (200)`;
  if (route.protocol === 'kernel') return `${way} [direct1 ${since}] * (240)`;
  return `${way} [kernel1 ${since}] * (10)`;
}

function run(invocation: Invocation): Outcome {
  const { argv, out, err, host, place } = invocation;
  const words = argv
    .join(' ')
    .split(/\s+/)
    .filter((word) => word !== '' && word !== '-s' && !word.startsWith('/'));
  const speaker = bgpSpeakers(host.api.view).get(place.hostId);
  if (speaker === undefined) {
    err('Unable to connect to server control socket (/var/run/calico/bird.ctl): No such file or directory\n');
    return 1;
  }
  const [verb = '', noun = '', more = ''] = words;
  const is = (given: string, whole: string, least: number): boolean => given.length >= least && whole.startsWith(given);
  if (is(verb, 'show', 2) && is(noun, 'protocols', 1)) out(READY + protocols(invocation, more === 'all'));
  else if (is(verb, 'show', 2) && is(noun, 'route', 1)) out(READY + routes(invocation));
  else if (is(verb, 'show', 2) && is(noun, 'status', 2)) out(`${READY}BIRD v0.3.3+birdv1.6.8\nRouter ID is ${speaker.ip}\nDaemon is up and running\n`);
  else {
    out(
      `${READY}${verb === '' ? '' : 'syntax error, unexpected CF_SYM_UNDEFINED\n'}Here: show protocols [all], show route, show status (AS ${speaker.as || DEFAULT_AS_NUMBER})\n`,
    );
    return verb === '' ? 0 : 1;
  }
  return 0;
}

const make = (name: string) =>
  defineCommand({
    name,
    summary: "what this node's BIRD knows: show protocols, show route",
    group: 'network',
    run,
    complete: (words) => (words.length <= 2 ? ['show'] : ['protocols', 'route', 'status']),
  });

export const birdcl = make('birdcl');
export const birdc = make('birdc');
