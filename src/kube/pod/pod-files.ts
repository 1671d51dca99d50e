/** The files that the kubelet writes into every container: resolv.conf, hosts and hostname. Kubernetes: pkg/kubelet/network/dns/dns.go, pkg/kubelet/kubelet_pods.go. */
import type { Pod } from './types.ts';
import { namespaceOf } from './types.ts';

/** Linux: a host name has at most 63 bytes; the kubelet cuts the pod's name and takes hyphens and dots off its end. */
export function hostnameOf(pod: Pod): string {
  const wanted = pod.spec.hostname ?? '';
  const name = wanted === '' ? pod.metadata.name : wanted;
  return name.length <= 63 ? name : name.slice(0, 63).replace(/[-.]+$/, '');
}

export interface DnsSettings {
  /** `cluster.local` */
  readonly domain: string;
  readonly servers: readonly string[];
  /** The node's own /etc/resolv.conf. */
  readonly nodeResolvConf: string;
}

interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** The lines that count of a resolv.conf; the last `search` wins. */
function parseResolvConf(text: string): ResolvConf {
  const found = { nameservers: [] as string[], searches: [] as string[], options: [] as string[] };
  for (const line of text.split('\n')) {
    const [word, ...values] = line.trim().split(/\s+/);
    if (word === 'nameserver' && values[0] !== undefined) found.nameservers.push(values[0]);
    else if (word === 'search') found.searches = values.filter((value) => value !== '.');
    else if (word === 'options') found.options = values;
  }
  return found;
}

const unique = (values: readonly string[]) => [...new Set(values)];

/** Later options replace earlier ones of the same name, in the place of the earlier. */
function mergedOptions(base: readonly string[], more: readonly { readonly name?: string; readonly value?: string }[]): readonly string[] {
  const merged = new Map(base.map((option) => [option.split(':')[0] ?? option, option]));
  for (const { name, value } of more) if (name !== undefined && name !== '') merged.set(name, value === undefined || value === '' ? name : `${name}:${value}`);
  return [...merged.values()];
}

/** glibc reads three name servers; the kubelet writes no more. */
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2048;

/** A pod in the host's network gets the cluster's DNS only when it says so. */
function policyOf(pod: Pod): string {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'ClusterFirstWithHostNet') return 'ClusterFirst';
  return policy === 'ClusterFirst' && pod.spec.hostNetwork === true ? 'Default' : policy;
}

interface FormedDns extends ResolvConf {
  /** What the kubelet says of what it has left out. */
  readonly warnings: readonly string[];
}

/** Kubernetes: pkg/kubelet/network/dns/dns.go, GetPodDNS, formDNSNameserversFitsLimits, formDNSSearchFitsLimits. */
function formDns(pod: Pod, dns: DnsSettings): FormedDns {
  const node = parseResolvConf(dns.nodeResolvConf);
  const policy = policyOf(pod);
  let base: ResolvConf = node;
  if (policy === 'None') base = { nameservers: [], searches: [], options: [] };
  else if (policy === 'ClusterFirst' && dns.servers.length > 0) {
    const searches = [`${namespaceOf(pod)}.svc.${dns.domain}`, `svc.${dns.domain}`, dns.domain, ...node.searches];
    base = { nameservers: dns.servers, searches, options: ['ndots:5'] };
  }
  const more = pod.spec.dnsConfig;
  const warnings: string[] = [];
  const allServers = unique([...base.nameservers, ...(more?.nameservers ?? [])]);
  const nameservers = allServers.slice(0, MAX_NAMESERVERS);
  if (nameservers.length < allServers.length)
    warnings.push(`Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${nameservers.join(' ')}`);
  const allSearches = unique([...base.searches, ...(more?.searches ?? [])]);
  let searches = allSearches.slice(0, MAX_SEARCHES);
  while (searches.join(' ').length > MAX_SEARCH_CHARACTERS) searches = searches.slice(0, -1);
  if (searches.length < allSearches.length)
    warnings.push(`Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(' ')}`);
  return { nameservers, searches, options: mergedOptions(base.options, more?.options ?? []), warnings };
}

/** Messages of the events DNSConfigForming. */
export const dnsWarnings = (pod: Pod, dns: DnsSettings): readonly string[] => formDns(pod, dns).warnings;

export function podResolvConf(pod: Pod, dns: DnsSettings): string {
  const { searches, nameservers, options } = formDns(pod, dns);
  const lines = [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...nameservers.map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** The kubelet's hosts file; a `subdomain` gives the pod a whole name. */
export function podHosts(pod: Pod, ips: readonly string[], domain: string): string {
  const hostname = hostnameOf(pod);
  const subdomain = pod.spec.subdomain ?? '';
  const names = subdomain === '' ? hostname : `${hostname}.${subdomain}.${namespaceOf(pod)}.svc.${domain}\t${hostname}`;
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...ips.map((ip) => `${ip}\t${names}`),
  ];
  const aliases = pod.spec.hostAliases ?? [];
  if (aliases.length > 0) {
    lines.push('', '# Entries added by HostAliases.');
    for (const alias of aliases) lines.push(`${alias.ip}\t${(alias.hostnames ?? []).join('\t')}`);
  }
  return `${lines.join('\n')}\n`;
}
