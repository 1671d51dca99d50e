/** What the controller says of policies: whether each holds, and which others have its place. envoyproxy/gateway: internal/gatewayapi/status/policy.go. */
import { deepEqual } from '../../../base/equal.ts';
import type { ControllerContext, StoreView } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import { conditionsFrom, type Said, writeStatus } from '../conditions.ts';
import { classOf, implementationOf } from '../implementations.ts';
import { GATEWAY_GROUP, type Gateway, type Route } from '../types.ts';
import { isTaken, policiesOf, targetsOf } from './attach.ts';
import { compileSecurity, type SecurityPolicy } from './security.ts';
import { type BackendTrafficPolicy, compileTraffic } from './traffic.ts';
import type { Policy, PolicyAncestor, PolicyKind, TargetReference } from './types.ts';

const ROUTES = new Set(['HTTPRoute', 'GRPCRoute', 'TCPRoute', 'TLSRoute', 'UDPRoute']);

function problemOf(policy: Policy, view: StoreView): string | undefined {
  if (policy.kind === 'SecurityPolicy') return compileSecurity(policy as SecurityPolicy, view).problem;
  return policy.kind === 'BackendTrafficPolicy' ? compileTraffic(policy as BackendTrafficPolicy).problem : undefined;
}

/** Gateways that a target is, or that a target route belongs to. */
function gatewaysOf(policy: Policy, { kind = '', name }: TargetReference, view: StoreView): readonly Gateway[] {
  const namespace = namespaceOf(policy);
  const find = (key: string): readonly Gateway[] => {
    const gateway = view.find<Gateway>(`Gateway/${key}`);
    return gateway === undefined || implementationOf(classOf(gateway, view), view)?.policies !== true ? [] : [gateway];
  };
  if (kind === 'Gateway') return find(`${namespace}/${name}`);
  const route = ROUTES.has(kind) ? view.find<Route>(`${kind}/${namespace}/${name}`) : undefined;
  return (route?.spec?.parentRefs ?? []).flatMap((parent) =>
    (parent.kind ?? 'Gateway') === 'Gateway' ? find(`${parent.namespace ?? namespace}/${parent.name}`) : [],
  );
}

/** Routes of a Gateway that have a policy of their own. */
function overriding(gateway: Gateway, policies: readonly Policy[], view: StoreView): readonly string[] {
  const names = policies.flatMap((other) =>
    targetsOf(other, view).flatMap((target) =>
      ROUTES.has(target.kind ?? '') && gatewaysOf(other, target, view).includes(gateway) ? [`${namespaceOf(other)}/${target.name}`] : [],
    ),
  );
  return [...new Set(names)].sort();
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
const plural = (kind: string): string => lowerFirst(kind).replace(/Policy$/, 'Policies');

export function reconcileTrafficPolicy(policy: Policy, context: ControllerContext): void {
  const { view } = context;
  const policies = policiesOf(policy.kind as PolicyKind, view);
  const problem = problemOf(policy, view);
  const ancestors: PolicyAncestor[] = [];
  for (const target of targetsOf(policy, view)) {
    const taken = isTaken(policy, target, policies, view);
    for (const gateway of gatewaysOf(policy, target, view)) {
      const name = `${target.kind ?? ''} ${namespaceOf(policy)}/${target.name}`;
      const others = target.kind === 'Gateway' ? overriding(gateway, policies, view) : [];
      const accepted: Said = taken
        ? ['Accepted', false, 'Conflicted', `Unable to target ${name}, another ${policy.kind} has already attached to it`]
        : problem !== undefined
          ? ['Accepted', false, 'Invalid', `${problem.endsWith('.') ? problem : `${problem}.`}`]
          : ['Accepted', true, 'Accepted', 'Policy has been accepted.'];
      const said: readonly Said[] = [
        accepted,
        ...(others.length === 0
          ? []
          : [
              [
                'Overridden',
                true,
                'Overridden',
                `This policy is being overridden by other ${plural(policy.kind)} for these routes: [${others.join(' ')}]`,
              ] as const,
            ]),
      ];
      const ancestorRef = {
        group: GATEWAY_GROUP,
        kind: 'Gateway',
        name: gateway.metadata.name,
        namespace: namespaceOf(gateway),
        ...(target.kind === 'Gateway' && target.sectionName !== undefined ? { sectionName: target.sectionName } : {}),
      };
      if (ancestors.some((one) => deepEqual(one.ancestorRef, ancestorRef))) continue;
      const before = policy.status?.ancestors?.find((one) => deepEqual(one.ancestorRef, ancestorRef))?.conditions;
      ancestors.push({
        ancestorRef,
        controllerName: implementationOf(classOf(gateway, view), view)?.controllerName ?? '',
        conditions: conditionsFrom(said, before, policy.metadata.generation, context.timestamp),
      });
    }
  }
  if (ancestors.length === 0 && policy.status?.ancestors === undefined) return;
  writeStatus(policy, { ...policy.status, ancestors }, context);
}
