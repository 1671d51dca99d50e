/** Routes as `ip route` prints them. */
import type { Route } from '../records.ts';

/** IP6_RT_PRIO_USER */
const DEFAULT_METRIC6 = 1024;

/** The line of `ip route show` for a record, without the blank iproute2 leaves at the end. */
export function formatRoute(route: Route): string {
  if (route.destination.includes(':')) return formatRoute6(route);
  const words: string[] = [];
  if (route.type !== 'unicast') words.push(route.type);
  words.push(route.destination === '0.0.0.0/0' ? 'default' : route.destination.replace(/\/32$/, ''));
  if (route.gateway !== undefined) words.push('via', route.gateway);
  if (route.device !== undefined) words.push('dev', route.device);
  if (route.table !== 254) words.push('table', route.table === 255 ? 'local' : String(route.table));
  if (route.protocol !== 'boot') words.push('proto', route.protocol);
  if (route.scope !== 'global') words.push('scope', route.scope);
  if (route.source !== undefined) words.push('src', route.source);
  if (route.metric !== 0) words.push('metric', String(route.metric));
  if (route.onlink) words.push('onlink');
  return words.join(' ');
}

/** An IPv6 route: without scope, always with its metric (1024 where nobody chose one) and its preference. */
function formatRoute6(route: Route): string {
  const words: string[] = [];
  if (route.type !== 'unicast') words.push(route.type);
  words.push(route.destination === '::/0' ? 'default' : route.destination.replace(/\/128$/, ''));
  if (route.gateway !== undefined) words.push('via', route.gateway);
  if (route.device !== undefined) words.push('dev', route.device);
  if (route.table !== 254) words.push('table', route.table === 255 ? 'local' : String(route.table));
  if (route.protocol !== 'boot') words.push('proto', route.protocol);
  if (route.source !== undefined) words.push('src', route.source);
  words.push('metric', String(route.metric === 0 ? DEFAULT_METRIC6 : route.metric));
  if (route.onlink) words.push('onlink');
  words.push('pref', 'medium');
  return words.join(' ');
}
