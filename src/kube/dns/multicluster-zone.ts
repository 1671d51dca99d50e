/** Names of a set of clusters: `<service>.<namespace>.svc.clusterset.local` from ServiceImports. Multi-Cluster Services DNS specification (KEP-2577); CoreDNS: plugin/kubernetes, `multicluster`. */
import type { DnsZoneRecord } from '../../net/app/dns-server-config.ts';
import type { StoreView } from '../../objects/types.ts';
import type { ServiceImport } from '../multicluster/kinds.ts';
import type { EndpointSlice } from '../service/types.ts';

type Names = Record<string, readonly DnsZoneRecord[]>;

const recordOf = (ip: string): DnsZoneRecord => ({ type: ip.includes(':') ? 'AAAA' : 'A', data: ip });

/** Adds the names of all imports to a zone's. */
export function addImports(names: Names, origin: string, view: StoreView, exposed: (namespace: string) => boolean): void {
  const put = (name: string, records: readonly DnsZoneRecord[]): void => {
    const known = names[name] ?? [];
    names[name] = [...known, ...records.filter((one) => !known.some((other) => other.type === one.type && other.data === one.data))];
  };
  for (const { metadata, spec } of view.list<ServiceImport>('ServiceImport')) {
    const namespace = metadata.namespace ?? 'default';
    if (!exposed(namespace)) continue;
    const whole = `${metadata.name}.${namespace}.svc.${origin}`;
    for (const ip of spec?.ips ?? []) {
      put(whole, [recordOf(ip)]);
      for (const { name, port, protocol } of spec?.ports ?? []) {
        const weight: DnsZoneRecord = { type: 'SRV', data: `0 100 ${port} ${whole}` };
        put(whole, [weight]);
        if (name !== undefined && name !== '') put(`_${name}._${(protocol ?? 'TCP').toLowerCase()}.${whole}`, [recordOf(ip), weight]);
      }
    }
    if (spec?.type !== 'Headless') continue;
    for (const slice of view.select<EndpointSlice>('EndpointSlice', namespace, { 'multicluster.kubernetes.io/service-name': metadata.name })) {
      const cluster = slice.metadata.labels?.['multicluster.kubernetes.io/source-cluster'] ?? '';
      for (const endpoint of slice.endpoints ?? []) {
        if (endpoint.conditions?.ready === false) continue;
        put(whole, endpoint.addresses.map(recordOf));
        if (endpoint.hostname !== undefined && endpoint.hostname !== '') put(`${endpoint.hostname}.${cluster}.${whole}`, endpoint.addresses.map(recordOf));
      }
    }
  }
}
