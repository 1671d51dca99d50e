/** "Why can't A reach B?": tries every way a person would try, there and back, and says which layer fails first. */
import type { Endpoint, EndpointSlice } from '../../kube/service/types.ts';
import type { TraceEvent } from '../../net/trace-event.ts';
import { isIpLayer } from '../../net/wire/packet.ts';
import { mono, say, strong } from '../tell-phrases.ts';
import type { NetnsView, Phrase, ServiceView } from '../views.ts';
import { endOf, endOfService, findTarget, listening, type Port, portText, servicePorts } from './peers.ts';
import { type ProbedWorld, probe } from './probe.ts';
import type { ProbeSpec, ReachAnswer, ReachQuestion, ReachRow } from './reach-views.ts';

const MAX_PORTS = 4;
const MAX_ENDPOINTS = 4;

interface Planned {
  readonly direction: ReachRow['direction'];
  readonly about: string;
  readonly layer: 'name' | 'service' | 'endpoint' | 'host' | 'ping' | 'back';
  readonly spec: ProbeSpec;
}

/** Endpoints that rules send to, with the netns of each. */
export function endpointsOf(
  world: ProbedWorld,
  service: ServiceView,
): { readonly address: string; readonly port: number; readonly portName: string; readonly netns: NetnsView | undefined }[] {
  const { netnses } = world.topology();
  const found: { address: string; port: number; portName: string; netns: NetnsView | undefined }[] = [];
  for (const slice of world.api.view.list<EndpointSlice>('EndpointSlice', service.namespace)) {
    if (slice.metadata.labels?.['kubernetes.io/service-name'] !== service.name) continue;
    const ready = (slice.endpoints ?? []).filter((one: Endpoint) => one.conditions?.ready !== false);
    for (const port of slice.ports ?? [])
      for (const endpoint of ready)
        for (const address of endpoint.addresses)
          if (port.port !== undefined)
            found.push({ address, port: port.port, portName: port.name ?? '', netns: netnses.find((one) => one.ip === address && one.type === 'pod') });
  }
  return found;
}

const isWanted = (question: ReachQuestion, port: Port): boolean =>
  (question.port === undefined || question.port === port.port) && (question.protocol === undefined || question.protocol === port.protocol);

function planService(world: ProbedWorld, question: ReachQuestion, from: NetnsView, service: ServiceView): Planned[] {
  const ports = servicePorts(world, service)
    .filter((port) => isWanted(question, port))
    .slice(0, MAX_PORTS);
  const asked: readonly Port[] =
    ports.length > 0 || question.port === undefined ? ports : [{ protocol: question.protocol === 'UDP' ? 'UDP' : 'TCP', port: question.port }];
  const name = from.type === 'pod' && from.namespace === service.namespace ? service.name : `${service.name}.${service.namespace}`;
  const full = from.type === 'pod' ? name : `${service.name}.${service.namespace}.svc.cluster.local`;
  const plans: Planned[] = [];
  const add = (layer: Planned['layer'], about: string, target: string, port: Port) =>
    plans.push({ direction: 'there', layer, about, spec: { from: from.id, protocol: port.protocol, target, port: port.port } });
  for (const port of asked) add('name', `by name, ${full}`, full, port);
  if (service.clusterIp !== '' && service.clusterIp !== 'None') for (const port of asked) add('service', 'at its ClusterIP', service.clusterIp, port);
  const named = new Set(ports.map((port) => port.name ?? ''));
  for (const endpoint of endpointsOf(world, service)
    .filter((one) => named.has(one.portName))
    .slice(0, MAX_ENDPOINTS)) {
    const protocol = ports.find((port) => (port.name ?? '') === endpoint.portName)?.protocol ?? 'TCP';
    add('endpoint', `its endpoint ${endpoint.netns?.title ?? endpoint.address}`, endpoint.address, { protocol, port: endpoint.port });
  }
  return plans;
}

function planNetns(world: ProbedWorld, question: ReachQuestion, from: NetnsView, to: NetnsView): Planned[] {
  if (to.ip === '') return [];
  const offered = listening(world, to).filter((port) => isWanted(question, port));
  const asked: readonly Port[] =
    question.port === undefined || question.protocol === 'ICMP'
      ? offered.slice(0, MAX_PORTS)
      : [{ protocol: question.protocol === 'UDP' ? 'UDP' : 'TCP', port: question.port }];
  const what = to.type === 'pod' ? 'the pod' : 'the machine';
  const plans: Planned[] = asked.map((port) => ({
    direction: 'there',
    layer: 'host',
    about: `${what} itself`,
    spec: { from: from.id, protocol: port.protocol, target: to.ip, port: port.port },
  }));
  return [...plans, { direction: 'there', layer: 'ping', about: `${what}, ping`, spec: { from: from.id, protocol: 'ICMP', target: to.ip, port: 0 } }];
}

