/** BPF records in a line each, as a change of them is told. */
import type { BpfPolicyEntry, BpfRecord, BpfService } from './bpf-records.ts';

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

const PROTOCOL_NAMES: Readonly<Record<number, string>> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6', 132: 'SCTP' };

/** `80/TCP`, `8000-8063/TCP`, `TCP`, `ANY`. Cilium: pkg/maps/policymap, PolicyKey.PortProtoString */
export function portProtoText(entry: BpfPolicyEntry): string {
  if (entry.protocol === 0) return 'ANY';
  const name = PROTOCOL_NAMES[entry.protocol] ?? String(entry.protocol);
  if (entry.portBits === 0) return `ANY/${name}`;
  return entry.portBits === 16 ? `${entry.port}/${name}` : `${entry.port}-${entry.port + 2 ** (16 - entry.portBits) - 1}/${name}`;
}

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
    case 'bpf-policy':
      return [
        `cilium_policy_v2_${String(record.endpointId).padStart(5, '0')} ingress ${record.enforcesIngress ? 'enforced' : 'open'}, egress ${record.enforcesEgress ? 'enforced' : 'open'}`,
        ...record.entries.map(
          (e) =>
            `${e.deny ? 'Deny' : 'Allow'} ${e.egress ? 'Egress' : 'Ingress'} identity=${e.identity === 0 ? 'ANY' : e.identity} ${portProtoText(e)}${e.proxyPort === 0 ? '' : ` proxy=${e.proxyPort}`}`,
        ),
      ];
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
