/** The plugins of a Corefile that we simulate, read with CoreDNS' own complaints, and the names of those that we do not. */
import { parseIp4 } from '../../net/addr/ip4.ts';
import type { Directive, ParsedCorefile, ServerBlock } from './corefile.ts';
import { parseCorefile } from './corefile.ts';

export interface KubernetesPlugin {
  /** Absolute, lower case: `cluster.local.`, `in-addr.arpa.`. */
  readonly zones: readonly string[];
  readonly pods: 'disabled' | 'insecure' | 'verified';
  readonly ttlSeconds: number;
  /** Zones whose unknown names go on to the next plugin. */
  readonly fallthrough: readonly string[];
  /** Undefined: all. */
  readonly namespaces?: readonly string[];
  readonly ignoreEmptyService: boolean;
  readonly endpointPodNames: boolean;
  readonly noEndpoints: boolean;
}

export interface CoreDnsServer {
  readonly port: number;
  /** Zones of the server block: `.`, `example.org.`. */
  readonly zones: readonly string[];
  readonly kubernetes?: KubernetesPlugin;
  /** `ip`, `ip:port` or a file such as /etc/resolv.conf, for all names of the block. */
  readonly forward?: { readonly from: string; readonly to: readonly string[] };
  readonly cacheSeconds?: number;
  readonly log: boolean;
  readonly errors: boolean;
  readonly loop: boolean;
  /** Inline entries of the `hosts` plugin. */
  readonly hosts?: {
    readonly entries: readonly { readonly ip: string; readonly names: readonly string[] }[];
    readonly fallthrough: boolean;
    readonly ttlSeconds: number;
  };
}

export interface CoreDnsConfig {
  readonly servers: readonly CoreDnsServer[];
  /** What CoreDNS logs before it exits; nothing is served then. */
  readonly problem?: { readonly message: string; readonly line: number };
  /** Directives that are accepted and not simulated. */
  readonly notSimulated: readonly { readonly name: string; readonly line: number }[];
}

/** Without effect on answers: nothing is lost by leaving them out. */
const SILENT = new Set([
  'errors',
  'log',
  'health',
  'ready',
  'prometheus',
  'loop',
  'reload',
  'loadbalance',
  'cache',
  'forward',
  'kubernetes',
  'hosts',
  'debug',
  'pprof',
  'cancel',
  'metadata',
  'root',
  'minimal',
  'any',
  'bufsize',
  'multisocket',
  'timeouts',
  'nsid',
  'trace',
  'dnstap',
  'local',
]);
const FILE = '/etc/coredns/Corefile';

class Complaint extends Error {
  readonly line: number;
  constructor(plugin: string, message: string, line: number) {
    super(`plugin/${plugin}: ${FILE}:${line} - Error during parsing: ${message}`);
    this.line = line;
  }
}

const wrongArguments = (plugin: string, directive: Directive) => {
  const last = directive.args.at(-1)?.text ?? directive.name;
  return new Complaint(plugin, `Wrong argument count or unexpected line ending after '${last}'`, directive.line);
};

/** `cluster.local` → `cluster.local.`; a CIDR becomes its reverse zone when it ends at a byte. */
export function absoluteZone(text: string): string {
  const cidr = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(8|16|24)$/.exec(text);
  if (cidr !== null) {
    const bytes = cidr.slice(1, 1 + Number(cidr[5]) / 8);
    return `${bytes.reverse().join('.')}.in-addr.arpa.`;
  }
  const lower = text.toLowerCase();
  return lower.endsWith('.') ? lower : `${lower}.`;
}

function readTtl(line: Directive, plugin: string): number {
  const text = line.args[0]?.text;
  if (text === undefined) throw wrongArguments(plugin, line);
  if (!/^-?[0-9]+$/.test(text)) throw new Complaint(plugin, `strconv.Atoi: parsing "${text}": invalid syntax`, line.line);
  const ttl = Number(text);
  if (ttl < 0 || ttl > 3600) throw new Complaint(plugin, `ttl must be in range [0, 3600]: ${ttl}`, line.line);
  return ttl;
}

/** CoreDNS: plugin/kubernetes/setup.go, ParseStanza. */
function readKubernetes(directive: Directive, blockZones: readonly string[]): KubernetesPlugin {
  const zones = directive.args.length > 0 ? directive.args.map((arg) => absoluteZone(arg.text)) : blockZones;
  let plugin: KubernetesPlugin = {
    zones,
    pods: 'disabled',
    ttlSeconds: 5,
    fallthrough: [],
    ignoreEmptyService: false,
    endpointPodNames: false,
    noEndpoints: false,
  };
  for (const line of directive.block) {
    const args = line.args.map((arg) => arg.text);
    switch (line.name) {
      case 'pods': {
        const [mode] = args;
        if (args.length !== 1) throw wrongArguments('kubernetes', line);
        if (mode !== 'disabled' && mode !== 'insecure' && mode !== 'verified')
          throw new Complaint('kubernetes', `wrong value for pods: ${mode},  must be one of: disabled, verified, insecure`, line.line);
        plugin = { ...plugin, pods: mode };
        break;
      }
      case 'ttl':
        plugin = { ...plugin, ttlSeconds: readTtl(line, 'kubernetes') };
        break;
      case 'fallthrough':
        plugin = { ...plugin, fallthrough: args.length === 0 ? zones : args.map(absoluteZone) };
        break;
      case 'namespaces':
        if (args.length === 0) throw wrongArguments('kubernetes', line);
        plugin = { ...plugin, namespaces: args };
        break;
      case 'ignore':
        if (args[0] !== 'empty_service') throw new Complaint('kubernetes', `unable to parse ignore value: '${args[0] ?? ''}'`, line.line);
        plugin = { ...plugin, ignoreEmptyService: true };
        break;
      case 'endpoint_pod_names':
        plugin = { ...plugin, endpointPodNames: true };
        break;
      case 'noendpoints':
        plugin = { ...plugin, noEndpoints: true };
        break;
      // How CoreDNS reaches the API server: no packet of it is simulated.
      case 'endpoint':
      case 'tls':
      case 'kubeconfig':
      case 'resyncperiod':
      case 'labels':
      case 'namespace_labels':
      case 'startup_timeout':
      case 'apiserver_qps':
      case 'apiserver_burst':
      case 'apiserver_max_inflight':
        break;
      default:
        throw new Complaint('kubernetes', `unknown property '${line.name}'`, line.line);
    }
  }
  return plugin;
}

