/** The rule or route of a hop among its neighbours: which others were looked at, and what in this packet each of them did not fit. */
import { formatIp, parseIp } from '../net/addr/ip.ts';
import { maskOf } from '../net/addr/ip4.ts';
import { formatAddress } from '../net/netfilter/address.ts';
import { type ParsedRule, parseRule } from '../net/netfilter/rule.ts';
import type { Chain, Route } from '../net/records.ts';
import { formatRoute } from '../net/stack/format-route.ts';
import type { RuleReference, TraceEvent } from '../net/trace-event.ts';
import { isIpLayer, type Layer } from '../net/wire/packet.ts';
import type { HopContext, NeighborRow } from './views.ts';
import type { World } from './world.ts';

type Told = Pick<World, 'engine' | 'records' | 'headSeq' | 'lookAt' | 'sourceOf'>;

/** Rules shown before and behind the one that decided; a chain may have thousands. */
const MAX_BEFORE = 14;
const MAX_BEHIND = 3;
const MAX_ROUTES = 40;
const MAX_BACK = 600;

interface Face {
  readonly src: string;
  readonly dst: string;
  readonly protocol: string;
  readonly sport: number;
  readonly dport: number;
  readonly inDevice: string;
  readonly mark: number;
  readonly state: string | undefined;
}

const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp', 132: 'sctp' };

/** The outermost packet, which is what rules and routes see. */
function faceOf(event: TraceEvent): Face | undefined {
  const at = event.layers.findIndex((layer) => isIpLayer(layer));
  const ip = event.layers[at];
  if (!isIpLayer(ip)) return undefined;
  const next: Layer | undefined = event.layers[at + 1];
  const ports = next?.protocol === 'tcp' || next?.protocol === 'udp' || next?.protocol === 'sctp' ? next : undefined;
  const protocol = ports?.protocol ?? (next?.protocol === 'icmp' ? 'icmp' : next?.protocol === 'icmp6' ? 'ipv6-icmp' : '');
  return {
    src: ip.src,
    dst: ip.dst,
    protocol,
    sport: ports?.sport ?? 0,
    dport: ports?.dport ?? 0,
    inDevice: event.device,
    mark: event.mark,
    state: event.connectionState,
  };
}

/** What can be told of the decision at event `seq`; undefined where neither a rule nor a route decided. */
export function hopContext(world: Told, seq: number): HopContext | undefined {
  const event = world.engine.events(seq, seq + 1)[0];
  if (event === undefined) return undefined;
  const { step } = event;
  const rule = step.kind === 'matched' || step.kind === 'dropped' ? step.rule : undefined;
  const route = step.kind === 'routed' || step.kind === 'dropped' ? step.route : undefined;
  const face = faceOf(event);
  const noRoute = step.kind === 'dropped' && (step.reason === 'IP_INNOROUTES' || step.reason === 'IP_OUTNOROUTES');
  if (face === undefined || (rule === undefined && route === undefined && !noRoute)) return undefined;
  const met = new Set<string>();
  for (const one of world.engine.events(Math.max(0, seq - MAX_BACK), seq + 1))
    if (one.packetId === event.packetId && one.netns === event.netns && one.step.kind === 'matched' && one.step.rule !== undefined)
      met.add(`${one.step.rule.chainId} ${one.step.rule.index}`);
  return world.lookAt(Math.max(0, seq - 1), () => ({
    ...(rule === undefined ? {} : rulesAround(world, rule, face, met)),
    ...(route === undefined && !noRoute ? {} : { routes: routesAround(world, event, face, route?.recordId, route?.table) }),
  }));
}

function placeOf(world: Told, key: string | undefined): Pick<NeighborRow, 'objectKey' | 'yaml'> {
  if (key === undefined) return {};
  const admitted = world.sourceOf(key);
  return { objectKey: key, ...(admitted === undefined ? {} : { yaml: { file: admitted.source.file, span: admitted.source.span } }) };
}