/** The other direction: who is asked now asks. */
function planBack(world: ProbedWorld, from: NetnsView, to: NetnsView): Planned[] {
  if (from.ip === '' || from.id === to.id) return [];
  const ports = from.type === 'pod' ? listening(world, from).slice(0, 2) : [];
  const about = `from ${to.title}`;
  return [
    ...ports.map(
      (port): Planned => ({ direction: 'back', layer: 'back', about, spec: { from: to.id, protocol: port.protocol, target: from.ip, port: port.port } }),
    ),
    { direction: 'back', layer: 'back', about: `${about}, ping`, spec: { from: to.id, protocol: 'ICMP', target: from.ip, port: 0 } },
  ];
}

function plan(world: ProbedWorld, question: ReachQuestion, from: NetnsView): Planned[] {
  const target = findTarget(world, question.to);
  if (target.kind === 'text') {
    const port: Port = { protocol: question.protocol === 'UDP' ? 'UDP' : 'TCP', port: question.port ?? 80 };
    const about = target.text;
    return [
      { direction: 'there', layer: 'host', about, spec: { from: from.id, protocol: port.protocol, target: target.text, port: port.port } },
      { direction: 'there', layer: 'ping', about: `${about}, ping`, spec: { from: from.id, protocol: 'ICMP', target: target.text, port: 0 } },
    ];
  }
  if (target.kind === 'netns') return [...planNetns(world, question, from, target.view), ...planBack(world, from, target.view)];
  const behind = endpointsOf(world, target.view).find((one) => one.netns !== undefined)?.netns;
  const pings: Planned[] =
    behind === undefined || behind.id === from.id
      ? []
      : [
          {
            direction: 'there',
            layer: 'ping',
            about: `its endpoint ${behind.title}, ping`,
            spec: { from: from.id, protocol: 'ICMP', target: behind.ip, port: 0 },
          },
        ];
  return [...planService(world, question, from, target.view), ...pings, ...(behind === undefined ? [] : planBack(world, from, behind))];
}

const isOpen = (row: ReachRow): boolean => row.result.outcome === 'open';
const VERBS = { refused: 'is refused', dropped: 'gets no answer', unresolved: 'finds no such name', unsent: 'cannot be sent', open: 'is answered' } as const;

/** What the layers that work and those that do not say together. */
function conclude(world: ProbedWorld, question: ReachQuestion, rows: readonly ReachRow[], plans: readonly Planned[]): Phrase[] {
  const from = findTarget(world, question.from);
  const to = findTarget(world, question.to);
  const title = (one: typeof from): Phrase => ({
    ...strong(one.kind === 'text' ? one.text : one.kind === 'service' ? one.view.name : one.view.title),
    ...(one.kind === 'service'
      ? { link: { kind: 'object', key: one.view.objectKey } as const }
      : one.kind === 'netns'
        ? { link: { kind: 'netns', id: one.view.id } as const }
        : {}),
  });
  const main = rows[0];
  if (main === undefined) {
    if (to.kind === 'service') return [title(to), say(' has no port to be tried at.')];
    return [title(to), say(to.kind === 'netns' && to.view.ip === '' ? ' has no address yet.' : ' offers nothing to be tried.')];
  }
  const there = rows.filter((row) => row.direction === 'there');
  const layer = (name: Planned['layer']) => rows.filter((_, index) => plans[index]?.layer === name);
  if (isOpen(main)) {
    const others = there.filter((row) => !isOpen(row));
    const { answeredBy } = main.result;
    const who = world.topology().netnses.find((one) => one.id === answeredBy);
    return [
      title(from),
      say(' reaches '),
      title(to),
      say(`: ${wordsOf(main)}`),
      ...(who === undefined ? [] : [say(', answered by '), { ...strong(who.title), link: { kind: 'netns', id: who.id } as const }]),
      say('.'),
      ...(others[0] === undefined ? [] : [say(` Not every way is open: ${others[0].about} ${VERBS[others[0].result.outcome]}.`)]),
    ];
  }
  const head: Phrase[] = [title(from), say(' does not reach '), title(to), say(`: ${wordsOf(main)} ${VERBS[main.result.outcome]}. `)];
  if (to.kind === 'service') {
    const services = layer('service');
    const endpoints = layer('endpoint');
    if (endpointsOf(world, to.view).length === 0) return [...head, say('The Service has no ready endpoint, so its rules refuse every packet.')];
    if (main.result.outcome === 'unresolved' || (services.some(isOpen) && !isOpen(main))) return [...head, say('Its address works: what fails is the name.')];
    if (endpoints.length > 0 && endpoints.every(isOpen))
      return [...head, say('Each endpoint answers when it is asked itself: what fails is the Service in between.')];
    if (endpoints.some(isOpen)) return [...head, say('Some endpoints answer and some do not: which one is asked is chance.')];
    if (endpoints.length > 0 && layer('ping').some(isOpen)) return [...head, say('The endpoint can be pinged, so the way is there: what fails is its port.')];
    if (endpoints.length > 0) return [...head, say('Its endpoints do not answer either: the Service is not the cause, the way to the pods is.')];
  }
  const ping = layer('ping')[0];
  if (main !== ping && ping !== undefined && isOpen(ping)) return [...head, say('It can be pinged, so the way is there: what fails is the port.')];
  const back = layer('back');
  if (back.length > 0 && back.some(isOpen)) return [...head, say('The other direction works.')];
  if (back.length > 0) return [...head, say('The other direction does not work either.')];
  return head;
}

