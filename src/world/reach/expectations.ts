/** Tries every `kind: Expectation` of a world in a copy of the moment and says which hold. */
import { type Expectation, type ExpectationPeer, type ExpectedOutcome, peerText } from '../../kube/expectation/expectation.ts';
import { matchesSelector } from '../../kube/label-selector.ts';
import type { NetnsView } from '../views.ts';
import { findTarget, servicePorts } from './peers.ts';
import { type ProbedWorld, probe } from './probe.ts';
import { endpointsOf } from './question.ts';
import type { ExpectationResult, ProbeOutcome, ProbeResult, ProbeSpec } from './reach-views.ts';

/** Pairs of one expectation, and of all together. */
const MAX_PAIRS = 400;
const MAX_ALL = 4_000;

function senders(world: ProbedWorld, namespace: string, peer: ExpectationPeer): NetnsView[] {
  const { netnses } = world.topology();
  if (peer.podSelector !== undefined) {
    const namespaces =
      peer.namespaceSelector === undefined
        ? undefined
        : new Set(
            world.api.view
              .list('Namespace')
              .filter((one) => matchesSelector(peer.namespaceSelector, one.metadata.labels))
              .map((one) => one.metadata.name),
          );
    return netnses.filter(
      (one) =>
        one.type === 'pod' &&
        (namespaces === undefined ? one.namespace === (peer.namespace ?? namespace) : namespaces.has(one.namespace ?? '')) &&
        matchesSelector(peer.podSelector, one.labels),
    );
  }
  const end = peer.pod !== undefined ? `pod/${peer.namespace ?? namespace}/${peer.pod}` : `host/${peer.host ?? ''}`;
  const target = findTarget(world, end);
  return target.kind === 'netns' ? [target.view] : [];
}

interface Place {
  readonly target: string;
  readonly protocol: ProbeSpec['protocol'];
  readonly port: number;
  /** Its own netns is not asked. */
  readonly id?: string;
}

function places(world: ProbedWorld, namespace: string, { to, port, protocol = 'TCP' }: Expectation['spec']): Place[] | string {
  if (to.address !== undefined) return [{ target: to.address, protocol, port: protocol === 'ICMP' ? 0 : (port ?? 0) }];
  if (to.service === undefined) {
    return senders(world, namespace, to)
      .filter((one) => one.ip !== '')
      .map((one) => ({ target: one.ip, protocol, port: protocol === 'ICMP' ? 0 : (port ?? 0), id: one.id }));
  }
  const target = findTarget(world, `service/${to.namespace ?? namespace}/${to.service}`);
  if (target.kind !== 'service') return `there is no Service ${to.service}`;
  const ports = servicePorts(world, target.view).filter((one) => one.protocol === protocol && (port === undefined || one.port === port));
  const asked = ports.length > 0 ? ports.map((one) => one.port) : port === undefined ? [] : [port];
  if (target.view.clusterIp !== 'None') return asked.map((one) => ({ target: target.view.clusterIp, protocol, port: one }));
  return endpointsOf(world, target.view).map((one) => ({
    target: one.address,
    protocol,
    port: one.port,
    ...(one.netns === undefined ? {} : { id: one.netns.id }),
  }));
}

const holds = (expected: ExpectedOutcome, found: ProbeOutcome): boolean =>
  expected === 'Open' ? found === 'open' : expected === 'Closed' ? found !== 'open' && found !== 'unsent' : found === expected.toLowerCase();

function describe(world: ProbedWorld, { spec, outcome, failing }: ProbeResult): string {
  const { netnses, services } = world.topology();
  const from = netnses.find((one) => one.id === spec.from)?.title ?? spec.from;
  const to = services.find((one) => one.clusterIp === spec.target)?.name ?? netnses.find((one) => one.ip === spec.target)?.title ?? spec.target;
  const step = failing?.event.step;
  const by = step?.kind === 'dropped' ? `, ${step.reason} at ${failing?.where ?? ''}` : '';
  return `${outcome} from ${from} to ${to}${by}`;
}

/** In the order of namespace and name. The world is afterwards as it was. */
export function checkExpectations(world: ProbedWorld): ExpectationResult[] {
  const all = world.api.view.list<Expectation>('Expectation').map((object) => {
    const namespace = object.metadata.namespace ?? 'default';
    const { spec } = object;
    const from = senders(world, namespace, spec.from);
    const to = places(world, namespace, spec);
    const pairs =
      typeof to === 'string'
        ? []
        : from
            .flatMap((one) =>
              to.filter((place) => place.id !== one.id).map(({ target, protocol, port }): ProbeSpec => ({ from: one.id, protocol, target, port })),
            )
            .slice(0, MAX_PAIRS);
    const problem =
      typeof to === 'string'
        ? to
        : from.length === 0
          ? `nobody fits ${peerText(spec.from)}`
          : pairs.length === 0
            ? `nobody fits ${peerText(spec.to)}`
            : undefined;
    return { object, namespace, pairs, problem };
  });
  const specs = all.flatMap((one) => one.pairs).slice(0, MAX_ALL);
  const results = probe(world, specs);
  let at = 0;
  return all.map(({ object, namespace, pairs, problem }): ExpectationResult => {
    const own = results.slice(at, at + pairs.length);
    at += pairs.length;
    const { spec, metadata } = object;
    const expected = spec.outcome ?? 'Open';
    const wrong = own.find((one) => !holds(expected, one.outcome));
    const tried = own.length === pairs.length;
    const port = spec.protocol === 'ICMP' ? 'ICMP' : `${spec.protocol ?? 'TCP'}${spec.port === undefined ? '' : ` ${spec.port}`}`;
    const found =
      problem ?? (wrong !== undefined ? describe(world, wrong) : !tried ? `not tried: more than ${MAX_ALL} pairs` : own[0] === undefined ? '' : own[0].outcome);
    return {
      key: `Expectation/${namespace}/${metadata.name}`,
      title: metadata.name,
      pass: problem === undefined && wrong === undefined && tried,
      what: `${peerText(spec.from)} → ${peerText(spec.to)} ${port}`,
      expected: expected.toLowerCase(),
      found,
      pairs: own.length,
      ...(wrong === undefined ? {} : { failing: wrong }),
      ...(problem === undefined ? {} : { problem }),
    };
  });
}
