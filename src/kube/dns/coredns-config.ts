/** A Corefile as server blocks of plugins in CoreDNS' own order, read with its complaints; what it says without effect here is named. CoreDNS: core/dnsserver/register.go, plugin.cfg. */
import { sha512Hex } from '../../base/sha512.ts';
import { parseUpstream } from '../../net/app/dns/forward.ts';
import type { DnsHttpListener, DnsPlugin, ForwardPlugin } from '../../net/app/dns-server-config.ts';
import { encodeUtf8 } from '../../net/wire/utf8.ts';
import { isIp } from '../addresses.ts';
import { type CorefileProblem, type CorefileSurroundings, corefileJson, DIRECTIVES, type Directive, parseCorefile, type ServerBlock } from './corefile.ts';
import { type Aside, readAcl, readCache, readErrors, readLog, readRewrite, readTemplates, zonesOr } from './plugin-readers.ts';
import {
  absoluteZone,
  absoluteZones,
  argumentsOf,
  Complaint,
  exactArguments,
  fallthroughZones,
  parseRcode,
  placed,
  plain,
  readDuration,
  readInteger,
  wrongArguments,
  zonesOf,
} from './plugin-words.ts';

export interface KubernetesPlugin {
  readonly name: 'kubernetes';
  /** Absolute, lower case: `cluster.local.`, `in-addr.arpa.`. */
  readonly zones: readonly string[];
  readonly pods: 'disabled' | 'insecure' | 'verified';
  readonly ttlSeconds: number;
  /** Zones whose unknown names go on to the next plugin. */
  readonly fallthrough: readonly string[];
  /** Undefined: all. */
  readonly namespaces?: readonly string[];
  /** Label selectors of Services and of Namespaces. */
  readonly labels?: string;
  readonly namespaceLabels?: string;
  readonly ignoreEmptyService: boolean;
  readonly endpointPodNames: boolean;
  readonly noEndpoints: boolean;
  /** Zones of the set of clusters, among `zones`. */
  readonly multicluster?: readonly string[];
}

/** Plugins that need to know the pod or the cluster they run in. */
export type ClusterPlugin =
  | KubernetesPlugin
  | {
      readonly name: 'hosts';
      readonly file: string;
      readonly zones: readonly string[];
      readonly entries: readonly { readonly ip: string; readonly names: readonly string[] }[];
      readonly fallthrough: readonly string[];
      readonly ttlSeconds: number;
      readonly reverse: boolean;
    }
  | { readonly name: 'file'; readonly path: string; readonly zones: readonly string[]; readonly fallthrough: readonly string[]; readonly line: number }
  | (Omit<ForwardPlugin, 'upstreams'> & { readonly to: readonly string[] })
  | { readonly name: 'autopath'; readonly zones: readonly string[]; readonly search: string }
  | { readonly name: 'loop'; readonly zone: string };

export type CorefilePlugin = Exclude<DnsPlugin, { readonly name: ClusterPlugin['name'] }> | ClusterPlugin;

export interface CoreDnsServer {
  readonly port: number;
  /** Absent: all addresses. */
  readonly address?: string;
  /** One zone of a server block: `.`, `example.org.`. */
  readonly zone: string;
  readonly plugins: readonly CorefilePlugin[];
}

export interface CoreDnsConfig {
  readonly servers: readonly CoreDnsServer[];
  readonly http: readonly DnsHttpListener[];
  readonly reload?: { readonly intervalSeconds: number; readonly jitterSeconds: number };
  /** SHA-512 as the `reload` plugin takes it. */
  readonly hash: string;
  /** Printed before anything else. */
  readonly warnings: readonly string[];
  /** What CoreDNS logs before it exits; nothing is served then. */
  readonly problem?: CorefileProblem;
  /** What is accepted and not simulated. */
  readonly notSimulated: readonly { readonly name: string; readonly line: number }[];
}

/** Without effect on answers or on what is seen of the server: nothing is lost by leaving them out. */
const SILENT = new Set(['root', 'metadata', 'cancel', 'timeouts', 'multisocket']);
/** Read by `readBlock` itself. */
const STRUCTURE = new Set(['bind', 'reload', 'health', 'ready', 'transfer']);
const FILE = '/etc/coredns/Corefile';

