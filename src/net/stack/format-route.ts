/** Routes as `ip route` prints them. */
import type { Route } from '../records.ts';

/** The line of `ip route show` for a record, without the blank iproute2 leaves at the end. */
export function formatRoute(route: Route): string {
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
