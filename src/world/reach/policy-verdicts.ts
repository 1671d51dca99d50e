/** What policies say of the pairs that are tried: beside what packets do, so that a network that does not enforce them is seen. */

import { judgedModel } from '../../kube/policy/judged-model.ts';
import { type CellVerdict, type MatrixPort, policyMatrix } from '../../kube/policy/matrix.ts';
import { findEndpoint } from '../../kube/policy/policy-model.ts';
import type { PolicyEndpoint } from '../../kube/policy/policy-types.ts';
import { verdict } from '../../kube/policy/verdict.ts';
import type { NetnsView } from '../views.ts';
import { findTarget, listening, servicePorts } from './peers.ts';
import type { ProbedWorld } from './probe.ts';
import { endpointsOf } from './question.ts';
import type { PolicyAnswer, ProbeSpec, ReachQuestion } from './reach-views.ts';

const idOf = (netns: NetnsView): string => (netns.type === 'pod' ? `${netns.namespace ?? 'default'}/${netns.title}` : `node/${netns.hostId}`);

/** For each pair: allowed (`.`), blocked by ingress, egress or both; undefined where an end is nobody's address. */
export function policyCells(world: ProbedWorld, specs: readonly ProbeSpec[]): (CellVerdict | undefined)[] {
  const model = judgedModel(world.api.view);
  const byNetns = new Map(world.topology().netnses.map((one) => [one.id, idOf(one)]));
  const ports: MatrixPort[] = [];
  const portAt = new Map<string, number>();
  const ends = new Map<string, PolicyEndpoint>();
  const end = (text: string): string | undefined => {
    const found = findEndpoint(model, text);
    if (found !== undefined) ends.set(found.id, found);
    return found?.id;
  };
  const asked = specs.map((spec) => {
    const key = `${spec.protocol} ${spec.port}`;
    let port = portAt.get(key);
    if (port === undefined) {
      port = ports.length;
      portAt.set(key, port);
      ports.push({ protocol: spec.protocol, port: spec.port });
    }
    return { port, from: end(byNetns.get(spec.from) ?? ''), to: end(spec.target) };
  });
  const matrix = policyMatrix(model, ports, [...ends.values()]);
  return asked.map(({ port, from, to }) => {
    const a = from === undefined ? undefined : matrix.groupOf.get(from);
    const b = to === undefined ? undefined : matrix.groupOf.get(to);
    return a === undefined || b === undefined ? undefined : matrix.cell(port, a, b);
  });
}

/** The walk through the policies for a question: of a Service, for its first endpoint. Undefined where there are no policies or no such pods. */
export function policyAnswer(world: ProbedWorld, question: ReachQuestion): PolicyAnswer | undefined {
  const model = judgedModel(world.api.view);
  if (model.policies.length === 0) return undefined;
  const from = findTarget(world, question.from);
  const to = findTarget(world, question.to);
  if (from.kind !== 'netns') return undefined;
  const protocol = question.protocol ?? 'TCP';
  let target: PolicyEndpoint | undefined;
  let port = question.port ?? 0;
  if (to.kind === 'service') {
    const asked = servicePorts(world, to.view).find((one) => question.port === undefined || one.port === question.port);
    const behind = endpointsOf(world, to.view).find((one) => one.portName === (asked?.name ?? ''));
    if (behind === undefined) return undefined;
    target = findEndpoint(model, behind.address);
    port = behind.port;
  } else if (to.kind === 'netns') {
    target = findEndpoint(model, idOf(to.view)) ?? findEndpoint(model, to.view.ip);
    if (question.port === undefined && protocol !== 'ICMP') port = listening(world, to.view)[0]?.port ?? 80;
  } else target = findEndpoint(model, to.text);
  const source = findEndpoint(model, idOf(from.view));
  if (source === undefined || target === undefined) return undefined;
  return { from: source.id, to: target.id, protocol, port, verdict: verdict(model, { from: source, to: target, protocol, port }) };
}
