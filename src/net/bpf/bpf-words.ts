/** BPF records in a line each, as a change of them is told. */
import type { BpfRecord, BpfService } from './bpf-records.ts';

/** Cilium: pkg/loadbalancer, ServiceFlags.String. */
export function serviceFlags(service: BpfService): string {
  return [
    service.type,
    ...(service.externalLocal ? ['Local'] : []),
    ...(service.internalLocal ? ['InternalLocal'] : []),
    ...(service.twoScopes ? ['two-scopes'] : []),
    ...(service.affinitySeconds > 0 ? ['sessionAffinity'] : []),
    ...(service.routable ? [] : ['non-routable']),
    ...(service.sourceRanges === undefined ? [] : ['check source-range']),
  ].join(', ');
}

export const frontendText = (service: BpfService): string =>
  `${service.ip}:${service.port}/${service.protocol.toUpperCase()}${service.scope === 'internal' ? '/i' : ''}`;

export function bpfLines(record: BpfRecord): readonly string[] {
  switch (record.kind) {
    case 'bpf-program':
      return [record.hook === 'cgroup' ? `cgroup ${record.name}` : `${record.device} ${record.hook} ${record.name}`];
    case 'bpf-service':
      return [
        `cilium_lb4_services_v2 ${frontendText(record)} [${serviceFlags(record)}]`,
        ...record.backends.map((b) => `${frontendText(record)} => ${b.ip}:${b.port}`),
      ];
    case 'bpf-endpoint':
      return [`cilium_lxc ${record.ip} id=${record.endpointId} sec_id=${record.identity} ${record.device}`.trimEnd()];
    case 'bpf-ipcache':
      return [`cilium_ipcache_v2 ${record.prefix} identity=${record.identity} tunnelendpoint=${record.tunnelEndpoint ?? '0.0.0.0'}`];
    case 'bpf-config':
      return [
        `routing ${record.routing}`,
        `host routing ${record.hostRouting}`,
        `node ports ${record.nodePort ? 'on' : 'off'}`,
        `masquerade ${record.masquerade ? 'on' : 'off'}`,
        `addresses ${record.nodeIp} ${record.routerIp} ${record.podCidr}`,
      ];
  }
}