function rulesAround(world: Told, rule: RuleReference, face: Face, met: ReadonlySet<string>): Pick<HopContext, 'chain' | 'rules' | 'skipped'> {
  const chain = world.records.find(rule.chainId);
  if (chain?.kind !== 'chain') return {};
  const { index } = rule;
  const first = Math.max(0, index - MAX_BEFORE);
  const rows = chain.rules.slice(first, index + 1 + MAX_BEHIND).map((one, offset): NeighborRow => {
    const at = first + offset;
    const origin = one.origin ?? chain.origin;
    const words =
      at === index
        ? 'This one matched.'
        : at > index
          ? 'Not looked at: the one before had decided.'
          : met.has(`${chain.id} ${at}`)
            ? 'It matched too, and the packet went on.'
            : missed(chain, one.text, face);
    return { text: one.text, decided: at === index, why: words, number: at + 1, writtenBy: origin.component, ...placeOf(world, origin.objects[0]) };
  });
  return { chain: `${rule.table} ${chain.name}`, rules: rows, skipped: first };
}

/** The first part of a rule that this packet does not fit, in words. */
function missed(chain: Chain, text: string, face: Face): string {
  const parsed = parseRule(text, chain.family ?? 'ipv4');
  if ('error' in parsed) return 'It did not match.';
  const { rule } = parsed;
  return addressMiss(rule, face) ?? protocolMiss(rule, face) ?? matchMiss(rule, face) ?? 'It did not match at that moment.';
}

function fits(test: NonNullable<ParsedRule['source']>, address: string): boolean {
  const ip = parseIp(address);
  if (typeof ip !== 'number' || typeof test.network !== 'number') return false;
  return (((ip ^ test.network) & (test.mask ?? maskOf(test.prefixLength))) === 0) !== test.negated;
}

function addressMiss(rule: ParsedRule, face: Face): string | undefined {
  const { source, destination, inDevice, outDevice } = rule;
  const said = (test: NonNullable<ParsedRule['source']>) => `${test.negated ? 'anything but ' : ''}${formatAddress(test, true)}`;
  if (destination !== undefined && typeof destination.network === 'number' && !fits(destination, face.dst))
    return `For packets to ${said(destination)}; this one goes to ${face.dst}.`;
  if (source !== undefined && typeof source.network === 'number' && !fits(source, face.src))
    return `For packets from ${said(source)}; this one comes from ${face.src}.`;
  if (inDevice !== undefined && face.inDevice !== '' && wild(inDevice.name, face.inDevice) === inDevice.negated)
    return `For packets that ${inDevice.negated ? 'do not come' : 'come'} in by ${inDevice.name}; this one is at ${face.inDevice}.`;
  return outDevice === undefined ? undefined : outMiss(outDevice, face);
}
const wild = (pattern: string, device: string): boolean => (pattern.endsWith('+') ? device.startsWith(pattern.slice(0, -1)) : device === pattern);
const outMiss = (test: NonNullable<ParsedRule['outDevice']>, face: Face): string | undefined =>
  wild(test.name, face.inDevice) === test.negated ? `For packets that ${test.negated ? 'do not leave' : 'leave'} by ${test.name}.` : undefined;

function protocolMiss(rule: ParsedRule, face: Face): string | undefined {
  if (rule.protocol === 0) return undefined;
  const name = PROTOCOLS[rule.protocol] ?? String(rule.protocol);
  return (name === face.protocol) === rule.protocolNegated
    ? `For ${rule.protocolNegated ? 'anything but ' : ''}${name}; this is ${face.protocol === '' ? 'something else' : face.protocol}.`
    : undefined;
}

