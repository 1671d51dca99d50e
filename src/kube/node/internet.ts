/**
 * The internet beyond the router, in small: name servers from the root down for a few well-known zones, two public resolvers, a web server for each name.
 * All of it lives on one device of the router, so that its addresses answer without machines of their own; `kind: Host` objects add names and zones.
 */
import type { Origin } from '../../base/origin.ts';
import { absoluteName, parseZoneFile, withEmptyNames } from '../../net/app/dns/zone-file.ts';
import { isInZone } from '../../net/app/dns/zone-names.ts';
import type { DnsFileZone, DnsListener, DnsPlugin, DnsServerConfig } from '../../net/app/dns-server-config.ts';
import type { HttpServerConfig } from '../../net/app/server-config.ts';
import type { NetRecord, Process } from '../../net/records.ts';
import type { DnsResourceRecord } from '../../net/wire/dns-message.ts';
import type { StoreView } from '../../objects/types.ts';
import { NETWORK_KINDS, type OutsideHost, outsideHosts, type Underlay } from './cluster-network.ts';
import { macFromName } from './mac.ts';
import { perState } from './per-state.ts';
import { deviceId, processId } from './record-ids.ts';

/** Zone, its name server, and its other lines; a delegation is a line of the zone above. */
const ZONES: readonly (readonly [zone: string, server: string, ip: string, lines: string])[] = [
  ['.', 'a.root-servers.net.', '198.41.0.4', ''],
  ['com.', 'a.gtld-servers.net.', '192.5.6.30', ''],
  ['net.', 'a.gtld-servers.net.', '192.5.6.30', ''],
  ['org.', 'a0.org.afilias-nst.info.', '199.19.56.1', ''],
  ['io.', 'a0.nic.io.', '65.22.160.17', ''],
  [
    'example.com.',
    'a.iana-servers.net.',
    '199.43.135.53',
    '@ A 93.184.215.14\n@ AAAA 2606:2800:21f:cb07:6820:80da:af6b:8b2c\nwww CNAME @\n@ TXT "v=spf1 -all"\n@ MX 0 .',
  ],
  ['example.org.', 'a.iana-servers.net.', '199.43.135.53', '@ A 93.184.215.14\n@ AAAA 2606:2800:21f:cb07:6820:80da:af6b:8b2c\nwww CNAME @'],
  ['example.net.', 'a.iana-servers.net.', '199.43.135.53', '@ A 93.184.215.14\n@ AAAA 2606:2800:21f:cb07:6820:80da:af6b:8b2c\nwww CNAME @'],
  ['google.com.', 'ns1.google.com.', '216.239.32.10', '@ 300 A 142.250.184.206\nwww 300 A 142.250.184.206\n@ MX 10 smtp'],
  ['github.com.', 'dns1.p08.nsone.net.', '198.51.44.8', '@ 60 A 140.82.121.3\nwww CNAME @\napi 60 A 140.82.121.3'],
  ['kubernetes.io.', 'ns-cloud-d1.googledomains.com.', '216.239.32.109', '@ A 147.75.40.148\nwww CNAME @'],
  ['k8s.io.', 'ns-cloud-d1.googledomains.com.', '216.239.32.109', '@ A 34.107.204.206\nregistry A 34.96.108.209\ndl A 34.107.204.206'],
];
const RESOLVERS = ['1.1.1.1', '8.8.4.4', '8.8.8.8'];
const WEB: readonly (readonly [ip: string, title: string])[] = [
  ['93.184.215.14', 'Example Domain'],
  ['142.250.184.206', 'Google'],
  ['140.82.121.3', 'GitHub'],
  ['147.75.40.148', 'Kubernetes'],
  ['34.107.204.206', 'k8s.io'],
];
const TTL_SECONDS = 3600;
const DELEGATION_TTL_SECONDS = 172_800;
const ROOT_MAIL = 'nstld.verisign-grs.com.';

const isTop = (zone: string): boolean => zone === '.' || zone.indexOf('.') === zone.length - 1;

function zoneText(zone: string, server: string, lines: string): string {
  const times = isTop(zone) ? `${ROOT_MAIL} 2026112400 1800 900 604800 86400` : 'noc.dns.icann.org. 2026112401 7200 3600 1209600 3600';
  return `$TTL ${zone === '.' ? 86_400 : TTL_SECONDS}\n@ SOA ${server} ${times}\n@ ${isTop(zone) ? `${DELEGATION_TTL_SECONDS} ` : ''}NS ${server}\n${lines}\n`;
}

const record = (name: string, type: 'A' | 'NS', data: string, ttlSeconds: number): DnsResourceRecord => ({ name, type, ttlSeconds, data });

function parentOf(zone: string, all: readonly string[]): string | undefined {
  return all.filter((other) => other !== zone && isInZone(zone, other)).sort((a, b) => b.length - a.length)[0];
}

interface Served {
  readonly zone: DnsFileZone;
  readonly server: string;
  readonly ip: string;
}

function withRecords(served: Served, more: readonly DnsResourceRecord[]): Served {
  const names: Record<string, readonly DnsResourceRecord[]> = { ...served.zone.names };
  for (const one of more) {
    const key = one.name.toLowerCase();
    const known = names[key] ?? [];
    if (!known.some((other) => other.type === one.type && other.data === one.data)) names[key] = [...known, one];
  }
  return { ...served, zone: { ...served.zone, names: withEmptyNames(names, served.zone.origin) } };
}