/** CoreDNS: plugin/kubernetes/setup.go, ParseStanza. */
function readKubernetes(directive: Directive, aside: Aside): KubernetesPlugin {
  const zones = zonesOr(argumentsOf(directive), aside);
  let plugin: KubernetesPlugin = {
    name: 'kubernetes',
    zones,
    pods: 'disabled',
    ttlSeconds: 5,
    fallthrough: [],
    ignoreEmptyService: false,
    endpointPodNames: false,
    noEndpoints: false,
  };
  for (const line of directive.block) {
    const args = argumentsOf(line);
    switch (line.name) {
      case 'pods': {
        const [mode] = exactArguments('kubernetes', line, 1);
        if (mode !== 'disabled' && mode !== 'insecure' && mode !== 'verified')
          throw plain('kubernetes', `wrong value for pods: ${mode},  must be one of: disabled, verified, insecure`, line);
        plugin = { ...plugin, pods: mode };
        break;
      }
      case 'ttl': {
        const ttlSeconds = readInteger('kubernetes', args[0], line);
        if (ttlSeconds < 0 || ttlSeconds > 3600) throw placed('kubernetes', `ttl must be in range [0, 3600]: ${ttlSeconds}`, line);
        plugin = { ...plugin, ttlSeconds };
        break;
      }
      case 'fallthrough':
        plugin = { ...plugin, fallthrough: fallthroughZones(line) };
        break;
      case 'namespaces':
        if (args.length === 0) throw wrongArguments('kubernetes', line);
        plugin = { ...plugin, namespaces: args };
        break;
      case 'labels':
      case 'namespace_labels':
        if (args.length === 0) throw wrongArguments('kubernetes', line);
        plugin = { ...plugin, [line.name === 'labels' ? 'labels' : 'namespaceLabels']: args.join(' ') };
        aside.unsimulated(`kubernetes ${line.name}`, line);
        break;
      case 'ignore':
        if (args.length > 0 && args[0] !== 'empty_service') throw plain('kubernetes', `unable to parse ignore value: '${args[0] ?? ''}'`, line);
        plugin = { ...plugin, ignoreEmptyService: plugin.ignoreEmptyService || args.length > 0 };
        break;
      case 'endpoint_pod_names':
        exactArguments('kubernetes', line, 0);
        plugin = { ...plugin, endpointPodNames: true };
        break;
      case 'noendpoints':
        exactArguments('kubernetes', line, 0);
        plugin = { ...plugin, noEndpoints: true };
        break;
      // How CoreDNS reaches the API server: no packet of it is simulated.
      case 'endpoint':
      case 'tls':
      case 'kubeconfig':
      case 'resyncperiod':
      case 'upstream':
      case 'startup_timeout':
      case 'apiserver_qps':
      case 'apiserver_burst':
      case 'apiserver_max_inflight':
        break;
      case 'multicluster':
        plugin = { ...plugin, multicluster: zonesOr(args, aside) };
        break;
      default:
        throw placed('kubernetes', `unknown property '${line.name}'`, line);
    }
  }
  if (plugin.namespaces !== undefined && plugin.namespaceLabels !== undefined)
    throw placed('kubernetes', 'namespaces and namespace_labels cannot both be set', directive);
  return plugin;
}

const MAX_UPSTREAMS = 15;