function matchMiss(rule: ParsedRule, face: Face): string | undefined {
  for (const { name, text } of rule.matches) {
    const value = (option: string) => new RegExp(`(! )?--${option} (\\S+)`).exec(text);
    if (name === 'tcp' || name === 'udp' || name === 'sctp') {
      const dport = value('dport');
      if (dport !== null && inRange(dport[2] ?? '', face.dport) === (dport[1] !== undefined))
        return `For port ${dport[1] === undefined ? '' : 'other than '}${dport[2]}; this one goes to port ${face.dport}.`;
      const sport = value('sport');
      if (sport !== null && inRange(sport[2] ?? '', face.sport) === (sport[1] !== undefined))
        return `For packets from port ${sport[2]}; this one comes from ${face.sport}.`;
    } else if (name === 'conntrack' || name === 'state') {
      const state = value('(?:ctstate|state)');
      if (state !== null && face.state !== undefined && (state[2] ?? '').split(',').includes(face.state) === (state[1] !== undefined))
        return `For connections in state ${state[2]}; this one is ${face.state}.`;
    } else if (name === 'mark') {
      const mark = value('mark');
      const [wanted = 0, mask = 0xffffffff] = (mark?.[2] ?? '').split('/').map(Number);
      if (mark !== null && ((face.mark & mask) >>> 0 === wanted >>> 0) === (mark[1] !== undefined))
        return `For packets ${mark[1] === undefined ? 'with' : 'without'} the mark ${mark[2]}; this one has 0x${face.mark.toString(16)}.`;
    } else if (name === 'statistic')
      return `Chance decided for a later one: ${text.replace(/--mode random --probability (\S+)/, (_, share: string) => `${Math.round(Number(share) * 100)} % of what comes here`)}.`;
    else if (name === 'set') return `Not in the set: ${text.replace('--match-set ', '')}.`;
    else if (name === 'addrtype') return `For addresses of another kind: ${text}.`;
    else if (name === 'recent') return 'Its client has not been here lately.';
  }
  return undefined;
}

function inRange(range: string, port: number): boolean {
  const [low = '', high = low] = range.split(':');
  return port >= Number(low === '' ? 0 : low) && port <= Number(high === '' ? 65535 : high);
}

const tableName = (table: number): string => (table === 254 ? 'main' : table === 255 ? 'local' : String(table));

/** Routes of the netns, the longest prefixes first, as the lookup would have liked them. */
function routesAround(world: Told, event: TraceEvent, face: Face, chosenId: string | undefined, table: number | undefined): NeighborRow[] {
  const routes: Route[] = [];
  for (const record of world.records.values()) if (record.kind === 'route' && record.netns === event.netns) routes.push(record);
  const target = parseIp(face.dst);
  const lengthOf = (route: Route) => Number(route.destination.split('/')[1] ?? 32);
  const holds = (route: Route): boolean => {
    const network = parseIp(route.destination.split('/')[0] ?? '');
    if (typeof network !== 'number' || typeof target !== 'number') return network === target || lengthOf(route) === 0;
    return ((network ^ target) & maskOf(lengthOf(route))) === 0;
  };
  const chosen = routes.find((route) => route.id === chosenId);
  const name = target === undefined ? face.dst : formatIp(target);
  const rank = (route: Route) => (route === chosen ? 1000 : 0) + (holds(route) ? 500 : 0) + lengthOf(route);
  return routes
    .sort((a, b) => rank(b) - rank(a))
    .slice(0, MAX_ROUTES)
    .map((route): NeighborRow => {
      const length = lengthOf(route);
      const why =
        route === chosen
          ? length === 0
            ? `The default route: nothing longer holds ${name}.`
            : `The longest prefix that holds ${name}: /${length}.`
          : !holds(route)
            ? `${name} is not in ${route.destination}.`
            : chosen === undefined
              ? table === 255
                ? `${name} is an address of this machine: table local is asked first.`
                : `It holds ${name}, and is in table ${tableName(route.table)}, which was not asked.`
              : lengthOf(chosen) > length
                ? `It holds ${name} too, and /${length} is shorter than /${lengthOf(chosen)}.`
                : route.table !== chosen.table
                  ? `It is in table ${tableName(route.table)}; table ${tableName(chosen.table)} had decided.`
                  : `Its metric ${route.metric} is not below ${chosen.metric}.`;
      return { text: formatRoute(route), decided: route === chosen, why, writtenBy: route.origin.component, ...placeOf(world, route.origin.objects[0]) };
    });
}
