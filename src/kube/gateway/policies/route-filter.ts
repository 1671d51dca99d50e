/** HTTPRouteFilter: what a rule may ask of Envoy beyond the Gateway API. envoyproxy/gateway: api/v1alpha1/httproutefilter_types.go, internal/gatewayapi/filters.go. */
import { compileGoRegexp } from '../../../base/go-regexp.ts';
import type { KubeObject, StoreView } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import type { HttpRule, RouteFilter } from '../types.ts';
import { ENVOY_GROUP, type HttpRouteFilter, type RouteFilterSpec } from './types.ts';

export const isRouteFilter = ({ type, extensionRef }: RouteFilter): boolean =>
  type === 'ExtensionRef' && extensionRef?.group === ENVOY_GROUP && extensionRef.kind === 'HTTPRouteFilter';

export interface RuleExtension extends RouteFilterSpec {
  /** The answer's text, wherever it stands. */
  readonly body?: string;
}

/** What the extensions of a rule say; `problem` where one is not there or not in order. */
export function extensionOf(rule: HttpRule, route: KubeObject, view: StoreView): { readonly found?: RuleExtension; readonly problem?: string } {
  let found: RuleExtension | undefined;
  for (const filter of (rule.filters ?? []).filter(isRouteFilter)) {
    const key = `${namespaceOf(route)}/${filter.extensionRef?.name ?? ''}`;
    const object = view.find<HttpRouteFilter>(`HTTPRouteFilter/${key}`);
    const problem = object === undefined ? `Unable to translate HTTPRouteFilter: ${key}` : wrongIn(object, view);
    if (object?.spec === undefined || problem !== undefined) return { problem: problem ?? `Unable to translate HTTPRouteFilter: ${key}` };
    const body = bodyOf(object, view);
    found = { ...found, ...object.spec, ...(body === undefined ? {} : { body }) };
  }
  return found === undefined ? {} : { found };
}

interface Data extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

function bodyOf(object: HttpRouteFilter, view: StoreView): string | undefined {
  const body = object.spec?.directResponse?.body;
  if (body?.valueRef === undefined) return body?.inline;
  const data = view.find<Data>(`ConfigMap/${namespaceOf(object)}/${body.valueRef.name}`)?.data ?? {};
  return data['response.body'] ?? Object.values(data)[0];
}

function wrongIn(object: HttpRouteFilter, view: StoreView): string | undefined {
  const { directResponse, urlRewrite } = object.spec ?? {};
  if (directResponse?.body?.valueRef !== undefined && bodyOf(object, view) === undefined)
    return `Invalid filter HTTPRouteFilter: can't find the referenced configmap ${directResponse.body.valueRef.name}`;
  if (urlRewrite?.hostname !== undefined) return 'Invalid filter HTTPRouteFilter: urlRewrite.hostname is not simulated';
  const regex = urlRewrite?.path?.replaceRegexMatch;
  if (urlRewrite?.path !== undefined && regex === undefined) return 'ReplaceRegexMatch Path RegexMatch must be specified when path type is ReplaceRegexMatch';
  const compiled = regex === undefined ? undefined : compileGoRegexp(regex.pattern);
  return compiled?.ok === false ? `Regex "${regex?.pattern ?? ''}" is invalid: ${compiled.error}` : undefined;
}
