/** A name server's configuration for tests: zone data, an upstream, and plugins in CoreDNS' order. */
import type { DnsPlugin, DnsServerConfig, DnsZone, ForwardPlugin } from '../dns-server-config.ts';

export const forwardTo = (upstreams: readonly string[], more: Partial<ForwardPlugin> = {}): ForwardPlugin => ({
  name: 'forward',
  from: '.',
  except: [],
  upstreams,
  policy: 'sequential',
  forceTcp: false,
  preferUdp: false,
  maxFails: 2,
  expireSeconds: 10,
  healthCheckSeconds: 0.5,
  healthCheck: { recursionDesired: true, domain: '.' },
  maxConcurrent: 0,
  failover: [],
  next: [],
  ...more,
});

export function cacheOf(seconds: number, except: readonly string[] = []): DnsPlugin {
  const limits = { capacity: 9984, maxTtlSeconds: seconds, minTtlSeconds: 5, except };
  return { name: 'cache', zones: ['.'], success: limits, denial: limits, servfailSeconds: 5, keepTtl: false };
}

export const chainServer = (chain: readonly DnsPlugin[], port = 53): DnsServerConfig => ({ servers: [{ port, blocks: [{ zone: '.', chain }] }] });

export function simpleDns(given: {
  readonly zones: readonly DnsZone[];
  readonly upstreams?: readonly string[];
  readonly cacheSeconds?: number;
  readonly log?: boolean;
}): DnsServerConfig {
  const chain: DnsPlugin[] = [{ name: 'errors', consolidate: [] }];
  if (given.log === true) chain.push({ name: 'log', rules: [{ zones: ['.'], format: '{common}', classes: ['all'] }] });
  if (given.cacheSeconds !== undefined) chain.push(cacheOf(given.cacheSeconds, ['cluster.local.']));
  chain.push({ name: 'kubernetes', key: 'all', zones: given.zones });
  if (given.upstreams !== undefined) chain.push(forwardTo(given.upstreams));
  return chainServer(chain);
}
