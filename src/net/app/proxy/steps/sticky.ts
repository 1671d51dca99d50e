/** Affinity by cookie: which endpoint a client has been given, and what it is told. Traefik: pkg/server/service/loadbalancer/sticky.go; ingress-nginx: rootfs/etc/nginx/lua/balancer/sticky.lua. */

import { hex8 } from '../../../../base/hex.ts';
import { hashText } from '../../../../base/prng.ts';
import { formatHttpDate } from '../../../wire/calendar.ts';
import type { HttpHeader } from '../../http-message.ts';
import type { ProxyEndpoint } from '../config.ts';
import { cookieValue } from '../edit-message.ts';
import type { Exchange, ProxyRun } from '../run.ts';
import type { Sticky } from './config.ts';

const digits = (text: string): string => hex8(hashText(text)) + hex8(hashText(text, 0x9747b28c));
const address = ({ ip, port }: ProxyEndpoint): string => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`;

/** Traefik's cookie names the server, nginx' is a lot that is drawn once: the endpoint with the highest hash has it. */
function endpointOf(sticky: Sticky, value: string, endpoints: readonly ProxyEndpoint[]): ProxyEndpoint | undefined {
  if (sticky.manner === 'traefik') return endpoints.find((one) => digits(address(one)) === value);
  let best: ProxyEndpoint | undefined;
  let most = -1;
  for (const one of endpoints) {
    const hash = hashText(`${value} ${address(one)}`);
    if (hash > most) [best, most] = [one, hash];
  }
  return best;
}

const cookieOf = (exchange: Exchange, { cookie }: Sticky): string => (exchange.lot === '' ? (cookieValue(exchange.asked.headers, cookie) ?? '') : exchange.lot);

/** Where the client's cookie leads; undefined where it has none, it leads nowhere, or that one has just failed. */
export function pinnedEndpoint(exchange: Exchange): ProxyEndpoint | undefined {
  const { sticky } = exchange.action;
  if (sticky === undefined) return undefined;
  const value = cookieOf(exchange, sticky);
  const endpoint = value === '' ? undefined : endpointOf(sticky, value, exchange.backend.endpoints);
  if (endpoint === undefined) return undefined;
  const failed = exchange.tries.some((one) => one.address === address(endpoint));
  return failed && (sticky.manner === 'traefik' || exchange.backend.endpoints.length > 1) ? undefined : endpoint;
}

/** nginx draws a lot before it looks for an endpoint. */
export function drawLot(run: ProxyRun, sticky: Sticky, headers: readonly HttpHeader[]): string {
  if (sticky.manner === 'traefik' || cookieValue(headers, sticky.cookie) !== undefined) return '';
  const seconds = (run.nowMs / 1000).toFixed(3);
  const random = run.context.prng('affinity');
  const lot = `${seconds}.${random.below(90) + 10}.${random.below(999_999) + 1}`;
  return `${lot}|${digits(lot)}${digits(`${lot} `)}`;
}

/** Set-Cookie, where the client does not have the right one. */
export function stickyHeaders(run: ProxyRun, exchange: Exchange): readonly HttpHeader[] {
  const { sticky } = exchange.action;
  if (sticky === undefined) return [];
  const used = exchange.backend.endpoints.find((one) => address(one) === exchange.address);
  const given = cookieValue(exchange.asked.headers, sticky.cookie);
  const value = sticky.manner === 'traefik' ? (used === undefined ? '' : digits(address(used))) : exchange.lot;
  if (value === '' || value === given) return [];
  const parts = [`${sticky.cookie}=${value}`];
  if (sticky.maxAgeSeconds !== undefined) {
    if (sticky.manner === 'nginx')
      parts.push(
        `Expires=${formatHttpDate(run.nowMs + sticky.maxAgeSeconds * 1000)
          .replace(/^(\w+), (\d+) (\w+) /, '$1, $2-$3-')
          .replace(/-(\d{4})/, '-$1')}`,
      );
    parts.push(`Max-Age=${sticky.maxAgeSeconds}`);
  }
  parts.push(`Path=${sticky.path}`);
  if (sticky.secure) parts.push('Secure');
  if (sticky.httpOnly) parts.push('HttpOnly');
  if (sticky.sameSite !== undefined) parts.push(`SameSite=${sticky.sameSite}`);
  return [{ name: 'Set-Cookie', value: parts.join('; ') }];
}
