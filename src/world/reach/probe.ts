/** Real attempts in a copy of the moment: programs send, the network decides, the log tells where each ended, and nothing of it stays. */

import { parseIp } from '../../net/addr/ip.ts';
import { programs } from '../../net/app/index.ts';
import type { DropReason, TraceEvent } from '../../net/trace-event.ts';
import { isIpLayer } from '../../net/wire/packet.ts';
import type { HopView } from '../views.ts';
import type { World } from '../world.ts';
import type { ProbeOutcome, ProbeResult, ProbeSpec } from './reach-views.ts';

export type ProbedWorld = Pick<World, 'suppose' | 'engine' | 'records' | 'hops' | 'headSeq' | 'topology' | 'api'>;

/** Attempts that travel at the same time. */
const MAX_WAVE = 200;
const MAX_EVENTS = 600_000;
/** Hops of one attempt that are kept. */
const MAX_HOPS = 800;
const MAX_SAID = 200;
const WAIT_SECONDS = 2;
/** A name may be asked for several times before the connection is. */
const LIMIT_NS = 12e9;
/** The last answers still travel when the program has ended; and a neighbour that does not answer is given up later than a program that waits for it. */
const DRAIN_NS = 50e6;
const GIVE_UP_NS = 1.6e9;

/** Copies for others are not where a packet ends. */
const beside: ReadonlySet<DropReason> = new Set<DropReason>(['OTHERHOST', 'IPV6_NDISC_NS_OTHERHOST', 'TCP_OLD_DATA']);

function commandOf({ protocol, target, port }: ProbeSpec): readonly string[] {
  if (protocol === 'ICMP') return ['ping', '-c', '1', '-W', String(WAIT_SECONDS), target];
  return ['nc', protocol === 'UDP' ? '-zvu' : '-zv', '-w', String(WAIT_SECONDS), target, String(port)];
}

const isName = (target: string): boolean => parseIp(target) === undefined;

/** Attempts of one wave can be told apart by sender and protocol; a name needs its sender alone. */
function wavesOf(specs: readonly ProbeSpec[]): number[][] {
  const waves: { readonly members: number[]; readonly taken: Set<string> }[] = [];
  specs.forEach((spec, index) => {
    const keys = isName(spec.target) ? ['TCP', 'UDP', 'ICMP'].map((one) => `${spec.from} ${one}`) : [`${spec.from} ${spec.protocol}`];
    let wave = waves.find(({ members, taken }) => members.length < MAX_WAVE && !keys.some((key) => taken.has(key)));
    if (wave === undefined) {
      wave = { members: [], taken: new Set() };
      waves.push(wave);
    }
    wave.members.push(index);
    for (const key of keys) wave.taken.add(key);
  });
  return waves.map(({ members }) => members);
}

/** Results in the order of `specs`. With `hops` each also has its whole way (for few attempts). The world is afterwards as it was. */
export function probe(world: ProbedWorld, specs: readonly ProbeSpec[], options: { readonly hops?: boolean } = {}): ProbeResult[] {
  const results: ProbeResult[] = [];
  for (const wave of wavesOf(specs)) {
    const members = wave.map((index) => specs[index] as ProbeSpec);
    const found = world.suppose(() => runWave(world, members, options.hops === true));
    wave.forEach((index, at) => {
      results[index] = found[at] as ProbeResult;
    });
  }
  return results;
}

interface Running {
  readonly spec: ProbeSpec;
  readonly process: string | undefined;
  readonly name: string;
  readonly events: TraceEvent[];
  said: string;
}