/** CoreDNS: plugin/forward/setup.go, plugin/pkg/parse/host.go. */
function readForward(directive: Directive, aside: Aside): CorefilePlugin {
  const [from, ...to] = argumentsOf(directive);
  if (from === undefined || to.length === 0) throw wrongArguments('forward', directive);
  if (to.length > MAX_UPSTREAMS) throw plain('forward', `more than ${MAX_UPSTREAMS} TOs configured: ${to.length}`, directive);
  const addresses = to.map((target) => {
    const [transport, bare] = /^([a-z]{1,8}):\/\/(.*)$/.exec(target)?.slice(1) ?? ['dns', target];
    if (transport !== 'dns' && transport !== 'tls')
      throw plain('forward', `'${transport}' is not supported as a destination protocol in forward: ${target}`, directive);
    if (transport === 'tls') aside.unsimulated('forward to tls://', directive);
    if (parseUpstream(bare ?? '') === undefined && !target.startsWith('/')) throw plain('forward', `not an IP address or file: "${target}"`, directive);
    return bare ?? target;
  });
  let plugin: Extract<CorefilePlugin, { readonly name: 'forward' }> = {
    name: 'forward',
    from: zonesOf(from)[0] ?? '.',
    to: addresses,
    except: [],
    policy: 'random',
    forceTcp: false,
    preferUdp: false,
    maxFails: 2,
    expireSeconds: 10,
    healthCheckSeconds: 0.5,
    healthCheck: { recursionDesired: true, domain: '.' },
    maxConcurrent: 0,
    failover: [],
    next: [],
  };
  for (const line of directive.block) {
    const args = argumentsOf(line);
    const codes = () =>
      args.map((text) => {
        const code = parseRcode(text);
        if (code === undefined) throw plain('forward', `${text} is not a valid rcode`, line);
        return code;
      });
    switch (line.name) {
      case 'except':
        if (args.length === 0) throw wrongArguments('forward', line);
        plugin = { ...plugin, except: absoluteZones(args) };
        break;
      case 'max_fails':
        plugin = { ...plugin, maxFails: readInteger('forward', args[0], line, 'ParseUint') };
        break;
      case 'health_check': {
        const seconds = readDuration('forward', args[0], line);
        if (seconds < 0) throw plain('forward', `health_check can't be negative: ${args[0] ?? ''}`, line);
        let healthCheck = plugin.healthCheck;
        for (let at = 1; at < args.length; at += 1) {
          if (args[at] === 'no_rec') healthCheck = { ...healthCheck, recursionDesired: false };
          else if (args[at] === 'domain' && args[at + 1] !== undefined) {
            at += 1;
            healthCheck = { ...healthCheck, domain: absoluteZone(args[at] ?? '.') };
          } else throw plain('forward', `health_check: unknown option ${args[at] ?? ''}`, line);
        }
        plugin = { ...plugin, healthCheckSeconds: Math.max(0.001, seconds), healthCheck };
        break;
      }
      case 'force_tcp':
        exactArguments('forward', line, 0);
        plugin = { ...plugin, forceTcp: true };
        break;
      case 'prefer_udp':
        exactArguments('forward', line, 0);
        plugin = { ...plugin, preferUdp: true };
        break;
      case 'expire': {
        const seconds = readDuration('forward', args[0], line);
        if (seconds < 0) throw plain('forward', `expire can't be negative: ${args[0] ?? ''}`, line);
        plugin = { ...plugin, expireSeconds: seconds };
        break;
      }
      case 'policy': {
        const [policy] = exactArguments('forward', line, 1);
        if (policy !== 'random' && policy !== 'round_robin' && policy !== 'sequential') throw placed('forward', `unknown policy '${policy ?? ''}'`, line);
        plugin = { ...plugin, policy };
        break;
      }
      case 'max_concurrent': {
        const most = readInteger('forward', args[0], line);
        if (most < 0) throw plain('forward', `max_concurrent can't be negative: ${most}`, line);
        plugin = { ...plugin, maxConcurrent: most };
        break;
      }
      case 'failover':
        plugin = { ...plugin, failover: codes() };
        break;
      case 'next':
        plugin = { ...plugin, next: codes() };
        break;
      case 'tls':
      case 'tls_servername':
      case 'max_age':
      case 'max_idle_conns':
      case 'failfast_all_unhealthy_upstreams':
        aside.unsimulated(`forward ${line.name}`, line);
        break;
      default:
        throw placed('forward', `unknown property '${line.name}'`, line);
    }
  }
  return plugin;
}

function readHosts(directive: Directive, aside: Aside): CorefilePlugin {
  const [first, ...rest] = argumentsOf(directive);
  const entries: { ip: string; names: string[] }[] = [];
  let fallthrough: readonly string[] = [];
  let ttlSeconds = 3600;
  let reverse = true;
  for (const line of directive.block) {
    if (line.name === 'fallthrough') fallthrough = fallthroughZones(line);
    else if (line.name === 'no_reverse') reverse = false;
    else if (line.name === 'ttl') {
      ttlSeconds = readInteger('hosts', line.args[0]?.text, line);
      if (ttlSeconds <= 0 || ttlSeconds > 65535) throw placed('hosts', `ttl provided is invalid`, line);
    } else if (isIp(line.name)) entries.push({ ip: line.name, names: argumentsOf(line).map(absoluteZone) });
    else if (line.name !== 'reload') throw placed('hosts', `unknown property '${line.name}'`, line);
  }
  return { name: 'hosts', file: first ?? '/etc/hosts', zones: zonesOr(rest, aside), entries, fallthrough, ttlSeconds, reverse };
}

function readFile(directive: Directive, aside: Aside): CorefilePlugin {
  const [path, ...zones] = argumentsOf(directive);
  if (path === undefined) throw wrongArguments('file', directive);
  let fallthrough: readonly string[] = [];
  for (const line of directive.block) {
    if (line.name === 'fallthrough') fallthrough = fallthroughZones(line);
    else if (line.name !== 'reload' && line.name !== 'upstream') throw placed('file', `unknown property '${line.name}'`, line);
  }
  return { name: 'file', path: path.startsWith('/') ? path : `/etc/coredns/${path}`, zones: zonesOr(zones, aside), fallthrough, line: directive.line };
}

