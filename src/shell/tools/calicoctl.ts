/** calicoctl: what Calico knows of its nodes, pools, endpoints and peers. Calico v3.30: calicoctl/calicoctl/commands */

import { bgpSpeakers, sessionStatus } from '../../kube/cni/calico/bgp.ts';
import { endpoints } from '../../kube/cni/calico/felix-model.ts';
import { blocksByName, holderOf } from '../../kube/cni/calico/ipam.ts';
import { AS_NUMBER, CALICO_VERSION, calicoSettings, DEFAULT_AS_NUMBER, hasCalico, NODE_ADDRESS } from '../../kube/cni/calico/settings.ts';
import type { CalicoBgpPeer, CalicoPolicy, IpPool, Tier } from '../../kube/cni/calico/types.ts';
import { daemonNodes } from '../../kube/cni/daemons.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { defineCommand, type Invocation, type Outcome } from '../command.ts';
import { formatTable } from '../table.ts';

interface Resource {
  /** As objects are stored; undefined for what is no object of its own. */
  readonly kind?: string;
  readonly words: readonly string[];
  readonly namespaced?: true;
  readonly columns: readonly string[];
  readonly wide: readonly string[];
  /** Cells by column. */
  cells(object: KubeObject, view: StoreView): Readonly<Record<string, string>>;
  list?(view: StoreView): readonly KubeObject[];
}

const named = ({ metadata }: KubeObject): Readonly<Record<string, string>> => ({ NAME: metadata.name, NAMESPACE: metadata.namespace ?? '' });
const policyCells = (object: KubeObject): Readonly<Record<string, string>> => {
  const { spec = {} } = object as CalicoPolicy;
  return { ...named(object), TIER: spec.tier ?? 'default', ORDER: spec.order === undefined ? '<nil>' : String(spec.order), SELECTOR: spec.selector ?? '' };
};
const plain = (kind: string, words: readonly string[], namespaced?: true): Resource => ({
  kind,
  words,
  ...(namespaced === undefined ? {} : { namespaced }),
  columns: ['NAME'],
  wide: ['NAME'],
  cells: named,
});

/** `node01-k8s-web--5f7-eth0`: dashes of the pod's name are doubled. */
const endpointName = (node: string, pod: string): string => `${node.replace(/-/g, '--')}-k8s-${pod.replace(/-/g, '--')}-eth0`;