function runWave(world: ProbedWorld, specs: readonly ProbeSpec[], wantsHops: boolean): ProbeResult[] {
  const { engine } = world;
  const from = world.headSeq;
  const running = specs.map((spec, index): Running => {
    const name = specs.length === 1 ? 'probe' : `probe ${index + 1}`;
    const [command = '', ...words] = commandOf(spec);
    const program = programs.get(command);
    const parsed = program?.parse(words, { tty: false, image: 'host' });
    const there = world.records.find(spec.from)?.kind === 'netns';
    const process =
      program === undefined || parsed?.ok !== true || !there ? undefined : engine.spawn({ app: program.app, netns: spec.from, name, config: parsed.config });
    return { spec, process, name, events: [], said: '' };
  });
  const isOver = (): boolean => running.every(({ process }) => process === undefined || engine.findProcess(process)?.running !== true);
  engine.run({ untilNs: engine.nowNs + LIMIT_NS, maxEvents: MAX_EVENTS, stop: isOver });
  const isGood = running.every(({ process }) => process === undefined || engine.findProcess(process)?.exitCode === 0);
  engine.run({ untilNs: engine.nowNs + (isGood ? DRAIN_NS : GIVE_UP_NS), maxEvents: MAX_EVENTS });
  attribute(world, running, from);
  return running.map((one) => resultOf(world, one, wantsHops));
}

const destinationOf = (event: TraceEvent): { readonly ip: string; readonly port: number } | undefined => {
  let found: { ip: string; port: number } | undefined;
  for (const layer of event.layers) {
    if (isIpLayer(layer)) found = { ip: layer.dst, port: 0 };
    else if ((layer.protocol === 'tcp' || layer.protocol === 'udp') && found !== undefined) found = { ...found, port: layer.dport };
  }
  return found;
};

/** Whose doing each event is: a probe's first packets by who sent them, all others by what caused them. */
function attribute(world: ProbedWorld, running: readonly Running[], from: number): void {
  const bySender = new Map<string, Running>();
  const byName = new Map<string, Running>();
  for (const one of running) {
    byName.set(`${one.spec.from} ${one.name}`, one);
    bySender.set(`${one.spec.from} ${isName(one.spec.target) ? '' : one.spec.protocol}`, one);
  }
  const ofPacket = new Map<number, Running>();
  const ofEvent = new Map<number, Running>();
  const first = (event: TraceEvent): Running | undefined => {
    const { netns, layers } = event;
    const named = event.step.kind === 'created' ? byName.get(`${netns} ${event.step.by}`) : undefined;
    if (named !== undefined) return named;
    const protocol = layers.some((layer) => layer.protocol === 'tcp') ? 'TCP' : layers.some((layer) => layer.protocol === 'udp') ? 'UDP' : 'ICMP';
    const one = bySender.get(`${netns} ${protocol}`) ?? bySender.get(`${netns} `);
    if (one === undefined || one.spec.protocol !== protocol) return undefined;
    // Programs of its own go on in the sender; a BPF program may have changed the address before there was a packet.
    const to = destinationOf(event);
    const meant = to !== undefined && (isName(one.spec.target) || to.ip === one.spec.target) && (protocol === 'ICMP' || to.port === one.spec.port);
    return meant || world.engine.bpf(event.hostId) !== undefined ? one : undefined;
  };
  const to = world.headSeq;
  for (let start = from; start < to; start += 20_000) {
    for (const event of world.engine.events(start, Math.min(to, start + 20_000))) {
      const { step } = event;
      if (step.kind === 'printed') {
        const one = byName.get(`${event.netns} ${step.process}`);
        if (one !== undefined && one.said.length < MAX_SAID) one.said = `${one.said}${step.text}`.slice(0, MAX_SAID);
        continue;
      }
      if (event.packetId < 0) continue;
      let owner = ofPacket.get(event.packetId);
      if (owner === undefined && (step.kind === 'created' || step.kind === 'bpf')) {
        owner = event.causeSeq < 0 ? first(event) : ofEvent.get(event.causeSeq);
        if (owner !== undefined) ofPacket.set(event.packetId, owner);
      }
      if (owner === undefined) continue;
      owner.events.push(event);
      ofEvent.set(event.seq, owner);
    }
  }
}

const isRequest = (event: TraceEvent, spec: ProbeSpec): boolean =>
  event.layers.some((layer) =>
    spec.protocol === 'TCP'
      ? layer.protocol === 'tcp'
      : spec.protocol === 'UDP'
        ? layer.protocol === 'udp'
        : layer.protocol === 'icmp' || layer.protocol === 'icmp6',
  );