/** Puts each zone's delegation, with the address of its server, into the zone above. */
function delegated(zones: readonly Served[]): readonly Served[] {
  const origins = zones.map((one) => one.zone.origin);
  return zones.map((above) => {
    const more = zones.flatMap(({ zone, server, ip }) =>
      parentOf(zone.origin, origins) !== above.zone.origin && !(zone.origin === '.' && above.zone.origin === '.')
        ? []
        : [record(zone.origin, 'NS', server, DELEGATION_TTL_SECONDS), record(server, 'A', ip, DELEGATION_TTL_SECONDS)],
    );
    // The address of a server belongs to the zone that its name is in.
    const own = zones.flatMap((one) => (parentOf(one.server, origins) === above.zone.origin ? [record(one.server, 'A', one.ip, TTL_SECONDS)] : []));
    return withRecords(above, [...more, ...own]);
  });
}

let builtIn: readonly Served[] | undefined;
function standardZones(): readonly Served[] {
  builtIn ??= ZONES.flatMap(([zone, server, ip, lines]) => {
    const parsed = parseZoneFile(zoneText(zone, server, lines), zone);
    return parsed.ok ? [{ zone: parsed.zone, server, ip }] : [];
  });
  return builtIn;
}

/** The zone that a Host's object describes; a SOA and an NS record are added where it has none. */
export function hostZone(host: OutsideHost, name: string, records: string): ReturnType<typeof parseZoneFile> {
  const origin = absoluteName(name.toLowerCase(), '.');
  const server = `ns.${origin === '.' ? '' : origin}`;
  const whole = /(^|\s)SOA\s/i.test(records) ? records : zoneText(origin, server, `${records}\nns A ${host.ip}`);
  return parseZoneFile(whole, origin);
}

/** All zones of the world, those of Hosts too. */
export const worldZones = perState([...NETWORK_KINDS, 'Host'], (view): readonly Served[] => {
  const hosts = outsideHosts(view);
  let zones = [...standardZones()];
  for (const host of hosts) {
    for (const { name, records } of host.spec.dns?.zones ?? []) {
      const parsed = hostZone(host, name, records ?? '');
      if (!parsed.ok) continue;
      zones = zones.filter((one) => one.zone.origin !== parsed.zone.origin);
      const server = parsed.zone.names[parsed.zone.origin]?.find((one) => one.type === 'NS')?.data ?? `ns.${parsed.zone.origin}`;
      zones.push({ zone: parsed.zone, server, ip: host.ip });
    }
  }
  for (const host of hosts) {
    for (const name of host.spec.dns?.names ?? []) {
      const whole = absoluteName(name.toLowerCase(), '.');
      const origin = parentOf(whole, [...zones.map((one) => one.zone.origin)]) ?? '.';
      const type = host.ip.includes(':') ? 'AAAA' : 'A';
      zones = zones.map((one) => (one.zone.origin === origin ? withRecords(one, [{ name: whole, type, ttlSeconds: 300, data: host.ip }]) : one));
    }
  }
  return delegated(zones);
});

const listener = (address: string, chain: readonly DnsPlugin[]): DnsListener => ({ address, port: 53, blocks: [{ zone: '.', chain }] });

/** A server of some zones, as a machine of its own would run it. */
export function zoneServer(address: string | undefined, zones: readonly DnsFileZone[]): DnsServerConfig {
  const chain: DnsPlugin[] = [{ name: 'file', zones, fallthrough: [] }];
  // A server refuses what is none of its zones.
  const blocks = zones.map((zone) => ({ zone: zone.origin, chain }));
  return { servers: [{ port: 53, blocks, ...(address === undefined ? {} : { address }) }] };
}

/** The router's own resolver and, where there is an internet, everything in it. */
export function renderInternet(netns: string, underlay: Underlay, origin: Origin, view: StoreView): NetRecord[] {
  const zones = worldZones(view);
  const known = underlay.internet
    ? zones.map((one) => one.zone)
    : zones.filter((one) => one.zone.origin === '.' || !standardZones().some((other) => other.zone.origin === one.zone.origin)).map((one) => one.zone);
  const resolver: DnsPlugin[] = [{ name: 'world', zones: known }];
  const servers: DnsListener[] = [listener('127.0.0.1', resolver), listener(underlay.gateway, resolver)];
  const process = (name: string, app: string, config: unknown): Process => ({ kind: 'process', id: processId(netns, name), origin, netns, app, name, config });
  if (!underlay.internet) return [process('dns', 'dns-server', { servers } satisfies DnsServerConfig)];
  for (const ip of RESOLVERS) servers.push(listener(ip, resolver));
  const hostIps = new Set(outsideHosts(view).map((host) => host.ip));
  const byServer = new Map<string, DnsFileZone[]>();
  for (const { zone, ip } of zones) if (!hostIps.has(ip)) byServer.set(ip, [...(byServer.get(ip) ?? []), zone]);
  for (const [ip, own] of byServer) servers.push(...zoneServer(ip, own).servers);
  const addresses = [...RESOLVERS, ...byServer.keys(), ...WEB.map(([ip]) => ip)];
  const id = deviceId(netns, 'internet');
  return [
    {
      kind: 'device',
      id,
      origin,
      netns,
      name: 'internet',
      index: 200,
      mac: macFromName(id),
      mtuBytes: 1500,
      up: true,
      addresses: addresses.map((ip) => ({ ip, prefixLength: 32, scope: 'global' as const })),
      type: 'dummy',
    },
    process('dns', 'dns-server', { servers } satisfies DnsServerConfig),
    ...WEB.map(([ip, title]) => {
      const text = `<!doctype html><html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`;
      return process(`web-${title.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')}`, 'http-server', {
        port: 80,
        address: ip,
        server: 'echo',
        text,
      } satisfies HttpServerConfig);
    }),
  ];
}