const RESOURCES: readonly Resource[] = [
  {
    kind: 'Node',
    words: ['node', 'nodes', 'no', 'nos'],
    columns: ['NAME'],
    wide: ['NAME', 'ASN', 'IPV4', 'IPV6'],
    cells(object, view) {
      const { annotations = {} } = object.metadata;
      const address = annotations[NODE_ADDRESS] ?? '';
      const own = annotations[AS_NUMBER];
      const asn = own ?? `(${calicoSettings(view).bgp.asNumber ?? DEFAULT_AS_NUMBER})`;
      return { ...named(object), ASN: address === '' ? '' : asn, IPV4: address, IPV6: '' };
    },
  },
  {
    kind: 'IPPool',
    words: ['ippool', 'ippools', 'ipp', 'ipps', 'pool', 'pools'],
    columns: ['NAME', 'CIDR', 'SELECTOR'],
    wide: ['NAME', 'CIDR', 'NAT', 'IPIPMODE', 'VXLANMODE', 'DISABLED', 'DISABLEBGPEXPORT', 'SELECTOR'],
    cells(object) {
      const { spec = {} } = object as IpPool;
      return {
        ...named(object),
        CIDR: spec.cidr ?? '',
        NAT: String(spec.natOutgoing === true),
        IPIPMODE: spec.ipipMode ?? 'Never',
        VXLANMODE: spec.vxlanMode ?? 'Never',
        DISABLED: String(spec.disabled === true),
        DISABLEBGPEXPORT: String(spec.disableBGPExport === true),
        SELECTOR: spec.nodeSelector ?? 'all()',
      };
    },
  },
  {
    words: ['workloadendpoint', 'workloadendpoints', 'wep', 'weps'],
    namespaced: true,
    columns: ['WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE'],
    wide: ['NAME', 'WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE', 'PROFILES', 'NATS'],
    list: (view) => endpoints(view).flatMap((one) => view.find(one.key) ?? []),
    cells(object, view) {
      const one = endpoints(view).find((endpoint) => endpoint.key === `Pod/${object.metadata.namespace}/${object.metadata.name}`);
      return {
        NAMESPACE: object.metadata.namespace ?? '',
        NAME: endpointName(one?.node ?? '', object.metadata.name),
        WORKLOAD: object.metadata.name,
        NODE: one?.node ?? '',
        NETWORKS: one === undefined ? '' : `${one.ip}/32`,
        INTERFACE: one?.device ?? '',
        PROFILES: (one?.profiles ?? []).join(','),
        NATS: '',
      };
    },
  },
  {
    kind: 'BGPPeer.projectcalico.org',
    words: ['bgppeer', 'bgppeers', 'bgpp', 'bgpps', 'bp', 'bps'],
    columns: ['NAME', 'PEERIP', 'NODE', 'ASN'],
    wide: ['NAME', 'PEERIP', 'NODE', 'ASN'],
    cells(object) {
      const { spec = {} } = object as CalicoBgpPeer;
      return { ...named(object), PEERIP: spec.peerIP ?? '', NODE: spec.node ?? spec.nodeSelector ?? '(global)', ASN: String(spec.asNumber ?? 0) };
    },
  },
  {
    kind: 'BGPConfiguration',
    words: ['bgpconfiguration', 'bgpconfigurations', 'bgpconfig', 'bgpconfigs'],
    columns: ['NAME', 'LOGSEVERITY', 'MESHENABLED', 'ASNUMBER'],
    wide: ['NAME', 'LOGSEVERITY', 'MESHENABLED', 'ASNUMBER'],
    cells(object) {
      const spec = (object.spec ?? {}) as Readonly<Record<string, unknown>>;
      return {
        ...named(object),
        LOGSEVERITY: String(spec.logSeverityScreen ?? ''),
        MESHENABLED: String(spec.nodeToNodeMeshEnabled ?? '-'),
        ASNUMBER: String(spec.asNumber ?? '-'),
      };
    },
  },
  {
    kind: 'GlobalNetworkPolicy',
    words: ['globalnetworkpolicy', 'globalnetworkpolicies', 'gnp', 'gnps'],
    columns: ['NAME', 'TIER'],
    wide: ['NAME', 'TIER', 'ORDER', 'SELECTOR'],
    cells: policyCells,
  },
  {
    kind: 'NetworkPolicy.projectcalico.org',
    words: ['networkpolicy', 'networkpolicies', 'policy', 'np', 'policies', 'pol', 'pols'],
    namespaced: true,
    columns: ['NAME', 'TIER'],
    wide: ['NAME', 'TIER', 'ORDER', 'SELECTOR'],
    cells: policyCells,
  },
  {
    kind: 'Tier',
    words: ['tier', 'tiers'],
    columns: ['NAME', 'ORDER'],
    wide: ['NAME', 'ORDER'],
    cells: (object) => ({ ...named(object), ORDER: String((object as Tier).spec?.order ?? '') }),
  },
  plain('FelixConfiguration', ['felixconfiguration', 'felixconfigurations', 'felixconfig', 'felixconfigs']),
  plain('ClusterInformation', ['clusterinformation', 'clusterinformations', 'clusterinfo', 'clusterinfos']),
  plain('GlobalNetworkSet', ['globalnetworkset', 'globalnetworksets']),
  plain('NetworkSet', ['networkset', 'networksets', 'netsets'], true),
  plain('HostEndpoint', ['hostendpoint', 'hostendpoints', 'hep', 'heps']),
];