function resultOf(world: ProbedWorld, one: Running, wantsHops: boolean): ProbeResult {
  const { spec, events } = one;
  const said =
    one.said
      .trim()
      .split('\n')
      .at(spec.protocol === 'ICMP' ? 1 : 0)
      ?.trim() ?? '';
  if (one.process === undefined) return { spec, outcome: 'unsent', said: '', onTheWayBack: false };
  const sender = events.find((event) => event.netns === spec.from && event.step.kind === 'created');
  const origins = new Map<number, string>();
  for (const event of events) if (event.step.kind === 'created') origins.set(event.packetId, event.netns);
  const taken = events.find(
    (event) =>
      event.step.kind === 'delivered' &&
      event.netns !== spec.from &&
      origins.get(event.packetId) === spec.from &&
      isRequest(event, spec) &&
      !/ARP|ND/.test(event.step.to) &&
      ((spec.protocol !== 'TCP' && !isName(spec.target)) || destinationPort(event) === spec.port || spec.protocol === 'ICMP'),
  );
  const own = events.find(
    (event) => event.step.kind === 'delivered' && event.netns === spec.from && origins.get(event.packetId) === spec.from && isRequest(event, spec),
  );
  const drops = events.filter((event) => event.step.kind === 'dropped' && !beside.has(event.step.reason));
  const exitCode = world.engine.findProcess(one.process)?.exitCode;
  const outcome = outcomeOf(spec, exitCode, one.said, (taken ?? own) !== undefined, drops);
  const told = (event: TraceEvent | undefined): HopView | undefined => (event === undefined ? undefined : world.hops(event.seq, event.seq + 1)[0]);
  const drop =
    outcome === 'refused'
      ? (drops.find(
          (event) =>
            (event.step.kind === 'dropped' && event.step.answered !== undefined) || (event.step.kind === 'dropped' && event.step.reason === 'NO_SOCKET'),
        ) ?? drops[0])
      : drops[0];
  const failing = outcome === 'open' ? undefined : told(drop ?? lastOf(events));
  const answerer = taken ?? own;
  return {
    spec,
    outcome,
    said,
    ...(outcome === 'open' && answerer !== undefined ? { answeredBy: answerer.netns } : {}),
    ...(failing === undefined ? {} : { failing }),
    onTheWayBack: drop !== undefined && sender !== undefined && (origins.get(drop.packetId) ?? spec.from) !== spec.from,
    ...(wantsHops ? { hops: hopsOf(world, events) } : {}),
  };
}

function destinationPort(event: TraceEvent): number {
  return destinationOf(event)?.port ?? 0;
}

const lastOf = (events: readonly TraceEvent[]): TraceEvent | undefined =>
  events.filter(({ step }) => step.kind !== 'changed' && (step.kind !== 'dropped' || !beside.has(step.reason))).at(-1);

function outcomeOf(spec: ProbeSpec, exitCode: number | undefined, said: string, taken: boolean, drops: readonly TraceEvent[]): ProbeOutcome {
  if (/getaddrinfo|Name or service not known|bad address|Temporary failure in name resolution/.test(said)) return 'unresolved';
  if (spec.protocol === 'UDP') {
    if (taken) return 'open';
    return drops.some(({ step }) => step.kind === 'dropped' && step.answered !== undefined) ? 'refused' : 'dropped';
  }
  if (exitCode === 0) return 'open';
  const isTold = drops.some(({ step }) => step.kind === 'dropped' && step.answered !== undefined);
  return /refused|unreachable|No route to host|not permitted|reset/i.test(said) || (isTold && spec.protocol === 'ICMP') ? 'refused' : 'dropped';
}

/** The words of these events alone: what else went on in those seconds is left out. */
function hopsOf(world: ProbedWorld, events: readonly TraceEvent[]): HopView[] {
  const first = events[0];
  const last = events.at(-1);
  if (first === undefined || last === undefined) return [];
  const packets = new Set(events.map((event) => event.packetId));
  return world
    .hops(first.seq, last.seq + 1)
    .filter((hop) => packets.has(hop.event.packetId))
    .slice(0, MAX_HOPS);
}