/** CoreDNS: plugin/forward/setup.go, plugin/pkg/parse/host.go. */
function readForward(directive: Directive): NonNullable<CoreDnsServer['forward']> {
  const [from, ...to] = directive.args.map((arg) => arg.text);
  if (from === undefined || to.length === 0) throw wrongArguments('forward', directive);
  for (const target of to) {
    const [host, port] = target.replace(/^(dns|tls):\/\//, '').split(':');
    const isAddress = parseIp4(host ?? '') !== undefined && (port === undefined || /^[0-9]+$/.test(port));
    if (!isAddress && !target.startsWith('/')) throw new Complaint('forward', `not an IP address or file: "${target}"`, directive.line);
  }
  return { from: absoluteZone(from), to };
}

/** CoreDNS: plugin/cache/setup.go. */
function readCache(directive: Directive): number {
  const text = directive.args[0]?.text;
  if (text === undefined || !/^-?[0-9]+$/.test(text)) return 3600;
  const seconds = Number(text);
  if (seconds <= 0) throw new Complaint('cache', `cache TTL can not be zero or negative: ${seconds}`, directive.line);
  return seconds;
}

function readHosts(directive: Directive): NonNullable<CoreDnsServer['hosts']> {
  const entries: { ip: string; names: string[] }[] = [];
  let fallthrough = false;
  let ttlSeconds = 3600;
  for (const line of directive.block) {
    if (line.name === 'fallthrough') fallthrough = true;
    else if (line.name === 'ttl') ttlSeconds = readTtl(line, 'hosts');
    else if (parseIp4(line.name) !== undefined) entries.push({ ip: line.name, names: line.args.map((arg) => absoluteZone(arg.text)) });
    else if (line.name !== 'no_reverse' && line.name !== 'reload') throw new Complaint('hosts', `unknown property '${line.name}'`, line.line);
  }
  return { entries, fallthrough, ttlSeconds };
}

/** `dns://.:53` → zone `.`, port 53; without a port 53. */
function readKey(key: string): { readonly zone: string; readonly port: number } {
  const bare = key.replace(/^dns:\/\//, '');
  const match = /^(.*?)(?::([0-9]+))?$/.exec(bare);
  return { zone: absoluteZone(match?.[1] === undefined || match[1] === '' ? '.' : match[1]), port: Number(match?.[2] ?? 53) };
}

function readBlock(block: ServerBlock): CoreDnsServer[] {
  const find = (name: string) => block.directives.find((directive) => directive.name === name);
  const keys = block.keys.map((key) => readKey(key.text));
  const ports = [...new Set(keys.map((key) => key.port))];
  return ports.map((port) => {
    const zones = keys.filter((key) => key.port === port).map((key) => key.zone);
    const kubernetes = find('kubernetes');
    const forward = find('forward');
    const cache = find('cache');
    const hosts = find('hosts');
    return {
      port,
      zones,
      ...(kubernetes === undefined ? {} : { kubernetes: readKubernetes(kubernetes, zones) }),
      ...(forward === undefined ? {} : { forward: readForward(forward) }),
      ...(cache === undefined ? {} : { cacheSeconds: readCache(cache) }),
      ...(hosts === undefined ? {} : { hosts: readHosts(hosts) }),
      log: find('log') !== undefined,
      errors: find('errors') !== undefined,
      loop: find('loop') !== undefined,
    };
  });
}

/** Two blocks must not serve the same zone on the same port. */
function doubled(servers: readonly CoreDnsServer[]): string | undefined {
  const seen = new Set<string>();
  for (const server of servers) {
    for (const zone of server.zones) {
      const address = `dns://${zone}:${server.port}`;
      if (seen.has(address)) return `cannot serve ${address} - it is already defined`;
      seen.add(address);
    }
  }
  return undefined;
}

export function readCorefile(text: string): CoreDnsConfig {
  const parsed: ParsedCorefile = parseCorefile(FILE, text);
  if (parsed.problem !== undefined) return { servers: [], problem: parsed.problem, notSimulated: [] };
  const notSimulated = parsed.blocks.flatMap((block) =>
    block.directives.filter((directive) => !SILENT.has(directive.name)).map(({ name, line }) => ({ name, line })),
  );
  try {
    const servers = parsed.blocks.flatMap(readBlock);
    const twice = doubled(servers);
    if (twice !== undefined) return { servers: [], problem: { message: twice, line: parsed.blocks.at(-1)?.keys[0]?.line ?? 1 }, notSimulated };
    return { servers, notSimulated };
  } catch (error) {
    if (error instanceof Complaint) return { servers: [], problem: { message: error.message, line: error.line }, notSimulated };
    throw error;
  }
}
