/** Which server and which location of nginx take a request, and where in the place of a prefix it goes on. nginx: src/http/ngx_http_core_module.c, ngx_http_core_find_location(). */
import { matchGoRegexp } from '../../../base/go-regexp.ts';
import { inPrefix, parseIpPrefix } from '../../addr/ip.ts';
import type { Ip } from '../../wire/packet.ts';
import { matchesExpression } from '../proxy/select-route.ts';
import type { Listener, Location, Server, Settings } from './plan.ts';

/** The very name, the longest `*.example.com`, the longest `www.*`, the first expression, else the default server. */
export function selectServer(listener: Listener, host: string): Server | undefined {
  const { servers } = listener;
  const named = servers.find(
    ({ names }) => names.includes(host) || names.some((name) => name.startsWith('.') && (host === name.slice(1) || host.endsWith(name))),
  );
  if (named !== undefined) return named;
  let best: { readonly server: Server; readonly weight: number } | undefined;
  for (const server of servers) {
    for (const name of server.names) {
      const leads = name.startsWith('*.') && host.endsWith(name.slice(1));
      const trails = name.endsWith('.*') && host.startsWith(name.slice(0, -1));
      // Those that begin with an asterisk come before those that end with one.
      const weight = leads ? 10_000 + name.length : trails ? name.length : 0;
      if (weight > (best?.weight ?? 0)) best = { server, weight };
    }
  }
  return best?.server ?? servers.find(({ names }) => names.some((name) => name.startsWith('~') && matchesExpression(name.slice(1), host))) ?? servers[0];
}

/** The exact path; else the longest prefix, unless an expression matches, the first in the file. */
export function selectLocation({ locations }: Server, path: string): Location | undefined {
  let longest: Location | undefined;
  for (const location of locations) {
    if (location.kind === 'exact' && location.value === path) return location;
    const isPrefix = location.kind === 'prefix' || location.kind === 'prefix-only';
    if (isPrefix && path.startsWith(location.value) && location.value.length > (longest?.value.length ?? -1)) longest = location;
  }
  if (longest?.kind === 'prefix-only') return longest;
  return locations.find(({ regexp }) => regexp !== undefined && matchGoRegexp(regexp, path) !== undefined) ?? longest;
}

/** The request target towards the backend: a proxy_pass with a path has it in the place of what the location matched. */
export function passedTarget(location: Location, target: string): string {
  const uri = location.settings.pass?.uri;
  if (uri === undefined) return target;
  const mark = target.search(/[?#]/);
  const path = mark < 0 ? target : target.slice(0, mark);
  return `${uri}${path.slice(location.value.length)}${mark < 0 ? '' : target.slice(mark)}`;
}

/** ngx_http_access_module: the first rule that fits decides. */
export function isAdmitted({ access }: Settings, ip: Ip): boolean {
  for (const { allow, from } of access) {
    const prefix = parseIpPrefix(from.includes('/') ? from : `${from}/${from.includes(':') ? 128 : 32}`);
    if (from === 'all' || (prefix !== undefined && inPrefix(prefix.network, prefix.prefixLength, ip))) return allow;
  }
  return true;
}
