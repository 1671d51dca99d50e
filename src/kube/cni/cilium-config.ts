/** Cilium's settings, from the ConfigMap cilium-config that its agents start with. Cilium v1.18: pkg/option/config.go, daemon/cmd/kube_proxy_replacement.go */
import { parseCidr } from '../../net/addr/ip4.ts';
import type { ObjectKey, StoreView } from '../../objects/types.ts';
import { perState } from '../node/per-state.ts';
import type { ConfigMap } from '../pod/mounts.ts';
import { daemonsOf, joinedNodes } from './daemons.ts';

export const CILIUM = 'cilium';
export const CILIUM_CONFIG_MAP: ObjectKey = 'ConfigMap/kube-system/cilium-config';
/** Keys by which a ConfigMap is known to be Cilium's. */
export const CILIUM_KEYS = ['routing-mode', 'tunnel-protocol', 'kube-proxy-replacement', 'enable-bpf-masquerade', 'cluster-pool-ipv4-cidr'] as const;

export interface CiliumConfig {
  readonly routing: 'tunnel' | 'native';
  readonly tunnelPort: number;
  /** Nodes of one subnet get routes to each other's pods. */
  readonly directRoutes: boolean;
  readonly kubeProxyReplacement: boolean;
  /** Sockets are translated: of pods and hosts, or of hosts only. */
  readonly socketLb: 'full' | 'host' | 'off';
  readonly hostRouting: 'bpf' | 'legacy';
  readonly masquerade: 'bpf' | 'iptables' | 'off';
  readonly nativeRoutingCidr: string | undefined;
  readonly nodePorts: readonly [number, number];
  readonly noBackend: 'reject' | 'drop';
  /** Topology hints count. */
  readonly serviceTopology: boolean;
  readonly clusterName: string;
  /** Who is denied what no policy allows: those that a policy selects, everybody, nobody. */
  readonly enablePolicy: 'default' | 'always' | 'never';
  readonly tunnel: 'vxlan' | 'geneve';
  /** What the DNS proxy answers where a name may not be asked for. */
  readonly dnsReject: 'REFUSED' | 'NXDOMAIN';
  /** Without it programs drop SCTP as a protocol that they do not know. */
  readonly sctp: boolean;
  /** The node's agent keeps flows for `hubble`. */
  readonly hubble: boolean;
}

/** What is set and has no effect here, or cannot be; each is said at the ConfigMap. */
export interface CiliumFinding {
  readonly key: string;
  readonly severity: 'warning' | 'error';
  readonly message: string;
}

export interface CiliumSettings {
  readonly config: CiliumConfig;
  readonly findings: readonly CiliumFinding[];
  /** The agent does not start: its words. */
  readonly failure: string | undefined;
}

type Data = Readonly<Record<string, string>>;
const NO_DATA: Data = {};
const DEFAULT_NODE_PORTS = [30000, 32767] as const;
const DEFAULT_TUNNEL_PORTS: Readonly<Record<string, number>> = { vxlan: 8472, geneve: 6081 };

/** Set to something else than the value under which nothing is missing here. */
const NOT_SIMULATED: readonly (readonly [key: string, fine: readonly string[], instead: string])[] = [
  ['enable-host-firewall', ['false', ''], 'policies are not for nodes'],
  ['policy-cidr-match-mode', [''], 'address ranges do not match nodes'],
  ['policy-audit-mode', ['false', ''], 'policies are enforced'],
  ['enable-ipv6', ['false', ''], 'endpoints have IPv4 addresses only'],
  ['bpf-lb-mode', ['snat', ''], 'requests to a backend on another node are masqueraded (snat)'],
  ['bpf-lb-algorithm', ['random', ''], 'backends are drawn at random'],
  ['bpf-lb-acceleration', ['disabled', 'false', ''], 'programs run at tc, not at XDP'],
  ['enable-wireguard', ['false', ''], 'nothing is encrypted'],
  ['enable-ipsec', ['false', ''], 'nothing is encrypted'],
  ['enable-endpoint-routes', ['false', ''], 'endpoints are reached through cilium_host'],
  ['enable-bandwidth-manager', ['false', ''], 'bandwidths of pods are not limited'],
  ['enable-external-ips', ['true', ''], 'external IPs are served'],
  ['bpf-lb-external-clusterip', ['false', ''], 'a ClusterIP is not for clients outside'],
  ['ipam', ['kubernetes', 'cluster-pool', 'cluster-pool-v2beta', ''], 'pods get addresses of their Node.spec.podCIDR'],
];