function readAutopath(directive: Directive, aside: Aside): CorefilePlugin {
  const words = argumentsOf(directive);
  const search = words.at(-1);
  if (search === undefined) throw wrongArguments('autopath', directive);
  if (!search.startsWith('@') && !search.startsWith('/'))
    throw plain('autopath', `failed to parse "${search}": open ${search}: no such file or directory`, directive);
  return { name: 'autopath', zones: zonesOr(words.slice(0, -1), aside), search };
}

/** All of a block's directives of one name as plugins, or undefined where the name is none that is simulated. */
function readPlugin(name: string, directives: readonly Directive[], aside: Aside): readonly CorefilePlugin[] | undefined {
  const [first] = directives as readonly [Directive];
  switch (name) {
    case 'bufsize': {
      const [bytes = '1232'] = exactArguments('bufsize', first, 0, 1);
      const size = readInteger('bufsize', bytes, first);
      if (size < 512 || size > 4096) throw plain('bufsize', 'value must be within 512 - 4096', first);
      return [{ name, bytes: size }];
    }
    case 'prometheus':
      return [{ name }];
    case 'errors':
      return [readErrors(first)];
    case 'log':
      return [readLog(directives, aside)];
    case 'acl':
      return [readAcl(directives, aside)];
    case 'any':
    case 'whoami':
    case 'minimal':
      exactArguments(name, first, 0);
      return [{ name }];
    case 'loadbalance': {
      const [policy = 'round_robin'] = argumentsOf(first);
      if (policy === 'weighted') aside.unsimulated('loadbalance weighted', first);
      else if (policy !== 'round_robin') throw plain('loadbalance', `unknown policy: ${policy}`, first);
      return [{ name }];
    }
    case 'cache':
      return [readCache(first, aside)];
    case 'rewrite':
      return [readRewrite(directives, aside)];
    case 'autopath':
      return [readAutopath(first, aside)];
    case 'template':
      return [readTemplates(directives, aside)];
    case 'hosts':
      return [readHosts(first, aside)];
    case 'kubernetes':
      return [readKubernetes(first, aside)];
    case 'file':
      return directives.map((directive) => readFile(directive, aside));
    case 'loop':
      exactArguments('loop', first, 0);
      return [{ name, zone: aside.zones[0] ?? '.' }];
    case 'forward':
      return directives.map((directive) => readForward(directive, aside));
    default:
      return undefined;
  }
}

/** Plugins that stand once in a block, and say so. CoreDNS: plugin/plugin.go, ErrOnce. */
const ONCE = new Set(['autopath', 'bufsize', 'cache', 'errors', 'hosts', 'kubernetes', 'loop', 'minimal', 'any', 'reload', 'ready']);

