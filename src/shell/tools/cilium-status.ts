/** cilium-dbg status. Cilium v1.18: pkg/client/client.go, FormatStatusResponse */

import { formatRfc3339 } from '../../base/time.ts';
import { ciliumSettings } from '../../kube/cni/cilium-config.ts';
import { daemonNodes } from '../../kube/cni/daemons.ts';
import type { BpfState } from '../../net/bpf/bpf-state.ts';
import type { Invocation } from '../command.ts';
import { virtualMs } from '../kubectl/age.ts';
import { padded } from './cilium-maps.ts';
import { hubbleUsage } from './hubble.ts';

export const CILIUM_VERSION = '1.18.4 (v1.18.4-afda2aa9)';

/** `-` and `--verbose` add what people look for: the addresses, and how Services are served. */
export function ciliumStatus(invocation: Invocation, state: BpfState, words: readonly string[]): string {
  const { host } = invocation;
  const { config } = ciliumSettings(host.api.view);
  const { record } = state.config ?? {};
  if (record === undefined) return 'Cilium:   Failure   the agent has not finished its configuration\n';
  const verbose = words.includes('--verbose');
  const own = state.endpoints().filter((e) => !e.isHost);
  const range = Number(record.podCidr.split('/')[1] ?? '24');
  const nodes = daemonNodes('cilium', host.api.view).length;
  const masquerading =
    config.masquerade === 'bpf'
      ? `BPF   [${record.card}]   ${record.nativeRoutingCidr ?? record.podCidr}  [IPv4: Enabled, IPv6: Disabled]`
      : config.masquerade === 'iptables'
        ? 'IPTables [IPv4: Enabled, IPv6: Disabled]'
        : 'Disabled';
  const on = (yes: boolean): string => (yes ? 'Enabled' : 'Disabled');
  const lines: (readonly [string, string])[] = [
    ['KVStore:', 'Disabled'],
    ['Kubernetes:', 'Ok         1.35 (v1.35.2) [linux/amd64]'],
    ['KubeProxyReplacement:', config.kubeProxyReplacement ? `True   [${record.card}   ${record.nodeIp} (Direct Routing)]` : 'False'],
    ['Host firewall:', 'Disabled'],
    ['SRv6:', 'Disabled'],
    ['CNI Chaining:', 'none'],
    ['CNI Config file:', 'successfully wrote CNI configuration file to /host/etc/cni/net.d/05-cilium.conflist'],
    ['Cilium:', `Ok   ${CILIUM_VERSION}`],
    ['NodeMonitor:', 'Listening for events on 2 CPUs with 64x4096 of shared memory'],
    // The router's address counts as one of its range.
    ['IPAM:', `IPv4: ${own.length + 1}/${2 ** (32 - range) - 2} allocated from ${record.podCidr}, `],
    ['IPv4 BIG TCP:', 'Disabled'],
    ['IPv6 BIG TCP:', 'Disabled'],
    ['BandwidthManager:', 'Disabled'],
    ['Routing:', `Network: ${record.routing === 'tunnel' ? `Tunnel [${config.tunnel}]` : 'Native'}   Host: ${record.hostRouting === 'bpf' ? 'BPF' : 'Legacy'}`],
    ['Attach Mode:', 'TCX'],
    ['Device Mode:', 'veth'],
    ['Masquerading:', masquerading],
    ['Global Identity Range:', 'min 256, max 65535'],
    ['Hubble:', hubbleText(invocation, config.hubble)],
    ['Encryption:', 'Disabled'],
    ['Cluster health:', `${nodes}/${nodes} reachable   (${formatRfc3339(Math.floor(virtualMs(host) / 1000) * 1000)})`],
  ];
  const addresses = ['Allocated addresses:', ...own.map((e) => `  ${e.record.ip} (${podName(e.record.origin.objects)})`), `  ${record.routerIp} (router)`];
  const table = padded(lines.map(([key, value]) => [key, value])).replace(/[ ]+$/gm, '');
  const text = verbose ? table.replace(/^IPAM:.*\n/m, (line) => `${line}${addresses.join('\n')}\n`) : table;
  if (!verbose) return text;
  return `${text}KubeProxyReplacement Details:
  Status:               ${config.kubeProxyReplacement ? 'True' : 'False'}
  Socket LB:            ${on(config.socketLb !== 'off')}
  Socket LB Tracing:    ${on(config.socketLb !== 'off')}
  Socket LB Coverage:   ${config.socketLb === 'full' ? 'Full' : 'Hostns-only'}
  Devices:              ${record.card}   ${record.nodeIp} (Direct Routing)
  Mode:                 SNAT
  Backend Selection:    Random
  Session Affinity:     Enabled
  NAT46/64 Support:     Disabled
  XDP Acceleration:     Disabled
  Services:
  - ClusterIP:      Enabled
  - NodePort:       ${config.kubeProxyReplacement ? `Enabled (Range: ${record.nodePorts[0]}-${record.nodePorts[1]})` : 'Disabled'}
  - LoadBalancer:   ${on(config.kubeProxyReplacement)}
  - externalIPs:    ${on(config.kubeProxyReplacement)}
  - HostPort:       Disabled
`;
}

function hubbleText(invocation: Invocation, on: boolean): string {
  if (!on) return 'Disabled';
  const { flows, rate } = hubbleUsage(invocation, invocation.place.hostId, 1);
  return `Ok         Current/Max Flows: ${flows}, Flows/s: ${rate}   Metrics: Disabled`;
}

const podName = (objects: readonly string[]): string => (objects.find((key) => key.startsWith('Pod/')) ?? '').slice('Pod/'.length);