/** A table in a box, its headings in the middle. */
function boxed(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => (row[i] ?? '').length)));
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+\n`;
  const centred = (text: string, width: number): string => {
    const left = Math.floor((width - text.length) / 2);
    return `${' '.repeat(left)}${text}${' '.repeat(width - text.length - left)}`;
  };
  const line = (cells: readonly string[], pad: (text: string, width: number) => string): string =>
    `| ${cells.map((cell, i) => pad(cell, widths[i] ?? 0)).join(' | ')} |\n`;
  const cell = (text: string, width: number): string =>
    /^[\d.e+]+$/.test(text) && text !== '' && /^\d+$/.test(text) ? text.padStart(width) : text.padEnd(width);
  return `${rule}${line(heads, centred)}${rule}${rows.map((row) => line(row, cell)).join('')}${rule}`;
}

interface Words {
  readonly plain: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

const WITH_VALUE = new Set(['-o', '--output', '-n', '--namespace', '-f', '--filename', '--ip', '--config', '-c', '-p', '--patch']);

function wordsOf(argv: readonly string[]): Words {
  const plainWords: string[] = [];
  const options = new Map<string, string>();
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    const equals = word.indexOf('=');
    if (!word.startsWith('-')) plainWords.push(word);
    else if (word.startsWith('--') && equals > 0) options.set(word.slice(0, equals), word.slice(equals + 1));
    else if (/^-[onf]./.test(word) && !word.startsWith('--')) options.set(word.slice(0, 2), word.slice(2));
    else if (WITH_VALUE.has(word)) {
      options.set(word, argv[i + 1] ?? '');
      i += 1;
    } else options.set(word, '');
  }
  return { plain: plainWords, options };
}

const option = ({ options }: Words, ...names: readonly string[]): string | undefined =>
  names.map((name) => options.get(name)).find((value) => value !== undefined);

function get({ host, out, err }: Invocation, words: Words): Outcome {
  const { view } = host.api;
  const [, word = '', ...names] = words.plain;
  const resource = RESOURCES.find((one) => one.words.includes(word.toLowerCase()));
  if (resource === undefined) {
    err(`Failed to get resources: resource type '${word}' is not supported\n`);
    return 1;
  }
  const format = option(words, '-o', '--output') ?? 'ps';
  const { kind } = resource;
  if (format === 'yaml' || format === 'json') {
    if (kind === undefined) {
      err(`Failed to get resources: -o ${format} of ${word} is not simulated; see "calicoctl get ${word} -o wide"\n`);
      return 1;
    }
    const plural = host.api.kinds.find((one) => one.kind === kind);
    const namespace = option(words, '-n', '--namespace');
    const where = words.options.has('-A') || words.options.has('--all-namespaces') ? ['-A'] : namespace === undefined ? [] : ['-n', namespace];
    const group = plural?.apiVersion.includes('/') === true ? `.${plural.apiVersion.split('/')[0]}` : '';
    return { kind: 'call', argv: ['kubectl', 'get', `${plural?.plural ?? word}${group}`, ...names, ...where, '-o', format] };
  }
  const everywhere = words.options.has('-A') || words.options.has('-a') || words.options.has('--all-namespaces');
  const namespace = option(words, '-n', '--namespace') ?? 'default';
  const all = resource.list?.(view) ?? (kind === undefined ? [] : view.list(kind));
  const chosen = all.filter(
    ({ metadata }) =>
      (names.length === 0 || names.includes(metadata.name)) && (resource.namespaced !== true || everywhere || (metadata.namespace ?? 'default') === namespace),
  );
  const missing = names.find((name) => !chosen.some((one) => one.metadata.name === name));
  if (missing !== undefined) {
    err(`Failed to get resources: resource does not exist: ${(kind ?? 'WorkloadEndpoint').split('.')[0]}(${missing}) with error: not found\n`);
    return 1;
  }
  const columns = [...(resource.namespaced === true && everywhere ? ['NAMESPACE'] : []), ...(format === 'wide' ? resource.wide : resource.columns)];
  const rows = chosen.map((object) => {
    const cells = resource.cells(object, view);
    return columns.map((column) => cells[column] ?? '');
  });
  // The last column is followed by blanks, too.
  out(`${formatTable([[...columns, ''], ...rows.map((row) => [...row, ''])], 5)}\n`);
  return 0;
}

function nodeStatus({ host, place, out, err }: Invocation): Outcome {
  const { view } = host.api;
  if (!daemonNodes('calico', view).includes(place.hostId)) {
    err('Calico process is not running.\n');
    return 1;
  }
  out('Calico process is running.\n\n');
  if (calicoSettings(view).backend !== 'bird') {
    out('The BGP backend process (BIRD) is not running.\n');
    return 0;
  }
  out('IPv4 BGP status\n');
  const speaker = bgpSpeakers(view).get(place.hostId);
  const rows = (speaker?.sessions ?? []).map((session) => {
    const { state, since, info } = sessionStatus(speaker as NonNullable<typeof speaker>, session, view);
    return [session.peerIp, session.type, state, since.slice(11, 19), info];
  });
  out(rows.length === 0 ? 'No IPv4 peers found.\n' : boxed(['PEER ADDRESS', 'PEER TYPE', 'STATE', 'SINCE', 'INFO'], rows));
  out('\nIPv6 BGP status\nNo IPv6 peers found.\n\n');
  return 0;
}

/** Five significant digits, as Go's %.5g. */
function fiveDigits(value: number): string {
  if (value < 100_000) return String(value);
  const exponent = Math.floor(Math.log10(value));
  return `${Number((value / 10 ** exponent).toFixed(4))}e+${String(exponent).padStart(2, '0')}`;
}

function ipamShow({ host, out, err }: Invocation, words: Words): Outcome {
  const { view } = host.api;
  const ip = option(words, '--ip');
  const blocks = [...blocksByName(view).values()];
  if (ip !== undefined) {
    if (!/^\d+(\.\d+){3}$/.test(ip)) {
      err(`Error executing command: invalid IP address specified. ${ip}\n`);
      return 1;
    }
    const held = blocks.map((block) => holderOf(block, ip)).find((one) => one !== undefined);
    if (held === undefined) {
      out(`${ip} is not assigned\n`);
      return 0;
    }
    const attributes = Object.entries(held.secondary).sort(([a], [b]) => (a < b ? -1 : 1));
    out(`IP ${ip} is in use\nAttributes:\n${attributes.map(([key, value]) => `  ${key}: ${value}\n`).join('')}`);
    return 0;
  }
  const row = (grouping: string, cidr: string, total: number, used: number): string[] => {
    const share = (count: number): string => `${fiveDigits(count)} (${((100 * count) / total).toFixed(0)}%)`;
    return [grouping, cidr, fiveDigits(total), share(used), share(total - used)];
  };
  const rows: string[][] = [];
  for (const pool of calicoSettings(view).pools) {
    const own = blocks.filter(({ spec }) => {
      const [a = 0, b = 0, c = 0, d = 0] = (spec.cidr.split('/')[0] ?? '').split('.').map(Number);
      const base = ((a * 256 + b) * 256 + c) * 256 + d;
      return base >= pool.range.base && base < pool.range.base + pool.range.size;
    });
    const usedIn = (block: (typeof own)[number]): number => block.spec.allocations.filter((one) => one !== null).length;
    rows.push(
      row(
        'IP Pool',
        pool.cidr,
        pool.range.size,
        own.reduce((sum, block) => sum + usedIn(block), 0),
      ),
    );
    if (words.options.has('--show-blocks')) for (const block of own) rows.push(row('Block', block.spec.cidr, block.spec.allocations.length, usedIn(block)));
  }
  out(boxed(['GROUPING', 'CIDR', 'IPS TOTAL', 'IPS IN USE', 'IPS FREE'], rows));
  return 0;
}

const DONE: Readonly<Record<string, readonly [mode: 'apply' | 'create' | 'replace' | 'delete', word: string]>> = {
  apply: ['apply', 'applied'],
  create: ['create', 'created'],
  replace: ['replace', 'replaced'],
  delete: ['delete', 'deleted'],
};

function write({ host, out, err, shell, place, cwd }: Invocation, words: Words, verb: string): Outcome {
  const [mode, word] = DONE[verb] ?? ['apply', 'applied'];
  const file = option(words, '-f', '--filename');
  if (file === undefined) {
    const [, type = '', name = ''] = words.plain;
    const resource = RESOURCES.find((one) => one.words.includes(type.toLowerCase()));
    if (verb !== 'delete' || resource?.kind === undefined || name === '') {
      err(`Invalid option: 'calicoctl ${verb}'. Use flag '--help' to read about a specific subcommand.\n`);
      return 1;
    }
    const namespace = option(words, '-n', '--namespace') ?? 'default';
    const result = host.api.remove(resource.namespaced === true ? `${resource.kind}/${namespace}/${name}` : `${resource.kind}/${name}`);
    if (result.ok) out(`Successfully deleted 1 '${resource.kind.split('.')[0]}' resource(s)\n`);
    else
      err(
        `Failed to delete '${resource.kind.split('.')[0]}' resource: [resource does not exist: ${resource.kind.split('.')[0]}(${name}) with error: not found]\n`,
      );
    host.settle();
    return result.ok ? 0 : 1;
  }
  const text = file === '-' ? undefined : shell.readFile(place, file.startsWith('/') ? file : `${cwd === '/' ? '' : cwd}/${file}`);
  if (text === undefined) {
    err(
      file === '-'
        ? 'Failed to execute command: reading standard input is not simulated here; give a file\n'
        : `Failed to execute command: open ${file}: no such file or directory\n`,
    );
    return 1;
  }
  const { lines, exitCode } = host.applyText(file, text, { mode, dryRun: false });
  for (const line of lines) if (line.stream === 'stderr') err(`${line.text.trimEnd()}\n`);
  const kinds = new Map<string, number>();
  for (const line of lines) {
    const kind = line.object?.kind.split('.')[0];
    if (line.stream === 'stdout' && kind !== undefined) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  for (const [kind, count] of kinds) out(`Successfully ${word} ${count} '${kind}' resource(s)\n`);
  host.settle();
  return exitCode;
}

const USAGE = `Usage:
  calicoctl [options] <command> [<args>...]

    get          Get a resource: nodes, ippools, workloadendpoints, bgppeers, bgpconfig, globalnetworkpolicies, networkpolicies, tiers …
    create, apply, replace, delete   Change resources by file
    ipam         IP address management: show [--show-blocks] [--ip=IP]
    node         status
    version      Display the version of this binary