function parse(data: Data): CiliumSettings {
  const get = (key: string): string => (Object.hasOwn(data, key) ? (data[key] ?? '').trim() : '');
  const on = (key: string, fallback = false): boolean => (get(key) === '' ? fallback : get(key) === 'true');
  const findings: CiliumFinding[] = [];
  for (const [key, fine, instead] of NOT_SIMULATED)
    if (!fine.includes(get(key))) findings.push({ key, severity: 'warning', message: `${key}: "${get(key)}" is not simulated: ${instead}` });
  const policy = get('enable-policy');
  const tunnel = get('tunnel-protocol') === 'geneve' ? 'geneve' : 'vxlan';
  const mode = get('routing-mode') === '' ? 'tunnel' : get('routing-mode');
  const replacement = get('kube-proxy-replacement');
  let failure: string | undefined;
  if (mode !== 'tunnel' && mode !== 'native') failure = `invalid routing mode "${mode}", valid modes = ["native", "tunnel"]`;
  else if (!['', 'default', 'always', 'never'].includes(policy))
    failure = `invalid value "${policy}" for policy enforcement: must be one of default, always, never`;
  else if (!['', 'vxlan', 'geneve'].includes(get('tunnel-protocol'))) failure = `invalid tunnel protocol "${get('tunnel-protocol')}"`;
  else if (!['', 'true', 'false'].includes(replacement)) failure = `Invalid value for --kube-proxy-replacement: ${replacement}`;
  const routing = mode === 'native' ? 'native' : 'tunnel';
  const kubeProxyReplacement = replacement === 'true';
  const masquerades = on('enable-ipv4-masquerade', true);
  const masquerade = !masquerades ? 'off' : on('enable-bpf-masquerade') && kubeProxyReplacement ? 'bpf' : 'iptables';
  const cidr = get('ipv4-native-routing-cidr');
  if (cidr !== '' && parseCidr(cidr) === undefined) failure ??= `invalid CIDR address: ${cidr}`;
  if (routing === 'native' && masquerades && cidr === '')
    failure ??= `native routing cidr must be configured with option --ipv4-native-routing-cidr in combination with --enable-ipv4=true --enable-ipv4-masquerade=true --enable-ip-masq-agent=false --routing-mode=native --ipam=kubernetes`;
  // BPF host routing cannot be had while iptables masquerades: packets would not pass it.
  const hostRouting = !on('enable-host-legacy-routing') && kubeProxyReplacement && masquerade !== 'iptables' ? 'bpf' : 'legacy';
  const sockets = kubeProxyReplacement || on('bpf-lb-sock');
  const range = get('node-port-range').split(',').map(Number);
  const [low = 0, high = 0] = range;
  const valid = range.length === 2 && Number.isInteger(low) && Number.isInteger(high) && low > 0 && high >= low && high < 65536;
  return {
    config: {
      routing,
      tunnelPort: Number(get('tunnel-port')) || (DEFAULT_TUNNEL_PORTS[tunnel] as number),
      directRoutes: on('auto-direct-node-routes'),
      kubeProxyReplacement,
      socketLb: !sockets ? 'off' : on('bpf-lb-sock-hostns-only') ? 'host' : 'full',
      hostRouting,
      masquerade,
      nativeRoutingCidr: cidr === '' ? undefined : cidr,
      nodePorts: valid ? [low, high] : DEFAULT_NODE_PORTS,
      noBackend: get('service-no-backend-response') === 'drop' ? 'drop' : 'reject',
      serviceTopology: on('enable-service-topology'),
      clusterName: get('cluster-name') === '' ? 'default' : get('cluster-name'),
      enablePolicy: policy === 'always' || policy === 'never' ? policy : 'default',
      tunnel,
      dnsReject: get('tofqdns-dns-reject-response-code') === 'nameError' ? 'NXDOMAIN' : 'REFUSED',
      sctp: on('enable-sctp'),
      hubble: on('enable-hubble', true),
    },
    findings,
    failure,
  };
}

const parsed = new WeakMap<object, CiliumSettings>();

/** One object for each state of the ConfigMap. */
export function ciliumSettings(view: StoreView): CiliumSettings {
  const data = view.find<ConfigMap>(CILIUM_CONFIG_MAP)?.data ?? NO_DATA;
  let settings = parsed.get(data);
  if (settings === undefined) {
    settings = parse(data);
    parsed.set(data, settings);
  }
  return settings;
}

/** Cilium is installed, or was, and does kube-proxy's work: without an object that says otherwise none is taken to run. */
export const replacesKubeProxy = perState(
  ['ConfigMap', 'Pod'],
  (view): boolean => ciliumSettings(view).config.kubeProxyReplacement && joinedNodes(CILIUM, view).length + daemonsOf(CILIUM, view).size > 0,
);