/** `dns://.:53` → zone `.`, port 53; without a port 53. */
function readKey(key: string): { readonly zones: readonly string[]; readonly port: number } {
  const bare = key.replace(/^dns:\/\//, '');
  const match = /^(.*?)(?::([0-9]{1,5}))?$/.exec(bare);
  return { zones: match?.[1] === undefined || match[1] === '' ? ['.'] : zonesOf(match[1]), port: Number(match?.[2] ?? 53) };
}

const httpListener = (serves: DnsHttpListener['serves'], text: string): DnsHttpListener => {
  const match = /^(.*):([0-9]{1,5})$/.exec(text);
  const address = (match?.[1] ?? '').replace(/^\[|\]$/g, '');
  return { serves, port: Number(match?.[2] ?? 0), ...(address === '' ? {} : { address }) };
};

interface Gathered {
  readonly http: Map<string, DnsHttpListener>;
  readonly notSimulated: { name: string; line: number }[];
  reload?: { readonly intervalSeconds: number; readonly jitterSeconds: number };
}

function readStructure(block: ServerBlock, gathered: Gathered): readonly string[] {
  const addresses: string[] = [];
  for (const directive of block.directives) {
    const args = argumentsOf(directive);
    switch (directive.name) {
      case 'bind':
        if (args.length === 0) throw plain('bind', 'at least one address or interface name is expected', directive);
        for (const address of args) {
          if (!isIp(address)) throw plain('bind', `not a valid IP address or interface name: "${address}"`, directive);
          addresses.push(address);
        }
        break;
      case 'reload': {
        const [interval, jitter] = exactArguments('reload', directive, 0, 2);
        const intervalSeconds = interval === undefined ? 30 : readDuration('reload', interval, directive);
        if (intervalSeconds < 2) throw plain('reload', 'interval value must be greater or equal to 2s', directive);
        const jitterSeconds = jitter === undefined ? 15 : readDuration('reload', jitter, directive);
        if (jitterSeconds < 1) throw plain('reload', 'jitter value must be greater or equal to 1s', directive);
        gathered.reload = { intervalSeconds, jitterSeconds };
        break;
      }
      case 'health':
      case 'ready':
      case 'prometheus': {
        const [address = directive.name === 'health' ? ':8080' : directive.name === 'ready' ? ':8181' : 'localhost:9153'] = args;
        const serves = directive.name === 'prometheus' ? 'metrics' : directive.name;
        if (!/:[0-9]{1,5}$/.test(address)) throw plain(directive.name, `address ${address}: missing port in address`, directive);
        for (const line of directive.block) {
          if (directive.name !== 'health' || line.name !== 'lameduck') throw wrongArguments(directive.name, line);
          readDuration('health', exactArguments('health', line, 1)[0], line);
        }
        const listener = httpListener(serves, address.replace(/^localhost:/, '127.0.0.1:'));
        gathered.http.set(`${listener.serves} ${listener.address ?? ''}:${listener.port}`, listener);
        break;
      }
      case 'transfer':
        gathered.notSimulated.push({ name: 'plugin "transfer"', line: directive.line });
        break;
    }
  }
  return addresses;
}

function readBlock(block: ServerBlock, gathered: Gathered): CoreDnsServer[] {
  const addresses = readStructure(block, gathered);
  const keys = block.keys.map((key) => readKey(key.text));
  const zones = [...new Set(keys.flatMap((key) => key.zones))];
  const aside: Aside = { zones, unsimulated: (name, line) => gathered.notSimulated.push({ name, line: line.line }) };
  const plugins: CorefilePlugin[] = [];
  for (const name of DIRECTIVES) {
    const directives = block.directives.filter((directive) => directive.name === name);
    const [first, second] = directives;
    if (first === undefined || STRUCTURE.has(name)) continue;
    if (second !== undefined && ONCE.has(name)) throw plain(name, 'this plugin can only be used once per Server Block', second);
    const read = readPlugin(name, directives, aside);
    if (read !== undefined) plugins.push(...read);
    else if (!SILENT.has(name)) gathered.notSimulated.push({ name: `plugin "${name}"`, line: first.line });
  }
  const at = addresses.length === 0 ? [undefined] : addresses;
  return keys.flatMap((key) =>
    key.zones.flatMap((zone) =>
      at.map((address): CoreDnsServer => ({ port: key.port, zone, plugins, ...(address === undefined || address === '0.0.0.0' ? {} : { address }) })),
    ),
  );
}

/** Two blocks must not serve the same zone on the same port. */
function doubled(servers: readonly CoreDnsServer[]): string | undefined {
  const seen = new Set<string>();
  for (const server of servers) {
    const address = `dns://${server.zone}:${server.port}`;
    const key = `${address} ${server.address ?? ''}`;
    if (seen.has(key)) return `cannot serve ${address} - it is already defined`;
    seen.add(key);
  }
  return undefined;
}

const DEFAULT_COREFILE = '.:53 {\nwhoami\nlog\n}\n';

/** An empty Corefile is CoreDNS' own default: `whoami` and `log`. */
export function readCorefile(text: string, surroundings: CorefileSurroundings = {}, lenient = false): CoreDnsConfig {
  const parsed = parseCorefile(FILE, text.trim() === '' ? DEFAULT_COREFILE : text, surroundings, lenient);
  const none = { servers: [], http: [], hash: '', warnings: parsed.warnings, notSimulated: [] };
  if (parsed.problem !== undefined) return { ...none, problem: parsed.problem, hash: sha512Hex(encodeUtf8(text)) };
  const hash = sha512Hex(encodeUtf8(corefileJson(parsed.blocks)));
  const gathered: Gathered = { http: new Map(), notSimulated: [] };
  try {
    const servers = parsed.blocks.flatMap((block) => readBlock(block, gathered));
    const twice = doubled(servers);
    const problem = twice === undefined ? {} : { problem: { message: twice, line: parsed.blocks.at(-1)?.keys[0]?.line ?? 1, syntax: false } };
    return {
      servers: twice === undefined ? servers : [],
      http: [...gathered.http.values()],
      hash,
      warnings: parsed.warnings,
      notSimulated: gathered.notSimulated,
      ...(gathered.reload === undefined ? {} : { reload: gathered.reload }),
      ...problem,
    };
  } catch (error) {
    if (error instanceof Complaint) return { ...none, hash, problem: { message: error.message, line: error.line, syntax: false } };
    throw error;
  }
}