const wordsOf = ({ about, result: { spec } }: ReachRow): string =>
  spec.protocol === 'ICMP' ? about : `${portText({ protocol: spec.protocol, port: spec.port })} ${about}`;

/** Answers without a trace in the world. Each attempt starts from this very moment, so none helps another. */
export function answer(world: ProbedWorld, question: ReachQuestion): ReachAnswer {
  const from = findTarget(world, question.from);
  if (from.kind !== 'netns')
    return {
      question,
      reached: false,
      conclusion: [say('Only a pod or a machine can ask; there is none called '), mono(question.from), say('.')],
      rows: [],
    };
  const plans = plan(world, question, from.view);
  const rows = plans.map((one): ReachRow => {
    const [result] = probe(world, [one.spec], { hops: true });
    return { direction: one.direction, about: one.about, result: result as ReachRow['result'] };
  });
  const main = rows[0];
  return {
    question: { ...question, from: from.end, to: findTarget(world, question.to).end },
    reached: main !== undefined && isOpen(main),
    conclusion: conclude(world, question, rows, plans),
    rows,
  };
}

/** Tries only the way that a person would try first. */
export function isReached(world: ProbedWorld, question: ReachQuestion): boolean {
  const from = findTarget(world, question.from);
  const first = from.kind === 'netns' ? plan(world, question, from.view)[0] : undefined;
  return first !== undefined && probe(world, [first.spec])[0]?.outcome === 'open';
}

const MAX_BACK = 20_000;

/** Who wanted to reach whom with the packet of event `seq`: answers, ARP and ICMP errors lead to what caused them. */
export function questionAt(world: ProbedWorld, seq: number): ReachQuestion | undefined {
  const events = world.engine.events(Math.max(0, seq - MAX_BACK), seq + 1);
  const first = events[0]?.seq ?? 0;
  let at = seq;
  for (let i = 0; i < MAX_BACK; i += 1) {
    const packetId = events[at - first]?.packetId ?? -1;
    if (packetId < 0) return undefined;
    const made = events.find((event) => event.packetId === packetId);
    if (made === undefined) return undefined;
    const cause = events[made.causeSeq - first];
    // A connection that follows a DNS answer is its own beginning.
    const begins =
      made.step.kind !== 'created' || made.step.by === 'kernel: ARP' || made.causeSeq < 0 || cause === undefined
        ? made.step.kind !== 'created' || made.step.by !== 'kernel: ARP'
        : isFresh(made, cause);
    if (begins || cause === undefined) return fromPacket(world, made);
    at = cause.seq;
  }
  return undefined;
}

/** The same process goes on to somebody else. */
function isFresh(made: TraceEvent, cause: TraceEvent): boolean {
  const to = endsOf(made);
  const from = endsOf(cause);
  return to !== undefined && from !== undefined && (to.dst !== from.src || (to.protocol === 'TCP' && from.protocol === 'UDP'));
}

function endsOf(
  event: TraceEvent,
): { readonly src: string; readonly dst: string; readonly protocol: ReachQuestion['protocol']; readonly port: number } | undefined {
  let found: { src: string; dst: string; protocol: NonNullable<ReachQuestion['protocol']>; port: number } | undefined;
  for (const layer of event.layers) {
    if (isIpLayer(layer)) found = { src: layer.src, dst: layer.dst, protocol: 'ICMP', port: 0 };
    else if (found !== undefined && (layer.protocol === 'tcp' || layer.protocol === 'udp'))
      found = { ...found, protocol: layer.protocol === 'tcp' ? 'TCP' : 'UDP', port: layer.dport };
  }
  return found;
}

function fromPacket(world: ProbedWorld, made: TraceEvent): ReachQuestion | undefined {
  const { netnses, services } = world.topology();
  const sender = netnses.find((one) => one.id === made.netns);
  const ends = endsOf(made);
  if (sender === undefined || ends === undefined) return undefined;
  const service = services.find((one) => one.clusterIp === ends.dst);
  const netns = netnses.find((one) => one.ip === ends.dst && one.type === 'pod') ?? netnses.find((one) => one.ip === ends.dst);
  return {
    from: endOf(sender),
    to: service !== undefined ? endOfService(service) : netns !== undefined ? endOf(netns) : ends.dst,
    ...(ends.protocol === undefined ? {} : { protocol: ends.protocol }),
    ...(ends.protocol === 'ICMP' ? {} : { port: ends.port }),
  };
}
