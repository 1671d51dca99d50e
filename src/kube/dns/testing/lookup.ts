/** Looks a name up in compiled zones as `DnsServerConfig` says a server does, without packets: to judge the compiled tables alone. */
import type { DnsZone, DnsZoneRecord } from '../../../net/app/dns-server-config.ts';

export interface Lookup {
  readonly rcode: 'NOERROR' | 'NXDOMAIN' | 'REFUSED';
  readonly zone: string;
  readonly answers: readonly { readonly name: string; readonly type: string; readonly data: string }[];
}

function podAddress(zone: DnsZone, name: string): readonly DnsZoneRecord[] | undefined {
  if (zone.podPattern?.mode !== 'insecure') return undefined;
  const [label = '', namespace = '', pod] = name.split('.');
  if (pod !== 'pod' || name !== `${label}.${namespace}.pod.${zone.origin}` || !zone.podPattern.namespaces.includes(namespace)) return undefined;
  return /^\d{1,3}(-\d{1,3}){3}$/.test(label) ? [{ type: 'A', data: label.replaceAll('-', '.') }] : undefined;
}

export function lookUp(zones: readonly DnsZone[], name: string, type: string, outside: Readonly<Record<string, string>> = {}): Lookup {
  const asked = name.toLowerCase();
  const zone = zones
    .filter((one) => asked === one.origin || one.origin === '.' || asked.endsWith(`.${one.origin}`))
    .sort((a, b) => b.origin.length - a.origin.length)[0];
  if (zone === undefined) return { rcode: 'REFUSED', zone: '', answers: [] };
  if (asked === zone.origin && type === 'SOA') {
    const { soa } = zone;
    return { rcode: 'NOERROR', zone: zone.origin, answers: [{ name: asked, type, data: `${soa.primary} ${soa.mailbox}` }] };
  }
  const records = zone.names[asked] ?? podAddress(zone, asked);
  if (records === undefined) return { rcode: 'NXDOMAIN', zone: zone.origin, answers: [] };
  const own = records
    .filter((record) => record.type === type || record.type === 'CNAME')
    .map((record) => ({ name: asked, type: record.type as string, data: record.data }));
  const alias = type === 'CNAME' ? undefined : own.find((record) => record.type === 'CNAME');
  if (alias === undefined) return { rcode: 'NOERROR', zone: zone.origin, answers: own };
  const known = outside[alias.data];
  const further = known === undefined ? lookUp(zones, alias.data, type).answers : type === 'A' ? [{ name: alias.data, type, data: known }] : [];
  return { rcode: 'NOERROR', zone: zone.origin, answers: [alias, ...further] };
}
