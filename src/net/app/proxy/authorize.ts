/** Who may ask for what of a proxy's own pod: rules in the order deny, then allow. Envoy: source/extensions/filters/common/rbac; Istio: pilot/pkg/security/authz. */
import { inPrefix, parseIpPrefix } from '../../addr/ip.ts';
import type { Ip } from '../../wire/packet.ts';
import { type HttpHeader, headerValue } from '../http-message.ts';

/** Values and the values that are not wanted; an empty list of either says nothing. `*` at either end stands for anything. */
export interface ValueRule {
  readonly any: readonly string[];
  readonly none: readonly string[];
}

export interface SourceRule {
  readonly principals?: ValueRule;
  readonly namespaces?: ValueRule;
  readonly serviceAccounts?: ValueRule;
  readonly ips?: ValueRule;
  readonly requestPrincipals?: ValueRule;
}
export interface OperationRule {
  readonly hosts?: ValueRule;
  readonly ports?: ValueRule;
  readonly methods?: ValueRule;
  readonly paths?: ValueRule;
}
/** `request.headers[x-token]`, `source.ip`, `source.namespace`, `source.principal`, `destination.port` … */
export interface ConditionRule {
  readonly key: string;
  readonly values: ValueRule;
}

export interface AuthorizationRule {
  /** `ns[shop]-policy[viewer]-rule[0]` */
  readonly id: string;
  /** `AuthorizationPolicy/shop/viewer` */
  readonly object: string;
  /** One of them must fit; none: any. */
  readonly sources: readonly SourceRule[];
  readonly operations: readonly OperationRule[];
  /** All of them. */
  readonly conditions: readonly ConditionRule[];
}

export interface Authorization {
  readonly deny: readonly AuthorizationRule[];
  /** Undefined: nobody has said who may, so all may. */
  readonly allow: readonly AuthorizationRule[] | undefined;
  /** Keys of the policies behind `allow`. */
  readonly allowedBy: readonly string[];
}

/** What is known of who asks, and for what. HTTP's part is absent where bytes are passed on unread. */
export interface Caller {
  /** SPIFFE names without their scheme: `cluster.local/ns/shop/sa/default`. */
  readonly principal: string | undefined;
  readonly ip: Ip;
  readonly port: number;
  readonly http?: { readonly method: string; readonly path: string; readonly host: string; readonly headers: readonly HttpHeader[] };
}

export interface Refusal {
  /** `ns[…]-policy[…]-rule[…]`, or `none`: no rule allows it. */
  readonly id: string;
  readonly objects: readonly string[];
  readonly why: string;
}

export function refusalOf({ deny, allow, allowedBy }: Authorization, caller: Caller): Refusal | undefined {
  const denying = deny.find((rule) => fits(rule, caller, true));
  if (denying !== undefined) return { id: denying.id, objects: [denying.object], why: `${denying.object} denies what fits ${denying.id}` };
  if (allow === undefined || allow.some((rule) => fits(rule, caller, false))) return undefined;
  const who = caller.principal ?? 'somebody without a certificate of the mesh';
  return { id: 'none', objects: allowedBy, why: `${allowedBy.join(', ')} name who may ask, and no rule fits ${who}` };
}

const says = (rule: ValueRule | undefined): rule is ValueRule => rule !== undefined && (rule.any.length > 0 || rule.none.length > 0);

function valueFits(pattern: string, value: string): boolean {
  if (pattern === '*') return value !== '';
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1));
  return pattern.startsWith('*') ? value.endsWith(pattern.slice(1)) : value === pattern;
}

function ruleFits(rule: ValueRule | undefined, isLike: (pattern: string) => boolean): boolean {
  if (!says(rule)) return true;
  return (rule.any.length === 0 || rule.any.some(isLike)) && !rule.none.some(isLike);
}

const like = (value: string | undefined) => (pattern: string) => value !== undefined && valueFits(pattern, value);

const isInRange = (ip: Ip) => (range: string) => {
  const prefix = parseIpPrefix(range);
  return prefix !== undefined && inPrefix(prefix.network, prefix.prefixLength, ip);
};

const part = (principal: string | undefined, word: 'ns' | 'sa'): string | undefined =>
  principal === undefined ? undefined : new RegExp(`/${word}/([^/]+)`).exec(principal)?.[1];

/** Where bytes are passed on unread, what only HTTP has makes a rule that allows fit nobody, and is left out of one that denies. */
function fits({ sources, operations, conditions }: AuthorizationRule, caller: Caller, denies: boolean): boolean {
  const { http, principal } = caller;
  const ofHttp = (rule: ValueRule | undefined, isLike: (pattern: string) => boolean): boolean =>
    !says(rule) ? true : http === undefined ? denies : ruleFits(rule, isLike);
  const source = (one: SourceRule): boolean =>
    ruleFits(one.principals, like(principal)) &&
    ruleFits(one.namespaces, like(part(principal, 'ns'))) &&
    ruleFits(one.serviceAccounts, (pattern) => like(`${part(principal, 'ns') ?? ''}/${part(principal, 'sa') ?? ''}`)(pattern)) &&
    ruleFits(one.ips, isInRange(caller.ip)) &&
    // No request is ever proven by a token here.
    ofHttp(one.requestPrincipals, () => false);
  const operation = (one: OperationRule): boolean =>
    ruleFits(one.ports, like(String(caller.port))) &&
    ofHttp(one.hosts, (pattern) => like(http?.host.toLowerCase())(pattern.toLowerCase())) &&
    ofHttp(one.methods, like(http?.method)) &&
    ofHttp(one.paths, like(http?.path));
  const condition = ({ key, values }: ConditionRule): boolean => {
    const header = /^request\.headers\[(.+)\]$/.exec(key)?.[1];
    if (header !== undefined) return ofHttp(values, like(http === undefined ? undefined : headerValue(http.headers, header)));
    switch (key) {
      case 'source.ip':
      case 'remote.ip':
        return ruleFits(values, isInRange(caller.ip));
      case 'source.namespace':
        return ruleFits(values, like(part(principal, 'ns')));
      case 'source.principal':
        return ruleFits(values, like(principal));
      case 'destination.port':
        return ruleFits(values, like(String(caller.port)));
      default:
        // Claims of tokens and the like, which nobody here has.
        return ofHttp(values, () => false);
    }
  };
  return (sources.length === 0 || sources.some(source)) && (operations.length === 0 || operations.some(operation)) && conditions.every(condition);
}
