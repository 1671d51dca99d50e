/** Rules as Traefik writes them, read: what a request must be, joined by and, or, not. Traefik: pkg/muxer/http/matcher.go. */
import { inPrefix, parseIp, parseIpPrefix } from '../../addr/ip.ts';
import type { Ip } from '../../wire/packet.ts';
import { headerValue } from '../http-message.ts';
import { hostName, matchesExpression, queryValues, type RouteRequest } from './request-parts.ts';

export type Rule =
  /** `name` is that of a header or of a parameter. */
  | { readonly kind: RuleTest; readonly value: string; readonly name?: string }
  | { readonly kind: 'and' | 'or'; readonly rules: readonly Rule[] }
  | { readonly kind: 'not'; readonly rule: Rule };

export type RuleTest =
  | 'Host'
  | 'HostRegexp'
  | 'Path'
  | 'PathPrefix'
  | 'PathRegexp'
  | 'Method'
  | 'Header'
  | 'HeaderRegexp'
  | 'Query'
  | 'QueryRegexp'
  | 'ClientIP';

/** An address, or one in a CIDR. */
export function isClient(ip: Ip | undefined, cidr: string): boolean {
  if (ip === undefined) return false;
  const prefix = parseIpPrefix(cidr.includes('/') ? cidr : `${cidr}/${cidr.includes(':') ? 128 : 32}`);
  return prefix !== undefined && inPrefix(prefix.network, prefix.prefixLength, ip);
}

export const isClientRange = (cidr: string): boolean => (cidr.includes('/') ? parseIpPrefix(cidr) : parseIp(cidr)) !== undefined;

const withoutDot = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name);

export function ruleHolds(rule: Rule, request: RouteRequest): boolean {
  switch (rule.kind) {
    case 'and':
      return rule.rules.every((one) => ruleHolds(one, request));
    case 'or':
      return rule.rules.some((one) => ruleHolds(one, request));
    case 'not':
      return !ruleHolds(rule.rule, request);
    default:
      return testHolds(rule, request);
  }
}

function testHolds({ kind, value, name = '' }: Extract<Rule, { readonly kind: RuleTest }>, request: RouteRequest): boolean {
  const { headers, path, query } = request;
  const header = (): string | undefined => headerValue(headers, name);
  switch (kind) {
    case 'Host':
      return withoutDot(hostName(headerValue(headers, 'Host') ?? '')) === withoutDot(value.toLowerCase());
    case 'HostRegexp':
      return matchesExpression(value, hostName(headerValue(headers, 'Host') ?? ''));
    case 'Path':
      return path === value;
    case 'PathPrefix':
      return path.startsWith(value);
    case 'PathRegexp':
      return matchesExpression(value, path);
    case 'Method':
      return request.method === value.toUpperCase();
    case 'Header':
      return header() === value;
    case 'HeaderRegexp':
      return header() !== undefined && matchesExpression(value, header() ?? '');
    case 'Query':
      return queryValues(query, name).includes(value);
    case 'QueryRegexp':
      return queryValues(query, name).some((one) => matchesExpression(value, one));
    case 'ClientIP':
      return isClient(request.client, value);
  }
}
