/** Which policy holds for a rule of a route at a listener: the more specific one, then the older. envoyproxy/gateway: internal/gatewayapi/securitypolicy.go. */
import type { KubeObject, StoreView } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import { GATEWAY_GROUP, type Gateway, type Listener, type Route } from '../types.ts';
import type { Policy, PolicyKind, TargetReference } from './types.ts';

const age = ({ metadata }: KubeObject): string => `${metadata.creationTimestamp ?? ''} ${metadata.namespace ?? ''}/${metadata.name}`;

/** Explicit references, and the objects that its selectors find. Targets are of the policy's own namespace. */
export function targetsOf(policy: Policy, view: StoreView): readonly TargetReference[] {
  const { targetRef, targetRefs = [], targetSelectors = [] } = policy.spec ?? {};
  const selected = targetSelectors.flatMap(({ kind = '', matchLabels = {} }) =>
    view
      .list<KubeObject>(kind, namespaceOf(policy))
      .filter(({ metadata }) => Object.entries(matchLabels).every(([name, value]) => metadata.labels?.[name] === value))
      .map(({ metadata }) => ({ group: GATEWAY_GROUP, kind, name: metadata.name })),
  );
  return [...(targetRef === undefined ? [] : [targetRef]), ...targetRefs, ...selected];
}

/** All of a kind, the oldest first. */
export const policiesOf = <P extends Policy>(kind: PolicyKind, view: StoreView): readonly P[] =>
  [...view.list<P>(kind)].sort((a, b) => (age(a) < age(b) ? -1 : 1));

export interface Place {
  readonly gateway: Gateway;
  readonly listener?: Listener;
  readonly route?: Route;
  /** Index of the rule. */
  readonly rule?: number;
}

/** 4: the rule, 3: the route, 2: the listener, 1: the Gateway, 0: not meant. */
function closeness(policy: Policy, { gateway, listener, route, rule }: Place, view: StoreView): number {
  let best = 0;
  for (const { kind, name, sectionName = '' } of targetsOf(policy, view)) {
    if (route !== undefined && kind === route.kind && name === route.metadata.name && namespaceOf(policy) === namespaceOf(route)) {
      if (sectionName === '') best = Math.max(best, 3);
      else if (rule !== undefined && route.spec?.rules?.[rule]?.name === sectionName) best = 4;
    } else if (kind === 'Gateway' && name === gateway.metadata.name && namespaceOf(policy) === namespaceOf(gateway)) {
      if (sectionName === '') best = Math.max(best, 1);
      else if (sectionName === listener?.name) best = Math.max(best, 2);
    }
  }
  return best;
}

/** Of `policies`, which are in order of age. */
export function policyAt<P extends Policy>(policies: readonly P[], place: Place, view: StoreView): P | undefined {
  let found: P | undefined;
  let best = 0;
  for (const policy of policies) {
    const close = closeness(policy, place, view);
    if (close > best) [found, best] = [policy, close];
  }
  return found;
}

const sameTarget = (a: TargetReference, b: TargetReference): boolean =>
  a.kind === b.kind && a.name === b.name && (a.sectionName ?? '') === (b.sectionName ?? '');

/** An older one of its kind has this very target. */
export const isTaken = (policy: Policy, target: TargetReference, policies: readonly Policy[], view: StoreView): boolean =>
  policies
    .slice(0, policies.indexOf(policy))
    .some((older) => namespaceOf(older) === namespaceOf(policy) && targetsOf(older, view).some((one) => sameTarget(one, target)));