`;

function run(invocation: Invocation): Outcome {
  const { argv, out, err, host } = invocation;
  const words = wordsOf(argv);
  const [verb = '', noun = ''] = words.plain;
  if (verb === '' || words.options.has('--help') || words.options.has('-h')) {
    out(USAGE);
    return 0;
  }
  if (verb === 'version') {
    const info = host.api.view.find('ClusterInformation/default')?.spec as { readonly calicoVersion?: string; readonly clusterType?: string } | undefined;
    out(`Client Version:    ${CALICO_VERSION}\nGit commit:        b2bc2d3ef\n`);
    if (info === undefined) {
      err(
        'Unable to retrieve Cluster Version or Type: resource does not exist: ClusterInformation(default) with error: the server could not find the requested resource\n',
      );
      return 1;
    }
    out(`Cluster Version:   ${info.calicoVersion ?? ''}\nCluster Type:      ${info.clusterType ?? ''}\n`);
    return 0;
  }
  if (!hasCalico(host.api.view)) {
    err(
      'Failed to create Calico API client: connection to the datastore is there, but Calico is not installed: resource does not exist: ClusterInformation(default)\n',
    );
    return 1;
  }
  if (verb === 'get') return get(invocation, words);
  if (verb === 'node' && noun === 'status') return nodeStatus(invocation);
  if (verb === 'ipam' && noun === 'show') return ipamShow(invocation, words);
  if (Object.hasOwn(DONE, verb)) return write(invocation, words, verb);
  err(`Unknown command: "${[verb, noun].join(' ').trim()}", or one that is not simulated here\n${USAGE}`);
  return 1;
}

const FIRST = ['get', 'apply', 'create', 'replace', 'delete', 'ipam', 'node', 'version'];

export const calicoctl = defineCommand({
  name: 'calicoctl',
  summary: 'what Calico knows: get nodes|ippools|workloadendpoints|bgppeers, node status, ipam show --show-blocks',
  group: 'network',
  run,
  complete: (words) => {
    if (words.length <= 2) return FIRST;
    return words[1] === 'get' ? RESOURCES.flatMap((one) => one.words.slice(1, 2)) : words[1] === 'node' ? ['status'] : words[1] === 'ipam' ? ['show'] : [];
  },
});
